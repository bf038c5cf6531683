/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boards that would get the same kernel are a group.  The main thread builds and packs
 * for one group after the other, because a tree and its directories are no matter for
 * two; the boards have a job each, which asks the board, waits for its group's kernel,
 * and deploys.
 *
 * Jobs are added in the order of the groups, so that those whose kernel is made first
 * have the first threads, and no group waits for one behind it.
 *
 * The call's lock guards the groups' state; a kernel that is READY does not change until
 * all jobs of its group have ended.  A job owns its board's outcome.
 */
#include "controller/fleet/deploys.h"

#include <pthread.h>
#include <string.h>

#include "controller/fleet/deploys_internal.h"
#include "controller/fleet/fleet.h"
#include "controller/fleet/sift.h"
#include "controller/history/note.h"
#include "controller/kernel/require.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"

enum group_state { WAITING, PACKING, READY, FAILED };

struct group {
	const char *board; /* whose configuration the kernel is made by */
	struct deploy_opts opts;
	struct kernel *k;
	/* Under the lock: */
	enum group_state state;
	int status;	     /* FAILED */
	struct kf_error err; /* FAILED: why; no code: nobody waited for it */
	size_t waiting, unfinished;
};

struct call {
	struct cmd_env *env;
	const struct deploy_args *a;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_mutex_t patterns_lock;
	struct group *groups;
	size_t n_groups;
	struct one *ones;
	size_t n;
	struct fleet *fleet;
};

struct one {
	struct call *call;
	struct group *group;
	struct outcome out;
	/* Of the log; those of a board before this one that has the same.  Written under
	 * the lock of patterns. */
	struct patterns *patterns;
	bool owns_patterns;
	struct sift_end end; /* its texts are those of out */
};

static bool same_value(const struct config *cfg, const char *a, const char *b,
		       const char *key)
{
	const char *x = config_get(cfg, a, key), *y = config_get(cfg, b, key);

	return strcmp(x ? x : "", y ? y : "") == 0;
}

/* Would the tree give both boards the same kernel? */
static bool same_kernel(const struct config *cfg, const char *a, const char *b)
{
	static const char *const keys[] = {
		"build.arch",	"build.cross_compile", "build.llvm",   "build.output",
		"build.jobs",	"build.targets",       "build.image",  "build.dtbs",
		"build.extra",	"build.cflags",	       "build.ccache", "build.warnings",
		"kernel.strip", "kernel.incremental"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!same_value(cfg, a, b, keys[i]))
			return false;
	}
	return true;
}

/* Do both boards' kernels come from one object directory, however it is spelled?  One
 * that cannot be told counts as the same. */
static bool same_objects(const struct config *cfg, const char *a, const char *b)
{
	struct tree *x = NULL, *y = NULL;
	struct kf_error err;
	bool same = tree_open(cfg, a, &x, &err) < 0 || tree_open(cfg, b, &y, &err) < 0 ||
		    strcmp(x->obj, y->obj) == 0;

	tree_free(x);
	tree_free(y);
	return same;
}

/* --- a board's job ---------------------------------------------------------------------
 */

static const char *mode_of(const struct deploy_opts *o)
{
	return o->modules ? "modules" : o->no_reboot ? "install" : "boot";
}

static int start_run(struct one *o, struct run **ret, struct kf_error *err)
{
	int r = run_new(o->call->env->cfg, o->out.board, ret, err);

	if (r < 0)
		return r;
	run_set(*ret, "mode", json_string(mode_of(&o->group->opts)));
	o->out.run = strdup(run_dir(*ret));
	return 0;
}

/* All is in result.json, or what is missing is told; what a CI gets of it. */
static void end_run(struct one *o, struct run *run)
{
	struct cmd_env *env = o->call->env;
	struct kf_error err = {0};

	run_finish(run);
	run_tell_error(run, env->ui, o->out.board);
	note_run(env->cfg, env->ui, run_result(run), run_dir(run));
	o->out.result = json_incref(run_result(run));
	o->out.suites = run_take_suites(run, &o->out.n_suites);
	if (report_files_keep(&o->call->a->files, run_dir(run), o->out.board, &err) < 0) {
		o->out.status = deploy_worse(o->out.status, STATUS_ERROR);
		ui_warn(env->ui, "%s: %s", o->out.board, err.msg);
	}
	run_free(run);
}

/* It ended before there was a run: that has a result too. */
static void record(struct one *o, const struct kf_error *err)
{
	json_t *fields = json_pack("{s:s, s:s, s:o, s:i}", "verdict", o->out.verdict,
				   "reason", reason_name(err->reason), "text",
				   run_json_text(err->msg), "status", o->out.status);
	struct kf_error inner = {0};
	struct run *run = NULL;
	const char *key;
	json_t *value;

	if (o->out.result) {
		json_decref(fields);
		return;
	}
	if (start_run(o, &run, &inner) < 0) {
		ui_warn(o->call->env->ui, "%s: there is no result.json: %s", o->out.board,
			inner.msg);
		json_object_set_new(fields, "board", json_string(o->out.board));
		o->out.result = fields;
		return;
	}
	json_object_foreach(fields, key, value) run_set(run, key, json_incref(value));
	json_decref(fields);
	end_run(o, run);
}

/* For the table: escaped, and cut between characters. */
static void set_text(struct one *o, const char *text)
{
	_buf_ struct buf b = BUF_INIT;
	const char *s = NULL;

	if (text_escape(&b, text, strlen(text), true) == 0)
		s = buf_str(&b);
	if (s)
		snprintf(o->out.text, sizeof(o->out.text), "%.*s",
			 (int)text_fit(s, buf_len(&b), sizeof(o->out.text) - 1), s);
}

static void fail(struct one *o, const struct kf_error *err)
{
	snprintf(o->out.reason, sizeof(o->out.reason), "%s", reason_name(err->reason));
	o->out.status = cmd_fail(o->call->env, o->out.board, err);
	snprintf(o->out.verdict, sizeof(o->out.verdict), "%s",
		 o->out.status == STATUS_FAIL ? "FAIL" : "ERROR");
	set_text(o, err->msg);
	record(o, err);
}

/* Patterns take a megabyte: boards that have the same share them. */
static int find_patterns(struct one *o, struct kf_error *err)
{
	const struct config *cfg = o->call->env->cfg;
	const struct one *b;

	for (b = o->call->ones; b < o->call->ones + o->call->n; b++) {
		if (!b->patterns ||
		    !same_value(cfg, b->out.board, o->out.board, "log.ignore") ||
		    !same_value(cfg, b->out.board, o->out.board, "log.patterns"))
			continue;
		o->patterns = b->patterns;
		return 0;
	}
	o->owns_patterns = true;
	return patterns_load(cfg, o->out.board, &o->patterns, err);
}

/* Before anything is asked or sent: a board whose patterns cannot be read has no verdict.
 */
static bool has_patterns(struct one *o)
{
	struct kf_error err = {0};
	int r;

	pthread_mutex_lock(&o->call->patterns_lock);
	r = find_patterns(o, &err);
	pthread_mutex_unlock(&o->call->patterns_lock);
	if (r < 0)
		fail(o, &err);
	return r == 0;
}

static bool ask_board(struct one *o)
{
	struct cmd_env *env = o->call->env;
	struct kf_error err = {0};
	int r;

	if (!o->call->a->build)
		return true;
	ui_progress(env->ui, "check", o->out.board, 0, 0, NULL);
	r = deploy_check(env->cfg, env->ui, o->out.board, &o->call->a->opts, &err);
	ui_progress_end(env->ui, o->out.board);
	if (r < 0)
		fail(o, &err);
	return r == 0;
}

/* NULL: there is none, and why was told.  The board is greeted while it is packed. */
static const struct kernel *await_kernel(struct one *o, struct greeting *greeting)
{
	struct call *c = o->call;
	struct group *g = o->group;
	struct kf_error err;
	bool ready;

	pthread_mutex_lock(&c->lock);
	g->waiting++;
	pthread_cond_broadcast(&c->changed);
	while (g->state == WAITING)
		pthread_cond_wait(&c->changed, &c->lock);
	if (g->state == PACKING) {
		pthread_mutex_unlock(&c->lock);
		deploy_greet(c->env->cfg, o->out.board, &g->opts, greeting);
		pthread_mutex_lock(&c->lock);
	}
	while (g->state == PACKING)
		pthread_cond_wait(&c->changed, &c->lock);
	ready = g->state == READY;
	if (!ready)
		o->out.status = g->status;
	err = g->err;
	pthread_mutex_unlock(&c->lock);
	if (ready)
		return g->k;
	snprintf(o->out.verdict, sizeof(o->out.verdict), "%s",
		 o->out.status == STATUS_FAIL ? "FAIL" : "ERROR");
	snprintf(o->out.text, sizeof(o->out.text),
		 "not tried: there is no kernel for it");
	if (!err.code)
		kf_err(&err, -ECANCELED, KF_REASON_CANCELLED, "%s", o->out.text);
	record(o, &err);
	return NULL;
}

/* What a kernel lacks is said once for boards that need the same; where it is an error,
 * each has it.  A build has looked at what its own board needs. */
static bool told_before(const struct one *o)
{
	const struct config *cfg = o->call->env->cfg;
	const char *board = o->out.board;

	if (o->call->a->build && o->out.board == o->group->board)
		return true;
	if (config_bool(cfg, board, "kernel.require_strict"))
		return false;
	for (const struct one *before = o->call->ones; before < o; before++) {
		if (before->group == o->group &&
		    same_value(cfg, before->out.board, board, "kernel.require"))
			return true;
	}
	return false;
}

static void deploy_to(struct one *o, const struct kernel *k, struct greeting *greeting)
{
	struct cmd_env *env = o->call->env;
	const char *board = o->out.board, *verdict, *text, *reason;
	struct kf_error err = {0};
	struct run *run = NULL;
	int r = 0;

	if (!told_before(o))
		r = require_check_kernel(env->cfg, env->ui, board, k, &err);
	if (r == 0)
		r = start_run(o, &run, &err);
	if (r < 0) {
		fail(o, &err);
		return;
	}
	snprintf(o->out.slot, sizeof(o->out.slot), "%s", k->slot);
	o->out.status = deploy_run(env->cfg, env->ui, board, k, &o->group->opts,
				   o->patterns, greeting, run);
	verdict = run_text(run, "verdict");
	text = run_text(run, "text");
	reason = run_text(run, "reason");
	o->end.judged = verdict && strcmp(verdict, "ERROR") != 0;
	o->end.board = run_board(run);
	snprintf(o->out.reason, sizeof(o->out.reason), "%s", reason ? reason : "");
	snprintf(o->out.verdict, sizeof(o->out.verdict), "%s", verdict ? verdict : "");
	set_text(o, text ? text : verdict ? "" : "installed and not booted");
	end_run(o, run);
}

static bool may_be_used(struct one *o)
{
	struct kf_error err = {0};

	if (sift_refuse(o->call->env, o->out.board, &err) == 0)
		return true;
	fail(o, &err);
	return false;
}

static void serve(void *arg)
{
	struct one *o = arg;
	struct call *c = o->call;
	const struct kernel *k = NULL;
	struct greeting greeting = {0};
	int64_t began;

	ui_board(c->env->ui, o->out.board, false);
	if (may_be_used(o) && has_patterns(o) && ask_board(o))
		k = await_kernel(o, &greeting);
	began = clock_now_ms();
	if (k)
		deploy_to(o, k, &greeting);
	greeting_fini(&greeting);
	o->out.took_ms = k ? clock_now_ms() - began : -1;
	o->end.reason = o->out.reason;
	o->end.text = o->out.text;
	sift_count(c->env, o->out.board, &o->end);
	pthread_mutex_lock(&c->lock);
	o->group->unfinished--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	ui_board(c->env->ui, NULL, false);
}

/* --- the main thread -------------------------------------------------------------------
 */

/* May it be made: does a board wait for it? */
static bool is_wanted(struct call *c, struct group *g)
{
	bool wanted;

	pthread_mutex_lock(&c->lock);
	while (g->waiting == 0 && g->unfinished > 0)
		pthread_cond_wait(&c->changed, &c->lock);
	wanted = g->waiting > 0;
	pthread_mutex_unlock(&c->lock);
	return wanted;
}

static void drop_kernel(struct call *c, struct group *g)
{
	pthread_mutex_lock(&c->lock);
	while (g->unfinished > 0)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	parcels_free(TAKE_PTR(g->opts.parcels));
	kernel_free(TAKE_PTR(g->k));
}

/* Where another kernel was packed from these directories, they are its until its boards
 * have it. */
static void await_place(struct call *c, const struct group *g)
{
	for (struct group *before = c->groups; before < g; before++) {
		if (before->k && same_objects(c->env->cfg, before->board, g->board))
			drop_kernel(c, before);
	}
}

static int make_parcels(struct call *c, struct group *g)
{
	_free_ char *dir = strf("%s/parcels", config_cache_dir(c->env->cfg));

	/* One board shares with nobody. */
	if (c->n < 2)
		return 0;
	return dir ? parcels_new(dir, &g->opts.parcels) : -ENOMEM;
}

static void set_state(struct call *c, struct group *g, enum group_state state, int status)
{
	pthread_mutex_lock(&c->lock);
	g->state = state;
	g->status = status;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* The exit status. */
static int make_kernel(struct call *c, struct group *g, struct kf_error *ret_err)
{
	const struct deploy_args *a = c->a;
	struct cmd_env *env = c->env;
	struct build_result built;
	struct kf_error err = {0};
	int r = 0;

	if (atomic_load(cancel_flag())) {
		kf_err(ret_err, -ECANCELED, KF_REASON_CANCELLED, "interrupted");
		return STATUS_ERROR;
	}
	if (a->from) {
		set_state(c, g, PACKING, 0);
		r = kernel_from_file(env->cfg, env->ui, a->from, &g->k, &err);
	} else {
		if (a->build)
			r = kernel_build(env->cfg, env->ui, g->board, NULL, &built, &err);
		if (r == 0) {
			set_state(c, g, PACKING, 0);
			r = kernel_from_tree(env->cfg, env->ui, g->board, &g->k, &err);
		}
	}
	ui_progress_end(env->ui, NULL);
	if (r == 0 && make_parcels(c, g) < 0)
		r = kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	*ret_err = err;
	return r < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

static void make_group(struct call *c, struct group *g)
{
	struct kf_error err = {0};
	int status = STATUS_ERROR;

	if (is_wanted(c, g)) {
		await_place(c, g);
		status = make_kernel(c, g, &err);
	}
	pthread_mutex_lock(&c->lock);
	g->err = err;
	pthread_mutex_unlock(&c->lock);
	set_state(c, g, status == STATUS_PASS ? READY : FAILED, status);
}

static struct group *group_of(struct call *c, const char *board)
{
	struct group *g;

	for (g = c->groups; g < c->groups + c->n_groups; g++) {
		if (c->a->from || same_kernel(c->env->cfg, g->board, board))
			return g;
	}
	c->n_groups++;
	g->board = board;
	g->opts = c->a->opts;
	return g;
}

static int prepare(struct call *c)
{
	c->groups = calloc(c->a->n_boards, sizeof(*c->groups));
	c->ones = calloc(c->a->n_boards, sizeof(*c->ones));
	if (!c->groups || !c->ones)
		return -ENOMEM;
	c->n = c->a->n_boards;
	for (size_t i = 0; i < c->n; i++) {
		struct one *o = &c->ones[i];

		o->call = c;
		o->out.board = c->a->boards[i];
		o->out.status = STATUS_ERROR;
		o->group = group_of(c, o->out.board);
		o->group->unfinished++;
	}
	return fleet_new((unsigned)config_uint(c->env->cfg, NULL, "deploy.parallel"),
			 &c->fleet);
}

static void add_jobs(struct call *c)
{
	struct kf_error err = {0};

	for (struct group *g = c->groups; g < c->groups + c->n_groups; g++) {
		for (size_t i = 0; i < c->n; i++) {
			struct one *o = &c->ones[i];
			int r = o->group == g ? fleet_add(c->fleet, serve, o) : 0;

			if (r == 0)
				continue;
			kf_err(&err, r, KF_REASON_NO_MEMORY, "start a thread: %m");
			fail(o, &err);
			pthread_mutex_lock(&c->lock);
			g->unfinished--;
			pthread_mutex_unlock(&c->lock);
		}
	}
}

static int finish(struct call *c)
{
	const struct outcome **all = calloc(c->n + 1, sizeof(const struct outcome *));
	int worst = STATUS_PASS;

	for (size_t i = 0; i < c->n; i++)
		worst = deploy_worse(worst, c->ones[i].out.status);
	for (size_t i = 0; all && i < c->n; i++)
		all[i] = &c->ones[i].out;
	if (all && c->n + c->a->n_skipped > 1)
		deploys_summary(c->env->ui, all, c->n, c->a->skipped, c->a->n_skipped);
	if (all)
		worst = deploy_worse(worst,
				     deploys_report(c->env, &c->a->files, all, c->n));
	free(all);
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < c->ones[i].out.n_suites; k++)
			suite_fini(&c->ones[i].out.suites[k]);
		free(c->ones[i].out.suites);
		free(c->ones[i].out.run);
		json_decref(c->ones[i].out.result);
		if (c->ones[i].owns_patterns)
			patterns_free(c->ones[i].patterns);
	}
	return worst;
}

/* A call that has tried nothing has not passed. */
static int all_skipped(struct cmd_env *env)
{
	struct kf_error err = {0};

	kf_err(&err, -EHOSTDOWN, KF_REASON_QUARANTINE,
	       "all boards that are meant are in quarantine: see `kferry board list`");
	return cmd_fail(env, NULL, &err);
}

/* What --test pushes, before any board is asked for anything. */
static int build_suites(struct cmd_env *env, const struct deploy_args *a,
			struct kf_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && a->opts.tests && i < a->n_boards; i++)
		r = testplan_build(a->opts.tests, env->cfg, env->ui, a->boards[i], err);
	return r;
}

int deploys_run(struct cmd_env *env, const struct deploy_args *a)
{
	struct call c = {.env = env, .a = a};
	struct kf_error err = {0};
	int status = STATUS_ERROR;

	if (deploys_report_prepare(env, &a->files, &err) < 0 ||
	    build_suites(env, a, &err) < 0)
		return cmd_fail(env, NULL, &err);
	if (a->n_boards == 0)
		return all_skipped(env);
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.changed, NULL);
	pthread_mutex_init(&c.patterns_lock, NULL);
	if (prepare(&c) < 0) {
		kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		cmd_fail(env, NULL, &err);
	} else {
		add_jobs(&c);
		for (size_t i = 0; i < c.n_groups; i++)
			make_group(&c, &c.groups[i]);
		fleet_free(c.fleet);
		for (size_t i = 0; i < c.n_groups; i++)
			drop_kernel(&c, &c.groups[i]);
		status = finish(&c);
	}
	pthread_cond_destroy(&c.changed);
	pthread_mutex_destroy(&c.patterns_lock);
	pthread_mutex_destroy(&c.lock);
	free(c.groups);
	free(c.ones);
	return status;
}
