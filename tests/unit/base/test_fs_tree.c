/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees: order of a walk, sizes, and a removal that touches nothing else. */
#include "tests/unit/base/scratch.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int note(void *arg, int dirfd, const char *name, const char *path,
		const struct stat *st)
{
	struct buf *b = arg;
	struct stat here;
	const char *base = strrchr(path, '/');

	assert_string_equal(name, base ? base + 1 : path);
	assert_int_equal(fstatat(dirfd, name, &here, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(here.st_ino, st->st_ino);
	assert_int_equal(buf_printf(b, "%s%s ", path, S_ISLNK(st->st_mode) ? "@" : ""),
			 0);
	return 0;
}

static int stop_at_b(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	(void)dirfd;
	(void)path;
	(void)st;
	(*(int *)arg)++;
	return strcmp(name, "b") == 0 ? 42 : 0;
}

static void make_tree(int t)
{
	assert_int_equal(fs_mkdirs(t, "r/a/deep"), 0);
	assert_int_equal(fs_mkdirs(t, "r/empty"), 0);
	put(t, "r/a/deep/z", "12345");
	put(t, "r/a/b", "12");
	put(t, "r/a-b", "1");
	put(t, "r/a.c", "1");
	put(t, "r/ab", "1");
	put(t, "r/B", "1");
	put(t, "r/\xc3\xa9", "1");
	assert_int_equal(symlinkat("a", t, "r/link"), 0);
}

static void walk_is_in_the_byte_order_of_paths(void **state)
{
	_buf_ struct buf b = BUF_INIT;

	make_tree(T);
	assert_int_equal(fs_walk(T, "r", note, &b), 0);
	assert_string_equal(buf_str(&b), "B a-b a.c a/b a/deep/z ab link@ \xc3\xa9 ");
	buf_reset(&b);
	assert_int_equal(fs_walk(T, "r/empty", note, &b), 0);
	assert_int_equal(buf_len(&b), 0);
}

static void walk_ends_when_told(void **state)
{
	int n = 0;

	make_tree(T);
	assert_int_equal(fs_walk(T, "r", stop_at_b, &n), 42);
	assert_int_equal(n, 4);
	assert_int_equal(fs_walk(T, "none", stop_at_b, &n), -ENOENT);
	assert_int_equal(fs_walk(T, "r/B", stop_at_b, &n), -ENOTDIR);
	assert_int_equal(fs_walk(T, "r/link", stop_at_b, &n), -ELOOP);
	assert_int_equal(fs_walk(T, "r/..", stop_at_b, &n), -EXDEV);
	assert_int_equal(n, 4);
}

static void bytes_are_of_regular_files(void **state)
{
	uint64_t n = 0;

	make_tree(T);
	assert_int_equal(fs_tree_bytes(T, "r", &n), 0);
	assert_int_equal(n, 12);
	assert_int_equal(fs_tree_bytes(T, "r/a/deep/z", &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(fs_tree_bytes(T, "none", &n), -ENOENT);
	assert_int_equal(n, 5);
}

static void remove_takes_all_and_only_that(void **state)
{
	make_tree(T);
	put(T, "keep", "x");
	assert_int_equal(fs_mkdirs(T, "other"), 0);
	put(T, "other/file", "x");
	assert_int_equal(symlinkat("../../other", T, "r/a/out"), 0);
	assert_int_equal(symlinkat("other", T, "link"), 0);
	assert_int_equal(fs_remove_tree(T, "r"), 0);
	assert_false(fs_exists(T, "r"));
	assert_true(fs_exists(T, "other/file"));
	assert_int_equal(fs_remove_tree(T, "link"), 0);
	assert_true(fs_exists(T, "other/file"));
	assert_int_equal(fs_remove_tree(T, "keep"), 0);
	assert_false(fs_exists(T, "keep"));
	assert_int_equal(fs_remove_tree(T, "other/"), 0);
	assert_false(fs_exists(T, "other"));
}

static void remove_of_nothing_is_fine(void **state)
{
	assert_int_equal(fs_remove_tree(T, "none"), 0);
	assert_int_equal(fs_remove_tree(T, "none/below"), 0);
}

static void remove_refuses_what_it_must(void **state)
{
	assert_int_equal(fs_mkdirs(T, "other/sub"), 0);
	assert_int_equal(symlinkat("other", T, "link"), 0);
	assert_int_equal(fs_remove_tree(T, "link/sub"), -ELOOP);
	assert_int_equal(fs_remove_tree(T, "."), -EINVAL);
	assert_int_equal(fs_remove_tree(T, "other/.."), -EINVAL);
	assert_int_equal(fs_remove_tree(T, ""), -EINVAL);
	assert_int_equal(fs_remove_tree(AT_FDCWD, "/"), -EINVAL);
	assert_int_equal(fs_remove_tree(T, "../x"), -EXDEV);
	assert_int_equal(fs_remove_tree(T, "/tmp/kf-nothing"), -EXDEV);
	assert_true(fs_exists(T, "other/sub"));
}

static void remove_of_a_big_directory(void **state)
{
	char name[32];

	assert_int_equal(fs_mkdirs(T, "big"), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "big/file-%d", i);
		put(T, name, "");
	}
	assert_int_equal(fs_remove_tree(T, "big"), 0);
	assert_false(fs_exists(T, "big"));
}

static void too_deep_is_an_error_not_a_crash(void **state)
{
	_buf_ struct buf path = BUF_INIT;
	uint64_t n;

	assert_int_equal(buf_printf(&path, "deep"), 0);
	for (int i = 0; i < 150; i++)
		assert_int_equal(buf_printf(&path, "/d"), 0);
	assert_int_equal(fs_mkdirs(T, buf_str(&path)), 0);
	assert_int_equal(fs_tree_bytes(T, "deep", &n), -ELOOP);
	assert_int_equal(fs_remove_tree(T, "deep"), -ELOOP);
	/* The lower half first: then the rest is within reach. */
	path.end = path.start + 4 + 2 * 75;
	assert_int_equal(fs_remove_tree(T, buf_str(&path)), 0);
	assert_int_equal(fs_remove_tree(T, "deep"), 0);
}

/* In a mount namespace of its own; exit status 77 where that is not allowed. */
static int mounted_inside(void)
{
	char path[128];
	int t;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno == EPERM || errno == EACCES ? 77 : 2;
	snprintf(path, sizeof(path), "%s/r/m", scratch);
	if (mount(path, path, NULL, MS_BIND, NULL) < 0)
		return errno == EPERM || errno == EACCES ? 77 : 3;
	t = fs_open_dir(AT_FDCWD, scratch); /* the old one shows the old mounts */
	if (fs_remove_tree(t, "r") != -EBUSY || !fs_exists(t, "r/m/file"))
		return 1;
	return 0;
}

static void remove_does_not_enter_mounts(void **state)
{
	int status = 0;
	pid_t pid;

	assert_int_equal(fs_mkdirs(T, "r/m"), 0);
	put(T, "r/m/file", "x");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(mounted_inside());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define FS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void streams_take_the_descriptor(void **state)
{
	DIR *d = NULL;
	int fd;

	put(T, "f", "x");
	assert_int_equal(fs_dir_stream(-EACCES, &d), -EACCES);
	fd = fs_open_beneath(T, "f", O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_int_equal(fs_dir_stream(fd, &d), -ENOTDIR);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_null(d);
	assert_int_equal(fs_dir_stream(fs_open_dir(T, "."), &d), 0);
	assert_non_null(readdir(d));
	closedir(d);
}

static void error_of_a_directory_is_not_its_end(void **state)
{
	const char *name = NULL;
	_closedir_ DIR *d = NULL;
	int fd;

	put(T, "f", "x");
	assert_int_equal(fs_dir_stream(fs_open_dir(T, "."), &d), 0);
	assert_int_equal(fs_dir_next(d, &name), 0);
	assert_string_equal(name, "f");
	assert_int_equal(fs_dir_next(d, &name), 0);
	assert_null(name);
	rewinddir(d);
	fd = fs_open_beneath(T, "f", O_RDONLY, 0);
	assert_true(fd >= 0 && dup3(fd, dirfd(d), O_CLOEXEC) >= 0);
	close(fd);
	assert_int_equal(fs_dir_next(d, &name), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(walk_is_in_the_byte_order_of_paths),
		FS_TEST(walk_ends_when_told),
		FS_TEST(bytes_are_of_regular_files),
		FS_TEST(remove_takes_all_and_only_that),
		FS_TEST(remove_of_nothing_is_fine),
		FS_TEST(remove_refuses_what_it_must),
		FS_TEST(remove_of_a_big_directory),
		FS_TEST(too_deep_is_an_error_not_a_crash),
		FS_TEST(remove_does_not_enter_mounts),
		FS_TEST(streams_take_the_descriptor),
		FS_TEST(error_of_a_directory_is_not_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
