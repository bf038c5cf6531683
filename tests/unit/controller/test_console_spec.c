// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a board's console is: what is taken, and what is refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/console/console_impl.h"
#include "proto/reason.h"

static void parse(const char *text, struct console_spec *ret)
{
	struct kf_error err = {0};

	if (console_spec_parse(text, ret, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
}

static void described(const char *text, const char *as)
{
	_console_spec_ struct console_spec s = {0};
	_free_ char *got = NULL;

	parse(text, &s);
	got = console_spec_describe(&s);
	assert_string_equal(got, as);
}

static void every_kind(void **state)
{
	(void)state;
	described("serial:/dev/ttyUSB0", "serial /dev/ttyUSB0 at 115200");
	described("serial:/dev/ttyAMA0,1500000", "serial /dev/ttyAMA0 at 1500000");
	described("serial:/dev/serial/by-id/a,b,9600",
		  "serial /dev/serial/by-id/a,b at 9600");
	described("tcp:lab7:3001", "tcp lab7:3001");
	described("tcp:10.0.0.7:65535", "tcp 10.0.0.7:65535");
	described("tcp:[::1]:4000", "tcp [::1]:4000");
	described("netconsole:6666", "netconsole on port 6666");
}

static void a_program_has_words(void **state)
{
	_console_spec_ struct console_spec s = {0};

	(void)state;
	parse("exec: virsh  console 'my vm'", &s);
	assert_string_equal(s.argv[0], "virsh");
	assert_string_equal(s.argv[2], "my vm");
	assert_null(s.argv[3]);
}

/* Its words may be a password. */
static void the_words_of_a_program_are_not_shown(void **state)
{
	(void)state;
	described("exec:ipmitool -P secret sol activate", "exec ipmitool");
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{"", "it takes serial:"},
		{"/dev/ttyUSB0", "it takes serial:"},
		{"telnet:host:23", "it takes serial:"},
		{"Serial:/dev/ttyUSB0", "it takes serial:"},
		{"serial:", "path of its device"},
		{"serial:ttyUSB0", "path of its device"},
		{"serial:,115200", "path of its device"},
		{"serial:/dev/ttyUSB0,", "speed"},
		{"serial:/dev/ttyUSB0,0", "speed"},
		{"serial:/dev/ttyUSB0,115201", "speed"},
		{"serial:/dev/ttyUSB0,-9600", "speed"},
		{"serial:/dev/ttyUSB0,9600n8", "speed"},
		{"serial:/dev/ttyUSB0,99999999999999999999", "speed"},
		{"tcp:", "HOST:PORT"},
		{"tcp:host", "HOST:PORT"},
		{"tcp::3001", "HOST:PORT"},
		{"tcp:host:", "1 to 65535"},
		{"tcp:host:0", "1 to 65535"},
		{"tcp:host:70000", "1 to 65535"},
		{"tcp:host:+1", "1 to 65535"},
		{"tcp:host:4294967297", "1 to 65535"},
		{"tcp:::1:4000", "brackets"},
		{"tcp:a b:1", "no name and no address"},
		{"exec:", "takes a program"},
		{"exec:   ", "takes a program"},
		{"exec:a 'b", "quote"},
		{"netconsole:", "1 to 65535"},
		{"netconsole:0", "1 to 65535"},
		{"netconsole:70000", "1 to 65535"},
		{"netconsole:6666 ", "1 to 65535"},
		{"serial:/dev/tty\033[2J", "control characters"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct console_spec s = {0};
		struct kf_error err = {0};

		if (console_spec_parse(wrong[i].text, &s, &err) == 0)
			fail_msg("\"%s\" was taken", wrong[i].text);
		if (!strstr(err.msg, wrong[i].says))
			fail_msg("\"%s\": %s", wrong[i].text, err.msg);
		assert_int_equal(err.reason, KF_REASON_CONFIG);
		assert_null(s.place);
	}
}

static void one_that_is_too_long(void **state)
{
	char text[CONSOLE_SPEC_MAX + 2];
	struct console_spec s = {0};
	struct kf_error err = {0};

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "exec:", 5);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(console_spec_parse(text, &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "1024 bytes"));
}

static void every_speed_is_a_number_once(void **state)
{
	speed_t speed, last = B0;

	(void)state;
	assert_int_equal(console_baud(115200, &speed), 0);
	assert_int_equal(speed, B115200);
	for (unsigned baud = 1; baud <= 4000000; baud++) {
		if (console_baud(baud, &speed) < 0)
			continue;
		assert_true(speed > last);
		last = speed;
	}
	assert_int_equal(last, B4000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(a_program_has_words),
		cmocka_unit_test(the_words_of_a_program_are_not_shown),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(one_that_is_too_long),
		cmocka_unit_test(every_speed_is_a_number_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
