/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A slot's files and their copies on a boot file system. */
#include "agent/boot/bootslot.h"

#include <fcntl.h>

#include "agent/boot/bootfile.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

void bootslot_close(struct bootslot *b)
{
	cleanup_close(&b->image);
	b->image = -1;
}

int bootslot_open(const struct slot *s, int initrd_fd, struct bootslot *ret,
		  struct kf_error *err)
{
	ssize_t i = manifest_find(&s->manifest, s->manifest.image);
	_bootslot_ struct bootslot b = {.image = -1, .initrd = initrd_fd};
	int r;

	if (i < 0)
		return kf_err(err, -EINVAL, KF_REASON_MANIFEST,
			      "the manifest of %s lacks its own image", s->id);
	b.image = fs_open_beneath(s->fd, s->manifest.image, O_RDONLY, 0);
	if (b.image < 0)
		return kf_err(err, b.image, KF_REASON_IO, "open %s of slot %s: %m",
			      s->manifest.image, s->id);
	r = bootfile_digest(b.image, &b.image_digest);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s of slot %s: %m",
			      s->manifest.image, s->id);
	if (!digest_equal(&b.image_digest, &s->manifest.files[i].digest))
		return kf_err(err, -EBADMSG, KF_REASON_DIGEST,
			      "%s of slot %s is not what its manifest promises",
			      s->manifest.image, s->id);
	r = initrd_fd >= 0 ? bootfile_digest(initrd_fd, &b.initrd_digest) : 0;
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read the initramfs of slot %s: %m",
			      s->id);
	*ret = b;
	b.image = -1;
	return 0;
}

int bootslot_has(const struct bootslot *b, int dir, const struct bootslot_names *names)
{
	int r = bootfile_has(dir, names->image, &b->image_digest);

	if (r <= 0)
		return r;
	if (b->initrd < 0)
		return !fs_exists(dir, names->initrd);
	return bootfile_has(dir, names->initrd, &b->initrd_digest);
}

static int put_file(int dir, const char *name, int fd, const struct digest *want,
		    const char *where, struct kf_error *err)
{
	int r = bootfile_has(dir, name, want);

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s/%s: %m", where, name);
	if (r > 0)
		return 0;
	r = bootfile_put(dir, name, fd, want, err);
	if (r < 0 && err)
		kf_err_wrap(err, "%s", where);
	return r;
}

int bootslot_put(const struct bootslot *b, int dir, const struct bootslot_names *names,
		 const char *where, struct kf_error *err)
{
	int r = put_file(dir, names->image, b->image, &b->image_digest, where, err);

	if (r < 0)
		return r;
	if (b->initrd >= 0)
		return put_file(dir, names->initrd, b->initrd, &b->initrd_digest, where,
				err);
	if (unlinkat(dir, names->initrd, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove %s/%s: %m", where,
			      names->initrd);
	return 0;
}

int bootslot_stage(const struct bootslot *b, const struct bootslot_place *p,
		   struct kf_error *err)
{
	_free_ char *where = NULL;
	_close_ int dir = -1;
	int r;

	if (asprintf(&where, "%s/%s", p->where, p->dir) < 0) {
		where = NULL;
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "stage a slot: %m");
	}
	dir = bootfile_dir(p->root, p->where, p->dir, err);
	if (dir < 0)
		return dir;
	r = bootslot_has(b, dir, p->names);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read what is in %s: %m", where);
	if (r > 0)
		return 0;
	r = fs_remove_flushed(p->root, p->entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", p->where,
			      p->entry);
	return bootslot_put(b, dir, p->names, where, err);
}

bool bootslot_any(int dirfd, const char *dir)
{
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	int r;

	r = fs_dir_stream(fs_open_dir(dirfd, dir), &d);
	if (r < 0)
		return r == -ENOMEM; /* there may be */
	while ((e = readdir(d)))
		if (text_is_slot(e->d_name))
			return true;
	return false;
}
