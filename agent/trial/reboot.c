/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to end a boot, the orderly ones first.  Each program has a time-out, and the
 * forced way waits for the disk only so long: a board must not stay up because its
 * storage hangs.
 */
#include "agent/trial/reboot.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/reboot.h>

#include "agent/boot/kexec/boot_kexec.h"
#include "agent/boot/kexec/kexec_sys.h"
#include "agent/log/boots.h"
#include "agent/outside/outside.h"
#include "agent/trial/bringdown.h"
#include "agent/trial/trial.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define PROGRAM_MS 60000
#define SYNC_MS	   10000
#define POLL_MS	   50

static const char *mode_word(Kferry__RebootMode mode)
{
	switch (mode) {
	case KFERRY__REBOOT_MODE__REBOOT_FORCE:
		return "force";
	case KFERRY__REBOOT_MODE__REBOOT_KEXEC:
		return "kexec";
	default:
		return "normal";
	}
}

/* Outside of the agent's sandbox, where it can reach what switches the power. */
static int run_configured(const struct agent *a, Kferry__RebootMode mode,
			  struct kf_error *err)
{
	const struct proc_opts opts = {.timeout_ms = PROGRAM_MS};
	struct outside_program p = {0};
	_free_ const char **argv = NULL;
	size_t n = 0;

	while (a->conf.reboot[n])
		n++;
	argv = calloc(n + 2, sizeof(*argv));
	if (!argv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	memcpy(argv, a->conf.reboot, n * sizeof(*argv));
	argv[n] = mode_word(mode);
	p.argv = argv;
	return outside_check(a, &p, &opts, err);
}

/* What has to reach the disk first, on a thread that may be left behind. */
struct flush {
	struct agent *a;
	Kferry__BootEnd why;
	atomic_bool done;
	atomic_int users;
};

static void flush_put(struct flush *f)
{
	if (atomic_fetch_sub(&f->users, 1) == 1)
		free(f);
}

static void *flush_thread(void *arg)
{
	struct flush *f = arg;

	if (boots_set_end(f->a, f->why) < 0)
		log_warn("reboot error=\"the end of this boot was not recorded\"");
	sync();
	atomic_store(&f->done, true);
	flush_put(f);
	return NULL;
}

static void flush_for_a_while(struct agent *a, Kferry__BootEnd why)
{
	struct flush *f = calloc(1, sizeof(*f));
	deadline_ms end = deadline_in(SYNC_MS);
	pthread_t thread;

	if (!f)
		return;
	f->a = a;
	f->why = why;
	atomic_store(&f->users, 2);
	if (pthread_create(&thread, NULL, flush_thread, f) != 0) {
		free(f);
		return;
	}
	pthread_detach(thread);
	while (!atomic_load(&f->done) && deadline_left(end) > 0)
		usleep(POLL_MS * 1000);
	flush_put(f);
}

static int reset(struct kf_error *err)
{
	reboot(RB_AUTOBOOT);
	return kf_err(err, -errno, KF_REASON_PERMISSION, "reboot this machine: %m");
}

/* The init system's ways, best first; 0 when one of them took it on. */
static int ask_init(struct kf_error *err)
{
	const char *systemd[] = {"systemctl", "--no-block", "reboot", NULL, NULL};
	static const char *const other[][3] = {
		{"/sbin/reboot", NULL, NULL},
		{"/sbin/init", "6", NULL},
		{"/bin/busybox", "reboot", NULL},
	};
	/* A newer systemctl would take a loaded kernel, or /run/nextroot, for what is
	 * meant; this one has to go through the firmware. */
	static const char *const real[] = {"SYSTEMCTL_SKIP_AUTO_KEXEC=1",
					   "SYSTEMCTL_SKIP_AUTO_SOFT_REBOOT=1", NULL};
	const struct proc_opts opts = {.timeout_ms = PROGRAM_MS, .env_extra = real};
	_free_ char *line = NULL, *word = NULL;
	int rc = -ENOENT;

	/* Some versions of systemctl delete an argument that somebody (the boot chain of
	 * the Raspberry Pi) left there for the kernel, unless they are given it. */
	if (fs_read_line(AT_FDCWD, "/run/systemd/reboot-param", &line) == 0 && *line &&
	    asprintf(&word, "--reboot-argument=%s", line) > 0)
		systemd[3] = word;
	if (fs_exists(AT_FDCWD, "/run/systemd/system"))
		rc = proc_check(systemd, &opts, err);
	for (size_t i = 0; rc < 0 && i < ARRAY_SIZE(other); i++)
		rc = proc_check(other[i], &opts, err);
	return rc;
}

/* Under systemd in good order.  Other init systems do not know how: then everything is
 * stopped here.  A kernel that does not start after that is reset, and falls back. */
static int start_loaded(struct agent *a, Kferry__BootEnd why, struct kf_error *err)
{
	static const char *const argv[] = {"systemctl", "--no-block", "kexec", NULL};
	const struct proc_opts opts = {.timeout_ms = PROGRAM_MS};
	bool systemd = fs_exists(AT_FDCWD, "/run/systemd/system");

	if (systemd && proc_check(argv, &opts, err) == 0)
		return 0;
	if (systemd)
		log_warn("reboot error=\"%s\"", err->msg);
	else
		bringdown_processes();
	flush_for_a_while(a, why);
	bringdown_disks(a);
	reboot(RB_KEXEC);
	log_err("reboot mode=kexec error=\"%s\"", strerror(errno));
	return reset(err);
}

/* The forced way touches no disk before the flush that may be left behind: the note of
 * what was loaded stays, and means nothing in the next boot. */
static void unload(const struct agent *a, bool force)
{
	int rc;

	if (!force) {
		kexec_drop(a);
		return;
	}
	rc = kexec_sys_unload(a);
	if (rc < 0)
		log_info("kexec event=unload error=\"%s\"", strerror(-rc));
}

int reboot_now(struct agent *a, Kferry__RebootMode mode, Kferry__BootEnd why,
	       struct kf_error *err)
{
	const bool force = mode == KFERRY__REBOOT_MODE__REBOOT_FORCE;
	const bool kexec = mode == KFERRY__REBOOT_MODE__REBOOT_KEXEC;
	int rc = 0;

	log_info("reboot mode=%s why=%s", mode_word(mode),
		 why == KFERRY__BOOT_END__BOOT_END_DEADLINE ? "deadline" : "asked");
	if (!a->conf.reboot && a->scratch)
		return kf_err(
			err, -ENOTSUP, KF_REASON_UNSUPPORTED,
			"a scratch root has no reboot program set (reboot = PROGRAM "
			"in agent.conf)");
	if (kexec)
		rc = kexec_check_ready(a, err);
	else
		unload(a, force);
	if (rc == 0 && kexec)
		rc = trial_kexec_starts(a, err);
	if (rc < 0)
		return rc;
	if (force)
		flush_for_a_while(a, why);
	else if (boots_set_end(a, why) < 0)
		log_warn("reboot error=\"the end of this boot was not recorded\"");
	if (a->conf.reboot)
		return run_configured(a, mode, err);
	if (kexec)
		return start_loaded(a, why, err);
	if (!force) {
		rc = ask_init(err);
		if (rc == 0)
			return 0;
		log_warn("reboot error=\"%s\"", err->msg);
		sync();
	}
	return reset(err);
}
