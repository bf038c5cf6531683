// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry get: files and trees from a board, which its tar sends. */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cmd/cmd.h"
#include "controller/copy/remote.h"
#include "controller/copy/spot.h"
#include "controller/copy/unpack.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define REST_MAX (1024 * 1024) /* of padding behind a tar's end */

struct get {
	struct cmd_env *env;
	const char *board;
	struct unpack unpack;
	struct kf_error unpack_err;
	int rc;
};

static void *unpack_thread(void *arg)
{
	struct get *g = arg;
	char rest[4096];
	ssize_t n = 1;

	g->rc = unpack_tree(&g->unpack, &g->unpack_err);
	for (size_t all = 0; g->rc == 0 && n > 0 && all < REST_MAX; all += (size_t)n)
		n = read(g->unpack.in, rest, sizeof(rest));
	close(g->unpack.in);
	return NULL;
}

static void tick(void *arg)
{
	struct get *g = arg;

	ui_progress(g->env->ui, "get", g->board, atomic_load(&g->unpack.bytes), 0,
		    g->unpack.name);
}

static int transfer(struct get *g, const struct spot *from, struct kf_error *err)
{
	const char *const argv[] = {"tar",     "-cf", "-",	  "-C",
				    from->dir, "--",  from->name, NULL};
	struct remote remote = {.argv = argv, .in = -1, .tick = tick, .arg = g};
	pthread_t thread;
	int p[2], rc;

	if (pipe2(p, O_CLOEXEC) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "a pipe: %m");
	g->unpack.in = p[0];
	remote.out = p[1];
	rc = -pthread_create(&thread, NULL, unpack_thread, g);
	if (rc < 0) {
		close(p[0]);
		close(p[1]);
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "a thread: %m");
	}
	rc = remote_run(g->env->cfg, g->board, &remote, err);
	close(p[1]);
	pthread_join(thread, NULL);
	/* Why nobody read any more says more than that; a cut stream says less than why.
	 */
	if (g->rc < 0 && (rc == 0 || rc == -EPIPE)) {
		*err = g->unpack_err;
		rc = g->rc;
	}
	return rc;
}

/* Where it goes: dest itself, or below it when that is a directory. */
static int find_place(const struct spot *from, const char *dest, bool several,
		      int *ret_dir, char **ret_as, struct kf_error *err)
{
	_free_ char *whole = strdup(dest);
	size_t n = strlen(dest);
	struct stat st;
	char *slash;

	if (!whole)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (stat(dest, &st) == 0 && S_ISDIR(st.st_mode)) {
		*ret_dir = fs_open_dir(AT_FDCWD, dest);
		*ret_as = strdup(from->name);
	} else if (several || !n || dest[n - 1] == '/') {
		return kf_err(err, -ENOTDIR, KF_REASON_USAGE, "%s is no directory", dest);
	} else {
		slash = strrchr(whole, '/');
		*ret_as = strdup(slash ? slash + 1 : whole);
		if (slash)
			slash[slash == whole] = '\0';
		*ret_dir = fs_open_dir(AT_FDCWD, slash ? whole : ".");
	}
	if (*ret_dir < 0)
		return kf_err(err, *ret_dir, KF_REASON_IO, "the directory of %s: %m",
			      dest);
	return *ret_as ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int get_one(struct cmd_env *env, const char *word, const char *dest, bool several)
{
	_spot_ struct spot from = {0};
	_free_ char *as = NULL;
	_close_ int dir = -1;
	struct get g = {.env = env};
	struct kf_error err = {0};
	int64_t start = clock_now_ms();
	char size[16];
	int rc = spot_parse(env->cfg, word, &from, &err);

	if (rc == 0 && !*from.name)
		rc = kf_err(&err, -EINVAL, KF_REASON_USAGE,
			    "all of a board is not copied");
	if (rc == 0)
		rc = find_place(&from, dest, several, &dir, &as, &err);
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	g.board = cmd_board_arg(env, "get", from.board);
	if (!g.board)
		return STATUS_USAGE;
	g.unpack = (struct unpack){.dir = dir, .name = from.name, .as = as};
	rc = transfer(&g, &from, &err);
	if (rc < 0) {
		ui_progress_end(env->ui, g.board);
		kf_err_wrap(&err, "%s", word);
		return cmd_fail(env, g.board, &err);
	}
	ui_step(env->ui, "get", g.board, clock_now_ms() - start,
		json_pack("{s:I, s:I}", "files", (json_int_t)g.unpack.files, "bytes",
			  (json_int_t)g.unpack.bytes),
		"%s: %lu file%s, %s", word, (unsigned long)g.unpack.files,
		g.unpack.files == 1 ? "" : "s", text_bytes(g.unpack.bytes, size));
	return STATUS_PASS;
}

int cmd_get(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{0},
	};
	int status = STATUS_PASS, c;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c != 'b')
			return cmd_bad_option(env, "get", argv);
		env->board = optarg;
	}
	if (argc - optind < 2)
		return cmd_usage(env, "get", "what, and where to?");
	for (int i = optind; i < argc - 1 && !atomic_load(cancel_flag()); i++) {
		int one = get_one(env, argv[i], argv[argc - 1], argc - optind > 2);

		if (one)
			status = one;
	}
	return status;
}
