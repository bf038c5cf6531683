/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent as its modules see it: configuration, where things are on this board,
 * what runs, and the durable state.  One struct, passed everywhere; several may
 * live in one process (tests).
 *
 * Every system path goes through agent_path(), so that `--root DIR` moves the whole
 * board (proc, sys, boot, var, etc, lib, run) below DIR: tests make a scratch board
 * there.
 */
#ifndef KF_AGENT_H
#define KF_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/slot/state.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/buildid.h"
#include "proto/limits.h"

/* /etc/kferry/agent.conf: "key = value" lines, '#' comments; written by `kferry board
 * setup`. */
struct agent_conf {
	char *board_kind;    /* profile's name, may be NULL */
	char *chain;	     /* boot chain to use; NULL: the first usable one */
	char *state_dir;     /* /var/lib/kferry */
	char *socket;	     /* /run/kferry/agent.sock */
	char *boot_dir;	     /* boot file system; NULL: the backend finds it */
	char **hook;	     /* argv of the `hook` boot chain; NULL: not configured */
	char **reboot;	     /* argv that reboots; NULL: the init system's way */
	char *trial_cmdline; /* added to a trial's command line (panic=10 ...) */
	char *image_words;   /* words of a command line that name the running system */
	char *watchdog;	     /* device, "/dev/watchdog0"; "none": do not use one */
	unsigned watchdog_s; /* its time-out while a trial runs; 0: the device's own */
	unsigned confirm_timeout_s; /* default for an ARM that names none */
	unsigned keep; /* slots kept, the known-good and the running one besides */
	uint64_t reserve_bytes; /* left free on every file system */
};

/* What this boot is; filled once by agent_init(), constant afterwards. */
struct agent_boot {
	char boot_id[40];
	char release[LIMIT_RELEASE + 1];
	char machine[LIMIT_RELEASE + 1]; /* uname -m */
	char build_id[BUILD_ID_HEX];	 /* "" if the kernel has none */
	char *banner;			 /* /proc/version, one line */
	char *cmdline;			 /* /proc/cmdline, one line */
	/* The slot that runs: named by kferry.slot= on the command line or by a slot
	 * whose build-id is this one, and in either case only when build-id (else banner)
	 * agrees.  Where the slot cannot be read, or has neither (then the release must
	 * agree), the command line's word counts.
	 * "": a foreign kernel. */
	char slot[SLOT_ID_SIZE];
	/* The command line names it: no other slot of the same image is meant. */
	bool marked;
	/* The slot was started by kexec: nothing shows that the board boots it. */
	bool kexec;
	/* When this kernel started, in clock_now_ms(): 0 on a board; in a scratch root
	 * the age of its boot_id file tells. */
	int64_t start_ms;
};

/* What trial_boot() found to be done to the boot chain. */
struct trial_unsettled {
	char slot[SLOT_ID_SIZE];
	bool look; /* armed in this boot: an agent that died over it has said so in the
		      state, but the chain may not know */
	bool elsewhere; /* it was armed, and the board came up with something else */
	bool disarm;	/* it is over */
	bool commit;	/* it is its chain's default, and not the state's */
};

/* What this boot took, in milliseconds; 0: not known.  Filled by boottimes_find() before
 * there are threads, constant afterwards. */
struct agent_times {
	uint64_t agent_ms;    /* start of the agent, since the kernel's */
	uint64_t init_ms;     /* start of the first program, likewise */
	uint64_t loader_ms;   /* how long it ran, before the kernel */
	uint64_t firmware_ms; /* likewise, before the loader */
};

struct agent {
	char *root; /* "" or a directory without trailing slash */
	struct agent_conf conf;
	struct agent_boot boot;
	struct agent_times times;
	/* Written by jobs and by the loop: state_lock is held to read or change it; every
	 * change is state_save()d before the lock is released. */
	pthread_mutex_t state_lock;
	struct state state;
	struct trial_unsettled unsettled; /* under state_lock */
	/* What a crash or a boot left is being put right: no deploy begins.  Under
	 * state_lock. */
	bool settling;
	char watchdog[256]; /* what ends a hang of the trial that runs; "": none runs.
			       Under state_lock. */
	/* Held by a job while it changes the boot chain and then the state (install, arm,
	 * confirm, roll back, remove): both change in one order.  Taken before
	 * state_lock. */
	pthread_mutex_t chain_lock;
	int state_fd; /* directory: conf.state_dir */
	bool scratch; /* --root was given: never touch this machine's own boot, /dev or
			 init */
};

/*
 * Read the configuration and what runs, load the state, make the directories of the
 * state. root: "" on a board.  Fails with a reason; a damaged state file is set aside and
 * reported, the board's own kernel then counts as known-good, and a slot that runs as one
 * that is not confirmed.
 */
int agent_init(struct agent *a, const char *root, struct kf_error *err) _must_check_;
/* As agent_init(), and nothing on disk is made or changed: for the early-boot step. */
int agent_init_early(struct agent *a, const char *root,
		     struct kf_error *err) _must_check_;
void agent_fini(struct agent *a);

/* root + path in one allocation owned by the caller (NULL: no memory).  path is absolute.
 */
char *agent_path(const struct agent *a, const char *path) _must_check_;
/* fs_read_file() and fs_read_line() of a file below root. */
int agent_read_file(const struct agent *a, const char *path, size_t max,
		    struct buf *b) _must_check_;
int agent_read_line(const struct agent *a, const char *path, char **ret) _must_check_;
/* The line of a file that may be missing: NULL, whatever the reason. */
char *agent_line(const struct agent *a, const char *path) _must_check_;

#endif
