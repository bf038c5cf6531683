/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot chains: one small interface, one backend each.
 *
 * The order of calls for a trial: probe, stage, arm, read_back; after a reboot commit
 * (keep as default) or nothing; remove when the slot goes.  The one-shot must be consumed
 * by the boot stage before the kernel runs; a backend whose stage cannot do that says so
 * in probe() and is never armed.  Calls block: they run in jobs or on the command line.
 * Nothing a backend writes for a trial may change what boots by default.
 */
#ifndef KF_BOOT_H
#define KF_BOOT_H

#include "agent/agent.h"
#include "agent/slot/slot.h"

struct boot_chain {
	const char *name; /* "systemd-boot", "hook" */
	/* No test has booted a kernel through the real thing yet (a model of it is not
	 * the real thing): it is used where it is asked for by name, and never chosen. */
	bool untried;
	/* For whoever asks for it by name, and never chosen: what it starts is no proof
	 * that the board boots. */
	bool on_request;
	/* What it starts may lack the mark of a slot in its command line (CMDWORD_SLOT):
	 * then the slot is known by its kernel alone. */
	bool may_lack_mark;

	/* Can this chain boot a kernel once on this board?  0, or -ENOTSUP/-EROFS/...
	 * with err saying why not and what to do instead.  note: what was found, for
	 * `board info`. */
	int (*probe)(const struct agent *a, char note[256], struct kf_error *err);

	/* Bytes free and needed on the chain's file system are checked by the caller with
	 * space(); NULL: the chain has no file system of its own (it reads the slot's).
	 */
	int (*space)(const struct agent *a, uint64_t *ret_free, struct kf_error *err);

	/* How large that file system is, and where it is mounted (the caller's to free).
	 * NULL: it does not say. */
	int (*size)(const struct agent *a, uint64_t *ret_bytes, char **ret_where);

	/* Put kernel, initramfs (initrd_fd, -1: none) and entry where the chain finds
	 * them, flushed and read back; the default stays what it was.  Staging again
	 * replaces. */
	int (*stage)(const struct agent *a, const struct slot *s, int initrd_fd,
		     struct kf_error *err);
	/* The next boot, and only that, starts the slot. */
	int (*arm)(const struct agent *a, const char *slot, struct kf_error *err);
	/* 0 when the next boot is armed for exactly this slot; -ENODATA: it is not, or
	 * not any more; another errno: that cannot be read now. */
	int (*read_back)(const struct agent *a, const char *slot, struct kf_error *err);
	/* Undo an arm, and take away what is left of one that was used; nothing armed is
	 * not an error. */
	int (*disarm)(const struct agent *a, struct kf_error *err);
	/* Make the slot (or FOREIGN: what was there before kferry) the default. */
	int (*commit)(const struct agent *a, const char *slot, struct kf_error *err);
	/* Take the slot's files and entry away; absent is fine. */
	int (*remove)(const struct agent *a, const char *slot, struct kf_error *err);
	/* The agent is up, after the trial or in it: a boot stage that counts the boots
	 * in which it does not come up may stop.  NULL: nothing counts. */
	int (*up)(const struct agent *a, struct kf_error *err);
	/* Path (below a->root) of the initramfs that the running kernel was started with,
	 * the caller's to free; -ENOENT when it had none or it cannot be known. */
	int (*running_initrd)(const struct agent *a, char **ret_path);
};

extern const struct boot_chain boot_hook; /* first: somebody configured it */
extern const struct boot_chain boot_systemd;
extern const struct boot_chain boot_grub;
extern const struct boot_chain boot_efi; /* last: works below any boot loader */
extern const struct boot_chain boot_kexec;
extern const struct boot_chain boot_rpi;
extern const struct boot_chain boot_uboot;

/* All chains, in the order they are tried; ends with NULL. */
extern const struct boot_chain *const boot_chains[];

const struct boot_chain *boot_find(const char *name);
/* want (may be NULL or ""), else conf.chain, else the first usable one.  A chain that was
 * asked for by name is never replaced by another; err says why none is usable
 * (KF_REASON_BOOT_CHAIN).  The caller need not probe again. */
int boot_select(const struct agent *a, const char *want, const struct boot_chain **ret,
		struct kf_error *err) _must_check_;

#endif
