/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives of kernels, made and read. */
#include "tests/lib/controller/place.h"

#include <archive.h>
#include <fcntl.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

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

int place_set_up(void **state)
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

int place_tear_down(void **state)
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

/* --- making archives ------------------------------------------------------------ */

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	(void)a;
	return buf_append(arg, data, n) < 0 ? -1 : (la_ssize_t)n;
}

static void add(struct archive *a, const struct place_entry *s, const void *data,
		size_t n)
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

void place_tar(struct place *p, struct buf *out, const char *filter,
	       const struct place_entry *list)
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

void place_deb(struct place *p, struct buf *out, const char *control,
	       const struct place_entry *list)
{
	const struct place_entry files[] = {{.path = "./control", .data = control}, {0}};
	_buf_ struct buf c = BUF_INIT, d = BUF_INIT;
	struct archive *a = archive_write_new();

	place_tar(p, &c, "gzip", files);
	place_tar(p, &d, "xz", list);
	assert_int_equal(archive_write_set_format_ar_svr4(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open(a, out, NULL, on_write, NULL), ARCHIVE_OK);
	add(a, &(struct place_entry){.path = "debian-binary"}, "2.0\n", 4);
	add(a, &(struct place_entry){.path = "control.tar.gz"}, buf_data(&c),
	    buf_len(&c));
	add(a, &(struct place_entry){.path = "data.tar.xz"}, buf_data(&d), buf_len(&d));
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

const struct place_entry place_good[] = {
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

/* --- reading them --------------------------------------------------------------- */

void place_save(struct place *p, const void *data, size_t n)
{
	assert_int_equal(fs_replace(AT_FDCWD, p->file, data, n, 0644), 0);
}

void place_is_empty(struct place *p)
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

void place_refused(struct place *p, const char *word, const char *word2)
{
	struct kf_error err = {0};
	struct kernel *k = NULL;
	int r = kernel_from_file(p->cfg, p->ui, p->file, &k, &err);

	if (r == 0)
		r = kernel_whole(k, &err);
	kernel_free(k);
	if (r == 0)
		fail_msg("taken, and \"%s\" expected", word);
	if (err.reason != KF_REASON_PACKAGE || !strstr(err.msg, word) ||
	    !strstr(err.msg, word2) || !strstr(err.msg, p->file))
		fail_msg("reason %d: %s (expected: %s, %s)", err.reason, err.msg, word,
			 word2);
	place_is_empty(p);
}

struct kernel *place_take(struct place *p)
{
	struct kf_error err = {0};
	struct kernel *k = NULL;

	if (kernel_from_file(p->cfg, p->ui, p->file, &k, &err) < 0 ||
	    kernel_whole(k, &err) < 0)
		fail_msg("%s", err.msg);
	return k;
}

int place_sink(void *arg, const void *data, size_t n)
{
	return buf_append(arg, data, n);
}
