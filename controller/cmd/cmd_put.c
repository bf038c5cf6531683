// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kferry put: files and trees to a board.  Its tar unpacks them in a directory beside
 * where they go, and only when all is there each file is renamed to its place, so that
 * what is cut off leaves nothing under their names.
 */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/copy/pack_tree.h"
#include "controller/copy/same_ask.h"
#include "controller/copy/spot.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

/* Directories that are there are merged; nothing takes the place of a directory, nor a
 * directory that of a file. */
static const char receive[] =
	"put() {\n"
	"	if [ -d \"$2\" ] && [ ! -L \"$1\" ] && [ -d \"$1\" ]; then\n"
	"		for f in \"$1\"/* \"$1\"/.[!.]* \"$1\"/..?*; do\n"
	"			[ -e \"$f\" ] || [ -L \"$f\" ] || continue\n"
	"			put \"$f\" \"$2/${f##*/}\" || return 1\n"
	"		done\n"
	"	elif [ -d \"$2\" ]; then\n"
	"		echo \"$2 is a directory\" >&2; return 1\n"
	"	elif [ -e \"$2\" ] && [ ! -L \"$1\" ] && [ -d \"$1\" ]; then\n"
	"		echo \"$2 is no directory\" >&2; return 1\n"
	"	else\n"
	"		mv -f -- \"$1\" \"$2\"\n"
	"	fi\n"
	"}\n" PUT_PLACE "tmp=$(mktemp -d \"$dir/.kf-put-XXXXXX\") || exit 1\n"
	"trap 'rm -rf \"$tmp\"' EXIT\n"
	"trap 'exit 1' HUP INT TERM\n"
	"tar -xpof - -C \"$tmp\" && put \"$tmp/$3\" \"$dir/$as\"\n";

struct args {
	const struct spot *to;
	bool several, checksum;
};

struct put {
	struct cmd_env *env;
	struct remote_board board;
	const char *words[PUT_WORDS + 1];
	struct same same;
	struct pack_tree pack;
	struct kf_error pack_err;
	atomic_int rc; /* the packer's, final when its pipe ends */
};

static void *pack_thread(void *arg)
{
	struct put *p = arg;

	p->rc = pack_tree(&p->pack, &p->pack_err);
	close(p->pack.out);
	return NULL;
}

static bool whole(void *arg)
{
	struct put *p = arg;

	return atomic_load(&p->rc) == 0;
}

static void tick(void *arg)
{
	struct put *p = arg;

	ui_progress(p->env->ui, "put", p->board.name, atomic_load(&p->pack.bytes), 0,
		    strrchr(p->pack.path, '/') + 1);
}

static bool skip(void *arg, const char *path)
{
	const struct put *p = arg;

	return same_has(&p->same, path);
}

static int compare(struct put *p, bool checksum, struct kf_error *err)
{
	const char *slash = strrchr(p->pack.path, '/');
	_free_ char *above = strndup(p->pack.path, (size_t)(slash + 1 - p->pack.path));
	_close_ int dir = above ? fs_open_dir(AT_FDCWD, above) : -ENOMEM;
	const struct same_ask ask = {.board = &p->board,
				     .words = p->words,
				     .dir = dir,
				     .top = slash + 1,
				     .checksum = checksum};

	if (dir < 0)
		return kf_err(err, dir, KF_REASON_IO, "the directory of %s: %m",
			      p->pack.path);
	p->pack.skip = skip;
	p->pack.arg = p;
	return same_ask_put(&ask, &p->same, err);
}

static int transfer(struct put *p, struct kf_error *err)
{
	const char *argv[4 + PUT_WORDS + 1] = {"sh", "-c", receive, "kferry"};
	struct remote remote = {
		.argv = argv, .out = -1, .tick = tick, .whole = whole, .arg = p};
	pthread_t thread;
	int fds[2], rc;

	memcpy(argv + 4, p->words, sizeof(p->words));
	if (pipe2(fds, O_CLOEXEC) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "a pipe: %m");
	remote.in = fds[0];
	p->pack.out = fds[1];
	rc = -pthread_create(&thread, NULL, pack_thread, p);
	if (rc < 0) {
		close(fds[0]);
		close(fds[1]);
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "a thread: %m");
	}
	rc = remote_run(&p->board, &remote, err);
	close(fds[0]);
	pthread_join(thread, NULL);
	/* What could not be read here is why the board got no whole tar; that the board
	 * did not read on is not why it failed. */
	if (p->rc < 0 && p->rc != -EPIPE) {
		*err = p->pack_err;
		rc = p->rc;
	}
	return rc;
}

/* The name that was typed, which may be that of a link; the real one where none was. */
static char *given_name(const char *file, const char *path)
{
	size_t n = strlen(file);
	const char *slash, *name;

	while (n > 1 && file[n - 1] == '/')
		n--;
	slash = memrchr(file, '/', n);
	name = slash ? slash + 1 : file;
	n -= (size_t)(name - file);
	if (!n || (n == 1 && *name == '.') || (n == 2 && !strncmp(name, "..", 2)))
		return strdup(strrchr(path, '/') + 1);
	return strndup(name, n);
}

static void tell(struct put *p, const char *file, int64_t start)
{
	char size[16], rest[48] = "";

	if (p->same.n_same)
		snprintf(rest, sizeof(rest), "; %zu unchanged", p->same.n_same);
	ui_step(p->env->ui, "put", p->board.name, clock_now_ms() - start,
		json_pack("{s:I, s:I, s:I}", "files", (json_int_t)p->pack.files, "bytes",
			  (json_int_t)p->pack.bytes, "unchanged",
			  (json_int_t)p->same.n_same),
		"%s: %lu file%s, %s%s", file, (unsigned long)p->pack.files,
		p->pack.files == 1 ? "" : "s", text_bytes(p->pack.bytes, size), rest);
}

static int put_real(struct put *p, const char *given, const struct args *a,
		    struct kf_error *err)
{
	const char *const words[] = {a->to->dir, a->to->name,
				     strrchr(p->pack.path, '/') + 1,
				     a->several ? "many" : "one", given};
	int rc;

	memcpy(p->words, words, sizeof(words));
	rc = compare(p, a->checksum, err);
	/* The tar of a tree has its directories, in any case. */
	if (rc == 0 && !same_has(&p->same, "."))
		rc = transfer(p, err);
	return rc;
}

static int put_one(struct cmd_env *env, const char *file, const struct args *a)
{
	_free_ char *path = realpath(file, NULL);
	_free_ char *given = NULL;
	struct put p = {.env = env, .board.cfg = env->cfg, .pack = {.path = path}};
	struct kf_error err = {0};
	int64_t start = clock_now_ms();
	int rc = 0;

	if (!path || !path[1])
		rc = kf_err(&err, path ? -EINVAL : -errno, KF_REASON_USAGE, "%s: %s",
			    file,
			    path ? "all of a machine is not copied" : strerror(errno));
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	p.board.name = cmd_board_arg(env, "put", a->to->board);
	if (!p.board.name)
		return STATUS_USAGE;
	given = given_name(file, path);
	if (!given)
		rc = kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	else
		rc = put_real(&p, given, a, &err);
	remote_board_fini(&p.board);
	if (rc < 0) {
		ui_progress_end(env->ui, p.board.name);
		kf_err_wrap(&err, "%s", file);
		rc = cmd_fail(env, p.board.name, &err);
	} else {
		tell(&p, file, start);
		rc = STATUS_PASS;
	}
	same_fini(&p.same);
	return rc;
}

int cmd_put(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"checksum", no_argument, NULL, 'c'},
		{0},
	};
	_spot_ struct spot to = {0};
	struct args a = {.to = &to};
	struct kf_error err = {0};
	int status = STATUS_PASS, c;

	while ((c = getopt_long(argc, argv, ":b:c", options, NULL)) != -1) {
		if (c == 'c')
			a.checksum = true;
		else if (c == 'b')
			env->board = optarg;
		else
			return cmd_bad_option(env, "put", argv);
	}
	if (argc - optind < 2)
		return cmd_usage(env, "put", "what, and where to?");
	if (spot_parse(env->cfg, argv[argc - 1], &to, &err) < 0)
		return cmd_fail(env, NULL, &err);
	a.several = argc - optind > 2;
	for (int i = optind; i < argc - 1 && !atomic_load(cancel_flag()); i++) {
		int one = put_one(env, argv[i], &a);

		if (one)
			status = one;
	}
	return status;
}
