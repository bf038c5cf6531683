/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digesting 16 MiB in the pieces in which files are read.
 */
#include "proto/digest.h"
#include "tests/bench/measured.h"

#define TOTAL ((size_t)16 << 20)
#define PIECE ((size_t)128 << 10)

static uint8_t *data;
static struct digest is;

void measured(void)
{
	struct digest_ctx ctx;

	digest_init(&ctx);
	for (size_t at = 0; at < TOTAL; at += PIECE)
		digest_update(&ctx, data + at, PIECE);
	digest_final(&ctx, &is);
}

int main(void)
{
	struct digest whole;
	uint32_t seed = 1;

	data = malloc(TOTAL);
	MUST(data);
	for (size_t i = 0; i < TOTAL; i++)
		data[i] = (uint8_t)bench_next(&seed);
	measured();
	digest_bytes(data, TOTAL, &whole);
	MUST(digest_equal(&whole, &is));
	free(data);
	return 0;
}
