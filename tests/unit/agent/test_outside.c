/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs outside of the sandbox: directly, and by a helper that listens in a scratch
 * root as systemd would for it. */
#include "agent/outside/outside.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "agent/outside/child.h"
#include "agent/outside/helper.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "tests/lib/board.h"
#include "tests/lib/emulated.h"

#define SOON_MS 60000

struct world {
	struct board b;
	pid_t listener; /* 0: none */
};

/* --- a listener that starts a helper for each connection -------------------------- */

static int listen_in(struct board *b)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(fs_mkdirs(b->fd, "run/kferry"), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/run/kferry/outside.sock",
		 b->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static _Noreturn void serve(int fd)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			_exit(1);
		if (fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			close(fd);
			_exit(outside_helper_run(conn) < 0);
		}
		close(conn);
	}
}

static int with_listener(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	board_init(&w->b);
	fd = listen_in(&w->b);
	w->listener = fork();
	if (w->listener == 0)
		serve(fd);
	close(fd);
	*state = w;
	return w->listener < 0;
}

static int without(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	board_init(&w->b);
	*state = w;
	return 0;
}

static int stop_world(void **state)
{
	struct world *w = *state;

	if (w->listener) {
		kill(w->listener, SIGKILL);
		waitpid(w->listener, NULL, 0);
	}
	board_fini(&w->b);
	free(w);
	return 0;
}

/* A pipe whose reading end ends with the last of the processes that have the other. */
static void wait_for_eof(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	deadline_ms end = deadline_in(SOON_MS);
	char text[256];
	ssize_t n = 1;

	while (n > 0) {
		assert_true(poll(&p, 1, deadline_left(end)) == 1);
		n = read(fd, text, sizeof(text));
	}
	assert_int_equal(n, 0);
}

/* --- to the end ------------------------------------------------------------------- */

static void runs_to_the_end(void **state)
{
	struct world *w = *state;
	static const char *const env[] = {"WHAT=there", NULL};
	const char *argv[] = {"sh", "-c", "echo $WHAT $HOME $LANG; pwd; exit 3", NULL};
	const struct outside_program p = {.argv = argv, .env = env};
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts opts = {.timeout_ms = SOON_MS, .out = &out};
	int status = -1;

	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), 0);
	assert_int_equal(status, 3);
	assert_string_equal(buf_str(&out), "there /root C.UTF-8\n/\n");
	opts.out = NULL;
	argv[2] = "kill -9 $$";
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), 0);
	assert_int_equal(status, 128 + 9);
	argv[2] = "sleep 1000";
	opts.timeout_ms = 50;
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), -ETIMEDOUT);
}

static void says_why_it_cannot_start(void **state)
{
	struct world *w = *state;
	const char *argv[] = {"/nonexistent", NULL};
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = SOON_MS};
	int status = -1;

	NOT_EMULATED("posix_spawn() does not learn there that the program did not start");
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), -ENOENT);
	argv[0] = "nonexistent";
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), -ENOENT);
	argv[0] = "/etc/passwd";
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), -EACCES);
}

static void errors_have_the_same_words(void **state)
{
	struct world *w = *state;
	const char *argv[] = {"sh", "-c", "echo one; echo two; exit 3", NULL};
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = SOON_MS, .reason = KF_REASON_EXEC};
	struct kf_error err = {0};

	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -EIO);
	assert_string_equal(err.msg, "sh ended with status 3: two");
	assert_int_equal(err.reason, KF_REASON_EXEC);
	argv[0] = "nosuch";
	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -ENOENT);
	assert_string_equal(err.msg, "there is no program nosuch: install it");
	argv[0] = "true";
	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), 0);
}

static void a_long_command_line_arrives(void **state)
{
	struct world *w = *state;
	const char *argv[LIMIT_ARGV + 1] = {"echo"};
	const struct outside_program p = {.argv = argv};
	_buf_ struct buf out = BUF_INIT;
	const struct proc_opts opts = {.timeout_ms = SOON_MS, .out = &out};
	char word[257];
	int status;

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	for (size_t i = 1; i < LIMIT_ARGV; i++)
		argv[i] = word;
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), 0);
	assert_int_equal(buf_len(&out), (LIMIT_ARGV - 1) * sizeof(word));
}

static void mounts_are_the_programs_own(void **state)
{
	struct world *w = *state;
	_free_ char *dir = agent_path(&w->b.a, "/there"), *at = NULL, *text = NULL;
	const char *argv[] = {"sh", "-c", "ls $DIR; touch $DIR/new $DIR/sub/x && exit 5",
			      NULL};
	const char *env[2] = {NULL};
	struct outside_program p = {.argv = argv, .env = env};
	_buf_ struct buf out = BUF_INIT;
	const struct proc_opts opts = {.timeout_ms = SOON_MS, .out = &out};
	struct kf_error err = {0};
	_free_ char *var = NULL;

	if (geteuid() != 0)
		skip();
	put_text(&w->b, "there/below", "");
	put_text(&w->b, "sub/file", "");
	assert_true(asprintf(&at, "%s/sub", dir) > 0);
	assert_true(asprintf(&text, "%s/sub", w->b.path) > 0);
	assert_true(asprintf(&var, "DIR=%s", dir) > 0);
	env[0] = var;
	const struct outside_mount mounts[] = {{OUTSIDE_TMPFS, "mode=755", dir},
					       {OUTSIDE_BIND_RO, text, at},
					       {OUTSIDE_BIND, "/nonexistent", "/tmp"}};
	p.mounts = mounts;
	p.n_mounts = 1;
	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -EIO);
	if (strstr(err.msg, "not permitted"))
		skip();
	/* Empty, and read-only where it is bound so. */
	p.n_mounts = 2;
	buf_reset(&out);
	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -EIO);
	assert_non_null(strstr(buf_str(&out), "sub\n"));
	assert_null(strstr(buf_str(&out), "below"));
	assert_non_null(strstr(err.msg, "Read-only"));
	assert_true(fs_exists(w->b.fd, "there/below"));
	assert_false(fs_exists(w->b.fd, "there/new"));
	p.n_mounts = 3;
	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -ENOENT);
	assert_string_equal(err.msg, "mount /tmp for sh: No such file or directory");
}

static void a_socket_that_nobody_listens_at_is_an_error(void **state)
{
	struct world *w = *state;
	const char *argv[] = {"true", NULL};
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = SOON_MS};
	struct kf_error err = {0};
	int status;

	close(listen_in(&w->b));
	assert_int_equal(outside_run(&w->b.a, &p, &opts, &status), -ECONNREFUSED);
	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.msg, "systemctl restart kferry-outside.socket"));
}

static void a_helper_that_dies_is_told(void **state)
{
	struct world *w = *state;
	const char *argv[] = {"sh", "-c", "kill -9 $PPID", NULL};
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = SOON_MS};
	struct kf_error err = {0};

	assert_int_equal(outside_check(&w->b.a, &p, &opts, &err), -ECONNRESET);
	assert_non_null(strstr(err.msg, "ended early"));
}

/* --- the helper ------------------------------------------------------------------- */

static int start_helper(int *ret_conn)
{
	int s[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(s[0]);
		_exit(-outside_helper_run(s[1]));
	}
	close(s[1]);
	*ret_conn = s[0];
	return pid;
}

static int helpers_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void send_command(int conn, const char *script, const int stdio[3])
{
	const char *argv[] = {"sh", "-c", script, NULL};
	const struct outside_program p = {.argv = argv};
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(outside_encode(&p, &b), 0);
	assert_int_equal(outside_send(conn, buf_data(&b), buf_len(&b), stdio),
			 buf_len(&b));
}

static void rubbish_is_not_served(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	const char *argv[] = {"true", NULL};
	const struct outside_program p = {.argv = argv};
	int conn;
	pid_t pid;

	(void)state;
	pid = start_helper(&conn);
	assert_int_equal(send(conn, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(helpers_end(pid), EBADMSG);
	close(conn);
	/* A request without descriptors. */
	assert_int_equal(outside_encode(&p, &b), 0);
	pid = start_helper(&conn);
	assert_int_equal(send(conn, buf_data(&b), buf_len(&b), 0), buf_len(&b));
	assert_int_equal(helpers_end(pid), EBADMSG);
	close(conn);
	/* One that is not whole. */
	pid = start_helper(&conn);
	assert_int_equal(send(conn, buf_data(&b), buf_len(&b) - 1, 0), buf_len(&b) - 1);
	close(conn);
	assert_int_equal(helpers_end(pid), ECONNRESET);
}

/* The whole group: the one that does not take SIGTERM too. */
static void the_end_of_the_connection_ends_the_group(void **state)
{
	int conn, out[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = start_helper(&conn);
	send_command(conn,
		     "(trap '' TERM; echo; while :; do sleep 1000; done) & sleep 1000",
		     (const int[]){out[1], out[1], out[1]});
	close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	close(conn);
	wait_for_eof(out[0]);
	helpers_end(pid);
	close(out[0]);
}

static void a_stop_is_answered(void **state)
{
	uint8_t p[OUTSIDE_REPLY];
	struct outside_reply r;
	int conn, out[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = start_helper(&conn);
	send_command(conn, "trap '' TERM; echo; while :; do sleep 1000; done",
		     (const int[]){out[1], out[1], out[1]});
	close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	assert_int_equal(shutdown(conn, SHUT_WR), 0);
	assert_int_equal(recv(conn, p, sizeof(p), MSG_WAITALL), sizeof(p));
	assert_int_equal(outside_reply_decode(p, &r), 0);
	assert_int_equal(r.kind, OUTSIDE_ENDED);
	assert_true(WIFSIGNALED(r.value) && WTERMSIG(r.value) == SIGKILL);
	assert_int_equal(helpers_end(pid), 0);
	wait_for_eof(out[0]);
	close(out[0]);
	close(conn);
}

/* SIGTERM to the helper is systemd's to its control group: the program decides. */
static void signals_are_the_programs(void **state)
{
	uint8_t p[OUTSIDE_REPLY];
	struct outside_reply r;
	int conn, out[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = start_helper(&conn);
	send_command(conn, "trap 'exit 9' TERM; echo; kill $PPID; kill $$; sleep 1000",
		     (const int[]){out[1], out[1], out[1]});
	close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	assert_int_equal(recv(conn, p, sizeof(p), MSG_WAITALL), sizeof(p));
	assert_int_equal(outside_reply_decode(p, &r), 0);
	assert_int_equal(WEXITSTATUS(r.value), 9);
	assert_int_equal(helpers_end(pid), 0);
	close(out[0]);
	close(conn);
}

/* --- on the loop ------------------------------------------------------------------ */

struct watched {
	struct outside_child child;
	struct outside_end end;
	unsigned ended, closed;
};

static void on_end(void *arg, const struct outside_end *end)
{
	struct watched *x = arg;

	x->end = *end;
	x->ended++;
	outside_child_close(&x->child);
}

static void on_closed(void *arg)
{
	struct watched *x = arg;

	x->closed++;
}

/* Runs it on a loop to its end; stop: that is asked for at once.  What start said. */
static int watch(struct world *w, const char *program, const char *script, bool stop,
		 struct watched *x)
{
	const char *argv[] = {program, "-c", script, NULL};
	const struct outside_program p = {.argv = argv};
	uv_loop_t loop;
	int r;

	*x = (struct watched){.child = {.ended = on_end, .closed = on_closed}};
	x->child.arg = x;
	assert_int_equal(uv_loop_init(&loop), 0);
	outside_child_init(&x->child, &loop);
	r = outside_child_start(&x->child, &w->b.a, &p, (const int[]){0, 1, 2});
	if (r < 0)
		outside_child_close(&x->child);
	else if (stop)
		outside_child_stop(&x->child);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(x->closed, 1);
	return r;
}

static void a_child_on_the_loop_ends(void **state)
{
	struct world *w = *state;
	struct watched x;
	int r;

	assert_int_equal(watch(w, "sh", "exit 3", false, &x), 0);
	assert_int_equal(x.ended, 1);
	assert_int_equal(x.end.error, 0);
	assert_int_equal(x.end.status, 3);
	assert_int_equal(x.end.signal, 0);
	assert_int_equal(watch(w, "sh", "kill -15 $$", false, &x), 0);
	assert_int_equal(x.end.signal, SIGTERM);
	r = watch(w, "nosuch", "", false, &x);
	assert_int_equal(r < 0 ? r : x.end.error, -ENOENT);
	assert_int_equal(watch(w, "sh", "sleep 1000", true, &x), 0);
	assert_int_equal(x.ended, 1);
}

int main(void)
{
#define IN(f, how) cmocka_unit_test_setup_teardown(f, how, stop_world)
	const struct CMUnitTest tests[] = {
		IN(runs_to_the_end, without),
		IN(runs_to_the_end, with_listener),
		IN(says_why_it_cannot_start, without),
		IN(says_why_it_cannot_start, with_listener),
		IN(errors_have_the_same_words, without),
		IN(errors_have_the_same_words, with_listener),
		IN(a_long_command_line_arrives, with_listener),
		IN(mounts_are_the_programs_own, without),
		IN(mounts_are_the_programs_own, with_listener),
		IN(a_socket_that_nobody_listens_at_is_an_error, without),
		IN(a_helper_that_dies_is_told, with_listener),
		cmocka_unit_test(rubbish_is_not_served),
		cmocka_unit_test(the_end_of_the_connection_ends_the_group),
		cmocka_unit_test(a_stop_is_answered),
		cmocka_unit_test(signals_are_the_programs),
		IN(a_child_on_the_loop_ends, without),
		IN(a_child_on_the_loop_ends, with_listener),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
