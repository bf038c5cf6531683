/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system call, and the files that stand in for it in a scratch root. */
#include "agent/boot/kexec/kexec_sys.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "proto/base/fs.h"

#define LOADED "/sys/kernel/kexec_loaded"
#define LIMIT  "/proc/sys/kernel/kexec_load_limit_reboot"

/* include/uapi/linux/kexec.h */
#define FILE_UNLOAD  0x1ul
#define FILE_INVALID 0x40000000ul /* no kernel has a use for this one */

static int file_load(int kernel, int initrd, const char *cmdline, unsigned long flags)
{
#ifdef SYS_kexec_file_load
	size_t n = cmdline ? strlen(cmdline) + 1 : 0;

	if (syscall(SYS_kexec_file_load, kernel, initrd, n, cmdline, flags) == 0)
		return 0;
	return -errno;
#else
	(void)kernel;
	(void)initrd;
	(void)cmdline;
	(void)flags;
	return -ENOSYS;
#endif
}

/* --- in a scratch root ---------------------------------------------------------- */

static int put(const struct agent *a, const char *path, const char *text)
{
	_free_ char *full = agent_path(a, path);

	return full ? fs_replace(AT_FDCWD, full, text, strlen(text), 0644) : -ENOMEM;
}

static int model_errno(const struct agent *a)
{
	_free_ char *line = agent_line(a, "/dev/kexec.errno");

	return line ? -(int)strtol(line, NULL, 10) : 0;
}

static int model_load(const struct agent *a, const char *cmdline)
{
	int r = model_errno(a);

	if (r == 0)
		r = put(a, "/dev/kexec", cmdline);
	return r < 0 ? r : put(a, LOADED, "1\n");
}

static int model_unload(const struct agent *a)
{
	_free_ char *full = agent_path(a, "/dev/kexec");

	if (!full)
		return -ENOMEM;
	if (unlink(full) < 0 && errno != ENOENT)
		return -errno;
	return put(a, LOADED, "0\n");
}

/* -------------------------------------------------------------------------------- */

int kexec_sys_probe(const struct agent *a)
{
	_free_ char *limit = agent_line(a, LIMIT);
	int r;

	/* Where loads are counted (Linux 6.3), this one would count as well. */
	if (limit && strcmp(limit, "-1") != 0)
		return strcmp(limit, "0") == 0 ? -EPERM : 0;
	r = a->scratch ? model_errno(a) : file_load(-1, -1, NULL, FILE_INVALID);
	return r == -ENOSYS || r == -EPERM ? r : 0;
}

int kexec_sys_load(const struct agent *a, int kernel, int initrd, const char *cmdline)
{
	if (a->scratch)
		return model_load(a, cmdline);
	return file_load(kernel, initrd, cmdline, 0);
}

int kexec_sys_unload(const struct agent *a)
{
	return a->scratch ? model_unload(a) : file_load(-1, -1, NULL, FILE_UNLOAD);
}

int kexec_sys_loaded(const struct agent *a)
{
	_free_ char *line = agent_line(a, LOADED);

	if (!line)
		return -ENOENT;
	return *line == '1';
}
