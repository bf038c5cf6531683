/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What modules a kernel tree has, as its modules.order says, and what its makefile puts
 * beside them.  No I/O: bytes in, lists out.
 *
 * modules.order names one module a line.  Three generations of it are known:
 *
 *	kernel/drivers/net/dummy.ko	as it is installed (before Linux 5.3)
 *	drivers/net/dummy.ko		below the object directory
 *	drivers/net/dummy.o		the same (from Linux 6.3 on)
 */
#ifndef KF_MODLIST_H
#define KF_MODLIST_H

#include <stdbool.h>

#include "proto/base/buf.h"

struct modlist {
	char **v; /* below the object directory, "drivers/net/dummy.ko"; sorted, each once
		   */
	size_t n;
	struct buf order; /* modules.order as it is installed */
	/* All lines begin with kernel/: as of before 5.3, or the tree has no modules but
	 * those of its directory kernel/.  They were read as the latter. */
	bool maybe_installed;
};

void modlist_fini(struct modlist *l);
#define _modlist_ _cleanup_(modlist_fini)

/* -EBADMSG: it cannot be understood. */
int modlist_parse(const char *text, size_t n, struct modlist *ret) _must_check_;
/* The lines that maybe_installed is true of are of before 5.3. */
void modlist_are_installed(struct modlist *l);

/*
 * Does the text of a tree's makefile install files beside the modules that this version
 * of kferry does not know of?  Their name (the caller's); NULL: it does not, or there is
 * no memory.
 */
char *modlist_unknown_file(const char *makefile);

#endif
