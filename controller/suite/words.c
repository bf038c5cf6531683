// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/suite/words.h"

#include <string.h>

int words_add(struct words *w, const char *word)
{
	int r = buf_append(&w->text, word, strlen(word) + 1);

	w->n += r == 0;
	return r;
}

int words_add_all(struct words *w, char *const *list)
{
	int r = 0;

	for (size_t i = 0; r == 0 && list && list[i]; i++)
		r = words_add(w, list[i]);
	return r;
}

int words_block(const struct words *w, char ***ret)
{
	size_t bytes = buf_len(&w->text);
	char **block = malloc((w->n + 1) * sizeof(*block) + bytes);
	char *at;

	if (!block)
		return -ENOMEM;
	at = (char *)(block + w->n + 1);
	if (bytes > 0)
		memcpy(at, buf_data(&w->text), bytes);
	for (size_t i = 0; i < w->n; i++, at += strlen(at) + 1)
		block[i] = at;
	block[w->n] = NULL;
	*ret = block;
	return 0;
}
