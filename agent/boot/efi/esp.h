/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The EFI system partition, mounted, and where on its disk it is: what a boot entry of
 * the firmware's has to say.
 *
 * It is conf.boot_dir, or the first of /boot/efi, /efi, /esp and /boot where a vfat is
 * mounted that has a directory EFI and the partition type of an ESP.
 */
#ifndef KF_ESP_H
#define KF_ESP_H

#include "agent/agent.h"
#include "agent/boot/blockdev.h"

struct esp {
	char *path; /* below a->root, absolute */
	int fd;
	bool read_only;
	struct partition partition;
};

/* -ENOENT or -ENOTSUP with err saying what was found instead. */
int esp_find(const struct agent *a, struct esp *ret, struct kf_error *err) _must_check_;
void esp_close(struct esp *e);
#define _esp_ _cleanup_(esp_close)

/* struct boot_chain's space() and size() of it. */
int esp_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err);
int esp_size(const struct agent *a, uint64_t *ret_bytes, char **ret_where);

#endif
