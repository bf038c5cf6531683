/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of this side, put onto the board: a tar streamed into the board's own tar,
 * in a directory that is the suite's alone.
 *
 * The file .kferry-suite in it says which content is there: nothing is sent when that is
 * what is wanted.  It is written first without, and last with the digest, so that what
 * was interrupted is not taken for whole.  A directory without it is not touched.
 */
#ifndef KF_SUITEPUSH_H
#define KF_SUITEPUSH_H

#include "controller/client.h"
#include "controller/ui/ui.h"

#define SUITEPUSH_FILES 65536		     /* of a suite */
#define SUITEPUSH_BYTES (UINT64_C(16) << 30) /* of all of them */
#define SUITEPUSH_MARK	".kferry-suite"

struct suitepush {
	const char *from; /* on this side */
	const char *to;	  /* absolute, on the board */
	const char *board;
	int64_t timeout_ms;
	/* Found out: */
	size_t files;
	uint64_t bytes;
	bool already; /* it was there */
};

int suitepush(struct suitepush *p, struct client *c, struct ui *ui,
	      struct kf_error *err) _must_check_;

#endif
