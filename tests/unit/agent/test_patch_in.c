/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A push in which a file comes as a patch: what is right is installed, and of anything
 * else nothing is left. */
#include "tests/lib/scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/patch.h"
#include "proto/reason.h"

#define MODULE	"modules/6.9.0-test/kernel/b.ko"
#define SIZE	(100 * 1024) /* of the module and the image */
#define STAGING "var/lib/kferry/staging/"

/* A board with kernel a, and b on its way. */
struct push {
	struct scratch s;
	struct kernel a, b;
	struct deploy *d;
	struct buf patch; /* of the module */
	struct kf_error err;
	Kferry__Plan plan;
	Kferry__Need need;
};

static void make_kernel(struct kernel *k, char seed)
{
	kernel_init(k, "6.9.0-test", seed);
	for (size_t i = 0; i < k->n_files; i++)
		k->files[i].size = SIZE;
	kernel_finish(k);
}

/* As scratch.c fills its files. */
static void content(const struct kernel *k, const char *path, uint8_t data[SIZE])
{
	memset(data, '.', SIZE);
	for (size_t i = 0; i < k->n_files; i++)
		if (strcmp(k->files[i].path, path) == 0)
			memcpy(data, k->files[i].data, strlen(k->files[i].data));
}

static void make_patch(const void *base, size_t base_n, const void *file, size_t n,
		       struct buf *out)
{
	struct patch_head head = {.base_size = base_n, .size = n};
	struct patch_maker *m;
	struct patch_part p;

	digest_bytes(base, base_n, &head.base);
	assert_int_equal(patch_maker_new(&head, out, &m), 0);
	while (patch_maker_next(m, &p))
		assert_int_equal(patch_maker_put(m, (const uint8_t *)base + p.base_at,
						 (const uint8_t *)file + p.at, out),
				 0);
	patch_maker_free(m);
}

static void patch_module(struct push *p)
{
	_free_ uint8_t *old = malloc(SIZE), *new = malloc(SIZE);

	assert_true(old && new);
	content(&p->a, MODULE, old);
	content(&p->b, MODULE, new);
	buf_reset(&p->patch);
	make_patch(old, SIZE, new, SIZE, &p->patch);
}

static int set_up(void **state)
{
	struct push *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	scratch_new(&p->s);
	make_kernel(&p->a, 'a');
	make_kernel(&p->b, 'b');
	scratch_install(&p->s, &p->a);
	patch_module(p);
	kferry__plan__init(&p->plan);
	kferry__need__init(&p->need);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct push *p = *state;

	deploy_end(p->d);
	buf_fini(&p->patch);
	kernel_fini(&p->a);
	kernel_fini(&p->b);
	scratch_free(&p->s);
	free(p);
	return 0;
}

static void plan(struct push *p, bool delta)
{
	struct trip t = {0};
	Kferry__PlanRequest req;

	scratch_request(&p->b, &t, &req);
	req.delta = delta;
	assert_int_equal(deploy_begin(&p->s.a, &req, "tester", &p->d, &p->plan, &p->err),
			 0);
	assert_int_equal(p->plan.manifest_base.len, delta ? DIGEST_SIZE : 0);
}

static void begin(struct push *p, bool delta)
{
	plan(p, delta);
	assert_int_equal(deploy_manifest(p->d, buf_data(&p->b.manifest),
					 buf_len(&p->b.manifest), &p->err),
			 0);
	assert_int_equal(deploy_need(p->d, &p->need, &p->err), 0);
	assert_int_equal(p->need.bases, delta);
}

static ssize_t on_tar(struct archive *ar, void *arg, const void *data, size_t n)
{
	(void)ar;
	assert_int_equal(buf_append(arg, data, n), 0);
	return (ssize_t)n;
}

static void put(struct archive *ar, const char *path, const void *data, size_t n)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	assert_int_equal(archive_write_header(ar, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(ar, data, n), n);
	archive_entry_free(e);
}

/* The image as it is, and p->patch as `name`. */
static int receive(struct push *p, const char *name)
{
	_free_ uint8_t *image = malloc(SIZE);
	struct archive *ar = archive_write_new();
	struct stream s = {.at = 0};
	int rc;

	assert_non_null(image);
	content(&p->b, "boot/image", image);
	archive_write_set_format_ustar(ar);
	archive_write_add_filter_none(ar);
	assert_int_equal(archive_write_open(ar, &s.tar, NULL, on_tar, NULL), ARCHIVE_OK);
	put(ar, "boot/image", image, SIZE);
	put(ar, name, buf_data(&p->patch), buf_len(&p->patch));
	assert_int_equal(archive_write_close(ar), ARCHIVE_OK);
	archive_write_free(ar);
	rc = deploy_receive(p->d, stream_pull, &s, &p->err);
	stream_fini(&s);
	return rc;
}

static bool is_left(struct push *p, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), STAGING "%s/%s", p->b.id, file);
	return scratch_has(&p->s, path);
}

static void check_refused(struct push *p, int reason, const char *text)
{
	int rc = receive(p, PATCH_MEMBER MODULE);

	if (rc >= 0)
		fail_msg("it was taken: %s", text);
	assert_int_equal(p->err.reason, reason);
	if (!strstr(p->err.msg, text))
		fail_msg("\"%s\" does not say \"%s\"", p->err.msg, text);
	assert_false(is_left(p, MODULE));
	assert_false(is_left(p, ".part"));
	assert_true(is_left(p, "boot/image"));
}

static void a_patch_becomes_the_file(void **state)
{
	Kferry__Installed installed = KFERRY__INSTALLED__INIT;
	struct push *p = *state;
	_free_ uint8_t *want = malloc(SIZE);
	_free_ char *is = NULL;
	char path[256];

	begin(p, true);
	assert_int_equal(receive(p, PATCH_MEMBER MODULE), 0);
	assert_int_equal(deploy_install(p->d, &installed, &p->err), 0);
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/" MODULE, p->b.id);
	is = scratch_read(&p->s, path);
	content(&p->b, MODULE, want);
	assert_int_equal(strlen(is), SIZE);
	assert_memory_equal(is, want, SIZE);
	assert_int_equal(scratch_mode(&p->s, path), 0644);
}

static void the_table_names_what_it_has(void **state)
{
	struct push *p = *state;
	_free_ uint8_t *old = malloc(SIZE);
	const struct buf *table;
	struct digest d;

	begin(p, true);
	table = deploy_bases(p->d);
	assert_int_equal(buf_len(table), 2 * (4 + DIGEST_SIZE));
	assert_memory_equal(buf_data(table), "\1\0\0\0", 4);
	assert_memory_equal(buf_data(table) + 36, "\3\0\0\0", 4);
	content(&p->a, MODULE, old);
	digest_bytes(old, SIZE, &d);
	assert_memory_equal(buf_data(table) + 40, d.b, DIGEST_SIZE);
}

static void who_did_not_ask_gets_none(void **state)
{
	struct push *p = *state;

	begin(p, false);
	assert_int_equal(buf_len(deploy_bases(p->d)), 0);
	check_refused(p, KF_REASON_PACKAGE, "does not list");
}

static void a_truncated_patch_is_refused(void **state)
{
	struct push *p = *state;

	begin(p, true);
	p->patch.end -= 3;
	check_refused(p, KF_REASON_PACKAGE, "cut off");
}

static void an_altered_patch_is_refused(void **state)
{
	struct push *p = *state;

	begin(p, true);
	p->patch.data[p->patch.start + PATCH_HEAD + 16 + 1] ^= 0x40;
	check_refused(p, KF_REASON_PACKAGE, "damaged");
}

static void bytes_behind_a_patch_are_refused(void **state)
{
	struct push *p = *state;

	begin(p, true);
	assert_int_equal(buf_append(&p->patch, "more", 4), 0);
	check_refused(p, KF_REASON_PACKAGE, "damaged");
}

static void a_window_beyond_the_base_is_refused(void **state)
{
	struct push *p = *state;

	begin(p, true);
	p->patch.data[p->patch.start + PATCH_HEAD + 2] = 0x7f;
	check_refused(p, KF_REASON_PACKAGE, "damaged");
}

static void another_size_is_refused(void **state)
{
	_free_ uint8_t *old = malloc(SIZE), *new = calloc(1, SIZE + 1);
	struct push *p = *state;

	begin(p, true);
	content(&p->a, MODULE, old);
	content(&p->b, MODULE, new);
	buf_reset(&p->patch);
	make_patch(old, SIZE, new, SIZE + 1, &p->patch);
	check_refused(p, KF_REASON_PACKAGE, "another size");
}

static void a_base_that_was_not_named_is_refused(void **state)
{
	_free_ uint8_t *other = malloc(SIZE), *new = malloc(SIZE);
	struct push *p = *state;

	begin(p, true);
	/* The board has this one, too, but as an older version of another file. */
	content(&p->a, "boot/image", other);
	content(&p->b, MODULE, new);
	buf_reset(&p->patch);
	make_patch(other, SIZE, new, SIZE, &p->patch);
	check_refused(p, KF_REASON_DIGEST, "does not have");
}

static void other_bytes_than_promised_are_refused(void **state)
{
	_free_ uint8_t *old = malloc(SIZE), *new = malloc(SIZE);
	struct push *p = *state;

	begin(p, true);
	content(&p->a, MODULE, old);
	content(&p->b, MODULE, new);
	new[SIZE - 1] ^= 1;
	buf_reset(&p->patch);
	make_patch(old, SIZE, new, SIZE, &p->patch);
	check_refused(p, KF_REASON_DIGEST, "makes other bytes");
}

static void an_altered_base_is_found_out(void **state)
{
	_free_ uint8_t *data = malloc(SIZE);
	struct push *p = *state;
	char path[256];

	begin(p, true);
	content(&p->a, MODULE, data);
	data[5000] ^= 1;
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/" MODULE, p->a.id);
	scratch_write(&p->s, path, data, SIZE);
	check_refused(p, KF_REASON_DIGEST, "makes other bytes");
}

static void a_base_that_went_away_is_no_base(void **state)
{
	struct push *p = *state;
	char path[256];

	begin(p, true);
	snprintf(path, sizeof(path), "%s/var/lib/kferry/slots/%s/" MODULE, p->s.root,
		 p->a.id);
	assert_int_equal(unlink(path), 0);
	check_refused(p, KF_REASON_DIGEST, "does not have");
}

static void a_base_cut_short_is_found_out(void **state)
{
	struct push *p = *state;
	char path[256];

	begin(p, true);
	snprintf(path, sizeof(path), "var/lib/kferry/slots/%s/" MODULE, p->a.id);
	scratch_write(&p->s, path, "short", 5);
	check_refused(p, KF_REASON_DIGEST, "too early");
}

static void a_file_that_is_not_wanted_is_refused(void **state)
{
	struct push *p = *state;

	begin(p, true);
	assert_true(receive(p, PATCH_MEMBER "boot/config") < 0);
	assert_int_equal(p->err.reason, KF_REASON_PACKAGE);
	assert_non_null(strstr(p->err.msg, "not asked for"));
}

/* --- the manifest ------------------------- */

static int take_manifest(struct push *p, const struct kernel *base, bool alter)
{
	_buf_ struct buf patch = BUF_INIT;
	uint8_t *last;

	make_patch(buf_data(&base->manifest), buf_len(&base->manifest),
		   buf_data(&p->b.manifest), buf_len(&p->b.manifest), &patch);
	assert_true(buf_len(&patch) < buf_len(&p->b.manifest));
	last = patch.data + patch.end - 1;
	if (alter)
		*last ^= 1;
	return deploy_manifest(p->d, buf_data(&patch), buf_len(&patch), &p->err);
}

static void the_manifest_may_be_a_patch(void **state)
{
	struct push *p = *state;

	plan(p, true);
	assert_memory_equal(p->plan.manifest_base.data, p->a.digest.b, DIGEST_SIZE);
	assert_int_equal(take_manifest(p, &p->a, false), 0);
	assert_int_equal(deploy_need(p->d, &p->need, &p->err), 0);
	assert_int_equal(receive(p, PATCH_MEMBER MODULE), 0);
}

static void a_wrong_patch_of_it_is_refused(void **state)
{
	struct push *p = *state;

	plan(p, true);
	assert_true(take_manifest(p, &p->a, true) < 0);
	assert_true(take_manifest(p, &p->b, false) < 0);
	assert_int_equal(p->err.reason, KF_REASON_DIGEST);
	assert_int_equal(take_manifest(p, &p->a, false), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_patch_becomes_the_file),
		T(the_table_names_what_it_has),
		T(who_did_not_ask_gets_none),
		T(a_truncated_patch_is_refused),
		T(an_altered_patch_is_refused),
		T(bytes_behind_a_patch_are_refused),
		T(a_window_beyond_the_base_is_refused),
		T(another_size_is_refused),
		T(a_base_that_was_not_named_is_refused),
		T(other_bytes_than_promised_are_refused),
		T(an_altered_base_is_found_out),
		T(a_base_that_went_away_is_no_base),
		T(a_base_cut_short_is_found_out),
		T(a_file_that_is_not_wanted_is_refused),
		T(the_manifest_may_be_a_patch),
		T(a_wrong_patch_of_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
