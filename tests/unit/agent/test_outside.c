/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words for systemd-run, what a unit says of its end, and when there is no unit. */
#include "agent/outside.h"

#include <signal.h>

#include "tests/unit/agent/scratch.h"

static const char *const command[] = {"sh", "-c", "echo $HOME ${A} $$ %n \"\\n\"", "",
				      NULL};

/* Position of word in argv; -1. */
static int find(char **argv, const char *word)
{
	for (int i = 0; argv[i]; i++)
		if (strcmp(argv[i], word) == 0)
			return i;
	return -1;
}

static int count(char **argv, const char *head)
{
	int n = 0;

	for (int i = 0; argv[i]; i++)
		n += strncmp(argv[i], head, strlen(head)) == 0;
	return n;
}

static void the_command_comes_last_and_is_not_expanded(void **state)
{
	const struct outside_program p = {.kind = "exec", .argv = command};
	char **argv = outside_argv("u", NULL, "/run/kferry/u.end", &p);
	int at;

	(void)state;
	assert_non_null(argv);
	assert_string_equal(argv[0], "systemd-run");
	at = find(argv, "--");
	assert_true(at > 0);
	assert_string_equal(argv[at + 1], "nice");
	assert_string_equal(argv[at + 2], "-n");
	assert_string_equal(argv[at + 3], "0");
	assert_string_equal(argv[at + 4], "sh");
	assert_string_equal(argv[at + 5], "-c");
	assert_string_equal(argv[at + 6], "echo $$HOME $${A} $$$$ %n \"\\n\"");
	assert_string_equal(argv[at + 7], "");
	assert_null(argv[at + 8]);
	/* New in systemd 254: boards have older ones. */
	assert_int_equal(count(argv, "--expand-environment"), 0);
	outside_argv_free(argv);
}

static void the_unit_is_waited_for_and_says_how_it_ended(void **state)
{
	const struct outside_program p = {.kind = "exec", .argv = command};
	char **argv = outside_argv("kferry-exec-1-2", "kferryd.service",
				   "/run/kferry/x.end", &p);
	int end = find(argv, "--");

	(void)state;
	static const char *const words[] = {
		"--quiet",
		"--pipe",
		"--wait",
		"--collect",
		"--unit=kferry-exec-1-2",
		"--description=kferry exec",
		"--property=OOMScoreAdjust=0",
		"--property=IgnoreSIGPIPE=no",
		"--property=BindsTo=kferryd.service",
		"--property=After=kferryd.service",
		"--property=ExecStopPost=-/bin/ln -s ${EXIT_CODE}:${EXIT_STATUS} "
		"/run/kferry/x.end",
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		int at = find(argv, words[i]);

		assert_true(at > 0 && at < end);
	}
	outside_argv_free(argv);
	argv = outside_argv("u", NULL, "/run/kferry/u.end", &p);
	assert_int_equal(count(argv, "--property=BindsTo"), 0);
	outside_argv_free(argv);
}

static void environment_and_properties_are_passed_as_they_are(void **state)
{
	static const char *const env[] = {"A=1 $HOME %h", "B=", NULL};
	static const char *const props[] = {"BindPaths=/a:/b", NULL};
	const struct outside_program p = {
		.kind = "exec", .argv = command, .env = env, .props = props};
	char **argv = outside_argv("u", NULL, "/e", &p);

	(void)state;
	assert_true(find(argv, "--setenv=A=1 $HOME %h") > 0);
	assert_true(find(argv, "--setenv=B=") > 0);
	assert_true(find(argv, "--property=BindPaths=/a:/b") > 0);
	/* After the defaults, so that a PATH of the caller's counts. */
	assert_true(find(argv, "--setenv=A=1 $HOME %h") >
		    find(argv, "--setenv=LANG=C.UTF-8"));
	assert_int_equal(count(argv, "--setenv=PATH=/usr/local/sbin:"), 1);
	outside_argv_free(argv);
}

static void many_words_fit(void **state)
{
	const char *words[1001];
	const struct outside_program p = {.kind = "exec", .argv = words};
	char **argv;
	int at;

	(void)state;
	for (int i = 0; i < 1000; i++)
		words[i] = "$";
	words[1000] = NULL;
	argv = outside_argv("u", NULL, "/e", &p);
	at = find(argv, "--") + 4;
	for (int i = 0; i < 1000; i++)
		assert_string_equal(argv[at + i], "$$");
	assert_null(argv[at + 1000]);
	outside_argv_free(argv);
}

/* Even on a machine with systemd, in a service of it. */
static void a_scratch_root_has_no_unit(void **state)
{
	const struct outside_program p = {.kind = "exec", .argv = command};
	struct outside o;
	struct board b;

	(void)state;
	setenv("INVOCATION_ID", "0123", 1);
	board_init(&b);
	assert_int_equal(outside_way(&b.a), OUTSIDE_DIRECT);
	assert_int_equal(outside_init(&o, &b.a, &p), 0);
	assert_null(o.unit);
	for (int i = 0; command[i]; i++)
		assert_string_equal(o.argv[i], command[i]);
	assert_null(o.argv[4]);
	outside_fini(&o);
	board_fini(&b);
	unsetenv("INVOCATION_ID");
}

static void a_service_of_another_init_has_no_unit(void **state)
{
	const struct agent a = {.root = (char *)"", .scratch = false};

	(void)state;
	unsetenv("INVOCATION_ID");
	assert_int_equal(outside_way(&a), OUTSIDE_DIRECT);
}

static void runs_directly_to_the_end(void **state)
{
	static const char *const env[] = {"WHAT=there", NULL};
	const char *argv[] = {"sh", "-c", "echo $WHAT; exit 3", NULL};
	const struct outside_program p = {.kind = "hook", .argv = argv, .env = env};
	_buf_ struct buf out = BUF_INIT;
	struct proc_opts opts = {.timeout_ms = 60000, .out = &out};
	struct board b;
	int status = -1;

	(void)state;
	board_init(&b);
	assert_int_equal(outside_run(&b.a, &p, &opts, &status), 0);
	assert_int_equal(status, 3);
	assert_string_equal(buf_str(&out), "there\n");
	argv[2] = "kill -9 $$";
	assert_int_equal(outside_run(&b.a, &p, &opts, &status), 0);
	assert_int_equal(status, 128 + 9);
	argv[2] = "sleep 1000";
	opts.timeout_ms = 50;
	assert_int_equal(outside_run(&b.a, &p, &opts, &status), -ETIMEDOUT);
	argv[0] = "/nonexistent";
	assert_int_equal(outside_run(&b.a, &p, &opts, &status), -ENOENT);
	board_fini(&b);
}

static void ends_are_read(void **state)
{
	static const struct {
		const char *text;
		int status, signal;
	} good[] = {
		{"exited:0", 0, 0},	     {"exited:3", 3, 0},
		{"exited:255", 255, 0},	     {"killed:TERM", 0, SIGTERM},
		{"killed:KILL", 0, SIGKILL}, {"dumped:SEGV", 0, SIGSEGV},
		{"killed:RTMIN+3", 0, -1},   {"killed:9", 0, 9},
	};
	static const char *const bad[] = {
		"",	     "exited",	  "exited:",  "exited:x",      "exited:256",
		"exited:-1", "exited:3 ", "killed:",  "killed:FOO",    "killed:9x",
		"stopped:9", ":",	  "killed:0", "killed:RTMIN+", "killed:999"};
	int status, sig;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		status = sig = -2;
		assert_int_equal(outside_parse_end(good[i].text, &status, &sig), 0);
		assert_int_equal(status, good[i].status);
		assert_int_equal(sig, good[i].signal < 0 ? SIGRTMIN + 3 : good[i].signal);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		status = sig = -2;
		assert_int_equal(outside_parse_end(bad[i], &status, &sig), -EBADMSG);
		assert_int_equal(status, -2);
		assert_int_equal(sig, -2);
	}
}

static void the_link_tells_the_end_and_goes(void **state)
{
	char dir[] = "/tmp/kf-outside-XXXXXX";
	struct outside o = {.way = OUTSIDE_UNIT};
	int status = -1, sig = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_true(asprintf(&o.end, "%s/u.end", dir) > 0);
	assert_int_equal(outside_end(&o, &status, &sig), -ENOENT);
	assert_int_equal(symlink("killed:INT", o.end), 0);
	assert_int_equal(outside_end(&o, &status, &sig), 0);
	assert_int_equal(sig, SIGINT);
	outside_fini(&o);
	assert_int_equal(rmdir(dir), 0);
}

static void kills_the_whole_unit(void **state)
{
	const struct outside o = {.unit = (char *)"kferry-hook-1-2"};
	struct outside_kill k;

	(void)state;
	outside_kill(&o, SIGKILL, &k);
	assert_string_equal(k.argv[0], "systemctl");
	assert_string_equal(k.argv[1], "kill");
	assert_string_equal(k.argv[2], "--signal=9");
	assert_string_equal(k.argv[3], "kferry-hook-1-2");
	assert_null(k.argv[4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_comes_last_and_is_not_expanded),
		cmocka_unit_test(the_unit_is_waited_for_and_says_how_it_ended),
		cmocka_unit_test(environment_and_properties_are_passed_as_they_are),
		cmocka_unit_test(many_words_fit),
		cmocka_unit_test(a_scratch_root_has_no_unit),
		cmocka_unit_test(a_service_of_another_init_has_no_unit),
		cmocka_unit_test(runs_directly_to_the_end),
		cmocka_unit_test(ends_are_read),
		cmocka_unit_test(the_link_tells_the_end_and_goes),
		cmocka_unit_test(kills_the_whole_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
