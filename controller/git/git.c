/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking git, and having it change the tree. */
#include "controller/git/git.h"

#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define READ_MS	   120000 /* status reads the whole tree, perhaps from a slow disk */
#define CHANGE_MS  900000 /* a checkout may write all of it */
#define OUTPUT_MAX (4u << 20)
#define OWN_MAX	   (4u << 20) /* of git's files: a bisect's log has two lines a step */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* Which command it is, behind git's own options. */
static const char *command(const char *const words[])
{
	while (**words == '-' && words[1])
		words++;
	return *words;
}

static int run(const char *src, const char *const words[], enum git_kind kind,
	       struct buf *out, struct buf *errors, int *ret_status, struct kf_error *err)
{
	static const char *const changes[] = {"LC_ALL=C", "GIT_TERMINAL_PROMPT=0",
					      "GIT_PAGER=cat", "GIT_EDITOR=:", NULL};
	static const char *const reads[] = {
		"LC_ALL=C",	"GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat",
		"GIT_EDITOR=:", "GIT_OPTIONAL_LOCKS=0",	 NULL};
	const char *argv[GIT_WORDS + 6] = {"git", "-C", src, "-c",
					   "core.quotePath=false"};
	struct buf unwanted = {.max = OUTPUT_MAX};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = kind == GIT_CHANGES ? changes : reads,
		.timeout_ms = kind == GIT_CHANGES ? CHANGE_MS : READ_MS,
		.cancel = kind == GIT_CHANGES ? NULL : cancel_flag(),
		.out = out ? out : &unwanted,
		.err_out = errors,
	};
	size_t n = 0;
	int rc;

	for (n = 0; words[n]; n++) {
		if (n == GIT_WORDS)
			return kf_err(err, -E2BIG, KF_REASON_USAGE,
				      "git %s: more than %d words", command(words),
				      GIT_WORDS);
		argv[n + 5] = words[n];
	}
	rc = proc_run(argv, &opts, ret_status);
	buf_fini(&unwanted);
	if (rc == -ENOENT)
		return kf_err(err, rc, KF_REASON_EXEC, "git is not installed");
	if (rc == -ECANCELED)
		return kf_err(err, rc, KF_REASON_CANCELLED, "interrupted");
	if (rc == -ETIMEDOUT)
		return kf_err(err, rc, KF_REASON_TIMEOUT,
			      "git %s took longer than %d s in %s", command(words),
			      opts.timeout_ms / 1000, src);
	if (rc == -EMSGSIZE)
		return kf_err(err, rc, KF_REASON_EXEC, "git %s gives more than %zu MiB",
			      command(words), opts.out->max >> 20);
	return rc < 0 ? kf_err(err, rc, KF_REASON_EXEC, "run git %s: %m", command(words))
		      : 0;
}

int git_run(const char *src, const char *const words[], enum git_kind kind,
	    struct buf *out, int *ret_status, struct kf_error *err)
{
	_buf_ struct buf errors = {.max = OUTPUT_MAX};

	return run(src, words, kind, out, &errors, ret_status, err);
}

int git_run_saying(const char *src, const char *const words[], enum git_kind kind,
		   struct buf *said, int *ret_status, struct kf_error *err)
{
	return run(src, words, kind, said, NULL, ret_status, err);
}

/* The first line in which git names its trouble. */
static const char *complaint(struct buf *errors)
{
	static const char *const marks[] = {"fatal: ", "error: "};
	char *text = (char *)buf_str(errors), *at = NULL;

	if (!text || !*text)
		return "it said nothing";
	for (size_t i = 0; !at && i < ARRAY_SIZE(marks); i++) {
		at = strstr(text, marks[i]);
		if (at)
			at += strlen(marks[i]);
	}
	at = at ? at : text;
	at[strcspn(at, "\n")] = '\0';
	return at;
}

int git_check(const char *src, const char *const words[], enum git_kind kind,
	      struct buf *out, struct kf_error *err)
{
	_buf_ struct buf errors = {.max = OUTPUT_MAX};
	int status = 1, rc = run(src, words, kind, out, &errors, &status, err);

	if (rc < 0 || status == 0)
		return rc;
	return kf_err(err, -EINVAL, KF_REASON_EXEC, "git %s in %s: %.400s",
		      command(words), src, complaint(&errors));
}

int git_line(const char *src, const char *const words[], char **ret, struct kf_error *err)
{
	_buf_ struct buf out = {.max = OUTPUT_MAX};
	int rc = git_check(src, words, GIT_READS, &out, err);
	const char *text;

	if (rc < 0)
		return rc;
	text = buf_len(&out) ? buf_str(&out) : "";
	*ret = text ? strndup(text, strcspn(text, "\n")) : NULL;
	return *ret ? 0 : no_memory(err);
}

int git_check_top(const char *src, struct kf_error *err)
{
	const char *const words[] = {"rev-parse", "--show-toplevel", NULL};
	struct kf_error inner = {0};
	_free_ char *top = NULL;
	_free_ char *real = NULL;
	int rc = git_line(src, words, &top, &inner);

	if (rc < 0 && inner.reason != KF_REASON_EXEC) {
		*err = inner;
		return rc;
	}
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONFIG,
			      "%s is no git repository, or git may not read it (%s): a "
			      "bisect takes the kernel's history",
			      src, inner.msg);
	real = realpath(top, NULL);
	if (real && strcmp(real, src) == 0)
		return 0;
	return kf_err(
		err, -EINVAL, KF_REASON_CONFIG,
		"%s is not the top of a git repository (that is %s): its history is "
		"not the kernel's",
		src, top);
}

int git_commit(const char *src, const char *name, char **ret, struct kf_error *err)
{
	_free_ char *spec = strf("%s^{commit}", name);
	const char *const words[] = {"rev-parse",	 "--verify", "--quiet",
				     "--end-of-options", spec,	     NULL};
	_buf_ struct buf out = {.max = OUTPUT_MAX};
	int status = 1, rc = spec ? 0 : no_memory(err);
	const char *text;
	size_t n;

	if (rc == 0)
		rc = git_run(src, words, GIT_READS, &out, &status, err);
	if (rc < 0)
		return rc;
	text = buf_len(&out) ? buf_str(&out) : NULL;
	/* Before git 2.30 --end-of-options is printed, too. */
	if (text && strncmp(text, "--end-of-options\n", 17) == 0)
		text += 17;
	n = text ? strcspn(text, "\n") : 0;
	if (status != 0 || n < 40 || !text_is_hex(text, n, 32))
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "there is no commit \"%s\" in %s", name, src);
	*ret = strndup(text, n);
	return *ret ? 0 : no_memory(err);
}

int git_subject(const char *src, const char *commit, char **ret, struct kf_error *err)
{
	const char *const words[] = {"log",	    "-1",   "--no-show-signature",
				     "--format=%s", commit, NULL};
	_buf_ struct buf plain = BUF_INIT;
	_free_ char *line = NULL;
	int rc = git_line(src, words, &line, err);

	if (rc < 0)
		return rc;
	if (text_escape(&plain, line, strlen(line), false) < 0)
		return no_memory(err);
	*ret = strdup(buf_len(&plain) ? buf_str(&plain) : "");
	return *ret ? 0 : no_memory(err);
}

int git_is_ancestor(const char *src, const char *older, const char *newer,
		    struct kf_error *err)
{
	const char *const words[] = {"merge-base", "--is-ancestor", older, newer, NULL};
	int status = 1, rc = git_run(src, words, GIT_READS, NULL, &status, err);

	if (rc < 0)
		return rc;
	if (status > 1)
		return kf_err(err, -EIO, KF_REASON_EXEC,
			      "git cannot tell whether %s comes before %s in %s", older,
			      newer, src);
	return status == 0;
}

int git_check_clean(const char *src, struct kf_error *err)
{
	const char *const words[] = {"status", "--porcelain", "-uno", NULL};
	_free_ char *line = NULL;
	int rc = git_line(src, words, &line, err);

	if (rc < 0 || !*line)
		return rc;
	return kf_err(
		err, -EBUSY, KF_REASON_INVALID,
		"%s has changes that no commit has (%s): commit or stash them first, "
		"for another commit is to be checked out",
		src, strlen(line) > 3 ? line + 3 : line);
}

/* Where a file of git's own is; the caller's. */
static int own_path(const char *src, const char *name, char **ret, struct kf_error *err)
{
	const char *const words[] = {"rev-parse", "--git-path", name, NULL};
	_free_ char *path = NULL;
	int rc = git_line(src, words, &path, err);

	if (rc < 0)
		return rc;
	*ret = *path == '/' ? TAKE_PTR(path) : strf("%s/%s", src, path);
	return *ret ? 0 : no_memory(err);
}

int git_check_idle(const char *src, struct kf_error *err)
{
	static const struct {
		const char *file, *what;
	} half[] = {
		{"MERGE_HEAD", "a merge"},
		{"rebase-merge", "a rebase"},
		{"rebase-apply/applying", "git am"},
		{"rebase-apply", "a rebase"},
		{"CHERRY_PICK_HEAD", "a cherry-pick"},
		{"REVERT_HEAD", "a revert"},
		{"sequencer", "a cherry-pick or revert"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(half); i++) {
		_free_ char *path = NULL;
		int rc = own_path(src, half[i].file, &path, err);

		if (rc < 0)
			return rc;
		if (fs_exists(AT_FDCWD, path))
			return kf_err(err, -EBUSY, KF_REASON_INVALID,
				      "%s is in the middle of %s: end or abort it first",
				      src, half[i].what);
	}
	return 0;
}

int git_read_own(const char *src, const char *name, struct buf *b, struct kf_error *err)
{
	_free_ char *path = NULL;
	int rc = own_path(src, name, &path, err);

	if (rc < 0)
		return rc;
	rc = fs_read_file(AT_FDCWD, path, OWN_MAX, b);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "read %s: %m", path) : 0;
}

int git_checkout(const char *src, const char *commit, struct kf_error *err)
{
	const char *const words[] = {"checkout", "--quiet", "--detach", commit, NULL};

	return git_check(src, words, GIT_CHANGES, NULL, err);
}
