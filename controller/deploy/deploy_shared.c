/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a board lacks, compressed once for all boards of a call that lack the
 * same and have the same older versions.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "proto/reason.h"

/* Where compress.level leaves it open: links of several speeds follow one stream. */
#define LEVEL 3

/* Several of them in the time after which an agent to which nothing is sent gives up. */
#define QUIET_MS 20000

/* What the stream is made of; a copy, because boards come and go. */
struct wanted {
	const struct kernel *k;
	struct versions *versions;
	struct pace pace;
	struct buf table;
	uint8_t bitmap[];
};

static void wanted_free(void *arg)
{
	struct wanted *w = arg;

	versions_close(w->versions);
	buf_fini(&w->table);
	free(w);
}

static int make(const void *arg, kernel_sink_fn sink, void *sink_arg, uint64_t *done,
		struct kf_error *err)
{
	const struct wanted *w = arg;
	struct pace pace = w->pace;
	struct delta x = {.k = w->k,
			  .versions = w->versions,
			  .want = w->bitmap,
			  .table = w->table,
			  .pace = &pace};

	return delta_write(&x, sink, sink_arg, done, err);
}

static struct wanted *wanted_new(const struct deploy *d, const struct delta *x, int level)
{
	size_t bytes = (d->k->manifest.n_files + 7) / 8;
	struct wanted *w = calloc(1, sizeof(*w) + bytes);

	if (!w)
		return NULL;
	w->k = d->k;
	w->versions = versions_open(d->cfg);
	pace_init(&w->pace, level);
	memcpy(w->bitmap, x->want, bytes);
	if (buf_append(&w->table, buf_data(&x->table), buf_len(&x->table)) == 0)
		return w;
	wanted_free(w);
	return NULL;
}

int deploy_write_shared(struct deploy *d, struct delta *x, kernel_sink_fn sink, void *arg,
			uint64_t *done, struct kf_error *err)
{
	struct parcel_maker maker = {make, wanted_free, NULL};
	int level = (int)config_uint(d->cfg, d->board, "compress.level");
	const struct parcel_taker taker = {
		.sink = sink,
		.arg = arg,
		.quiet_ms = QUIET_MS,
		.patience_ms = config_ms(d->cfg, d->board, "timeout.install"),
		.done = done,
	};
	struct digest_ctx ctx;
	struct digest key;

	/* A package file needs no work that could be shared. */
	if (!d->opts->parcels || delta_is_packed(x))
		return delta_write(x, sink, arg, done, err);
	level = level ? level : LEVEL;
	maker.arg = wanted_new(d, x, level);
	if (!maker.arg)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	/* Equal keys are equal bytes as long as the store keeps its versions.  If it
	 * loses one between two makers, the board's digests refuse what their streams
	 * make together, and whole files are sent. */
	digest_init(&ctx);
	digest_update(&ctx, &level, sizeof(level));
	digest_update(&ctx, x->want, (d->k->manifest.n_files + 7) / 8);
	digest_update(&ctx, buf_data(&x->table), buf_len(&x->table));
	digest_final(&ctx, &key);
	return parcel_send(d->opts->parcels, &key, &maker, &taker, err);
}
