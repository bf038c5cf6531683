/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding an initramfs that suits this board: the running slot's own; for a slot without
 * one, the foreign kernel's as it was when that ran; for a foreign kernel the one that
 * the boot chain knows it started, else the distribution's for the running release.
 */
#include "agent/initramfs/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cmdword.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define FOREIGN_INITRD "foreign-initrd" /* in the state directory: a path */

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

/* Arch and SteamOS name kernels and initramfs by packages, not by releases:
 * /boot/vmlinuz-linux and /boot/initramfs-linux.img.  GRUB says which kernel it started.
 * -ENOENT. */
static int by_boot_image(const struct agent *a, char **ret)
{
	static const char kernel[] = "/vmlinuz-";
	_free_ char *path = NULL, *full = NULL;
	const char *end, *name;
	struct cmdword image;

	if (!cmdword_find(a->boot.cmdline, CMDWORD_IMAGE, &image))
		return -ENOENT;
	image = cmdword_value(&image);
	end = image.s + image.n;
	name = memmem(image.s, image.n, kernel, sizeof(kernel) - 1);
	if (!name)
		return -ENOENT;
	name += sizeof(kernel) - 1;
	if (memchr(name, '/', (size_t)(end - name)))
		return -ENOENT;
	if (asprintf(&path, "/boot/initramfs-%.*s.img", (int)(end - name), name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	full = agent_path(a, path);
	if (!full)
		return -ENOMEM;
	if (!fs_exists(AT_FDCWD, full))
		return -ENOENT;
	*ret = TAKE_PTR(path);
	return 0;
}

/* Where the running foreign kernel's initramfs is, below a->root. */
static int find_foreign(const struct agent *a, const struct boot_chain *chain, char **ret,
			struct kf_error *err)
{
	/* Debian and Ubuntu; Fedora; SUSE. */
	static const char *const names[] = {"/boot/initrd.img-%s",
					    "/boot/initramfs-%s.img", "/boot/initrd-%s"};
	int r;

	r = chain && chain->running_initrd ? chain->running_initrd(a, ret) : -ENOENT;
	if (r == 0)
		return 0;
	if (r != -ENOENT)
		return kf_err(err, r, KF_REASON_INITRAMFS,
			      "ask boot chain %s for the running initramfs: %m",
			      chain->name);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *blank = strstr(names[i], "%s");
		_free_ char *path = NULL, *full = NULL;

		if (asprintf(&path, "%.*s%s%s", (int)(blank - names[i]), names[i],
			     a->boot.release, blank + 2) < 0 ||
		    !(full = agent_path(a, path)))
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
				      "find the running initramfs: %m");
		if (fs_exists(AT_FDCWD, full)) {
			*ret = TAKE_PTR(path);
			return 0;
		}
	}
	r = by_boot_image(a, ret);
	if (r != -ENOENT)
		return r < 0 ? kf_err(err, r, KF_REASON_NO_MEMORY,
				      "find the running initramfs: %m")
			     : 0;
	return kf_err(err, -ENOENT, KF_REASON_INITRAMFS,
		      "the running kernel %s has no initramfs in /boot that is known",
		      a->boot.release);
}

/* What initramfs_base_remember() wrote, or why the running slot gives none. */
static int from_memory(const struct agent *a, struct initramfs_base *ret,
		       struct kf_error *err)
{
	_free_ char *path = NULL;
	int r = fs_read_line(a->state_fd, FOREIGN_INITRD, &path);

	if (r == 0 && path[0] == '/')
		r = from_path(a, path, ret, err);
	if (r == -ENOENT)
		return kf_err(
			err, r, KF_REASON_INITRAMFS,
			"the running slot %s has no initramfs, and none of the board's "
			"own kernel is known: reboot into that one first",
			a->boot.slot);
	return r;
}

int initramfs_base_open(const struct agent *a, const struct boot_chain *chain,
			struct initramfs_base *ret, struct kf_error *err)
{
	_free_ char *path = NULL;
	int r;

	if (a->boot.slot[0] != '\0') {
		r = from_slot(a, ret, err);
		return r == -ENOENT ? from_memory(a, ret, err) : r;
	}
	r = find_foreign(a, chain, &path, err);
	return r < 0 ? r : from_path(a, path, ret, err);
}

int initramfs_base_remember(const struct agent *a, const struct boot_chain *chain,
			    struct kf_error *err)
{
	_free_ char *path = NULL, *known = NULL;
	int r;

	if (a->boot.slot[0] != '\0')
		return 0;
	r = find_foreign(a, chain, &path, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (fs_read_line(a->state_fd, FOREIGN_INITRD, &known) == 0 &&
	    strcmp(known, path) == 0)
		return 0;
	r = fs_replace(a->state_fd, FOREIGN_INITRD, path, strlen(path), 0644);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "note where the board's own initramfs is: %m");
	return 0;
}
