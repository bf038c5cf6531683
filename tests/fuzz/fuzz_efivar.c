/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of EFI variables as strings: what decodes is UTF-8 and, if ASCII, comes back. */
#include <assert.h>
#include <string.h>

#include "agent/boot/efi/efivar.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *s = NULL, *again = NULL;
	_buf_ struct buf b = BUF_INIT;
	int ascii = 1;

	if (efivar_utf16_decode(data, size, &s) < 0) {
		assert(!s);
		return 0;
	}
	for (const char *p = s; *p;) {
		uint32_t point;
		size_t n = text_utf8(p, strlen(p), &point);

		assert(n > 0);
		ascii = ascii && n == 1;
		p += n;
	}
	if (!ascii) {
		assert(efivar_utf16_encode(s, &b) == -EINVAL);
		return 0;
	}
	if (efivar_utf16_encode(s, &b) < 0)
		return 0;
	assert(buf_len(&b) == 2 * (strlen(s) + 1));
	assert(memcmp(buf_data(&b), data, 2 * strlen(s)) == 0);
	assert(efivar_utf16_decode(buf_data(&b), buf_len(&b), &again) == 0);
	assert(strcmp(s, again) == 0);
	return 0;
}
