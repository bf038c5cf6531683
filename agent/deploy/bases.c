/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The older versions that the board's slots have of a package's files. */
#include "agent/deploy/bases.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/deploy/parts.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/limits.h"
#include "proto/text.h"

#define SLOTS	  3    /* the running, the known-good, the newest */
#define LEAST	  1024 /* bytes: smaller files are sent as they are */
#define MODULES	  "modules/"
#define ROW	  (4 + DIGEST_SIZE)
#define PATH_ROOM (LIMIT_PATH + LIMIT_RELEASE + 16)

struct source {
	int fd;
	struct manifest manifest;
	struct digest digest; /* of the manifest */
};

struct base {
	uint32_t index; /* in the manifest that is received */
	const struct source *source;
	const struct manifest_file *file;
};

struct bases {
	struct source sources[SLOTS];
	size_t n_sources;
	struct base *v;
	size_t n;
};

void bases_free(struct bases *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_sources; i++) {
		cleanup_close(&b->sources[i].fd);
		manifest_fini(&b->sources[i].manifest);
	}
	free(b->v);
	free(b);
}

static void add_source(struct agent *a, struct bases *b, const char *id)
{
	struct source *s = &b->sources[b->n_sources];
	char path[SLOT_PATH];
	struct kf_error err;

	if (!text_is_slot(id))
		return;
	snprintf(path, sizeof(path), SLOTS_DIR "/%s", id);
	s->fd = fs_open_beneath(a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (s->fd < 0)
		return;
	if (slot_read_manifest(s->fd, id, &s->manifest, &s->digest, &err) == 0) {
		b->n_sources++;
		return;
	}
	log_debug("bases slot=%s error=\"%s\"", id, err.msg);
	cleanup_close(&s->fd);
}

/* The slots to look in, in order, without doubles. */
static void choose(struct agent *a, char ids[static SLOTS][SLOT_ID_SIZE])
{
	const struct state_slot *newest = NULL;
	const struct state *st = &a->state;

	memset(ids, 0, SLOTS * SLOT_ID_SIZE);
	pthread_mutex_lock(&a->state_lock);
	if (text_is_slot(a->boot.slot) && state_find(&a->state, a->boot.slot))
		memcpy(ids[0], a->boot.slot, SLOT_ID_SIZE);
	if (text_is_slot(st->known_good) && strcmp(st->known_good, ids[0]) != 0)
		memcpy(ids[1], st->known_good, SLOT_ID_SIZE);
	for (unsigned i = 0; i < st->n_slots; i++) {
		const struct state_slot *s = &st->slots[i];

		if (s->state != KFERRY__SLOT_STATE__SLOT_GONE &&
		    (!newest || s->number > newest->number))
			newest = s;
	}
	if (newest && strcmp(newest->id, ids[0]) != 0 && strcmp(newest->id, ids[1]) != 0)
		memcpy(ids[2], newest->id, SLOT_ID_SIZE);
	pthread_mutex_unlock(&a->state_lock);
}

int bases_new(struct agent *a, struct bases **ret)
{
	struct bases *b = calloc(1, sizeof(*b));
	char ids[SLOTS][SLOT_ID_SIZE];

	if (!b)
		return -ENOMEM;
	choose(a, ids);
	for (size_t i = 0; i < SLOTS; i++)
		add_source(a, b, ids[i]);
	*ret = b;
	return 0;
}

const struct digest *bases_manifest(const struct bases *b)
{
	return b->n_sources ? &b->sources[0].digest : NULL;
}

int bases_open_manifest(const struct bases *b)
{
	if (!b->n_sources)
		return -ENOENT;
	return fs_open_beneath(b->sources[0].fd, MANIFEST_FILE, O_RDONLY, 0);
}

/* The same file of a kernel with this release. */
static ssize_t find_path(const struct source *s, const char *path, const char *release)
{
	size_t n = strlen(MODULES), r = strlen(release);
	char other[PATH_ROOM];

	if (strncmp(path, MODULES, n) != 0 || strncmp(path + n, release, r) != 0 ||
	    path[n + r] != '/')
		return manifest_find(&s->manifest, path);
	snprintf(other, sizeof(other), MODULES "%s%s", s->manifest.release, path + n + r);
	return manifest_find(&s->manifest, other);
}

static bool is_there(const struct source *s, const struct manifest_file *f)
{
	const char *name;
	_close_ int dir = deploy_parent_open(s->fd, f->path, &name);
	struct stat st;

	return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == f->size;
}

static bool find_one(struct bases *b, const struct manifest *m, size_t i)
{
	if (m->files[i].size < LEAST)
		return false;
	for (size_t k = 0; k < b->n_sources; k++) {
		const struct source *s = &b->sources[k];
		ssize_t at = find_path(s, m->files[i].path, m->release);

		if (at < 0 || s->manifest.files[at].size < LEAST ||
		    !is_there(s, &s->manifest.files[at]))
			continue;
		b->v[b->n++] = (struct base){(uint32_t)i, s, &s->manifest.files[at]};
		return true;
	}
	return false;
}

static int put_row(const struct base *e, struct buf *out)
{
	uint8_t row[ROW];

	for (unsigned i = 0; i < 4; i++)
		row[i] = (uint8_t)(e->index >> 8 * i);
	memcpy(row + 4, e->file->digest.b, DIGEST_SIZE);
	return buf_append(out, row, sizeof(row));
}

int bases_find(struct bases *b, const struct manifest *m, const uint8_t *wanted,
	       struct buf *out)
{
	int rc = 0;

	free(b->v);
	b->n = 0;
	b->v = calloc(LIMIT_BASES, sizeof(*b->v));
	if (!b->v)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < m->n_files && b->n < LIMIT_BASES; i++)
		if (bit_get(wanted, i) && find_one(b, m, i))
			rc = put_row(&b->v[b->n - 1], out);
	return rc;
}

int bases_open(const struct bases *b, size_t i, const struct digest *digest,
	       uint64_t size)
{
	size_t lo = 0, hi = b->n;
	const struct base *e;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->v[mid].index < i)
			lo = mid + 1;
		else
			hi = mid;
	}
	e = &b->v[lo];
	if (lo == b->n || e->index != i || e->file->size != size ||
	    !digest_equal(&e->file->digest, digest))
		return -ENOENT;
	return fs_open_beneath(e->source->fd, e->file->path, O_RDONLY, 0);
}
