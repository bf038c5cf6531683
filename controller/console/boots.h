/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which part of a console's text is of which boot.  A boot begins with a kernel's banner
 * (or what a boot loader prints above it), behind the line that announces a restart, and
 * where the kernel's clock goes back: with `quiet` there is no banner.
 */
#ifndef KF_BOOTS_H
#define KF_BOOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/log/patterns.h"
#include "proto/base/err.h"

#define BOOTS_MAX 32 /* a board that boots in a loop: the last one has the rest */

struct boot_part {
	uint64_t from, to; /* bytes of the text */
	bool banner;	   /* a kernel said which it is */
	bool ours;	   /* and it is the one that was looked for */
};

struct boots {
	struct boot_part part[BOOTS_MAX]; /* the first is what ran at the beginning */
	unsigned n;
	unsigned starts; /* of kernels, also of those that have no part of their own */
};

/* fd's bytes from there on.  banner (NULL: not known): "Linux version ..." of the kernel
 * that is looked for. */
int boots_find(int fd, uint64_t from, const struct patterns *ps, const char *banner,
	       struct boots *ret) _must_check_;

struct boots_trial {
	unsigned part;	/* its index */
	bool sure;	/* it said its own banner */
	unsigned extra; /* starts behind it that it does not explain */
};

/* The trial's part.  fell_back: another kernel ran after it.  has_banner: the trial's was
 * known.  false: none can be told to be. */
bool boots_trial(const struct boots *b, bool fell_back, bool has_banner,
		 struct boots_trial *ret);

#endif
