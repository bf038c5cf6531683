/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding efivarfs, and whether it can be written. */
#include "agent/boot/efi/efidir.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "agent/boot/mountinfo.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define EFI_DIR	 "/sys/firmware/efi"
#define VARS_DIR EFI_DIR "/efivars"

int efidir_open_any(const struct agent *a)
{
	_free_ char *vars = agent_path(a, VARS_DIR);

	return vars ? fs_open_dir(AT_FDCWD, vars) : -ENOMEM;
}

int efidir_open(const struct agent *a, int *ret, struct kf_error *err)
{
	_free_ char *efi = agent_path(a, EFI_DIR), *vars = agent_path(a, VARS_DIR);
	_close_ int fd = -1;
	struct statvfs st;
	struct statfs sf;
	_mountinfo_ struct mountinfo m = {0};

	if (!efi || !vars)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "open " VARS_DIR ": %m");
	if (!fs_exists(AT_FDCWD, efi))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "this board was not started by UEFI firmware (no " EFI_DIR
			      ")");
	fd = fs_open_dir(AT_FDCWD, vars);
	/* Of a scratch root nobody expects a mounted efivarfs. */
	if (fd < 0 || (!a->scratch &&
		       (fstatfs(fd, &sf) < 0 || (uint32_t)sf.f_type != EFIVARFS_MAGIC)))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "the EFI variables are not there: mount -t efivarfs "
			      "efivarfs " VARS_DIR);
	if ((mountinfo_at(a, VARS_DIR, &m) == 0 && m.read_only) ||
	    (fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY)))
		return kf_err(err, -EROFS, KF_REASON_READ_ONLY,
			      "the EFI variables are read-only: mount -o remount,rw "
			      "" VARS_DIR);
	*ret = TAKE_FD(fd);
	return 0;
}
