// SPDX-License-Identifier: GPL-2.0-or-later
/* Accesses and instructions that a processor refuses, and what ends a kernel. */
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/panic.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/timer.h>

#include "faults.h"

/* In a hole of the kernel's address space. */
#ifdef CONFIG_X86_64
#define KF_UNMAPPED 0xffffeb0000001000UL
#else
#define KF_UNMAPPED ((unsigned long)-(1L << 20))
#endif
/* Of a user, who has nothing there. */
#define KF_USERS 0x00007f0000001000UL

static noinline unsigned long kf_read_at(unsigned long at)
{
	KF_HIDE(at);
	return *(volatile unsigned long *)at;
}

static noinline void kf_write_at(unsigned long at)
{
	KF_HIDE(at);
	*(volatile unsigned long *)at = 0x6b66;
}

static noinline void kf_jump_to(unsigned long at)
{
	void (*f)(void);

	KF_HIDE(at);
	f = (void (*)(void))at;
	f();
	barrier();
}

static noinline void kf_null_read(void)
{
	kf_read_at(0x18);
}

static noinline void kf_null_write(void)
{
	kf_write_at(0x20);
}

static noinline void kf_null_call(void)
{
	kf_jump_to(0);
}

static noinline void kf_bad_read(void)
{
	kf_read_at(KF_UNMAPPED);
}

static noinline void kf_bad_write(void)
{
	kf_write_at(KF_UNMAPPED + 8);
}

static noinline void kf_user_read(void)
{
	kf_read_at(KF_USERS);
}

static noinline void kf_rodata_write(void)
{
	kf_write_at((unsigned long)&kf_oops_faults[0]);
}

/* Data are not to be executed. */
static noinline void kf_data_call(void)
{
	void *data = kzalloc(4096, GFP_KERNEL);

	kf_jump_to((unsigned long)data);
}

static noinline void kf_bug(void)
{
	BUG();
}

static noinline void kf_bug_on(void)
{
	unsigned int nobody = 0;

	KF_HIDE(nobody);
	BUG_ON(nobody == 0);
}

static noinline void kf_panic(void)
{
	panic("kf_faults: to order, code %d", 42);
}

/* --- in an interrupt --------------------------------------------------------------- */

static struct timer_list kf_timer;

static noinline void kf_timer_reads_null(struct timer_list *t)
{
	kf_read_at(0x28);
}

static void kf_irq_null(void)
{
	timer_setup(&kf_timer, kf_timer_reads_null, 0);
	mod_timer(&kf_timer, jiffies + 2);
}

/* --- stacks ------------------------------------------------------------------------ */

static noinline int kf_recurse(int depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	frame[255] = (char)(depth ? kf_recurse(depth - 1) : 0);
	return frame[0] + frame[255];
}

static void kf_stack_overflow(void)
{
	kf_recurse(INT_MAX);
}

static noinline void kf_smash(char *frame, size_t n)
{
	KF_HIDE(frame);
	__builtin_memset(frame, 0x6b, n);
}

/* Past the canary; __no_sanitize_address, or KASAN would be first. */
static noinline void __no_sanitize_address kf_stack_smash(void)
{
	char frame[32];
	volatile char *at = frame;

	KF_HIDE(at);
	for (int i = 0; i < 64; i++)
		at[i] = 0x6b;
}

static void kf_stack_end(void)
{
	*end_of_stack(current) = 0;
	schedule();
}

/* --- x86 --------------------------------------------------------------------------- */

#ifdef CONFIG_X86_64
static noinline void kf_gpf(void)
{
	kf_read_at(0x6b6b6b6b6b6b6b6bUL);
}

static noinline void kf_divide(void)
{
	unsigned long rest = 0, whole = 1;

	asm volatile("divq %2" : "+a"(whole), "+d"(rest) : "r"(0UL) : "cc");
}

static noinline void kf_int3(void)
{
	asm volatile("int3");
}

static noinline void kf_opcode(void)
{
	asm volatile(".byte 0x0f, 0xff, 0xc0"); /* ud0 */
}

/* No stack for the exception. */
static noinline void kf_double_fault(void)
{
	asm volatile("movq %0, %%rsp\n\tpushq $0" ::"r"(0x1000UL) : "memory");
}
#endif

static void kf_smash_by_call(void)
{
	char frame[16];

	kf_smash(frame, 48);
}

const struct kf_fault kf_oops_faults[] = {
	{"null-read", kf_null_read},
	{"null-write", kf_null_write},
	{"null-call", kf_null_call},
	{"bad-read", kf_bad_read},
	{"bad-write", kf_bad_write},
	{"user-read", kf_user_read},
	{"rodata-write", kf_rodata_write},
	{"data-call", kf_data_call},
	{"irq-null", kf_irq_null},
	{"bug", kf_bug},
	{"bug-on", kf_bug_on},
	{"panic", kf_panic},
	{"stack-overflow", kf_stack_overflow},
	{"stack-smash", kf_stack_smash},
	{"kasan-stack", kf_smash_by_call},
	{"stack-end", kf_stack_end},
#ifdef CONFIG_X86_64
	{"gpf", kf_gpf},
	{"divide", kf_divide},
	{"int3", kf_int3},
	{"opcode", kf_opcode},
	{"double-fault", kf_double_fault},
#endif
	{NULL, NULL},
};
