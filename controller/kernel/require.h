/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a board needs of a kernel's configuration (kernel.require), one line each:
 *
 *	CONFIG_BCM2835_WDT=y "a kernel that hangs is reset"
 *	CONFIG_EFI_VARS_PSTORE=y|CONFIG_PSTORE_RAM=y "the log of one that died"
 *
 * The first word is one option or several, of which one will do: "=y" is built in and
 * nothing else, "=m" a module or built in, "=n" neither, any other value that very one;
 * without "=" it is as with "=m".  The rest says what for.
 */
#ifndef KF_REQUIRE_H
#define KF_REQUIRE_H

#include "controller/kernel/kernel.h"
#include "controller/kernel/tree.h"

/* Check one line (without its purpose) against the text of a .config.  0: it is so;
 * -ENOENT: it is not, why says how it stands ("CONFIG_X is =m"); -EINVAL: no such word.
 * For tests. */
int require_line(const char *word, const char *config, char why[200]) _must_check_;

/* Warn of each line that does not hold; with kernel.require_strict the first is an error
 * (KF_REASON_CONFIG), as is a line that cannot be read.  board may be NULL. */
int require_check_tree(const struct config *cfg, struct ui *ui, const char *board,
		       const struct tree *t, struct kf_error *err) _must_check_;
/* The same of the configuration that a kernel ready for packing brings along. */
int require_check_kernel(const struct config *cfg, struct ui *ui, const char *board,
			 const struct kernel *k, struct kf_error *err) _must_check_;

#endif
