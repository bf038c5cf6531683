/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verified files of slots on a FAT. */
#include "agent/boot/fatslot.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/bootfile.h"
#include "agent/boot/bootslot.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SECTOR	    512
#define POINTER_MAX (64u * 1024) /* of a file that may be written in place */

static int rel_of(const char *slot, char dst[static FATSLOT_REL], struct kf_error *err)
{
	if (!text_is_slot(slot))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "\"%s\" is not a slot's name", slot);
	snprintf(dst, FATSLOT_REL, FATSLOT_OURS "/%s", slot);
	return 0;
}

static void tidy(const struct fatdir *fat, const char *rel)
{
	bootfile_tidy(fat->fd, ".");
	bootfile_tidy(fat->fd, FATSLOT_OURS);
	bootfile_tidy(fat->fd, rel);
}

int fatslot_open(const struct fatdir *fat, const char *slot, const char *entry,
		 struct fatslot *ret, struct kf_error *err)
{
	struct fatslot f = {.fat = fat, .entry = entry, .dir = -1};
	int r;

	r = rel_of(slot, f.rel, err);
	if (r < 0)
		return r;
	tidy(fat, f.rel);
	f.dir = bootfile_dir(fat->fd, fat->path, f.rel, err);
	if (f.dir < 0)
		return f.dir;
	*ret = f;
	return 0;
}

void fatslot_close(struct fatslot *f)
{
	cleanup_close(&f->dir);
	f->dir = -1;
}

/* The directory of name, made where it lacks, and what remains of name. */
static int open_parent(int dir, const char *name, const char **ret_base)
{
	const char *slash = strrchr(name, '/');
	_free_ char *parent = NULL;
	int r;

	if (!slash) {
		*ret_base = name;
		return fs_open_dir(dir, ".");
	}
	parent = strndup(name, (size_t)(slash - name));
	if (!parent)
		return -ENOMEM;
	r = fs_mkdirs(dir, parent);
	if (r == 0)
		r = fs_sync_dir(dir, ".");
	if (r < 0)
		return r;
	*ret_base = slash + 1;
	return fs_open_dir(dir, parent);
}

static int put(struct fatslot *f, const char *name, int fd, const struct digest *want,
	       struct kf_error *err)
{
	_close_ int parent = -1;
	const char *base = NULL;
	int r;

	parent = open_parent(f->dir, name, &base);
	if (parent < 0)
		return kf_err(err, parent, KF_REASON_IO, "make %s/%s/%s: %m",
			      f->fat->path, f->rel, name);
	r = bootfile_has(parent, base, want);
	if (r > 0)
		return 0;
	if (r == 0)
		r = fs_remove_flushed(f->dir, f->entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "change %s/%s/%s: %m", f->fat->path,
			      f->rel, name);
	r = bootfile_put(parent, base, fd, want, err);
	if (r < 0 && err)
		kf_err_wrap(err, "%s/%s", f->fat->path, f->rel);
	return r;
}

int fatslot_put(struct fatslot *f, const struct slot *s, size_t i, const char *name,
		struct kf_error *err)
{
	const struct manifest_file *file = &s->manifest.files[i];
	_close_ int fd = fs_open_beneath(s->fd, file->path, O_RDONLY, 0);

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s of slot %s: %m", file->path,
			      s->id);
	return put(f, name, fd, &file->digest, err);
}

int fatslot_put_fd(struct fatslot *f, int fd, const char *name, struct kf_error *err)
{
	struct digest want;
	int r;

	if (fd < 0) {
		if (!fs_exists(f->dir, name))
			return 0;
		r = fs_remove_flushed(f->dir, f->entry);
		if (r == 0)
			r = fs_remove_flushed(f->dir, name);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "remove %s/%s/%s: %m",
				      f->fat->path, f->rel, name);
		return 0;
	}
	r = bootfile_digest(fd, &want);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read what becomes %s: %m", name);
	return put(f, name, fd, &want, err);
}

int fatslot_put_text(struct fatslot *f, const void *data, size_t n, const char *name,
		     struct kf_error *err)
{
	_close_ int parent = -1;
	const char *base = NULL;
	struct digest want;
	int r;

	digest_bytes(data, n, &want);
	parent = open_parent(f->dir, name, &base);
	r = parent < 0 ? parent : bootfile_has(parent, base, &want);
	if (r == 0) {
		r = fs_remove_flushed(f->dir, f->entry);
		if (r == 0)
			r = bootfile_write(parent, base, data, n, 0644);
	}
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "write %s/%s/%s: %m", f->fat->path, f->rel, name);
	return 0;
}

bool fatslot_has(const struct fatdir *fat, const char *slot, const char *name)
{
	_free_ char *rel = NULL;

	if (!text_is_slot(slot) || !text_is_path(name, strlen(name)))
		return false;
	if (asprintf(&rel, FATSLOT_OURS "/%s/%s", slot, name) < 0) {
		rel = NULL;
		return false;
	}
	return bootfile_there(fat->fd, rel);
}

int fatslot_remove(const struct fatdir *fat, const char *slot, const char *entry,
		   struct kf_error *err)
{
	char rel[FATSLOT_REL];
	_close_ int dir = -1;
	int r;

	r = rel_of(slot, rel, err);
	if (r < 0)
		return r;
	tidy(fat, rel);
	dir = fs_open_dir(fat->fd, rel);
	if (dir >= 0)
		r = fs_remove_flushed(dir, entry);
	if (r == 0)
		r = fs_remove_tree(fat->fd, rel);
	/* The last slot takes the directory along, and what a power cut left in it. */
	if (r == 0 && !bootslot_any(fat->fd, FATSLOT_OURS))
		r = fs_remove_tree(fat->fd, FATSLOT_OURS);
	/* All of it, at once: a FAT that loses power between a file's clusters and its
	 * name has names that lead nowhere. */
	if (r == 0)
		r = fs_sync_fs(fat->fd);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", fat->path, rel);
	return 0;
}

/* 1: written; 0: old and new differ in more than a sector. */
static int write_sector(const struct fatdir *fat, const char *name, const uint8_t *old,
			const uint8_t *data, size_t n)
{
	size_t first = 0, last = n - 1;
	_close_ int fd = -1;
	ssize_t done;

	while (old[first] == data[first])
		first++;
	while (old[last] == data[last])
		last--;
	if (first / SECTOR != last / SECTOR)
		return 0;
	fd = fs_open_beneath(fat->fd, name, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	done = pwrite(fd, data + first, last - first + 1, (off_t)first);
	if (done < 0)
		return -errno;
	if ((size_t)done != last - first + 1)
		return -EIO;
	return fsync(fd) < 0 ? -errno : 1;
}

static int write_or_replace(const struct fatdir *fat, const char *name, const void *data,
			    size_t n)
{
	_buf_ struct buf old = BUF_INIT;
	struct digest want;
	int r;

	r = fs_read_file(fat->fd, name, POINTER_MAX, &old);
	if (r < 0 && r != -ENOENT && r != -EFBIG)
		return r;
	if (r < 0 || buf_len(&old) != n || n == 0)
		return bootfile_write(fat->fd, name, data, n, 0644);
	if (memcmp(buf_data(&old), data, n) == 0)
		return 0;
	r = write_sector(fat, name, buf_data(&old), data, n);
	if (r < 0)
		return r;
	if (r == 0)
		return bootfile_write(fat->fd, name, data, n, 0644);
	digest_bytes(data, n, &want);
	r = bootfile_has(fat->fd, name, &want);
	if (r < 0)
		return r;
	return r == 1 ? 0 : -EIO;
}

int fatfile_write(const struct fatdir *fat, const char *name, const void *data, size_t n,
		  struct kf_error *err)
{
	int r = write_or_replace(fat, name, data, n);

	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "write %s/%s: %m", fat->path, name);
	return 0;
}

int fatfile_remove(const struct fatdir *fat, const char *name, struct kf_error *err)
{
	int r = fs_remove_flushed(fat->fd, name);

	if (r == 0)
		r = fs_sync_fs(fat->fd);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", fat->path, name);
	return 0;
}
