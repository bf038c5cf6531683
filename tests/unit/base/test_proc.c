/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs: status, output, input, environment, descriptors, deadlines, cancel.  All
 * of it twice: with a pidfd and without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/clock.h"
#include "proto/base/proc.h"

#define LONG_MS 60000 /* a test that waits this long has failed */

static int sh(const char *script, struct proc_opts *o, int *ret_status)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	if (o->timeout_ms == 0)
		o->timeout_ms = LONG_MS;
	return proc_run(argv, o, ret_status);
}

static void exit_status_and_signal(void **state)
{
	struct proc_opts o = {0};
	int status = -1;

	(void)state;
	assert_int_equal(sh("exit 0", &o, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(sh("exit 37", &o, &status), 0);
	assert_int_equal(status, 37);
	assert_int_equal(sh("kill -KILL $$", &o, &status), 0);
	assert_int_equal(status, 128 + SIGKILL);
	assert_int_equal(sh("exit 1", &o, NULL), 0);
}

static void no_such_program(void **state)
{
	const char *const by_name[] = {"kf-no-such-program", NULL};
	const char *const by_path[] = {"/nonexistent/program", NULL};
	const char *const not_exec[] = {"/etc/passwd", NULL};
	const char *const here[] = {"true", NULL};
	struct proc_opts o = {.timeout_ms = LONG_MS};
	int status = 77;

	(void)state;
	assert_int_equal(proc_run(by_name, &o, &status), -ENOENT);
	assert_int_equal(proc_run(by_path, &o, &status), -ENOENT);
	assert_int_equal(proc_run(not_exec, &o, &status), -EACCES);
	o.cwd = "/nonexistent";
	assert_int_equal(proc_run(here, &o, &status), -ENOTDIR);
	assert_int_equal(status, 77);
}

static void output_is_collected(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	_buf_ struct buf err = BUF_INIT;
	struct proc_opts o = {.out = &out, .err_out = &err};
	int status;

	(void)state;
	assert_int_equal(sh("echo one; echo two >&2", &o, &status), 0);
	assert_string_equal(buf_str(&out), "one\n");
	assert_string_equal(buf_str(&err), "two\n");
	buf_reset(&out);
	o.err_out = NULL;
	assert_int_equal(sh("echo 1; echo 2 >&2; echo 3; echo 4 >&2", &o, &status), 0);
	assert_string_equal(buf_str(&out), "1\n2\n3\n4\n");
}

static void much_output_is_whole(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out};
	int status;

	(void)state;
	assert_int_equal(sh("yes | head -c 3000000", &o, &status), 0);
	assert_int_equal(buf_len(&out), 3000000);
}

static void output_past_the_limit_ends_it(void **state)
{
	_buf_ struct buf out = {.max = 1000};
	struct proc_opts o = {.out = &out};
	int status;

	(void)state;
	assert_int_equal(sh("yes", &o, &status), -EMSGSIZE);
	assert_true(buf_len(&out) <= 1000);
}

struct seen {
	struct buf fd[3];
	int stop;
};

static int see(void *arg, int fd, const void *data, size_t n)
{
	struct seen *s = arg;

	assert_true(fd == 1 || fd == 2);
	if (buf_append(&s->fd[fd], data, n) < 0)
		return -ENOMEM;
	return s->stop;
}

static void callback_sees_output_and_may_end_it(void **state)
{
	struct seen s = {0};
	struct proc_opts o = {.on_output = see, .arg = &s};
	int status;

	(void)state;
	assert_int_equal(sh("echo a; echo b >&2", &o, &status), 0);
	assert_string_equal(buf_str(&s.fd[1]), "a\n");
	assert_string_equal(buf_str(&s.fd[2]), "b\n");
	s.stop = -EBADMSG;
	assert_int_equal(sh("echo x; sleep 600", &o, &status), -EBADMSG);
	s.stop = 1;
	assert_int_equal(sh("echo x; sleep 600", &o, &status), -ECANCELED);
	buf_fini(&s.fd[1]);
	buf_fini(&s.fd[2]);
}

static void input_is_given(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out, .input = "hello", .input_len = 5};
	int status, p[2];

	(void)state;
	assert_int_equal(sh("cat", &o, &status), 0);
	assert_string_equal(buf_str(&out), "hello");
	/* Nobody reads it: no SIGPIPE, no error. */
	assert_int_equal(sh("exit 0", &o, &status), 0);
	o.input = NULL;
	o.input_len = 0;
	buf_reset(&out);
	assert_int_equal(sh("cat; echo end", &o, &status), 0);
	assert_string_equal(buf_str(&out), "end\n");
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "piped", 5), 5);
	close(p[1]);
	o.input_fd = p[0];
	buf_reset(&out);
	assert_int_equal(sh("cat", &o, &status), 0);
	assert_string_equal(buf_str(&out), "piped");
	assert_int_equal(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	close(p[0]);
}

static void environment_is_what_was_asked(void **state)
{
	const char *const env[] = {"PATH=/bin:/usr/bin", "A=1", NULL};
	const char *const extra[] = {"A=2", "B=3", NULL};
	const char *const argv[] = {"env", NULL};
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out, .timeout_ms = LONG_MS};
	int status;

	(void)state;
	setenv("KF_TEST_SECRET", "s", 1);
	assert_int_equal(proc_run(argv, &o, &status), 0);
	assert_null(strstr(buf_str(&out), "KF_TEST_SECRET"));
	assert_non_null(strstr(buf_str(&out), "LANG=C.UTF-8\n"));
	assert_memory_equal(buf_str(&out), "PATH=/", 6);
	buf_reset(&out);
	o.env = env;
	o.env_extra = extra;
	assert_int_equal(proc_run(argv, &o, &status), 0);
	assert_string_equal(buf_str(&out), "PATH=/bin:/usr/bin\nA=2\nB=3\n");
	buf_reset(&out);
	o.env = NULL;
	o.inherit_env = true;
	assert_int_equal(proc_run(argv, &o, &status), 0);
	assert_non_null(strstr(buf_str(&out), "KF_TEST_SECRET=s\n"));
	assert_non_null(strstr(buf_str(&out), "B=3\n"));
	unsetenv("KF_TEST_SECRET");
}

static void cwd_is_what_was_asked(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out, .cwd = "/usr"};
	int status;

	(void)state;
	assert_int_equal(sh("pwd -P", &o, &status), 0);
	assert_string_equal(buf_str(&out), "/usr\n");
}

static void no_descriptor_leaks(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out};
	int status, leaky[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		leaky[i] = dup(0);
		assert_true(leaky[i] > 2);
	}
	/* The shell opens nothing for its own built-ins; the glob reads after fork. */
	assert_int_equal(
		sh("for f in 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 "
		   "23 24 25 26 27 28 29 30; do "
		   "[ ! -e /proc/$$/fd/$f ] || echo $f; done",
		   &o, &status),
		0);
	assert_string_equal(buf_str(&out), "");
	for (int i = 0; i < 20; i++)
		close(leaky[i]);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void nothing_stays_open_here(void **state)
{
	const char *const missing[] = {"/nonexistent/program", NULL};
	struct proc_opts o = {.timeout_ms = LONG_MS, .input = "x", .input_len = 1};
	int before = open_fds(), status;

	(void)state;
	assert_int_equal(sh("exit 0", &o, &status), 0);
	assert_int_equal(proc_run(missing, &o, &status), -ENOENT);
	assert_int_equal(open_fds(), before);
}

static void works_with_closed_stdio(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	_buf_ struct buf err = BUF_INIT;
	struct proc_opts o = {
		.out = &out, .err_out = &err, .input = "in", .input_len = 2};
	int keep[3], status = -1, r;

	(void)state;
	for (int i = 0; i < 3; i++) {
		keep[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	r = sh("cat; echo e >&2", &o, &status);
	for (int i = 0; i < 3; i++) {
		dup2(keep[i], i);
		close(keep[i]);
	}
	assert_int_equal(r, 0);
	assert_int_equal(status, 0);
	assert_string_equal(buf_str(&out), "in");
	assert_string_equal(buf_str(&err), "e\n");
}

static void signals_are_as_after_login(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out};
	unsigned long long blocked, ignored;
	sigset_t set, before;
	int status;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(sh("grep -E '^Sig(Blk|Ign)' /proc/self/status", &o, &status), 0);
	signal(SIGPIPE, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	assert_true(sigismember(&set, SIGUSR1));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(
		sscanf(buf_str(&out), "SigBlk: %llx SigIgn: %llx", &blocked, &ignored),
		2);
	assert_int_equal(blocked, 0);
	/* 32 and 33 are libc's own: it lets nobody change them, whatever was inherited.
	 */
	assert_int_equal(ignored & ~(3ULL << 31), 0);
}

/* The descriptor's other end is held by the group: its end means the group is gone. */
static void assert_group_gone(int fd)
{
	char c;

	assert_int_equal(alarm(30), 0);
	while (read(fd, &c, 1) > 0)
		continue;
	alarm(0);
	close(fd);
}

struct group_test {
	int hold; /* read end */
	char script[256];
};

/* A fifo that the shell and its children keep open for writing. */
static void make_group(struct group_test *g, const char *trap)
{
	char dir[] = "/tmp/kf-proc-XXXXXX", path[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	g->hold = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(g->hold >= 0);
	assert_int_equal(fcntl(g->hold, F_SETFL, 0), 0);
	snprintf(g->script, sizeof(g->script),
		 "exec 5>%s; rm -r %s; %s (while :; do sleep 600; done) & echo ready; "
		 "while :; do wait; done",
		 path, dir, trap);
}

static void deadline_ends_the_whole_group(void **state)
{
	struct proc_opts o = {.timeout_ms = 300};
	struct group_test g;
	int64_t t0 = clock_now_ms();
	int status = 55;

	(void)state;
	make_group(&g, "");
	assert_int_equal(sh(g.script, &o, &status), -ETIMEDOUT);
	assert_int_equal(status, 55);
	assert_true(clock_now_ms() - t0 >= 300);
	assert_group_gone(g.hold);
}

static void who_ignores_sigterm_gets_sigkill(void **state)
{
	struct proc_opts o = {.timeout_ms = 300};
	struct group_test g;
	int64_t t0 = clock_now_ms();
	int status;

	(void)state;
	make_group(&g, "trap '' TERM;");
	assert_int_equal(sh(g.script, &o, &status), -ETIMEDOUT);
	assert_true(clock_now_ms() - t0 >= 2300);
	assert_group_gone(g.hold);
}

static void a_past_deadline_starts_nothing(void **state)
{
	const char *const argv[] = {"/nonexistent/program", NULL};
	struct proc_opts o = {.timeout_ms = 0};
	int status;

	(void)state;
	assert_int_equal(proc_run(argv, &o, &status), -ETIMEDOUT);
}

struct canceller {
	atomic_bool flag;
};

static int cancel_on_ready(void *arg, int fd, const void *data, size_t n)
{
	struct canceller *c = arg;

	(void)fd;
	(void)data;
	(void)n;
	atomic_store(&c->flag, true);
	return 0;
}

static void cancel_ends_the_whole_group(void **state)
{
	struct canceller c = {0};
	struct proc_opts o = {.cancel = &c.flag, .on_output = cancel_on_ready, .arg = &c};
	struct group_test g;
	int status;

	(void)state;
	make_group(&g, "");
	assert_int_equal(sh(g.script, &o, &status), -ECANCELED);
	assert_group_gone(g.hold);
}

static void who_stays_behind_is_not_waited_for(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts o = {.out = &out};
	int64_t t0 = clock_now_ms();
	char *end;
	int status;
	long pid;

	(void)state;
	assert_int_equal(sh("sleep 600 & echo $!", &o, &status), 0);
	assert_int_equal(status, 0);
	assert_true(clock_now_ms() - t0 < LONG_MS);
	pid = strtol(buf_str(&out), &end, 10);
	assert_true(pid > 1);
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void *run_many(void *arg)
{
	intptr_t wrong = 0;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		_buf_ struct buf out = BUF_INIT;
		struct proc_opts o = {.out = &out};
		int status = -1;

		wrong += sh("echo out; exit 5", &o, &status) != 0 || status != 5 ||
			 strcmp(buf_str(&out), "out\n") != 0;
	}
	return (void *)wrong;
}

static void threads_run_programs_side_by_side(void **state)
{
	pthread_t t[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, run_many, NULL), 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(t[i], &wrong), 0);
		assert_null(wrong);
	}
}

static void check_names_program_status_and_last_line(void **state)
{
	const char *const bad[] = {"sh", "-c",
				   "echo first; echo 'disk on fire' >&2; exit 3", NULL};
	const char *const killed[] = {"sh", "-c", "kill -SEGV $$", NULL};
	const char *const good[] = {"true", NULL};
	const char *const missing[] = {"kf-no-such-program", NULL};
	const char *const slow[] = {"sleep", "600", NULL};
	struct proc_opts o = {.timeout_ms = LONG_MS, .reason = 30};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(proc_check(good, &o, &err), 0);
	assert_int_equal(err.code, 0);
	assert_int_equal(proc_check(bad, &o, &err), -EIO);
	assert_string_equal(err.msg, "sh ended with status 3: disk on fire");
	assert_int_equal(err.reason, 30);
	assert_int_equal(proc_check(killed, &o, &err), -EIO);
	assert_non_null(strstr(err.msg, "signal 11"));
	assert_int_equal(proc_check(missing, &o, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "kf-no-such-program"));
	o.timeout_ms = 50;
	assert_int_equal(proc_check(slow, &o, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "50 ms"));
	assert_int_equal(
		proc_check(bad, &(struct proc_opts){.timeout_ms = LONG_MS}, NULL), -EIO);
}

static void find_looks_in_path(void **state)
{
	_free_ char *saved = strdup(getenv("PATH"));
	char *path = NULL;

	(void)state;
	assert_int_equal(proc_find("sh", &path), 0);
	assert_int_equal(path[0], '/');
	assert_int_equal(access(path, X_OK), 0);
	free(path);
	path = NULL;
	assert_int_equal(proc_find("/bin/sh", &path), 0);
	assert_string_equal(path, "/bin/sh");
	free(path);
	path = NULL;
	assert_int_equal(proc_find("kf-no-such-program", &path), -ENOENT);
	assert_int_equal(proc_find("/etc/passwd", &path), -ENOENT);
	assert_int_equal(proc_find("/bin", &path), -ENOENT);
	assert_int_equal(proc_find("", &path), -ENOENT);
	assert_int_equal(chdir("/bin"), 0);
	setenv("PATH", ".::", 1);
	assert_int_equal(proc_find("sh", &path), -ENOENT);
	setenv("PATH", saved, 1);
	assert_null(path);
}

static int without_pidfd(void **state)
{
	(void)state;
	return setenv("KF_NO_PIDFD", "1", 1);
}

static int with_pidfd(void **state)
{
	(void)state;
	return unsetenv("KF_NO_PIDFD");
}

#define BOTH(f)                                                                          \
	cmocka_unit_test(f),                                                             \
	{                                                                                \
#f "/no_pidfd", f, without_pidfd, with_pidfd, NULL                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(exit_status_and_signal),
		BOTH(no_such_program),
		BOTH(output_is_collected),
		BOTH(much_output_is_whole),
		BOTH(output_past_the_limit_ends_it),
		BOTH(callback_sees_output_and_may_end_it),
		cmocka_unit_test(input_is_given),
		cmocka_unit_test(environment_is_what_was_asked),
		cmocka_unit_test(cwd_is_what_was_asked),
		cmocka_unit_test(no_descriptor_leaks),
		BOTH(nothing_stays_open_here),
		cmocka_unit_test(works_with_closed_stdio),
		cmocka_unit_test(signals_are_as_after_login),
		BOTH(deadline_ends_the_whole_group),
		BOTH(who_ignores_sigterm_gets_sigkill),
		cmocka_unit_test(a_past_deadline_starts_nothing),
		BOTH(cancel_ends_the_whole_group),
		BOTH(who_stays_behind_is_not_waited_for),
		BOTH(threads_run_programs_side_by_side),
		BOTH(check_names_program_status_and_last_line),
		cmocka_unit_test(find_looks_in_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
