/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running the distribution's initramfs generator, outside of the agent's sandbox and in a
 * mount namespace where /lib/modules and /boot have the slot's files and nothing else.
 */
#include "agent/initramfs/distro.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "agent/outside/outside.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
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

static char *join(const char *a, const char *between, const char *b)
{
	char *s;

	return asprintf(&s, "%s%s%s", a, between, b) < 0 ? NULL : s;
}

static int run_generator(const struct run *run)
{
	const char *release = run->s->manifest.release;
	_free_ char *modules = NULL, *modules_at = NULL, *config = NULL,
		    *config_at = NULL;
	const struct proc_opts opts = {
		.timeout_ms = TIMEOUT_MS,
		.cancel = run->cancel,
		.reason = KF_REASON_INITRAMFS,
	};
	struct outside_program p = {.argv = run->argv};

	/* A scratch root is not mounted over. */
	if (run->a->scratch)
		return outside_check(run->a, &p, &opts, run->err);
	modules = join(run->dir, "/modules/", release);
	modules_at = join("/lib/modules", "/", release);
	config = join(run->dir, "/", "boot/config");
	config_at = join("/boot/config", "-", release);
	if (!modules || !modules_at || !config || !config_at)
		return kf_err(run->err, -ENOMEM, KF_REASON_NO_MEMORY, "run %s: %m",
			      run->g->name);
	const struct outside_mount mounts[] = {
		{OUTSIDE_TMPFS, "mode=755,size=1m", "/lib/modules"},
		{OUTSIDE_BIND, modules, modules_at},
		{OUTSIDE_TMPFS, "mode=755,size=8m", "/boot"},
		{OUTSIDE_BIND_RO, config, config_at},
	};
	p.mounts = mounts;
	p.n_mounts = ARRAY_SIZE(mounts) - !fs_exists(run->s->fd, "boot/config");
	return outside_check(run->a, &p, &opts, run->err);
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
