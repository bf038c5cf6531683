/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recorder: takes a board's console down on a thread of its own, for as long as it
 * lives.  Bytes as they are, and lines with times (stamp.h), each up to a limit; what is
 * beyond is counted.  A console that cannot be opened or is lost is tried again, at first
 * soon, then every RECORD_PAUSE_MAX; nothing else suffers from that.  What it sees is
 * looked at as it comes, so that a panic is told at once.
 */
#ifndef KF_RECORD_H
#define KF_RECORD_H

#include "controller/console/console_spec.h"
#include "controller/console/stamp.h"
#include "controller/log/patterns.h"
#include "proto/base/clock.h"

#define RECORD_PAUSE_MIN 250 /* ms between attempts */
#define RECORD_PAUSE_MAX 10000
#define RECORD_OPEN_MS	 10000 /* one may take */
#define RECORD_TELL_MAX	 3     /* losses; one that goes on and off is not told for ever */

enum record_event {
	RECORD_OPEN,   /* text: where */
	RECORD_LOST,   /* text: why it was lost, or could not be opened; once until it is
			  back */
	RECORD_BACK,   /* after that */
	RECORD_FATAL,  /* text: what the kernel said that is fatal */
	RECORD_SILENT, /* nobody answers, and nothing comes; text: what came last, raw */
	RECORD_FULL, /* text: of what the rest is not kept, or why it could not be written
		      */
};

struct record_opts {
	const struct console_spec
		*spec;	 /* stays the caller's, like all here, and alive */
	const char *who; /* as console_open()'s */
	const struct patterns *patterns;
	int raw_fd;	    /* bytes as they came */
	int text_fd;	    /* what they say, where that differs (netconsole); else -1 */
	int log_fd;	    /* lines with times */
	uint64_t limit;	    /* bytes of each file */
	int64_t silence_ms; /* 0: silence is none of our business */
	/* On the recorder's thread; text is from outside. */
	void (*say)(void *arg, enum record_event event, const char *text);
	void *arg;
};

struct record_stats {
	bool open;		   /* now */
	bool opened;		   /* ever */
	unsigned lost;		   /* how often, after it was open */
	uint64_t bytes;		   /* that came */
	uint64_t dropped;	   /* of those, not kept in raw_fd */
	uint64_t text;		   /* bytes in text_fd, or raw_fd where there is none */
	bool full;		   /* something was not kept in one of the files */
	bool silent;		   /* it was, while nobody answered */
	int64_t silent_ms;	   /* how long, when that was told */
	char last[STAMP_LAST_MAX]; /* line that came before */
	char why[KF_ERROR_MAX];	   /* "": or why it was lost, or never opened, last */
};

struct record;

int record_start(const struct record_opts *opts, struct record **ret) _must_check_;
/* Wait until it is open, or was tried and is not. */
bool record_wait_open(struct record *r, deadline_ms deadline);
/* Whether anybody answers at the board: silence counts while nobody does. */
void record_away(struct record *r, bool away);
void record_stats(struct record *r, struct record_stats *ret);
/* Ends it; all that came is in the files. */
void record_stop(struct record *r);
void record_free(struct record *r);

#endif
