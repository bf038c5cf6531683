/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.txt: lines are all of the text, and what is derived is undone to the byte. */
#include <assert.h>
#include <string.h>

#include "agent/boot/rpi/rpicfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *a, const struct buf *b)
{
	assert(buf_len(a) == buf_len(b));
	assert(buf_len(a) == 0 || memcmp(buf_data(a), buf_data(b), buf_len(a)) == 0);
}

static void lines(const uint8_t *data, size_t size)
{
	const char *at = size ? (const char *)data : "", *end = at + size;
	struct rpicfg_line l;
	size_t n = 0;

	while (rpicfg_next(&at, end, &l)) {
		assert(l.n > 0);
		n += l.n;
		if (l.value)
			assert(l.value >= l.text &&
			       l.value + l.value_len <= l.text + l.n);
		if (l.key)
			assert(l.key >= l.text && l.key + l.key_len <= l.text + l.n);
	}
	assert(n == size);
}

static void values(const uint8_t *data, size_t size)
{
	static const char *const models[] = {"pi4", "pi400", NULL};
	static const char *const keys[] = {"initramfs", "os_prefix", "auto_initramfs"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_free_ char *value = NULL;

		assert((rpicfg_get(data, size, models, keys[i], &value) == 0) == !!value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rpicfg_start start = {
		.slot = "k-01234567",
		.kernel = "kernel8.img",
		.initramfs = size % 2 ? "initramfs8" : NULL,
		.arm64 = true,
		.watchdog_s = size % 3 ? 60 : 0,
	};
	_buf_ struct buf plain = BUF_INIT, made = BUF_INIT, back = BUF_INIT;
	_buf_ struct buf again = BUF_INIT;
	char slot[SLOT_ID_SIZE];
	int r;

	lines(data, size);
	values(data, size);
	if (rpicfg_slot(data, size, slot) == 0)
		assert(strlen(slot) == SLOT_ID_SIZE - 1);
	r = rpicfg_derive(data, size, &start, &made);
	if (rpicfg_strip(data, size, &plain) < 0) {
		assert(r == -EBADMSG);
		return 0;
	}
	if (r < 0) {
		assert(r == -EFBIG && size > RPICFG_MAX / 16);
		return 0;
	}
	assert(rpicfg_slot(buf_data(&made), buf_len(&made), slot) == 0);
	assert(strcmp(slot, start.slot) == 0);
	assert(rpicfg_strip(buf_data(&made), buf_len(&made), &back) == 0);
	same(&plain, &back);
	assert(rpicfg_derive(buf_data(&made), buf_len(&made), &start, &again) == 0);
	same(&made, &again);
	return 0;
}
