/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running strip, one process for each module, on all processors.
 */
#include "controller/kernel/pack/strip.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "controller/cancel.h"
#include "controller/kernel/pack/packcache.h"
#include "controller/kernel/parallel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/manifest.h"
#include "proto/reason.h"

#define STRIP_TIMEOUT_MS 300000 /* one module, on a machine that does much else */
#define MAX_OPTIONS	 16
#define STRIP_VARIABLE	 "INSTALL_MOD_STRIP="

void strip_fini(struct strip *s)
{
	free(s->program);
	free(s->options);
	*s = (struct strip){0};
}

/* What make takes from its environment where kferry says nothing. */
static const char *or_environment(const char *given, const char *variable)
{
	const char *env = given ? given : getenv(variable);

	return env && *env ? env : NULL;
}

static bool is_native(const struct tree *t)
{
	struct utsname u;

	uname(&u);
	return strcmp(tree_make_arch(t->arch),
		      tree_make_arch(manifest_arch_of_machine(u.machine))) == 0;
}

/* As the kernel's Makefile names it. */
static char *program_name(const struct tree *t)
{
	const char *llvm = or_environment(t->llvm, "LLVM");
	const char *cross = or_environment(t->cross, "CROSS_COMPILE");
	size_t n = llvm ? strlen(llvm) : 0;

	if (n > 0 && llvm[n - 1] == '/')
		return strf("%sllvm-strip", llvm);
	if (n > 0)
		return strf("llvm-strip%s", llvm[0] == '-' ? llvm : "");
	return strf("%sstrip", cross ? cross : "");
}

static int split_options(const char *value, char ***ret)
{
	const char *text = strcmp(value, "1") == 0 ? "--strip-debug" : value;
	size_t n = 0, room = (MAX_OPTIONS + 1) * sizeof(char *);
	char **v = malloc(room + strlen(text) + 1);
	char *rest;

	if (!v)
		return -ENOMEM;
	rest = memcpy((char *)v + room, text, strlen(text) + 1);
	for (char *one; n < MAX_OPTIONS && (one = strsep(&rest, " \t"));) {
		if (*one)
			v[n++] = one;
	}
	v[n] = NULL;
	*ret = v;
	return 0;
}

int strip_find(const struct tree *t, const char *value, struct strip *ret,
	       const char **ret_why)
{
	struct strip s = {0};
	_free_ char *name = program_name(t);
	int r;

	if (!name)
		return -ENOMEM;
	*ret_why = NULL;
	if (strpbrk(value, "'\"\\$`;&|<>()*?[]#~\n"))
		*ret_why = "only a shell understands INSTALL_MOD_STRIP";
	else if (strcmp(name, "strip") == 0 && !is_native(t))
		*ret_why = "neither build.cross_compile nor build.llvm is set";
	if (*ret_why)
		return -ENOENT;
	r = proc_find(name, &s.program);
	if (r == 0)
		r = split_options(value, &s.options);
	if (r < 0) {
		strip_fini(&s);
		*ret_why = r == -ENOMEM ? NULL : "the toolchain's strip was not found";
		return r == -ENOMEM ? r : -ENOENT;
	}
	*ret = s;
	return 0;
}

const char *strip_wanted(const struct tree *t)
{
	const char *value = NULL;

	for (size_t i = 0; t->extra && t->extra[i]; i++) {
		if (strncmp(t->extra[i], STRIP_VARIABLE, strlen(STRIP_VARIABLE)) == 0)
			value = t->extra[i] + strlen(STRIP_VARIABLE);
	}
	return or_environment(value, "INSTALL_MOD_STRIP");
}

void strip_items_free(struct strip_item *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		free(v[i].from);
		free(v[i].to);
	}
	free(v);
}

/* Does what the program said, or what the file system has left, mean that it is full? */
static bool is_full(const char *said, const char *dir, uint64_t size)
{
	static const int errors[] = {ENOSPC, EDQUOT, EROFS};
	_close_ int fd = fs_open_dir(AT_FDCWD, dir);
	uint64_t left;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (strstr(said, strerror(errors[i])))
			return true;
	}
	return fd >= 0 && fs_free_bytes(fd, &left) == 0 && left < size;
}

static int run_program(const struct strip *s, const struct strip_item *it,
		       const char *part, const char *dir, struct kf_error *err)
{
	const char *argv[MAX_OPTIONS + 5] = {s->program};
	_buf_ struct buf out = {.max = 64 * 1024};
	struct proc_opts opts = {.inherit_env = true,
				 .env_extra = tree_env,
				 .timeout_ms = STRIP_TIMEOUT_MS,
				 .cancel = cancel_flag(),
				 .out = &out,
				 .reason = KF_REASON_EXEC};
	size_t n = 1;
	int r;

	for (char **o = s->options; *o; o++)
		argv[n++] = *o;
	argv[n++] = "-o";
	argv[n++] = part;
	argv[n++] = it->from;
	argv[n] = NULL;
	r = proc_check(argv, &opts, err);
	if (r == -EIO && is_full(err->msg, dir, it->source.size))
		return kf_err(err, -ENOSPC, KF_REASON_IO, "write %s: %m", it->to);
	return r;
}

static int digest_path(const char *path, struct digest *ret)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	return fd < 0 ? fd : digest_fd(fd, ret, NULL);
}

/* Its stamp is that of the bytes that were read. */
static int check_source(struct strip_item *it)
{
	struct stamp now;
	int r = 0;

	if (it->digest_source)
		r = digest_path(it->from, &it->original);
	if (r == 0)
		r = packcache_stamp(it->from, &now);
	if (r < 0)
		return kf_err(&it->err, r, KF_REASON_IO, "read %s: %m", it->from);
	if (memcmp(&now, &it->source, sizeof(now)) != 0)
		return kf_err(&it->err, -ESTALE, KF_REASON_DIGEST,
			      "%s changed while it was being packed: let the build end, "
			      "and try again",
			      it->from);
	return 0;
}

static int strip_one(const struct strip *s, struct strip_item *it, const char *part,
		     const char *dir)
{
	int r = fs_mkdirs(AT_FDCWD, dir);

	if (r == 0)
		r = packcache_stamp(it->from, &it->source);
	if (r < 0)
		return kf_err(&it->err, r, KF_REASON_IO, "strip %s to %s: %m", it->from,
			      it->to);
	r = run_program(s, it, part, dir, &it->err);
	if (r < 0)
		return r;
	r = digest_path(part, &it->digest);
	if (r == 0 && rename(part, it->to) < 0)
		r = -errno;
	if (r == 0)
		r = packcache_stamp(it->to, &it->made);
	if (r < 0)
		return kf_err(&it->err, r, KF_REASON_IO, "write %s: %m", it->to);
	return check_source(it);
}

struct work {
	const struct strip *s;
	struct ui *ui;
	struct strip_item *v;
	size_t n;
	const char *text;
	atomic_size_t done;
};

static int work(void *arg, size_t i)
{
	struct work *w = arg;
	struct strip_item *it = &w->v[i];
	const char *slash = strrchr(it->to, '/');
	_free_ char *dir = strf("%.*s", (int)(slash - it->to), it->to);
	_free_ char *part = strf("%s/" FS_TMP_PREFIX "%s", dir ? dir : "", slash + 1);
	int r;

	if (!dir || !part)
		return kf_err(&it->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = strip_one(w->s, it, part, dir);
	if (r < 0)
		unlink(part);
	else
		ui_progress(w->ui, "pack", NULL, atomic_fetch_add(&w->done, 1) + 1, w->n,
			    w->text);
	return r;
}

int strip_run(const struct strip *s, struct ui *ui, struct strip_item *v, size_t n,
	      size_t of, struct kf_error *err)
{
	_free_ char *text = strf("%zu of %zu modules changed", n, of);
	struct work w = {.s = s, .ui = ui, .v = v, .n = n, .text = text};
	size_t failed = 0;
	int r;

	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = parallel_run(n, work, &w, &failed);
	if (r == -ECANCELED)
		return kf_err(err, r, KF_REASON_CANCELLED, "packing was cancelled");
	if (r < 0 && err)
		*err = v[failed].err;
	return r == -EDQUOT || r == -EROFS ? -ENOSPC : r;
}
