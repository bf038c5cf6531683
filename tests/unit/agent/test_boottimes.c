/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a boot took: the kernel's log, the boot loader's variables, and what is not known.
 */
#include <string.h>

#include "agent/boot/efi/efivar.h"
#include "agent/log/boottimes.h"
#include "agent/session/status.h"
#include "tests/lib/scratch.h"

#define EFI "/sys/firmware/efi/efivars/"

static void put_text(struct scratch *s, const char *path, const char *text)
{
	scratch_write(s, path, text, strlen(text));
}

static void put_usec(struct scratch *s, const char *path, const char *digits)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(buf_append(&b, "\x06\0\0\0", 4), 0);
	assert_int_equal(efivar_utf16_encode(digits, &b), 0);
	scratch_write(s, path, buf_data(&b), buf_len(&b));
}

static void the_log_tells_when_the_first_program_began(void **state)
{
	struct scratch s;

	(void)state;
	scratch_new(&s);
	put_text(&s, "/dev/kmsg",
		 "6,0,100,-;Linux version\n"
		 "12,1,900000,-;Run /tmp/x as init process\n" /* a program says so */
		 "6,2,2345678,-;Run /init as init process\n"
		 "6,3,9000000,-;Run /sbin/init as init process\n");
	boottimes_find(&s.a);
	assert_int_equal(s.a.times.init_ms, 2345);
	assert_int_equal(s.a.times.firmware_ms, 0);
	scratch_free(&s);
}

static void a_log_without_that_line_tells_nothing(void **state)
{
	struct scratch s;

	(void)state;
	scratch_new(&s);
	put_text(&s, "/dev/kmsg", "6,7,100,-;Run away as init process\n6,8,200,-;Run /");
	boottimes_find(&s.a);
	assert_int_equal(s.a.times.init_ms, 0);
	scratch_free(&s);
}

static void the_boot_loader_tells_of_what_was_before(void **state)
{
	struct scratch s;

	(void)state;
	scratch_new(&s);
	put_usec(&s, EFI EFIVAR_LOADER("LoaderTimeInitUSec"), "6100999");
	put_usec(&s, EFI EFIVAR_LOADER("LoaderTimeExecUSec"), "9300000");
	boottimes_find(&s.a);
	assert_int_equal(s.a.times.firmware_ms, 6100);
	assert_int_equal(s.a.times.loader_ms, 3199);
	scratch_free(&s);
}

static void after_a_kexec_it_tells_of_another_boot(void **state)
{
	struct scratch s;

	(void)state;
	scratch_new(&s);
	put_usec(&s, EFI EFIVAR_LOADER("LoaderTimeInitUSec"), "6100999");
	put_usec(&s, EFI EFIVAR_LOADER("LoaderTimeExecUSec"), "9300000");
	s.a.boot.kexec = true;
	boottimes_find(&s.a);
	assert_int_equal(s.a.times.firmware_ms, 0);
	scratch_free(&s);
}

static void variables_that_make_no_sense_are_left_out(void **state)
{
	static const char *const bad[][2] = {{"9300000", "6100999"},
					     {"12x", "9300000"},
					     {"-5", "9300000"},
					     {"99999999999999999999999", "1"},
					     {"1", "99999999999999999999999"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct scratch s;

		scratch_new(&s);
		put_usec(&s, EFI EFIVAR_LOADER("LoaderTimeInitUSec"), bad[i][0]);
		put_usec(&s, EFI EFIVAR_LOADER("LoaderTimeExecUSec"), bad[i][1]);
		boottimes_find(&s.a);
		assert_int_equal(s.a.times.firmware_ms, 0);
		assert_int_equal(s.a.times.loader_ms, 0);
		scratch_free(&s);
	}
}

static void the_status_has_them(void **state)
{
	Kferry__Status *m;
	struct scratch s;

	(void)state;
	scratch_new(&s);
	s.a.times = (struct agent_times){400, 300, 200, 100};
	assert_int_equal(status_build(&s.a, &m), 0);
	assert_int_equal(m->agent_start_ms, 400);
	assert_int_equal(m->init_start_ms, 300);
	assert_int_equal(m->loader_ms, 200);
	assert_int_equal(m->firmware_ms, 100);
	/* Since this board's start, not this machine's. */
	assert_in_range(m->uptime_ms, 0, 60000);
	kferry__status__free_unpacked(m, NULL);
	scratch_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_tells_when_the_first_program_began),
		cmocka_unit_test(a_log_without_that_line_tells_nothing),
		cmocka_unit_test(the_boot_loader_tells_of_what_was_before),
		cmocka_unit_test(after_a_kexec_it_tells_of_another_boot),
		cmocka_unit_test(variables_that_make_no_sense_are_left_out),
		cmocka_unit_test(the_status_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
