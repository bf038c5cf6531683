// SPDX-License-Identifier: GPL-2.0-or-later
/* What a board tells of its connectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/desktop/drmlist.h"
#include "proto/reason.h"

static void connectors_and_their_modes(void **state)
{
	static const char text[] =
		"connector card1-HDMI-A-1\nstatus connected\nenabled enabled\ndpms On\n"
		"driver vc4-drm\nmode 1920x1080\nmode 1280x720\nfuture word\n"
		"connector card1-DP-1\nstatus disconnected\nmode 1x1";
	_drmlist_ struct drmlist l = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(drmlist_parse(text, &l, &err), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].id, "card1-HDMI-A-1");
	assert_string_equal(l.v[0].name, "HDMI-A-1");
	assert_string_equal(l.v[0].status, "connected");
	assert_string_equal(l.v[0].enabled, "enabled");
	assert_string_equal(l.v[0].dpms, "On");
	assert_string_equal(l.v[0].driver, "vc4-drm");
	assert_int_equal(l.v[0].n_modes, 2);
	assert_string_equal(l.v[0].modes[0], "1920x1080");
	assert_string_equal(l.v[1].status, "disconnected");
	assert_null(l.v[1].enabled);
	assert_int_equal(l.v[1].n_modes, 1);
}

static void words_before_a_connector_are_nobodys(void **state)
{
	_drmlist_ struct drmlist l = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(drmlist_parse("status connected\nmode 1x1\n\n \nx", &l, &err),
			 0);
	assert_int_equal(l.n, 0);
}

static void what_is_no_text_or_too_much_is_refused(void **state)
{
	_buf_ struct buf many = BUF_INIT;
	struct drmlist l = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(drmlist_parse("connector \033[2J\n", &l, &err), -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_PROTOCOL);
	for (int i = 0; i <= DRMLIST_MAX; i++)
		assert_int_equal(buf_printf(&many, "connector a\n"), 0);
	assert_int_equal(drmlist_parse(buf_str(&many), &l, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "more than 64 connectors"));
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connectors_and_their_modes),
		cmocka_unit_test(words_before_a_connector_are_nobodys),
		cmocka_unit_test(what_is_no_text_or_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
