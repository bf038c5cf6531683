/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pack cache that was altered, clocks that lie, a full disk: the package is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "controller/kernel/pack/packcache.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "tests/lib/controller/packtree.h"

static void alter(const char *path, bool cut)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, path, 1u << 24, &b), 0);
	b.data[b.start + buf_len(&b) / 2] ^= 1;
	packtree_bytes(path, buf_data(&b), cut ? buf_len(&b) / 2 : buf_len(&b));
}

static void test_an_altered_cache_is_rebuilt(void **state)
{
	struct packtree *p = *state;
	_free_ char *dir = NULL, *index = NULL, *blob = NULL, *dep = NULL;

	packtree_settle(p);
	dir = packtree_cache(p->keep);
	index = strf("%s/pack/index", dir);
	blob = strf("%s/pack/tree/lib/modules/" REL "/kernel/%s", dir, p->mods[1]);
	dep = strf("%s/pack/tree/lib/modules/" REL "/modules.alias", dir);
	for (int cut = 0; cut < 2; cut++) {
		alter(index, cut);
		packtree_compare(p);
		alter(blob, cut);
		packtree_compare(p);
		alter(dep, cut);
		packtree_compare(p);
	}
	assert_int_equal(unlink(blob), 0);
	packtree_compare(p);
	assert_int_equal(unlink(dep), 0);
	packtree_compare(p);
	assert_int_equal(fs_remove_tree(AT_FDCWD, dir), 0);
	packtree_compare(p);
}

/* --- clocks that lie ------------------------------------------------------------------
 */

/* Change module 0 in such a way that its stamp is the recorded one.  The index was
 * written so many ns after that. */
static void change_unseen(struct packtree *p, int64_t later)
{
	_free_ char *dir = packtree_cache(p->keep);
	_free_ char *index = strf("%s/pack/index", dir);
	_free_ char *path = packtree_path(p, p->mods[0]);
	_packindex_ struct packindex ix = {0};
	_buf_ struct buf b = BUF_INIT, out = BUF_INIT;
	struct packindex_file *f;

	assert_int_equal(fs_read_file(AT_FDCWD, index, 1u << 24, &b), 0);
	assert_int_equal(packindex_parse(buf_data(&b), buf_len(&b), &ix), 0);
	packtree_put(p, 3, p->mods[0]);
	f = packindex_find(&ix, path);
	assert_non_null(f);
	assert_int_equal(packcache_stamp(path, &f->stamp), 0);
	ix.time = f->stamp.ctime + later;
	for (size_t i = 0; i < ix.n_files; i++)
		ix.files[i].used = true;
	for (size_t i = 0; i < ix.n_memos; i++)
		ix.memos[i].used = true;
	assert_int_equal(packindex_emit(&ix, &out), 0);
	packtree_bytes(index, buf_data(&out), buf_len(&out));
}

static void test_a_change_in_the_same_tick_is_seen(void **state)
{
	struct packtree *p = *state;

	packtree_settle(p);
	change_unseen(p, 0);
	packtree_strips(p);
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 1);
	packtree_compare(p);
}

static void test_an_index_from_the_future_is_not_believed(void **state)
{
	struct packtree *p = *state;

	packtree_settle(p);
	change_unseen(p, 3600 * 1000000000LL);
	packtree_compare(p);
}

static void test_times_in_the_future_are_digested_and_not_stripped(void **state)
{
	struct packtree *p = *state;

	packtree_settle(p);
	packtree_future(p);
	packtree_once(p);
	packtree_strips(p);
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 0);
	packtree_put(p, 3, p->mods[0]);
	packtree_future(p);
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 1);
	packtree_compare(p);
}

/* --- a full disk ----------------------------------------------------------------------
 */

/* A file system of its own for the cache that is kept. */
static void mount_keep(struct packtree *p, const char *size)
{
	assert_int_equal(fs_mkdirs(AT_FDCWD, p->keep), 0);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", p->keep, "tmpfs", 0, size) < 0) {
		print_message("no file system may be mounted here\n");
		skip();
	}
}

/* Outside of the cache, of which nothing stays; the same as ever. */
static void expect_elsewhere(struct packtree *p)
{
	const struct packtree_way kept = {p->keep, "yes", "yes", "no"};
	const struct packtree_way full = {p->other, "no", "yes", "no"};
	struct kernel *a = packtree_pack(p, &kept), *b = packtree_pack(p, &full);
	_free_ char *scratch = NULL;

	assert_non_null(a->scratch);
	scratch = strdup(a->scratch);
	packtree_equal(a, b);
	kernel_free(a);
	kernel_free(b);
	assert_false(fs_exists(AT_FDCWD, scratch));
}

static void test_a_full_disk_does_not_stop_it(void **state)
{
	struct packtree *p = *state;

	mount_keep(p, "size=32k");
	expect_elsewhere(p);
	assert_int_equal(umount(p->keep), 0);
}

static void test_a_cache_that_cannot_be_written_does_not_stop_it(void **state)
{
	struct packtree *p = *state;

	mount_keep(p, "size=16m");
	packtree_once(p);
	assert_int_equal(mount("none", p->keep, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	packtree_put(p, 3, p->mods[0]);
	expect_elsewhere(p);
	assert_int_equal(umount(p->keep), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, packtree_setup, packtree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_altered_cache_is_rebuilt),
		TEST(test_a_change_in_the_same_tick_is_seen),
		TEST(test_an_index_from_the_future_is_not_believed),
		TEST(test_times_in_the_future_are_digested_and_not_stripped),
		TEST(test_a_full_disk_does_not_stop_it),
		TEST(test_a_cache_that_cannot_be_written_does_not_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
