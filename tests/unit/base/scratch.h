/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scratch directory for the tests of files. */
#ifndef KF_TEST_BASE_SCRATCH_H
#define KF_TEST_BASE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"

#define T (*(const int *)*state) /* the scratch directory */

static char scratch[64];
static int scratch_fd = -1;

static int setup(void **state)
{
	snprintf(scratch, sizeof(scratch), "/tmp/kf-fs-XXXXXX");
	if (!mkdtemp(scratch))
		return -1;
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &scratch_fd;
	return scratch_fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(scratch_fd);
	return fs_remove_tree(AT_FDCWD, scratch);
}

static void put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

#endif
