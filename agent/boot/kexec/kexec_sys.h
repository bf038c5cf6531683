/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexec_file_load(2): the kernel itself reads, checks and keeps the next kernel.
 *
 * In a scratch root this machine's kernel is never asked.  A file stands in for it:
 * dev/kexec has the command line of what is loaded, sys/kernel/kexec_loaded changes as
 * the kernel's does, and dev/kexec.errno, where it is, has the number that a load fails
 * with.
 */
#ifndef KF_KEXEC_SYS_H
#define KF_KEXEC_SYS_H

#include "agent/agent.h"

/* Is there such a system call, and may this process use it?  Changes nothing.  0,
 * -ENOSYS: CONFIG_KEXEC_FILE is off, -EPERM. */
int kexec_sys_probe(const struct agent *a) _must_check_;
/* initrd is a file too, if an empty archive.  What was loaded before stays when this
 * fails. */
int kexec_sys_load(const struct agent *a, int kernel, int initrd,
		   const char *cmdline) _must_check_;
/* Nothing loaded is not an error. */
int kexec_sys_unload(const struct agent *a) _must_check_;
/* 1, 0, or -ENOENT: this kernel has no kexec at all. */
int kexec_sys_loaded(const struct agent *a) _must_check_;

#endif
