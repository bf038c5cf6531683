// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/patch/style.h"

#include <string.h>

#include "proto/reason.h"

bool style_count(const char *text, struct style *sum)
{
	static const char mark[] = "total: ";
	bool found = false;

	for (const char *at = text; (at = strstr(at, mark));) {
		const char *begin = at;
		unsigned long n[4] = {0};
		int used = 0;

		at += strlen(mark);
		if (begin != text && begin[-1] != '\n' && begin[-1] != ' ')
			continue;
		if (sscanf(at, "%lu errors, %lu warnings, %n", &n[0], &n[1], &used) < 2 ||
		    !used)
			continue;
		if (sscanf(at + used, "%lu checks, %lu lines", &n[2], &n[3]) < 2) {
			n[2] = 0;
			if (sscanf(at + used, "%lu lines", &n[3]) < 1)
				continue;
		}
		sum->errors += n[0];
		sum->warnings += n[1];
		sum->checks += n[2];
		sum->lines += n[3];
		found = true;
	}
	return found;
}

int style_check(const struct script *s, struct ui *ui, bool strict,
		const char *const files[], const struct buf *patch, struct buf *out,
		struct style *sum, bool *ret_clean, struct kf_error *err)
{
	const char *options[6] = {"--color=never"};
	static const char *const input[] = {"-", NULL};
	_buf_ struct buf said = {.max = SCRIPT_TEXT_MAX};
	const char *text, *wrong;
	size_t n = 1;
	int status = 0, rc;

	if (strict)
		options[n++] = "--strict";
	if (files)
		options[n++] = "--file";
	rc = script_run(s, options, files ? files : input, patch, out, &said, &status,
			err);
	if (rc < 0)
		return rc;
	text = buf_str(out);
	wrong = buf_str(&said);
	if (!text || !wrong)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (status > 1 || !style_count(text, sum))
		return kf_err(err, -EIO, KF_REASON_EXEC,
			      "%s judged nothing, exit status %d%s%.*s", s->name, status,
			      *wrong ? ": " : "", (int)strcspn(wrong, "\n"), wrong);
	if (*wrong)
		ui_debug(ui, "%s", wrong);
	*ret_clean = status == 0;
	return 0;
}
