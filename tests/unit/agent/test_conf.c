/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.conf: defaults, every kind of value, and errors that name their line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/conf.h"
#include "proto/reason.h"

static int parse(struct agent_conf *c, const char *text, struct kf_error *err)
{
	memset(err, 0, sizeof(*err));
	assert_int_equal(conf_init(c), 0);
	return conf_parse(c, text, strlen(text), err);
}

static void refused(const char *text, const char *part)
{
	struct agent_conf c;
	struct kf_error err;

	assert_int_equal(parse(&c, text, &err), -EINVAL);
	assert_int_equal(err.reason, KF_REASON_CONFIG);
	if (!strstr(err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
	conf_fini(&c);
}

static void test_defaults(void **state)
{
	struct agent_conf c;
	struct kf_error err;

	(void)state;
	assert_int_equal(parse(&c, "", &err), 0);
	assert_string_equal(c.state_dir, "/var/lib/kferry");
	assert_string_equal(c.socket, "/run/kferry/agent.sock");
	assert_int_equal(c.keep, 3);
	assert_int_equal(c.confirm_timeout_s, 300);
	assert_int_equal(c.reserve_bytes, 32 << 20);
	assert_string_equal(c.watchdog, "auto");
	assert_non_null(strstr(c.trial_cmdline, "panic=10"));
	assert_null(c.hook);
	assert_null(c.chain);
	conf_fini(&c);
}

static void test_values(void **state)
{
	struct agent_conf c;
	struct kf_error err;

	(void)state;
	assert_int_equal(parse(&c,
			       "# comment\n\n  keep=5\r\nreserve = 2 MiB\n"
			       "hook = /bin/x \"two words\" 'a\"b' plain\n"
			       "\tchain = hook \nwatchdog=none\nboot_dir = /boot/efi\n"
			       "trial_cmdline = panic=-1 a=\"b c\"\nconfirm_timeout=60",
			       &err),
			 0);
	assert_int_equal(c.keep, 5);
	assert_int_equal(c.reserve_bytes, 2 << 20);
	assert_string_equal(c.hook[0], "/bin/x");
	assert_string_equal(c.hook[1], "two words");
	assert_string_equal(c.hook[2], "a\"b");
	assert_string_equal(c.hook[3], "plain");
	assert_null(c.hook[4]);
	assert_string_equal(c.chain, "hook");
	assert_string_equal(c.watchdog, "none");
	assert_string_equal(c.boot_dir, "/boot/efi");
	assert_string_equal(c.trial_cmdline, "panic=-1 a=\"b c\"");
	assert_int_equal(c.confirm_timeout_s, 60);
	conf_fini(&c);
}

static void test_errors(void **state)
{
	(void)state;
	refused("keep 3\n", "line 1");
	refused("keep = 3\n\nkeeep = 3\n", "line 3: there is no setting \"keeep\"");
	refused("keep = 3\nkeep = 4\n", "line 2: keep is given a second time");
	refused("keep = 0\n", "1..16");
	refused("keep = 99999999999999999999999\n", "not in");
	refused("keep = three\n", "must be a number");
	refused("keep =\n", "must be a number");
	refused("reserve = 3 MB\n", "32 MiB");
	refused("reserve = 99999999999 GiB\n", "not in");
	refused("state_dir = var/lib\n", "absolute path");
	refused("state_dir = /var/../etc\n", "absolute path");
	refused("state_dir = /\n", "absolute path");
	refused("hook = relative x\n", "absolute path");
	refused("hook = /bin/x \"open\n", "absolute path");
	refused("hook =\n", "absolute path");
	refused("chain = a/b\n", "a name");
	refused("watchdog = maybe\n", "auto or none");
	refused("trial_cmdline = panic=10\x01\n", "kernel command line");
	refused("confirm_timeout = 1\n", "10..86400");
}

static void test_nul(void **state)
{
	static const char text[] = "keep = 3\n\0keep";
	struct agent_conf c;
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(conf_init(&c), 0);
	assert_int_equal(conf_parse(&c, text, sizeof(text), &err), -EINVAL);
	conf_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
