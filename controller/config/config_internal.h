/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of config share; nobody else includes it. */
#ifndef KF_CONFIG_INTERNAL_H
#define KF_CONFIG_INTERNAL_H

#include "controller/config/config.h"

#define CONFIG_FILE_MAX (1024 * 1024)

/* One value, from one place. */
struct config_entry {
	const struct config_key *key;
	enum config_layer layer;
	char *board;   /* NULL: general */
	char *profile; /* layer PROFILE: the profile that says so */
	char *value;
	char *where; /* "user: /path:12" */
	bool dead;   /* replaced; kept because its strings were handed out */
};

struct config_board {
	char *name;
	enum config_layer layer;
	bool dead;
};

struct config {
	struct config_entry *entries;
	size_t count, room;
	struct config_board *boards;
	size_t board_count, board_room;
	char *user_file, *tree_file; /* tree_file: NULL outside a tree */
	char *tree, *data_dir, *cache_dir;
	char *env_dir;	      /* "" outside of a tree */
	char *env, *env_file; /* of the environment in use, or NULL */
	char *profile_dir;    /* given by the caller, or NULL */
};

static inline void config_freep(struct config **c)
{
	config_free(*c);
}

/* config_parse.c: read text (of `name`, for messages) into the layer's entries.  profile:
 * for layer PROFILE. */
int config_parse(struct config *c, enum config_layer layer, const char *profile,
		 const char *name, const char *text, size_t len,
		 struct kf_error *err) _must_check_;
/* Read a file; one that is not there is empty. */
int config_parse_file(struct config *c, enum config_layer layer, const char *profile,
		      const char *path, struct kf_error *err) _must_check_;

/* config_value.c: check a value and bring it to its stored form (free it); text_origin
 * stands in front of the error's text. */
int config_check(const struct config_key *key, const char *value, const char *text_origin,
		 char **ret, struct kf_error *err) _must_check_;
/* Seconds text to milliseconds. */
int config_parse_ms(const char *value, int64_t *ret) _must_check_;
/* A name of a board as in [board NAME]. */
bool config_is_board_name(const char *name);

/* config.c */
int config_add(struct config *c, enum config_layer layer, const char *board,
	       const char *profile, const struct config_key *key, const char *value,
	       const char *where, struct kf_error *err) _must_check_;
int config_add_board(struct config *c, enum config_layer layer,
		     const char *name) _must_check_;
/* Every profile that entries name is loaded (again: only what is missing).  One that a
 * board names and that cannot be loaded is left out: config_check_board() tells. */
int config_load_profiles(struct config *c, struct kf_error *err) _must_check_;
/* Read the file of a layer anew. */
int config_reload(struct config *c, enum config_layer layer,
		  struct kf_error *err) _must_check_;
/* config_load.c: the tree around the working directory ("": none), and data_dir. */
int config_find_dirs(char **ret_tree, char **ret_data) _must_check_;
/* config_env.c */
int config_env_place(const char *data_dir, const char *tree, char **ret) _must_check_;
int config_env_load(struct config *c, struct kf_error *err) _must_check_;
const char *config_layer_name(enum config_layer layer);

#endif
