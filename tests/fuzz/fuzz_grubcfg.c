/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB's scripts: our block goes in and comes out, and what others wrote stays. */
#include <assert.h>
#include <string.h>

#include "agent/boot/grub/grubcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A script that is written must not get out of its quotes: every word of the command
 * line is between two of them, and none has one inside. */
static void entry(const uint8_t *data, size_t size)
{
	_free_ char *cmdline = strndup((const char *)data, size);
	_buf_ struct buf b = BUF_INIT;
	const char *p, *end;
	size_t quotes = 0;

	if (!cmdline || grubcfg_entry("k-01234567", "6.18", cmdline, size % 2, &b) < 0)
		return;
	p = strstr(buf_str(&b), "/linux\"");
	assert(p);
	end = strchr(p, '\n');
	assert(end && end - p >= 6 && memcmp(end - 6, "; then", 6) == 0);
	for (p += strlen("/linux\""); p < end - 6; p++) {
		if (*p == '\'')
			quotes++;
		else
			assert(quotes % 2 == 1 || *p == ' ');
	}
	assert(quotes % 2 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf merged = BUF_INIT, again = BUF_INIT, rest = BUF_INIT;
	_free_ char *initrd = NULL;

	entry(data, size);
	(void)!grubcfg_check(data, size);
	if (grubcfg_initrd(data, size, "(hd0,gpt2)/vmlinuz", &initrd) == 0)
		assert(initrd[0] != '\0');
	if (grubcfg_merge(data, size, &merged) < 0)
		return 0;
	assert(grubcfg_has_block(buf_data(&merged), buf_len(&merged)));
	assert(grubcfg_merge(buf_data(&merged), buf_len(&merged), &again) == 0);
	assert(buf_len(&again) == buf_len(&merged));
	assert(memcmp(buf_data(&again), buf_data(&merged), buf_len(&merged)) == 0);
	assert(grubcfg_strip(buf_data(&merged), buf_len(&merged), &rest) == 0);
	assert(buf_len(&rest) <= size + 1);
	assert(!grubcfg_has_block(buf_data(&rest), buf_len(&rest)));
	return 0;
}
