/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: reading within limits, durable replacement and its errors, copies, space. */
#include "tests/unit/base/scratch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int entries(int dir)
{
	_closedir_ DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n;
}

static void assert_content(int dir, const char *path, const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file(dir, path, 1000, &b), 0);
	assert_string_equal(buf_str(&b), text);
}

static void read_file_obeys_its_limit(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct buf small = {.max = 4};

	put(T, "f", "12345");
	put(T, "empty", "");
	assert_int_equal(buf_append(&b, "have ", 5), 0);
	assert_int_equal(fs_read_file(T, "f", 4, &b), -EFBIG);
	assert_int_equal(fs_read_file(T, "none", 4, &b), -ENOENT);
	assert_int_equal(fs_read_file(T, ".", 4, &b), -EISDIR);
	assert_string_equal(buf_str(&b), "have ");
	assert_int_equal(fs_read_file(T, "f", 5, &b), 0);
	assert_int_equal(fs_read_file(T, "empty", 0, &b), 0);
	assert_string_equal(buf_str(&b), "have 12345");
	assert_int_equal(fs_read_file(T, "f", 100, &small), -EMSGSIZE);
	assert_int_equal(buf_len(&small), 0);
	small.max = 5;
	assert_int_equal(fs_read_file(T, "f", 100, &small), 0);
	assert_int_equal(buf_len(&small), 5);
	buf_fini(&small);
}

static void read_file_takes_files_without_size(void **state)
{
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(fs_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &b), 0);
	assert_non_null(strstr(buf_str(&b), "Pid:"));
}

static void read_line_trims(void **state)
{
	char *line = NULL;

	put(T, "f", "one \t\r\ntwo\n");
	assert_int_equal(fs_read_line(T, "f", &line), 0);
	assert_string_equal(line, "one");
	free(line);
	put(T, "f", "");
	assert_int_equal(fs_read_line(T, "f", &line), 0);
	assert_string_equal(line, "");
	free(line);
	line = NULL;
	assert_int_equal(fs_read_line(T, "none", &line), -ENOENT);
	assert_null(line);
}

static void replace_makes_and_replaces(void **state)
{
	struct stat st;
	mode_t mask = umask(077);
	char path[128];

	assert_int_equal(fs_replace(T, "f", "one", 3, 0644), 0);
	assert_content(T, "f", "one");
	assert_int_equal(fs_replace(T, "f", "two!", 4, 0664), 0);
	assert_content(T, "f", "two!");
	assert_int_equal(fstatat(T, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0664);
	assert_int_equal(fs_replace(T, "f", NULL, 0, 0600), 0);
	assert_content(T, "f", "");
	snprintf(path, sizeof(path), "%s/g", scratch);
	assert_int_equal(fs_replace(AT_FDCWD, path, "abs", 3, 0600), 0);
	assert_content(T, "g", "abs");
	assert_int_equal(entries(T), 2);
	umask(mask);
}

static void replace_gives_a_new_file_not_new_bytes(void **state)
{
	_close_ int old = -1;
	char got[8] = "";

	put(T, "f", "old");
	old = openat(T, "f", O_RDONLY);
	assert_int_equal(fs_replace(T, "f", "new", 3, 0600), 0);
	assert_int_equal(read(old, got, sizeof(got)), 3);
	assert_string_equal(got, "old");
	/* A link is replaced, what it names is not. */
	assert_int_equal(symlinkat("f", T, "l"), 0);
	assert_int_equal(fs_replace(T, "l", "mine", 4, 0600), 0);
	assert_content(T, "f", "new");
	assert_content(T, "l", "mine");
}

static void renames_and_removes(void **state)
{
	_close_ int fd = -1, old = -1;

	put(T, "new", "new");
	put(T, "f", "old");
	fd = openat(T, "new", O_WRONLY);
	assert_int_equal(fs_rename_flushed(T, fd, "new", "f"), 0);
	assert_content(T, "f", "new");
	assert_false(fs_exists(T, "new"));
	assert_int_equal(fs_rename_flushed(T, fd, "gone", "f"), -ENOENT);
	assert_int_equal(fs_rename_flushed(T, fd, "f", "g"), 0);
	assert_int_equal(mkdirat(T, "d", 0755), 0);
	put(T, "d/x", "x");
	assert_int_equal(fs_remove_flushed(T, "d/x"), 0);
	assert_int_equal(fs_remove_flushed(T, "d/x"), 0);
	assert_int_equal(fs_remove_flushed(T, "no/x"), 0);
	assert_int_equal(fs_remove_flushed(T, "d"), -EISDIR);
	assert_int_equal(fs_remove_flushed(T, "g"), 0);
	assert_false(fs_exists(T, "g"));
	/* What a link names stays. */
	put(T, "kept", "kept");
	assert_int_equal(symlinkat("kept", T, "l"), 0);
	assert_int_equal(fs_remove_flushed(T, "l"), 0);
	old = openat(T, "kept", O_RDONLY);
	assert_true(old >= 0);
}

struct reader {
	int dir;
	atomic_bool stop;
	int torn, reads;
};

static void *read_all_the_time(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop) || r->reads == 0) {
		_buf_ struct buf b = BUF_INIT;

		r->torn += fs_read_file(r->dir, "f", 10000, &b) != 0 ||
			   buf_len(&b) != 8000 || buf_data(&b)[0] != buf_data(&b)[7999];
		r->reads++;
	}
	return NULL;
}

static void readers_see_old_or_new(void **state)
{
	struct reader r = {.dir = T};
	char data[8000];
	pthread_t t;

	memset(data, 'a', sizeof(data));
	assert_int_equal(fs_replace(T, "f", data, sizeof(data), 0600), 0);
	assert_int_equal(pthread_create(&t, NULL, read_all_the_time, &r), 0);
	for (int i = 0; i < 100; i++) {
		memset(data, 'a' + i % 26, sizeof(data));
		assert_int_equal(fs_replace(T, "f", data, sizeof(data), 0600), 0);
	}
	atomic_store(&r.stop, true);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(r.torn, 0);
	assert_true(r.reads > 0);
}

static void replace_leaves_nothing_behind_on_errors(void **state)
{
	struct rlimit old, small = {.rlim_cur = 1000};
	char big[5000] = "";
	int r;

	put(T, "f", "old");
	assert_int_equal(mkdirat(T, "d", 0755), 0);
	assert_int_equal(fs_replace(T, "d", "x", 1, 0600), -EISDIR);
	assert_int_equal(fs_replace(T, "none/f", "x", 1, 0600), -ENOENT);
	assert_int_equal(fs_replace(T, "f/x", "x", 1, 0600), -ENOTDIR);
	assert_int_equal(fs_replace(T, "", "x", 1, 0600), -EINVAL);
	assert_int_equal(fs_replace(T, "d/", "x", 1, 0600), -EINVAL);
	assert_int_equal(fs_replace(T, "d/..", "x", 1, 0600), -EINVAL);
	/* A write that fails half way, as on a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = fs_replace(T, "f", big, sizeof(big), 0600);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, -EFBIG);
	assert_content(T, "f", "old");
	assert_int_equal(entries(T), 2);
}

static void copy_copies(void **state)
{
	_free_ char *big = malloc(300001);
	_close_ int in = -1, out = -1, proc = -1;
	struct stat st;
	uint64_t n = 0;

	assert_non_null(big);
	memset(big, 'c', 300001);
	assert_int_equal(fs_replace(T, "in", big, 300001, 0600), 0);
	in = openat(T, "in", O_RDONLY);
	out = openat(T, "out", O_RDWR | O_CREAT, 0600);
	assert_int_equal(lseek(in, 1, SEEK_SET), 1);
	assert_int_equal(fs_copy_fd(in, out, &n), 0);
	assert_int_equal(n, 300000);
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, 300000);
	assert_int_equal(lseek(out, 0, SEEK_CUR), 300000);
	proc = open("/proc/self/status", O_RDONLY);
	assert_int_equal(fs_copy_fd(proc, out, &n), 0);
	assert_true(n > 100);
	n = 7;
	assert_int_equal(fs_copy_fd(-1, out, &n), -EBADF);
	assert_int_equal(n, 7);
}

static void copy_goes_through_pipes(void **state)
{
	_close_ int out = openat(T, "out", O_RDWR | O_CREAT, 0600);
	uint64_t n = 0;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fs_write_all(p[1], "through", 7), 0);
	close(p[1]);
	assert_int_equal(fs_copy_fd(p[0], out, &n), 0);
	close(p[0]);
	assert_int_equal(n, 7);
	assert_content(T, "out", "through");
}

static void space_and_sync(void **state)
{
	uint64_t n = 0;

	assert_int_equal(fs_free_bytes(T, &n), 0);
	assert_true(n > 0);
	assert_int_equal(fs_free_bytes(-1, &n), -EBADF);
	assert_int_equal(fs_sync_fs(T), 0);
	assert_int_equal(fs_sync_fs(-1), -EBADF);
	assert_int_equal(fs_sync_dir(T, "."), 0);
	assert_int_equal(fs_sync_dir(T, "none"), -ENOENT);
	assert_int_equal(fs_sync_dir(T, ".."), -EXDEV);
}

static void cloexec_on_and_off(void **state)
{
	_close_ int fd = openat(T, ".", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fs_set_cloexec(fd, false), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fs_set_cloexec(fd, true), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fs_set_cloexec(-1, true), -EBADF);
}

static void a_lock_is_waited_for(void **state)
{
	_close_ int one = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), two = -1;
	char path[40];

	(void)state;
	assert_true(one >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", one);
	two = open(path, O_RDWR | O_CLOEXEC);
	assert_true(two >= 0);
	assert_int_equal(fs_lock(one, LOCK_SH, 0), 0);
	assert_int_equal(fs_lock(two, LOCK_SH, 0), 0);
	assert_int_equal(fs_lock(two, LOCK_EX, 30), -ETIMEDOUT);
	assert_int_equal(flock(one, LOCK_UN), 0);
	assert_int_equal(fs_lock(two, LOCK_EX, 0), 0);
	assert_int_equal(fs_lock(-1, LOCK_EX, 1000), -EBADF);
}

#define FS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(read_file_obeys_its_limit),
		FS_TEST(read_file_takes_files_without_size),
		FS_TEST(read_line_trims),
		FS_TEST(replace_makes_and_replaces),
		FS_TEST(replace_gives_a_new_file_not_new_bytes),
		FS_TEST(renames_and_removes),
		FS_TEST(readers_see_old_or_new),
		FS_TEST(replace_leaves_nothing_behind_on_errors),
		FS_TEST(copy_copies),
		FS_TEST(copy_goes_through_pipes),
		FS_TEST(space_and_sync),
		FS_TEST(cloexec_on_and_off),
		FS_TEST(a_lock_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
