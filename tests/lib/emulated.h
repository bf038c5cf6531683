/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that cannot work under qemu's user emulation, where tests/qemu runs those of the
 * agent for other processors.  Include behind <cmocka.h>.
 */
#ifndef KF_TEST_EMULATED_H
#define KF_TEST_EMULATED_H

#include <stdlib.h>

/* Skips the test that it stands in; tests/run shows the line. */
#define NOT_EMULATED(why)                                                                \
	do {                                                                             \
		if (getenv("KF_EMULATED")) {                                             \
			print_message("# SKIP %s: %s\n", __func__, why);                 \
			skip();                                                          \
		}                                                                        \
	} while (0)

#endif
