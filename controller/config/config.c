// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The layers: loading, adding values, looking them up.  Entries are few (a hundred), so
 * a look-up goes through all of them.
 */
#include "controller/config/config.h"

#include <limits.h>
#include <string.h>

#include "controller/config/config_internal.h"
#include "controller/near.h"
#include "proto/reason.h"

const char *config_layer_name(enum config_layer layer)
{
	static const char *const names[] = {
		[CONFIG_BUILTIN] = "built-in", [CONFIG_PROFILE] = "profile",
		[CONFIG_USER] = "user",	       [CONFIG_TREE] = "tree",
		[CONFIG_ENV] = "env",	       [CONFIG_COMMAND] = "command",
	};

	return names[layer];
}

const struct config_key *config_find_key(const char *name, const char **ret_near)
{
	unsigned least = UINT_MAX;

	for (const struct config_key *k = config_keys; k->name; k++) {
		unsigned d;

		if (!strcmp(k->name, name))
			return k;
		d = near_distance(name, k->name);
		if (d < least && ret_near)
			*ret_near = k->name;
		if (d < least)
			least = d;
	}
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* The live entry of exactly this place. */
static struct config_entry *at_place(const struct config *c, enum config_layer layer,
				     const char *board, const char *profile,
				     const struct config_key *key)
{
	for (size_t i = 0; i < c->count; i++) {
		struct config_entry *e = &c->entries[i];

		if (!e->dead && e->layer == layer && e->key == key &&
		    same(e->board, board) && same(e->profile, profile))
			return e;
	}
	return NULL;
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "configuration: %m");
}

int config_add(struct config *c, enum config_layer layer, const char *board,
	       const char *profile, const struct config_key *key, const char *value,
	       const char *where, struct kf_error *err)
{
	struct config_entry *e = at_place(c, layer, board, profile, key);
	_free_ char *checked = NULL;
	int rc;

	rc = config_check(key, value, where, &checked, err);
	if (rc < 0)
		return rc;
	if (e && layer != CONFIG_COMMAND)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s: %s is set twice, first at %s", where, key->name,
			      e->where);
	if (e)
		e->dead = true;
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct config_entry *more = reallocarray(c->entries, room, sizeof(*more));

		if (!more)
			return no_memory(err);
		c->entries = more;
		c->room = room;
	}
	e = &c->entries[c->count];
	*e = (struct config_entry){.key = key, .layer = layer};
	e->board = board ? strdup(board) : NULL;
	e->profile = profile ? strdup(profile) : NULL;
	e->where = strdup(where);
	e->value = TAKE_PTR(checked);
	c->count++;
	if ((board && !e->board) || (profile && !e->profile) || !e->where) {
		e->dead = true;
		return no_memory(err);
	}
	return 0;
}

int config_add_board(struct config *c, enum config_layer layer, const char *name)
{
	for (size_t i = 0; i < c->board_count; i++) {
		struct config_board *b = &c->boards[i];

		if (strcmp(b->name, name))
			continue;
		if (b->dead || layer > b->layer)
			b->layer = layer;
		b->dead = false;
		return 0;
	}
	if (c->board_count == c->board_room) {
		size_t room = c->board_room ? 2 * c->board_room : 16;
		struct config_board *more = reallocarray(c->boards, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->boards = more;
		c->board_room = room;
	}
	c->boards[c->board_count] =
		(struct config_board){.name = strdup(name), .layer = layer};
	if (!c->boards[c->board_count].name)
		return -ENOMEM;
	c->board_count++;
	return 0;
}

/* board.KEY: the command line, the board's own value, a general one. */
static const struct config_entry *find_board_key(const struct config *c,
						 const char *board,
						 const struct config_key *key)
{
	const struct config_entry *e = at_place(c, CONFIG_COMMAND, NULL, NULL, key);

	for (int l = CONFIG_ENV; !e && board && l >= CONFIG_USER; l--)
		e = at_place(c, (enum config_layer)l, board, NULL, key);
	for (int l = CONFIG_ENV; !e && l >= CONFIG_USER; l--)
		e = at_place(c, (enum config_layer)l, NULL, NULL, key);
	return e;
}

static const struct config_entry *find(const struct config *c, const char *board,
				       const struct config_key *key)
{
	const struct config_entry *e = NULL, *profile;

	if (!strncmp(key->name, "board.", 6))
		return find_board_key(c, board, key);
	for (int l = CONFIG_COMMAND; !e && l >= CONFIG_USER; l--) {
		if (board)
			e = at_place(c, (enum config_layer)l, board, NULL, key);
		if (!e)
			e = at_place(c, (enum config_layer)l, NULL, NULL, key);
	}
	if (e)
		return e;
	profile = find_board_key(c, board, config_find_key("board.profile", NULL));
	return profile ? at_place(c, CONFIG_PROFILE, NULL, profile->value, key) : NULL;
}

const char *config_origin(const struct config *c, const char *board, const char *key,
			  enum config_layer *ret_layer, const char **ret_where)
{
	const struct config_key *k = config_find_key(key, NULL);
	const struct config_entry *e = k ? find(c, board, k) : NULL;

	if (!e && (!k || !k->builtin))
		return NULL;
	if (ret_layer)
		*ret_layer = e ? e->layer : CONFIG_BUILTIN;
	if (ret_where)
		*ret_where = e ? e->where : "built-in";
	return e ? e->value : k->builtin;
}

const char *config_get(const struct config *c, const char *board, const char *key)
{
	const char *value = config_origin(c, board, key, NULL, NULL);

	/* "key =" unsets what a lower layer says. */
	return value && *value ? value : NULL;
}

int config_override(struct config *c, const char *key, const char *value,
		    struct kf_error *err)
{
	const char *near = NULL;
	const struct config_key *k = config_find_key(key, &near);
	int rc;

	if (!k)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "there is no key %s; the nearest is %s", key, near);
	rc = config_add(c, CONFIG_COMMAND, NULL, NULL, k, value, "command line", err);
	if (rc == 0)
		rc = config_load_profiles(c, err);
	/* Not the files are wrong, but what was asked for. */
	if (rc < 0 && err && err->reason == KF_REASON_CONFIG)
		err->reason = KF_REASON_USAGE;
	return rc;
}

const char *config_board(const struct config *c, size_t i)
{
	for (size_t k = 0; k < c->board_count; k++)
		if (!c->boards[k].dead && i-- == 0)
			return c->boards[k].name;
	return NULL;
}

static const struct config_board *find_board(const struct config *c, const char *board)
{
	for (size_t i = 0; i < c->board_count; i++)
		if (!c->boards[i].dead && !strcmp(c->boards[i].name, board))
			return &c->boards[i];
	return NULL;
}

bool config_has_board(const struct config *c, const char *board)
{
	return find_board(c, board) != NULL;
}

enum config_layer config_board_layer(const struct config *c, const char *board)
{
	const struct config_board *b = find_board(c, board);

	return b ? b->layer : CONFIG_USER;
}

const char *config_default_board(const struct config *c)
{
	const char *named = config_get(c, NULL, "board.default");

	if (named)
		return named;
	return config_board(c, 1) ? NULL : config_board(c, 0);
}

const char *config_tree(const struct config *c)
{
	return c->tree;
}

const char *config_data_dir(const struct config *c)
{
	return c->data_dir;
}

const char *config_cache_dir(const struct config *c)
{
	return c->cache_dir;
}

const char *config_env_dir(const struct config *c)
{
	return c->env_dir;
}

const char *config_env(const struct config *c)
{
	return c->env;
}

const char *config_file(const struct config *c, enum config_layer layer)
{
	return layer == CONFIG_USER   ? c->user_file
	       : layer == CONFIG_TREE ? c->tree_file
	       : layer == CONFIG_ENV  ? c->env_file
				      : NULL;
}

int config_reload(struct config *c, enum config_layer layer, struct kf_error *err)
{
	const char *path = config_file(c, layer);
	int rc;

	for (size_t i = 0; i < c->count; i++)
		if (c->entries[i].layer == layer)
			c->entries[i].dead = true;
	for (size_t i = 0; i < c->board_count; i++)
		c->boards[i].dead = true;
	/* Boards are counted anew from both files. */
	for (size_t i = 0; i < c->count; i++) {
		struct config_entry *e = &c->entries[i];

		if (!e->dead && e->board && config_add_board(c, e->layer, e->board) < 0)
			return no_memory(err);
	}
	rc = path ? config_parse_file(c, layer, NULL, path, err) : 0;
	return rc < 0 ? rc : config_load_profiles(c, err);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++) {
		struct config_entry *e = &c->entries[i];

		free(e->board);
		free(e->profile);
		free(e->value);
		free(e->where);
	}
	for (size_t i = 0; i < c->board_count; i++)
		free(c->boards[i].name);
	free(c->entries);
	free(c->boards);
	free(c->user_file);
	free(c->tree_file);
	free(c->tree);
	free(c->data_dir);
	free(c->cache_dir);
	free(c->profile_dir);
	free(c->env_dir);
	free(c->env);
	free(c->env_file);
	free(c);
}
