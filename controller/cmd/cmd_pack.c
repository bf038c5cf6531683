/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry pack: a kernel into a package file. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/kernel/require.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define DEFAULT_LEVEL 9 /* written once, sent often */

struct file {
	int fd;
	const char *path;
	uint64_t bytes;
	struct kf_error *err;
};

static int to_file(void *arg, const void *data, size_t n)
{
	struct file *f = arg;
	int r = fs_write_all(f->fd, data, n);

	f->bytes += n;
	return r < 0 ? kf_err(f->err, r, KF_REASON_IO, "write %s: %m", f->path) : 0;
}

/* Under another name until it is whole: half a package must not look like one. */
static int write_package(const struct kernel *k, int level, const char *path,
			 uint64_t *ret_bytes, struct kf_error *err)
{
	_free_ char *partial = strf("%s.partial", path);
	_close_ int fd = -1;
	struct file f = {.path = path, .err = err};
	int r;

	if (!partial)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	fd = fs_open_beneath(AT_FDCWD, partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0644);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "create %s: %m", partial);
	f.fd = fd;
	r = kernel_write_tar(k, NULL, true, level, to_file, &f, NULL, err);
	if (r == 0 && fsync(fd) < 0)
		r = kf_err(err, -errno, KF_REASON_IO, "write %s: %m", partial);
	if (r == 0 && rename(partial, path) < 0)
		r = kf_err(err, -errno, KF_REASON_IO, "rename %s to %s: %m", partial,
			   path);
	if (r < 0)
		unlink(partial);
	else
		*ret_bytes = f.bytes;
	return r;
}

static int pack(struct cmd_env *env, const char *board, const char *from, const char *out,
		struct kf_error *err)
{
	int level = (int)config_uint(env->cfg, board, "compress.level");
	int64_t start = clock_now_ms();
	struct kernel *k = NULL;
	uint64_t bytes = 0;
	char text[16];
	int r;

	if (from)
		r = kernel_from_file(env->cfg, env->ui, from, &k, err);
	else
		r = kernel_from_tree(env->cfg, env->ui, board, &k, err);
	if (r == 0)
		r = require_check_kernel(env->cfg, env->ui, board, k, err);
	if (r == 0)
		r = write_package(k, level ? level : DEFAULT_LEVEL, out, &bytes, err);
	if (r == 0)
		ui_step(env->ui, "pack", NULL, clock_now_ms() - start,
			json_pack("{s:s, s:s, s:s, s:I, s:I}", "file", out, "slot",
				  k->slot, "release", k->manifest.release, "files",
				  (json_int_t)k->manifest.n_files, "bytes",
				  (json_int_t)bytes),
			"%s  %zu files, %s in %s", k->manifest.release,
			k->manifest.n_files, text_bytes(bytes, text), out);
	kernel_free(k);
	return r;
}

/* --full.  false: it was told why that cannot be set. */
static bool use_full(const struct cmd_env *env)
{
	struct kf_error err = {0};

	if (config_override(env->cfg, "kernel.incremental", "no", &err) == 0)
		return true;
	ui_error(env->ui, NULL, &err);
	return false;
}

int cmd_pack(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"output", required_argument, NULL, 'o'},
		{"from", required_argument, NULL, 'f'},
		{"strict", no_argument, NULL, 's'},
		{"full", no_argument, NULL, 'F'},
		{0},
	};
	const char *out = NULL, *from = NULL, *board;
	struct kf_error err = {0};
	int c;

	while ((c = getopt_long(argc, argv, ":b:o:", options, NULL)) != -1) {
		if (c == 'b')
			env->board = optarg;
		else if (c == 'o')
			out = optarg;
		else if (c == 'f')
			from = optarg;
		else if (c == 's' && !cmd_strict(env))
			return STATUS_ERROR;
		else if (c == 'F' && !use_full(env))
			return STATUS_ERROR;
		else if (c == 's' || c == 'F')
			continue;
		else
			return cmd_bad_option(env, argv[0], argv);
	}
	if (optind < argc)
		return cmd_usage(env, argv[0], "%s: it takes options only", argv[optind]);
	if (!out)
		return cmd_usage(env, argv[0], "into which file? -o FILE");
	if (!cmd_build_board(env, argv[0], &board))
		return STATUS_USAGE;
	return pack(env, board, from, out, &err) < 0 ? cmd_fail(env, NULL, &err)
						     : STATUS_PASS;
}
