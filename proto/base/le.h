/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Little-endian numbers in bytes: of firmware, partition tables and images. */
#ifndef KF_LE_H
#define KF_LE_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes, at most 8. */
static inline uint64_t le_get(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static inline uint16_t le16(const void *data)
{
	return (uint16_t)le_get(data, 2);
}

static inline uint32_t le32(const void *data)
{
	return (uint32_t)le_get(data, 4);
}

#endif
