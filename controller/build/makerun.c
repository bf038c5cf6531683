/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/build/makerun.h"

#include <fcntl.h>
#include <string.h>

#include "controller/build/buildtimes.h"
#include "controller/cancel.h"
#include "controller/kernel/treelock.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define REPEAT_MAX    20  /* messages of each kind shown at the end */
#define CPUS_MAX      400 /* percent */
#define TIMES_FILE    "builds.json"
#define WARNINGS_FILE "warnings.json"

struct makerun {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	const struct tree *t;
	const struct makerun_opts *opts;
	struct makerun_result *ret;
	struct buildlog log;
	int lock_fd, log_fd, copy_fd;
	const char *copy_path;
	int64_t start;
	int failed; /* negative errno of a log file or of memory */
	/* of a build */
	struct buildtimes earlier;
	struct buildtimes_one now;
	int32_t *times; /* of its files, BUILDTIMES_STEPS of them */
	bool whole;	/* nothing was made before it */
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void makerun_result_fini(struct makerun_result *r)
{
	warndiff_fini(&r->diff);
	warnset_free(r->warnings_of);
	free(r->log_path);
	*r = (struct makerun_result){0};
}

/* --- while it runs --------------------------------------------------------------------
 */

static int on_line(void *arg, enum buildlog_kind kind, const char *line, size_t n)
{
	struct makerun *m = arg;
	int64_t now = clock_now_ms() - m->start;

	if (kind == BUILDLOG_STEP && m->times && m->now.steps < BUILDTIMES_STEPS)
		m->times[m->now.steps++] = now < INT32_MAX ? (int32_t)now : INT32_MAX;
	return warnset_line(m->ret->warnings_of, kind, line, n);
}

static void show_progress(struct makerun *m)
{
	char text[160], left[16] = "";
	int64_t ms = -1;

	if (m->opts->is_build)
		ms = buildtimes_left(&m->earlier, m->now.what, m->now.fresh, m->log.steps,
				     clock_now_ms() - m->start);
	if (ms >= 0)
		text_duration(ms, left);
	snprintf(text, sizeof(text), "%s%s%u  %s", left, *left ? " left, " : "",
		 m->log.steps, m->log.current);
	ui_progress(m->ui, m->opts->stage, NULL, m->log.steps, 0, text);
}

static int on_output(void *arg, int fd, const void *data, size_t n)
{
	struct makerun *m = arg;
	int r = fs_write_all(m->log_fd, data, n);

	(void)fd;
	if (r == 0 && m->copy_fd >= 0)
		r = fs_write_all(m->copy_fd, data, n);
	if (r == 0)
		r = buildlog_feed(&m->log, data, n);
	if (r < 0) {
		m->failed = r;
		return r;
	}
	if (ui_verbose(m->ui) && !ui_is_json(m->ui))
		ui_out_bytes(m->ui, data, n);
	else
		show_progress(m);
	return 0;
}

static int open_one(const char *path, int *ret_fd, struct kf_error *err)
{
	*ret_fd = fs_open_beneath(AT_FDCWD, path,
				  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return *ret_fd < 0
		       ? kf_err(err, *ret_fd, KF_REASON_IO, "create the log %s: %m", path)
		       : 0;
}

static int open_logs(struct makerun *m, struct kf_error *err)
{
	int r;

	m->ret->log_path = strf("%s/%s", m->t->cache, m->opts->log_name);
	m->ret->warnings_of = warnset_new(m->t->src);
	if (!m->ret->log_path || !m->ret->warnings_of)
		return no_memory(err);
	r = open_one(m->ret->log_path, &m->log_fd, err);
	m->copy_path = config_get(m->cfg, m->board, "build.log");
	if (r == 0 && m->copy_path && *m->copy_path)
		r = open_one(m->copy_path, &m->copy_fd, err);
	return r;
}

static int run(struct makerun *m, char *const argv[], struct kf_error *err)
{
	int64_t limit = config_ms(m->cfg, m->board, "timeout.build");
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = tree_env,
		.cwd = m->t->src,
		.timeout_ms = limit > 0 && limit < INT32_MAX ? (int)limit : -1,
		.cancel = cancel_flag(),
		.on_output = on_output,
		.arg = m,
	};
	int status = 1, r = proc_run((const char *const *)argv, &opts, &status);

	if (r == 0)
		r = buildlog_end(&m->log);
	if (m->failed)
		return kf_err(err, m->failed, KF_REASON_IO, "write the log %s%s%s: %m",
			      m->ret->log_path, m->copy_fd >= 0 ? " or " : "",
			      m->copy_fd >= 0 ? m->copy_path : "");
	if (r == -ENOENT)
		return kf_err(err, r, KF_REASON_EXEC, "make is not installed");
	if (r == -ETIMEDOUT)
		return kf_err(err, r, KF_REASON_TIMEOUT,
			      "the %s took longer than %d s (timeout.build); its output "
			      "is in %s",
			      m->opts->stage, opts.timeout_ms / 1000, m->ret->log_path);
	if (r == -ECANCELED)
		return kf_err(err, r, KF_REASON_CANCELLED, "the %s was cancelled",
			      m->opts->stage);
	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC, "run make: %m");
	return status;
}

/* --- what the builds before left ------------------------------------------------------
 */

static int read_file(struct makerun *m, const char *name, size_t max, struct buf *b)
{
	_free_ char *path = strf("%s/%s", m->t->cache, name);

	return path ? fs_read_file(AT_FDCWD, path, max, b) : -ENOMEM;
}

static void write_file(struct makerun *m, const char *name, const struct buf *b, int r)
{
	_free_ char *path = strf("%s/%s", m->t->cache, name);

	if (r == 0)
		r = path ? fs_replace(AT_FDCWD, path, buf_data(b), buf_len(b), 0644)
			 : -ENOMEM;
	if (r < 0)
		ui_warn(m->ui, "the next build will not know of this one: %s/%s: %s",
			m->t->cache, name, strerror(-r));
}

static void read_times(struct makerun *m)
{
	_buf_ struct buf b = BUF_INIT;

	if (read_file(m, TIMES_FILE, BUILDTIMES_TEXT, &b) == 0 &&
	    buildtimes_parse((const char *)buf_data(&b), buf_len(&b), &m->earlier) < 0)
		ui_debug(m->ui, "%s/" TIMES_FILE " cannot be read, and is begun anew",
			 m->t->cache);
}

static void keep_times(struct makerun *m)
{
	_buf_ struct buf b = BUF_INIT;

	if (m->now.steps == 0 || m->now.steps >= BUILDTIMES_STEPS)
		return;
	m->now.took_ms = m->ret->took_ms;
	buildtimes_points(&m->now, m->times);
	buildtimes_add(&m->earlier, &m->now);
	write_file(m, TIMES_FILE, &b, buildtimes_print(&m->earlier, &b));
}

static bool has(const struct tree *t, const char *rel)
{
	_free_ char *path = tree_path(t, rel);

	return path && fs_exists(AT_FDCWD, path);
}

static int compare(struct makerun *m, bool ended_well, struct kf_error *err)
{
	/* A few targets of a tree in which nothing was made yet are not all. */
	bool whole = m->whole && ended_well && has(m->t, "vmlinux");
	struct warnset *before = NULL;
	_buf_ struct buf old = BUF_INIT, text = BUF_INIT;
	int r = read_file(m, WARNINGS_FILE, WARNSET_TEXT, &old);

	if (r == 0)
		r = warnset_parse((const char *)buf_data(&old), buf_len(&old), &before);
	if (r < 0 && r != -ENOENT)
		ui_debug(m->ui, "%s/" WARNINGS_FILE " cannot be read, and is begun anew",
			 m->t->cache);
	m->ret->compared = before != NULL;
	r = warnset_compare(m->ret->warnings_of, before, whole, &m->ret->diff);
	warnset_free(before);
	if (r < 0)
		return no_memory(err);
	write_file(m, WARNINGS_FILE, &text, warnset_print(m->ret->warnings_of, &text));
	return 0;
}

/* --- before and after ------------------------------------------------------------------
 */

/* make makes host programs first, then init/: without either nothing was. */
static bool has_objects(const struct tree *t)
{
	static const char *const marks[] = {"vmlinux", "vmlinux.o", "init/main.o"};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (has(t, marks[i]))
			return true;
	}
	return false;
}

/* The words but for -j, which changes the time but not what is made. */
static void name_build(struct makerun *m, char *const argv[])
{
	struct digest_ctx c;
	struct digest d;
	char hex[DIGEST_HEX];

	digest_init(&c);
	for (; *argv; argv++) {
		if (strncmp(*argv, "-j", 2) != 0)
			digest_update(&c, *argv, strlen(*argv) + 1);
	}
	digest_final(&c, &d);
	digest_hex(&d, hex);
	snprintf(m->now.what, sizeof(m->now.what), "%.32s", hex);
	m->now.fresh = m->whole = !has_objects(m->t);
}

static int add_jobs(const struct config *cfg, const char *board, char jobs[static 24],
		    struct kf_error *err)
{
	uint64_t n = config_uint(cfg, board, "build.jobs");
	uint64_t percent = config_uint(cfg, board, "build.cpus");

	if (percent < 1 || percent > CPUS_MAX)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "build.cpus (--cpu-scaling) takes 1 to %d percent, not "
			      "%llu",
			      CPUS_MAX, (unsigned long long)percent);
	if (n == 0)
		n = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) * percent / 100;
	snprintf(jobs, 24, "-j%llu", (unsigned long long)(n ? n : 1));
	return 0;
}

static char **full_argv(const struct makerun *m, const char *jobs,
			const char *const words[])
{
	_free_ const char **all = NULL;
	size_t n = 0;

	while (words[n])
		n++;
	all = calloc(n + 2, sizeof(*all));
	if (!all)
		return NULL;
	all[0] = jobs;
	memcpy(all + 1, words, n * sizeof(*all));
	return tree_argv(m->t, all);
}

static void repeat(struct makerun *m, const char *const list[], size_t count)
{
	size_t shown = count < REPEAT_MAX ? count : REPEAT_MAX;

	for (size_t i = 0; i < shown; i++)
		ui_note(m->ui, "%s", list[i]);
	if (count > shown)
		ui_note(m->ui, "and %zu more: see %s", count - shown, m->ret->log_path);
}

/* The errors are told after what is new of warnings: nearer to the end. */
static int judge(struct makerun *m, int status, struct kf_error *err)
{
	const char *first = buildlog_first_error(&m->log);

	if (m->opts->is_build)
		repeat(m, m->ret->diff.fresh, m->ret->diff.n_fresh);
	else
		repeat(m, (const char *const *)m->log.warning, m->log.warnings);
	if (status == 0)
		return 0;
	if (m->log.errors > 1) /* one alone stands in the error text */
		repeat(m, (const char *const *)m->log.error, m->log.errors);
	if (status == 127)
		first = first ? first : "a program it needs is not installed";
	return kf_err(err, -EIO, KF_REASON_BUILD,
		      "make ended with status %d: %s (%u errors, %u warnings; all of its "
		      "output is in %s)",
		      status, first ? first : "see its output", m->log.errors,
		      m->log.warnings, m->ret->log_path);
}

static int prepare(struct makerun *m, const char *const words[], char ***ret_argv,
		   struct kf_error *err)
{
	char jobs[24];
	int r = add_jobs(m->cfg, m->board, jobs, err);

	if (r == 0)
		r = treelock_build(m->t, m->ui, m->opts->stage,
				   config_ms(m->cfg, m->board, "timeout.build"),
				   &m->lock_fd, err);
	if (r == 0)
		r = open_logs(m, err);
	if (r < 0)
		return r;
	*ret_argv = full_argv(m, jobs, words);
	if (!*ret_argv)
		return no_memory(err);
	if (!m->opts->is_build)
		return 0;
	m->times = calloc(BUILDTIMES_STEPS, sizeof(*m->times));
	if (!m->times)
		return no_memory(err);
	name_build(m, *ret_argv);
	read_times(m);
	return 0;
}

static int go(struct makerun *m, const char *const words[], struct kf_error *err)
{
	_free_ char **argv = NULL;
	int status, r = prepare(m, words, &argv, err);

	if (r < 0)
		return r;
	m->start = clock_now_ms();
	m->log.on_line = on_line;
	m->log.arg = m;
	status = run(m, argv, err);
	m->ret->took_ms = clock_now_ms() - m->start;
	m->ret->errors = m->log.errors;
	m->ret->warnings = m->log.warnings;
	ui_progress_end(m->ui, NULL);
	if (status < 0)
		return status;
	if (m->opts->is_build)
		r = compare(m, status == 0, err);
	if (r == 0)
		r = judge(m, status, err);
	if (r == 0 && m->opts->is_build)
		keep_times(m);
	return r;
}

int makerun(const struct config *cfg, struct ui *ui, const char *board,
	    const struct tree *t, const char *const words[],
	    const struct makerun_opts *opts, struct makerun_result *ret,
	    struct kf_error *err)
{
	struct makerun *m = calloc(1, sizeof(*m));
	int r;

	*ret = (struct makerun_result){0};
	if (!m)
		return no_memory(err);
	*m = (struct makerun){.cfg = cfg,
			      .ui = ui,
			      .board = board,
			      .t = t,
			      .opts = opts,
			      .ret = ret,
			      .lock_fd = -1,
			      .log_fd = -1,
			      .copy_fd = -1};
	buildlog_init(&m->log);
	r = go(m, words, err);
	cleanup_close(&m->lock_fd);
	cleanup_close(&m->log_fd);
	cleanup_close(&m->copy_fd);
	buildlog_fini(&m->log);
	free(m->times);
	free(m);
	return r;
}
