/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running the distribution's initramfs generator.
 *
 * Outside of the agent's sandbox its mount namespace is made by systemd, from properties
 * of its unit.  Where there is no sandbox the agent makes it; it belongs to a thread
 * then: unshare(CLONE_NEWNS) changes only the thread that calls it, and what that thread
 * starts inherits it.
 */
#include "agent/initramfs/distro.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/outside.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define TIMEOUT_MS (10 * 60 * 1000)
#define WORDS	   8

/* In argv, OUT and REL stand for the file and the release. */
#define OUT "\1"
#define REL "\2"

static const struct generator {
	const char *name, *path;
	const char *argv[WORDS]; /* without the program */
	bool config;		 /* fails without /boot/config-REL */
} generators[] = {
	{"initramfs-tools", "/usr/sbin/mkinitramfs", {"-o", OUT, REL}, true},
	{"dracut",
	 "/usr/bin/dracut",
	 {"--force", "--no-hostonly", "--kver", REL, OUT},
	 false},
	{"dracut",
	 "/usr/sbin/dracut",
	 {"--force", "--no-hostonly", "--kver", REL, OUT},
	 false},
	{"mkinitcpio", "/usr/bin/mkinitcpio", {"-k", REL, "-g", OUT}, false},
	{"booster",
	 "/usr/bin/booster",
	 {"build", "--kernel-version", REL, "--force", OUT},
	 false},
};

struct run {
	const struct agent *a;
	const struct slot *s;
	const struct generator *g;
	const char *argv[WORDS + 2];
	char *dir; /* the slot's */
	const atomic_bool *cancel;
	struct kf_error *err;
	int result;
};

static const struct generator *find(const struct agent *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(generators); i++) {
		_free_ char *path = agent_path(a, generators[i].path);

		if (path && fs_exists(AT_FDCWD, path))
			return &generators[i];
	}
	return NULL;
}

const char *distro_generator(const struct agent *a)
{
	const struct generator *g = find(a);

	return g ? g->name : NULL;
}

static int step(struct run *run, const char *what, int rc)
{
	if (rc < 0)
		return kf_err(run->err, -errno, KF_REASON_INITRAMFS,
			      "make a place for the initramfs generator: %s: %m", what);
	return 0;
}

static int fill_boot(struct run *run)
{
	_close_ int in = fs_open_beneath(run->s->fd, "boot/config", O_RDONLY, 0),
		    out = -1;
	_free_ char *to = NULL;
	int r;

	if (in < 0)
		return 0;
	if (asprintf(&to, "/boot/config-%s", run->s->manifest.release) < 0)
		return kf_err(run->err, -ENOMEM, KF_REASON_NO_MEMORY,
			      "copy a kernel's configuration: %m");
	out = fs_open_beneath(AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL, 0644);
	r = out < 0 ? out : fs_copy_fd(in, out, NULL);
	if (r < 0)
		return kf_err(run->err, r, KF_REASON_IO,
			      "copy the kernel's configuration: %m");
	return 0;
}

static int enter_namespace(struct run *run)
{
	const char *release = run->s->manifest.release;
	_free_ char *from = NULL, *to = NULL;
	int r;

	if (asprintf(&from, "%s/modules/%s", run->dir, release) < 0)
		from = NULL;
	if (asprintf(&to, "/lib/modules/%s", release) < 0)
		to = NULL;
	if (!from || !to)
		return kf_err(run->err, -ENOMEM, KF_REASON_NO_MEMORY,
			      "make a place for the initramfs generator: %m");
	r = step(run, "unshare", unshare(CLONE_NEWNS));
	if (r == 0)
		r = step(run, "private mounts",
			 mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (r == 0)
		r = step(run, "mount on /lib/modules",
			 mount("kferry", "/lib/modules", "tmpfs", MS_NOSUID | MS_NODEV,
			       "mode=755,size=1m"));
	if (r == 0)
		r = step(run, to, mkdir(to, 0755));
	if (r == 0)
		r = step(run, to, mount(from, to, NULL, MS_BIND, NULL));
	if (r == 0)
		r = step(run, "mount on /boot",
			 mount("kferry", "/boot", "tmpfs", MS_NOSUID | MS_NODEV,
			       "mode=755,size=8m"));
	return r < 0 ? r : fill_boot(run);
}

static void *generate(void *arg)
{
	struct run *run = arg;
	const struct proc_opts opts = {
		.timeout_ms = TIMEOUT_MS,
		.cancel = run->cancel,
		.cwd = "/",
	};

	run->result = run->a->scratch ? 0 : enter_namespace(run);
	if (run->result == 0)
		run->result = proc_check(run->argv, &opts, run->err);
	return NULL;
}

/* The last line of what it printed says most. */
static int explain(const struct run *run, int r, int status, struct buf *out)
{
	const char *text = buf_str(out), *last;
	size_t n = text ? strlen(text) : 0;

	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		n--;
	last = text ? text + n : "";
	while (text && last > text && last[-1] != '\n')
		last--;
	n = text ? n - (size_t)(last - text) : 0;
	if (r == -ETIMEDOUT)
		return kf_err(run->err, r, KF_REASON_INITRAMFS,
			      "%s did not end within %d ms", run->argv[0], TIMEOUT_MS);
	if (r < 0)
		return kf_err(run->err, r, KF_REASON_INITRAMFS, "run %s: %m%s%.*s",
			      run->argv[0], n ? ": " : "", (int)n, last);
	return kf_err(run->err, -EIO, KF_REASON_INITRAMFS,
		      "%s ended with status %d: %.*s", run->argv[0], status, (int)n,
		      last);
}

/* What systemd would take for more than a part of a path in a property. */
static int check_path(const struct run *run)
{
	if (!strpbrk(run->dir, " \t\n\"'\\:%"))
		return 0;
	return kf_err(
		run->err, -EINVAL, KF_REASON_CONFIG,
		"the path %s has characters that cannot be passed to %s; set another "
		"state_dir in agent.conf",
		run->dir, run->g->name);
}

static int generate_outside(struct run *run)
{
	const char *release = run->s->manifest.release;
	_free_ char *modules = NULL, *config = NULL;
	_buf_ struct buf out = BUF_INIT;
	const struct proc_opts opts = {
		.timeout_ms = TIMEOUT_MS,
		.cancel = run->cancel,
		.out = &out,
	};
	int r = check_path(run), status;

	if (r < 0)
		return r;
	if (asprintf(&modules, "BindPaths=%s/modules/%s:/lib/modules/%s", run->dir,
		     release, release) < 0)
		modules = NULL;
	if (asprintf(&config, "BindReadOnlyPaths=-%s/boot/config:/boot/config-%s",
		     run->dir, release) < 0)
		config = NULL;
	if (!modules || !config)
		return kf_err(run->err, -ENOMEM, KF_REASON_NO_MEMORY, "run %s: %m",
			      run->g->name);
	const char *const props[] = {"TemporaryFileSystem=/lib/modules:mode=755,size=1m",
				     "TemporaryFileSystem=/boot:mode=755,size=8m",
				     modules, config, NULL};
	const struct outside_program p = {
		.kind = "initramfs", .argv = run->argv, .props = props};

	r = outside_run(run->a, &p, &opts, &status);
	if (r < 0 || status != 0)
		return explain(run, r, status, &out);
	return 0;
}

/* The path that the slot has now: it may be in staging. */
static char *slot_path(const struct slot *s)
{
	char link[32], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", s->fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return target[0] == '/' ? strdup(target) : NULL;
}

static int check(const struct agent *a, const struct slot *s, const struct generator *g,
		 struct kf_error *err)
{
	if (!g)
		return kf_err(err, -ENOENT, KF_REASON_INITRAMFS,
			      "the board has none of initramfs-tools, dracut, mkinitcpio "
			      "and booster to make an initramfs with");
	if (g->config && !fs_exists(s->fd, "boot/config"))
		return kf_err(err, -ENOENT, KF_REASON_INITRAMFS,
			      "the package has no boot/config, which %s needs", g->name);
	if (!a->scratch && geteuid() != 0)
		return kf_err(err, -EPERM, KF_REASON_PERMISSION,
			      "%s can only be run by root", g->name);
	return 0;
}

static int run_generator(struct run *run)
{
	pthread_t thread;
	int r;

	switch (outside_way(run->a)) {
	case OUTSIDE_UNIT:
		return generate_outside(run);
	case OUTSIDE_SHUT:
		return kf_err(run->err, -ENOTSUP, KF_REASON_INITRAMFS,
			      "%s runs outside of the agent's sandbox, and on this board "
			      "systemd-run or D-Bus, which that takes, is missing: start "
			      "dbus, or use kernel.initramfs = graft",
			      run->g->name);
	default:
		break;
	}
	r = -pthread_create(&thread, NULL, generate, run);
	if (r < 0)
		return kf_err(run->err, r, KF_REASON_NO_MEMORY, "start a thread: %m");
	pthread_join(thread, NULL);
	return run->result;
}

int distro_make(const struct agent *a, const struct slot *s, const char *name,
		const atomic_bool *cancel, struct kf_error *err)
{
	const struct generator *g = find(a);
	struct run run = {.a = a, .s = s, .g = g, .cancel = cancel, .err = err};
	_free_ char *program = NULL, *dir = NULL, *out = NULL;
	int r;

	r = check(a, s, g, err);
	if (r < 0)
		return r;
	program = agent_path(a, g->path);
	run.dir = dir = slot_path(s);
	if (!program || !dir || asprintf(&out, "%s/%s", dir, name) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "run %s: %m", g->name);
	run.argv[0] = program;
	for (size_t i = 0; i < WORDS && g->argv[i]; i++)
		run.argv[i + 1] = *g->argv[i] == *OUT	? out
				  : *g->argv[i] == *REL ? s->manifest.release
							: g->argv[i];
	log_info("initramfs generator=%s release=%s", g->name, s->manifest.release);
	r = run_generator(&run);
	if (r < 0)
		return r;
	if (!fs_exists(s->fd, name))
		return kf_err(err, -ENOENT, KF_REASON_INITRAMFS,
			      "%s ended well but wrote nothing", g->name);
	return 0;
}
