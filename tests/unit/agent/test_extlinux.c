/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extlinux.conf, and the image that U-Boot's `source` takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/boot/uboot/bootscr.h"
#include "agent/boot/uboot/extlinux.h"

static void reads_what_boards_have(void **state)
{
	static const char text[] = "# c\nDEFAULT l1\nTIMEOUT 50\nlinux stray\n"
				   "label l0\n\tkernel /a\n\tdevicetreedir /d\r\n"
				   "LABEL l1\n  LINUX /b\n  INITRD /i\n  FDT /f\n"
				   "  append root=/dev/x  quiet \n menu label x\n";
	_extlinux_ struct extlinux e = {.n = 0};

	(void)state;
	assert_int_equal(extlinux_parse(text, strlen(text), &e), 0);
	assert_int_equal(e.n, 2);
	assert_string_equal(e.label[0].linux_path, "/a");
	assert_string_equal(e.label[0].fdtdir, "/d");
	assert_null(e.label[0].append);
	assert_ptr_equal(extlinux_default(&e), &e.label[1]);
	assert_string_equal(e.label[1].initrd, "/i");
	assert_string_equal(e.label[1].fdt, "/f");
	assert_string_equal(e.label[1].append, "root=/dev/x  quiet");
	free(e.dflt);
	e.dflt = strdup("gone");
	assert_ptr_equal(extlinux_default(&e), &e.label[0]);
}

static void refuses_what_it_cannot_hold(void **state)
{
	_extlinux_ struct extlinux e = {.n = 0};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(extlinux_parse("label\0x", 7, &e), -EBADMSG);
	for (unsigned i = 0; i <= EXTLINUX_LABELS; i++)
		assert_int_equal(buf_printf(&b, "label l%u\n", i), 0);
	assert_int_equal(extlinux_parse(buf_data(&b), buf_len(&b), &e), -EBADMSG);
	assert_null(extlinux_default(&e));
}

static void writes_only_what_comes_back(void **state)
{
	const char *const bad[] = {"a$b", "a\\b", "a\nb", " a", "a\r", ""};
	struct extlinux e = {.n = 1, .label = {{.name = (char *)"l"}}};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e.label[0].append = (char *)bad[i];
		assert_int_equal(extlinux_emit(&e, &b), -EINVAL);
	}
	assert_int_equal(buf_len(&b), 0);
	e.label[0].append = (char *)"root=/dev/x";
	e.label[0].linux_path = (char *)"/image";
	assert_int_equal(extlinux_emit(&e, &b), 0);
	assert_string_equal(
		buf_str(&b),
		"timeout 0\nprompt 0\nlabel l\n\tlinux /image\n\tappend root=/dev/x\n");
}

/* The CRC of the format, bit by bit: nothing is shared with what is tested. */
static uint32_t slow_crc(const uint8_t *p, size_t n)
{
	uint32_t c = 0xffffffffu;

	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
	}
	return ~c;
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void wraps_scripts(void **state)
{
	static const uint8_t kind[] = {5, 22, 6, 0};
	_buf_ struct buf b = BUF_INIT;
	uint8_t header[64];
	const uint8_t *p;

	(void)state;
	assert_int_equal(bootscr_wrap("echo hi\n", 8, "test", &b), 0);
	assert_int_equal(buf_len(&b), 64 + 8 + 8);
	p = buf_data(&b);
	assert_int_equal(u32(p), 0x27051956);
	assert_int_equal(u32(p + 8), 0);
	assert_int_equal(u32(p + 12), 16);
	assert_memory_equal(p + 28, kind, sizeof(kind));
	assert_string_equal((const char *)p + 32, "test");
	assert_int_equal(u32(p + 64), 8);
	assert_int_equal(u32(p + 68), 0);
	assert_memory_equal(p + 72, "echo hi\n", 8);
	assert_int_equal(u32(p + 24), slow_crc(p + 64, 16));
	memcpy(header, p, sizeof(header));
	memset(header + 4, 0, 4);
	assert_int_equal(u32(p + 4), slow_crc(header, sizeof(header)));
	assert_int_equal(bootscr_wrap("", 0, "test", &b), -EINVAL);
	assert_false(bootscr_is_ours(buf_data(&b), buf_len(&b)));
}

/* The flag goes, and is seen to be gone, before the trial starts. */
static void script_deletes_before_it_starts(void **state)
{
	_buf_ struct buf b = BUF_INIT, again = BUF_INIT;
	const char *text, *rm, *check, *trial, *good;

	(void)state;
	assert_int_equal(bootscr_make(&b), 0);
	assert_int_equal(bootscr_make(&again), 0);
	assert_int_equal(buf_len(&b), buf_len(&again));
	assert_memory_equal(buf_data(&b), buf_data(&again), buf_len(&b));
	assert_true(bootscr_is_ours(buf_data(&b), buf_len(&b)));
	text = buf_str(&b) + 72;
	rm = strstr(text, "if fatrm");
	assert_non_null(rm);
	check = strstr(rm, "if test -e");
	assert_non_null(check);
	trial = strstr(check, "/kferry/trial.conf");
	assert_non_null(trial);
	good = strstr(trial, "/kferry/good.conf");
	assert_non_null(good);
	assert_null(strstr(text, "saveenv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_boards_have),
		cmocka_unit_test(refuses_what_it_cannot_hold),
		cmocka_unit_test(writes_only_what_comes_back),
		cmocka_unit_test(wraps_scripts),
		cmocka_unit_test(script_deletes_before_it_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
