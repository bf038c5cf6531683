/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a mail with a patch says of itself: fields of its head, addresses, trailers.  The
 * text may be anybody's.
 */
#ifndef KF_SEND_MAILTEXT_H
#define KF_SEND_MAILTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buf.h"

#define MAILTEXT_ADDRESS_MAX 320 /* bytes of "NAME <EMAIL>" */

/* The value of a field, continued lines joined by a blank; cut to size.  false: the head
 * has none. */
bool mailtext_field(const char *text, size_t n, const char *name, char *dst, size_t size);
/* Append the mail without the fields of that name; names: NULL-terminated. */
int mailtext_without(const char *text, size_t n, const char *const names[],
		     struct buf *out) _must_check_;

/* The address that a text begins with: "Ann <ann@example.org> # why", "a@b.org".  false:
 * none that could be used; *ret_len counts its bytes, leading blanks are skipped by
 * *ret_at. */
bool mailtext_address(const char *text, size_t n, const char **ret_at, size_t *ret_len);
/* Its email, between the angles or all of it. */
void mailtext_email(const char *address, size_t n, const char **ret_at, size_t *ret_len);

/* The addresses of fields To, Cc, From of the head, of "Cc:" and "...-by:" lines of the
 * message above the diff; fn returns 0 to go on or a negative errno.  role: "to", "cc",
 * "author", "Reviewed-by", ... */
typedef int (*mailtext_fn)(void *arg, const char *role, const char *address, size_t n);
int mailtext_people(const char *text, size_t n, mailtext_fn fn, void *arg) _must_check_;

#endif
