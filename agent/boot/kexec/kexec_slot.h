/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Can this slot be started by kexec from what runs now?  Its image must be one that
 * kexec_file_load takes, and its device trees those that the running kernel was given:
 * kexec hands over the device tree of the running kernel.
 */
#ifndef KF_KEXEC_SLOT_H
#define KF_KEXEC_SLOT_H

#include "agent/slot/slot.h"

/* By the manifest only, before any of its files is there. */
int kexec_dtbs_check(const struct agent *a, const struct manifest *m,
		     struct kf_error *err) _must_check_;
/* The image as it is; fd's position changes. */
int kexec_image_check(const struct agent *a, int fd, struct kf_error *err) _must_check_;
/* The slot's command line with CMDWORD_KEXEC; the caller's to free. */
int kexec_cmdline(const struct agent *a, const struct slot *s, char **ret,
		  struct kf_error *err) _must_check_;

#endif
