/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store of files that were sent: what it gives is what was put, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/deploy/versions.h"
#include "controller/kernel/contents.h"
#include "proto/base/fs.h"

static int to_buf(void *arg, const void *data, size_t n)
{
	return buf_append(arg, data, n);
}

struct place {
	char dir[64];
	struct config *cfg;
	struct versions *v;
};

static void open_store(struct place *p, const char *mib)
{
	struct config_paths paths = {.user_file = "/nonexistent/config",
				     .tree_dir = "/nonexistent",
				     .profile_dir = "boards"};
	struct kf_error err = {0};

	versions_close(p->v);
	config_free(p->cfg);
	setenv("KFERRY_CACHE", p->dir, 1);
	assert_int_equal(config_load(&paths, &p->cfg, &err), 0);
	assert_int_equal(config_override(p->cfg, "cache.versions", mib, &err), 0);
	p->v = versions_open(p->cfg);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/kf-versions-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	open_store(p, "1");
	assert_non_null(p->v);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	versions_close(p->v);
	config_free(p->cfg);
	assert_int_equal(fs_remove_tree(AT_FDCWD, p->dir), 0);
	free(p);
	return 0;
}

static void path_of(const struct place *p, const struct digest *d, char path[256])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	snprintf(path, 256, "%s/versions/%s", p->dir, hex);
}

static bool has(struct place *p, const struct digest *d)
{
	uint64_t size;
	int fd = versions_get(p->v, d, &size);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static struct digest put(struct place *p, const char *text)
{
	struct digest d;

	digest_bytes(text, strlen(text), &d);
	versions_put(p->v, &d, text, strlen(text));
	return d;
}

static void what_was_put_is_given(void **state)
{
	struct place *p = *state;
	struct digest d = put(p, "one"), other;
	char text[8] = "";
	uint64_t size;
	int fd = versions_get(p->v, &d, &size);

	assert_true(fd >= 0);
	assert_int_equal(size, 3);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 3);
	assert_string_equal(text, "one");
	close(fd);
	digest_bytes("two", 3, &other);
	assert_false(has(p, &other));
}

static void a_file_is_linked_only_when_it_is_ours(void **state)
{
	static const char *const texts[] = {"copied", "linked"};
	struct place *p = *state;

	for (int ours = 0; ours < 2; ours++) {
		struct stat source, kept;
		struct digest d;
		char path[256], in_store[256];

		snprintf(path, sizeof(path), "%s/file%d", p->dir, ours);
		assert_int_equal(fs_replace(AT_FDCWD, path, texts[ours], 6, 0644), 0);
		digest_bytes(texts[ours], 6, &d);
		versions_put_file(p->v, &d, path, ours);
		assert_true(has(p, &d));
		path_of(p, &d, in_store);
		assert_int_equal(stat(path, &source), 0);
		assert_int_equal(stat(in_store, &kept), 0);
		assert_int_equal(source.st_ino == kept.st_ino, ours);
	}
}

static void what_was_altered_or_cut_is_dropped(void **state)
{
	struct place *p = *state;
	struct digest d = put(p, "the older version");
	char path[256];

	path_of(p, &d, path);
	assert_int_equal(truncate(path, 5), 0);
	assert_false(has(p, &d));
	assert_int_equal(access(path, F_OK), -1);
	put(p, "the older version");
	assert_true(has(p, &d));
	assert_int_equal(fs_replace(AT_FDCWD, path, "The older version", 17, 0644), 0);
	assert_false(has(p, &d));
	/* Not a file at all. */
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_false(has(p, &d));
}

static void the_least_recently_used_goes_first(void **state)
{
	const size_t each = 300 * 1024;
	struct place *p = *state;
	struct digest d[4];
	uint8_t *data = calloc(1, each);

	assert_non_null(data);
	for (unsigned i = 0; i < 4; i++) {
		struct timespec old[] = {{.tv_sec = 1000 + i}, {.tv_nsec = UTIME_OMIT}};
		char path[256];

		data[0] = (uint8_t)i;
		digest_bytes(data, each, &d[i]);
		versions_put(p->v, &d[i], data, each);
		path_of(p, &d[i], path);
		assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	}
	free(data);
	assert_true(has(p, &d[0])); /* used now */
	versions_trim(p->v);
	assert_true(has(p, &d[0]));
	assert_false(has(p, &d[1]));
	assert_true(has(p, &d[3]));
}

static void two_at_once_keep_the_same(void **state)
{
	struct place *p = *state;
	struct versions *other = versions_open(p->cfg);
	struct digest d = put(p, "same");
	uint64_t size;
	int fd;

	versions_put(other, &d, "same", 4);
	versions_trim(other);
	fd = versions_get(other, &d, &size);
	assert_true(fd >= 0);
	close(fd);
	versions_close(other);
	assert_true(has(p, &d));
}

static void none_is_no_error(void **state)
{
	struct place *p = *state;
	char path[256];
	struct digest d;

	open_store(p, "0");
	assert_null(p->v);
	d = put(p, "nothing");
	assert_false(has(p, &d));
	versions_trim(p->v);
	/* Something else is in its place. */
	snprintf(path, sizeof(path), "%s/versions", p->dir);
	assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
	assert_int_equal(fs_replace(AT_FDCWD, path, "", 0, 0644), 0);
	open_store(p, "1");
	assert_null(p->v);
}

/* As on a full disk: nothing stays, and it is not tried again and again. */
static void what_cannot_be_written_is_no_error(void **state)
{
	const struct rlimit little = {10, RLIM_INFINITY};
	struct place *p = *state;
	struct rlimit before;
	struct digest a, b;
	_closedir_ DIR *dir = NULL;
	const struct dirent *e;
	char path[256];

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	a = put(p, "more than may be written");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	b = put(p, "after that");
	assert_false(has(p, &a));
	assert_false(has(p, &b));
	snprintf(path, sizeof(path), "%s/versions", p->dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		assert_true(strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
}

static void a_directory_that_went_away_is_no_error(void **state)
{
	struct place *p = *state;
	struct digest d;
	char path[256];

	snprintf(path, sizeof(path), "%s/versions", p->dir);
	assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
	d = put(p, "lost");
	assert_false(has(p, &d));
	versions_trim(p->v);
}

/* A package file with two files below boot/, made as they are made; its manifest's
 * digest. */
static struct digest make_package(struct place *p, const char *text, struct packed *ret)
{
	const char *const names[] = {"boot/System.map", "boot/image"};
	char *source[2], path[256];
	struct kernel k = {.source = source};
	struct kf_error err = {0};
	_buf_ struct buf out = BUF_INIT;
	int fd;

	k.manifest.release = strdup("6.9.0");
	k.manifest.arch = strdup("x86_64");
	k.manifest.image = strdup("boot/image");
	for (int i = 0; i < 2; i++) {
		const char *data = i ? text : "0 T _text";
		struct digest d;

		digest_bytes(data, strlen(data), &d);
		assert_int_equal(
			manifest_add(&k.manifest, names[i], 0644, strlen(data), &d), 0);
		assert_true(asprintf(&source[i], "%s/source%d", p->dir, i) > 0);
		assert_int_equal(
			fs_replace(AT_FDCWD, source[i], data, strlen(data), 0644), 0);
	}
	assert_int_equal(manifest_emit(&k.manifest, &k.manifest_bytes, &err), 0);
	kernel_identify(&k);
	assert_int_equal(kernel_write_tar(&k, NULL, true, 1, to_buf, &out, NULL, &err),
			 0);
	snprintf(path, sizeof(path), "%s/package", p->dir);
	assert_int_equal(fs_replace(AT_FDCWD, path, buf_data(&out), buf_len(&out), 0644),
			 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	packed_find(fd, &k.manifest_bytes, ret);
	close(fd);
	assert_true(ret->end > 0);
	manifest_fini(&k.manifest);
	buf_fini(&k.manifest_bytes);
	free(source[0]);
	free(source[1]);
	return k.digest;
}

static struct digest digest_of(const char *text)
{
	struct digest d;

	digest_bytes(text, strlen(text), &d);
	return d;
}

static void bundle_path(const struct place *p, const struct digest *d, char path[256])
{
	path_of(p, d, path);
	strcat(path, ".kferry");
}

static void a_packages_files_are_given(void **state)
{
	struct digest image = digest_of("image"), map = digest_of("0 T _text");
	struct digest none = digest_of("none"), m;
	struct place *p = *state;
	struct packed packed;
	char path[256];

	m = make_package(p, "image", &packed);
	versions_put_package(p->v, &m, &packed);
	versions_put_package(p->v, &m, &packed);
	packed_fini(&packed);
	bundle_path(p, &m, path);
	assert_int_equal(access(path, F_OK), 0);
	/* Another kferry may have put it there. */
	open_store(p, "1");
	assert_false(has(p, &none));
	assert_int_equal(access(path, F_OK), 0);
	assert_true(has(p, &image));
	assert_true(has(p, &map));
	assert_int_equal(access(path, F_OK), -1);
}

static void a_damaged_package_is_dropped(void **state)
{
	struct digest image = digest_of("image");
	struct place *p = *state;
	struct packed packed;
	char path[256];

	for (int cut = 1; cut < 400; cut += 30) {
		struct digest m = make_package(p, "image", &packed);

		versions_put_package(p->v, &m, &packed);
		bundle_path(p, &m, path);
		assert_int_equal(truncate(path, (off_t)packed.end - cut), 0);
		packed_fini(&packed);
		open_store(p, "1");
		/* What was whole before the cut is good. */
		(void)has(p, &image);
		assert_int_equal(access(path, F_OK), -1);
		path_of(p, &image, path);
		(void)!unlink(path);
		open_store(p, "1");
	}
}

static void packages_are_bounded_too(void **state)
{
	struct place *p = *state;
	struct timespec old[] = {{.tv_sec = 1000}, {.tv_nsec = UTIME_OMIT}};
	struct packed packed;
	struct digest m = make_package(p, "image", &packed);
	char path[256], *big = calloc(1, 2 << 20);

	versions_put_package(p->v, &m, &packed);
	packed_fini(&packed);
	bundle_path(p, &m, path);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_non_null(big);
	memset(big, 'x', (2 << 20) - 1);
	put(p, big);
	free(big);
	versions_trim(p->v);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_put_is_given),
		T(a_file_is_linked_only_when_it_is_ours),
		T(what_was_altered_or_cut_is_dropped),
		T(the_least_recently_used_goes_first),
		T(two_at_once_keep_the_same),
		T(none_is_no_error),
		T(what_cannot_be_written_is_no_error),
		T(a_directory_that_went_away_is_no_error),
		T(a_packages_files_are_given),
		T(a_damaged_package_is_dropped),
		T(packages_are_bounded_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
