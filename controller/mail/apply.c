// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/apply.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/git/git.h"
#include "controller/kernel/scratch.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define TITLE_MAX  50
#define BRANCH_MAX 200
#define B4_MS	   300000
#define MBOX_MAX   (128u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void applied_fini(struct applied *a)
{
	free(a->src);
	free(a->branch);
	free(a->before);
	free(a->base);
	free(a->tip);
	*a = (struct applied){0};
}

char *apply_branch(const struct posting *p)
{
	char name[TITLE_MAX + 1];
	size_t n = 0;

	for (const char *s = p->first->subject.title; *s && n < TITLE_MAX; s++) {
		if (isalnum((unsigned char)*s))
			name[n++] = (char)tolower((unsigned char)*s);
		else if (n > 0 && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n > 0 && name[n - 1] == '-')
		n--;
	name[n] = '\0';
	return strf("patches/%s-v%u", n ? name : "set", p->version);
}

/* --- the tree --------------------------------------------------------------------------
 */

static int first_line(const char *src, const char *const words[], char **ret,
		      struct kf_error *err)
{
	_buf_ struct buf out = {.max = 1 << 16};
	int rc = git_check(src, words, GIT_READS, &out, err);
	const char *text = rc == 0 && buf_len(&out) ? buf_str(&out) : "";

	if (rc < 0)
		return rc;
	*ret = strndup(text, strcspn(text, "\n"));
	return *ret ? 0 : no_memory(err);
}

int apply_tree(char **ret_src, struct kf_error *err)
{
	const char *const words[] = {"rev-parse", "--show-toplevel", NULL};
	struct kf_error inner = {0};
	_free_ char *src = NULL;
	int rc = first_line(".", words, &src, &inner);

	if (rc < 0 || !*src)
		return kf_err(
			err, rc < 0 ? rc : -ENOENT, KF_REASON_CONFIG,
			"this directory is in no work tree of git (%s): go into the "
			"tree that the patches are for",
			inner.msg);
	rc = git_check_idle(src, err);
	if (rc == 0)
		rc = git_check_clean(src, err);
	if (rc < 0)
		return rc;
	*ret_src = TAKE_PTR(src);
	return 0;
}

/* What is checked out: its branch, else the commit. */
static int head_of(const char *src, enum git_kind kind, bool *ret_branch, char **ret,
		   struct kf_error *err)
{
	const char *const of_branch[] = {"symbolic-ref", "--quiet", "--short", "HEAD",
					 NULL};
	const char *const of_commit[] = {"rev-parse", "--verify", "HEAD", NULL};
	_buf_ struct buf out = {.max = 1 << 16};
	int status = 1, rc = git_run(src, of_branch, kind, &out, &status, err);
	bool branch = status == 0 && buf_len(&out) > 1;
	const char *text;

	if (rc == 0 && !branch) {
		buf_reset(&out);
		rc = git_check(src, of_commit, kind, &out, err);
	}
	if (rc < 0)
		return rc;
	text = buf_str(&out);
	*ret = text ? strndup(text, strcspn(text, "\n")) : NULL;
	*ret_branch = branch;
	return *ret ? 0 : no_memory(err);
}

static int note_head(struct applied *a, struct kf_error *err)
{
	int rc = git_commit(a->src, "HEAD", &a->base, err);

	return rc < 0 ? rc : head_of(a->src, GIT_READS, &a->was_branch, &a->before, err);
}

/* git checkout.  When the post-checkout hook fails, so does git, but the tree is what it
 * was to be: *ret_there. */
static int check_out(const struct applied *a, const char *const words[], bool branch,
		     const char *name, bool *ret_there, struct kf_error *err)
{
	int rc = git_check(a->src, words, GIT_CHANGES, NULL, err);
	_free_ char *now = NULL;
	bool on_branch = false;

	*ret_there =
		rc == 0 || (head_of(a->src, GIT_CHANGES, &on_branch, &now, NULL) == 0 &&
			    on_branch == branch && strcmp(now, name) == 0);
	return rc < 0 && *ret_there ? kf_err_wrap(err, "the post-checkout hook failed")
				    : rc;
}

/* *ret_there: it is made, and checked out. */
static int make_branch(const struct applied *a, bool *ret_there, struct kf_error *err)
{
	const char *const check[] = {"check-ref-format", "--branch", a->branch, NULL};
	_free_ char *ref = strf("refs/heads/%s", a->branch);
	const char *const exists[] = {"show-ref", "--verify", "--quiet", ref, NULL};
	const char *const make[] = {"checkout", "--quiet", "-b", a->branch, NULL};
	int status = 1, rc;

	if (!ref)
		return no_memory(err);
	if (*a->branch == '-' || strlen(a->branch) > BRANCH_MAX ||
	    git_check(a->src, check, GIT_READS, NULL, NULL) < 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%.200s\" is no name for a branch", a->branch);
	rc = git_run(a->src, exists, GIT_READS, NULL, &status, err);
	if (rc < 0)
		return rc;
	if (status == 0)
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "there is a branch %s in %s already: name another with "
			      "--branch, or remove it (git branch -D %s)",
			      a->branch, a->src, a->branch);
	return check_out(a, make, true, a->branch, ret_there, err);
}

/* The commit that the branch is at.  An interruption does not end this: what is done has
 * to be taken back all the same. */
static int branch_tip(const struct applied *a, char **ret, struct kf_error *err)
{
	_free_ char *ref = strf("refs/heads/%s", a->branch);
	const char *const words[] = {"rev-parse", "--verify", "--quiet", ref, NULL};
	_buf_ struct buf out = {.max = 1 << 16};
	int rc = ref ? git_check(a->src, words, GIT_CHANGES, &out, err) : no_memory(err);
	const char *text = rc == 0 && buf_len(&out) ? buf_str(&out) : "";

	if (rc < 0)
		return rc;
	*ret = text ? strndup(text, strcspn(text, "\n")) : NULL;
	return *ret ? 0 : no_memory(err);
}

static int remove_branch(const struct applied *a, struct kf_error *err)
{
	const char *const gone[] = {"branch", "--quiet", "-D", a->branch, NULL};
	_free_ char *now = NULL;
	int rc = branch_tip(a, &now, err);

	if (rc < 0 || strcmp(now, a->tip ? a->tip : a->base) != 0)
		return rc;
	return git_check(a->src, gone, GIT_CHANGES, NULL, err);
}

int apply_leave(const struct applied *a, bool remove, struct kf_error *err)
{
	const char *const back[] = {"checkout", "--quiet",
				    a->was_branch ? a->before : "--detach",
				    a->was_branch ? "--" : a->before, NULL};
	struct kf_error inner = {0};
	bool there;
	int rc = check_out(a, back, a->was_branch, a->before, &there, err);

	if (!there)
		return kf_err_wrap(err, "the tree stays on the branch %s", a->branch);
	if (remove && remove_branch(a, &inner) < 0) {
		*err = inner;
		return kf_err_wrap(err,
				   "the tree is back on %s, but there is the branch %s",
				   a->before, a->branch);
	}
	return rc < 0 ? kf_err_wrap(err, "the tree is back on %s, but", a->before) : 0;
}

/* --- git am ----------------------------------------------------------------------------
 */

/* What git says of the patch that it stopped at: "Patch failed at 0002 title", and in
 * front of it why. */
static void explain(struct buf *said, const struct patchset *p, char *text, size_t size)
{
	static const char mark[] = "Patch failed at ";
	char *all = (char *)buf_str(said);
	char *failed = all ? strstr(all, mark) : NULL;
	unsigned long k;
	char *why = all ? strstr(all, "error: ") : NULL;

	if (all && !why)
		why = strstr(all, "fatal: ");
	if (why)
		why[strcspn(why, "\n")] = '\0';
	if (failed)
		failed[strcspn(failed, "\n")] = '\0';
	if (!failed) {
		snprintf(text, size, "%.300s", why ? why + 7 : "git am gave up");
		return;
	}
	failed += strlen(mark);
	k = strtoul(failed, &failed, 10);
	snprintf(text, size, "patch %lu/%u (%.200s) does not apply: %.300s", k,
		 p->posting->total, failed + strspn(failed, " "),
		 why ? why + 7 : "git am gave up");
}

/* *ret_stuck: it ended in the middle, and could not be taken back. */
static int am(const struct applied *a, const struct patchset *p, const char *mbox,
	      bool *ret_stuck, struct kf_error *err)
{
	const char *const words[] = {
		"am",	   "--3way",
		"--quiet", a->by_b4 ? "--patch-format=mbox" : "--patch-format=mboxrd",
		mbox,	   NULL};
	const char *const undo[] = {"am", "--abort", NULL};
	_buf_ struct buf said = {.max = 4u << 20};
	struct kf_error undone = {0};
	char why[600] = "";
	int status = 1, rc;

	rc = git_run_saying(a->src, words, GIT_CHANGES, &said, &status, err);
	if (rc == 0 && status == 0)
		return 0;
	if (rc == 0)
		explain(&said, p, why, sizeof(why));
	if (rc == 0)
		rc = kf_err(err, -EINVAL, KF_REASON_INVALID, "%s", why);
	/* It may not have begun: then there is nothing to abort. */
	*ret_stuck = git_check(a->src, undo, GIT_CHANGES, NULL, &undone) < 0 &&
		     git_check_idle(a->src, NULL) == -EBUSY;
	return *ret_stuck ? kf_err_wrap(err, "%.200s", undone.msg) : rc;
}

/* Only what was applied, and nothing but that. */
static int count(struct applied *a, const struct patchset *p, struct kf_error *err)
{
	_free_ char *range = strf("%s..HEAD", a->base);
	const char *const words[] = {"rev-list", "--count", range, NULL};
	_free_ char *n = NULL;
	int rc = range ? first_line(a->src, words, &n, err) : no_memory(err);

	if (rc < 0)
		return rc;
	a->commits = (unsigned)strtoul(n, NULL, 10);
	if (a->commits == 0)
		return kf_err(err, -EALREADY, KF_REASON_INVALID,
			      "nothing came of the %u patches: the tree has them already",
			      p->posting->total);
	return 0;
}

/* --- b4 --------------------------------------------------------------------------------
 */

static char *pick(const char *dir)
{
	_closedir_ DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n > 4 && strcmp(e->d_name + n - 4, ".mbx") == 0)
			return strf("%s/%s", dir, e->d_name);
	}
	return NULL;
}

/* An mbox for git am with what reviewers replied; the thread is ours, b4 fetches none.
 * NULL: it made none, and git am gets the mails as they are. */
static char *ask_b4(const char *dir, const char *thread, const struct patchset *p)
{
	_free_ char *out = strf("%s/b4", dir);
	_free_ char *version = strf("%u", p->posting->version);
	const char *const argv[] = {"b4",
				    "--offline-mode",
				    "am",
				    "--use-local-mbox",
				    thread,
				    "--use-version",
				    version,
				    "--outdir",
				    out,
				    "--no-cover",
				    p->posting->first->id,
				    NULL};
	_buf_ struct buf said = {.max = 1u << 20};
	struct proc_opts opts = {.inherit_env = true,
				 .timeout_ms = B4_MS,
				 .cancel = cancel_flag(),
				 .out = &said};
	int status = 1;

	if (!out || !version || fs_mkdirs(AT_FDCWD, out) < 0 ||
	    proc_run(argv, &opts, &status) < 0 || status != 0)
		return NULL;
	return pick(out);
}

static int write_file(const char *path, const void *data, size_t n, struct kf_error *err)
{
	int rc = fs_replace(AT_FDCWD, path, data, n, 0600);

	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s: %m", path) : 0;
}

/* The file that git am gets. */
static int prepare(struct applied *a, const struct patchset *p, const char *dir,
		   char **ret, struct kf_error *err)
{
	_free_ char *own = strf("%s/patches.mbox", dir);
	_free_ char *thread = strf("%s/thread.mbox", dir);
	_free_ char *b4 = NULL;
	_buf_ struct buf mbox = {.max = MBOX_MAX};
	int rc = own && thread ? patchset_mbox(p, &mbox) : -ENOMEM;

	if (rc < 0)
		return no_memory(err);
	rc = write_file(own, buf_data(&mbox), buf_len(&mbox), err);
	if (rc == 0 && proc_find("b4", &b4) == 0) {
		rc = write_file(thread, buf_data(&p->mails.mbox), buf_len(&p->mails.mbox),
				err);
		*ret = rc == 0 ? ask_b4(dir, thread, p) : NULL;
		a->by_b4 = *ret;
	}
	if (rc == 0 && !*ret)
		*ret = TAKE_PTR(own);
	return rc;
}

/* --- all of it -------------------------------------------------------------------------
 */

static int take_back(const struct applied *a, bool stuck, struct kf_error *err)
{
	const struct kf_error why = *err;
	struct kf_error inner = {0};

	if (stuck)
		return kf_err_wrap(
			err,
			"%s is on the branch %s, in the middle of git am: `git am "
			"--abort`, then `git checkout %s` and `git branch -D %s`",
			a->src, a->branch, a->before, a->branch);
	if (apply_leave(a, true, &inner) < 0)
		return kf_err_wrap(err, "%.300s", inner.msg);
	return kf_err(err, why.code, why.reason,
		      "%s; nothing is applied, the tree is as it was", why.msg);
}

static int on_branch(struct applied *a, const struct patchset *p, const char *mbox,
		     struct kf_error *err)
{
	bool there = false, stuck = false;
	int rc = make_branch(a, &there, err);

	if (rc == 0)
		rc = am(a, p, mbox, &stuck, err);
	if (rc == 0)
		rc = branch_tip(a, &a->tip, err);
	if (rc == 0)
		rc = count(a, p, err);
	return rc < 0 && there ? take_back(a, stuck, err) : rc;
}

int apply_run(const struct config *cfg, const char *src, const struct patchset *p,
	      const char *branch, struct applied *ret, struct kf_error *err)
{
	struct applied a = {.src = strdup(src), .branch = branch ? strdup(branch) : NULL};
	_free_ char *dir = NULL, *mbox = NULL;
	int rc = patchset_check(p, err);

	if (rc == 0 && !branch)
		a.branch = apply_branch(p->posting);
	if (rc == 0 && (!a.src || !a.branch))
		rc = no_memory(err);
	if (rc == 0)
		rc = note_head(&a, err);
	if (rc == 0)
		rc = scratch_new(cfg, &dir, err);
	if (rc == 0)
		rc = prepare(&a, p, dir, &mbox, err);
	if (rc == 0)
		rc = on_branch(&a, p, mbox, err);
	if (dir)
		(void)!fs_remove_tree(AT_FDCWD, dir);
	if (rc < 0)
		applied_fini(&a);
	else
		*ret = a;
	return rc;
}
