/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files: what is taken is whole, typed and says where it stands. */
#include <assert.h>
#include <string.h>

#include "controller/config/config_internal.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct config *c, const struct config_entry *e)
{
	size_t len = strlen(e->value);
	int64_t ms;

	assert(text_is_plain(e->value, len, e->key->type == CONFIG_LINES));
	assert(!e->board ||
	       (config_has_board(c, e->board) && config_is_board_name(e->board)));
	assert(e->board || !e->key->board_only);
	assert(strstr(e->where, "fuzz:"));
	/* An empty value unsets; any other was checked by its type. */
	if (len && e->key->type == CONFIG_SECONDS)
		assert(config_parse_ms(e->value, &ms) == 0 && ms >= 0);
	(void)config_get(c, e->board, e->key->name);
	(void)config_uint(c, e->board, e->key->name);
	(void)config_bool(c, e->board, e->key->name);
	free(config_argv(c, e->board, e->key->name));
}

static void words(const uint8_t *data, size_t size)
{
	_free_ char *text = strndup((const char *)data, size);
	_free_ char **split = NULL;
	size_t total = 0;

	if (!text || config_words(text, &split) < 0)
		return;
	for (size_t i = 0; split[i]; i++)
		total += strlen(split[i]);
	assert(total <= strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));
	_free_ char *copy = malloc(size + 1);
	struct kf_error err = {0};

	if (!c || !copy)
		return 0;
	memcpy(copy, data, size);
	if (config_parse(c, CONFIG_USER, NULL, "fuzz", copy, size, &err) < 0)
		assert(err.code && err.msg[0]);
	for (size_t i = 0; i < c->count; i++)
		check_entry(c, &c->entries[i]);
	words(data, size);
	return 0;
}
