/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB's environment block: what is set is there, what was unset is not, and all else
 * stays. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/boot/grub/grubenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OTHER "saved_entry"
#define OURS  "kferry_once"
#define VALUE "k-0\\1\n2"

static char *value_of(const struct grubenv *e, const char *name)
{
	char *value = NULL;

	return grubenv_get(e, name, &value) == 0 ? value : NULL;
}

static void same(const char *a, const char *b)
{
	assert(!a == !b);
	assert(!a || strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char first[] = "# GRUB Environment Block\n";
	char block[GRUBENV_SIZE];
	struct grubenv e, before;
	size_t n = size < sizeof(block) ? size : sizeof(block);

	/* Whole blocks are rare among random bytes: others get what they lack. */
	if (size != GRUBENV_SIZE || memcmp(data, first, sizeof(first) - 1) != 0) {
		assert(grubenv_load(data, size, &e) == -EBADMSG);
		n = n > sizeof(block) - sizeof(first) ? sizeof(block) - sizeof(first) : n;
		memset(block, '#', sizeof(block));
		memcpy(block, first, sizeof(first) - 1);
		memcpy(block + sizeof(first) - 1, data, n);
	} else {
		memcpy(block, data, sizeof(block));
	}
	assert(grubenv_load(block, sizeof(block), &e) == 0);
	before = e;
	{
		_free_ char *other = value_of(&e, OTHER);
		_free_ char *after = NULL, *ours = NULL, *gone = NULL;

		if (grubenv_set(&e, OURS, VALUE) < 0) {
			assert(memcmp(&e, &before, sizeof(e)) == 0);
			return 0;
		}
		ours = value_of(&e, OURS);
		same(ours, VALUE);
		after = value_of(&e, OTHER);
		same(after, other);
		grubenv_unset(&e, OURS);
		gone = value_of(&e, OURS);
		same(gone, NULL);
	}
	return 0;
}
