/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kferry did on this machine, for `kferry report`: an SQLite database in the data
 * directory, one row for each build, deploy, call of suites, and step of a bisect.
 *
 * Several processes and threads write at once: each opens it for itself.  A database is
 * made beside its place and linked there when it is whole, so that a half one is never
 * seen.  One that is broken, somebody else's, or of a newer kferry is an error and left
 * as it is.
 */
#ifndef KF_HISTORY_H
#define KF_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/config/config.h"
#include "proto/base/err.h"

#define HISTORY_FILE	"history.db" /* in the data directory */
#define HISTORY_BUSY_MS 5000	     /* waited for others that write */

#define HISTORY_BUILD	"build"
#define HISTORY_DEPLOY	"deploy"
#define HISTORY_TEST	"test"
#define HISTORY_BISECT	"bisect" /* a step; its builds and deploys have rows, too */

/* Texts may be NULL: not known. */
struct history_event {
	const char *kind;    /* HISTORY_... */
	int64_t started;     /* seconds since 1970 */
	int64_t took_ms;     /* all of it */
	int64_t boot_ms;     /* of it, the reboot; < 0: the board did not come back from
				one, or none was asked for */
	bool booted;	     /* ... and the kernel that was sent was running then */
	const char *verdict; /* PASS, FAIL, ERROR, NONE: there was none to reach, or it
				was interrupted */
	const char *reason, *board, *tree, *release;
	const char *run; /* directory */
};

struct history;

/* The file of this configuration; the caller's, NULL: no memory. */
char *history_path(const struct config *cfg);
/* create: where there is none.  Else -ENOENT. */
int history_open(const char *path, bool create, struct history **ret,
		 struct kf_error *err) _must_check_;
void history_close(struct history *h);
static inline void history_closep(struct history **h)
{
	history_close(*h);
}

int history_add(struct history *h, const struct history_event *e,
		struct kf_error *err) _must_check_;
/* Those that began in [since, until), oldest first; texts live during the call of fn,
 * which returns 0 to go on, or a negative errno. */
typedef int (*history_fn)(void *arg, const struct history_event *e);
int history_each(struct history *h, int64_t since, int64_t until, history_fn fn,
		 void *arg, struct kf_error *err) _must_check_;

/*
 * A copy of the database at path, consistent whoever writes meanwhile, as a new file; and
 * back: all of `from` takes the place of what is at path, in one transaction of it.
 */
int history_save(const char *path, const char *to, struct kf_error *err) _must_check_;
int history_load(const char *path, const char *from, struct kf_error *err) _must_check_;

#endif
