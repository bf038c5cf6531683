/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What importing kw's configuration will do: one item for each setting, remote,
 * environment and kernel configuration that kw has, in the order in which it has them.
 * Making the plan changes nothing; what has no counterpart is in it, with the reason.
 */
#ifndef KF_KWPLAN_H
#define KF_KWPLAN_H

#include "controller/config/config.h"

enum kwplan_kind {
	KWPLAN_NOTHING, /* why says why */
	KWPLAN_SET,	/* key = value, in a layer, of a board where that is not NULL */
	KWPLAN_ENV,	/* make the environment; value: its object directory, or NULL */
	KWPLAN_USE,	/* it is in use */
	KWPLAN_KCONFIG, /* keep the file `value` under the name `key` */
};

struct kwplan_item {
	enum kwplan_kind kind;
	char *from; /* "/home/me/linux/.kw/build.config:3" */
	char *kw;   /* as it stands there */
	enum config_layer layer;
	char *env; /* of layer ENV */
	char *board;
	char *key, *value, *why;
};

struct kwplan {
	struct kwplan_item *v;
	size_t n;
	size_t files; /* of kw's that were read */
};

struct kwplan_places {
	const char *user;   /* ~/.config/kw */
	const char *tree;   /* of the kernel, NULL: in none */
	const char *store;  /* ~/.local/share/kw/configs */
	const char *output; /* ~/.cache/kw/envs */
};

void kwplan_fini(struct kwplan *p);
#define _kwplan_ _cleanup_(kwplan_fini)

int kwplan_make(const struct kwplan_places *places, struct kwplan *ret,
		struct kf_error *err) _must_check_;

/* Carry it out.  Nothing is written where something that is there would be replaced,
 * unless force: KF_REASON_EXISTS names the first. */
int kwplan_apply(const struct kwplan *p, bool force, struct kf_error *err) _must_check_;

#endif
