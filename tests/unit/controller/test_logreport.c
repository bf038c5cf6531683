/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What belongs to a report and which function it is about, where the kernel makes that
 * hard to see: lines without the look of a report's, several heads for one fault, traces
 * that begin in the kernel's own checks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/log/classifier.h"
#include "tests/lib/controller/logs.h"

static struct patterns *ps;

static int load(void **state)
{
	(void)state;
	ps = logs_patterns();
	return 0;
}

static int unload(void **state)
{
	(void)state;
	patterns_free(ps);
	return 0;
}

static void expect(const char *log, const char *want)
{
	struct classifier *c = logs_classify(ps, log, strlen(log), SIZE_MAX);
	_free_ char *got = logs_tell(classifier_findings(c));

	assert_string_equal(got, want);
	classifier_free(c);
}

static void test_a_double_fault_is_one(void **state)
{
	(void)state;
	expect("[    3.000000] traps: PANIC: double fault, error_code: 0x0\n"
	       "[    3.000001] double fault: 0000 [#1] PREEMPT SMP NOPTI\n"
	       "[    3.000002] RIP: 0010:demo_push+0x7/0x20 [demo]\n"
	       "[    3.000003] ---[ end trace 0000000000000000 ]---\n",
	       "fatal double-fault demo_push -:0 x1: traps: PANIC: double fault, "
	       "error_code: 0x0\n");
}

static void test_what_was_not_to_be_executed_is_one(void **state)
{
	(void)state;
	expect("[    3.000000] kernel tried to execute NX-protected page - exploit "
	       "attempt? "
	       "(uid: 0)\n"
	       "[    3.000001] BUG: unable to handle page fault for address: "
	       "ffff888003a2b000\n"
	       "[    3.000002] #PF: supervisor instruction fetch in kernel mode\n"
	       "[    3.000003] Oops: 0011 [#1] PREEMPT SMP NOPTI\n"
	       "[    3.000004] RIP: 0010:0xffff888003a2b000\n"
	       "[    3.000005] Call Trace:\n"
	       "[    3.000006]  demo_jump+0x17/0x20 [demo]\n"
	       "[    3.000007] ---[ end trace 0000000000000000 ]---\n",
	       "error oops demo_jump -:0 x1: kernel tried to execute NX-protected page - "
	       "exploit attempt? (uid: 0)\n");
}

/* What does not return has its caller's neighbour in the trace. */
static void test_a_functions_first_byte_is_no_place(void **state)
{
	(void)state;
	expect("[    3.000000] Kernel panic - not syncing: of the demo\n"
	       "[    3.000001] Call trace:\n"
	       "[    3.000002]  panic+0x144/0x324\n"
	       "[    3.000003]  demo_other+0x0/0x49c [demo]\n"
	       "[    3.000004]  demo_write+0xcc/0xf4 [demo]\n"
	       "[    3.000005] ---[ end Kernel panic - not syncing: of the demo ]---\n",
	       "fatal panic demo_write -:0 x1: Kernel panic - not syncing: of the "
	       "demo\n");
}

static void test_a_check_is_not_who_did_it(void **state)
{
	(void)state;
	expect("[    3.000000] usercopy: Kernel memory exposure attempt detected from "
	       "SLUB "
	       "object 'kmalloc-64' (offset 0, size 128)!\n"
	       "[    3.000001] ------------[ cut here ]------------\n"
	       "[    3.000002] kernel BUG at mm/usercopy.c:102!\n"
	       "[    3.000003] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n"
	       "[    3.000004] RIP: 0010:usercopy_abort+0x6c/0x80\n"
	       "[    3.000005] Call Trace:\n"
	       "[    3.000006]  __check_heap_object+0x96/0xc0\n"
	       "[    3.000007]  __check_object_size+0x1d3/0x240\n"
	       "[    3.000008]  demo_copy+0x3a/0x60 [demo]\n"
	       "[    3.000009] ---[ end trace 0000000000000000 ]---\n",
	       "error bug demo_copy mm/usercopy.c:102 x1: kernel BUG at "
	       "mm/usercopy.c:102!\n");
	/* Nobody else is told: then it is the check. */
	expect("[    3.000000] kernel BUG at mm/slub.c:435!\n"
	       "[    3.000001] RIP: 0010:__slab_free+0x152/0x2f0\n"
	       "[    3.000002] ---[ end trace 0000000000000000 ]---\n",
	       "error bug __slab_free mm/slub.c:435 x1: kernel BUG at mm/slub.c:435!\n");
}

static void test_slub_and_its_caches_names(void **state)
{
	(void)state;
	expect("[    3.000000] "
	       "=============================================================\n"
	       "[    3.000001] BUG demo_cache (Tainted: G    B      O     ): Poison "
	       "overwritten\n"
	       "[    3.000002] "
	       "-------------------------------------------------------------\n"
	       "[    3.000004] Call Trace:\n"
	       "[    3.000005]  check_bytes_and_report.cold+0x4d/0x7d\n"
	       "[    3.000006]  check_object+0x1cd/0x2e0\n"
	       "[    3.000007]  ___slab_alloc+0x52d/0xa40\n"
	       "[    3.000008]  demo_take+0x51/0x80 [demo]\n",
	       "error memory demo_take -:0 x1 later: BUG demo_cache (Tainted: G    B     "
	       " O "
	       "    ): Poison overwritten\n");
}

static void test_a_work_that_leaves_something(void **state)
{
	(void)state;
	expect("[    3.000000] BUG: workqueue leaked lock or atomic: "
	       "kworker/0:1/0x00000001/12\n"
	       "[    3.000000]      last function: demo_work [demo]\n"
	       "[    3.000002] CPU: 0 PID: 12 Comm: kworker/0:1\n"
	       "[    3.000003] Call Trace:\n"
	       "[    3.000004]  dump_stack_lvl+0x45/0x5a\n"
	       "[    3.000005]  process_one_work+0x3f4/0x400\n",
	       "error atomic-sleep demo_work -:0 x1: BUG: workqueue leaked lock or "
	       "atomic: kworker/0:1/0x00000001/12\n");
}

static void test_who_slept_is_not_who_forbade_it(void **state)
{
	(void)state;
	expect("[    3.000000] BUG: scheduling while atomic: sh/33/0x00000002\n"
	       "[    3.000001] Modules linked in: demo(O)\n"
	       "[    3.000002] Preemption disabled at:\n"
	       "[    3.000003] [<ffffffffa00011ba>] demo_begin+0xa/0x30 [demo]\n"
	       "[    3.000004] CPU: 0 PID: 33 Comm: sh\n"
	       "[    3.000005] Call Trace:\n"
	       "[    3.000006]  __schedule_bug.cold+0xae/0xc0\n"
	       "[    3.000007]  schedule+0x6a/0x100\n"
	       "[    3.000008]  demo_wait+0x14/0x30 [demo]\n",
	       "error atomic-sleep demo_wait -:0 x1: BUG: scheduling while atomic: "
	       "sh/33/0x00000002\n");
}

/* Of RCU's own lines none is the end of its report. */
static void test_a_stall_with_a_starved_thread_is_one(void **state)
{
	(void)state;
	expect("[   60.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n"
	       "[   60.000001] rcu: \t0-....: (1249 ticks this GP) idle=0f1c/1/0x4000 "
	       "softirq=58/58 fqs=0\n"
	       "[   60.000003] CPU: 0 PID: 42 Comm: sh\n"
	       "[   60.000004] RIP: 0010:demo_spin+0x1e/0x30 [demo]\n"
	       "[   60.000005] Call Trace:\n"
	       "[   60.000006]  demo_write+0x88/0xa0 [demo]\n"
	       "[   60.000007] rcu: rcu_preempt kthread starved for 1250 jiffies! g-1067 "
	       "f0x2\n"
	       "[   60.000008] rcu: \tUnless rcu_preempt kthread gets sufficient CPU "
	       "time, "
	       "OOM is now expected behavior.\n"
	       "[   60.000009] rcu: RCU grace-period kthread stack dump:\n"
	       "[   60.000010] task:rcu_preempt     state:R stack:0 pid:15\n"
	       "[   60.000011] Call Trace:\n"
	       "[   60.000012]  __schedule+0x2c2/0x900\n"
	       "[   60.000013]  rcu_gp_fqs_loop+0x104/0x4c0\n",
	       "error rcu-stall demo_spin -:0 x1: INFO: rcu_preempt self-detected stall "
	       "on "
	       "CPU\n");
}

static void test_memory_that_was_not_there(void **state)
{
	static const char state_of_memory[] =
		"[   70.000003] Mem-Info:\n"
		"[   70.000004] active_anon:12 inactive_anon:5301 isolated_anon:0\n"
		"[   70.000005] Node 0 active_anon:48kB inactive_anon:21204kB\n"
		"[   70.000006] lowmem_reserve[]: 0 0 0\n"
		"[   70.000007] 4215 total pagecache pages\n"
		"[   70.000008] 65407 pages RAM\n"
		"[   70.000009] 0 pages HighMem/MovableOnly\n"
		"[   70.000010] 11382 pages reserved\n";
	_buf_ struct buf log = BUF_INIT;

	(void)state;
	assert_int_equal(
		buf_printf(&log,
			   "[   70.000000] dd invoked oom-killer: gfp_mask=0x1100cca("
			   "GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0\n"
			   "[   70.000001] Call Trace:\n"
			   "[   70.000002]  dump_header+0x4a/0x1f5\n%s"
			   "[   70.000011] Out of memory: Killed process 62 (sh) "
			   "total-vm:1200kB\n",
			   state_of_memory),
		0);
	expect(buf_str(&log), "warn oom - -:0 x1: dd invoked oom-killer: "
			      "gfp_mask=0x1100cca(GFP_HIGHUSER_MOVABLE), order=0, "
			      "oom_score_adj=0\n");
	buf_reset(&log);
	assert_int_equal(
		buf_printf(&log,
			   "[   70.000000] sh: page allocation failure: order:10, "
			   "mode:0xcc0(GFP_KERNEL), nodemask=(null)\n"
			   "[   70.000001] Call Trace:\n"
			   "[   70.000002]  warn_alloc+0x12c/0x1a0\n"
			   "[   70.000002]  demo_buffer+0x1c/0x30 [demo]\n%s",
			   state_of_memory),
		0);
	expect(buf_str(&log), "warn oom demo_buffer -:0 x1: sh: page allocation failure: "
			      "order:10, mode:0xcc0(GFP_KERNEL), nodemask=(null)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_double_fault_is_one),
		cmocka_unit_test(test_what_was_not_to_be_executed_is_one),
		cmocka_unit_test(test_a_functions_first_byte_is_no_place),
		cmocka_unit_test(test_a_check_is_not_who_did_it),
		cmocka_unit_test(test_slub_and_its_caches_names),
		cmocka_unit_test(test_a_work_that_leaves_something),
		cmocka_unit_test(test_who_slept_is_not_who_forbade_it),
		cmocka_unit_test(test_a_stall_with_a_starved_thread_is_one),
		cmocka_unit_test(test_memory_that_was_not_there),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
