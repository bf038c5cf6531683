/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running make: everything it prints goes to a log file in the cache; the user sees a
 * progress line (with -v the output itself), and at the end the errors and warnings
 * again.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/kernel/buildlog.h"
#include "controller/kernel/kernel.h"
#include "controller/kernel/require.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define REPEAT_MAX 20 /* messages of each kind shown at the end */

struct build {
	const struct config *cfg;
	struct ui *ui;
	struct buildlog log;
	char *log_path;
	int log_fd;
	int failed; /* negative errno of the log file or of memory */
};

static int on_output(void *arg, int fd, const void *data, size_t n)
{
	struct build *b = arg;
	char text[128];
	int r;

	(void)fd;
	r = fs_write_all(b->log_fd, data, n);
	if (r == 0)
		r = buildlog_feed(&b->log, data, n);
	if (r < 0) {
		b->failed = r;
		return r;
	}
	if (ui_verbose(b->ui) && !ui_is_json(b->ui)) {
		ui_out_bytes(b->ui, data, n);
		return 0;
	}
	snprintf(text, sizeof(text), "%u  %s", b->log.steps, b->log.current);
	ui_progress(b->ui, "build", NULL, b->log.steps, 0, text);
	return 0;
}

static int open_log(struct build *b, const struct tree *t, struct kf_error *err)
{
	b->log_path = strf("%s/build.log", t->cache);
	if (!b->log_path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	b->log_fd = fs_open_beneath(AT_FDCWD, b->log_path,
				    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (b->log_fd < 0)
		return kf_err(err, b->log_fd, KF_REASON_IO, "create the build log %s: %m",
			      b->log_path);
	return 0;
}

/* words for make: -j, the profile's targets, the caller's.  One block. */
static const char **make_words(const struct config *cfg, const char *board,
			       char *const targets[], const char *const extra[],
			       char jobs[static 24])
{
	uint64_t n_jobs = config_uint(cfg, board, "build.jobs");
	size_t n = 1, at = 0;
	const char **words;

	if (n_jobs == 0)
		n_jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	snprintf(jobs, 24, "-j%llu", (unsigned long long)n_jobs);
	for (size_t i = 0; targets && targets[i]; i++)
		n++;
	for (size_t i = 0; extra && extra[i]; i++)
		n++;
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return NULL;
	words[at++] = jobs;
	for (size_t i = 0; targets && targets[i]; i++)
		words[at++] = targets[i];
	for (size_t i = 0; extra && extra[i]; i++)
		words[at++] = extra[i];
	return words;
}

static void repeat(struct build *b, char *const list[], unsigned count)
{
	unsigned shown = count < REPEAT_MAX ? count : REPEAT_MAX;

	for (unsigned i = 0; i < shown; i++)
		ui_note(b->ui, "%s", list[i]);
	if (count > shown)
		ui_note(b->ui, "and %u more: see %s", count - shown, b->log_path);
}

static int judge(struct build *b, int status, struct kf_error *err)
{
	const char *first = buildlog_first_error(&b->log);

	repeat(b, b->log.warning, b->log.warnings);
	if (status == 0)
		return 0;
	if (b->log.errors > 1) /* one alone stands in the error text */
		repeat(b, b->log.error, b->log.errors);
	if (status == 127)
		first = first ? first : "a program it needs is not installed";
	return kf_err(err, -EIO, KF_REASON_BUILD,
		      "make ended with status %d: %s (%u errors, %u warnings; all of its "
		      "output is in %s)",
		      status, first ? first : "see its output", b->log.errors,
		      b->log.warnings, b->log_path);
}

static int run_make(struct build *b, const struct tree *t, const char *const words[],
		    int timeout_ms, struct kf_error *err)
{
	_free_ char **argv = tree_argv(t, words);
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = tree_env,
		.cwd = t->src,
		.timeout_ms = timeout_ms,
		.cancel = cancel_flag(),
		.on_output = on_output,
		.arg = b,
	};
	int status = 1, r;

	if (!argv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = proc_run((const char *const *)argv, &opts, &status);
	if (r == 0)
		r = buildlog_end(&b->log);
	if (b->failed)
		return kf_err(err, b->failed, KF_REASON_IO, "write the build log %s: %m",
			      b->log_path);
	if (r == -ENOENT)
		return kf_err(err, r, KF_REASON_EXEC, "make is not installed");
	if (r == -ETIMEDOUT)
		return kf_err(
			err, r, KF_REASON_TIMEOUT,
			"the build took longer than %d s (timeout.build); its output "
			"is in %s",
			timeout_ms / 1000, b->log_path);
	if (r == -ECANCELED)
		return kf_err(err, r, KF_REASON_CANCELLED, "the build was cancelled");
	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC, "run make: %m");
	return judge(b, status, err);
}

static int report(struct build *b, const struct tree *t, struct build_result *ret,
		  struct kf_error *err)
{
	_free_ char *release = NULL;
	char counted[64] = "";
	int r = tree_release(t, &release, err);

	if (r < 0)
		return r;
	snprintf(ret->release, sizeof(ret->release), "%s", release);
	ret->errors = b->log.errors;
	ret->warnings = b->log.warnings;
	if (ret->warnings > 0)
		snprintf(counted, sizeof(counted), ", %u warning%s", ret->warnings,
			 ret->warnings == 1 ? "" : "s");
	ui_step(b->ui, "build", NULL, ret->took_ms,
		json_pack("{s:s, s:i, s:s}", "release", release, "warnings",
			  (int)ret->warnings, "log", b->log_path),
		"%s%s", release, counted);
	ui_note(b->ui, "           log: %s", b->log_path);
	return 0;
}

int kernel_build(const struct config *cfg, struct ui *ui, const char *board,
		 const char *const extra_targets[], struct build_result *ret,
		 struct kf_error *err)
{
	struct build b = {.cfg = cfg, .ui = ui, .log_fd = -1};
	_free_ char **targets = config_argv(cfg, board, "build.targets");
	_free_ const char **words = NULL;
	struct tree *t = NULL;
	struct build_result result = {0};
	int64_t start = clock_now_ms();
	int64_t limit = config_ms(cfg, board, "timeout.build");
	char jobs[24];
	int r;

	buildlog_init(&b.log);
	r = tree_open(cfg, board, &t, err);
	if (r == 0)
		r = tree_check_config(t, err);
	if (r == 0)
		r = require_check_tree(cfg, ui, board, t, err);
	if (r == 0)
		r = open_log(&b, t, err);
	words = make_words(cfg, board, targets, extra_targets, jobs);
	if (r == 0 && !words)
		r = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (r == 0)
		r = run_make(&b, t, words,
			     limit > 0 && limit < INT32_MAX ? (int)limit : -1, err);
	result.took_ms = clock_now_ms() - start;
	if (r == 0)
		r = report(&b, t, &result, err);
	if (r == 0)
		*ret = result;
	cleanup_close(&b.log_fd);
	free(b.log_path);
	buildlog_fini(&b.log);
	tree_free(t);
	return r;
}
