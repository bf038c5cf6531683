// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One lock guards the table and every parcel's state; the bytes of a file below its size
 * never change, and are read without it.  At most MAKERS streams are made at a time, into
 * files or (where there is no place for those) right to their boards: it is their memory
 * that a call with many boards would not have.  A maker never waits for a turn while it
 * has one, so that turns always come back.
 */
#include "controller/deploy/parcel.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define MAKERS	2
#define BLOCK	(128 * 1024)
#define LOOK_MS 100 /* how late a cancellation is seen while nothing comes */

enum state {
	QUEUED, /* others are made before it */
	MAKING,
	WHOLE,
	FAILED, /* err tells why */
	BROKEN	/* what is there is good, and no more will come */
};

struct parcel {
	struct parcel *next;
	struct parcels *all;
	struct digest key;
	struct parcel_maker maker;
	pthread_t thread;
	bool has_thread;
	int fd;
	uint64_t read; /* the maker's own count */
	bool disk;     /* the maker's: the file cannot be written */
	/* Under the lock: */
	enum state state;
	uint64_t size, done;
	struct kf_error err;
	pthread_cond_t more;
};

struct parcels {
	pthread_mutex_t lock;
	pthread_cond_t turn; /* a maker ended */
	char *dir;
	struct parcel *first;
	unsigned making;
	uint64_t moved; /* grows while anything is made */
	bool ends;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int cancelled(struct kf_error *err)
{
	return kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "it was cancelled");
}

static void release(const struct parcel_maker *m)
{
	if (m->release)
		m->release(m->arg);
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int parcels_new(const char *dir, struct parcels **ret)
{
	struct parcels *ps = calloc(1, sizeof(*ps));

	if (ps)
		ps->dir = strdup(dir);
	if (!ps || !ps->dir) {
		free(ps);
		return -ENOMEM;
	}
	pthread_mutex_init(&ps->lock, NULL);
	cond_init(&ps->turn);
	*ret = ps;
	return 0;
}

/* --- the maker -------------------------------------------------------------------------
 */

static bool unwanted(struct parcels *ps)
{
	bool ends;

	pthread_mutex_lock(&ps->lock);
	ends = ps->ends;
	pthread_mutex_unlock(&ps->lock);
	return ends || atomic_load(cancel_flag());
}

static int keep(void *arg, const void *data, size_t n)
{
	struct parcel *p = arg;
	int r = unwanted(p->all) ? -ECANCELED : fs_write_all(p->fd, data, n);

	if (r < 0) {
		p->disk = r != -ECANCELED;
		return r;
	}
	pthread_mutex_lock(&p->all->lock);
	p->size += n;
	p->done = p->read;
	p->all->moved++;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->all->lock);
	return 0;
}

/* Wait for a place among the makers; false: nobody wants it any more. */
static bool take_turn(struct parcel *p)
{
	struct parcels *ps = p->all;
	bool mine;

	pthread_mutex_lock(&ps->lock);
	while (ps->making >= MAKERS && !ps->ends)
		pthread_cond_wait(&ps->turn, &ps->lock);
	mine = !ps->ends;
	if (mine) {
		ps->making++;
		p->state = MAKING;
	}
	pthread_mutex_unlock(&ps->lock);
	return mine;
}

/* Under the lock. */
static void give_turn_back(struct parcels *ps)
{
	ps->making--;
	ps->moved++;
	pthread_cond_broadcast(&ps->turn);
}

static void *make(void *arg)
{
	struct parcel *p = arg;
	struct parcels *ps = p->all;
	struct kf_error err = {0};
	bool turn = take_turn(p);
	int r = turn ? p->maker.make(p->maker.arg, keep, p, &p->read, &err)
		     : cancelled(&err);

	if (r != 0 && !err.code)
		cancelled(&err);
	pthread_mutex_lock(&ps->lock);
	p->state = r == 0 ? WHOLE : p->disk ? BROKEN : FAILED;
	p->err = err;
	p->done = p->read;
	if (turn)
		give_turn_back(ps);
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&ps->lock);
	return NULL;
}

/* -1: no file can be made there. */
static int make_file(const char *dir)
{
	_free_ char *path = strf("%s/parcel-XXXXXX", dir);
	int fd = -1;

	if (path && fs_mkdirs(AT_FDCWD, dir) == 0)
		fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* Signals are the main thread's affair. */
static void start(struct parcel *p)
{
	sigset_t every, old;

	p->fd = make_file(p->all->dir);
	if (p->fd < 0)
		return;
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &old);
	p->has_thread = pthread_create(&p->thread, NULL, make, p) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The parcel of that key; a new one takes the maker.  Wants the lock. */
static struct parcel *find(struct parcels *ps, const struct digest *key,
			   const struct parcel_maker *maker, bool *ret_taken)
{
	struct parcel *p;

	*ret_taken = false;
	for (p = ps->first; p; p = p->next) {
		if (digest_equal(&p->key, key))
			return p;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->all = ps;
	p->key = *key;
	p->maker = *maker;
	cond_init(&p->more);
	start(p);
	p->state = p->has_thread ? QUEUED : BROKEN;
	p->next = ps->first;
	ps->first = p;
	*ret_taken = true;
	return p;
}

void parcels_free(struct parcels *ps)
{
	if (!ps)
		return;
	pthread_mutex_lock(&ps->lock);
	ps->ends = true;
	pthread_cond_broadcast(&ps->turn);
	pthread_mutex_unlock(&ps->lock);
	while (ps->first) {
		struct parcel *p = ps->first;

		ps->first = p->next;
		if (p->has_thread)
			pthread_join(p->thread, NULL);
		release(&p->maker);
		cleanup_close(&p->fd);
		pthread_cond_destroy(&p->more);
		free(p);
	}
	pthread_cond_destroy(&ps->turn);
	pthread_mutex_destroy(&ps->lock);
	free(ps->dir);
	free(ps);
}

/* --- those who follow ------------------------------------------------------------------
 */

struct follower {
	struct parcel *p;
	const struct parcel_taker *taker;
	uint64_t at;
	int64_t told_ms; /* when the taker was called last */
	uint8_t *block;
	struct kf_error *err;
};

static int tell(struct follower *f, const void *data, size_t n)
{
	int r = f->taker->sink(f->taker->arg, data, n);

	f->told_ms = clock_now_ms();
	return r > 0 ? -ECANCELED : r;
}

static int tell_of_silence(struct follower *f)
{
	bool quiet = clock_now_ms() - f->told_ms >= f->taker->quiet_ms;

	return quiet ? tell(f, NULL, 0) : 0;
}

/* What there is of it. */
struct view {
	enum state state;
	uint64_t size, done;
};

static void look(struct parcel *p, struct view *ret)
{
	*ret = (struct view){p->state, p->size, p->done};
}

/* How long a follower waits still. */
struct wait {
	deadline_ms deadline;
	uint64_t moved;
};

static struct wait wait_begin(const struct follower *f)
{
	return (struct wait){deadline_in(f->taker->patience_ms), f->p->all->moved};
}

/* Under the lock, which is given up meanwhile: until cond, or for a moment.  for_others:
 * it is their streams that have to move. */
static int wait_more(struct follower *f, struct wait *w, pthread_cond_t *cond,
		     bool for_others)
{
	struct parcels *ps = f->p->all;
	struct timespec at;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += LOOK_MS * 1000000L;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	pthread_cond_timedwait(cond, &ps->lock, &at);
	if (atomic_load(cancel_flag()))
		return cancelled(f->err);
	if (for_others && ps->moved != w->moved)
		*w = wait_begin(f);
	if (!deadline_left(w->deadline))
		return kf_err(f->err, -ETIMEDOUT, KF_REASON_IO,
			      "nothing came of the files that are compressed");
	pthread_mutex_unlock(&ps->lock);
	r = tell_of_silence(f);
	pthread_mutex_lock(&ps->lock);
	return r;
}

/* Until there is more than the follower has, or there will be none. */
static int await_more(struct follower *f, struct view *ret)
{
	struct parcel *p = f->p;
	struct wait w;
	int r = 0;

	pthread_mutex_lock(&p->all->lock);
	w = wait_begin(f);
	while (r == 0 && p->size == f->at && (p->state == QUEUED || p->state == MAKING))
		r = wait_more(f, &w, &p->more, p->state == QUEUED);
	look(p, ret);
	if (r == 0 && ret->state == FAILED && ret->size == f->at)
		r = kf_err(f->err, p->err.code, p->err.reason, "%s", p->err.msg);
	pthread_mutex_unlock(&p->all->lock);
	return r;
}

/* 1: the file cannot be read. */
static int give(struct follower *f, const struct view *v)
{
	while (f->at < v->size) {
		uint64_t left = v->size - f->at;
		ssize_t n = pread(f->p->fd, f->block, left < BLOCK ? left : BLOCK,
				  (off_t)f->at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 1;
		f->at += (uint64_t)n;
		/* As far as the maker was, in proportion. */
		if (f->taker->done)
			*f->taker->done = (uint64_t)((double)v->done * (double)f->at /
						     (double)v->size);
		r = tell(f, f->block, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The follower's own stream, without the bytes that it has had. */
struct rest {
	struct follower *f;
	uint64_t left; /* to be left out */
	uint64_t read;
};

static void count_move(struct parcels *ps)
{
	pthread_mutex_lock(&ps->lock);
	ps->moved++;
	pthread_mutex_unlock(&ps->lock);
}

static int give_rest(void *arg, const void *data, size_t n)
{
	struct rest *rest = arg;
	struct follower *f = rest->f;
	size_t drop = rest->left < n ? (size_t)rest->left : n;

	rest->left -= drop;
	count_move(f->p->all);
	/* What was shown is not taken back. */
	if (f->taker->done && rest->read > *f->taker->done)
		*f->taker->done = rest->read;
	return n > drop ? tell(f, (const uint8_t *)data + drop, n - drop)
			: tell_of_silence(f);
}

/* A place among the makers. */
static int await_turn(struct follower *f)
{
	struct parcels *ps = f->p->all;
	struct wait w;
	int r = 0;

	pthread_mutex_lock(&ps->lock);
	w = wait_begin(f);
	while (r == 0 && ps->making >= MAKERS)
		r = wait_more(f, &w, &ps->turn, true);
	if (r == 0)
		ps->making++;
	pthread_mutex_unlock(&ps->lock);
	return r;
}

static int take_over(struct follower *f)
{
	struct rest rest = {.f = f, .left = f->at};
	int r = await_turn(f);

	if (r < 0)
		return r;
	r = f->p->maker.make(f->p->maker.arg, give_rest, &rest, &rest.read, f->err);
	pthread_mutex_lock(&f->p->all->lock);
	give_turn_back(f->p->all);
	pthread_mutex_unlock(&f->p->all->lock);
	if (f->taker->done && r == 0)
		*f->taker->done = rest.read;
	return r;
}

static int follow(struct follower *f)
{
	for (;;) {
		struct view v;
		int r = await_more(f, &v);
		bool whole = v.state == WHOLE, broken = v.state == BROKEN;

		if (r == 0)
			r = give(f, &v);
		if (r == 1 || (r == 0 && broken))
			return take_over(f);
		if (r < 0 || whole)
			return r;
	}
}

int parcel_send(struct parcels *ps, const struct digest *key,
		const struct parcel_maker *maker, const struct parcel_taker *taker,
		struct kf_error *err)
{
	_free_ uint8_t *block = malloc(BLOCK);
	struct follower f = {
		.taker = taker, .told_ms = clock_now_ms(), .block = block, .err = err};
	bool taken = false;

	pthread_mutex_lock(&ps->lock);
	f.p = block ? find(ps, key, maker, &taken) : NULL;
	pthread_mutex_unlock(&ps->lock);
	if (!taken)
		release(maker);
	return f.p ? follow(&f) : no_memory(err);
}
