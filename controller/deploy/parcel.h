/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parcels: a stream that several boards want is made once.
 *
 * The first that asks for a key has a thread make the stream, into an unlinked file in
 * the cache; it and all others follow the file as it grows, each with an offset of its
 * own, so that a slow board holds up neither the maker nor the others.  Where the file
 * cannot be written (disk full), each goes on with a stream that it makes for itself.
 * In either way few are made at a time; who waits for one tells his board that he does.
 *
 * Thread-safe.  Followers belong to their threads; a parcel, its file and the maker
 * belong to the struct parcels, which must outlive all parcel_send() calls and die before
 * what the makers read (the kernel).
 */
#ifndef KF_PARCEL_H
#define KF_PARCEL_H

#include "controller/kernel/kernel.h"

struct parcels;

/* Who makes a stream: the same bytes each time it is asked. */
struct parcel_maker {
	/* As kernel_write_tar().  May run in several threads at once. */
	int (*make)(const void *arg, kernel_sink_fn sink, void *sink_arg, uint64_t *done,
		    struct kf_error *err);
	void (*release)(void *arg); /* may be NULL */
	void *arg;
};

/* dir: where the files go; made when it is needed. */
int parcels_new(const char *dir, struct parcels **ret) _must_check_;
/* Ends what is still being made.  NULL is fine. */
void parcels_free(struct parcels *ps);

/* Who takes a stream. */
struct parcel_taker {
	/* Also called with no bytes, when there were none to give for quiet_ms. */
	kernel_sink_fn sink;
	void *arg;
	int64_t quiet_ms;
	/* How long no byte may come (KF_REASON_TIMEOUT); while others' streams are made
	 * before this one, of none of them. */
	int64_t patience_ms;
	/* May be NULL: bytes of files that what was given stands for, as
	 * kernel_write_tar()'s. */
	uint64_t *done;
};

/*
 * Give the taker the whole stream that key stands for: equal keys must mean equal bytes.
 * The maker's arg is taken, also on failure.  Its error is every follower's.
 */
int parcel_send(struct parcels *ps, const struct digest *key,
		const struct parcel_maker *maker, const struct parcel_taker *taker,
		struct kf_error *err) _must_check_;

#endif
