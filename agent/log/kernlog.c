/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of /dev/kmsg.
 *
 * Records form one stream of bytes since boot.  Its newest part is in memory (`recent`),
 * all of it (up to a bound) in kmsg.zst; a position in the stream says where a follower
 * is.  /dev/kmsg gives one record for each read; a plain file, which a scratch root has,
 * gives bytes, and because it cannot be polled a timer looks at it.
 */
#include "agent/log/kernlog.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/log/kernlog_state.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define SYNC_MS		2000 /* a record is on the disk after this */
#define URGENT_MS	200  /* a warning or worse: after this */
#define URGENT_LEVEL	4
#define FILE_POLL_MS	100
#define RECORDS_AT_ONCE 2000 /* then the loop may do something else */

static int take_input(struct kernlog *k);

/* --- keeping -------------------------------------------------------------------- */

static void remember(struct kernlog *k, const char *data, size_t n)
{
	uint8_t *at;

	while (k->recent.end > 0 && k->recent.size - k->recent.end < n &&
	       k->recent.start < k->recent.size / 2) {
		size_t len = kmsg_record_len((const char *)buf_data(&k->recent),
					     buf_len(&k->recent), 1);

		buf_consume(&k->recent, len ? len : buf_len(&k->recent));
	}
	if (buf_reserve(&k->recent, n, &at) == 0) {
		memcpy(at, data, n);
		buf_commit(&k->recent, n);
	}
	k->end += n;
	if (k->file && kernfile_append(k->file, data, n) == 0)
		k->dirty = true;
}

static void note(struct kernlog *k, const struct kmsg_record *before, uint64_t lost)
{
	char text[160];
	int n = snprintf(
		text, sizeof(text),
		"28,%llu,%llu,-;kferryd: %llu records were lost here, the kernel "
		"wrote faster than they were read\n",
		(unsigned long long)before->seq - 1, (unsigned long long)before->usec,
		(unsigned long long)lost);

	remember(k, text, (size_t)n);
}

/* One whole record. */
static void take_record(struct kernlog *k, const char *data, size_t n)
{
	struct kmsg_record r;

	if (kmsg_parse(data, n, &r) < 0 || data[n - 1] != '\n')
		return;
	if (r.usec > k->newest_us)
		k->newest_us = r.usec;
	if (k->any && r.seq <= k->last_seq)
		return;
	if (k->lost && r.seq > (k->any ? k->last_seq + 1 : 0))
		note(k, &r, r.seq - (k->any ? k->last_seq + 1 : 0));
	k->lost = false;
	k->any = true;
	k->last_seq = r.seq;
	remember(k, data, n);
	if (r.level <= URGENT_LEVEL)
		k->urgent = true;
}

/* --- to the disk ---------------------------------------------------------------- */

static void synced(uv_fs_t *req)
{
	struct kernlog *k = req->data;

	uv_fs_req_cleanup(req);
	k->syncing = false;
	kernlog_unref(k);
}

static void start_sync(struct kernlog *k)
{
	k->synced_ms = clock_now_ms();
	k->dirty = k->urgent = false;
	if (!k->file || kernfile_flush(k->file) < 0 || k->syncing)
		return;
	k->sync.data = k;
	if (uv_fs_fdatasync(k->loop, &k->sync, kernfile_fd(k->file), synced) == 0) {
		k->syncing = true;
		k->refs++;
	}
}

void kernlog_flush(struct kernlog *k)
{
	take_input(k);
	start_sync(k);
}

uint64_t kernlog_newest_us(struct kernlog *k)
{
	take_input(k);
	return k->newest_us;
}

static void on_sync_timer(uv_timer_t *t)
{
	start_sync(t->data);
}

static void plan_sync(struct kernlog *k)
{
	int64_t wait =
		(k->urgent ? URGENT_MS : SYNC_MS) - (clock_now_ms() - k->synced_ms);

	if (!k->dirty || k->stopping)
		return;
	if (k->urgent && wait <= 0) {
		uv_timer_stop(&k->sync_timer);
		start_sync(k);
		return;
	}
	if (!k->urgent)
		wait = SYNC_MS;
	if (!uv_is_active((uv_handle_t *)&k->sync_timer) ||
	    uv_timer_get_due_in(&k->sync_timer) > (uint64_t)wait)
		uv_timer_start(&k->sync_timer, on_sync_timer, (uint64_t)wait, 0);
}

/* --- reading -------------------------------------------------------------------- */

/* From a plain file or FIFO: cut the bytes into records; a last line that has its end
 * counts as whole. */
static void split_records(struct kernlog *k)
{
	for (;;) {
		const char *data = (const char *)buf_data(&k->input);
		size_t n = buf_len(&k->input), len;

		if (n == 0)
			return;
		len = kmsg_record_len(data, n, data[n - 1] == '\n');
		if (len == 0)
			return;
		take_record(k, data, len);
		buf_consume(&k->input, len);
	}
}

/* 1: something was read; 0: nothing there now; negative: the log has ended. */
static int read_once(struct kernlog *k)
{
	ssize_t n = read(k->fd, k->line, LIMIT_KMSG_RECORD);

	if (n < 0 && errno == EPIPE) {
		k->lost = true;
		return 1;
	}
	if (n < 0)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	if (k->device) {
		take_record(k, k->line, (size_t)n);
		return 1;
	}
	if (buf_append(&k->input, k->line, (size_t)n) < 0)
		buf_reset(&k->input);
	split_records(k);
	return 1;
}

/* Read what there is and keep it; -errno when reading failed for good. */
static int take_input(struct kernlog *k)
{
	int r = 1;

	for (unsigned i = 0; r > 0 && i < RECORDS_AT_ONCE; i++)
		r = read_once(k);
	plan_sync(k);
	return r;
}

static void wake_followers(struct kernlog *k)
{
	struct kernlog_cursor *c = k->cursors, *next;

	for (; c; c = next) {
		next = c->next;
		if (c->pos < k->end && c->wake)
			c->wake(c->arg);
	}
}

static void read_more(struct kernlog *k)
{
	uint64_t before = k->end;
	int r = take_input(k);

	if (k->end > before)
		wake_followers(k);
	if (r < 0) {
		log_err("kernlog-unreadable error=\"%s\"", strerror(-r));
		uv_timer_stop(&k->read_timer);
		if (k->polling)
			uv_poll_stop(&k->poll);
	}
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	read_more(p->data);
}

static void on_read_timer(uv_timer_t *t)
{
	read_more(t->data);
}

/* --- life ----------------------------------------------------------------------- */

void kernlog_unref(struct kernlog *k)
{
	if (--k->refs > 0)
		return;
	kernfile_close(k->file);
	if (k->fd >= 0)
		close(k->fd);
	if (k->dir_fd >= 0)
		close(k->dir_fd);
	buf_fini(&k->recent);
	buf_fini(&k->input);
	free(k->line);
	free(k);
}

static void handle_closed(uv_handle_t *h)
{
	kernlog_unref(h->data);
}

static int open_source(struct kernlog *k, struct agent *a, struct kf_error *err)
{
	_free_ char *path = agent_path(a, "/dev/kmsg");
	struct stat st;

	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	k->fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (k->fd < 0)
		return kf_err(err, k->fd, KF_REASON_IO,
			      "open the kernel's log %s: %m; the agent needs CAP_SYSLOG",
			      path);
	if (fstat(k->fd, &st) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "look at %s: %m", path);
	k->device = S_ISCHR(st.st_mode);
	return 0;
}

/* Without a file the log can still be followed; only the next boot will miss it. */
static void open_file(struct kernlog *k)
{
	int r = kernfile_open(k->dir_fd, &k->file);

	if (r < 0) {
		log_warn("kernlog-not-kept error=\"%s\"", strerror(-r));
		k->file = NULL;
		return;
	}
	k->end = kernfile_bytes(k->file);
	k->any = kernfile_last(k->file, &k->last_seq);
}

static void start_handles(struct kernlog *k)
{
	uv_timer_init(k->loop, &k->sync_timer);
	uv_timer_init(k->loop, &k->read_timer);
	k->sync_timer.data = k->read_timer.data = k->poll.data = k;
	k->refs = 2;
	if (k->device && uv_poll_init(k->loop, &k->poll, k->fd) == 0) {
		k->refs++;
		k->polling = true;
		uv_poll_start(&k->poll, UV_READABLE, on_readable);
	} else {
		uv_timer_start(&k->read_timer, on_read_timer, FILE_POLL_MS, FILE_POLL_MS);
	}
}

int kernlog_start(uv_loop_t *loop, struct agent *a, int boot_dir_fd, struct kernlog **ret,
		  struct kf_error *err)
{
	struct kernlog *k = calloc(1, sizeof(*k));
	uint8_t *at;
	int r = -ENOMEM;

	if (!k)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	k->refs = 1;
	k->loop = loop;
	k->fd = -1;
	k->synced_ms = clock_now_ms();
	k->dir_fd = fcntl(boot_dir_fd, F_DUPFD_CLOEXEC, 0);
	k->line = malloc(LIMIT_KMSG_RECORD);
	if (k->dir_fd >= 0 && k->line)
		r = buf_reserve(&k->recent, KERNLOG_RECENT, &at);
	if (r == 0)
		r = open_source(k, a, err);
	else
		kf_err(err, r, KF_REASON_NO_MEMORY, "out of memory");
	if (r < 0) {
		kernlog_unref(k);
		return r;
	}
	open_file(k);
	start_handles(k);
	take_input(k);
	start_sync(k);
	*ret = k;
	return 0;
}

void kernlog_stop(struct kernlog *k)
{
	if (!k || k->stopping)
		return;
	k->stopping = true;
	take_input(k);
	uv_close((uv_handle_t *)&k->sync_timer, handle_closed);
	uv_close((uv_handle_t *)&k->read_timer, handle_closed);
	if (k->polling)
		uv_close((uv_handle_t *)&k->poll, handle_closed);
}
