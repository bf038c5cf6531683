/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lab's own program as a boot chain: conf.hook, called with one more word or two,
 *
 *	HOOK... probe | disarm
 *	HOOK... stage | arm | read-back | commit | remove SLOT
 *
 * where SLOT may be "foreign" with commit.  Its environment has
 *
 *	KFERRY_ROOT      what to put in front of system paths, usually empty
 *	KFERRY_SLOT      the slot's id
 *	KFERRY_SLOT_DIR  the directory with the slot's files
 *	KFERRY_IMAGE     (stage) the kernel image
 *	KFERRY_INITRD    (stage) its initramfs, empty if it has none
 *	KFERRY_CMDLINE   (stage) its whole command line
 *
 * Exit status 0 is success; otherwise the last line on stderr says why, and EX_TEMPFAIL
 * (75) from read-back is neither yes nor no: whom it asks does not answer.  What probe
 * prints on stdout is shown as a note.  It runs outside of the agent's sandbox
 * (agent/outside/).
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>

#include "agent/boot/boot.h"
#include "agent/outside/outside.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define TIMEOUT_MS	 (60 * 1000)
#define STAGE_TIMEOUT_MS (10 * 60 * 1000)
#define LINE_SIZE	 256
#define ENV_MAX		 8
#define NO_ANSWER	 126 /* a shell that could run no program, or a signal */

/* The last line of a stream that is not blank. */
struct last_line {
	char text[LINE_SIZE];
	char next[LINE_SIZE];
	size_t n;
};

struct call {
	const char *env[ENV_MAX + 1];
	size_t n_env;
	int timeout_ms;
	int status; /* of the program, when it has ended */
	struct last_line out, err;
};

static void call_fini(struct call *c)
{
	for (size_t i = 0; i < c->n_env; i++)
		free((char *)c->env[i]);
}
#define _call_ _cleanup_(call_fini)

static void line_end(struct last_line *l)
{
	l->next[l->n] = '\0';
	if (l->next[strspn(l->next, " \t\r")] != '\0')
		memcpy(l->text, l->next, l->n + 1);
	l->n = 0;
}

static int on_output(void *arg, int fd, const void *data, size_t n)
{
	struct call *c = arg;
	struct last_line *l = fd == 2 ? &c->err : &c->out;
	const char *p = data;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n')
			line_end(l);
		else if (l->n < LINE_SIZE - 1)
			l->next[l->n++] = p[i];
	}
	return 0;
}

static int add_env(struct call *c, const char *name, const char *value)
{
	char *s;

	if (c->n_env == ENV_MAX)
		return -ENOSPC;
	if (asprintf(&s, "%s=%s", name, value) < 0)
		return -ENOMEM;
	c->env[c->n_env++] = s;
	return 0;
}

/* The path that an open descriptor has now. */
static int path_of(int fd, char **ret)
{
	char link[32], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (target[0] != '/')
		return -ENOENT;
	*ret = strdup(target);
	return *ret ? 0 : -ENOMEM;
}

static int run(const struct agent *a, struct call *c, const char *verb, const char *slot,
	       struct kf_error *err)
{
	const struct proc_opts opts = {
		.timeout_ms = c->timeout_ms ? c->timeout_ms : TIMEOUT_MS,
		.on_output = on_output,
		.arg = c,
	};
	struct outside_program p = {.env = c->env};
	_free_ const char **argv = NULL;
	size_t n = 0;
	int r, status;

	while (a->conf.hook[n])
		n++;
	argv = calloc(n + 3, sizeof(*argv));
	if (!argv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "run the boot hook: %m");
	memcpy(argv, a->conf.hook, n * sizeof(*argv));
	argv[n] = verb;
	argv[n + 1] = slot;
	p.argv = argv;
	r = outside_run(a, &p, &opts, &status);
	line_end(&c->out);
	line_end(&c->err);
	if (r == -ETIMEDOUT)
		return kf_err(err, r, KF_REASON_TIMEOUT,
			      "the boot hook %s did not end %s within %d s", argv[0],
			      verb, opts.timeout_ms / 1000);
	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC, "run the boot hook %s: %m%s",
			      argv[0], outside_hint(r));
	c->status = status;
	if (status != 0)
		return kf_err(err, -EIO, KF_REASON_BOOT_CHAIN,
			      "the boot hook %s failed at %s with status %d: %s", argv[0],
			      verb, status,
			      *c->err.text ? c->err.text : "it said nothing");
	return 0;
}

static int prepare(const struct agent *a, struct call *c, const char *slot,
		   struct kf_error *err)
{
	_free_ char *dir = NULL, *rel = NULL;
	int r;

	if (!a->conf.hook || !a->conf.hook[0])
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "no hook program is set (hook = PROGRAM in agent.conf)");
	r = add_env(c, "KFERRY_ROOT", a->root);
	if (r == 0 && slot)
		r = add_env(c, "KFERRY_SLOT", slot);
	if (r == 0 && slot && strcmp(slot, FOREIGN) != 0) {
		if (asprintf(&rel, "%s/slots/%s", a->conf.state_dir, slot) < 0)
			rel = NULL;
		dir = rel ? agent_path(a, rel) : NULL;
		r = dir ? add_env(c, "KFERRY_SLOT_DIR", dir) : -ENOMEM;
	}
	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "run the boot hook: %m");
	return 0;
}

/* *ret_status: the hook's, 0 where it has not ended. */
static int call_for_status(const struct agent *a, const char *verb, const char *slot,
			   int *ret_status, struct kf_error *err)
{
	_call_ struct call c = {.n_env = 0};
	int r;

	r = prepare(a, &c, slot, err);
	if (r == 0)
		r = run(a, &c, verb, slot, err);
	*ret_status = c.status;
	return r;
}

static int call_simple(const struct agent *a, const char *verb, const char *slot,
		       struct kf_error *err)
{
	int status;

	return call_for_status(a, verb, slot, &status, err);
}

static int hook_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	_call_ struct call c = {.n_env = 0};
	int r;

	r = prepare(a, &c, NULL, err);
	if (r == 0)
		r = run(a, &c, "probe", NULL, err);
	if (r == 0)
		snprintf(note, 256, "%s", *c.out.text ? c.out.text : a->conf.hook[0]);
	return r;
}

/* The directory is where the slot is now: it may still be in staging. */
static int stage_env(struct call *c, const struct slot *s, int initrd_fd)
{
	_free_ char *dir = NULL, *image = NULL, *initrd = NULL;
	int r;

	r = path_of(s->fd, &dir);
	if (r == 0 && asprintf(&image, "%s/%s", dir, s->manifest.image) < 0)
		r = -ENOMEM;
	if (r == 0 && initrd_fd >= 0)
		r = path_of(initrd_fd, &initrd);
	if (r == 0)
		r = add_env(c, "KFERRY_SLOT", s->id);
	if (r == 0)
		r = add_env(c, "KFERRY_SLOT_DIR", dir);
	if (r == 0)
		r = add_env(c, "KFERRY_IMAGE", image);
	if (r == 0)
		r = add_env(c, "KFERRY_INITRD", initrd ? initrd : "");
	if (r == 0)
		r = add_env(c, "KFERRY_CMDLINE", s->conf.cmdline ? s->conf.cmdline : "");
	return r;
}

static int hook_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		      struct kf_error *err)
{
	_call_ struct call c = {.timeout_ms = STAGE_TIMEOUT_MS};
	int r;

	r = prepare(a, &c, NULL, err);
	if (r < 0)
		return r;
	r = stage_env(&c, s, initrd_fd);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO,
			      "find the files of slot %s for the boot hook: %m", s->id);
	return run(a, &c, "stage", s->id, err);
}

static int hook_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	return call_simple(a, "arm", slot, err);
}

static int hook_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	int status, r = call_for_status(a, "read-back", slot, &status, err);
	bool no = status > 0 && status < NO_ANSWER && status != EX_TEMPFAIL;

	return r < 0 && no ? -ENODATA : r;
}

static int hook_disarm(const struct agent *a, struct kf_error *err)
{
	return call_simple(a, "disarm", NULL, err);
}

static int hook_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	return call_simple(a, "commit", slot, err);
}

static int hook_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	return call_simple(a, "remove", slot, err);
}

static int hook_running_initrd(const struct agent *a, char **ret_path)
{
	(void)a;
	(void)ret_path;
	return -ENOENT;
}

const struct boot_chain boot_hook = {
	.name = "hook",
	.may_lack_mark = true, /* a lab's own way to boot may have its own command line */
	.probe = hook_probe,
	.space = NULL,
	.stage = hook_stage,
	.arm = hook_arm,
	.read_back = hook_read_back,
	.disarm = hook_disarm,
	.commit = hook_commit,
	.remove = hook_remove,
	.running_initrd = hook_running_initrd,
};
