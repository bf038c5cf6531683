/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a struct kernel, and what identifies it.
 */
#include "controller/kernel/kernel.h"

#include <fcntl.h>
#include <string.h>

#include "controller/kernel/contents.h"
#include "controller/kernel/from.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

int kernel_new(struct kernel **ret, struct kf_error *err)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	k->lock_fd = -1;
	*ret = k;
	return 0;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	arrival_free(k->arrival);
	receipt_free(k->receipt);
	packed_fini(&k->packed);
	for (size_t i = 0; k->source && i < k->manifest.n_files; i++)
		free(k->source[i]);
	free(k->source);
	if (k->scratch)
		(void)!fs_remove_tree(AT_FDCWD, k->scratch);
	free(k->scratch);
	manifest_fini(&k->manifest);
	buf_fini(&k->manifest_bytes);
	cleanup_close(&k->lock_fd);
	free(k);
}

int kernel_source(const struct kernel *k, size_t i, const char **ret,
		  struct kf_error *err)
{
	int r = k->arrival ? arrival_wait(k->arrival, i, err) : 0;

	if (r == 0)
		*ret = k->source[i];
	return r;
}

int kernel_whole(const struct kernel *k, struct kf_error *err)
{
	return k->arrival ? arrival_wait_all(k->arrival, err) : 0;
}

bool kernel_is_packed(const struct kernel *k)
{
	return k->packed.end > 0;
}

int kernel_write_packed(const struct kernel *k, kernel_sink_fn sink, void *arg,
			uint64_t *done, struct kf_error *err)
{
	return packed_write(&k->packed, k->manifest.total_size, sink, arg, done, err);
}

/* What the agent puts where the boot stage reads: on many boards a small file system. */
static bool for_boot(const struct kernel *k, const char *path)
{
	return strcmp(path, k->manifest.image) == 0 || strncmp(path, "dtbs/", 5) == 0 ||
	       strncmp(path, "overlays/", 9) == 0;
}

void kernel_identify(struct kernel *k)
{
	digest_bytes(buf_data(&k->manifest_bytes), buf_len(&k->manifest_bytes),
		     &k->digest);
	manifest_slot_id(&k->digest, k->slot);
	k->boot_bytes = 0;
	for (size_t i = 0; i < k->manifest.n_files; i++) {
		if (for_boot(k, k->manifest.files[i].path))
			k->boot_bytes += k->manifest.files[i].size;
	}
}
