/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening below a directory: what is refused, by openat2 and by the walk alike. */
#include "tests/unit/base/scratch.h"

#include <sys/stat.h>

static int try_open(int dir, const char *rel, int flags)
{
	int fd = fs_open_beneath(dir, rel, flags, 0644);

	if (fd < 0)
		return fd;
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	return 0;
}

static void opens_what_is_below(void **state)
{
	struct stat st;
	int fd;

	assert_int_equal(fs_mkdirs(T, "a/b"), 0);
	put(T, "a/b/file", "x");
	assert_int_equal(try_open(T, "a/b/file", O_RDONLY), 0);
	assert_int_equal(try_open(T, "./a//b/./file", O_RDONLY), 0);
	assert_int_equal(try_open(T, ".", O_RDONLY | O_DIRECTORY), 0);
	assert_int_equal(try_open(T, "a/b/", O_RDONLY), 0);
	assert_int_equal(try_open(T, "a/b/file/", O_RDONLY), -ENOTDIR);
	assert_int_equal(try_open(T, "a/b/none", O_RDONLY), -ENOENT);
	assert_int_equal(try_open(T, "a/none/file", O_RDONLY), -ENOENT);
	assert_int_equal(try_open(T, "a/b/file/x", O_RDONLY), -ENOTDIR);
	assert_int_equal(try_open(T, "a/b/file", O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(try_open(T, "", O_RDONLY), -ENOENT);
	fd = fs_open_beneath(T, "a/b/new", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	close(fd);
}

static void refuses_ways_out(void **state)
{
	assert_int_equal(fs_mkdirs(T, "a/b"), 0);
	assert_int_equal(try_open(T, "/etc/passwd", O_RDONLY), -EXDEV);
	assert_int_equal(try_open(T, "/", O_RDONLY), -EXDEV);
	assert_int_equal(try_open(T, "..", O_RDONLY), -EXDEV);
	assert_int_equal(try_open(T, "../x", O_WRONLY | O_CREAT), -EXDEV);
	assert_int_equal(try_open(T, "a/../../x", O_WRONLY | O_CREAT), -EXDEV);
	assert_int_equal(try_open(T, "a/b/..", O_RDONLY), -EXDEV);
	assert_int_equal(try_open(T, "a/..b", O_RDONLY), -ENOENT);
	assert_int_equal(try_open(T, "a/...", O_RDONLY), -ENOENT);
}

static void refuses_links_at_every_place(void **state)
{
	assert_int_equal(fs_mkdirs(T, "real/dir"), 0);
	put(T, "real/file", "x");
	assert_int_equal(symlinkat("/etc/passwd", T, "abs"), 0);
	assert_int_equal(symlinkat("real", T, "dirlink"), 0);
	assert_int_equal(symlinkat("file", T, "real/link"), 0);
	assert_int_equal(symlinkat("nowhere", T, "dangling"), 0);
	assert_int_equal(try_open(T, "abs", O_RDONLY), -ELOOP);
	assert_int_equal(try_open(T, "abs", O_PATH), -ELOOP);
	assert_int_equal(try_open(T, "abs", O_PATH | O_NOFOLLOW), 0);
	assert_int_equal(try_open(T, "dirlink", O_RDONLY | O_DIRECTORY), -ELOOP);
	assert_int_equal(try_open(T, "dirlink/file", O_RDONLY), -ELOOP);
	assert_int_equal(try_open(T, "dirlink/dir", O_RDONLY), -ELOOP);
	assert_int_equal(try_open(T, "real/link", O_RDONLY), -ELOOP);
	assert_int_equal(try_open(T, "dangling", O_WRONLY | O_CREAT), -ELOOP);
	assert_false(fs_exists(T, "nowhere"));
	assert_int_equal(try_open(T, "real/file", O_RDONLY), 0);
}

static void long_names_are_refused(void **state)
{
	char name[300];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(try_open(T, name, O_WRONLY | O_CREAT), -ENAMETOOLONG);
	assert_int_equal(fs_mkdirs(T, name), -ENAMETOOLONG);
}

static void a_trusted_path_follows_links(void **state)
{
	char path[256];

	put(T, "file", "x");
	assert_int_equal(symlinkat("file", T, "link"), 0);
	snprintf(path, sizeof(path), "%s/./../%s/link", scratch,
		 scratch + strlen("/tmp/"));
	assert_int_equal(try_open(AT_FDCWD, path, O_RDONLY), 0);
	assert_int_equal(fs_open_dir(AT_FDCWD, path), -ENOTDIR);
}

static void mkdirs_makes_what_is_missing(void **state)
{
	struct stat st;
	char path[256];
	mode_t mask = umask(022);

	assert_int_equal(fs_mkdirs(T, "x/y/z"), 0);
	assert_int_equal(fs_mkdirs(T, "x/y/z/"), 0);
	assert_int_equal(fstatat(T, "x/y/z", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fs_mkdirs_parent(T, "p/q/file"), 0);
	assert_true(fs_exists(T, "p/q"));
	assert_false(fs_exists(T, "p/q/file"));
	assert_int_equal(fs_mkdirs_parent(T, "file"), 0);
	snprintf(path, sizeof(path), "%s/abs/dir", scratch);
	assert_int_equal(fs_mkdirs(AT_FDCWD, path), 0);
	assert_true(fs_exists(T, "abs/dir"));
	umask(mask);
}

static void mkdirs_stays_below(void **state)
{
	put(T, "file", "x");
	assert_int_equal(symlinkat("/tmp", T, "link"), 0);
	assert_int_equal(fs_mkdirs(T, "../kf-outside"), -EXDEV);
	assert_int_equal(fs_mkdirs(T, "/tmp/kf-outside"), -EXDEV);
	assert_int_equal(fs_mkdirs_parent(T, "a/../../kf-outside/f"), -EXDEV);
	assert_int_equal(fs_mkdirs_parent(T, ".."), -EXDEV);
	assert_int_equal(fs_mkdirs(T, "link/kf-outside"), -ELOOP);
	assert_int_equal(fs_mkdirs(T, "file/sub"), -ENOTDIR);
	assert_false(fs_exists(AT_FDCWD, "/tmp/kf-outside"));
}

static int setup_walk(void **state)
{
	setenv("KF_NO_OPENAT2", "1", 1);
	return setup(state);
}

static int teardown_walk(void **state)
{
	unsetenv("KF_NO_OPENAT2");
	return teardown(state);
}

#define BOTH(f)                                                                          \
	cmocka_unit_test_setup_teardown(f, setup, teardown),                             \
	{                                                                                \
#f "/walk", f, setup_walk, teardown_walk, NULL                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(opens_what_is_below),	    BOTH(refuses_ways_out),
		BOTH(refuses_links_at_every_place), BOTH(long_names_are_refused),
		BOTH(a_trusted_path_follows_links), BOTH(mkdirs_makes_what_is_missing),
		BOTH(mkdirs_stays_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
