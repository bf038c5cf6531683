/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/build/range.h"

#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/git/git.h"
#include "controller/kconfig/dotconfig.h"
#include "controller/kernel/kernel.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct range {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	const char *const *targets;
	struct tree *t;
	char *home;	    /* the branch that it is on, or the commit */
	struct buf config;  /* the .config that it has */
	struct buf commits; /* one a line */
	unsigned n;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- before ---------------------------------------------------------------------------
 */

/* git_check_idle() leaves bisects to those who drive them. */
static int check_no_bisect(const char *src, struct kf_error *err)
{
	_buf_ struct buf log = BUF_INIT;
	struct kf_error none = {0};

	if (git_read_own(src, "BISECT_LOG", &log, &none) < 0)
		return 0;
	return kf_err(err, -EBUSY, KF_REASON_INVALID,
		      "%s is in the middle of a bisect: end it first (`kferry bisect "
		      "reset`, or `git bisect reset`)",
		      src);
}

static int find_home(struct range *g, struct kf_error *err)
{
	const char *const words[] = {"symbolic-ref", "--quiet", "--short", "HEAD", NULL};
	_buf_ struct buf out = BUF_INIT;
	int status = 1, r = git_run(g->t->src, words, GIT_READS, &out, &status, err);
	const char *text = r == 0 && buf_len(&out) ? buf_str(&out) : NULL;

	if (r < 0)
		return r;
	if (status != 0 || !text)
		return git_commit(g->t->src, "HEAD", &g->home, err);
	g->home = strndup(text, strcspn(text, "\n"));
	return g->home ? 0 : no_memory(err);
}

static int list_commits(struct range *g, const char *from, struct kf_error *err)
{
	_free_ char *base = NULL;
	_free_ char *span = NULL;
	int r = git_commit(g->t->src, from, &base, err);

	if (r == 0)
		r = git_is_ancestor(g->t->src, base, "HEAD", err);
	if (r < 0)
		return r;
	if (r == 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s is no ancestor of what is checked out", from);
	span = strf("%s..HEAD", base);
	if (!span)
		return no_memory(err);
	r = git_check(g->t->src,
		      (const char *const[]){"rev-list", "--reverse", "--topo-order", span,
					    NULL},
		      GIT_READS, &g->commits, err);
	if (r < 0)
		return r;
	for (const char *s = buf_len(&g->commits) ? buf_str(&g->commits) : "";
	     (s = strchr(s, '\n')); s++)
		g->n++;
	if (g->n == 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "there is no commit behind %s: it is what is checked out",
			      from);
	return g->n <= RANGE_MAX
		       ? 0
		       : kf_err(err, -E2BIG, KF_REASON_USAGE,
				"there are %u commits behind %s; %d is the most", g->n,
				from, RANGE_MAX);
}

static int begin(struct range *g, const char *from, struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	const char *src;
	int r = tree_open(g->cfg, g->board, &g->t, err);

	if (r < 0)
		return r;
	src = g->t->src;
	r = tree_check_config(g->t, err);
	if (r == 0)
		r = dotconfig_read(g->t, &g->config, &k, err);
	if (r == 0)
		r = git_check_top(src, err);
	if (r == 0)
		r = git_check_idle(src, err);
	if (r == 0)
		r = check_no_bisect(src, err);
	if (r == 0)
		r = git_check_clean(src, err);
	if (r == 0)
		r = list_commits(g, from, err);
	return r < 0 ? r : find_home(g, err);
}

/* --- one commit -----------------------------------------------------------------------
 */

/* Replaced only where it differs: a new one makes kbuild look at everything. */
static int put_config(struct range *g, const struct buf *text, struct kf_error *err)
{
	_free_ char *path = tree_path(g->t, ".config");
	_buf_ struct buf now = BUF_INIT;
	int r = path ? 0 : -ENOMEM;

	if (r == 0 && fs_read_file(AT_FDCWD, path, KCONF_MAX, &now) == 0 &&
	    buf_len(&now) == buf_len(text) && buf_len(text) > 0 &&
	    memcmp(buf_data(&now), buf_data(text), buf_len(text)) == 0)
		return 0;
	if (r == 0)
		r = fs_replace(AT_FDCWD, path, buf_data(text), buf_len(text), 0644);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s/.config: %m", g->t->obj)
		     : 0;
}

/* The .config of the beginning, as this commit has it: without a question of make's. */
static int bring_config(struct range *g, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int r = buf_append(&text, buf_data(&g->config), buf_len(&g->config));

	if (r < 0)
		return no_memory(err);
	r = dotconfig_make(g->t, g->cfg, g->board, "olddefconfig", &text, err);
	return r < 0 ? r : put_config(g, &text, err);
}

static int build_one(struct range *g, const char *commit, unsigned number,
		     struct kf_error *err)
{
	_free_ char *subject = NULL;
	struct build_result built = {.errors = 0};
	int r = git_subject(g->t->src, commit, &subject, err);

	if (r == 0)
		r = git_checkout(g->t->src, commit, err);
	if (r < 0)
		return r;
	r = bring_config(g, err);
	if (r == 0)
		r = kernel_build(g->cfg, g->ui, g->board, g->targets, &built, err);
	if (r == 0) {
		ui_step(g->ui, "commit", NULL, built.took_ms,
			json_pack("{s:s, s:s, s:i, s:i}", "commit", commit, "subject",
				  subject, "number", (int)number, "of", (int)g->n),
			"%u of %u builds: %.12s %s", number, g->n, commit, subject);
		return 0;
	}
	if (err->reason == KF_REASON_BUILD)
		return kf_err_wrap(err, "%.12s \"%s\" (%u of %u) does not build", commit,
				   subject, number, g->n);
	return kf_err_wrap(err, "at %.12s (%u of %u)", commit, number, g->n);
}

static int build_all(struct range *g, struct kf_error *err)
{
	char *text = (char *)buf_str(&g->commits), *line;
	unsigned number = 0;
	int r = text ? 0 : no_memory(err);

	while (r == 0 && number < g->n && (line = strsep(&text, "\n"))) {
		if (atomic_load(cancel_flag()))
			r = kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				   "interrupted before %.12s (%u of %u)", line,
				   number + 1, g->n);
		else
			r = build_one(g, line, ++number, err);
	}
	return r;
}

/* --- after ----------------------------------------------------------------------------
 */

/* An error of before counts more; where there was none, this is one. */
static int worse(struct range *g, int r, const struct kf_error *back, const char *what,
		 struct kf_error *err)
{
	if (r < 0) {
		ui_error(g->ui, NULL, back);
		return r;
	}
	*err = *back;
	return kf_err_wrap(err, "all builds, but %s", what);
}

/* Back, whatever happened. */
static int go_home(struct range *g, int r, struct kf_error *err)
{
	const char *const words[] = {"checkout", "--quiet", g->home, "--", NULL};
	struct kf_error back = {0};

	if (git_check(g->t->src, words, GIT_CHANGES, NULL, &back) < 0)
		r = worse(g, r, &back, "the tree is not where it was", err);
	back = (struct kf_error){0};
	if (put_config(g, &g->config, &back) < 0)
		r = worse(g, r, &back, "the .config is not what it was", err);
	return r;
}

int range_build(const struct config *cfg, struct ui *ui, const char *board,
		const char *from, const char *const targets[], struct kf_error *err)
{
	struct range g = {.cfg = cfg, .ui = ui, .board = board, .targets = targets};
	int r = begin(&g, from, err);

	if (r == 0) {
		r = build_all(&g, err);
		r = go_home(&g, r, err);
	}
	tree_free(g.t);
	free(g.home);
	buf_fini(&g.config);
	buf_fini(&g.commits);
	return r;
}
