/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every maximum that is checked on what comes from outside.  All in one place, so
 * that a reviewer sees them side by side and a fuzzer knows what to aim at.
 */
#ifndef KF_LIMITS_H
#define KF_LIMITS_H

#include <stdint.h>

/* Frames */
#define LIMIT_CONTROL (64u * 1024)  /* bytes of one Envelope */
#define LIMIT_DATA    (256u * 1024) /* bytes of one DATA frame */
#define LIMIT_ARENA   (512u * 1024) /* memory that one unpacked Envelope may take */
#define LIMIT_OUT_QUEUE                                                                  \
	(1024u * 1024) /* bytes waiting to be written before a source is paused */

/* Text fields of messages, terminator not counted */
#define LIMIT_STRING  4096
#define LIMIT_NAME    64   /* board, profile, identity, slot names */
#define LIMIT_RELEASE 64   /* kernel releases; utsname has 65 bytes with the NUL */
#define LIMIT_PERSON  256  /* who holds a board: "alice (alice@desk)" */
#define LIMIT_CMDLINE 2048 /* x86 and arm64 COMMAND_LINE_SIZE */
#define LIMIT_ARGV    256  /* words of a command run on a board */
#define LIMIT_LIST    1024 /* facts, slots, boots in one answer */
#define LIMIT_PARAM   1024 /* one parameter of a module; sysfs takes a page */
#define LIMIT_PARAMS  64   /* of one module */

/* Terminals */
#define LIMIT_PTY 4096 /* bytes of one record of what is typed */

/* Traces */
#define LIMIT_TRACE	   64		/* events, or functions, of one trace */
#define LIMIT_TRACE_FILTER 2048		/* bytes of an event's filter */
#define LIMIT_TRACE_RECORD (64u * 1024) /* bytes of one record of `kferryd trace` */
#define LIMIT_TRACE_LINE   (16u * 1024) /* a longer line of a trace is shown in pieces */

/* Packages */
#define LIMIT_MANIFEST	   (16u * 1024 * 1024)
#define LIMIT_FILES	   65536		/* entries of a manifest */
#define LIMIT_PATH	   512			/* bytes of a path in a package */
#define LIMIT_FILE_SIZE	   (UINT64_C(4) << 30)	/* one file */
#define LIMIT_PACKAGE_SIZE (UINT64_C(16) << 30) /* all files, unpacked */
#define LIMIT_ZSTD_WINDOW  25 /* log2 of the memory that unpacking may take */

/* Patches: what a board has in memory of one file at a time */
#define LIMIT_PATCH_BLOCK (1024u * 1024) /* bytes of the file */
#define LIMIT_PATCH_WINDOW                                                               \
	(2048u * 1024)		/* bytes of the older version, for one block             \
				 */
#define LIMIT_BASES LIMIT_FILES /* entries of the table of older versions */

/* Logs */
#define LIMIT_KMSG_RECORD   8192 /* /dev/kmsg never returns more (CONSOLE_EXT_LOG_MAX) */
#define LIMIT_COLLECT_FILE  (16u * 1024 * 1024) /* one saved log or pstore record */
#define LIMIT_COLLECT_FILES 256

/* Requests to the helper outside of the sandbox */
#define LIMIT_OUTSIDE	     (128u * 1024) /* bytes of one, its head not counted */
#define LIMIT_OUTSIDE_ARGV   (LIMIT_ARGV + 8u)
#define LIMIT_OUTSIDE_ENV    32u
#define LIMIT_OUTSIDE_MOUNTS 8u

#endif
