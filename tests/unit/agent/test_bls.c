/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot entries: as systemd-boot reads them, and there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/boot/sd/bls.h"

static void reads_what_kernel_install_writes(void **state)
{
	static const char text[] = "# Boot Loader Specification type#1 entry\n"
				   "title      Debian GNU/Linux 12 (bookworm)\r\n"
				   "version\t6.1.0-9-amd64\n"
				   "sort-key   debian\n"
				   "options    root=/dev/vda2 ro\n"
				   "options    quiet\n"
				   "linux      /m/6.1.0/linux\n"
				   "linux      /m/6.1.1/linux\n"
				   "initrd     /intel-ucode.img\n"
				   "initrd     /m/6.1.0/initrd.img\n"
				   "unknown    thing\n"
				   "efi\n";
	_bls_entry_ struct bls_entry e = {0};

	(void)state;
	assert_int_equal(bls_parse(text, strlen(text), &e), 0);
	assert_string_equal(e.title, "Debian GNU/Linux 12 (bookworm)");
	assert_string_equal(e.version, "6.1.0-9-amd64");
	assert_string_equal(e.sort_key, "debian");
	assert_string_equal(e.options, "root=/dev/vda2 ro quiet");
	assert_string_equal(e.linux_path, "/m/6.1.1/linux");
	assert_int_equal(e.n_initrd, 2);
	assert_string_equal(e.initrd[1], "/m/6.1.0/initrd.img");
	assert_null(e.efi_path);
}

static void round_trip(const char *options, const char *line)
{
	const struct bls_entry e = {.options = (char *)options,
				    .linux_path = (char *)"/x"};
	_bls_entry_ struct bls_entry back = {0};
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(bls_emit(&e, &b), 0);
	assert_non_null(strstr(buf_str(&b), line));
	assert_int_equal(bls_parse(buf_data(&b), buf_len(&b), &back), 0);
	assert_string_equal(back.options, options);
}

static void writes_what_it_reads(void **state)
{
	(void)state;
	round_trip("root=/dev/vda2 panic=10", "options root=/dev/vda2 panic=10\n");
	round_trip("\"a b\" c \"d\"", "options \"\"a b\" c \"d\"\"\n");
	round_trip(" leading", "options \" leading\"\n");
	round_trip("\"", "options \"\"\"\n");
}

static void refuses_to_write_lines_that_are_two(void **state)
{
	struct bls_entry e = {.options = (char *)"a\nlinux /evil"};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(bls_emit(&e, &b), -EINVAL);
	e.options = (char *)"";
	assert_int_equal(bls_emit(&e, &b), -EINVAL);
	assert_int_equal(buf_len(&b), 0);
}

static void refuses_what_is_no_entry(void **state)
{
	_bls_entry_ struct bls_entry e = {0};
	_free_ char *big = calloc(1, BLS_ENTRY_MAX + 1);
	_buf_ struct buf many = BUF_INIT;

	(void)state;
	assert_int_equal(bls_parse("title a\0b\n", 10, &e), -EBADMSG);
	memset(big, ' ', BLS_ENTRY_MAX + 1);
	assert_int_equal(bls_parse(big, BLS_ENTRY_MAX + 1, &e), -EBADMSG);
	for (int i = 0; i <= BLS_INITRD_MAX; i++)
		assert_int_equal(buf_printf(&many, "initrd /%d\n", i), 0);
	assert_int_equal(bls_parse(buf_data(&many), buf_len(&many), &e), -EBADMSG);
	assert_int_equal(bls_parse("", 0, &e), 0);
}

static void file_id(const char *name, int want, const char *id, int tries)
{
	char dst[64];
	int left = -7;

	assert_int_equal(bls_file_id(name, dst, &left), want);
	if (want < 0)
		return;
	assert_string_equal(dst, id);
	assert_int_equal(left, tries);
}

static void knows_counters_in_names(void **state)
{
	(void)state;
	file_id("Debian.conf", 0, "debian.conf", -1);
	file_id("a+3.conf", 0, "a.conf", 3);
	file_id("a+2-1.CONF", 0, "a.conf", 2);
	file_id("a+0-3.conf", 0, "a.conf", 0);
	file_id("6.1.0-9.conf", 0, "6.1.0-9.conf", -1);
	file_id("a+b-1.conf", 0, "a+b-1.conf", -1);
	file_id("+3.conf", -EINVAL, NULL, 0);
	file_id(".conf", -EINVAL, NULL, 0);
	file_id(".x.conf", -EINVAL, NULL, 0);
	file_id("a.cfg", -EINVAL, NULL, 0);
	file_id("", -EINVAL, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_kernel_install_writes),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(refuses_to_write_lines_that_are_two),
		cmocka_unit_test(refuses_what_is_no_entry),
		cmocka_unit_test(knows_counters_in_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
