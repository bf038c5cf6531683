/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What speaks against kexec on this board, from /proc and /sys.  A driver of a display
 * controller counts as a GPU's unless it is known to be none.
 */
#include "agent/boot/kexec/kexec_board.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "agent/boot/devtree.h"
#include "agent/boot/kexec/kexec_sys.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define DRM_CLASS   "/sys/class/drm"
#define PCI_DISPLAY "0x03" /* PCI class code, as sysfs writes it */
#define NAME_SIZE   64

static int refuse(struct kf_error *err, const char *why)
{
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN, "%s", why);
}

/* --- the running kernel --------------------------------------------------------- */

static int check_kernel(const struct agent *a, struct kf_error *err)
{
	_free_ char *disabled = agent_line(a, "/proc/sys/kernel/kexec_load_disabled");
	_free_ char *lockdown = agent_line(a, "/sys/kernel/security/lockdown");

	if (strcmp(a->boot.machine, "x86_64") != 0 &&
	    strcmp(a->boot.machine, "aarch64") != 0)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "kexec is for x86-64 and arm64 only, and this is %s",
			      a->boot.machine);
	if (kexec_sys_loaded(a) < 0)
		return refuse(err, "the running kernel cannot kexec: CONFIG_KEXEC_FILE "
				   "is off (there is no /sys/kernel/kexec_loaded)");
	if (disabled && *disabled == '1')
		return refuse(err, "kernel.kexec_load_disabled is 1: kexec is off until "
				   "the next reboot; remove it from sysctl.conf");
	if (lockdown && !strstr(lockdown, "[none]"))
		return kf_err(err, -EPERM, KF_REASON_BOOT_CHAIN,
			      "the running kernel is locked down (%s), as with Secure "
			      "Boot: it loads no unsigned kernel",
			      strstr(lockdown, "[integrity]") ? "integrity"
							      : "confidentiality");
	switch (kexec_sys_probe(a)) {
	case 0:
		return 0;
	case -ENOSYS:
		return refuse(err, "the running kernel has no kexec_file_load: "
				   "CONFIG_KEXEC_FILE is off");
	default:
		return kf_err(err, -EPERM, KF_REASON_BOOT_CHAIN,
			      "kexec_file_load is not permitted: a limit on kexec loads, "
			      "a security module, or an old kferryd.service whose "
			      "SystemCallFilter lacks it (`kferry board setup`)");
	}
}

/* --- kinds of board ------------------------------------------------------------- */

static int check_kind(const struct agent *a, struct kf_error *err)
{
	_free_ char *vendor = agent_line(a, "/sys/class/dmi/id/sys_vendor");
	_free_ char *product = agent_line(a, "/sys/class/dmi/id/product_name");

	if (devtree_vendor(a, "raspberrypi,"))
		return refuse(err, "a Raspberry Pi is not started by kexec: its "
				   "firmware sets up USB and power for each boot; use "
				   "rpi-firmware");
	if (vendor && product && strcmp(vendor, "Valve") == 0 &&
	    (strcmp(product, "Jupiter") == 0 || strcmp(product, "Galileo") == 0))
		return refuse(err, "a Steam Deck is not started by kexec: its GPU is "
				   "left as the next kernel does not expect it; use "
				   "efi-bootnext");
	return 0;
}

/* --- GPUs ----------------------------------------------------------------------- */

/* Framebuffers and virtual displays without engines of their own. */
static bool is_harmless(const char *driver)
{
	static const char *const names[] = {
		"virtio-pci", "virtio_gpu",	 "bochs-drm",
		"cirrus",     "cirrus-qemu",	 "simple-framebuffer",
		"simpledrm",  "efi-framebuffer", "ofdrm",
		"vesadrm",    "efidrm",		 "vkms",
		"hyperv_drm",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(driver, names[i]) == 0)
			return true;
	return false;
}

/* The last component of a symbolic link below the directory: 1; 0: there is none. */
static int link_name(int dir, const char *entry, const char *rel, char ret[NAME_SIZE])
{
	char path[NAME_MAX + 32], target[PATH_MAX];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", entry, rel);
	n = readlinkat(dir, path, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	snprintf(ret, NAME_SIZE, "%.63s", base ? base + 1 : target);
	return 1;
}

static int is_pci_display(int dir, const char *entry)
{
	_free_ char *line = NULL;
	char path[NAME_MAX + 32];
	int r;

	snprintf(path, sizeof(path), "%s/class", entry);
	r = fs_read_line(dir, path, &line);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return strncmp(line, PCI_DISPLAY, strlen(PCI_DISPLAY)) == 0;
}

/* "card0", not its connectors ("card0-HDMI-A-1"). */
static int is_card(int dir, const char *entry)
{
	(void)dir;
	return strncmp(entry, "card", 4) == 0 && !strchr(entry, '-');
}

static int unknown(struct kf_error *err, int r, const char *what)
{
	return kf_err(err, r, KF_REASON_BOOT_CHAIN,
		      "whether a GPU is in use cannot be known, as %s cannot be read "
		      "(%s): use a normal reboot",
		      what, strerror(-r));
}

/* The first device in path that is one by `wanted` (1, 0 or an error) and whose driver is
 * a GPU's. */
static int check_devices(const struct agent *a, const char *path,
			 int (*wanted)(int dir, const char *entry), const char *driver,
			 struct kf_error *err)
{
	_free_ char *full = agent_path(a, path);
	_closedir_ DIR *d = NULL;
	char name[NAME_SIZE];
	struct dirent *e;
	int r;

	if (!full)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	r = fs_dir_stream(fs_open_dir(AT_FDCWD, full), &d);
	if (r < 0)
		return r == -ENOENT ? 0 : unknown(err, r, path);
	while ((errno = 0, e = readdir(d))) {
		r = e->d_name[0] == '.' ? 0 : wanted(dirfd(d), e->d_name);
		if (r > 0)
			r = link_name(dirfd(d), e->d_name, driver, name);
		if (r < 0)
			return unknown(err, r, e->d_name);
		if (r == 0 || is_harmless(name))
			continue;
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "a GPU is in use (%s, driver %s): kexec leaves it running "
			      "while the next kernel starts; use a normal reboot",
			      e->d_name, name);
	}
	return errno ? unknown(err, -errno, path) : 0;
}

int kexec_board_check(const struct agent *a, struct kf_error *err)
{
	int r = check_kernel(a, err);

	if (r == 0)
		r = check_kind(a, err);
	if (r == 0)
		r = check_devices(a, PCI_DEVICES, is_pci_display, "driver", err);
	if (r == 0)
		r = check_devices(a, DRM_CLASS, is_card, "device/driver", err);
	return r;
}
