/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual boards: QEMU q35 with OVMF, systemd-boot and a Debian guest, an i6300esb
 * watchdog, a private variable store, and SSH through a forwarded loopback port.
 *
 * Each lives in <data dir>/vm/<name>/ :
 *
 *	vm.conf        memory, cpus, port: "key value" lines
 *	disk.qcow2     what it wrote, over the cached guest image
 *	vars.fd        its EFI variables (pstore's among them)
 *	serial.log     everything its console ever said; serial.sock: the live console
 *	qmp.sock pid   of the running QEMU
 *	known_hosts
 *
 * Blocking; for the command line.  Fixed facts: the guest's image is built by
 * debian-guest.sh and cached; KVM is used only after it was seen to run a guest.
 */
#ifndef KF_VM_H
#define KF_VM_H

#include <stdbool.h>
#include <sys/types.h>

#include "controller/config/config.h"
#include "controller/ui/ui.h"
#include "proto/base/clock.h"

#define VM_CPUS_KVM 2

struct vm {
	char *name, *dir;
	int fd; /* the directory */
	unsigned memory_mib, port;
	unsigned cpus; /* 0: VM_CPUS_KVM with KVM, else 1 (see vm_up) */
};

struct vm_create_opts {
	unsigned memory_mib, cpus; /* 0: chosen */
	const char
		*image; /* base image to use instead of the cached guest; may be NULL */
};

/* Make it and add it as a board to the user's configuration. */
int vm_create(struct config *cfg, struct ui *ui, const char *name,
	      const struct vm_create_opts *opts, struct kf_error *err) _must_check_;
int vm_open(const struct config *cfg, const char *name, struct vm *ret,
	    struct kf_error *err) _must_check_;
void vm_close(struct vm *vm);
#define _vm_ _cleanup_(vm_close)

/* Its QEMU's process, 0 when it does not run. */
pid_t vm_pid(const struct vm *vm);
int vm_up(const struct config *cfg, struct ui *ui, const struct vm *vm,
	  struct kf_error *err) _must_check_;
/* Wait until its SSH port answers with a banner. */
int vm_wait_ssh(struct ui *ui, const struct vm *vm, deadline_ms deadline,
		struct kf_error *err) _must_check_;
/* Orderly within the deadline, else (or with force) at once. */
int vm_down(struct ui *ui, const struct vm *vm, bool force, deadline_ms deadline,
	    struct kf_error *err) _must_check_;
int vm_reset(const struct vm *vm, struct kf_error *err) _must_check_;
/* Attach the terminal to the console until Ctrl-] or the end of QEMU. */
int vm_console(struct ui *ui, const struct vm *vm, struct kf_error *err) _must_check_;
/* Stop it, remove its directory and its board. */
int vm_remove(struct config *cfg, struct ui *ui, const char *name,
	      struct kf_error *err) _must_check_;

/* "kvm" or "tcg,thread=multi". Probes once per boot of this machine; the answer is
 * cached. */
const char *vm_accel(const struct config *cfg, struct ui *ui);

#endif
