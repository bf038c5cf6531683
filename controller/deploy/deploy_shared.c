/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a board lacks, compressed once for all boards of a call that lack them.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "proto/reason.h"

/* What the stream is made of; a copy, because boards come and go. */
struct wanted {
	const struct kernel *k;
	int level;
	uint8_t bitmap[];
};

static int make(const void *arg, kernel_sink_fn sink, void *sink_arg, uint64_t *done,
		struct kf_error *err)
{
	const struct wanted *w = arg;

	return kernel_write_tar(w->k, w->bitmap, false, w->level, sink, sink_arg, done,
				err);
}

int deploy_write_shared(struct deploy *d, const uint8_t *want, int level,
			kernel_sink_fn sink, void *arg, uint64_t *done,
			struct kf_error *err)
{
	struct parcel_maker maker = {make, free, NULL};
	size_t bytes = (d->k->manifest.n_files + 7) / 8;
	struct digest_ctx ctx;
	struct digest key;
	struct wanted *w;

	if (!d->opts->parcels)
		return kernel_write_tar(d->k, want, false, level, sink, arg, done, err);
	w = malloc(sizeof(*w) + bytes);
	if (!w)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	w->k = d->k;
	w->level = level;
	memcpy(w->bitmap, want, bytes);
	digest_init(&ctx);
	digest_update(&ctx, &level, sizeof(level));
	digest_update(&ctx, want, bytes);
	digest_final(&ctx, &key);
	maker.arg = w;
	return parcel_send(d->opts->parcels, &key, &maker,
			   config_ms(d->cfg, d->board, "timeout.install"), sink, arg,
			   done, err);
}
