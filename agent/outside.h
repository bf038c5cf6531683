/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that must not run inside the sandbox of kferryd.service: a user's commands,
 * the lab's hook, the distribution's initramfs generator.
 *
 * What a service of systemd has given up its children cannot take back, so systemd is
 * asked to run the program as a unit of its own: `systemd-run --pipe --wait`, which
 * passes descriptors 0-2 on as they are.  Where the agent is no service of systemd, and
 * in a scratch root, the program is a plain child.
 *
 * systemd-run's own exit status does not tell how a program was ended (0 after SIGTERM,
 * 255 after other signals), so the unit leaves a link behind that does; it also tells a
 * program that failed from one that never ran.
 */
#ifndef KF_OUTSIDE_H
#define KF_OUTSIDE_H

#include "agent/agent.h"
#include "proto/base/proc.h"

enum outside_way {
	OUTSIDE_DIRECT, /* there is no sandbox */
	OUTSIDE_UNIT,	/* by systemd-run */
	OUTSIDE_SHUT,	/* there is a sandbox, and no way out: systemd-run or D-Bus, which
			   it needs for --wait, is missing.  Programs run inside. */
};

struct outside_program {
	const char *kind;	  /* a word for the unit's name */
	const char *const *argv;  /* the name is looked up in the PATH of env */
	const char *const *env;	  /* "K=V", may be NULL; PATH has a default */
	const char *const *props; /* "Name=value" of the unit, may be NULL */
};

struct outside {
	enum outside_way way;
	char *unit;  /* NULL unless OUTSIDE_UNIT */
	char *end;   /* path of the link that tells the end */
	char **argv; /* what to spawn; NULL-terminated */
};

/* argv for `systemctl kill`; holds pointers into the struct outside it was made from. */
struct outside_kill {
	char signal[24];
	char *argv[5];
};

/* How programs run now; looked at anew each time.  Never blocks. */
enum outside_way outside_way(const struct agent *a);

/* Prepare to run p, whose arrays are copied.  0, -ENOMEM. */
int outside_init(struct outside *o, const struct agent *a,
		 const struct outside_program *p) _must_check_;
void outside_fini(struct outside *o);
#define _outside_ _cleanup_(outside_fini)

/*
 * The words of systemd-run for a program, the caller's to release with
 * outside_argv_free(); NULL: no memory.  unit without ".service"; with: the unit that it
 * ends with, may be NULL; end: the link.
 */
char **outside_argv(const char *unit, const char *with, const char *end,
		    const struct outside_program *p) _must_check_;
void outside_argv_free(char **argv);

/* The words that send sig to all processes of the unit. */
void outside_kill(const struct outside *o, int sig, struct outside_kill *ret);

/*
 * Once systemd-run has ended: how the program did.  *ret_signal is 0 or what killed it,
 * *ret_status else its exit status.  -ENOENT: it was not run; -EBADMSG.
 */
int outside_end(const struct outside *o, int *ret_status, int *ret_signal) _must_check_;
/* The text of such a link, e.g. "exited:3", "killed:TERM".  0, -EBADMSG. */
int outside_parse_end(const char *text, int *ret_status, int *ret_signal) _must_check_;

/*
 * As proc_run(), outside.  opts->env and env_extra are not looked at: p->env is what the
 * program gets besides PATH and LANG.  When it does not end by itself the whole unit is
 * killed before this returns.  -EIO: systemd-run could not run it, and said why on
 * stderr.
 */
int outside_run(const struct agent *a, const struct outside_program *p,
		const struct proc_opts *opts, int *ret_status) _must_check_;

#endif
