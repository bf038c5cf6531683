/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running strip in place on copies, as the makefile does, but on many with one process,
 * and on all processors.
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

#define STRIP_TIMEOUT_MS 300000 /* a batch, on a machine that does much else */
#define MAX_OPTIONS	 16
#define MAX_BATCH	 32 /* modules for one run of it: starting it costs more */
#define LITTLE_SPACE	 (1u << 20) /* what is less may be why it failed */
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
static bool is_full(const char *said, const char *dir)
{
	static const int errors[] = {ENOSPC, EDQUOT, EROFS};
	_close_ int fd = fs_open_dir(AT_FDCWD, dir);
	uint64_t left;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (strstr(said, strerror(errors[i])))
			return true;
	}
	return fd >= 0 && fs_free_bytes(fd, &left) == 0 && left < LITTLE_SPACE;
}

struct work {
	const struct strip *s;
	struct ui *ui;
	const char *dir; /* the copies that are stripped */
	struct strip_item *v;
	size_t n, batch;
	const char *text;
	atomic_size_t done;
};

static char *part_of(const struct work *w, const struct strip_item *it)
{
	return strf("%s/%zu.ko", w->dir, (size_t)(it - w->v));
}

static int copy(const char *from, const char *to)
{
	_close_ int in = fs_open_beneath(AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
	_close_ int out = -1;

	if (in < 0)
		return in;
	out = fs_open_beneath(AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			      0644);
	return out < 0 ? out : fs_copy_fd(in, out, NULL);
}

static int digest_path(const char *path, struct digest *ret)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	return fd < 0 ? fd : digest_fd(fd, ret, NULL);
}

/* What is stripped is a copy; its stamp is that of the bytes that were copied. */
static int take(const struct work *w, struct strip_item *it)
{
	_free_ char *part = part_of(w, it);
	struct stamp after;
	int r = part ? packcache_stamp(it->from, &it->source) : -ENOMEM;

	if (r == 0)
		r = copy(it->from, part);
	if (r == 0 && it->digest_source)
		r = digest_path(part, &it->original);
	if (r == 0)
		r = packcache_stamp(it->from, &after);
	if (r < 0)
		return kf_err(&it->err, r, KF_REASON_IO, "copy %s to %s: %m", it->from,
			      w->dir);
	if (memcmp(&after, &it->source, sizeof(after)) != 0)
		return kf_err(&it->err, -ESTALE, KF_REASON_DIGEST,
			      "%s changed while it was being packed: let the build end, "
			      "and try again",
			      it->from);
	return 0;
}

static int run_program(const struct work *w, const struct strip_item *v, size_t n,
		       struct kf_error *err)
{
	const char *argv[MAX_OPTIONS + MAX_BATCH + 2] = {w->s->program};
	char *parts[MAX_BATCH] = {0};
	_buf_ struct buf out = {.max = 64 * 1024};
	struct proc_opts opts = {.inherit_env = true,
				 .env_extra = tree_env,
				 .timeout_ms = STRIP_TIMEOUT_MS,
				 .cancel = cancel_flag(),
				 .out = &out,
				 .reason = KF_REASON_EXEC};
	size_t at = 1;
	int r = 0;

	for (char **o = w->s->options; *o; o++)
		argv[at++] = *o;
	for (size_t i = 0; i < n && r == 0; i++) {
		argv[at++] = parts[i] = part_of(w, &v[i]);
		r = parts[i] ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = proc_check(argv, &opts, err);
	for (size_t i = 0; i < n; i++)
		free(parts[i]);
	if (r == -EIO && is_full(err->msg, w->dir))
		r = kf_err(err, -ENOSPC, KF_REASON_IO, "strip %s: %m", v->from);
	return r;
}

static int put(const struct work *w, struct strip_item *it)
{
	_free_ char *part = part_of(w, it);
	int r = part ? digest_path(part, &it->digest) : -ENOMEM;

	if (r == 0)
		r = fs_mkdirs_parent(AT_FDCWD, it->to);
	if (r == 0 && rename(part, it->to) < 0)
		r = -errno;
	if (r == 0)
		r = packcache_stamp(it->to, &it->made);
	if (r < 0)
		return kf_err(&it->err, r, KF_REASON_IO, "write %s: %m", it->to);
	return 0;
}

static int for_each(const struct work *w, struct strip_item *v, size_t n,
		    int (*fn)(const struct work *, struct strip_item *))
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = fn(w, &v[i]);
		/* The first of a batch has the error of all of it. */
		if (r < 0 && i > 0)
			v->err = v[i].err;
	}
	return r;
}

static int work(void *arg, size_t i)
{
	struct work *w = arg;
	struct strip_item *v = &w->v[i * w->batch];
	size_t left = w->n - i * w->batch;
	size_t n = left < w->batch ? left : w->batch;
	int r = for_each(w, v, n, take);

	if (r == 0)
		r = run_program(w, v, n, &v->err);
	if (r == 0)
		r = for_each(w, v, n, put);
	if (r == 0)
		ui_progress(w->ui, "pack", NULL, atomic_fetch_add(&w->done, n) + n, w->n,
			    w->text);
	return r;
}

int strip_run(const struct strip *s, struct ui *ui, const char *dir, struct strip_item *v,
	      size_t n, size_t of, struct kf_error *err)
{
	_free_ char *text = strf("%zu of %zu modules changed", n, of);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t share = n / (4 * (size_t)(cpus > 0 ? cpus : 1)) + 1, failed = 0;
	struct work w = {.s = s,
			 .ui = ui,
			 .dir = dir,
			 .v = v,
			 .n = n,
			 .batch = share < MAX_BATCH ? share : MAX_BATCH,
			 .text = text};
	int r;

	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	ui_progress(ui, "pack", NULL, 0, n, text);
	if (n == 0)
		return 0;
	r = fs_mkdirs(AT_FDCWD, dir);
	if (r < 0)
		kf_err(err, r, KF_REASON_IO, "make the directory %s: %m", dir);
	if (r == 0) {
		r = parallel_run((n + w.batch - 1) / w.batch, work, &w, &failed);
		if (r == -ECANCELED)
			kf_err(err, r, KF_REASON_CANCELLED, "packing was cancelled");
		else if (r < 0 && err)
			*err = v[failed * w.batch].err;
	}
	(void)!fs_remove_tree(AT_FDCWD, dir);
	return r == -EDQUOT || r == -EROFS ? -ENOSPC : r;
}
