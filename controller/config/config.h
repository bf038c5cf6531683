/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration: INI files read by inih, in layers; the later wins:
 *
 *	built-in   the defaults in the key table (config_keys.c)
 *	profile    boards/<profile>.ini of the board, or of the tree
 *	user       $XDG_CONFIG_HOME/kferry/config.ini
 *	tree       <kernel tree>/.kferry/config.ini
 *	env        the environment that is in use in that tree (kferry env)
 *	command    options given with -o KEY=VALUE and by a command's own flags
 *
 * A key is "section.name" ("build.arch", "deploy.keep").  In the user's and the tree's
 * file a section "[board NAME]" holds a board: its own keys (link, host, profile, ...)
 *and any other key ("build.arch = arm64"), which then counts for this board only and wins
 * over the same layer's general value.  The "board." keys of a board win over general
 * ones of every layer.  Unknown keys and bad values are errors that name file, line and
 * the nearest key.
 *
 * A line is at most 198 bytes (inih); a line that begins with a blank continues the value
 * above: joined by a blank, or by a newline where the key takes lines.  " ;" begins a
 * comment.
 *
 * Strings that are handed out live as long as the config, also over config_write().  Not
 * shared between threads while it is changed.
 */
#ifndef KF_CONFIG_H
#define KF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

enum config_type {
	CONFIG_STRING,
	CONFIG_BOOL,
	CONFIG_UINT,
	CONFIG_SECONDS, /* "90", "90s", "2m" */
	CONFIG_ARGV,	/* words, with shell-like quotes and no expansion of any kind */
	CONFIG_CHOICE,
	CONFIG_PATH,  /* "~/" is the home directory */
	CONFIG_LINES, /* one or more lines, each as CONFIG_ARGV */
};

/* Names of boards are names (text_is_name) of at most this many bytes. */
#define CONFIG_BOARD_MAX 40

struct config_key {
	const char *name; /* "section.name" */
	enum config_type type;
	const char *builtin; /* NULL: none */
	const char *choices; /* CONFIG_CHOICE: "a|b|c" */
	const char *help;    /* one line */
	bool board_only; /* stands in a [board NAME] section only: "board.host", ... */
};

/* Ends with a NULL name. */
extern const struct config_key config_keys[];

enum config_layer {
	CONFIG_BUILTIN,
	CONFIG_PROFILE,
	CONFIG_USER,
	CONFIG_TREE,
	CONFIG_ENV,
	CONFIG_COMMAND,
};

struct config;

struct config_paths {
	const char *user_file; /* NULL: the standard place */
	const char *
		tree_dir; /* NULL: the kernel tree around the working directory, if any */
	const char *profile_dir; /* NULL: KF_PROFILE_PATH, then beside the program, then
				    installed */
};

int config_load(const struct config_paths *paths, struct config **ret,
		struct kf_error *err) _must_check_;
/* The same without the environment that is in use. */
int config_load_plain(const struct config_paths *paths, struct config **ret,
		      struct kf_error *err) _must_check_;
void config_free(struct config *c);

/* Layer CONFIG_COMMAND. */
int config_override(struct config *c, const char *key, const char *value,
		    struct kf_error *err) _must_check_;

/* board may be NULL (general value; the tree's profile counts).  NULL: not set. */
const char *config_get(const struct config *c, const char *board, const char *key);
/* As config_get(), and where it comes from: "user: /path:12". */
const char *config_origin(const struct config *c, const char *board, const char *key,
			  enum config_layer *ret_layer, const char **ret_where);
bool config_bool(const struct config *c, const char *board, const char *key);
uint64_t config_uint(const struct config *c, const char *board, const char *key);
int64_t config_ms(const struct config *c, const char *board, const char *key);
/* NULL-terminated, one allocation block: release with free().  NULL: not set. */
char **config_argv(const struct config *c, const char *board, const char *key);

/* Split text into words as CONFIG_ARGV does; same ownership.  -EINVAL: a quote is not
 * closed. */
int config_words(const char *text, char ***ret) _must_check_;

/* Is the profile of this board (NULL: of the tree) there, and a good one?  To be asked
 * before a board is used: a bad one is no error for commands that do not use it. */
int config_check_board(const struct config *c, const char *board,
		       struct kf_error *err) _must_check_;

/* Boards, in the order of their definition; NULL ends. */
const char *config_board(const struct config *c, size_t i);
bool config_has_board(const struct config *c, const char *board);
/* board.default, or the only board there is; NULL. */
const char *config_default_board(const struct config *c);
/* The tree's directory ("" if not in one), the user's directories. */
const char *config_tree(const struct config *c);
const char *config_data_dir(const struct config *c);  /* ~/.local/share/kferry */
const char *config_cache_dir(const struct config *c); /* ~/.cache/kferry, KFERRY_CACHE */
/* Where the profile's file is (free it); NULL: no such profile. */
char *config_profile_path(const struct config *c, const char *profile);
/* The profiles there are, sorted; a NULL-terminated block as config_argv()'s. */
int config_profiles(const struct config *c, char ***ret) _must_check_;
/* Read one for itself: value of a key in it, NULL if not there (free it). */
char *config_profile_value(const struct config *c, const char *profile, const char *key);

/* The entry of the key table, or NULL; ret_near (may be NULL): the nearest name. */
const struct config_key *config_find_key(const char *name, const char **ret_near);

/* Change a file, keeping comments and order; durable.  board NULL: general.  value NULL:
 * unset. */
int config_write(struct config *c, enum config_layer layer, const char *board,
		 const char *key, const char *value, struct kf_error *err) _must_check_;
/*
 * Environments of a tree: where they are ("" outside of one), and which is in use; both
 * of the configuration.  An environment is a directory there with a file of layer ENV.
 */
#define CONFIG_ENV_FILE	   "env.ini"
#define CONFIG_ENV_CURRENT ".current" /* in the directory; the name of the one in use */
const char *config_env_dir(const struct config *c);
const char *config_env(const struct config *c); /* NULL: none, or plain */
/* The name in use by the directory's file; -ENOENT: none, -EINVAL: it is no name. */
int config_env_current(const char *dir, char **ret) _must_check_;
/* The same for the tree around the working directory, with no configuration read. */
int config_env_here(char **ret) _must_check_;
/* The file of an environment as a configuration of its own, for config_get() without a
 * board and config_write() to layer ENV. */
int config_env_open(const char *path, struct config **ret,
		    struct kf_error *err) _must_check_;

/* The file of a layer (USER, TREE, ENV), NULL: there is none. */
const char *config_file(const struct config *c, enum config_layer layer);
/* The layer whose file defines the board; USER or TREE. */
enum config_layer config_board_layer(const struct config *c, const char *board);
int config_remove_board(struct config *c, const char *board,
			struct kf_error *err) _must_check_;
int config_rename_board(struct config *c, const char *from, const char *to,
			struct kf_error *err) _must_check_;

#endif
