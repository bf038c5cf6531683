/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extlinux.conf: what parses is emitted and parses the same again. */
#include <assert.h>
#include <string.h>

#include "agent/boot/uboot/bootscr.h"
#include "agent/boot/uboot/extlinux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const char *a, const char *b)
{
	assert(!a == !b);
	assert(!a || strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_extlinux_ struct extlinux e = {.n = 0};
	_extlinux_ struct extlinux back = {.n = 0};
	_buf_ struct buf b = BUF_INIT;

	(void)bootscr_is_ours(data, size);
	if (extlinux_parse(data, size, &e) < 0)
		return 0;
	assert(!extlinux_default(&e) == (e.n == 0));
	if (extlinux_emit(&e, &b) < 0)
		return 0;
	assert(extlinux_parse(buf_data(&b), buf_len(&b), &back) == 0);
	same(e.dflt, back.dflt);
	assert(e.n == back.n);
	for (size_t i = 0; i < e.n; i++) {
		same(e.label[i].name, back.label[i].name);
		same(e.label[i].linux_path, back.label[i].linux_path);
		same(e.label[i].initrd, back.label[i].initrd);
		same(e.label[i].fdt, back.label[i].fdt);
		same(e.label[i].fdtdir, back.label[i].fdtdir);
		same(e.label[i].append, back.label[i].append);
	}
	return 0;
}
