// SPDX-License-Identifier: GPL-2.0-or-later
/* BLAKE2b-256 of bytes and of open files. */
#include "proto/digest.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#define READ_SIZE ((size_t)128 * 1024)

static crypto_generichash_state *state(struct digest_ctx *c)
{
	uintptr_t at = (uintptr_t)c->room;

	return (crypto_generichash_state *)((at + 63) & ~(uintptr_t)63);
}

bool digest_speed_up(void)
{
	uint8_t one;

	return getrandom(&one, 1, GRND_NONBLOCK) == 1 && sodium_init() >= 0;
}

void digest_init(struct digest_ctx *c)
{
	int rc = crypto_generichash_init(state(c), NULL, 0, DIGEST_SIZE);

	assert(rc == 0);
	(void)rc;
}

void digest_update(struct digest_ctx *c, const void *data, size_t n)
{
	if (n)
		crypto_generichash_update(state(c), data, n);
}

void digest_final(struct digest_ctx *c, struct digest *ret)
{
	crypto_generichash_final(state(c), ret->b, DIGEST_SIZE);
}

void digest_bytes(const void *data, size_t n, struct digest *ret)
{
	struct digest_ctx c;

	digest_init(&c);
	digest_update(&c, data, n);
	digest_final(&c, ret);
}

int digest_fd(int fd, struct digest *ret, uint64_t *ret_size)
{
	_free_ uint8_t *room = malloc(READ_SIZE);
	struct digest_ctx c;
	uint64_t size = 0;

	if (!room)
		return -ENOMEM;
	digest_init(&c);
	for (;;) {
		ssize_t n = read(fd, room, READ_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		digest_update(&c, room, (size_t)n);
		size += (uint64_t)n;
	}
	digest_final(&c, ret);
	if (ret_size)
		*ret_size = size;
	return 0;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, DIGEST_SIZE) == 0;
}

void digest_hex(const struct digest *d, char hex[static DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		hex[2 * i] = digits[d->b[i] >> 4];
		hex[2 * i + 1] = digits[d->b[i] & 15];
	}
	hex[2 * DIGEST_SIZE] = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int digest_parse(const char *hex, size_t n, struct digest *ret)
{
	struct digest d;

	if (n != 2 * DIGEST_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int hi = nibble(hex[2 * i]), lo = nibble(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		d.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret = d;
	return 0;
}
