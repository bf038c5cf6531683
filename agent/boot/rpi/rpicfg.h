/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.txt and tryboot.txt of the Raspberry Pi's firmware: reading settings under
 * filters, and deriving a configuration that starts a slot.  No I/O here.
 *
 * A derived file has every byte of the one it was made from: a block of ours is added at
 * the end, and lines that name an initramfs, which no later line can undo, are turned
 * into comments that begin with RPICFG_MARK.  rpicfg_strip() gives the original back,
 * also when the user changed other lines since.
 *
 * Syntax and keys: raspberrypi/documentation, config_txt/boot.adoc and conditional.adoc.
 */
#ifndef KF_RPICFG_H
#define KF_RPICFG_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buf.h"
#include "proto/manifest.h"

#define RPICFG_MAX  (64u * 1024) /* bytes of a configuration */
#define RPICFG_MARK "#kferry# "

enum rpicfg_kind {
	RPICFG_OTHER,	  /* blank, a comment, or nothing that is known */
	RPICFG_FILTER,	  /* "[pi4]": value is what is between the brackets */
	RPICFG_INCLUDE,	  /* value: the file's name */
	RPICFG_INITRAMFS, /* "initramfs NAME ADDRESS": value is the name */
	RPICFG_SETTING,	  /* key=value */
};

/* One line; the pointers are into the text. */
struct rpicfg_line {
	enum rpicfg_kind kind;
	const char *text, *key, *value;
	size_t n, key_len, value_len; /* n with the line's end */
};

/* The line at *at, which then is behind it; false at the end. */
bool rpicfg_next(const char **at, const char *end, struct rpicfg_line *ret);
/* Does any line of this kind (and key, where it is a setting; and value, unless that is
 * NULL) exist, whatever its filters? */
bool rpicfg_has(const void *data, size_t n, enum rpicfg_kind kind, const char *key,
		const char *value);

/* What starts: names are below os_prefix. */
struct rpicfg_start {
	const char *slot;
	const char *kernel;
	const char *initramfs; /* NULL: none */
	bool arm64;
	unsigned watchdog_s; /* kernel_watchdog_timeout; 0: leave it */
};

/* Append the configuration that starts the slot.  -EFBIG, -EBADMSG as rpicfg_strip(). */
int rpicfg_derive(const void *data, size_t n, const struct rpicfg_start *start,
		  struct buf *out) _must_check_;
/* Append the configuration without what rpicfg_derive() added.  -EBADMSG: NUL bytes, or
 * a block of ours that does not end. */
int rpicfg_strip(const void *data, size_t n, struct buf *out) _must_check_;
/* The slot that our block starts; -ENOENT: there is no block, -EBADMSG. */
int rpicfg_slot(const void *data, size_t n, char slot[static SLOT_ID_SIZE]) _must_check_;

/*
 * The last value that holds for a board: model is the name of its filter ("pi4"), also
 * its own more exact name ("pi400").  Lines of kind INITRAMFS have the key "initramfs".
 * *ret is the caller's.  -ENOENT: not set; -EAGAIN: a filter that cannot be judged from
 * here (serial number, GPIO, EDID, ...) or an include decides.
 */
int rpicfg_get(const void *data, size_t n, const char *const *models, const char *key,
	       char **ret) _must_check_;

#endif
