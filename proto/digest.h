/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BLAKE2b-256 (libsodium's crypto_generichash with 32 bytes and no key). */
#ifndef KF_DIGEST_H
#define KF_DIGEST_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX  (2 * DIGEST_SIZE + 1) /* with the NUL */

struct digest {
	uint8_t b[DIGEST_SIZE];
};

/*
 * The library's state wants an alignment that malloc() does not give, so the place for it
 * inside is found by digest_init(): a context may lie anywhere but must not be moved.
 */
struct digest_ctx {
	uint8_t room[sizeof(crypto_generichash_state) + 63];
};

/*
 * From now on by the fastest code that this processor has; before, and without, by the
 * portable one.  false, and nothing changed, where the library would have to wait: it
 * asks for random numbers, which a kernel that has just started may not have.  Any
 * thread, any number of times.
 */
bool digest_speed_up(void);

void digest_init(struct digest_ctx *c);
void digest_update(struct digest_ctx *c, const void *data, size_t n);
void digest_final(struct digest_ctx *c, struct digest *ret);
void digest_bytes(const void *data, size_t n, struct digest *ret);
/* From the current position of fd to its end. */
int digest_fd(int fd, struct digest *ret, uint64_t *ret_size) _must_check_;
bool digest_equal(const struct digest *a, const struct digest *b);
void digest_hex(const struct digest *d, char hex[static DIGEST_HEX]);
/* Exactly 64 lower-case hex digits; -EINVAL otherwise. */
int digest_parse(const char *hex, size_t n, struct digest *ret) _must_check_;

#endif
