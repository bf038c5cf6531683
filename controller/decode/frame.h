/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place in the kernel as a log's line has it, whatever stands around it:
 *
 *	 ? demo_read+0x12/0x40 [demo]			x86, arm64
 *	RIP: 0010:demo_read+0x12/0x40 [demo 8f3c...]	with the module's build-id
 *	[<ffffffff80002c4e>] demo_read+0x12/0x40	riscv
 *	 demo_read [demo] from vfs_read+0x12/0x40	arm: the caller
 *
 * An engine without I/O.
 */
#ifndef KF_DECODE_FRAME_H
#define KF_DECODE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_FUNC_MAX	 512u /* bytes of a function's name; Rust's are long */
#define FRAME_MODULE_MAX 64u

/* Pointers lead into the line. */
struct frame {
	const char *func;
	size_t func_n;
	uint64_t offset, size; /* of the function, both as the kernel's symbols have it */
	const char *module;    /* NULL: the kernel itself */
	size_t module_n;
	const char *build_id; /* of the module, hex; NULL: not told */
	size_t build_id_n;
	size_t end;  /* where in the line all that ends */
	bool exact;  /* the instruction itself; else where a call returns to */
	bool unsure; /* '?': it only lay on the stack */
};

/* The first one in a line of n bytes. */
bool frame_find(const char *line, size_t n, struct frame *ret);

#endif
