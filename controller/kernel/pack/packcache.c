/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pack cache: stamps, what may be believed of them, digests on several threads.
 */
#include "controller/kernel/pack/packcache.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/kernel/parallel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define MAX_INDEX (128u << 20)
#define NS_PER_S  1000000000LL
/* A file system's time goes on in ticks of the kernel, of 10 ms at most; where no time
 * has a fraction, in seconds, or two of them. */
#define TICK_NS	  (20 * 1000 * 1000LL)
#define COARSE_NS (2 * NS_PER_S)

static int64_t in_ns(const struct timespec *ts)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)ts->tv_sec, NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)ts->tv_nsec, &ns))
		return ts->tv_sec < 0 ? INT64_MIN + 1 : INT64_MAX;
	return ns;
}

static void stamp_of(const struct stat *st, struct stamp *ret)
{
	*ret = (struct stamp){.ino = st->st_ino,
			      .size = (uint64_t)st->st_size,
			      .mtime = in_ns(&st->st_mtim),
			      .ctime = in_ns(&st->st_ctim)};
}

int packcache_stamp(const char *path, struct stamp *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	stamp_of(&st, ret);
	return 0;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
	return a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

static bool young_at(const struct stamp *st, int64_t when)
{
	int64_t last = st->mtime > st->ctime ? st->mtime : st->ctime;
	int64_t slack =
		st->mtime % NS_PER_S || st->ctime % NS_PER_S ? TICK_NS : COARSE_NS;

	return last >= when - slack;
}

bool packcache_is_young(const struct packcache *pc, const struct stamp *st)
{
	return young_at(st, pc->now);
}

/* Nobody but us, under the lock, writes there. */
static bool is_ours(const struct packcache *pc, const char *path)
{
	size_t n = strlen(pc->dir);

	return strncmp(path, pc->dir, n) == 0 && path[n] == '/';
}

/* --- the index ------------------------------------------------------------------------
 */

static void read_index(struct packcache *pc, char why[static 128])
{
	_free_ char *path = strf("%s/index", pc->dir);
	_buf_ struct buf b = BUF_INIT;
	int r = path ? fs_read_file(AT_FDCWD, path, MAX_INDEX, &b) : -ENOMEM;

	if (r == 0)
		r = packindex_parse(buf_data(&b), buf_len(&b), &pc->ix);
	if (r == -ENOENT)
		snprintf(why, 128, "this tree was not packed before");
	else if (r == -EBADMSG)
		snprintf(why, 128,
			 "its index is truncated, altered, or of another "
			 "version of kferry");
	else if (r < 0)
		snprintf(why, 128, "its index cannot be read: %s", strerror(-r));
	/* From the future, when the clock was wrong: it says nothing of what is young. */
	if (r == 0 && pc->ix.time > pc->now)
		pc->ix.time = INT64_MIN / 2;
	pc->changed = r < 0;
}

int packcache_open(const char *cache, bool use, struct packcache **ret,
		   char ret_why[static 128])
{
	struct packcache *pc = calloc(1, sizeof(*pc));
	_free_ char *boot = NULL;
	struct timespec now;

	ret_why[0] = '\0';
	if (!pc)
		return -ENOMEM;
	pc->dir = strf("%s/pack", cache);
	pc->tree = strf("%s/pack/tree", cache);
	pc->dtbs = strf("%s/pack/dtbs", cache);
	if (!pc->dir || !pc->tree || !pc->dtbs) {
		packcache_free(pc);
		return -ENOMEM;
	}
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	pc->now = in_ns(&now);
	if (fs_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot) == 0)
		snprintf(pc->boot, sizeof(pc->boot), "%s", boot);
	pc->changed = true;
	if (use)
		read_index(pc, ret_why);
	pc->boot_same = pc->boot[0] && strcmp(pc->boot, pc->ix.boot) == 0;
	*ret = pc;
	return 0;
}

void packcache_free(struct packcache *pc)
{
	if (!pc)
		return;
	packindex_fini(&pc->ix);
	free(pc->dir);
	free(pc->tree);
	free(pc->dtbs);
	free(pc);
}

int packcache_remove(const char *cache)
{
	_free_ char *dir = strf("%s/pack", cache);

	return dir ? fs_remove_tree(AT_FDCWD, dir) : -ENOMEM;
}

int packcache_save(struct packcache *pc)
{
	_free_ char *path = strf("%s/index", pc->dir);
	_buf_ struct buf b = BUF_INIT;
	int64_t time = pc->ix.time;
	int r;

	for (size_t i = 0; i < pc->ix.n_files && !pc->changed; i++)
		pc->changed = !pc->ix.files[i].used;
	for (size_t i = 0; i < pc->ix.n_memos && !pc->changed; i++)
		pc->changed = !pc->ix.memos[i].used;
	if (!pc->changed)
		return 0;
	pc->ix.time = pc->now;
	snprintf(pc->ix.boot, sizeof(pc->ix.boot), "%s", pc->boot);
	r = path ? packindex_emit(&pc->ix, &b) : -ENOMEM;
	if (r == 0)
		r = fs_mkdirs(AT_FDCWD, pc->dir);
	if (r == 0)
		r = fs_replace(AT_FDCWD, path, buf_data(&b), buf_len(&b), 0644);
	if (r < 0)
		pc->ix.time = time;
	else
		pc->changed = false;
	return r;
}

/* --- files ----------------------------------------------------------------------------
 */

const struct packindex_file *packcache_known(struct packcache *pc, const char *path,
					     const struct stamp *st)
{
	struct packindex_file *f = packindex_find(&pc->ix, path);

	/* What this run has put there is believed by this run. */
	if (!f || !f->has_digest || !same(&f->stamp, st))
		return NULL;
	if (!f->used &&
	    (!pc->boot_same || (!is_ours(pc, path) && young_at(st, pc->ix.time))))
		return NULL;
	f->used = true;
	return f;
}

static int digest_file(const char *path, struct stamp *ret_stamp, struct digest *ret)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	struct stamp before, after;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	stamp_of(&st, &before);
	r = digest_fd(fd, ret, NULL);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	stamp_of(&st, &after);
	if (!same(&before, &after))
		return -ESTALE;
	*ret_stamp = after;
	return 0;
}

const struct packindex_file *packcache_made(struct packcache *pc, const char *path,
					    const struct stamp *st)
{
	struct packindex_file *f = packindex_find(&pc->ix, path);
	struct digest d;
	struct stamp now;

	if (!f || !f->has_made)
		return NULL;
	if (same(&f->stamp, st) && (f->used || !young_at(st, pc->ix.time))) {
		f->used = true;
		return f;
	}
	if (!f->has_digest || f->stamp.size != st->size ||
	    digest_file(path, &now, &d) < 0 || !same(&now, st) ||
	    !digest_equal(&d, &f->digest))
		return NULL;
	pc->read++;
	pc->changed = true;
	f->stamp = *st;
	f->used = true;
	return f;
}

int packcache_put(struct packcache *pc, const char *path, const struct stamp *st,
		  const struct digest *digest, const struct digest *made)
{
	struct packindex_file *f;
	int r = packindex_add(&pc->ix, path, &f);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	f->stamp = *st;
	f->has_digest = digest != NULL;
	if (digest)
		f->digest = *digest;
	f->has_made = made != NULL;
	if (made)
		f->made = *made;
	f->used = true;
	pc->changed = true;
	return 0;
}

struct missing {
	struct contents_item *item;
	struct stamp stamp;
};

static int digest_missing(void *arg, size_t i)
{
	struct missing *m = &((struct missing *)arg)[i];

	return digest_file(m->item->source, &m->stamp, &m->item->digest);
}

static int read_failed(int r, const char *source, struct kf_error *err)
{
	if (r == -ECANCELED)
		return kf_err(err, r, KF_REASON_CANCELLED, "packing was cancelled");
	if (r == -ESTALE)
		return kf_err(err, r, KF_REASON_DIGEST,
			      "%s changed while it was being packed: let the build end, "
			      "and try again",
			      source);
	return kf_err(err, r, KF_REASON_IO, "read %s: %m", source);
}

/* Those whose digest has to be computed, *ret_n of them; NULL with a negative *ret_n. */
static struct missing *find_missing(struct packcache *pc, struct contents *c,
				    ssize_t *ret_n, struct kf_error *err)
{
	struct missing *v = calloc(c->n + 1, sizeof(*v));
	size_t n = 0;

	*ret_n = -ENOMEM;
	for (size_t i = 0; v && i < c->n; i++) {
		struct contents_item *it = &c->items[i];
		const struct packindex_file *f;
		struct stamp st;
		int r;

		if (it->known)
			continue;
		r = packcache_stamp(it->source, &st);
		if (r < 0) {
			free(v);
			*ret_n = read_failed(r, it->source, err);
			return NULL;
		}
		f = packcache_known(pc, it->source, &st);
		if (f) {
			it->digest = f->digest;
			it->size = st.size;
			it->known = true;
		} else {
			v[n++].item = it;
		}
	}
	if (v)
		*ret_n = (ssize_t)n;
	return v;
}

int packcache_digest(struct packcache *pc, struct contents *c, struct kf_error *err)
{
	_free_ struct missing *v = NULL;
	size_t failed = 0;
	ssize_t n;
	int r;

	v = find_missing(pc, c, &n, err);
	if (!v)
		return n == -ENOMEM
			       ? kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory")
			       : (int)n;
	r = parallel_run((size_t)n, digest_missing, v, &failed);
	if (r < 0)
		return read_failed(r, v[failed].item->source, err);
	for (ssize_t i = 0; i < n; i++) {
		struct contents_item *it = v[i].item;

		it->size = v[i].stamp.size;
		it->known = true;
		if (packcache_put(pc, it->source, &v[i].stamp, &it->digest, NULL) < 0)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		pc->read++;
	}
	return 0;
}

void packcache_list_digest(const struct contents *c, size_t first, struct digest *ret)
{
	struct digest_ctx ctx;

	digest_init(&ctx);
	for (size_t i = first; i < c->n; i++) {
		digest_update(&ctx, c->items[i].path, strlen(c->items[i].path) + 1);
		digest_update(&ctx, c->items[i].digest.b, DIGEST_SIZE);
	}
	digest_final(&ctx, ret);
}

/* --- memos ----------------------------------------------------------------------------
 */

const char *packcache_memo(struct packcache *pc, const char *name,
			   const struct digest *key)
{
	struct packindex_memo *m = packindex_memo(&pc->ix, name);

	if (!m || !digest_equal(&m->key, key))
		return NULL;
	m->used = true;
	return m->text;
}

int packcache_set_memo(struct packcache *pc, const char *name, const struct digest *key,
		       const char *text)
{
	int r = packindex_set_memo(&pc->ix, name, key, text);

	pc->changed = true;
	return r == -ENOMEM ? r : 0;
}

void packkey_init(struct packkey *k, const struct packcache *pc)
{
	k->pc = pc;
	k->young = false;
	digest_init(&k->ctx);
	/* As with digests: what was written in another boot may not have come through. */
	packkey_text(k, pc->boot);
}

void packkey_text(struct packkey *k, const char *text)
{
	digest_update(&k->ctx, text ? "+" : "-", 1);
	if (text)
		digest_update(&k->ctx, text, strlen(text) + 1);
}

void packkey_digest(struct packkey *k, const struct digest *d)
{
	digest_update(&k->ctx, d->b, DIGEST_SIZE);
}

void packkey_stamp(struct packkey *k, const char *path)
{
	struct stamp st = {0};
	int r = packcache_stamp(path, &st);

	packkey_text(k, path);
	packkey_text(k, r < 0 ? NULL : "");
	if (r < 0)
		return;
	digest_update(&k->ctx, &st.ino, sizeof(st.ino));
	digest_update(&k->ctx, &st.size, sizeof(st.size));
	digest_update(&k->ctx, &st.mtime, sizeof(st.mtime));
	digest_update(&k->ctx, &st.ctime, sizeof(st.ctime));
	k->young = k->young || packcache_is_young(k->pc, &st);
}
