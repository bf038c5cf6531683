/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels from files: a .deb, a tarball and our own package made here are taken; each
 * hostile, damaged or wrong one is refused with its own words, and nothing is left
 * behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/contents.h"
#include "controller/kernel/deb.h"
#include "controller/kernel/kernel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/package.h"
#include "proto/reason.h"

#define REL	"6.9.0-test"
#define BANNER	"Linux version " REL " (me@desk) (gcc 12) #7 SMP"
#define CONTROL "Package: linux-image-" REL "\nArchitecture: arm64\nDepends: kmod\n"

struct place {
	char dir[64];
	struct config *cfg;
	struct ui *ui;
	char *image; /* bytes of an arm64 Image */
	size_t image_len;
	char *file; /* the archive under test */
};

struct entry {
	const char *path;
	const char *data; /* "IMAGE": the image */
	mode_t type;	  /* 0: a regular file */
	mode_t perm;
	const char *link;
	const char *hardlink;
};

/* An arm64 Image: magic, banner, build-id note. */
static void make_image(struct place *p)
{
	static const uint32_t note[3] = {4, 20, 3};

	p->image_len = 1024;
	p->image = calloc(1, p->image_len);
	memcpy(p->image, "MZ", 2);
	memcpy(p->image + 0x38, "ARM\x64", 4);
	memcpy(p->image + 128, BANNER "\n", sizeof(BANNER));
	memcpy(p->image + 512, note, sizeof(note));
	memcpy(p->image + 524, "GNU", 4);
	memset(p->image + 528, 0xab, 20);
}

static int setup(void **state)
{
	struct config_paths paths = {.user_file = "/nonexistent",
				     .profile_dir = "/nonexistent"};
	struct ui_opts opts = {.quiet = true};
	struct place *p = calloc(1, sizeof(*p));
	struct kf_error err = {0};

	snprintf(p->dir, sizeof(p->dir), "/tmp/kf-from-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	setenv("KFERRY_CACHE", p->dir, 1);
	p->file = strf("%s/file", p->dir);
	make_image(p);
	if (ui_new(&opts, &p->ui) < 0 || config_load(&paths, &p->cfg, &err) < 0)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	config_free(p->cfg);
	ui_free(p->ui);
	(void)!fs_remove_tree(AT_FDCWD, p->dir);
	free(p->image);
	free(p->file);
	free(p);
	return 0;
}

/* --- making archives -----------------------------------------------------------------
 */

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	(void)a;
	return buf_append(arg, data, n) < 0 ? -1 : (la_ssize_t)n;
}

static void add(struct archive *a, const struct entry *s, const void *data, size_t n)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, s->path);
	archive_entry_set_filetype(e, s->type ? s->type : AE_IFREG);
	archive_entry_set_perm(e, s->perm ? s->perm : 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	if (s->link)
		archive_entry_set_symlink(e, s->link);
	if (s->hardlink)
		archive_entry_set_hardlink(e, s->hardlink);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (n > 0)
		assert_int_equal(archive_write_data(a, data, n), (la_ssize_t)n);
	archive_entry_free(e);
}

static void make_tar(struct place *p, struct buf *out, const char *filter,
		     const struct entry *list)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format_gnutar(a), ARCHIVE_OK);
	if (strcmp(filter, "none") != 0)
		assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, on_write, NULL), ARCHIVE_OK);
	for (; list->path; list++) {
		bool image = list->data && strcmp(list->data, "IMAGE") == 0;

		add(a, list, image ? p->image : list->data,
		    image	 ? p->image_len
		    : list->data ? strlen(list->data)
				 : 0);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static void make_deb(struct place *p, struct buf *out, const char *control,
		     const struct entry *list)
{
	const struct entry files[] = {{.path = "./control", .data = control}, {0}};
	_buf_ struct buf c = BUF_INIT, d = BUF_INIT;
	struct archive *a = archive_write_new();

	make_tar(p, &c, "gzip", files);
	make_tar(p, &d, "xz", list);
	assert_int_equal(archive_write_set_format_ar_svr4(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, on_write, NULL), ARCHIVE_OK);
	add(a, &(struct entry){.path = "debian-binary"}, "2.0\n", 4);
	add(a, &(struct entry){.path = "control.tar.gz"}, buf_data(&c), buf_len(&c));
	add(a, &(struct entry){.path = "data.tar.xz"}, buf_data(&d), buf_len(&d));
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static void save(struct place *p, const void *data, size_t n)
{
	assert_int_equal(fs_replace(AT_FDCWD, p->file, data, n, 0644), 0);
}

/* Nothing may stay in the scratch place once it failed or was freed. */
static void check_scratch_empty(struct place *p)
{
	_free_ char *path = strf("%s/scratch", p->dir);
	uint64_t bytes = 1;
	int fd = fs_open_dir(AT_FDCWD, path);

	if (fd < 0)
		return;
	assert_int_equal(fs_tree_bytes(fd, ".", &bytes), 0);
	assert_int_equal(bytes, 0);
	close(fd);
}

static void refused(struct place *p, const char *word, const char *word2)
{
	struct kf_error err = {0};
	struct kernel *k = NULL;
	int r = kernel_from_file(p->cfg, p->ui, p->file, &k, &err);

	kernel_free(k);
	if (r == 0)
		fail_msg("taken, and \"%s\" expected", word);
	if (err.reason != KF_REASON_PACKAGE || !strstr(err.msg, word) ||
	    !strstr(err.msg, word2) || !strstr(err.msg, p->file))
		fail_msg("reason %d: %s (expected: %s, %s)", err.reason, err.msg, word,
			 word2);
	check_scratch_empty(p);
}

static void refused_deb(struct place *p, const char *control, const struct entry *list,
			const char *word, const char *word2)
{
	_buf_ struct buf b = BUF_INIT;

	make_deb(p, &b, control, list);
	save(p, buf_data(&b), buf_len(&b));
	refused(p, word, word2);
}

static void refused_tar(struct place *p, const struct entry *list, const char *word,
			const char *word2)
{
	_buf_ struct buf b = BUF_INIT;

	make_tar(p, &b, "zstd", list);
	save(p, buf_data(&b), buf_len(&b));
	refused(p, word, word2);
}

/* --- what is good ----------------------------------------------------------------------
 */

static const struct entry good[] = {
	{.path = "./", .type = AE_IFDIR, .perm = 0755},
	{.path = "./boot/", .type = AE_IFDIR, .perm = 0755},
	{.path = "./boot/vmlinuz-" REL, .data = "IMAGE"},
	{.path = "./boot/config-" REL, .data = "CONFIG_A=y\nCONFIG_MODULES=y\n"},
	{.path = "./boot/System.map-" REL, .data = "0 T _text\n"},
	{.path = "./lib/modules/" REL "/kernel/a.ko", .data = "module a"},
	{.path = "./lib/modules/" REL "/modules.order", .data = "kernel/a.ko\n"},
	{.path = "./lib/modules/" REL "/build",
	 .type = AE_IFLNK,
	 .link = "/usr/src/linux-headers"},
	{.path = "./usr/lib/linux-image-" REL "/vendor/board.dtb", .data = "dtb"},
	{.path = "./usr/share/doc/linux-image/changelog.gz", .data = "not wanted"},
	{.path = "./etc/kernel/postinst.d/evil", .data = "not wanted", .perm = 0755},
	{0},
};

static void check_file(const struct kernel *k, const char *path, const char *data)
{
	ssize_t i = manifest_find(&k->manifest, path);
	_buf_ struct buf b = BUF_INIT;

	if (i < 0)
		fail_msg("%s is missing", path);
	if (!data)
		return;
	assert_int_equal(fs_read_file(AT_FDCWD, k->source[i], 1 << 20, &b), 0);
	assert_string_equal(buf_str(&b), data);
}

static void check_good(const struct kernel *k)
{
	assert_string_equal(k->manifest.release, REL);
	assert_string_equal(k->manifest.arch, "arm64");
	assert_string_equal(k->manifest.banner, BANNER);
	assert_string_equal(k->manifest.image, "boot/image");
	assert_int_equal(strspn(k->manifest.build_id, "ab"), 40);
	assert_true(k->manifest.has_config_digest);
	check_file(k, "boot/image", NULL);
	check_file(k, "boot/System.map", "0 T _text\n");
	check_file(k, "dtbs/vendor/board.dtb", "dtb");
	check_file(k, "modules/" REL "/kernel/a.ko", "module a");
	check_file(k, "modules/" REL "/modules.dep", NULL);
	assert_int_equal(manifest_find(&k->manifest, "modules/" REL "/build"), -1);
	for (size_t i = 0; i < k->manifest.n_files; i++) {
		assert_null(strstr(k->manifest.files[i].path, "doc"));
		assert_null(strstr(k->manifest.files[i].path, "etc"));
		assert_int_equal(k->manifest.files[i].mode, 0644);
	}
	assert_int_equal(k->boot_bytes, 1024 + 3);
}

static struct kernel *take(struct place *p)
{
	struct kf_error err = {0};
	struct kernel *k = NULL;

	if (kernel_from_file(p->cfg, p->ui, p->file, &k, &err) < 0)
		fail_msg("%s", err.msg);
	return k;
}

static void test_deb(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	make_deb(p, &b, CONTROL, good);
	save(p, buf_data(&b), buf_len(&b));
	k = take(p);
	check_good(k);
	kernel_free(k);
	check_scratch_empty(p);
}

static void test_tarballs_by_each_compression(void **state)
{
	static const char *const filters[] = {"none", "gzip", "bzip2", "xz", "zstd"};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_buf_ struct buf b = BUF_INIT;
		struct kernel *k;

		make_tar(p, &b, filters[i], good);
		save(p, buf_data(&b), buf_len(&b));
		k = take(p);
		check_good(k);
		kernel_free(k);
	}
}

static void test_everything_below_usr_lib_modules(void **state)
{
	static const struct entry list[] = {
		{.path = "usr/lib/modules/" REL "/vmlinuz", .data = "IMAGE"},
		{.path = "usr/lib/modules/" REL "/kernel/a.ko", .data = "a"},
		{0},
	};
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	make_tar(p, &b, "zstd", list);
	save(p, buf_data(&b), buf_len(&b));
	k = take(p);
	check_file(k, "boot/image", NULL);
	assert_int_equal(manifest_find(&k->manifest, "modules/" REL "/vmlinuz"), -1);
	kernel_free(k);
}

static int sink(void *arg, const void *data, size_t n)
{
	return buf_append(arg, data, n);
}

static void make_package(struct place *p, struct buf *out, char slot[SLOT_ID_SIZE])
{
	struct kf_error err = {0};
	_buf_ struct buf b = BUF_INIT;
	struct kernel *k;

	make_deb(p, &b, CONTROL, good);
	save(p, buf_data(&b), buf_len(&b));
	k = take(p);
	memcpy(slot, k->slot, SLOT_ID_SIZE);
	assert_int_equal(kernel_write_tar(k, NULL, true, 3, sink, out, NULL, &err), 0);
	kernel_free(k);
}

static void test_package_there_and_back(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	char slot[SLOT_ID_SIZE];
	struct kernel *k;

	make_package(p, &b, slot);
	save(p, buf_data(&b), buf_len(&b));
	k = take(p);
	check_good(k);
	assert_string_equal(k->slot, slot);
	kernel_free(k);
	check_scratch_empty(p);
}

static void test_package_cut_and_altered(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	char slot[SLOT_ID_SIZE];
	size_t n;

	make_package(p, &b, slot);
	n = buf_len(&b);
	for (size_t cut = 1; cut < n; cut += n / 23) {
		save(p, buf_data(&b), n - cut);
		refused(p, "", "");
	}
	for (size_t at = 0; at < n; at += 1 + n / 41) {
		struct kf_error err = {0};
		struct kernel *k = NULL;

		b.data[b.start + at] ^= 0x40;
		save(p, buf_data(&b), n);
		/* What is still taken is the same package, bit for bit. */
		if (kernel_from_file(p->cfg, p->ui, p->file, &k, &err) == 0)
			assert_string_equal(k->slot, slot);
		kernel_free(k);
		b.data[b.start + at] ^= 0x40;
	}
	check_scratch_empty(p);
}

/* --- what is not
 * -------------------------------------------------------------------------- */

#define IMAGE_ENTRY                                                                      \
	{                                                                                \
		.path = "boot/vmlinuz-" REL, .data = "IMAGE"                             \
	}

static void test_hostile_entries(void **state)
{
	static const struct {
		struct entry e;
		const char *word, *word2;
	} cases[] = {
		{{.path = "../evil", .data = "x"}, "../evil", "path"},
		{{.path = "./lib/modules/../../../evil", .data = "x"}, "evil", "path"},
		{{.path = "/etc/evil", .data = "x"}, "/etc/evil", "path"},
		{{.path = "boot/a\nb", .data = "x"}, "path", ""},
		{{.path = "dev/null", .type = AE_IFCHR}, "dev/null", "device"},
		{{.path = "boot/fifo", .type = AE_IFIFO}, "boot/fifo", "device"},
		{{.path = "usr/bin/su", .data = "x", .perm = 04755},
		 "usr/bin/su",
		 "setuid"},
		{{.path = "usr/bin/wall", .data = "x", .perm = 02755},
		 "usr/bin/wall",
		 "setgid"},
		{{.path = "boot/config-" REL, .hardlink = "boot/vmlinuz-" REL},
		 "boot/config-" REL,
		 "hard link"},
		{{.path = "boot/vmlinuz-6.8.0-other", .data = "IMAGE"},
		 "two kernels",
		 "6.8.0-other"},
		{{.path = "lib/modules/6.8.0-other/a.ko", .data = "x"},
		 "two kernels",
		 "6.8.0-other"},
		{{.path = "lib/modules/-rf/a.ko", .data = "x"}, "-rf", "release"},
		{{.path = "boot/vmlinuz-" REL, .data = "IMAGE"}, "twice", "vmlinuz"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct entry list[] = {IMAGE_ENTRY, cases[i].e, {0}};

		refused_tar(*state, list, cases[i].word, cases[i].word2);
		refused_deb(*state, CONTROL, list, cases[i].word, cases[i].word2);
	}
	assert_false(fs_exists(AT_FDCWD, "/tmp/evil"));
}

/* A link into another place, then a file through it: the link is not made. */
static void test_a_link_is_not_followed(void **state)
{
	struct place *p = *state;
	_free_ char *target = strf("%s/outside", p->dir);
	_free_ char *through = strf("%s/outside/x", p->dir);
	const struct entry list[] = {
		IMAGE_ENTRY,
		{.path = "lib/modules/" REL "/kernel", .type = AE_IFLNK, .link = target},
		{.path = "lib/modules/" REL "/kernel/x", .data = "x"},
		{0},
	};
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_mkdirs(AT_FDCWD, target), 0);
	make_tar(p, &b, "zstd", list);
	save(p, buf_data(&b), buf_len(&b));
	kernel_free(take(p));
	assert_false(fs_exists(AT_FDCWD, through));
}

static void test_no_kernel_in_it(void **state)
{
	static const struct entry modules[] = {
		{.path = "lib/modules/" REL "/a.ko", .data = "x"}, {0}};
	static const struct entry nothing[] = {{.path = "usr/share/doc/x", .data = "x"},
					       {0}};

	refused_tar(*state, modules, "no kernel", "");
	refused_tar(*state, nothing, "no kernel", "");
	refused_deb(*state, CONTROL, nothing, "no kernel", "linux-image");
	refused_deb(*state, "Package: linux-headers-6.9\nArchitecture: amd64\n", nothing,
		    "kernel headers", "linux-image");
	refused_deb(*state, "Package: linux-image-6.9-dbg\nArchitecture: amd64\n",
		    modules, "debug information", "linux-image");
	refused_deb(*state,
		    "Package: linux-image-amd64\nArchitecture: amd64\n"
		    "Depends: linux-image-6.9-amd64 (= 6.9)\n",
		    nothing, "metapackage", "linux-image-6.9-amd64");
}

static void test_what_does_not_fit_together(void **state)
{
	static const struct entry no_modules[] = {
		IMAGE_ENTRY,
		{.path = "boot/config-" REL, .data = "CONFIG_A=y\nCONFIG_MODULES=y\n"},
		{0},
	};
	static const struct entry other[] = {
		{.path = "boot/vmlinuz-6.8.0-other", .data = "IMAGE"}, {0}};
	static const struct entry no_image[] = {
		{.path = "boot/vmlinuz-" REL, .data = "this is no kernel"}, {0}};
	static const struct entry image[] = {IMAGE_ENTRY, {0}};

	refused_tar(*state, no_modules, "no modules", "");
	refused_tar(*state, other, "two kernels", "6.8.0-other");
	refused_tar(*state, no_image, "not a kernel image", "");
	refused_deb(*state, "Package: linux-image-x\nArchitecture: amd64\n", image,
		    "x86_64", "arm64");
}

static void test_cut_debs_and_tarballs(void **state)
{
	struct place *p = *state;
	_buf_ struct buf deb = BUF_INIT, tar = BUF_INIT;

	make_deb(p, &deb, CONTROL, good);
	for (size_t n = 1; n < buf_len(&deb); n += 97) {
		save(p, buf_data(&deb), n);
		refused(p, "", "");
	}
	make_tar(p, &tar, "none", good);
	for (size_t n = 512; n <= buf_len(&tar) - 1024; n += 512) {
		save(p, buf_data(&tar), n);
		refused(p, "", "");
	}
}

static void test_altered_deb(void **state)
{
	struct place *p = *state;
	_buf_ struct buf b = BUF_INIT;
	uint8_t *at;

	make_deb(p, &b, CONTROL, good);
	at = memmem(buf_data(&b), buf_len(&b), "7zXZ", 4);
	assert_non_null(at);
	at[100] ^= 1;
	save(p, buf_data(&b), buf_len(&b));
	refused(p, "truncated or altered", "");
}

static void test_what_is_no_archive(void **state)
{
	struct place *p = *state;
	struct kf_error err = {0};
	struct kernel *k;

	save(p, "", 0);
	refused(p, "not a kernel package", "");
	save(p, "just text", 9);
	refused(p, "not a kernel package", "");
	save(p, "\355\253\356\333\003", 5);
	refused(p, "RPM", "");
	assert_true(kernel_from_file(p->cfg, p->ui, "/nonexistent/x.deb", &k, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_FOUND);
	assert_true(kernel_from_file(p->cfg, p->ui, p->dir, &k, &err) < 0);
}

static void test_control_fields(void **state)
{
	struct deb_control c;

	(void)state;
	deb_parse_control("Package: a\nPackages: b\nArchitecture:amd64\nDepends:  x, y",
			  &c);
	assert_string_equal(c.package, "a");
	assert_string_equal(c.arch, "x86_64");
	assert_string_equal(c.depends, "x, y");
	deb_parse_control("", &c);
	assert_string_equal(c.package, "");
}

/* --- the writer
 * ------------------------------------------------------------------------------ */

struct stream {
	const uint8_t *data;
	size_t n;
};

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct stream *s = arg;

	if (n > s->n)
		n = s->n;
	memcpy(data, s->data, n);
	s->data += n;
	s->n -= n;
	return (ssize_t)n;
}

static void test_writing_only_what_is_wanted(void **state)
{
	struct place *p = *state;
	_buf_ struct buf deb = BUF_INIT, one = BUF_INIT, again = BUF_INIT;
	struct package_reader *reader;
	struct package_entry e;
	struct kf_error err = {0};
	struct kernel *k;
	struct stream s;
	uint64_t done = 0;
	uint8_t want[64] = {0};
	char data[64];
	ssize_t i;

	make_deb(p, &deb, CONTROL, good);
	save(p, buf_data(&deb), buf_len(&deb));
	k = take(p);
	i = manifest_find(&k->manifest, "modules/" REL "/kernel/a.ko");
	want[i / 8] = (uint8_t)(1u << (i % 8));
	assert_int_equal(kernel_write_tar(k, want, false, 1, sink, &one, &done, &err), 0);
	assert_int_equal(done, 8);
	assert_int_equal(kernel_write_tar(k, want, false, 1, sink, &again, NULL, &err),
			 0);
	assert_int_equal(buf_len(&one), buf_len(&again));
	assert_memory_equal(buf_data(&one), buf_data(&again), buf_len(&one));
	s = (struct stream){buf_data(&one), buf_len(&one)};
	assert_int_equal(package_reader_new(pull, &s, &reader, &err), 0);
	assert_int_equal(package_next(reader, &e, &err), 1);
	assert_string_equal(e.path, "modules/" REL "/kernel/a.ko");
	assert_int_equal(package_read(reader, data, sizeof(data), &err), 8);
	assert_memory_equal(data, "module a", 8);
	assert_int_equal(package_next(reader, &e, &err), 0);
	package_reader_free(reader);
	kernel_free(k);
}

static int stop(void *arg, const void *data, size_t n)
{
	(void)arg;
	(void)data;
	(void)n;
	return -EPIPE;
}

static void test_a_file_that_changed_meanwhile(void **state)
{
	struct place *p = *state;
	static const char *const now[] = {"module b", "module", "module and more"};
	_buf_ struct buf deb = BUF_INIT, out = BUF_INIT;
	struct kf_error err = {0};
	struct kernel *k;
	ssize_t i;

	make_deb(p, &deb, CONTROL, good);
	save(p, buf_data(&deb), buf_len(&deb));
	k = take(p);
	assert_int_equal(kernel_write_tar(k, NULL, true, 1, stop, NULL, NULL, &err),
			 -EPIPE);
	i = manifest_find(&k->manifest, "modules/" REL "/kernel/a.ko");
	for (size_t j = 0; j < 2; j++) {
		assert_int_equal(
			fs_replace(AT_FDCWD, k->source[i], now[j], strlen(now[j]), 0644),
			0);
		assert_true(kernel_write_tar(k, NULL, true, 1, sink, &out, NULL, &err) <
			    0);
		assert_int_equal(err.reason, KF_REASON_DIGEST);
		assert_non_null(strstr(err.msg, "a.ko"));
	}
	kernel_free(k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deb),
		TEST(test_tarballs_by_each_compression),
		TEST(test_everything_below_usr_lib_modules),
		TEST(test_package_there_and_back),
		TEST(test_package_cut_and_altered),
		TEST(test_hostile_entries),
		TEST(test_a_link_is_not_followed),
		TEST(test_no_kernel_in_it),
		TEST(test_what_does_not_fit_together),
		TEST(test_cut_debs_and_tarballs),
		TEST(test_altered_deb),
		TEST(test_what_is_no_archive),
		TEST(test_control_fields),
		TEST(test_writing_only_what_is_wanted),
		TEST(test_a_file_that_changed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
