// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/traceplace.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/oserr.h"
#include "agent/tracing/topstate.h"
#include "agent/tracing/tracefs.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define INSTANCES "instances"
#define PREFIX	  "kferry-"
#define TRIES	  16
#define BUSY_MS	  3000 /* for those who have its files open to be gone */

static int open_instance(int top, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), INSTANCES "/%s", name);
	return fs_open_beneath(top, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* Its files may be open for a moment yet, of a process that was killed. */
static int remove_instance(int top, const char *name)
{
	deadline_ms end = deadline_in(BUSY_MS);
	char path[300];

	snprintf(path, sizeof(path), INSTANCES "/%s", name);
	while (unlinkat(top, path, AT_REMOVEDIR) < 0) {
		if (errno != EBUSY || !deadline_left(end))
			return -errno;
		poll(NULL, 0, 20);
	}
	return 0;
}

/* --- leftovers -------------------------------------------------------------------- */

static bool sweep_one(int top, const char *name)
{
	_close_ int dir = open_instance(top, name);

	if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
		return false;
	return remove_instance(top, name) == 0;
}

unsigned traceplace_sweep(int top)
{
	_closedir_ DIR *d = NULL;
	struct dirent *de;
	unsigned n = 0;

	if (fs_dir_stream(fs_open_dir(top, INSTANCES), &d) < 0)
		return 0;
	while ((de = readdir(d)))
		if (!strncmp(de->d_name, PREFIX, strlen(PREFIX)))
			n += sweep_one(top, de->d_name);
	return n;
}

/* --- an instance ------------------------------------------------------------------ */

static void undo_instance(void *arg)
{
	struct traceplace *p = arg;

	(void)!tracefs_write(p->dir, "tracing_on", "0", false);
	(void)!remove_instance(p->top, p->instance);
}

/* Made, open and locked; -ENOENT: this kernel has none.  One that is swept away before it
 * is locked is made again. */
static int make_instance(struct traceplace *p)
{
	for (unsigned i = 0; i < TRIES; i++) {
		char path[300];
		int r = 0;

		snprintf(p->instance, sizeof(p->instance), PREFIX "%d-%u", (int)getpid(),
			 i);
		snprintf(path, sizeof(path), INSTANCES "/%s", p->instance);
		if (mkdirat(p->top, path, 0700) < 0)
			r = -errno;
		if (r == -EEXIST)
			continue;
		if (r < 0)
			return r;
		p->dir = open_instance(p->top, p->instance);
		if (p->dir >= 0 && flock(p->dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (p->dir >= 0)
			close(TAKE_FD(p->dir));
	}
	return -EBUSY;
}

/* 1: it is needed for what instances cannot have. */
static int open_in_instance(struct traceplace *p, const struct traceset *t,
			    struct kf_error *err)
{
	int r = make_instance(p);

	if (r == -ENOENT && t->tracer)
		return 1;
	if (r == -ENOENT)
		return kf_err(err, r, KF_REASON_NOT_FOUND,
			      "this kernel's tracefs has no instances (Linux 3.10 has)");
	if (r < 0)
		return oserr(err, r, "make an instance of tracefs");
	if (t->tracer && !tracefs_has_word(p->dir, "available_tracers", t->tracer)) {
		(void)!remove_instance(p->top, p->instance);
		close(TAKE_FD(p->dir));
		return 1;
	}
	r = guard_start(&p->guard, undo_instance, p);
	if (r < 0) {
		undo_instance(p);
		return oserr(err, r, "start a guard for the instance of tracefs");
	}
	return 0;
}

/* --- the top ---------------------------------------------------------------------- */

static void undo_top(void *arg)
{
	struct traceplace *p = arg;

	topstate_restore(p->saved, p->dir);
}

/* "vfs_read:traceoff": it stays when the filter is emptied.  ":mod:" is but a filter. */
static bool is_command(const char *function)
{
	const char *colon = strchr(function, ':');

	return colon && strncmp(colon, ":mod:", 5) != 0;
}

/* What is set at the top has to be put back, and which events were on is not kept. */
static int check_top(const struct traceset *t, int top, struct kf_error *err)
{
	int r = traceset_check(t, top, err);

	if (r < 0)
		return r;
	if (t->n_events)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the tracer %s is not for an instance, and without one no "
			      "events can be traced beside it",
			      t->tracer);
	for (size_t i = 0; i < t->n_functions; i++)
		if (is_command(t->functions[i]))
			return kf_err(err, -EINVAL, KF_REASON_INVALID,
				      "the tracer %s is not for an instance, and "
				      "without one %s would stay set",
				      t->tracer, t->functions[i]);
	return 0;
}

static int open_at_top(struct traceplace *p, const struct traceset *t,
		       struct kf_error *err)
{
	int r = check_top(t, p->top, err);

	p->instance[0] = '\0';
	if (r < 0)
		return r;
	p->dir = fs_open_dir(p->top, ".");
	if (p->dir < 0)
		return oserr(err, p->dir, "open tracefs");
	if (flock(p->dir, LOCK_EX | LOCK_NB) < 0)
		return kf_err(err, -errno, KF_REASON_BUSY,
			      "another kferry uses a tracer of this board that there is "
			      "once only");
	r = topstate_save(p->dir, &p->saved);
	if (r == 0)
		r = guard_start(&p->guard, undo_top, p);
	if (r < 0)
		return oserr(err, r, "save the settings of tracefs");
	/* What others left in the buffer is not of this trace. */
	(void)!tracefs_write(p->dir, "trace", "", false);
	return 0;
}

int traceplace_open(const char *root, const struct traceset *t, struct traceplace *ret,
		    struct kf_error *err)
{
	struct traceplace *p = ret;
	int r;

	*p = (struct traceplace){.top = -1, .dir = -1};
	p->top = tracefs_open(root, err);
	if (p->top < 0)
		return p->top;
	traceplace_sweep(p->top);
	r = open_in_instance(p, t, err);
	if (r == 1)
		r = open_at_top(p, t, err);
	if (r < 0)
		traceplace_close(p);
	return r;
}

void traceplace_close(struct traceplace *p)
{
	/* The guard has these, too, and the lock with them until it is done. */
	guard_end(&p->guard);
	cleanup_close(&p->dir);
	cleanup_close(&p->top);
	topstate_free(TAKE_PTR(p->saved));
	p->dir = p->top = -1;
}
