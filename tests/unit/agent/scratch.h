/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scratch board for tests: a directory with an agent in it that was not agent_init()ed,
 * and files put into it.  Everything here asserts that it works.
 */
#ifndef KF_TEST_SCRATCH_H
#define KF_TEST_SCRATCH_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/slot/slot.h"
#include "proto/base/fs.h"
#include "proto/digest.h"

#define TEST_SLOT "k-3f9a1c2b"

struct board {
	char path[40];
	int fd;
	struct agent a;
};

static inline void put_bytes(struct board *b, const char *rel, const void *data, size_t n)
{
	int fd;

	assert_int_equal(fs_mkdirs_parent(b->fd, rel), 0);
	fd = fs_open_beneath(b->fd, rel, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
	close(fd);
}

static inline void put_text(struct board *b, const char *rel, const char *text)
{
	put_bytes(b, rel, text, strlen(text));
}

static inline void put_program(struct board *b, const char *rel, const char *text)
{
	put_text(b, rel, text);
	assert_int_equal(fchmodat(b->fd, rel, 0755, 0), 0);
}

/* The whole file as a string, the caller's; NULL when it is not there. */
static inline char *get_text(struct board *b, const char *rel)
{
	_buf_ struct buf buf = BUF_INIT;
	int r = fs_read_file(b->fd, rel, 1u << 26, &buf);

	if (r == -ENOENT)
		return NULL;
	assert_int_equal(r, 0);
	return strdup(buf_str(&buf));
}

static inline void assert_file(struct board *b, const char *rel, const char *text)
{
	_free_ char *found = get_text(b, rel);

	assert_non_null(found);
	assert_string_equal(found, text);
}

static inline void board_init(struct board *b)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->path, sizeof(b->path), "%s", "/tmp/kf-board-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->fd >= 0);
	b->a.root = b->path;
	b->a.scratch = true;
	b->a.conf.state_dir = (char *)"/var/lib/kferry";
	snprintf(b->a.boot.release, sizeof(b->a.boot.release), "%s", "6.1.0-old");
	assert_int_equal(fs_mkdirs(b->fd, "var/lib/kferry/slots"), 0);
	b->a.state_fd = fs_open_dir(b->fd, "var/lib/kferry");
	assert_true(b->a.state_fd >= 0);
}

static inline void board_fini(struct board *b)
{
	close(b->a.state_fd);
	close(b->fd);
	assert_int_equal(fs_remove_tree(AT_FDCWD, b->path), 0);
}

/* A slot's directory with an image; what else is in it the test puts there. */
static inline void slot_make(struct board *b, struct slot *s, const char *image)
{
	const char *rel = "var/lib/kferry/slots/" TEST_SLOT;
	struct digest d;

	memset(s, 0, sizeof(*s));
	snprintf(s->id, sizeof(s->id), "%s", TEST_SLOT);
	put_text(b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", image);
	s->fd = fs_open_dir(b->fd, rel);
	assert_true(s->fd >= 0);
	s->manifest.release = strdup("6.18.0-rc3");
	s->manifest.arch = strdup("x86_64");
	s->manifest.image = strdup("boot/image");
	digest_bytes(image, strlen(image), &d);
	assert_int_equal(
		manifest_add(&s->manifest, "boot/image", 0644, strlen(image), &d), 0);
	s->conf.cmdline = strdup("root=/dev/vda2 panic=10 kferry.slot=" TEST_SLOT);
}

static inline void slot_drop(struct slot *s)
{
	close(s->fd);
	manifest_fini(&s->manifest);
	free(s->conf.cmdline);
}

#endif
