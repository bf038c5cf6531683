// SPDX-License-Identifier: GPL-2.0-or-later
/* The count of a board's failures: when it is in quarantine, and files that are not ours.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "controller/fleet/quarantine.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct scene {
	char top[64], dir[128], file[160];
	struct config *cfg;
};

static void configure(struct scene *s, const char *after)
{
	struct config_paths paths = {.tree_dir = "", .profile_dir = "boards"};
	char user[96], text[128];

	config_free(s->cfg);
	s->cfg = NULL;
	snprintf(text, sizeof(text), "[quarantine]\nafter = %s\n[board pc]\nhost = a\n",
		 after);
	snprintf(user, sizeof(user), "%s/user.ini", s->top);
	assert_int_equal(fs_replace(AT_FDCWD, user, text, strlen(text), 0644), 0);
	paths.user_file = user;
	assert_int_equal(config_load(&paths, &s->cfg, NULL), 0);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->top, sizeof(s->top), "/tmp/kf-quarantine-XXXXXX");
	assert_non_null(mkdtemp(s->top));
	assert_int_equal(setenv("XDG_DATA_HOME", s->top, 1), 0);
	configure(s, "3");
	snprintf(s->dir, sizeof(s->dir), "%s/kferry/quarantine", s->top);
	snprintf(s->file, sizeof(s->file), "%s/pc.json", s->dir);
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

/* One more; is it put into quarantine by that? */
static bool fails(struct scene *s, unsigned expected)
{
	struct quarantine q;
	bool put;

	assert_int_equal(
		quarantine_failed(s->cfg, "pc", "no answer", true, &q, &put, NULL), 0);
	assert_int_equal(q.failures, expected);
	return put;
}

static struct quarantine state_of(struct scene *s)
{
	struct quarantine q;

	assert_int_equal(quarantine_get(s->cfg, "pc", &q, NULL), 0);
	return q;
}

static void test_the_third_in_a_row_puts_it_there(void **state)
{
	struct scene *s = *state;
	struct kf_error err = {0};
	struct quarantine q;

	assert_int_equal(state_of(s).failures, 0);
	assert_false(fails(s, 1));
	assert_false(fails(s, 2));
	q = state_of(s);
	assert_int_equal(quarantine_refuse(&q, "pc", &err), 0);
	assert_true(fails(s, 3));
	q = state_of(s);
	assert_true(q.since > 1600000000);
	assert_string_equal(q.why, "no answer");
	assert_true(quarantine_refuse(&q, "pc", &err) < 0);
	assert_int_equal(err.reason, KF_REASON_QUARANTINE);
	assert_non_null(
		strstr(err.msg, "after 3 failures in a row; the last: no answer"));
	assert_non_null(strstr(err.msg, "kferry board revive pc"));
	/* Already there: since stays. */
	assert_false(fails(s, 4));
	assert_int_equal(state_of(s).since, q.since);
}

/* One that was switched off before anything was done with it. */
static void not_there(struct scene *s, unsigned expected)
{
	struct quarantine q;
	bool put = true;

	assert_int_equal(
		quarantine_failed(s->cfg, "pc", "no answer", false, &q, &put, NULL), 0);
	assert_int_equal(q.failures, expected);
	assert_int_equal(put, expected == 3);
}

static void test_a_board_that_is_off_begins_no_row(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 5; i++)
		not_there(s, 0);
	assert_false(fs_exists(AT_FDCWD, s->dir));
	assert_false(fails(s, 1));
	not_there(s, 2);
	not_there(s, 3);
	assert_true(state_of(s).since > 0);
	assert_int_equal(quarantine_clear(s->cfg, "pc", NULL), 0);
	not_there(s, 0);
	assert_int_equal(state_of(s).failures, 0);
}

static void test_what_works_is_counted_anew(void **state)
{
	struct scene *s = *state;

	fails(s, 1);
	fails(s, 2);
	assert_int_equal(quarantine_clear(s->cfg, "pc", NULL), 0);
	assert_int_equal(state_of(s).failures, 0);
	assert_false(fails(s, 1));
	assert_int_equal(quarantine_clear(s->cfg, "other", NULL), 0);
	assert_int_equal(state_of(s).failures, 1);
}

static void test_nothing_is_made_for_a_board_that_works(void **state)
{
	struct scene *s = *state;

	assert_int_equal(quarantine_clear(s->cfg, "pc", NULL), 0);
	assert_int_equal(state_of(s).failures, 0);
	assert_false(fs_exists(AT_FDCWD, s->dir));
}

static void test_zero_is_never(void **state)
{
	struct scene *s = *state;
	struct quarantine q;
	bool put = true;

	for (unsigned i = 1; i <= 3; i++)
		fails(s, i);
	configure(s, "0");
	assert_int_equal(state_of(s).since, 0);
	assert_int_equal(quarantine_failed(s->cfg, "pc", "x", true, &q, &put, NULL), 0);
	assert_false(put);
	configure(s, "3");
	assert_int_equal(state_of(s).failures, 3);
}

static void test_one_is_at_once(void **state)
{
	struct scene *s = *state;

	configure(s, "1");
	assert_true(fails(s, 1));
	assert_true(state_of(s).since > 0);
}

static void test_reasons_that_are_the_boards(void **state)
{
	static const char *const faults[] = {"unreachable", "no-agent",	 "connection",
					     "timeout",	    "not-tried", "board-lost"};
	static const char *const others[] = {
		"",	    "fell-back", "unhealthy",  "busy",	   "cancelled",
		"usage",    "config",	 "build",      "arch",	   "boot-chain",
		"host-key", "auth",	 "quarantine", "no-memory"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		assert_true(quarantine_is_fault(faults[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(quarantine_is_fault(others[i]));
}

static void write_file(struct scene *s, const char *data, size_t n)
{
	assert_int_equal(fs_replace(AT_FDCWD, s->file, data, n, 0600), 0);
}

/* It is told, counts as none, and the next failure replaces it. */
static void assert_damaged(struct scene *s, const char *data, size_t n)
{
	struct kf_error err = {0};
	struct quarantine q;

	write_file(s, data, n);
	assert_int_equal(quarantine_get(s->cfg, "pc", &q, &err), -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_STATE);
	assert_non_null(strstr(err.msg, "pc.json is damaged"));
	assert_int_equal(q.failures, 0);
	assert_int_equal(q.since, 0);
	fails(s, 1);
}

static void test_truncated_at_each_byte(void **state)
{
	struct scene *s = *state;
	_buf_ struct buf whole = BUF_INIT;

	fails(s, 1);
	assert_int_equal(fs_read_file(AT_FDCWD, s->file, 4096, &whole), 0);
	/* The last byte is the end of the line, and says nothing. */
	for (size_t n = 0; n + 1 < buf_len(&whole); n++)
		assert_damaged(s, buf_str(&whole), n);
}

#define OTHER                                                                            \
	"{\"format\": \"other\", \"version\": 1, \"failures\": 3, \"since\": 0, "        \
	"\"why\": \"\"}"
#define HEAD "{\"format\": \"kferry-quarantine\", \"version\": "

static void test_altered(void **state)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"null",
		"\xff\xfe",
		HEAD "1, \"failures\": 0, \"since\": 0, \"why\": \"\"}",
		HEAD "1, \"failures\": -1, \"since\": 0, \"why\": \"\"}",
		HEAD "1, \"failures\": 99999999999, \"since\": 0, \"why\": \"\"}",
		HEAD "1, \"failures\": 3, \"since\": -1, \"why\": \"\"}",
		HEAD "1, \"failures\": \"3\", \"since\": 0, \"why\": \"\"}",
		HEAD "2, \"failures\": 3, \"since\": 0, \"why\": \"\"}",
		HEAD "1, \"failures\": 3, \"since\": 0, \"why\": \"\\u001b[2J\"}",
		HEAD "1, \"failures\": 3, \"since\": 0, \"why\": \"\"} {}",
		HEAD "1, \"failures\": 3, \"failures\": 1, \"since\": 0, \"why\": \"\"}",
		OTHER,
	};
	struct scene *s = *state;

	fails(s, 1);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_damaged(s, texts[i], strlen(texts[i]));
}

static void test_too_long(void **state)
{
	struct scene *s = *state;
	char *text = malloc(70000);

	fails(s, 1);
	memset(text, ' ', 70000);
	assert_damaged(s, text, 70000);
	free(text);
}

static void test_another_users_file_counts_as_none(void **state)
{
	struct scene *s = *state;
	struct kf_error err = {0};
	struct quarantine q;

	fails(s, 1);
	fails(s, 2);
	if (chown(s->file, 12345, 12345) < 0)
		skip();
	assert_int_equal(quarantine_get(s->cfg, "pc", &q, &err), -EPERM);
	assert_non_null(strstr(err.msg, "another user's"));
	assert_int_equal(q.failures, 0);
	fails(s, 1);
	assert_int_equal(state_of(s).failures, 1);
}

static void test_a_link_or_a_pipe_is_not_followed(void **state)
{
	struct scene *s = *state;
	struct quarantine q;

	fails(s, 1);
	assert_int_equal(unlink(s->file), 0);
	assert_int_equal(symlink("/etc/passwd", s->file), 0);
	assert_true(quarantine_get(s->cfg, "pc", &q, NULL) < 0);
	fails(s, 1);
	assert_int_equal(unlink(s->file), 0);
	assert_int_equal(mkfifo(s->file, 0600), 0);
	assert_true(quarantine_get(s->cfg, "pc", &q, NULL) < 0);
	fails(s, 1);
}

static void test_text_of_a_board_is_escaped(void **state)
{
	struct scene *s = *state;
	struct quarantine q;
	char why[400];
	bool put;

	memset(why, '\x1b', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	assert_int_equal(quarantine_failed(s->cfg, "pc", why, true, &q, &put, NULL), 0);
	q = state_of(s);
	assert_int_equal(q.failures, 1);
	assert_int_equal(strncmp(q.why, "\\x1b\\x1b", 8), 0);
}

#define WRITERS 4
#define EACH	6

static void test_writers_at_the_same_time_count_all(void **state)
{
	struct scene *s = *state;
	pid_t pids[WRITERS];

	configure(s, "1000");
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		for (int k = 0; pids[i] == 0 && k <= EACH; k++) {
			struct kf_error err = {0};
			struct quarantine q;
			bool put;

			if (k == EACH)
				_exit(0);
			if (quarantine_failed(s->cfg, "pc", "x", true, &q, &put, &err) <
			    0) {
				print_error("%s\n", err.msg);
				_exit(1);
			}
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(state_of(s).failures, WRITERS * EACH);
}

static void test_a_lock_that_is_held_for_ever_is_told(void **state)
{
	struct scene *s = *state;
	struct kf_error err = {0};
	struct quarantine q;
	char path[160];
	bool put;
	int fd;

	fails(s, 1);
	snprintf(path, sizeof(path), "%s/pc.lock", s->dir);
	fd = fs_open_beneath(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(quarantine_failed(s->cfg, "pc", "x", true, &q, &put, &err),
			 -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "pc.json"));
	close(fd);
	fails(s, 2);
}

static void test_another_name_keeps_it(void **state)
{
	struct scene *s = *state;
	struct quarantine q;

	fails(s, 1);
	assert_int_equal(quarantine_rename(s->cfg, "pc", "box", NULL), 0);
	assert_int_equal(state_of(s).failures, 0);
	assert_int_equal(quarantine_get(s->cfg, "box", &q, NULL), 0);
	assert_int_equal(q.failures, 1);
	assert_int_equal(quarantine_rename(s->cfg, "pc", "box", NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_third_in_a_row_puts_it_there),
		TEST(test_a_board_that_is_off_begins_no_row),
		TEST(test_what_works_is_counted_anew),
		TEST(test_nothing_is_made_for_a_board_that_works),
		TEST(test_zero_is_never),
		TEST(test_one_is_at_once),
		TEST(test_reasons_that_are_the_boards),
		TEST(test_truncated_at_each_byte),
		TEST(test_altered),
		TEST(test_too_long),
		TEST(test_another_users_file_counts_as_none),
		TEST(test_a_link_or_a_pipe_is_not_followed),
		TEST(test_text_of_a_board_is_escaped),
		TEST(test_writers_at_the_same_time_count_all),
		TEST(test_a_lock_that_is_held_for_ever_is_told),
		TEST(test_another_name_keeps_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
