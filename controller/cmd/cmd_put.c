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
#include "controller/copy/remote.h"
#include "controller/copy/spot.h"
#include "proto/reason.h"
#include "proto/text.h"

/* sh -c: directory, last part of the destination, name in the tar, "many" or "one", name
 * in a directory.
 * Directories that are there are merged; nothing takes the place of a directory, nor a
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
	"}\n"
	"dir=$1 as=$2\n"
	"case $dir in /) dir= ;; esac\n"
	"if [ -z \"$as\" ] || [ -d \"$dir/$as\" ]; then dir=$dir${as:+/$as} as=$5\n"
	"elif [ \"$4\" = many ]; then echo \"$dir/$as is no directory\" >&2; exit 1; fi\n"
	"tmp=$(mktemp -d \"$dir/.kf-put-XXXXXX\") || exit 1\n"
	"trap 'rm -rf \"$tmp\"' EXIT\n"
	"trap 'exit 1' HUP INT TERM\n"
	"tar -xpof - -C \"$tmp\" && put \"$tmp/$3\" \"$dir/$as\"\n";

struct put {
	struct cmd_env *env;
	const char *board;
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

	ui_progress(p->env->ui, "put", p->board, atomic_load(&p->pack.bytes), 0,
		    strrchr(p->pack.path, '/') + 1);
}

static int transfer(struct put *p, const struct spot *to, bool several, const char *given,
		    struct kf_error *err)
{
	const char *name = strrchr(p->pack.path, '/') + 1;
	const char *const argv[] = {"sh",    "-c",     receive, "kferry",
				    to->dir, to->name, name,	several ? "many" : "one",
				    given,   NULL};
	struct remote remote = {
		.argv = argv, .out = -1, .tick = tick, .whole = whole, .arg = p};
	pthread_t thread;
	int fds[2], rc;

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
	rc = remote_run(p->env->cfg, p->board, &remote, err);
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

static int put_one(struct cmd_env *env, const char *file, const struct spot *to,
		   bool several)
{
	_free_ char *path = realpath(file, NULL);
	_free_ char *given = NULL;
	struct put p = {.env = env, .pack = {.path = path}};
	struct kf_error err = {0};
	int64_t start = clock_now_ms();
	char size[16];
	int rc = 0;

	if (!path || !path[1])
		rc = kf_err(&err, path ? -EINVAL : -errno, KF_REASON_USAGE, "%s: %s",
			    file,
			    path ? "all of a machine is not copied" : strerror(errno));
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	p.board = cmd_board_arg(env, "put", to->board);
	if (!p.board)
		return STATUS_USAGE;
	given = given_name(file, path);
	if (!given)
		rc = kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	else
		rc = transfer(&p, to, several, given, &err);
	if (rc < 0) {
		ui_progress_end(env->ui, p.board);
		kf_err_wrap(&err, "%s", file);
		return cmd_fail(env, p.board, &err);
	}
	ui_step(env->ui, "put", p.board, clock_now_ms() - start,
		json_pack("{s:I, s:I}", "files", (json_int_t)p.pack.files, "bytes",
			  (json_int_t)p.pack.bytes),
		"%s: %lu file%s, %s", file, (unsigned long)p.pack.files,
		p.pack.files == 1 ? "" : "s", text_bytes(p.pack.bytes, size));
	return STATUS_PASS;
}

int cmd_put(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{0},
	};
	_spot_ struct spot to = {0};
	struct kf_error err = {0};
	int status = STATUS_PASS, c;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c != 'b')
			return cmd_bad_option(env, "put", argv);
		env->board = optarg;
	}
	if (argc - optind < 2)
		return cmd_usage(env, "put", "what, and where to?");
	if (spot_parse(env->cfg, argv[argc - 1], &to, &err) < 0)
		return cmd_fail(env, NULL, &err);
	for (int i = optind; i < argc - 1 && !atomic_load(cancel_flag()); i++) {
		int one = put_one(env, argv[i], &to, argc - optind > 2);

		if (one)
			status = one;
	}
	return status;
}
