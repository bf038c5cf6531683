// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs that switch the power: which are run, in what order, and how it is left. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "controller/power/power.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct scene {
	char top[64];
	struct config *cfg;
};

/* Each program writes its word into this file; text: lines of the board's section, in
 * which @ is the directory. */
static void configure(struct scene *s, const char *text)
{
	struct config_paths paths = {.tree_dir = "", .profile_dir = "boards"};
	_buf_ struct buf b = BUF_INIT;
	char user[96];

	config_free(s->cfg);
	s->cfg = NULL;
	assert_int_equal(
		buf_printf(&b, "[board pc]\nhost = a\n%s",
			   strstr(text, "power.pause") ? "" : "power.pause = 20ms\n"),
		0);
	for (const char *p = text; *p; p++)
		assert_int_equal(*p == '@' ? buf_printf(&b, "%s", s->top)
					   : buf_append(&b, p, 1),
				 0);
	snprintf(user, sizeof(user), "%s/user.ini", s->top);
	assert_int_equal(fs_replace(AT_FDCWD, user, buf_str(&b), buf_len(&b), 0644), 0);
	paths.user_file = user;
	assert_int_equal(config_load(&paths, &s->cfg, NULL), 0);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->top, sizeof(s->top), "/tmp/kf-power-XXXXXX");
	assert_non_null(mkdtemp(s->top));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	config_free(s->cfg);
	assert_int_equal(fs_remove_tree(AT_FDCWD, s->top), 0);
	free(s);
	return 0;
}

/* What the programs wrote. */
static void assert_file(const struct scene *s, const char *name, const char *expected)
{
	_buf_ struct buf b = BUF_INIT;
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", s->top, name);
	if (fs_exists(AT_FDCWD, path))
		assert_int_equal(fs_read_file(AT_FDCWD, path, 65536, &b), 0);
	assert_string_equal(buf_len(&b) ? buf_str(&b) : "", expected);
}

#define SAYS(key, word) "power." key " = sh -c 'echo " word " >>@/calls'\n"
#define BAD(key, word)                                                                   \
	"power." key " = sh -c 'echo " word " >>@/calls; echo no\\ outlet; exit 3'\n"

static void test_each_by_its_program(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;

	configure(s, SAYS("on", "on") SAYS("off", "off") SAYS("cycle", "cycle"));
	assert_int_equal(power_do(s->cfg, "pc", POWER_OFF, &p, NULL), 0);
	assert_int_equal(power_do(s->cfg, "pc", POWER_ON, &p, NULL), 0);
	assert_int_equal(power_do(s->cfg, "pc", POWER_CYCLE, &p, NULL), 0);
	assert_false(p.maybe_off);
	assert_file(s, "calls", "off\non\ncycle\n");
}

static void test_a_cycle_without_its_own_is_off_pause_on(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	int64_t began;

	configure(s, SAYS("on", "on") SAYS("off", "off") "power.pause = 300ms\n");
	assert_true(power_can(s->cfg, "pc", POWER_CYCLE));
	began = clock_now_ms();
	assert_int_equal(power_do(s->cfg, "pc", POWER_CYCLE, &p, NULL), 0);
	assert_true(clock_now_ms() - began >= 300);
	assert_false(p.maybe_off);
	assert_file(s, "calls", "off\non\n");
}

static void test_what_is_not_configured_is_refused(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, SAYS("on", "on"));
	assert_false(power_can(s->cfg, "pc", POWER_CYCLE));
	assert_int_equal(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_CONFIG);
	assert_non_null(strstr(err.msg, "nor power.off and power.on"));
	assert_true(power_do(s->cfg, "pc", POWER_OFF, &p, &err) < 0);
	assert_non_null(strstr(err.msg, "config set -b pc power.off"));
	assert_file(s, "calls", "");
}

static void test_programs_are_told_for_which_board_and_what(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;

	configure(s, "power.on = sh -c 'echo $KFERRY_BOARD $KFERRY_POWER $0 >>@/calls' "
		     "'two words'\n");
	assert_int_equal(power_do(s->cfg, "pc", POWER_ON, &p, NULL), 0);
	assert_file(s, "calls", "pc on two words\n");
}

static void test_no_shell_is_between(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;

	configure(s, "power.on = echo $HOME >@/calls\n");
	assert_int_equal(power_do(s->cfg, "pc", POWER_ON, &p, NULL), 0);
	assert_file(s, "calls", "");
}

static void test_a_failure_names_program_and_last_line(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, BAD("cycle", "cycle"));
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_EXEC);
	assert_non_null(
		strstr(err.msg, "power.cycle: sh ended with status 3: no outlet"));
	assert_true(p.maybe_off);
	assert_non_null(strstr(err.msg, "may be off: `kferry power cycle pc`"));
}

static void test_a_failed_cycle_ends_with_on(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, BAD("cycle", "cycle") SAYS("on", "on"));
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err) < 0);
	assert_false(p.maybe_off);
	assert_non_null(strstr(err.msg, "switched on again"));
	assert_file(s, "calls", "cycle\non\n");
}

static void test_a_failed_off_ends_with_on(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, BAD("off", "off") SAYS("on", "on"));
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err) < 0);
	assert_non_null(strstr(err.msg, "power.off: sh ended with status 3"));
	assert_false(p.maybe_off);
	assert_file(s, "calls", "off\non\n");
}

static void test_on_is_tried_twice(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;

	configure(s, SAYS("off", "off") "power.on = sh -c 'echo on >>@/calls; test $(wc "
					"-l <@/calls) = 3'\n");
	assert_int_equal(power_do(s->cfg, "pc", POWER_CYCLE, &p, NULL), 0);
	assert_file(s, "calls", "off\non\non\n");
}

static void test_on_that_fails_is_told(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, SAYS("off", "off") BAD("on", "on"));
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err) < 0);
	assert_true(p.maybe_off);
	assert_non_null(strstr(err.msg, "power.on: sh ended with status 3: no outlet; "
					"the board may be off: `kferry power on pc`"));
}

static void test_a_program_that_is_missing_switched_nothing(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, "power.off = @/no-such\n" SAYS("on", "on"));
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err) < 0);
	assert_false(p.maybe_off);
	assert_non_null(strstr(err.msg, "/no-such"));
	assert_null(strstr(err.msg, "may be off"));
	assert_file(s, "calls", "");
}

static void test_a_program_that_hangs_is_ended_and_on_is_run(void **state)
{
	struct power p = {.log_fd = -1};
	struct scene *s = *state;
	struct kf_error err = {0};
	int64_t began = clock_now_ms();

	configure(s,
		  "timeout.power = 400ms\npower.off = sh -c 'echo off >>@/calls; sleep "
		  "60'\n" SAYS("on", "on"));
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err) < 0);
	assert_true(clock_now_ms() - began < 30000);
	assert_non_null(strstr(err.msg, "did not end within 0.4s (timeout.power)"));
	assert_false(p.maybe_off);
	assert_file(s, "calls", "off\non\n");
}

/* Raises the flag once the first program has begun. */
struct raiser {
	const char *top;
	atomic_bool flag;
};

static void *raise_it(void *arg)
{
	struct raiser *r = arg;
	char path[96];

	snprintf(path, sizeof(path), "%s/calls", r->top);
	for (int i = 0; i < 2000 && !fs_exists(AT_FDCWD, path); i++)
		usleep(10000);
	atomic_store(&r->flag, true);
	return NULL;
}

static int do_interrupted(struct scene *s, struct power *p, struct kf_error *err)
{
	struct raiser r = {.top = s->top};
	pthread_t thread;
	int rc;

	atomic_init(&r.flag, false);
	*p = (struct power){.log_fd = -1, .cancel = &r.flag};
	assert_int_equal(pthread_create(&thread, NULL, raise_it, &r), 0);
	rc = power_do(s->cfg, "pc", POWER_CYCLE, p, err);
	pthread_join(thread, NULL);
	return rc;
}

static void test_interrupted_in_the_pause_it_is_switched_on(void **state)
{
	struct scene *s = *state;
	struct kf_error err = {0};
	struct power p;

	configure(s, SAYS("off", "off") SAYS("on", "on") "power.pause = 60s\n");
	assert_int_equal(do_interrupted(s, &p, &err), -ECANCELED);
	assert_int_equal(err.reason, KF_REASON_CANCELLED);
	assert_false(p.maybe_off);
	assert_non_null(strstr(err.msg, "switched on again"));
	assert_file(s, "calls", "off\non\n");
}

static void test_interrupted_without_on_it_may_be_off(void **state)
{
	struct scene *s = *state;
	struct kf_error err = {0};
	struct power p;

	configure(s, "power.cycle = sh -c 'echo cycle >>@/calls; sleep 60'\n");
	assert_int_equal(do_interrupted(s, &p, &err), -ECANCELED);
	assert_true(p.maybe_off);
	assert_non_null(strstr(err.msg, "may be off: `kferry power cycle pc`"));
}

static void test_interrupted_before_nothing_is_done(void **state)
{
	atomic_bool yes = true;
	struct power p = {.log_fd = -1, .cancel = &yes};
	struct scene *s = *state;
	struct kf_error err = {0};

	configure(s, SAYS("off", "off") SAYS("on", "on"));
	assert_int_equal(power_do(s->cfg, "pc", POWER_CYCLE, &p, &err), -ECANCELED);
	assert_false(p.maybe_off);
	assert_file(s, "calls", "");
}

static void test_output_and_status_are_kept(void **state)
{
	struct scene *s = *state;
	struct power p = {0};
	char path[96];

	configure(s, "power.off = sh -c 'echo out; echo err >&2'\n"
		     "power.on = sh -c 'exit 7'\n");
	snprintf(path, sizeof(path), "%s/log", s->top);
	p.log_fd = fs_open_beneath(AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(p.log_fd >= 0);
	assert_true(power_do(s->cfg, "pc", POWER_CYCLE, &p, NULL) < 0);
	close(p.log_fd);
	assert_file(s, "log",
		    "$ sh -c 'echo out; echo err >&2'\nout\nerr\n"
		    "= exit status 0\n$ sh -c 'exit 7'\n= sh ended with status "
		    "7\n$ sh -c 'exit 7'\n= sh ended with status 7\n");
}

static void test_output_without_end_is_cut(void **state)
{
	struct scene *s = *state;
	struct power p = {0};
	struct stat st;
	char path[96];

	configure(s, "power.on = sh -c 'yes | head -c 3000000'\n");
	snprintf(path, sizeof(path), "%s/log", s->top);
	p.log_fd = fs_open_beneath(AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(p.log_fd >= 0);
	assert_int_equal(power_do(s->cfg, "pc", POWER_ON, &p, NULL), 0);
	assert_int_equal(fstat(p.log_fd, &st), 0);
	close(p.log_fd);
	assert_true(st.st_size > 1 << 20 && st.st_size < (1 << 20) + 100000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_by_its_program),
		TEST(test_a_cycle_without_its_own_is_off_pause_on),
		TEST(test_what_is_not_configured_is_refused),
		TEST(test_programs_are_told_for_which_board_and_what),
		TEST(test_no_shell_is_between),
		TEST(test_a_failure_names_program_and_last_line),
		TEST(test_a_failed_cycle_ends_with_on),
		TEST(test_a_failed_off_ends_with_on),
		TEST(test_on_is_tried_twice),
		TEST(test_on_that_fails_is_told),
		TEST(test_a_program_that_is_missing_switched_nothing),
		TEST(test_a_program_that_hangs_is_ended_and_on_is_run),
		TEST(test_interrupted_in_the_pause_it_is_switched_on),
		TEST(test_interrupted_without_on_it_may_be_off),
		TEST(test_interrupted_before_nothing_is_done),
		TEST(test_output_and_status_are_kept),
		TEST(test_output_without_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
