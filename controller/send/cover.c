// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/send/cover.h"

#include <fcntl.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/git/git.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SUBJECT	      "*** SUBJECT HERE ***"
#define BLURB	      "*** BLURB HERE ***"

#define EDITOR_ASK_MS 10000
#define EDITOR_WORDS  32

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int read_text(const char *path, struct buf *ret, struct kf_error *err)
{
	int rc = fs_read_file(AT_FDCWD, path, COVER_MAX, ret);

	if (rc == -EFBIG)
		return kf_err(err, rc, KF_REASON_INVALID,
			      "%s has more than %u KiB, which is no cover letter", path,
			      COVER_MAX >> 10);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read the cover letter %s: %m",
			      path);
	if (!text_is_plain((const char *)buf_data(ret), buf_len(ret), true))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the cover letter %s is no plain text in UTF-8", path);
	return 0;
}

int cover_template(const char *src, struct buf *ret, struct kf_error *err)
{
	_free_ char *path = strf("%s/" COVER_FILE, src);
	int rc;

	if (!path)
		return no_memory(err);
	if (fs_exists(AT_FDCWD, path))
		return read_text(path, ret, err);
	rc = buf_printf(ret, SUBJECT "\n\n" BLURB "\n");
	return rc < 0 ? no_memory(err) : 0;
}

static int check(struct buf *text, const char *path, struct kf_error *err)
{
	const char *s = buf_str(text);

	if (!s)
		return no_memory(err);
	if (strstr(s, SUBJECT) || strstr(s, BLURB))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the cover letter %s still has the places for its subject "
			      "or text",
			      path);
	if (!s[strspn(s, " \t\n")] || text_is_blank(*s))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the first line of the cover letter %s is its subject, and "
			      "it is empty",
			      path);
	return 0;
}

int cover_read(const char *path, struct buf *ret, struct kf_error *err)
{
	int rc = read_text(path, ret, err);

	return rc < 0 ? rc : check(ret, path, err);
}

/* git knows: GIT_EDITOR, core.editor, VISUAL, EDITOR, what it was built with. */
static int find_editor(const char *src, struct buf *out, struct kf_error *err)
{
	const char *const ask[] = {"git", "-C", src, "var", "GIT_EDITOR", NULL};
	const struct proc_opts opts = {.inherit_env = true,
				       .timeout_ms = EDITOR_ASK_MS,
				       .out = out,
				       .reason = KF_REASON_CONFIG};
	char *text;
	int rc = proc_check(ask, &opts, err);

	if (rc < 0)
		return rc;
	text = (char *)buf_str(out);
	if (!text)
		return no_memory(err);
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

/* The editor's words, and the file behind them. */
static int editor_argv(char *const words[], const char *path,
		       const char *argv[static EDITOR_WORDS + 2], struct kf_error *err)
{
	size_t n = 0;

	for (; words[n]; n++) {
		if (n == EDITOR_WORDS)
			return kf_err(err, -E2BIG, KF_REASON_CONFIG,
				      "the editor that git knows has more than %d words: "
				      "`git var GIT_EDITOR`",
				      EDITOR_WORDS);
		argv[n] = words[n];
	}
	argv[n] = path;
	argv[n + 1] = NULL;
	return 0;
}

/* Its words, as the user's shell would split them; what a shell does besides, is not
 * done.
 */
static int run_editor(const char *src, const char *path, struct kf_error *err)
{
	const struct proc_opts opts = {
		.inherit_env = true, .inherit_stdio = true, .timeout_ms = -1};
	const char *argv[EDITOR_WORDS + 2];
	_buf_ struct buf out = {.max = 4096};
	_free_ char **words = NULL;
	int status = 0;
	int rc = find_editor(src, &out, err);
	const char *editor = rc == 0 ? (const char *)buf_data(&out) : NULL;

	if (rc < 0)
		return rc;
	if (!editor || config_words(editor, &words) < 0 || !words[0])
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "git has no editor that can be called: `git var "
			      "GIT_EDITOR`");
	rc = editor_argv(words, path, argv, err);
	if (rc < 0)
		return rc;
	rc = proc_run(argv, &opts, &status);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_EXEC, "run the editor %s: %m", words[0]);
	if (status)
		return kf_err(err, -EIO, KF_REASON_EXEC,
			      "the editor %s ended with status %d: nothing was sent",
			      words[0], status);
	return 0;
}

int cover_edit(const char *src, const char *dir, struct buf *text, struct kf_error *err)
{
	_free_ char *path = strf("%s/COVER_LETTER", dir);
	_buf_ struct buf before = {.max = COVER_MAX};
	int rc = path ? cover_template(src, &before, err) : no_memory(err);

	if (rc == 0) {
		rc = fs_replace(AT_FDCWD, path, buf_data(&before), buf_len(&before),
				0600);
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_IO, "write %s: %m", path);
		rc = run_editor(src, path, err);
	}
	if (rc == 0)
		rc = cover_read(path, text, err);
	if (rc == 0 && buf_len(text) == buf_len(&before) &&
	    memcmp(buf_data(text), buf_data(&before), buf_len(text)) == 0)
		rc = kf_err(err, -EINVAL, KF_REASON_CANCELLED,
			    "the cover letter is as its template: nothing was sent");
	return rc;
}

/* Replace the first `place` in text behind *from. */
static int put(struct buf *out, const char **from, const char *place, const char *with,
	       size_t n, struct kf_error *err)
{
	const char *at = strstr(*from, place);
	int rc;

	if (!at)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "git's cover letter has no place for it (%s)", place);
	rc = buf_append(out, *from, (size_t)(at - *from));
	if (rc == 0)
		rc = buf_append(out, with, n);
	*from = at + strlen(place);
	return rc < 0 ? no_memory(err) : 0;
}

int cover_fill(struct mails *s, const struct buf *text, struct kf_error *err)
{
	const char *subject = (const char *)buf_data(text);
	const char *end = memchr(subject, '\n', buf_len(text));
	size_t n = end ? (size_t)(end - subject) : buf_len(text);
	const char *rest = subject + n, *from;
	size_t rest_n = buf_len(text) - n;
	_buf_ struct buf raw = {.max = SERIES_MAIL_MAX}, out = {.max = SERIES_MAIL_MAX};
	int rc = fs_read_file(AT_FDCWD, s->mails[0].path, SERIES_MAIL_MAX, &raw);

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s: %m", s->mails[0].path);
	text_trim(&subject, &n);
	while (rest_n > 0 && (*rest == '\n' || *rest == ' ')) {
		rest++;
		rest_n--;
	}
	while (rest_n > 0 && rest[rest_n - 1] == '\n')
		rest_n--;
	from = buf_str(&raw);
	if (!from)
		return no_memory(err);
	rc = put(&out, &from, SUBJECT, subject, n, err);
	if (rc == 0)
		rc = put(&out, &from, BLURB, rest, rest_n, err);
	if (rc == 0 && buf_append(&out, from, strlen(from)) < 0)
		rc = no_memory(err);
	if (rc < 0)
		return rc;
	rc = fs_replace(AT_FDCWD, s->mails[0].path, buf_data(&out), buf_len(&out), 0600);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s: %m", s->mails[0].path);
	return mails_read_cover(s, err);
}
