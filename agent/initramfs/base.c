/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the running kernel's initramfs: the running slot's own, else the one that the
 * boot chain knows it started, else the distribution's for the running release.
 */
#include "agent/initramfs/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

void initramfs_base_close(struct initramfs_base *b)
{
	cleanup_close(&b->fd);
	free(b->name);
}

/* Takes fd and name. */
static int fill(struct initramfs_base *ret, int fd, char *name, uint64_t limit,
		struct kf_error *err)
{
	struct initramfs_base b = {.fd = fd, .len = limit, .name = name};
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0) {
		r = kf_err(err, -errno, KF_REASON_IO, "look at %s: %m", name);
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0 ||
		   (uint64_t)st.st_size < limit) {
		r = kf_err(err, -EBADMSG, KF_REASON_INITRAMFS,
			   "%s is not the initramfs that it should be", name);
	} else {
		if (limit == 0)
			b.len = (uint64_t)st.st_size;
		*ret = b;
		return 0;
	}
	initramfs_base_close(&b);
	return r;
}

static int from_slot(const struct agent *a, struct initramfs_base *ret,
		     struct kf_error *err)
{
	_slot_ struct slot s = {.fd = -1};
	char *name;
	int fd, r;

	r = slot_open(a, a->boot.slot, &s, err);
	if (r < 0)
		return r;
	fd = fs_open_beneath(s.fd, "initrd", O_RDONLY, 0);
	if (fd == -ENOENT)
		return kf_err(err, fd, KF_REASON_INITRAMFS,
			      "the running slot %s has no initramfs", s.id);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open the initramfs of slot %s: %m",
			      s.id);
	if (asprintf(&name, "initramfs of slot %s", s.id) < 0) {
		close(fd);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "open an initramfs: %m");
	}
	return fill(ret, fd, name, s.conf.initrd_base, err);
}

/* path is below a->root.  Takes nothing. */
static int from_path(const struct agent *a, const char *path, struct initramfs_base *ret,
		     struct kf_error *err)
{
	_free_ char *full = agent_path(a, path), *name = strdup(path);
	int fd;

	if (!full || !name)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "open %s: %m", path);
	fd = fs_open_beneath(AT_FDCWD, full, O_RDONLY, 0);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s: %m", path);
	return fill(ret, fd, TAKE_PTR(name), 0, err);
}

int initramfs_base_open(const struct agent *a, const struct boot_chain *chain,
			struct initramfs_base *ret, struct kf_error *err)
{
	/* Debian and Ubuntu; Fedora; SUSE. */
	static const char *const names[] = {"/boot/initrd.img-%s",
					    "/boot/initramfs-%s.img", "/boot/initrd-%s"};
	_free_ char *known = NULL;
	int r;

	if (a->boot.slot[0] != '\0')
		return from_slot(a, ret, err);
	r = chain && chain->running_initrd ? chain->running_initrd(a, &known) : -ENOENT;
	if (r == 0)
		return from_path(a, known, ret, err);
	if (r != -ENOENT)
		return kf_err(err, r, KF_REASON_INITRAMFS,
			      "ask boot chain %s for the running initramfs: %m",
			      chain->name);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *blank = strstr(names[i], "%s");
		_free_ char *path = NULL;

		if (asprintf(&path, "%.*s%s%s", (int)(blank - names[i]), names[i],
			     a->boot.release, blank + 2) < 0)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
				      "find the running initramfs: %m");
		r = from_path(a, path, ret, err);
		if (r != -ENOENT)
			return r;
	}
	return kf_err(err, -ENOENT, KF_REASON_INITRAMFS,
		      "the running kernel %s has no initramfs in /boot that is known",
		      a->boot.release);
}
