/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot images made here: ELF kernels inside a bzImage by each compression, flat arm64
 * images with a vDSO inside, zboot, zImage; and the same cut at every length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/kernel/image.h"
#include "proto/base/buf.h"

#define BANNER	 "Linux version 6.9.0-test (me@desk) (gcc 12) #7 SMP Mon Jan 1 00:00:00"
#define TEMPLATE "Linux version %s (%s)"
#define UNNAMED	 "Linux version 6.9.0-test (me@desk) (gcc 12) # SMP"

static void put(struct buf *b, const void *data, size_t n)
{
	assert_int_equal(buf_append(b, data, n), 0);
}

static void pad(struct buf *b, size_t to)
{
	while (buf_len(b) < to)
		put(b, "", 1);
}

static void put32(struct buf *b, size_t at, uint32_t v)
{
	memcpy(b->data + b->start + at, &v, 4);
}

static void put_note(struct buf *b, uint8_t fill)
{
	uint32_t head[3] = {4, 20, 3};
	uint8_t id[20];

	memset(id, fill, sizeof(id));
	put(b, head, sizeof(head));
	put(b, "GNU", 4);
	put(b, id, sizeof(id));
}

/* A 64-bit ELF file with one PT_NOTE and some text. */
static void make_elf(struct buf *b, uint8_t fill, const char *text)
{
	Elf64_Ehdr e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = 1,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 1};
	Elf64_Phdr p = {.p_type = PT_NOTE,
			.p_offset = sizeof(e) + sizeof(p),
			.p_filesz = 36,
			.p_align = 4};
	size_t start = buf_len(b);
	Elf64_Shdr s = {0};

	e.e_shoff = sizeof(e) + sizeof(p) + 36 + ((strlen(text) + 8) & ~(size_t)7);
	put(b, &e, sizeof(e));
	put(b, &p, sizeof(p));
	put_note(b, fill);
	put(b, text, strlen(text) + 1);
	pad(b, start + e.e_shoff);
	put(b, &s, sizeof(s));
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	(void)a;
	return buf_append(arg, data, n) < 0 ? -1 : (la_ssize_t)n;
}

static void compress(struct buf *out, const char *filter, const struct buf *in)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, on_write, NULL), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_pathname(e, "x");
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, buf_data(in), buf_len(in)),
			 (la_ssize_t)buf_len(in));
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	archive_write_free(a);
}

#define SETUP 4
#define FROM  32 /* payload_offset */

/* payload, and behind it the unpacked size, as kbuild writes it. */
static void make_bzimage(struct buf *b, const struct buf *payload, uint32_t size)
{
	static const char version[] = "6.9.0-setup (me@desk) #7";
	uint16_t at = 0x300 - 0x200;

	pad(b, 0x1f1);
	put(b, (uint8_t[]){SETUP}, 1);
	pad(b, 0x1fe);
	put(b, "\x55\xaa\xeb\x66HdrS", 8);
	put(b, "\x0f\x02", 2);
	pad(b, 0x20e);
	put(b, &at, 2);
	pad(b, 0x236);
	put(b, "\x01\x00", 2);
	pad(b, 0x250);
	put32(b, 0x248, FROM);
	put32(b, 0x24c, (uint32_t)buf_len(payload) + 4);
	pad(b, 0x300);
	put(b, version, sizeof(version));
	pad(b, (SETUP + 1) * 512 + FROM);
	put(b, buf_data(payload), buf_len(payload));
	put(b, &size, 4);
	pad(b, buf_len(b) + 64);
}

static char *id_of(uint8_t fill)
{
	static char hex[41];

	for (int i = 0; i < 20; i++)
		snprintf(hex + 2 * i, 3, "%02x", fill);
	return hex;
}

static void check(const struct buf *b, const char *arch, uint8_t fill)
{
	_image_info_ struct image_info info = {0};

	assert_int_equal(image_parse(buf_data(b), buf_len(b), &info), 0);
	assert_string_equal(info.arch, arch);
	assert_string_equal(info.build_id, id_of(fill));
	assert_string_equal(info.release, "6.9.0-test");
	assert_string_equal(info.banner, BANNER);
}

static void test_bzimage_by_each_compression(void **state)
{
	static const char *const filters[] = {"gzip", "xz",    "zstd",
					      "lz4",  "bzip2", "lzma"};
	(void)state;

	for (size_t i = 0; i < 6; i++) {
		_buf_ struct buf elf = BUF_INIT, packed = BUF_INIT, image = BUF_INIT;

		make_elf(&elf, 0xab, TEMPLATE "x" UNNAMED "\n" BANNER "\n");
		compress(&packed, filters[i], &elf);
		make_bzimage(&image, &packed, (uint32_t)buf_len(&elf));
		check(&image, "x86_64", 0xab);
	}
}

static void test_bzimage_not_compressed(void **state)
{
	_buf_ struct buf elf = BUF_INIT, image = BUF_INIT;

	(void)state;
	make_elf(&elf, 0xab, BANNER "\n");
	make_bzimage(&image, &elf, 0);
	check(&image, "x86_64", 0xab);
}

static void test_bzimage_with_an_unknown_payload_has_the_headers_release(void **state)
{
	_buf_ struct buf noise = BUF_INIT, image = BUF_INIT;
	_image_info_ struct image_info info = {0};

	(void)state;
	for (int i = 0; i < 500; i++)
		put(&noise, "unknown compression", 19);
	make_bzimage(&image, &noise, 0);
	assert_int_equal(image_parse(buf_data(&image), buf_len(&image), &info), 0);
	assert_string_equal(info.release, "6.9.0-setup");
	assert_string_equal(info.build_id, "");
	assert_null(info.banner);
}

/* The vDSO's note comes first and is not the kernel's. */
static void make_arm64(struct buf *b)
{
	put(b, "MZ", 2);
	pad(b, 0x38);
	put(b, "ARM\x64", 4);
	pad(b, 4096);
	make_elf(b, 0x11, "vdso");
	pad(b, 8192);
	put(b, UNNAMED "\n", sizeof(UNNAMED) + 1);
	put(b, BANNER "\n", sizeof(BANNER) + 1);
	pad(b, 9000);
	put_note(b, 0xcd);
	pad(b, 10000);
}

static void test_arm64_image(void **state)
{
	_buf_ struct buf image = BUF_INIT, packed = BUF_INIT;

	(void)state;
	make_arm64(&image);
	check(&image, "arm64", 0xcd);
	compress(&packed, "gzip", &image);
	check(&packed, "arm64", 0xcd);
}

/* A file is searched a megabyte at a time: what lies across two of them is found, and so
 * is what lies behind many. */
static void test_arm64_file_of_many_megabytes(void **state)
{
	static const size_t places[] = {(1 << 20) - 5, 1 << 20, (3 << 20) + 77};
	char path[] = "/tmp/kf-image-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_buf_ struct buf image = BUF_INIT;
		struct image_info info = {0};
		struct kf_error err = {0};
		FILE *f = fopen(path, "w");

		pad(&image, 0x38);
		put(&image, "ARM\x64", 4);
		pad(&image, places[i]);
		put(&image, BANNER, sizeof(BANNER));
		pad(&image, (5 << 20) + 4);
		put_note(&image, 0xcd);
		pad(&image, 6 << 20);
		assert_non_null(f);
		assert_int_equal(fwrite(buf_data(&image), 1, buf_len(&image), f),
				 buf_len(&image));
		fclose(f);
		assert_int_equal(image_read(path, &info, &err), 0);
		assert_string_equal(info.banner, BANNER);
		assert_string_equal(info.build_id, id_of(0xcd));
		image_info_fini(&info);
	}
	unlink(path);
}

static void test_zboot(void **state)
{
	_buf_ struct buf inner = BUF_INIT, packed = BUF_INIT, image = BUF_INIT;

	(void)state;
	make_arm64(&inner);
	compress(&packed, "zstd", &inner);
	put(&image, "MZ\0\0zimg", 8);
	pad(&image, 512);
	put32(&image, 8, 512);
	put32(&image, 12, (uint32_t)buf_len(&packed));
	put(&image, buf_data(&packed), buf_len(&packed));
	check(&image, "arm64", 0xcd);
}

static void test_zimage(void **state)
{
	_buf_ struct buf inner = BUF_INIT, packed = BUF_INIT, image = BUF_INIT;

	(void)state;
	pad(&inner, 100);
	put(&inner, BANNER "\n", sizeof(BANNER) + 1);
	pad(&inner, 400);
	put_note(&inner, 0x42);
	pad(&inner, 500);
	compress(&packed, "gzip", &inner);
	pad(&image, 0x24);
	put(&image, "\x18\x28\x6f\x01", 4);
	pad(&image, 700);
	put(&image, "\037\213\010 not really gzip", 20);
	put(&image, buf_data(&packed), buf_len(&packed));
	pad(&image, buf_len(&image) + 100);
	check(&image, "arm", 0x42);
}

/* Whatever is missing: no crash, and never another kernel's identity. */
static void test_cut_at_every_length(void **state)
{
	_buf_ struct buf elf = BUF_INIT, packed = BUF_INIT, image = BUF_INIT;
	_free_ uint8_t *copy = NULL;

	(void)state;
	make_elf(&elf, 0xab, BANNER "\n");
	compress(&packed, "gzip", &elf);
	make_bzimage(&image, &packed, 0);
	for (size_t n = 0; n < buf_len(&image); n += 7) {
		_image_info_ struct image_info info = {0};

		free(copy);
		copy = malloc(n + 1);
		assert_non_null(copy);
		memcpy(copy, buf_data(&image), n);
		if (image_parse(copy, n, &info) == 0 && info.build_id[0])
			assert_string_equal(info.build_id, id_of(0xab));
	}
}

static void test_every_header_byte_altered(void **state)
{
	_buf_ struct buf elf = BUF_INIT, image = BUF_INIT;

	(void)state;
	make_elf(&elf, 0xab, BANNER "\n");
	make_bzimage(&image, &elf, 0);
	for (size_t i = 0x1f0; i < 0x260; i++) {
		_image_info_ struct image_info info = {0};
		uint8_t *at = image.data + image.start + i;

		*at ^= 0xff;
		(void)!image_parse(buf_data(&image), buf_len(&image), &info);
		*at ^= 0xff;
	}
	check(&image, "x86_64", 0xab);
}

static void test_noise_is_no_image(void **state)
{
	uint8_t noise[4096];
	struct image_info info;
	struct kf_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 131 + (i >> 3));
	assert_int_equal(image_parse(noise, sizeof(noise), &info), -EBADMSG);
	assert_int_equal(image_parse(noise, 0, &info), -EBADMSG);
	assert_true(image_read("/dev/null", &info, &err) < 0);
	assert_non_null(strstr(err.msg, "/dev/null"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bzimage_by_each_compression),
		cmocka_unit_test(test_bzimage_not_compressed),
		cmocka_unit_test(
			test_bzimage_with_an_unknown_payload_has_the_headers_release),
		cmocka_unit_test(test_arm64_image),
		cmocka_unit_test(test_arm64_file_of_many_megabytes),
		cmocka_unit_test(test_zboot),
		cmocka_unit_test(test_zimage),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_every_header_byte_altered),
		cmocka_unit_test(test_noise_is_no_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
