/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place for unit tests of the controller: a scratch directory with its cache, and
 * archives with a kernel that are made there.  Everything fails the test by itself.
 */
#ifndef KF_TEST_PLACE_H
#define KF_TEST_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive_entry.h>
#include <sys/types.h>

#include "controller/config/config.h"
#include "controller/kernel/kernel.h"
#include "controller/ui/ui.h"
#include "proto/base/buf.h"

#define REL	"6.9.0-test"
#define BANNER	"Linux version " REL " (me@desk) (gcc 12) #7 SMP"
#define CONTROL "Package: linux-image-" REL "\nArchitecture: arm64\nDepends: kmod\n"

struct place {
	char dir[64];
	struct config *cfg;
	struct ui *ui;
	char *image; /* bytes of an arm64 Image */
	size_t image_len;
	char *file; /* the archive under test */
};

struct place_entry {
	const char *path;
	const char *data; /* "IMAGE": the image */
	mode_t type;	  /* 0: a regular file */
	mode_t perm;
	const char *link;
	const char *hardlink;
};

/* cmocka's set-up and tear-down of a test whose state is a place. */
int place_set_up(void **state);
int place_tear_down(void **state);

/* Append a tarball, by the name of libarchive's filter ("none"), or a .deb to out.  The
 * list ends with an entry without a path. */
void place_tar(struct place *p, struct buf *out, const char *filter,
	       const struct place_entry *list);
void place_deb(struct place *p, struct buf *out, const char *control,
	       const struct place_entry *list);
/* What a kernel's package has, and things beside it that nobody wants. */
extern const struct place_entry place_good[];

/* These bytes become p->file. */
void place_save(struct place *p, const void *data, size_t n);
/* p->file is taken; the caller's. */
struct kernel *place_take(struct place *p);
/* It is not, and the error has both words; nothing stays. */
void place_refused(struct place *p, const char *word, const char *word2);
/* Nothing is left of kernels that were freed or refused. */
void place_is_empty(struct place *p);
/* kernel_write_tar()'s, into a struct buf. */
int place_sink(void *buf, const void *data, size_t n);

#endif
