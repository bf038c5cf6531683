/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A board for unit tests of the agent's parts: a directory with an agent in it that was
 * not agent_init()ed, files put into it, and what the tests of boot chains share.
 * Everything here asserts that it works.
 */
#ifndef KF_TEST_BOARD_H
#define KF_TEST_BOARD_H

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
#include "agent/boot/boot.h"
#include "agent/slot/slot.h"
#include "proto/base/fs.h"
#include "proto/digest.h"

#define TEST_SLOT "k-3f9a1c2b"

struct board {
	char path[40];
	int fd;
	struct agent a;
};

#define TEST_EFIVARS "sys/firmware/efi/efivars/"

void put_bytes(struct board *b, const char *rel, const void *data, size_t n);
void put_text(struct board *b, const char *rel, const char *text);
void put_program(struct board *b, const char *rel, const char *text);
/* The whole file as a string, the caller's; NULL when it is not there. */
char *get_text(struct board *b, const char *rel);
void assert_file(struct board *b, const char *rel, const char *text);
void board_init(struct board *b);
void board_fini(struct board *b);
/* A slot's directory with an image; what else is in it the test puts there. */
void slot_make(struct board *b, struct slot *s, const char *image);
void slot_drop(struct slot *s);
/* One more file of the slot, and of its manifest. */
void slot_add(struct board *b, struct slot *s, const char *path, const char *text);
void slot_set_arch(struct slot *s, const char *arch);

/* --- boot chains ---------------------------------------------------------------- */

/* The chain's probe says no, with this code and these words. */
void chain_refuses(const struct boot_chain *c, struct board *b, int code,
		   const char *text);
/* The initramfs that the chain says runs; want NULL: it knows of none. */
void chain_initrd_is(const struct boot_chain *c, struct board *b, const char *want);
/* A file to stage as an initramfs, open; the caller's. */
int initrd_of(struct board *b, const char *text);
/* A variable of the firmware's. */
void put_efivar(struct board *b, const char *name, uint8_t attributes, const void *data,
		size_t n);

#endif
