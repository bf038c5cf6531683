/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue is the order of the files' arrival; a thread takes some megabytes of it,
 * starts writing all of them back, and then goes from one to the next.  Threads begin
 * with the first full batch: what is less, writeback_finish() does itself.
 *
 * Read with O_DIRECT where the file system has it: neither the cache's memory nor the
 * copy out of it is spent, and nothing but the disk can answer.
 */
#include "agent/deploy/writeback.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "proto/base/fs.h"
#include "proto/base/thread.h"

#define WORKERS	    2
#define BATCH_BYTES (UINT64_C(4) << 20)
#define BATCH_FILES 32
#define READ_BYTES  ((size_t)256 * 1024)
#define ALIGN	    4096 /* what O_DIRECT may ask for */

struct writeback {
	int dirfd;
	const struct manifest *m;
	const atomic_bool *cancel;
	pthread_t threads[WORKERS];
	unsigned n_threads;
	atomic_uint_fast64_t done; /* bytes */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t *queue;
	size_t added, taken, busy; /* files */
	uint64_t waiting;	   /* bytes added and not taken */
	bool finishing, stop;
	int failed;
	size_t failed_at;
};

struct batch {
	size_t file[BATCH_FILES];
	int fd[BATCH_FILES];
	size_t n;
};

static void fail(struct writeback *s, int code, size_t i)
{
	pthread_mutex_lock(&s->lock);
	if (s->failed == 0) {
		s->failed = code;
		s->failed_at = i;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* --- one file ---------------------------------------------------------------------- */

/* Not every file system has O_DIRECT. */
static int open_file(struct writeback *s, size_t i)
{
	const char *path = s->m->files[i].path;
	int fd = fs_open_beneath(s->dirfd, path, O_RDONLY | O_NONBLOCK | O_DIRECT, 0);

	return fd == -EINVAL ? fs_open_beneath(s->dirfd, path, O_RDONLY | O_NONBLOCK, 0)
			     : fd;
}

/* Those whose dirty pages are the page cache's: elsewhere (ZFS) sync_file_range() has
 * nothing to write and says that all is well.  Numbers from linux/magic.h. */
static bool is_of_page_cache(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	switch ((unsigned long)st.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
		return true;
	default:
		return false;
	}
}

static int to_disk(int fd)
{
	if (is_of_page_cache(fd)) {
		if (sync_file_range(fd, 0, 0,
				    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					    SYNC_FILE_RANGE_WAIT_AFTER) == 0)
			return 0;
		if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP &&
		    errno != ESPIPE)
			return -errno;
	}
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int leave_direct(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || !(flags & O_DIRECT))
		return -EINVAL;
	return fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0 ? -errno : 0;
}

static int digest_it(struct writeback *s, int fd, uint64_t left, uint8_t *room,
		     struct digest *ret)
{
	struct digest_ctx ctx;

	digest_init(&ctx);
	while (left > 0) {
		ssize_t n = read(fd, room, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && leave_direct(fd) == 0)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || (uint64_t)n > left)
			return -EBADMSG;
		if (s->cancel && atomic_load(s->cancel))
			return -ECANCELED;
		digest_update(&ctx, room, (size_t)n);
		left -= (uint64_t)n;
		atomic_fetch_add(&s->done, (uint64_t)n);
	}
	digest_final(&ctx, ret);
	return 0;
}

static int writeback_one(struct writeback *s, int fd, const struct manifest_file *f,
			 uint8_t *room)
{
	struct digest is;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size)
		return -EBADMSG;
	rc = to_disk(fd);
	if (rc < 0)
		return rc;
	/* The page cache must not vouch for the disk, where O_DIRECT is only pretended
	 * either; clean pages go when asked. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	rc = digest_it(s, fd, f->size, room, &is);
	if (rc < 0)
		return rc;
	return digest_equal(&is, &f->digest) ? 0 : -EBADMSG;
}

/* --- batches ----------------------------------------------------------------------- */

static void writeback_batch(struct writeback *s, struct batch *b, uint8_t *room)
{
	int rc = 0;

	for (size_t j = 0; j < b->n; j++) {
		b->fd[j] = open_file(s, b->file[j]);
		if (b->fd[j] >= 0)
			(void)sync_file_range(b->fd[j], 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	for (size_t j = 0; j < b->n; j++) {
		if (rc == 0) {
			rc = b->fd[j] < 0 ? b->fd[j]
					  : writeback_one(s, b->fd[j],
							  &s->m->files[b->file[j]], room);
			if (rc < 0)
				fail(s, rc, b->file[j]);
		}
		cleanup_close(&b->fd[j]);
	}
}

static bool enough(const struct writeback *s)
{
	return s->waiting >= BATCH_BYTES || s->added - s->taken >= BATCH_FILES;
}

/* The lock is held.  False: there is nothing more for this thread to do. */
static bool take(struct writeback *s, struct batch *b)
{
	uint64_t bytes = 0;

	while (!s->stop && s->failed == 0 && !s->finishing && !enough(s))
		pthread_cond_wait(&s->changed, &s->lock);
	b->n = 0;
	if (s->stop || s->failed != 0)
		return false;
	while (s->taken < s->added && b->n < BATCH_FILES && bytes < BATCH_BYTES) {
		size_t i = s->queue[s->taken++];

		b->file[b->n++] = i;
		bytes += s->m->files[i].size;
	}
	s->waiting -= bytes;
	return b->n > 0;
}

/* Batch after batch; between them report what was done. */
static void work(struct writeback *s, void (*done)(void *arg, uint64_t n), void *arg)
{
	_free_ uint8_t *room = NULL;
	struct batch b;

	if (posix_memalign((void **)&room, ALIGN, READ_BYTES) != 0) {
		room = NULL;
		fail(s, -ENOMEM, 0);
		return;
	}
	pthread_mutex_lock(&s->lock);
	while (take(s, &b)) {
		s->busy++;
		pthread_mutex_unlock(&s->lock);
		writeback_batch(s, &b, room);
		if (done)
			done(arg, atomic_exchange(&s->done, 0));
		pthread_mutex_lock(&s->lock);
		s->busy--;
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
}

static void *run(void *arg)
{
	work(arg, NULL, NULL);
	return NULL;
}

/* --- the outside ------------------------------------------------------------------- */

int writeback_new(int dirfd, const struct manifest *m, const atomic_bool *cancel,
		  struct writeback **ret)
{
	struct writeback *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->queue = calloc(m->n_files + 1, sizeof(*s->queue));
	if (!s->queue) {
		free(s);
		return -ENOMEM;
	}
	s->dirfd = dirfd;
	s->m = m;
	s->cancel = cancel;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	*ret = s;
	return 0;
}

void writeback_free(struct writeback *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	while (s->n_threads > 0)
		pthread_join(s->threads[--s->n_threads], NULL);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s->queue);
	free(s);
}

void writeback_add(struct writeback *s, size_t i)
{
	bool full;

	pthread_mutex_lock(&s->lock);
	s->queue[s->added++] = i;
	s->waiting += s->m->files[i].size;
	full = enough(s);
	if (full)
		pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	/* One less is no failure: writeback_finish() does what is left. */
	if (full && s->n_threads < WORKERS &&
	    thread_start(run, s, &s->threads[s->n_threads]) == 0)
		s->n_threads++;
}

int writeback_failed(struct writeback *s, size_t *ret_i)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = s->failed;
	if (rc < 0)
		*ret_i = s->failed_at;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int writeback_finish(struct writeback *s, void (*done)(void *arg, uint64_t n), void *arg,
		     size_t *ret_i)
{
	pthread_mutex_lock(&s->lock);
	s->finishing = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	work(s, done, arg);
	pthread_mutex_lock(&s->lock);
	while (s->busy > 0)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (done)
		done(arg, atomic_exchange(&s->done, 0));
	return writeback_failed(s, ret_i);
}
