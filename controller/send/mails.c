// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/send/mails.h"

#include <fcntl.h>
#include <string.h>

#include "controller/git/git.h"
#include "controller/send/mailtext.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define NAMES_MAX (1u << 20) /* bytes of all names that git prints */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void mails_fini(struct mails *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->mails[i].path);
		free(s->mails[i].subject);
		buf_fini(&s->mails[i].text);
	}
	free(s->mails);
	*s = (struct mails){0};
}

/* A mail at the end; the path is taken over. */
static int new_mail(struct mails *s, char *path, struct mail **ret, struct kf_error *err)
{
	struct mail *more = NULL;

	if (path && s->n < SERIES_MAX)
		more = reallocarray(s->mails, s->n + 1, sizeof(*more));
	if (!more) {
		free(path);
		return path && s->n >= SERIES_MAX
			       ? kf_err(err, -E2BIG, KF_REASON_USAGE,
					"a series has at most %d mails", SERIES_MAX)
			       : no_memory(err);
	}
	s->mails = more;
	more += s->n++;
	*more = (struct mail){.path = path, .text = {.max = SERIES_MAIL_MAX}};
	*ret = more;
	return 0;
}

/* What its text says. */
static int describe(struct mail *m, const char *name, struct kf_error *err)
{
	char subject[SERIES_SUBJECT_MAX];
	bool there = mailtext_field((const char *)buf_data(&m->text), buf_len(&m->text),
				    "Subject", subject, sizeof(subject));

	if (!there)
		return kf_err(
			err, -EINVAL, KF_REASON_INVALID,
			"%s is no mail: it has no subject; `git format-patch` makes "
			"mails of commits",
			name);
	free(m->subject);
	m->subject = strdup(subject);
	return m->subject ? 0 : no_memory(err);
}

static int read_mail(struct mail *m, const char *path, struct kf_error *err)
{
	int rc;

	buf_reset(&m->text);
	rc = fs_read_file(AT_FDCWD, path, SERIES_MAIL_MAX, &m->text);
	if (rc == -EFBIG)
		return kf_err(err, rc, KF_REASON_INVALID,
			      "%s has more than %u MiB, which no list takes", path,
			      SERIES_MAIL_MAX >> 20);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s: %m", path);
	return describe(m, path, err);
}

int mails_read_cover(struct mails *s, struct kf_error *err)
{
	return read_mail(&s->mails[0], s->mails[0].path, err);
}

/* Write its text to its path without what says who gets it. */
static int strip(const struct mail *m, struct kf_error *err)
{
	static const char *const own[] = {"To", "Cc", "Bcc", NULL};
	_buf_ struct buf copy = {.max = SERIES_MAIL_MAX};
	int rc = mailtext_without((const char *)buf_data(&m->text), buf_len(&m->text),
				  own, &copy);

	if (rc == 0)
		rc = fs_replace(AT_FDCWD, m->path, buf_data(&copy), buf_len(&copy), 0600);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s: %m", m->path) : 0;
}

/* The word of the subjects; the caller's.  git's own --rfc did, until 2.42, not know
 * another than PATCH. */
static int prefix_of(const char *src, const struct mails_opts *o, char **ret,
		     struct kf_error *err)
{
	static const char *const ask[] = {"config", "--get", "format.subjectPrefix",
					  NULL};
	_buf_ struct buf out = {.max = NAMES_MAX};
	const char *text = o->prefix;
	int status = 0;
	int rc = text ? 0 : git_run(src, ask, GIT_READS, &out, &status, err);

	if (rc < 0)
		return rc;
	if (!text && status == 0)
		text = buf_str(&out);
	if (!text || !*text)
		text = "PATCH";
	*ret = strf("--subject-prefix=%s%.*s", o->rfc ? "RFC " : "",
		    (int)strcspn(text, "\n"), text);
	return *ret ? 0 : no_memory(err);
}

static int format(const char *src, const char *dir, const struct target *t,
		  const struct mails_opts *o, struct buf *names, struct kf_error *err)
{
	_free_ char *version = strf("--reroll-count=%u", o->version);
	_free_ char *prefix = NULL;
	const char *words[GIT_WORDS] = {"format-patch",
					"--output-directory",
					dir,
					"--suffix=.patch",
					"--no-to",
					"--no-cc",
					"--no-thread",
					"--no-color",
					"--no-ext-diff",
					"--no-textconv",
					"--no-attach",
					NULL};
	size_t n = 11;
	int rc = prefix_of(src, o, &prefix, err);

	if (rc < 0)
		return rc;
	if (!version)
		return no_memory(err);
	words[n++] = prefix;
	words[n++] = o->cover ? "--cover-letter" : "--no-cover-letter";
	if (o->version)
		words[n++] = version;
	if (t->kind == TARGET_COMMIT)
		words[n++] = "-1";
	words[n++] = "--end-of-options";
	words[n++] = t->word;
	words[n] = NULL;
	return git_check(src, words, GIT_READS, names, err);
}

int mails_make(const char *src, const char *dir, const struct target *t,
	       const struct mails_opts *opts, struct mails *ret, struct kf_error *err)
{
	_buf_ struct buf names = {.max = NAMES_MAX};
	_mails_ struct mails s = {0};
	struct mail *m;
	char *list;
	int rc = format(src, dir, t, opts, &names, err);

	if (rc < 0)
		return rc;
	list = buf_len(&names) ? (char *)buf_str(&names) : NULL;
	if (!list)
		return kf_err(err, -ENOENT, KF_REASON_USAGE, "%s: no commits but merges",
			      t->word);
	for (char *line; rc == 0 && (line = strsep(&list, "\n"));) {
		if (!*line)
			continue;
		rc = new_mail(&s, strdup(line), &m, err);
		if (rc == 0)
			rc = read_mail(m, m->path, err);
		/* format.headers may have some. */
		if (rc == 0)
			rc = strip(m, err);
		if (rc == 0)
			m->cover = opts->cover && s.n == 1;
	}
	if (rc == 0) {
		*ret = s;
		s = (struct mails){0};
	}
	return rc;
}

int mails_add(struct mails *s, const char *dir, const struct target *t,
	      struct kf_error *err)
{
	const char *slash = strrchr(t->path, '/');
	struct mail *m;
	int rc = new_mail(s, strf("%s/%04zu-%s", dir, s->n, slash ? slash + 1 : t->path),
			  &m, err);

	if (rc == 0)
		rc = read_mail(m, t->path, err);
	if (rc < 0)
		return rc;
	m->cover = s->n == 1 &&
		   !memmem(buf_data(&m->text), buf_len(&m->text), "\ndiff --git ", 12);
	return strip(m, err);
}
