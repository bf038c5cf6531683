/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the agent's parts are on a board, and its files with these places in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/setup/setup_paths.h"
#include "controller/setup/setup_texts.h"
#include "proto/base/cleanup.h"
#include "proto/reason.h"

static struct config *load(const char *agent, const char *state)
{
	struct config_paths paths = {"/nonexistent/config.ini", "", "/nonexistent"};
	struct config *cfg = NULL;
	struct kf_error err = {0};

	assert_int_equal(config_load(&paths, &cfg, &err), 0);
	if (agent)
		assert_int_equal(config_override(cfg, "agent.path", agent, &err), 0);
	if (state)
		assert_int_equal(config_override(cfg, "agent.state_dir", state, &err), 0);
	return cfg;
}

static void check(const char *agent, const char *state, const char *text,
		  const char *want)
{
	struct config *cfg = load(agent, state);
	_buf_ struct buf out = BUF_INIT;
	struct setup_paths p;
	struct kf_error err = {0};

	if (setup_paths_init(cfg, NULL, &p, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(setup_paths_apply(&p, text, &out), 0);
	assert_string_equal(buf_len(&out) ? buf_str(&out) : "", want);
	setup_paths_fini(&p);
	config_free(cfg);
}

#define FILE_TEXT                                                                        \
	"# /var/lib/kferry: state\nExecStart=-/usr/local/sbin/kferryd early\n"           \
	"d /var/lib/kferry 0755\nsh /usr/local/sbin/kferry-deadline\n"                   \
	"/usr/local/sbin/kferryd-old /var/lib/kferryx\n"                                 \
	"state=$root/var/lib/kferry/state\n!/usr/local/sbin/kferryd"

/* The copies are root's only, and on disk before the unit unlinks the records. */
static void test_pstore(void **state)
{
	struct config *cfg = load(NULL, "/data/kferry");
	_buf_ struct buf out = BUF_INIT;
	struct setup_paths p;
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(setup_paths_init(cfg, NULL, &p, &err), 0);
	assert_int_equal(setup_pstore_text(&p, &out), 0);
	assert_non_null(strstr(buf_str(&out),
			       "ExecStartPre=-/bin/sh -c 'umask 077; mkdir -p "
			       "/data/kferry/pstore && cp -p /sys/fs/pstore/* "
			       "/data/kferry/pstore/; sync'\n"));
	setup_paths_fini(&p);
	config_free(cfg);
}

static void test_usual(void **state)
{
	(void)state;
	check(NULL, NULL, FILE_TEXT, FILE_TEXT);
	check(NULL, NULL, "", "");
}

static void test_elsewhere(void **state)
{
	(void)state;
	check("/home/k/kferryd", "/home/k/state", FILE_TEXT,
	      "# /home/k/state: state\nExecStart=-/home/k/kferryd early\n"
	      "d /home/k/state 0755\nsh /etc/kferry/kferry-deadline\n"
	      "/usr/local/sbin/kferryd-old /var/lib/kferryx\n"
	      "state=$root/home/k/state/state\n!/home/k/kferryd");
	check("/usr/local/sbin/kferryd", "/data/kferry", FILE_TEXT,
	      "# /data/kferry: state\nExecStart=-/usr/local/sbin/kferryd early\n"
	      "d /data/kferry 0755\nsh /usr/local/sbin/kferry-deadline\n"
	      "/usr/local/sbin/kferryd-old /var/lib/kferryx\n"
	      "state=$root/data/kferry/state\n!/usr/local/sbin/kferryd");
}

/* A unit file would read them in its own way. */
static void test_refused(void **state)
{
	static const char *const bad[] = {"kferryd",	       "/home/x y/kferryd",
					  "/home/%u/kferryd",  "/home/../kferryd",
					  "/home/a\"/kferryd", "/"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config *cfg = load(bad[i], NULL);
		struct setup_paths p;
		struct kf_error err = {0};

		assert_int_equal(setup_paths_init(cfg, NULL, &p, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_CONFIG);
		assert_non_null(strstr(err.msg, "agent.path"));
		config_free(cfg);
	}
}

static void test_sandbox(void **state)
{
	struct config *cfg = load("/opt/kferry/kferryd", "/home/k/state");
	_buf_ struct buf out = BUF_INIT;
	struct setup_paths p;
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(setup_paths_init(cfg, NULL, &p, &err), 0);
	assert_false(p.agent_hidden);
	assert_true(p.state_hidden);
	assert_int_equal(setup_sandbox_text(&p, &out), 0);
	assert_non_null(strstr(buf_str(&out), "\nBindPaths=/home/k/state\n"));
	assert_null(strstr(buf_str(&out), "BindReadOnlyPaths"));
	setup_paths_fini(&p);
	config_free(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pstore),	  cmocka_unit_test(test_usual),
		cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
