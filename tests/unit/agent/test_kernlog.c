// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's log on a made /dev/kmsg: kept, followed, continued, cut, bounded. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/log/kernfile.h"
#include "agent/log/kernlog.h"
#include "proto/base/fs.h"
#include "tests/lib/scratch.h"

#define READ_SIZE (64 * 1024)

struct board {
	struct scratch s;
	uv_loop_t loop;
	struct kernlog *k;
	int dir;
	unsigned woken;
	char *room;
};

static int setup(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	scratch_write(&b->s, "dev/kmsg", "", 0);
	scratch_write(&b->s, "dir/x", "", 0);
	b->dir = openat(AT_FDCWD, b->s.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->dir >= 0);
	b->room = malloc(READ_SIZE);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	*state = b;
	alarm(60);
	return 0;
}

static void start(struct board *b)
{
	struct kf_error err = {0};

	assert_int_equal(kernlog_start(&b->loop, &b->s.a, b->dir, &b->k, &err), 0);
}

static void stop(struct board *b)
{
	kernlog_stop(TAKE_PTR(b->k));
	uv_run(&b->loop, UV_RUN_DEFAULT);
}

static int teardown(void **state)
{
	struct board *b = *state;

	if (b->k)
		stop(b);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	close(b->dir);
	scratch_free(&b->s);
	free(b->room);
	free(b);
	return 0;
}

static void say(struct board *b, const char *text)
{
	_close_ int fd = openat(b->dir, "dev/kmsg", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

/* Records first..last of about 100 bytes each. */
static void say_many(struct board *b, unsigned first, unsigned last)
{
	_buf_ struct buf text = BUF_INIT;

	for (unsigned i = first; i <= last; i++)
		assert_int_equal(buf_printf(&text, "6,%u,%u,-;record %080u\n", i, i, i),
				 0);
	say(b, buf_str(&text));
}

static void wake(void *arg)
{
	struct board *b = arg;

	b->woken++;
}

/* All that a cursor gives now. */
static void drain(struct board *b, struct kernlog_cursor *c, struct buf *out)
{
	ssize_t n;

	while ((n = kernlog_cursor_read(c, b->room, READ_SIZE)) > 0)
		assert_int_equal(buf_append(out, b->room, (size_t)n), 0);
	assert_int_equal(n, 0);
}

static struct kernlog_cursor *cursor(struct board *b)
{
	struct kernlog_cursor *c;

	assert_int_equal(kernlog_cursor_new(b->k, 0, 0, wake, b, &c), 0);
	return c;
}

/* What is on the disk, unpacked. */
static void read_kept(struct board *b, struct buf *out)
{
	struct kernlog_file *f;
	ssize_t n;

	assert_int_equal(kernlog_file_open(b->dir, &f), 0);
	while ((n = kernlog_file_read(f, b->room, READ_SIZE)) > 0)
		assert_int_equal(buf_append(out, b->room, (size_t)n), 0);
	assert_int_equal(n, 0);
	kernlog_file_close(f);
}

/* How many of these records are there up to the first gap, none of them twice. */
static unsigned count_records(struct buf *text, unsigned first, unsigned last)
{
	const char *at = buf_str(text);
	unsigned next = first;

	while (at && *at) {
		unsigned long seq =
			strncmp(at, "6,", 2) == 0 ? strtoul(at + 2, NULL, 10) : 0;

		if (seq >= first && seq <= last) {
			if (seq > next)
				break;
			assert_int_equal(seq, next);
			next++;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return next - first;
}

static void keeps_and_follows(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	struct kernlog_cursor *c;

	say(b, "6,1,10,-;one\n KEY=v\n");
	start(b);
	c = cursor(b);
	drain(b, c, &text);
	assert_string_equal(buf_str(&text), "6,1,10,-;one\n KEY=v\n");
	buf_reset(&text);
	say(b, "6,2,20,-;two\n");
	while (b->woken == 0)
		uv_run(&b->loop, UV_RUN_ONCE);
	drain(b, c, &text);
	assert_string_equal(buf_str(&text), "6,2,20,-;two\n");
	kernlog_cursor_free(c);
	stop(b);
	buf_reset(&text);
	read_kept(b, &text);
	assert_string_equal(buf_str(&text), "6,1,10,-;one\n KEY=v\n6,2,20,-;two\n");
}

static void takes_half_a_line_for_nothing(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	struct kernlog_cursor *c;

	say(b, "6,1,10,-;one\n6,2,20,-;tw");
	start(b);
	c = cursor(b);
	drain(b, c, &text);
	assert_string_equal(buf_str(&text), "6,1,10,-;one\n");
	say(b, "o\n");
	kernlog_flush(b->k);
	drain(b, c, &text);
	assert_string_equal(buf_str(&text), "6,1,10,-;one\n6,2,20,-;two\n");
	kernlog_cursor_free(c);
}

static void filters(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	struct kernlog_cursor *c;

	say(b, "6,1,10,-;a\n3,2,20,-;b\n4,3,30,-;c\n30,4,40,-;d\n");
	start(b);
	assert_int_equal(kernlog_cursor_new(b->k, 15, 5, wake, b, &c), 0);
	drain(b, c, &text);
	assert_string_equal(buf_str(&text), "3,2,20,-;b\n4,3,30,-;c\n");
	kernlog_cursor_free(c);
}

/* More than memory holds: the file has the rest, and nothing comes twice or not. */
static void a_late_follower_gets_all(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	struct kernlog_cursor *slow, *late;

	say(b, "6,1,1,-;x\n");
	start(b);
	slow = cursor(b);
	say_many(b, 2, 8000);
	kernlog_flush(b->k);
	say_many(b, 8001, 12000);
	kernlog_flush(b->k);
	late = cursor(b);
	drain(b, late, &text);
	assert_int_equal(count_records(&text, 1, 12000), 12000);
	buf_reset(&text);
	drain(b, slow, &text);
	assert_int_equal(count_records(&text, 1, 12000), 12000);
	kernlog_cursor_free(late);
	kernlog_cursor_free(slow);
}

static void without_a_file_a_gap_is_said(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	struct kernlog_cursor *c;

	assert_int_equal(mkdirat(b->dir, KERNFILE_NAME, 0755), 0); /* in its way */
	start(b);
	c = cursor(b);
	say_many(b, 1, 12000);
	kernlog_flush(b->k);
	drain(b, c, &text);
	assert_non_null(strstr(buf_str(&text), "kferryd: "));
	assert_non_null(strstr(buf_str(&text), "6,12000,"));
	assert_null(strstr(buf_str(&text), "6,1,1,"));
	kernlog_cursor_free(c);
}

static void a_restart_continues_the_same_log(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	struct kernlog_cursor *c;

	say_many(b, 1, 100);
	start(b);
	stop(b);
	say_many(b, 101, 150);
	start(b);
	c = cursor(b);
	drain(b, c, &text);
	assert_int_equal(count_records(&text, 1, 150), 150);
	kernlog_cursor_free(c);
	stop(b);
	buf_reset(&text);
	read_kept(b, &text);
	assert_int_equal(count_records(&text, 1, 150), 150);
}

/* As it is on the disk while the agent runs and after it was killed: no frame's end. */
static void a_log_without_its_end_is_whole_and_goes_on(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT, raw = BUF_INIT;

	say_many(b, 1, 500);
	start(b);
	kernlog_flush(b->k);
	assert_int_equal(fs_read_file(b->dir, KERNFILE_NAME, 1 << 20, &raw), 0);
	stop(b);
	assert_int_equal(
		fs_replace(b->dir, KERNFILE_NAME, buf_data(&raw), buf_len(&raw), 0600),
		0);
	read_kept(b, &text);
	assert_int_equal(count_records(&text, 1, 500), 500);

	say_many(b, 501, 600);
	start(b);
	stop(b);
	buf_reset(&text);
	read_kept(b, &text);
	assert_int_equal(count_records(&text, 1, 600), 600);
}

/* Power went inside a write: what is before it can be read; the log is filled again. */
static void a_torn_log_is_read_to_its_tear(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT, raw = BUF_INIT;

	say_many(b, 1, 400);
	start(b);
	say_many(b, 401, 800);
	stop(b);
	assert_int_equal(fs_read_file(b->dir, KERNFILE_NAME, 1 << 20, &raw), 0);
	assert_int_equal(fs_replace(b->dir, KERNFILE_NAME, buf_data(&raw),
				    buf_len(&raw) - 40, 0600),
			 0);
	read_kept(b, &text);
	assert_true(count_records(&text, 1, 800) >= 400);
	start(b);
	stop(b);
	buf_reset(&text);
	read_kept(b, &text);
	assert_int_equal(count_records(&text, 1, 800), 800);
}

static void cut_kept(struct board *b, size_t bytes)
{
	_buf_ struct buf raw = BUF_INIT;

	assert_int_equal(fs_read_file(b->dir, KERNFILE_NAME, 1 << 20, &raw), 0);
	assert_true(buf_len(&raw) > bytes);
	assert_int_equal(fs_replace(b->dir, KERNFILE_NAME, buf_data(&raw),
				    buf_len(&raw) - bytes, 0600),
			 0);
}

/* ... but not with what the kernel has forgotten meanwhile: that is in the file only. */
static void a_torn_log_keeps_what_the_kernel_forgot(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;

	for (size_t cut = 1; cut < 200; cut += 9) {
		scratch_write(&b->s, "dev/kmsg", "", 0);
		assert_true(unlinkat(b->dir, KERNFILE_NAME, 0) == 0 || cut == 1);
		say_many(b, 1, 400);
		start(b);
		say_many(b, 401, 1000);
		stop(b);
		cut_kept(b, cut);
		scratch_write(&b->s, "dev/kmsg", "", 0);
		say_many(b, 995, 1000);
		start(b);
		stop(b);
		buf_reset(&text);
		read_kept(b, &text);
		assert_true(count_records(&text, 1, 1000) >= 400);
		assert_non_null(strstr(buf_str(&text), "\n6,1000,"));
	}
}

/* The disk is full in the middle of a block, as a limit to the file's size has it. */
static void what_was_flushed_outlives_a_write_that_fails(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT, raw = BUF_INIT, after = BUF_INIT;
	struct rlimit was, limit;

	say_many(b, 1, 400);
	start(b);
	kernlog_flush(b->k);
	assert_int_equal(fs_read_file(b->dir, KERNFILE_NAME, 1 << 20, &raw), 0);
	say_many(b, 401, 800);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = buf_len(&raw) + 7;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	kernlog_flush(b->k);
	stop(b);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(fs_read_file(b->dir, KERNFILE_NAME, 1 << 20, &after), 0);
	assert_int_equal(buf_len(&after), buf_len(&raw));
	scratch_write(&b->s, "dev/kmsg", "", 0);
	say_many(b, 795, 800);
	start(b);
	stop(b);
	read_kept(b, &text);
	assert_int_equal(count_records(&text, 1, 400), 400);
	assert_non_null(strstr(buf_str(&text), "\n6,800,"));
}

static void a_warning_is_flushed_by_itself(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;

	start(b);
	say(b, "4,1,10,-;careful\n");
	while (buf_len(&text) == 0) {
		uv_run(&b->loop, UV_RUN_ONCE);
		read_kept(b, &text);
	}
	assert_string_equal(buf_str(&text), "4,1,10,-;careful\n");
}

static void the_file_has_a_bound(void **state)
{
	struct board *b = *state;
	_buf_ struct buf text = BUF_INIT;
	_free_ char *noise = malloc(4000);
	struct kernfile *f;
	uint32_t x = 1;
	struct stat st;
	int r = 0;

	assert_int_equal(kernfile_open(b->dir, &f), 0);
	for (unsigned i = 0; r == 0 && i < 20000; i++) {
		int n = snprintf(noise, 64, "6,%u,1,-;", i);

		for (; n < 3998; n++) {
			x = x * 1103515245 + 12345;
			noise[n] = (char)('!' + (x >> 16) % 90);
		}
		noise[n++] = '\n';
		r = kernfile_append(f, noise, (size_t)n);
	}
	assert_int_equal(r, -EFBIG);
	kernfile_close(f);
	assert_int_equal(fstatat(b->dir, KERNFILE_NAME, &st, 0), 0);
	assert_true(st.st_size <= KERNFILE_MAX + 256 * 1024);
	read_kept(b, &text);
	assert_non_null(strstr(buf_str(&text), "kferryd: the log is full"));
	assert_int_equal(kernfile_open(b->dir, &f), 0);
	assert_int_equal(kernfile_append(f, "6,1,1,-;x\n", 10), -EFBIG);
	kernfile_close(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_and_follows),
		TEST(takes_half_a_line_for_nothing),
		TEST(filters),
		TEST(a_late_follower_gets_all),
		TEST(without_a_file_a_gap_is_said),
		TEST(a_restart_continues_the_same_log),
		TEST(a_log_without_its_end_is_whole_and_goes_on),
		TEST(a_torn_log_is_read_to_its_tear),
		TEST(a_torn_log_keeps_what_the_kernel_forgot),
		TEST(what_was_flushed_outlives_a_write_that_fails),
		TEST(a_warning_is_flushed_by_itself),
		TEST(the_file_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
