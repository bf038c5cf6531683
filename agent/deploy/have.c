/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the board has already: an index from digest to file over all slots and earlier
 * stagings.
 *
 * A slot's files were verified when it was installed and nobody writes them since: they
 * are linked without being read, and only their size is checked.  What lies in a staging
 * directory was interrupted and is digested again.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/deploy/parts.h"
#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

struct source {
	int fd; /* directory */
	bool staging;
	struct manifest manifest;
};

struct have_entry {
	const struct manifest_file *file;
	const struct source *source;
};

struct have {
	struct source sources[2 * STATE_SLOTS];
	size_t n_sources;
	struct have_entry *v;
	size_t n;
};

static void have_free(struct have **h)
{
	if (!*h)
		return;
	for (size_t i = 0; i < (*h)->n_sources; i++) {
		cleanup_close(&(*h)->sources[i].fd);
		manifest_fini(&(*h)->sources[i].manifest);
	}
	free((*h)->v);
	free(*h);
}

/* By digest; of equal ones a slot's file is before a staging's: it needs no reading. */
static int compare(const void *x, const void *y)
{
	const struct have_entry *a = x, *b = y;
	int c = memcmp(a->file->digest.b, b->file->digest.b, DIGEST_SIZE);

	return c ? c : a->source->staging - b->source->staging;
}

static void add_source(struct deploy *d, struct have *h, const char *dir, const char *id)
{
	struct source *s = &h->sources[h->n_sources];
	char path[SLOT_PATH];
	struct kf_error err;

	if (h->n_sources == ARRAY_SIZE(h->sources) || !text_is_slot(id))
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, id);
	s->fd = fs_open_beneath(d->a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (s->fd < 0)
		return;
	if (slot_read_manifest(s->fd, id, &s->manifest, NULL, &err) < 0) {
		log_debug("deploy id=%s source=%s error=\"%s\"", d->id, path, err.msg);
		cleanup_close(&s->fd);
		return;
	}
	s->staging = strcmp(dir, STAGING_DIR) == 0;
	h->n_sources++;
}

static DIR *open_staging(struct deploy *d)
{
	int fd = fs_open_beneath(d->a->state_fd, STAGING_DIR, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

static void add_sources(struct deploy *d, struct have *h)
{
	char ids[STATE_SLOTS][SLOT_ID_SIZE];
	_closedir_ DIR *dir = NULL;
	struct dirent *e;
	unsigned n = 0;

	pthread_mutex_lock(&d->a->state_lock);
	for (; n < d->a->state.n_slots; n++)
		memcpy(ids[n], d->a->state.slots[n].id, SLOT_ID_SIZE);
	pthread_mutex_unlock(&d->a->state_lock);
	for (unsigned i = 0; i < n; i++)
		add_source(d, h, SLOTS_DIR, ids[i]);
	dir = open_staging(d);
	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, d->id) != 0)
			add_source(d, h, STAGING_DIR, e->d_name);
}

static int have_new(struct deploy *d, struct have **ret)
{
	struct have *h = calloc(1, sizeof(*h));
	size_t n = 0;

	if (!h)
		return -ENOMEM;
	add_sources(d, h);
	for (size_t i = 0; i < h->n_sources; i++)
		n += h->sources[i].manifest.n_files;
	h->v = calloc(n + 1, sizeof(*h->v));
	if (!h->v) {
		have_free(&h);
		return -ENOMEM;
	}
	for (size_t i = 0; i < h->n_sources; i++)
		for (size_t j = 0; j < h->sources[i].manifest.n_files; j++)
			h->v[h->n++] = (struct have_entry){
				.file = &h->sources[i].manifest.files[j],
				.source = &h->sources[i]};
	qsort(h->v, h->n, sizeof(*h->v), compare);
	*ret = h;
	return 0;
}

/* The first entry with this digest, or one past the last that is smaller. */
static size_t lower_bound(const struct have *h, const struct digest *digest)
{
	size_t lo = 0, hi = h->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(h->v[mid].file->digest.b, digest->b, DIGEST_SIZE) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int copy_file(int in_dir, const char *in_name, int out_dir, const char *out_name,
		     mode_t mode)
{
	_close_ int in = fs_open_beneath(in_dir, in_name, O_RDONLY, 0), out = -1;
	int rc = in;

	if (in < 0)
		return rc;
	out = fs_open_beneath(out_dir, out_name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (out < 0)
		return out;
	rc = fs_copy_fd(in, out, NULL);
	if (rc == 0 && fchmod(out, mode) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(out_dir, out_name, 0);
	return rc;
}

/* 1: it is in the staging directory now; 0: this entry is no use. */
static int take_from(struct deploy *d, const struct have_entry *e,
		     const struct manifest_file *want, bool *ret_fresh)
{
	_close_ int from = -1, to = -1;
	const char *from_name, *to_name;
	struct stat st;
	int rc;

	from = deploy_parent_open(e->source->fd, e->file->path, &from_name);
	if (from < 0 || fstatat(from, from_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || (uint64_t)st.st_size != want->size)
		return 0;
	if (e->source->staging && deploy_verify(e->source->fd, e->file) < 0)
		return 0;
	to = deploy_parent(d->staging_fd, want->path, &to_name);
	if (to < 0)
		return to;
	*ret_fresh = e->source->staging;
	if ((st.st_mode & 07777) == want->mode && st.st_uid == geteuid() &&
	    linkat(from, from_name, to, to_name, 0) == 0)
		return 1;
	/* Another mode, another file system, or as many links as can be. */
	*ret_fresh = true;
	rc = copy_file(from, from_name, to, to_name, want->mode);
	if (rc == -ENOSPC || rc == -EROFS || rc == -ENOMEM || rc == -EDQUOT)
		return rc;
	return rc == 0;
}

/* A file that an interrupted deploy of the same package left: 1 when it is whole. */
static int take_own(struct deploy *d, const struct manifest_file *want)
{
	const char *name;
	_close_ int dir = -1;
	struct stat st;
	int rc;

	rc = deploy_verify(d->staging_fd, want);
	if (rc == -ENOENT)
		return 0;
	dir = deploy_parent(d->staging_fd, want->path, &name);
	if (dir < 0)
		return dir;
	if (rc == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (st.st_mode & 07777) == want->mode)
		return 1;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int find_one(struct deploy *d, const struct have *h,
		    const struct manifest_file *want, bool *ret_fresh)
{
	int rc = d->staging_new ? 0 : take_own(d, want);

	*ret_fresh = true;
	if (rc != 0)
		return rc;
	for (size_t i = lower_bound(h, &want->digest);
	     i < h->n && digest_equal(&h->v[i].file->digest, &want->digest); i++) {
		rc = take_from(d, &h->v[i], want, ret_fresh);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int have_find(struct deploy *d, struct kf_error *err)
{
	_cleanup_(have_free) struct have *h = NULL;
	const struct manifest *m = &d->manifest;
	int rc;

	rc = have_new(d, &h);
	if (rc < 0)
		return oserr(err, rc, "look for files that the board has");
	deploy_stage(d, "look", m->n_files);
	d->wanted_files = d->wanted_bytes = 0;
	for (size_t i = 0; i < m->n_files; i++) {
		bool fresh = true;

		rc = deploy_check_cancel(d, err);
		if (rc < 0)
			return rc;
		rc = find_one(d, h, &m->files[i], &fresh);
		if (rc < 0)
			return oserr(err, rc, "use what the board has for %s",
				     m->files[i].path);
		bit_set(d->wanted, i, rc == 0);
		bit_set(d->fresh, i, rc == 0 || fresh);
		if (rc == 0) {
			d->wanted_files++;
			d->wanted_bytes = d->wanted_bytes + m->files[i].size;
		}
		deploy_done(d, 1);
	}
	return 0;
}

void have_drop_others(struct deploy *d)
{
	_closedir_ DIR *dir = open_staging(d);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		int rc;

		if (strcmp(e->d_name, d->id) == 0 || e->d_name[0] == '.')
			continue;
		rc = fs_remove_tree(dirfd(dir), e->d_name);
		if (rc < 0)
			log_warn("deploy id=%s drop=%s error=\"%s\"", d->id, e->d_name,
				 strerror(-rc));
	}
}
