/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the time of a reboot went, and what is not said because it is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/deploy/timeline.h"

/* Asked at 100 s; down at 104, kernel at 110, first program at 115, agent at 121, its
 * answer at 121.5, the status at 122. */
static const struct wait_boot boot = {.asked = 100000, .down = 104000, .back = 121500};
#define NOW 122000

static Kferry__Status status(void)
{
	Kferry__Status s = KFERRY__STATUS__INIT;

	s.uptime_ms = 12000;
	s.init_start_ms = 5000;
	s.agent_start_ms = 11000;
	return s;
}

static void assert_text(const struct wait_boot *b, const Kferry__Status *s,
			const char *expected)
{
	char text[TIMELINE_TEXT];
	struct timeline t;

	timeline_find(b, s, NOW, &t);
	timeline_text(&t, text);
	assert_string_equal(text, expected);
}

static void all_that_can_be_seen_from_here(void **state)
{
	Kferry__Status s = status();

	(void)state;
	assert_text(&boot, &s,
		    " (down 4.0, firmware 6.0, kernel 5.0, user space 6.0, agent 0.5)");
}

static void the_firmware_knows_better(void **state)
{
	Kferry__Status s = status();

	(void)state;
	s.firmware_ms = 3000;
	s.loader_ms = 1500;
	assert_text(&boot, &s,
		    " (down 5.5, firmware 3.0, loader 1.5, kernel 5.0, user space 6.0, "
		    "agent 0.5)");
	/* It cannot have begun before the reboot was asked for. */
	s.firmware_ms = 30000;
	assert_text(&boot, &s,
		    " (down 4.0, firmware 6.0, kernel 5.0, user space 6.0, agent 0.5)");
}

static void without_the_first_program_two_are_one(void **state)
{
	Kferry__Status s = status();

	(void)state;
	s.init_start_ms = 0;
	assert_text(&boot, &s,
		    " (down 4.0, firmware 6.0, kernel and user space 11, agent 0.5)");
}

static void an_end_that_was_not_seen_is_not_told(void **state)
{
	struct wait_boot b = boot;
	Kferry__Status s = status();

	(void)state;
	b.down = 0;
	assert_text(&b, &s, " (kernel 5.0, user space 6.0, agent 0.5)");
	/* Seen later than the new kernel began: it was another silence. */
	b.down = 115000;
	assert_text(&b, &s, " (kernel 5.0, user space 6.0, agent 0.5)");
}

static void an_older_agent_tells_little(void **state)
{
	Kferry__Status s = status();

	(void)state;
	s.init_start_ms = s.agent_start_ms = 0;
	assert_text(&boot, &s, " (down 4.0, firmware 6.0)");
}

static void clocks_that_do_not_meet_tell_nothing(void **state)
{
	Kferry__Status s = status();
	struct timeline t;

	(void)state;
	/* A kernel that is older than the request. */
	s.uptime_ms = 500000;
	assert_text(&boot, &s, "");
	timeline_find(&boot, &s, NOW, &t);
	assert_null(timeline_json(&t));
	s.uptime_ms = UINT64_MAX;
	assert_text(&boot, &s, "");
	s = status();
	s.firmware_ms = UINT64_MAX - 1;
	assert_text(&boot, &s, "");
	/* An agent that began after it had answered. */
	s = status();
	s.agent_start_ms = 80000;
	assert_text(&boot, &s, " (down 4.0, firmware 6.0)");
}

static void nothing_was_asked(void **state)
{
	struct wait_boot none = {0};
	Kferry__Status s = status();

	(void)state;
	assert_text(&none, &s, "");
}

static void json_has_what_is_known(void **state)
{
	Kferry__Status s = status();
	struct timeline t;
	json_t *j;

	(void)state;
	timeline_find(&boot, &s, NOW, &t);
	j = timeline_json(&t);
	assert_int_equal(json_integer_value(json_object_get(j, "down_ms")), 4000);
	assert_int_equal(json_integer_value(json_object_get(j, "userspace_ms")), 6000);
	assert_null(json_object_get(j, "loader_ms"));
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_can_be_seen_from_here),
		cmocka_unit_test(the_firmware_knows_better),
		cmocka_unit_test(without_the_first_program_two_are_one),
		cmocka_unit_test(an_end_that_was_not_seen_is_not_told),
		cmocka_unit_test(an_older_agent_tells_little),
		cmocka_unit_test(clocks_that_do_not_meet_tell_nothing),
		cmocka_unit_test(nothing_was_asked),
		cmocka_unit_test(json_has_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
