/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of boots, over the wire: an earlier boot's log, everything of one boot,
 * the list of boots.  The disk is read by short jobs, one piece each, started again when
 * the connection has room.
 */
#include <fcntl.h>
#include <string.h>

#include "agent/log/boots.h"
#include "agent/session/msg.h"
#include "agent/session/session_op.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define PIECE (64 * 1024)

/* A file to send: a kept log, unpacked, or a record of pstore. */
struct disk {
	struct session *s;
	struct job *job;
	struct boot_record boot;
	int dir_fd;
	bool cancelled;
	bool is_log; /* LogRequest: records that pass, no File */
	uint64_t since_us;
	unsigned max_level;

	char (*names)[LIMIT_NAME + 1]; /* of pstore's files; index 0 is the log itself */
	size_t n_names, next;

	struct kernlog_file *log; /* what is being read: one of these two */
	int fd;
	uint64_t left; /* bytes of it still to send */
	bool opened;   /* the job opened a file of `left` bytes in this piece */
	bool last;     /* its end was reached in this piece */
	struct buf part;
	struct buf piece;
};

static void disk_free(struct disk *d)
{
	kernlog_file_close(d->log);
	if (d->fd >= 0)
		close(d->fd);
	if (d->dir_fd >= 0)
		close(d->dir_fd);
	buf_fini(&d->part);
	buf_fini(&d->piece);
	free(d->names);
	free(d);
}

static struct disk *disk_new(struct session *s)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->s = s;
	d->fd = d->dir_fd = -1;
	return d;
}

static void disk_end(struct disk *d)
{
	struct session *s = d->s;

	disk_free(d);
	session_end(s);
}

/* Bytes of a kept log, unpacked, and a reader that stands where the last
 * LIMIT_COLLECT_FILE of them begin. */
static int open_log(struct disk *d)
{
	_free_ char *room = malloc(PIECE);
	uint64_t total = 0, skip;
	ssize_t n;
	int r;

	if (!room)
		return -ENOMEM;
	r = kernlog_file_open(d->dir_fd, &d->log);
	if (r < 0)
		return r;
	while ((n = kernlog_file_read(d->log, room, PIECE)) > 0)
		total += (uint64_t)n;
	kernlog_file_close(TAKE_PTR(d->log));
	r = kernlog_file_open(d->dir_fd, &d->log);
	if (r < 0)
		return r;
	d->left = total < LIMIT_COLLECT_FILE ? total : LIMIT_COLLECT_FILE;
	for (skip = total - d->left; skip > 0; skip -= (uint64_t)n) {
		n = kernlog_file_read(d->log, room, skip < PIECE ? (size_t)skip : PIECE);
		if (n <= 0)
			return -EIO;
	}
	return 0;
}

static int open_record(struct disk *d, const char *name)
{
	_close_ int dir = fs_open_beneath(d->dir_fd, "pstore",
					  O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	off_t size;

	if (dir < 0)
		return dir;
	d->fd = fs_open_beneath(dir, name, O_RDONLY | O_CLOEXEC, 0);
	if (d->fd < 0)
		return d->fd;
	size = lseek(d->fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	d->left =
		(uint64_t)size < LIMIT_COLLECT_FILE ? (uint64_t)size : LIMIT_COLLECT_FILE;
	return lseek(d->fd, size - (off_t)d->left, SEEK_SET) < 0 ? -errno : 0;
}

static ssize_t read_some(struct disk *d, void *dst, size_t n)
{
	ssize_t got;

	if (d->log)
		return kernlog_file_read(d->log, dst, n);
	do
		got = read(d->fd, dst, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Job: open the next file if none is open, and read a piece of it. */
static int collect_work(struct job *job, void *arg)
{
	struct disk *d = arg;
	uint8_t *at;
	ssize_t n = 0;
	int r = 0;

	(void)job;
	if (!d->log && d->fd < 0) {
		r = d->next == 0 ? open_log(d) : open_record(d, d->names[d->next]);
		if (r == -ENOENT && d->next == 0) {
			d->next = 1;
			r = d->n_names > 1 ? open_record(d, d->names[1]) : 0;
		}
		if (r < 0 || (!d->log && d->fd < 0))
			return r;
		d->opened = true;
	}
	r = buf_reserve(&d->piece, PIECE, &at);
	if (r < 0)
		return r;
	if (d->left > 0)
		n = read_some(d, at, d->left < PIECE ? (size_t)d->left : PIECE);
	if (n < 0)
		return (int)n;
	/* A file that got shorter than was said is filled up: the size was promised. */
	if (n == 0 && d->left > 0) {
		n = d->left < PIECE ? (ssize_t)d->left : PIECE;
		memset(at, '\n', (size_t)n);
	}
	buf_commit(&d->piece, (size_t)n);
	d->left -= (uint64_t)n;
	d->last = d->left == 0;
	return 0;
}

/* Job: a piece of a kept log, only the records that pass. */
static int log_work(struct job *job, void *arg)
{
	struct disk *d = arg;
	uint8_t *at;
	ssize_t n;
	size_t len;
	int r = 0;

	(void)job;
	while (r == 0 && !d->last && buf_len(&d->piece) < PIECE / 2) {
		const char *rec;

		r = buf_reserve(&d->part, PIECE, &at);
		if (r < 0)
			return r;
		n = kernlog_file_read(d->log, at, PIECE);
		d->last = n <= 0;
		if (n > 0)
			buf_commit(&d->part, (size_t)n);
		while (r == 0 && buf_len(&d->part) > 0) {
			rec = (const char *)buf_data(&d->part);
			len = kmsg_record_len(rec, buf_len(&d->part), d->last);
			if (len == 0)
				break;
			if (kernlog_wanted(rec, len, d->since_us, d->max_level))
				r = buf_append(&d->piece, rec, len);
			buf_consume(&d->part, len);
		}
	}
	return r;
}

static void disk_go(struct disk *d);

static void send_file(struct disk *d, uint64_t size)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__File m = KFERRY__FILE__INIT;
	char name[LIMIT_NAME + 16];

	if (d->next == 0)
		snprintf(name, sizeof(name), "dmesg");
	else
		snprintf(name, sizeof(name), "pstore/%s", d->names[d->next]);
	m.name = name;
	m.size = size;
	env.body_case = KFERRY__ENVELOPE__BODY_FILE;
	env.file = &m;
	session_send(d->s, &env);
}

/* One file is sent; the next one, or the end. */
static bool next_file(struct disk *d)
{
	kernlog_file_close(TAKE_PTR(d->log));
	if (d->fd >= 0)
		close(TAKE_FD(d->fd));
	d->last = false;
	d->next++;
	return !d->is_log && d->next < d->n_names;
}

static void disk_done(void *arg, int result)
{
	struct disk *d = arg;
	bool nothing;

	d->job = NULL;
	if (result < 0)
		session_refuse(d->s, result, KF_REASON_IO,
			       "reading what was kept of that boot failed");
	if (result < 0 || d->cancelled) {
		disk_end(d);
		return;
	}
	nothing = !d->log && d->fd < 0;
	if (d->opened)
		send_file(d, buf_len(&d->piece) + d->left);
	d->opened = false;
	if (!nothing)
		session_send_data(d->s, buf_data(&d->piece), buf_len(&d->piece),
				  d->last ? FRAME_END : 0);
	buf_reset(&d->piece);
	if (nothing || (d->last && !next_file(d))) {
		session_send_done(d->s, "");
		disk_end(d);
		return;
	}
	disk_go(d);
}

static const struct job_ops collect_job = {.work = collect_work, .done = disk_done};
static const struct job_ops log_job = {.work = log_work, .done = disk_done};

static void disk_go(struct disk *d)
{
	if (d->job || stream_full(d->s->stream))
		return;
	if (job_start(d->s->env->loop, d->is_log ? &log_job : &collect_job, d, &d->job) <
	    0)
		disk_done(d, -ENOMEM);
}

static void disk_room(struct session *s)
{
	disk_go(s->op_data);
}

static void disk_cancel(struct session *s)
{
	struct disk *d = s->op_data;

	d->cancelled = true;
	if (!d->job)
		disk_end(d);
}

static const struct session_op disk_op = {
	.name = "sending what was kept",
	.room = disk_room,
	.cancel = disk_cancel,
};

/* --- an earlier boot's log ------------------------------------------------------ */

void session_kept_log(struct session *s, const Kferry__LogRequest *q)
{
	struct disk *d = disk_new(s);
	int r = d ? boots_dir(s->env->agent, "", (unsigned)-q->boot, &d->boot, &d->dir_fd)
		  : -ENOMEM;

	if (r == 0)
		r = kernlog_file_open(d->dir_fd, &d->log);
	if (r < 0) {
		session_refuse(s, r, r == -ENOENT ? KF_REASON_NOT_FOUND : KF_REASON_IO,
			       d && d->dir_fd >= 0
				       ? "no kernel log of that boot was kept: the agent "
					 "did not run in it; its pstore may tell more"
				       : "there is no record of such a boot");
		if (d)
			disk_free(d);
		return;
	}
	d->is_log = true;
	d->since_us = q->since_us;
	d->max_level = q->max_level;
	session_begin(s, &disk_op, d);
	session_send_log_start(s, d->boot.boot_id, d->boot.slot);
	disk_go(d);
}

/* --- collect -------------------------------------------------------------------- */

/* Index 0 stands for the log; the names of pstore's files follow. */
static int list_pstore(struct disk *d)
{
	_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int fd, r;

	d->names = calloc(LIMIT_COLLECT_FILES + 1, sizeof(*d->names));
	if (!d->names)
		return -ENOMEM;
	d->n_names = 1;
	fd = fs_open_beneath(d->dir_fd, "pstore", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	r = fs_dir_stream(fd, &dir);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while ((e = readdir(dir)) && d->n_names <= LIMIT_COLLECT_FILES)
		if (text_is_name(e->d_name))
			memcpy(d->names[d->n_names++], e->d_name, strlen(e->d_name) + 1);
	return 0;
}

void session_collect(struct session *s, const Kferry__Envelope *req)
{
	struct disk *d = disk_new(s);
	int r = -ENOMEM;

	if (s->env->collect)
		s->env->collect(s->env->arg);
	if (!s->env->kernlog && s->env->start_log)
		s->env->start_log(s->env->arg);
	if (s->env->kernlog)
		kernlog_flush(s->env->kernlog);
	if (d)
		r = boots_dir(s->env->agent, req->collect_request->boot_id, 0, &d->boot,
			      &d->dir_fd);
	if (r == 0)
		r = list_pstore(d);
	if (r < 0) {
		session_refuse(s, r, r == -ENOENT ? KF_REASON_NOT_FOUND : KF_REASON_IO,
			       r == -ENOENT ? "there is no record of such a boot"
					    : "the boot's record cannot be read");
		if (d)
			disk_free(d);
		return;
	}
	session_begin(s, &disk_op, d);
	disk_go(d);
}

/* --- the list of boots ---------------------------------------------------------- */

static int fill_boot(struct session *s, const struct boot_record *rec, Kferry__Boot *m)
{
	struct disk *d = disk_new(s);
	struct boot_record same;
	int r = d ? boots_dir(s->env->agent, rec->boot_id, 0, &same, &d->dir_fd)
		  : -ENOMEM;

	m->boot_id = msg_text(rec->boot_id, LIMIT_NAME);
	m->slot = msg_text(rec->slot, LIMIT_NAME);
	m->release = msg_text(rec->release, LIMIT_RELEASE);
	m->number = rec->number;
	m->end = rec->end;
	if (r == 0)
		r = list_pstore(d);
	if (r == 0) {
		m->has_log = fs_exists(d->dir_fd, "kmsg.zst");
		m->pstore = calloc(d->n_names, sizeof(*m->pstore));
		for (size_t i = 1; m->pstore && i < d->n_names; i++)
			m->pstore[m->n_pstore++] = msg_text(d->names[i], LIMIT_NAME);
	}
	for (size_t i = 0; i < m->n_pstore; i++)
		if (!m->pstore[i])
			r = -ENOMEM;
	if (d)
		disk_free(d);
	return r < 0 || !m->boot_id || !m->slot || !m->release ? -ENOMEM : 0;
}

static int build_boots(struct session *s, Kferry__Boots *m)
{
	_free_ struct boot_record *list = calloc(BOOTS_KEEP, sizeof(*list));
	size_t n = 0;
	int r;

	m->boot = calloc(BOOTS_KEEP, sizeof(*m->boot));
	if (!list || !m->boot)
		return -ENOMEM;
	r = boots_list(s->env->agent, list, BOOTS_KEEP, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		Kferry__Boot *b = malloc(sizeof(*b));

		if (!b)
			return -ENOMEM;
		kferry__boot__init(b);
		m->boot[m->n_boot++] = b;
		r = fill_boot(s, &list[i], b);
	}
	return r;
}

void session_boots(struct session *s, const Kferry__Envelope *req)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Boots *m = malloc(sizeof(*m));
	int r = -ENOMEM;

	(void)req;
	if (s->env->collect)
		s->env->collect(s->env->arg);
	if (m) {
		kferry__boots__init(m);
		r = build_boots(s, m);
	}
	if (r < 0) {
		session_refuse(s, r, KF_REASON_IO, "the records of boots cannot be read");
	} else {
		env.body_case = KFERRY__ENVELOPE__BODY_BOOTS;
		env.boots = m;
		session_send(s, &env);
	}
	if (m)
		kferry__boots__free_unpacked(m, NULL);
}
