/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames in lines of traces, as the kernels of several processors print them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/decode/frame.h"

struct want {
	const char *line, *func, *module, *build_id, *rest;
	uint64_t offset, size;
	bool exact, unsure;
};

static void check(const struct want *w)
{
	struct frame f;

	if (!frame_find(w->line, strlen(w->line), &f))
		fail_msg("no frame in: %s", w->line);
	assert_int_equal(f.func_n, strlen(w->func));
	assert_memory_equal(f.func, w->func, f.func_n);
	assert_int_equal(f.offset, w->offset);
	assert_int_equal(f.size, w->size);
	assert_int_equal(f.module_n, w->module ? strlen(w->module) : 0);
	if (w->module)
		assert_memory_equal(f.module, w->module, f.module_n);
	assert_int_equal(f.build_id_n, w->build_id ? strlen(w->build_id) : 0);
	if (w->build_id)
		assert_memory_equal(f.build_id, w->build_id, f.build_id_n);
	assert_string_equal(w->line + f.end, w->rest ? w->rest : "");
	assert_int_equal(f.exact, w->exact);
	assert_int_equal(f.unsure, w->unsure);
}

static void x86(void **state)
{
	static const struct want lines[] = {
		{" dump_stack_lvl+0x4f/0x80", "dump_stack_lvl", .offset = 0x4f,
		 .size = 0x80},
		{" ? demo_read.cold+0x1/0x40", "demo_read.cold", .offset = 1,
		 .size = 0x40, .unsure = true},
		{"RIP: 0010:demo_read+0x12/0x40 [demo]", "demo_read", "demo",
		 .offset = 0x12, .size = 0x40, .exact = true},
		{" ? __warn+0x81/0x130 <TASK>", "__warn", .offset = 0x81, .size = 0x130,
		 .rest = " <TASK>", .unsure = true},
		{" demo_open+0x9/0xa [demo 0123456789abcdef0123456789abcdef01234567]",
		 "demo_open", "demo", "0123456789abcdef0123456789abcdef01234567",
		 .offset = 9, .size = 0xa},
		{" demo_open+0x9/0xa [demo_x(OE)]", "demo_open", "demo_x", .offset = 9,
		 .size = 0xa},
		/* printk's caller, and an old kernel's address. */
		{"[  T123] vfs_read+0x99/0x100", "vfs_read", .offset = 0x99,
		 .size = 0x100},
		{"[<ffffffff81001234>] do_one_initcall+0x34/0x1a0", "do_one_initcall",
		 .offset = 0x34, .size = 0x1a0},
		{"WARNING: CPU: 0 PID: 1 at kernel/demo.c:12 demo_init+0x10/0x20",
		 "demo_init", .offset = 0x10, .size = 0x20},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		check(&lines[i]);
}

static void arm(void **state)
{
	static const struct want lines[] = {
		{"pc : demo_read+0x12/0x40 [demo]", "demo_read", "demo", .offset = 0x12,
		 .size = 0x40, .exact = true},
		{"lr : vfs_read+0xc8/0x300", "vfs_read", .offset = 0xc8, .size = 0x300},
		{" el0t_64_sync+0x1a0/0x1a4 (P)", "el0t_64_sync", .offset = 0x1a0,
		 .size = 0x1a4, .rest = " (P)"},
		{"PC is at demo_read+0x12/0x40", "demo_read", .offset = 0x12,
		 .size = 0x40, .exact = true},
		{" demo_read [demo] from vfs_read+0x98/0x2e0", "vfs_read", .offset = 0x98,
		 .size = 0x2e0},
		{"[<c0101f3c>] (show_stack) from [<c0a1b2c3>] (dump_stack+0x8c/0xa0)",
		 "dump_stack", .offset = 0x8c, .size = 0xa0, .rest = ")"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		check(&lines[i]);
}

static void riscv(void **state)
{
	static const struct want lines[] = {
		{"epc : demo_read+0x12/0x40 [demo]", "demo_read", "demo", .offset = 0x12,
		 .size = 0x40, .exact = true},
		{" ra : vfs_read+0x98/0x2e0", "vfs_read", .offset = 0x98, .size = 0x2e0},
		{"[<ffffffff80002c4e>] walk_stackframe+0x0/0xa2", "walk_stackframe",
		 .offset = 0, .size = 0xa2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		check(&lines[i]);
}

static void what_is_none(void **state)
{
	static const char *const lines[] = {
		"",
		"+0x",
		"+0x1/0x2",
		"a+0x",
		"a+0x1",
		"a+0x1/",
		"a+0x1/0x",
		"a+1/2",
		" 5a+0x1/0x2",
		/* Behind its end; more than any function has. */
		" a+0x41/0x40",
		" a+0x1/0x123456789",
		"x = y +0x1/0x2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct frame f;

		if (frame_find(lines[i], strlen(lines[i]), &f))
			fail_msg("a frame in: %s", lines[i]);
	}
}

static void first_that_is_whole(void **state)
{
	static const struct want line = {"a+0x1 b+0x2/0x3", "b", .offset = 2, .size = 3};
	static const struct want brackets = {" a+0x1/0x2 [demo", "a", .offset = 1,
					     .size = 2, .rest = " [demo"};

	(void)state;
	check(&line);
	check(&brackets);
}

/* Wherever it is cut, nothing beyond is read (the sanitizer sees that). */
static void cut_anywhere(void **state)
{
	static const char line[] = "RIP: 0010:demo_read+0x12/0x40 [demo(O) 0123abcd]";

	(void)state;
	for (size_t n = 0; n < sizeof(line); n++) {
		char *copy = malloc(n + !n);
		struct frame f;

		memcpy(copy, line, n);
		if (frame_find(copy, n, &f))
			assert_true(f.end <= n);
		free(copy);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86),
		cmocka_unit_test(arm),
		cmocka_unit_test(riscv),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(first_that_is_whole),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
