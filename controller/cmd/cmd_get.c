// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry get: files and trees from a board, which its tar sends. */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/cmd/cmd.h"
#include "controller/copy/same_ask.h"
#include "controller/copy/spot.h"
#include "controller/copy/unpack.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define REST_MAX (1024 * 1024) /* of padding behind a tar's end */

/* sh -c: directory, name; the paths of the files on its input.  What find cannot read is
 * told: in a pipe only tar's status would count. */
static const char send_some[] =
	"cd \"$1\" && others=$(find \"./$2\" ! -type f) || exit 1\n"
	"{ printf '%s\\n' \"$others\"; cat; } | tar --no-recursion -cf - -T -\n";

struct args {
	const char *dest;
	bool several, checksum;
};

struct get {
	struct cmd_env *env;
	struct remote_board board;
	struct same same;
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

	ui_progress(g->env->ui, "get", g->board.name, atomic_load(&g->unpack.bytes), 0,
		    g->unpack.name);
}

static int transfer(struct get *g, struct remote *remote, struct kf_error *err)
{
	pthread_t thread;
	int p[2], rc;

	if (pipe2(p, O_CLOEXEC) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "a pipe: %m");
	g->unpack.in = p[0];
	remote->out = p[1];
	remote->tick = tick;
	remote->arg = g;
	rc = -pthread_create(&thread, NULL, unpack_thread, g);
	if (rc < 0) {
		close(p[0]);
		close(p[1]);
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "a thread: %m");
	}
	rc = remote_run(&g->board, remote, err);
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

static int get_all(struct get *g, const struct spot *from, struct kf_error *err)
{
	const char *const argv[] = {"tar",     "-cf", "-",	  "-C",
				    from->dir, "--",  from->name, NULL};
	struct remote remote = {.argv = argv, .in = -1};

	return transfer(g, &remote, err);
}

/* The directories, the links, and what is not the same. */
static int get_some(struct get *g, const struct spot *from, struct kf_error *err)
{
	const char *const argv[] = {"sh",      "-c",	   send_some, "kferry",
				    from->dir, from->name, NULL};
	_close_ int names = memfd_create("names", MFD_CLOEXEC);
	struct remote remote = {.argv = argv, .in = names};
	_buf_ struct buf b = BUF_INIT;
	int rc = names < 0 ? -errno : 0;

	for (size_t i = 0; i < g->same.n && rc == 0; i++)
		if (!g->same.files[i].same)
			rc = buf_printf(&b, "./%s/%s\n", from->name,
					g->same.files[i].path);
	if (rc == 0)
		rc = fs_write_all(names, buf_data(&b), buf_len(&b));
	if (rc == 0 && lseek(names, 0, SEEK_SET) < 0)
		rc = -errno;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "a list of files: %m");
	return transfer(g, &remote, err);
}

static int get_real(struct get *g, const struct spot *from, bool checksum,
		    struct kf_error *err)
{
	const char *const words[] = {from->dir, from->name, NULL};
	const struct same_ask ask = {.board = &g->board,
				     .words = words,
				     .dir = g->unpack.dir,
				     .top = g->unpack.as,
				     .checksum = checksum};
	int rc = same_ask_get(&ask, &g->same, err);

	if (rc < 0 || same_has(&g->same, "."))
		return rc;
	return g->same.n_same ? get_some(g, from, err) : get_all(g, from, err);
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

static void tell(struct get *g, const char *word, int64_t start)
{
	char size[16], rest[48] = "";

	if (g->same.n_same)
		snprintf(rest, sizeof(rest), "; %zu unchanged", g->same.n_same);
	ui_step(g->env->ui, "get", g->board.name, clock_now_ms() - start,
		json_pack("{s:I, s:I, s:I}", "files", (json_int_t)g->unpack.files,
			  "bytes", (json_int_t)g->unpack.bytes, "unchanged",
			  (json_int_t)g->same.n_same),
		"%s: %lu file%s, %s%s", word, (unsigned long)g->unpack.files,
		g->unpack.files == 1 ? "" : "s", text_bytes(g->unpack.bytes, size), rest);
}

static int get_one(struct cmd_env *env, const char *word, const struct args *a)
{
	_spot_ struct spot from = {0};
	_free_ char *as = NULL;
	_close_ int dir = -1;
	struct get g = {.env = env, .board.cfg = env->cfg};
	struct kf_error err = {0};
	int64_t start = clock_now_ms();
	int rc = spot_parse(env->cfg, word, &from, &err);

	if (rc == 0 && !*from.name)
		rc = kf_err(&err, -EINVAL, KF_REASON_USAGE,
			    "all of a board is not copied");
	if (rc == 0)
		rc = find_place(&from, a->dest, a->several, &dir, &as, &err);
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	g.board.name = cmd_board_arg(env, "get", from.board);
	if (!g.board.name)
		return STATUS_USAGE;
	g.unpack = (struct unpack){.dir = dir, .name = from.name, .as = as};
	rc = get_real(&g, &from, a->checksum, &err);
	remote_board_fini(&g.board);
	if (rc < 0) {
		ui_progress_end(env->ui, g.board.name);
		kf_err_wrap(&err, "%s", word);
		rc = cmd_fail(env, g.board.name, &err);
	} else {
		tell(&g, word, start);
		rc = STATUS_PASS;
	}
	same_fini(&g.same);
	return rc;
}

int cmd_get(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"checksum", no_argument, NULL, 'c'},
		{0},
	};
	struct args a = {0};
	int status = STATUS_PASS, c;

	while ((c = getopt_long(argc, argv, ":b:c", options, NULL)) != -1) {
		if (c == 'c')
			a.checksum = true;
		else if (c == 'b')
			env->board = optarg;
		else
			return cmd_bad_option(env, "get", argv);
	}
	if (argc - optind < 2)
		return cmd_usage(env, "get", "what, and where to?");
	a.dest = argv[argc - 1];
	a.several = argc - optind > 2;
	for (int i = optind; i < argc - 1 && !atomic_load(cancel_flag()); i++) {
		int one = get_one(env, argv[i], &a);

		if (one)
			status = one;
	}
	return status;
}
