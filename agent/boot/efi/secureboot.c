/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firmware's and shim's variables, and the header of a PE image (PE Format, 2024). */
#include "agent/boot/efi/secureboot.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/efi/efidir.h"
#include "agent/boot/efi/efivar.h"
#include "proto/base/fs.h"
#include "proto/base/le.h"
#include "proto/reason.h"

/* shim's vendor; MokSBStateRT is there and 1 after `mokutil --disable-validation`. */
#define VAR_SHIM_OFF  "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"

#define PE_OFFSET_AT  0x3c
#define COFF_SIZE     24 /* "PE\0\0" and the COFF header */
#define PE32	      0x10b
#define PE32_PLUS     0x20b
#define DIRS_AT_PE32  96 /* of the optional header */
#define DIRS_AT_PLUS  112
#define DIR_SECURITY  4
#define DIR_SIZE      8
#define OPTIONAL_READ (DIRS_AT_PLUS + (DIR_SECURITY + 1) * DIR_SIZE)

int secureboot_is_signed(int fd)
{
	uint8_t dos[PE_OFFSET_AT + 4], h[COFF_SIZE + OPTIONAL_READ];
	uint32_t at, magic, dirs, count;
	ssize_t n;

	n = pread(fd, dos, sizeof(dos), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(dos) || memcmp(dos, "MZ", 2) != 0)
		return -ENOEXEC;
	at = le32(dos + PE_OFFSET_AT);
	n = pread(fd, h, sizeof(h), at);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(h) || memcmp(h, "PE\0\0", 4) != 0)
		return -ENOEXEC;
	magic = le16(h + COFF_SIZE);
	if (magic != PE32 && magic != PE32_PLUS)
		return -ENOEXEC;
	dirs = magic == PE32 ? DIRS_AT_PE32 : DIRS_AT_PLUS;
	count = le32(h + COFF_SIZE + dirs - 4);
	if (count <= DIR_SECURITY)
		return 0;
	return le32(h + COFF_SIZE + dirs + DIR_SECURITY * DIR_SIZE + 4) > 0;
}

static bool flag(int vars, const char *name)
{
	_buf_ struct buf b = BUF_INIT;

	return efivar_read(vars, name, NULL, &b) == 0 && buf_len(&b) == 1 &&
	       buf_data(&b)[0] == 1;
}

static bool is_on(int vars)
{
	return flag(vars, EFIVAR_GLOBAL("SecureBoot")) &&
	       !flag(vars, EFIVAR_GLOBAL("SetupMode"));
}

bool secureboot_is_on(const struct agent *a)
{
	_close_ int vars = efidir_open_any(a);

	return vars >= 0 && is_on(vars);
}

int secureboot_check(const struct agent *a, enum secureboot_by by, int image_fd,
		     const char *name, struct kf_error *err)
{
	_close_ int vars = efidir_open_any(a);

	if (vars < 0 || !is_on(vars) ||
	    (by != SECUREBOOT_FIRMWARE && flag(vars, VAR_SHIM_OFF)))
		return 0;
	if (secureboot_is_signed(image_fd) > 0)
		return 0;
	return kf_err(err, -EPERM, KF_REASON_BOOT_CHAIN,
		      "Secure Boot is on and %s has no signature: %s would not start it; "
		      "sign it (sbsign) with a key that this board knows, or turn Secure "
		      "Boot off",
		      name,
		      by == SECUREBOOT_SHIM	 ? "GRUB"
		      : by == SECUREBOOT_SYSTEMD ? "systemd-boot"
						 : "the firmware");
}
