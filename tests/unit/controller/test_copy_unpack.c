// SPDX-License-Identifier: GPL-2.0-or-later
/* A tar from a board: what is taken, and what a board that lies does not get. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "controller/copy/unpack.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define TEXT "some text"

struct entry {
	const char *path;
	mode_t type; /* 0 ends the list */
	const char *target;
	bool hard;
};

static char top[] = "/tmp/kf-unpack-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(top));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(AT_FDCWD, top);
}

static int make_tar(const struct entry *list)
{
	struct archive *a = archive_write_new();
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_int_equal(archive_write_set_format_gnutar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (; list->type; list++) {
		struct archive_entry *e = archive_entry_new();
		bool file = list->type == AE_IFREG && !list->hard;

		archive_entry_set_pathname(e, list->path);
		archive_entry_set_filetype(e, list->type);
		archive_entry_set_perm(e, 04751);
		archive_entry_set_mtime(e, 1000000000, 0);
		archive_entry_set_size(e, file ? (la_int64_t)strlen(TEXT) : 0);
		if (list->hard)
			archive_entry_set_hardlink(e, list->target);
		else if (list->target)
			archive_entry_set_symlink(e, list->target);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		if (file)
			archive_write_data(a, TEXT, strlen(TEXT));
		archive_entry_free(e);
	}
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int unpack(int fd, struct kf_error *err)
{
	_close_ int dir = fs_open_dir(AT_FDCWD, top);
	struct unpack u = {.in = fd, .dir = dir, .name = "x", .as = "y"};

	return unpack_tree(&u, err);
}

static void refused(struct entry bad, const char *why)
{
	const struct entry list[] = {{"x", AE_IFDIR, NULL, false}, bad, {0}};
	_close_ int fd = make_tar(list);
	struct kf_error err = {0};

	assert_true(unpack(fd, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_PACKAGE);
	if (!strstr(err.msg, why))
		fail_msg("%s", err.msg);
}

static void a_tree_is_written(void **state)
{
	static const struct entry list[] = {{"./x", AE_IFDIR, NULL, false},
					    {"./x/d/", AE_IFDIR, NULL, false},
					    {"./x/d/f", AE_IFREG, NULL, false},
					    {"./x/d/l", AE_IFLNK, "../d/f", false},
					    {"./x/no/dir", AE_IFREG, NULL, false},
					    {0}};
	_close_ int fd = make_tar(list);
	_close_ int dir = fs_open_dir(AT_FDCWD, top);
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(unpack(fd, &err), 0);
	assert_int_equal(fs_read_file(dir, "y/d/l", 100, &b), 0);
	assert_string_equal(buf_str(&b), TEXT);
	assert_int_equal(fstatat(dir, "y/d/f", &st, 0), 0);
	/* Without the setuid bit. */
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_int_equal(fstatat(dir, "y/d", &st, 0), 0);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_true(fs_exists(dir, "y/no/dir"));
}

static void what_leads_out_is_refused(void **state)
{
	(void)state;
	refused((struct entry){"../x", AE_IFREG, NULL, false}, "not allowed");
	refused((struct entry){"x/../../z", AE_IFREG, NULL, false}, "not allowed");
	refused((struct entry){"/x", AE_IFREG, NULL, false}, "not allowed");
	refused((struct entry){"x/a\nb", AE_IFREG, NULL, false}, "not allowed");
	refused((struct entry){"xy", AE_IFREG, NULL, false}, "not asked for");
	refused((struct entry){"z/x", AE_IFREG, NULL, false}, "not asked for");
	refused((struct entry){"x/l", AE_IFLNK, "/etc/passwd", false}, "leads out");
	refused((struct entry){"x/l", AE_IFLNK, "../x", false}, "leads out");
	refused((struct entry){"x/h", AE_IFREG, "x/f", true}, "hard link");
	refused((struct entry){"x/dev", AE_IFCHR, NULL, false}, "special file");
	refused((struct entry){"x/fifo", AE_IFIFO, NULL, false}, "special file");
}

static void nothing_is_written_through_a_link(void **state)
{
	static const struct entry list[] = {{"x", AE_IFDIR, NULL, false},
					    {"x/sub", AE_IFDIR, NULL, false},
					    {"x/l", AE_IFLNK, "sub", false},
					    {"x/l/f", AE_IFREG, NULL, false},
					    {0}};
	_close_ int fd = make_tar(list);
	_close_ int dir = fs_open_dir(AT_FDCWD, top);
	struct kf_error err = {0};

	(void)state;
	assert_true(unpack(fd, &err) < 0);
	assert_false(fs_exists(dir, "y/sub/f"));
}

static void a_cut_file_has_no_name(void **state)
{
	static const struct entry list[] = {{"x", AE_IFREG, NULL, false}, {0}};
	_close_ int fd = make_tar(list);
	_close_ int dir = fs_open_dir(AT_FDCWD, top);
	struct kf_error err = {0};
	_closedir_ DIR *d = opendir(top);
	unsigned n = 0;

	(void)state;
	assert_int_equal(fs_replace(dir, "y", "old", 3, 0600), 0);
	assert_int_equal(ftruncate(fd, 512 + 4), 0);
	assert_true(unpack(fd, &err) < 0);
	while (readdir(d))
		n++;
	assert_int_equal(n, 3); /* ".", "..", "y" */
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_true(unpack(fd, &err) < 0);
}

static void links(void **state)
{
	(void)state;
	assert_true(unpack_link_ok("y", "file"));
	assert_false(unpack_link_ok("y", "../file"));
	assert_false(unpack_link_ok("y", ""));
	assert_false(unpack_link_ok("y", ".."));
	assert_true(unpack_link_ok("y/a", "..file"));
	assert_false(unpack_link_ok("y/a", ".."));
	assert_true(unpack_link_ok("y/a/b", ".."));
	assert_true(unpack_link_ok("y/a/b", "../c/d"));
	assert_false(unpack_link_ok("y/a/b", "../../c"));
	/* "c" may be a link to "." */
	assert_false(unpack_link_ok("y/a/b", "c/.."));
	assert_false(unpack_link_ok("y/a/b", "../c/../d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tree_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_leads_out_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_written_through_a_link, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_cut_file_has_no_name, set_up,
						tear_down),
		cmocka_unit_test(links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
