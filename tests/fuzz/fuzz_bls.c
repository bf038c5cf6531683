/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot entries: what parses is emitted and parses the same again. */
#include <assert.h>
#include <string.h>

#include "agent/boot/sd/bls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const char *a, const char *b)
{
	assert(!a == !b);
	assert(!a || strcmp(a, b) == 0);
}

/* A value with a carriage return inside has no line of its own. */
static int cannot_be_written(const struct bls_entry *e)
{
	const char *const v[] = {e->title,	e->version,    e->machine_id,
				 e->sort_key,	e->linux_path, e->architecture,
				 e->devicetree, e->efi_path,   e->options};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		if (v[i] && strchr(v[i], '\r'))
			return 1;
	for (size_t i = 0; i < e->n_initrd; i++)
		if (strchr(e->initrd[i], '\r'))
			return 1;
	return 0;
}

static void file_id(const uint8_t *data, size_t size)
{
	char name[256], id[256], again[256];
	size_t n = size < sizeof(name) ? size : sizeof(name) - 1;

	memcpy(name, data, n);
	name[n] = '\0';
	if (bls_file_id(name, id, NULL) == 0 && bls_file_id(id, again, NULL) == 0)
		assert(strlen(again) <= strlen(id) && strlen(id) <= strlen(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_bls_entry_ struct bls_entry e = {0};
	_bls_entry_ struct bls_entry back = {0};
	_buf_ struct buf b = BUF_INIT;

	file_id(data, size);
	if (bls_parse(data, size, &e) < 0)
		return 0;
	if (bls_emit(&e, &b) < 0) {
		/* Quotes may make what was just short enough too long. */
		assert(cannot_be_written(&e) || size > BLS_ENTRY_MAX / 2);
		return 0;
	}
	assert(bls_parse(buf_data(&b), buf_len(&b), &back) == 0);
	same(e.title, back.title);
	same(e.version, back.version);
	same(e.machine_id, back.machine_id);
	same(e.sort_key, back.sort_key);
	same(e.architecture, back.architecture);
	same(e.linux_path, back.linux_path);
	same(e.efi_path, back.efi_path);
	same(e.devicetree, back.devicetree);
	same(e.options, back.options);
	assert(e.n_initrd == back.n_initrd);
	for (size_t i = 0; i < e.n_initrd; i++)
		same(e.initrd[i], back.initrd[i]);
	return 0;
}
