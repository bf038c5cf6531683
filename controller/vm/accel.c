/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is KVM of use?  On nested hosts /dev/kvm may open and the guest still never run, so a
 * boot sector of nine bytes is started under it: it writes 1 to QEMU's isa-debug-exit
 * port, and QEMU ends with status 3 if, and only if, guest code ran.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/vm/vm.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"

#define PROBE_TIMEOUT_MS 15000
#define PROBE_STATUS	 3 /* (1 << 1) | 1, hw/misc/debugexit.c */

static const uint8_t probe_code[] = {
	0xb0, 0x01, /* mov al, 1 */
	0xe6, 0xf4, /* out 0xf4, al */
	0xfa,	    /* cli */
	0xf4,	    /* hlt */
	0xeb, 0xfc, /* jmp to the cli */
};

static bool kvm_runs(int cache_fd, const char *cache_dir)
{
	_free_ char *drive = NULL;
	uint8_t sector[512] = {0};
	int status = -1;
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC); /* lint: a fixed device */
	struct buf out = BUF_INIT;
	struct proc_opts opts = {.timeout_ms = PROBE_TIMEOUT_MS, .out = &out};
	int rc;

	if (fd < 0)
		return false;
	close(fd);
	memcpy(sector, probe_code, sizeof(probe_code));
	sector[510] = 0x55;
	sector[511] = 0xaa;
	if (fs_replace(cache_fd, "kvm-probe.img", sector, sizeof(sector), 0644) < 0 ||
	    asprintf(&drive, "file=%s/kvm-probe.img,format=raw,if=floppy", cache_dir) < 0)
		return false;
	rc = proc_run((const char *const[]){"qemu-system-x86_64", "-accel", "kvm", "-m",
					    "16", "-nodefaults", "-display", "none",
					    "-device",
					    "isa-debug-exit,iobase=0xf4,iosize=1",
					    "-drive", drive, NULL},
		      &opts, &status);
	buf_fini(&out);
	return rc == 0 && status == PROBE_STATUS;
}

const char *vm_accel(const struct config *cfg, struct ui *ui)
{
	const char *cache_dir = config_cache_dir(cfg);
	_close_ int cache_fd = -1;
	_free_ char *boot_id = NULL;
	_free_ char *line = NULL;
	_free_ char *now = NULL;
	bool kvm;

	if (fs_mkdirs(AT_FDCWD, cache_dir) < 0)
		return "tcg,thread=multi";
	cache_fd = fs_open_dir(AT_FDCWD, cache_dir);
	if (cache_fd < 0 ||
	    fs_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot_id) < 0)
		return "tcg,thread=multi";
	if (fs_read_line(cache_fd, "kvm-probe", &line) == 0 &&
	    strncmp(line, boot_id, strlen(boot_id)) == 0)
		return strstr(line, " works") ? "kvm" : "tcg,thread=multi";

	ui_progress(ui, "vm", NULL, 0, 0, "looking whether KVM works");
	kvm = kvm_runs(cache_fd, cache_dir);
	ui_debug(ui, "KVM %s",
		 kvm ? "works" : "does not run guests here: software emulation");
	if (asprintf(&now, "%s %s\n", boot_id, kvm ? "works" : "fails") >= 0 &&
	    fs_replace(cache_fd, "kvm-probe", now, strlen(now), 0644) < 0)
		ui_debug(ui, "the answer could not be cached in %s", cache_dir);
	return kvm ? "kvm" : "tcg,thread=multi";
}
