/* SPDX-License-Identifier: GPL-2.0-or-later */
/* U-Boot's count of boots, in an environment of two files that libubootenv's fw_setenv
 * and fw_printenv work on.  A model stands for what U-Boot does with it. */
#include "agent/boot/uboot/bootcount.h"

#include "proto/base/proc.h"
#include "proto/reason.h"
#include "tests/lib/board.h"

#define ENV_SIZE 16384

static void env_tool(struct board *b, const char *program, const char *script,
		     struct buf *out)
{
	_free_ char *config = NULL, *defaults = NULL;
	const char *argv[] = {program, "-c", NULL, "-f", NULL, NULL, NULL, NULL};
	const struct proc_opts opts = {
		.timeout_ms = 20000,
		.out = out,
		.input = script,
		.input_len = script ? strlen(script) : 0,
	};
	struct kf_error err = {0};

	assert_true(asprintf(&config, "%s/etc/fw_env.config", b->path) > 0);
	assert_true(asprintf(&defaults, "%s/defaults", b->path) > 0);
	argv[2] = config;
	argv[4] = defaults;
	if (script) {
		argv[5] = "-s";
		argv[6] = "/dev/stdin";
	}
	if (proc_check(argv, &opts, &err) < 0)
		fail_msg("%s", err.msg);
}

static void env_set(struct board *b, const char *script)
{
	_buf_ struct buf said = BUF_INIT;

	env_tool(b, "fw_setenv", script, &said);
}

/* The variable's value, the caller's; NULL when it is not set. */
static char *env_get(struct board *b, const char *name)
{
	_buf_ struct buf out = BUF_INIT;
	char *rest, *found = NULL;
	size_t n = strlen(name);

	env_tool(b, "fw_printenv", NULL, &out);
	rest = (char *)buf_str(&out);
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		if (strncmp(line, name, n) == 0 && line[n] == '=')
			found = strdup(line + n + 1);
	return found;
}

static void assert_env(struct board *b, const char *name, const char *want)
{
	_free_ char *found = env_get(b, name);

	if (!want) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, want);
}

static void env_board(struct board *b, unsigned copies, const char *vars)
{
	_free_ char *config = NULL;
	_free_ char *empty = calloc(1, ENV_SIZE);

	board_init(b);
	put_bytes(b, "env1", empty, ENV_SIZE);
	put_bytes(b, "env2", empty, ENV_SIZE);
	assert_true(asprintf(&config, "# U-Boot\n%s/env1 0x0 0x%x\n%s%s%s 0x0 0x%x\n",
			     b->path, ENV_SIZE, copies == 2 ? "" : "# ", b->path, "/env2",
			     ENV_SIZE) > 0);
	put_text(b, "etc/fw_env.config", config);
	put_text(b, "defaults", "bootcmd=run distro_bootcmd\n");
	env_set(b, vars);
}

/* common/autoboot.c and bootcount_env.c: what a boot runs. */
static const char *model_boot(struct board *b)
{
	_free_ char *on = env_get(b, "upgrade_available"),
		    *text = env_get(b, "bootcount");
	_free_ char *limit = env_get(b, "bootlimit");
	unsigned long count;
	char script[40];

	if (!on || strcmp(on, "1") != 0)
		return "bootcmd";
	count = (text ? strtoul(text, NULL, 10) : 0) + 1;
	snprintf(script, sizeof(script), "bootcount=%lu\n", count);
	env_set(b, script);
	return count > strtoul(limit, NULL, 10) ? "altbootcmd" : "bootcmd";
}

static void nothing_is_known_without_a_configuration(void **state)
{
	struct bootcount c = {.limit = 1};
	struct kf_error err = {0};
	struct board b;

	(void)state;
	board_init(&b);
	assert_int_equal(bootcount_read(&b.a, &c, &err), 0);
	assert_int_equal(c.limit, 0);
	assert_int_equal(bootcount_check(&c, &err), 0);
	assert_false(bootcount_used(&c));
	assert_int_equal(bootcount_arm(&b.a, TEST_SLOT, &err), 0);
	assert_int_equal(bootcount_end(&b.a, &err), 0);
	board_fini(&b);
}

static void a_damaged_environment_is_not_written(void **state)
{
	_free_ char *junk = calloc(1, ENV_SIZE);
	struct kf_error err = {0};
	struct bootcount c;
	struct board b;

	(void)state;
	env_board(&b, 2, "bootlimit=3\naltbootcmd=run bootcmd\n");
	put_bytes(&b, "env1", junk, ENV_SIZE);
	put_bytes(&b, "env2", junk, ENV_SIZE);
	assert_int_equal(bootcount_read(&b.a, &c, &err), 0);
	assert_int_equal(c.limit, 0);
	assert_true(c.unknown < 0);
	assert_int_equal(bootcount_arm(&b.a, TEST_SLOT, &err), 0);
	/* Nothing was begun, so there is nothing to end. */
	assert_int_equal(bootcount_end(&b.a, &err), 0);
	for (unsigned i = 1; i <= 2; i++) {
		_buf_ struct buf now = BUF_INIT;

		assert_int_equal(
			fs_read_file(b.fd, i == 1 ? "env1" : "env2", ENV_SIZE, &now), 0);
		assert_memory_equal(buf_data(&now), junk, ENV_SIZE);
	}
	board_fini(&b);
}

static void refused(const char *vars, int code, const char *text)
{
	struct kf_error err = {0};
	struct bootcount c;
	struct board b;

	env_board(&b, 2, vars);
	assert_int_equal(bootcount_read(&b.a, &c, &err), 0);
	assert_int_equal(bootcount_check(&c, &err), code);
	if (code < 0)
		assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.msg);
	board_fini(&b);
}

static void refuses_counts_that_break_a_trial(void **state)
{
	(void)state;
	refused("bootlimit=3\n", -ENOTSUP, "no altbootcmd");
	refused("bootlimit=1\naltbootcmd=run bootcmd\n", -ENOTSUP, "bootlimit=1");
	refused("bootlimit=3\naltbootcmd=run other\nupgrade_available=1\n", -EBUSY,
		"not yet confirmed");
	refused("bootlimit=3\naltbootcmd=run other\nupgrade_available=0\n", 0, "");
	refused("upgrade_available=1\n", 0, "");
	refused("bootlimit=0\n", 0, "");
	refused("bootlimit=3\naltbootcmd=run other\nupgrade_available=1\n"
		"kferry_trial=" TEST_SLOT "\n",
		0, "");
}

static void a_trial_that_is_not_ended_comes_to_altbootcmd(void **state)
{
	struct kf_error err = {0};
	struct bootcount c;
	struct board b;

	(void)state;
	env_board(&b, 2,
		  "bootlimit=4\naltbootcmd=run bootcmd\nethaddr=02:00:00:00:00:01\n");
	assert_string_equal(model_boot(&b), "bootcmd");
	assert_int_equal(bootcount_arm(&b.a, TEST_SLOT, &err), 0);
	assert_env(&b, "kferry_trial", TEST_SLOT);
	assert_env(&b, "ethaddr", "02:00:00:00:00:01");
	assert_int_equal(bootcount_read(&b.a, &c, &err), 0);
	assert_true(bootcount_used(&c));
	assert_true(c.counting);
	assert_string_equal(c.trial, TEST_SLOT);
	assert_string_equal(model_boot(&b), "bootcmd"); /* the trial */
	assert_string_equal(model_boot(&b), "bootcmd"); /* the known-good kernel */
	assert_string_equal(model_boot(&b), "altbootcmd");
	assert_int_equal(bootcount_arm(&b.a, TEST_SLOT, &err), 0); /* anew */
	assert_string_equal(model_boot(&b), "bootcmd");
	assert_int_equal(bootcount_end(&b.a, &err), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_string_equal(model_boot(&b), "bootcmd");
	assert_env(&b, "kferry_trial", NULL);
	assert_env(&b, "upgrade_available", "0");
	assert_env(&b, "bootcount", "0");
	assert_env(&b, "bootlimit", "4");
	board_fini(&b);
}

/* It may go on, and nobody may take this for an end. */
static void a_count_that_cannot_be_read_is_not_ended(void **state)
{
	struct kf_error err = {0};
	struct board b;

	(void)state;
	env_board(&b, 2, "bootlimit=3\naltbootcmd=run bootcmd\n");
	assert_int_equal(bootcount_arm(&b.a, TEST_SLOT, &err), 0);
	assert_int_equal(renameat(b.fd, "env1", b.fd, "away1"), 0);
	assert_int_equal(renameat(b.fd, "env2", b.fd, "away2"), 0);
	assert_true(bootcount_end(&b.a, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_BOOT_CHAIN);
	assert_non_null(strstr(err.msg, "may still count"));
	assert_int_equal(renameat(b.fd, "away1", b.fd, "env1"), 0);
	assert_int_equal(renameat(b.fd, "away2", b.fd, "env2"), 0);
	assert_env(&b, "upgrade_available", "1");
	assert_int_equal(bootcount_end(&b.a, &err), 0);
	assert_env(&b, "upgrade_available", "0");
	/* Ended, and known to be. */
	assert_int_equal(renameat(b.fd, "env1", b.fd, "away1"), 0);
	assert_int_equal(renameat(b.fd, "env2", b.fd, "away2"), 0);
	assert_int_equal(bootcount_end(&b.a, &err), 0);
	board_fini(&b);
}

/* A cut while the only copy is written would leave U-Boot its defaults. */
static void one_copy_is_never_written(void **state)
{
	_buf_ struct buf now = BUF_INIT, was = BUF_INIT;
	struct kf_error err = {0};
	struct bootcount c;
	struct board b;

	(void)state;
	env_board(&b, 1, "bootlimit=3\naltbootcmd=run bootcmd\n");
	assert_int_equal(fs_read_file(b.fd, "env1", ENV_SIZE, &was), 0);
	assert_int_equal(bootcount_read(&b.a, &c, &err), 0);
	assert_int_equal(c.limit, 3);
	assert_false(bootcount_used(&c));
	assert_int_equal(bootcount_arm(&b.a, TEST_SLOT, &err), 0);
	assert_int_equal(fs_read_file(b.fd, "env1", ENV_SIZE, &now), 0);
	assert_memory_equal(buf_data(&was), buf_data(&now), ENV_SIZE);
	board_fini(&b);
}

/* Somebody else's update is left alone. */
static void ends_only_its_own_count(void **state)
{
	struct kf_error err = {0};
	struct board b;

	(void)state;
	env_board(&b, 2,
		  "bootlimit=3\naltbootcmd=run a\nupgrade_available=1\nbootcount=2\n");
	assert_int_equal(bootcount_end(&b.a, &err), 0);
	assert_env(&b, "upgrade_available", "1");
	assert_env(&b, "bootcount", "2");
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_without_a_configuration),
		cmocka_unit_test(a_damaged_environment_is_not_written),
		cmocka_unit_test(refuses_counts_that_break_a_trial),
		cmocka_unit_test(a_trial_that_is_not_ended_comes_to_altbootcmd),
		cmocka_unit_test(a_count_that_cannot_be_read_is_not_ended),
		cmocka_unit_test(one_copy_is_never_written),
		cmocka_unit_test(ends_only_its_own_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
