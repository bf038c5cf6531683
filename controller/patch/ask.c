// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/patch/ask.h"

#include <string.h>

#include "proto/reason.h"

int ask_people(const struct script *s, struct ui *ui, const char *const files[],
	       const struct buf *patch, struct people *people, struct kf_error *err)
{
	static const char *const of_files[] = {"-f", NULL}, *const of_patch[] = {NULL};
	_buf_ struct buf out = {.max = SCRIPT_TEXT_MAX}, said = {.max = SCRIPT_TEXT_MAX};
	const char *text;
	int status = 0;
	int rc = script_run(s, files ? of_files : of_patch, files, patch, &out, &said,
			    &status, err);

	if (rc < 0)
		return rc;
	text = buf_str(&said);
	if (!text)
		text = "";
	if (status)
		return kf_err(err, -EIO, KF_REASON_EXEC, "%s: exit status %d: %.*s",
			      s->name, status, (int)strcspn(text, "\n"), text);
	if (*text)
		ui_debug(ui, "%s", text);
	rc = people_add(people, (const char *)buf_data(&out), buf_len(&out));
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_EXEC, "read what %s printed: %m",
			      s->name);
	return 0;
}
