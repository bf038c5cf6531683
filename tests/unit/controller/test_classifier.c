/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole reports as kernels print them: what they are, where they happened, what belongs
 * to them and what does not; the forms in which logs are kept; what no log must do to us.
 * The heads themselves are tested by the examples of the pattern file (test_patterns).
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

static struct classifier *classify(const char *log)
{
	return logs_classify(ps, log, strlen(log), SIZE_MAX);
}

static void expect(const char *log, const char *want)
{
	struct classifier *c = classify(log);
	_free_ char *got = logs_tell(classifier_findings(c));

	assert_string_equal(got, want);
	classifier_free(c);
}

static const struct finding *first(struct classifier *c)
{
	const struct finding *it = findings_at(classifier_findings(c), 0);

	assert_non_null(it);
	return it;
}

static bool has_line(const struct finding *it, const char *text)
{
	return memmem(buf_data(&it->body), buf_len(&it->body), text, strlen(text)) !=
	       NULL;
}

/* --- reports ---------------------------------------------------------------------- */

static void test_oops_of_x86_and_the_panic_that_follows(void **state)
{
	struct classifier *c = classify(log_x86_oops);
	struct findings *f = classifier_findings(c);
	const struct finding *oops = first(c), *panic;

	(void)state;
	assert_int_equal(findings_count(f), 2);
	assert_string_equal(oops->class_name, "oops");
	assert_int_equal(oops->severity, SEVERITY_ERROR);
	assert_string_equal(oops->title, "BUG: kernel NULL pointer dereference, address: "
					 "0000000000000008");
	assert_string_equal(oops->func, "demo_read");
	assert_string_equal(oops->modules, "demo(OE) virtio_net net_failover failover");
	assert_string_equal(oops->taint, "GOE");
	assert_int_equal(oops->usec, 12345678);
	assert_int_equal(oops->source_line, 3);
	assert_false(oops->later);
	assert_true(has_line(oops, "Oops: 0000 [#1] PREEMPT SMP NOPTI"));
	assert_true(has_line(oops, "---[ end trace 0000000000000000 ]---"));
	assert_false(has_line(oops, "usb"));
	assert_false(has_line(oops, "Fatal exception"));
	panic = findings_at(f, 1);
	assert_string_equal(panic->class_name, "panic");
	assert_int_equal(panic->severity, SEVERITY_FATAL);
	assert_ptr_equal(panic->follows, oops);
	assert_true(panic->later);
	assert_ptr_equal(findings_cause(f), oops);
	classifier_free(c);
}

static void test_oops_of_arm64(void **state)
{
	struct classifier *c = classify(log_arm64_oops);
	const struct finding *it = first(c);

	(void)state;
	assert_int_equal(findings_count(classifier_findings(c)), 1);
	assert_string_equal(it->class_name, "oops");
	assert_string_equal(it->func, "brcm_probe");
	assert_string_equal(it->taint, "");
	assert_true(has_line(it, "Internal error: Oops: 0000000096000004 [#1] SMP"));
	assert_true(has_line(it, "Code: "));
	assert_false(has_line(it, "mmc0"));
	classifier_free(c);
}

static void test_warnings_old_and_new(void **state)
{
	(void)state;
	expect("[    2.000000] ------------[ cut here ]------------\n"
	       "[    2.000001] WARNING: CPU: 1 PID: 77 at kernel/demo.c:12 "
	       "demo_init+0x10/0x20 [demo]\n"
	       "[    2.000002] Modules linked in: demo(+)\n"
	       "[    2.000003] ---[ end trace 0000000000000000 ]---\n"
	       "[    2.000004] eth0: up\n",
	       "warn warning demo_init kernel/demo.c:12 x1: WARNING: CPU: 1 PID: 77 at "
	       "kernel/demo.c:12 demo_init+0x10/0x20 [demo]\n");
	expect("[    2.000000][   T77] ------------[ cut here ]------------\n"
	       "[    2.000001][   T77] WARNING: kernel/demo.c:12 at demo_init+0x10/0x20 "
	       "[demo], CPU#1: insmod/77\n"
	       "[    2.000003][   T77] ---[ end trace 0000000000000000 ]---\n",
	       "warn warning demo_init kernel/demo.c:12 x1: WARNING: kernel/demo.c:12 at "
	       "demo_init+0x10/0x20 [demo], CPU#1: insmod/77\n");
}

static void test_a_warnings_message_is_its_title(void **state)
{
	static const char log[] =
		"[    2.000000] ------------[ cut here ]------------\n"
		"[    2.000000] demo: the count is 3\n"
		"[    2.000001] WARNING: CPU: 1 PID: 77 at kernel/demo.c:12 foo+0x1/0x2\n"
		"[    2.000003] ---[ end trace 0000000000000000 ]---\n";
	struct classifier *c = classify(log);

	(void)state;
	assert_string_equal(first(c)->title, "demo: the count is 3");
	assert_string_equal(first(c)->first_line,
			    "WARNING: CPU: 1 PID: 77 at kernel/demo.c:12 foo+0x1/0x2");
	assert_true(has_line(first(c), "the count is 3"));
	classifier_free(c);
}

static void test_refcount_takes_its_place_from_the_trace(void **state)
{
	(void)state;
	expect(log_refcount, "warn refcount demo_put lib/refcount.c:28 x1: refcount_t: "
			     "underflow; use-after-free.\n");
}

static void test_bug_with_its_trap_is_one(void **state)
{
	(void)state;
	expect(log_list_bug, "error memory demo_del lib/list_debug.c:59 x1: list_del "
			     "corruption. prev->next should be ffff888003a2b000, but was "
			     "0000000000000000. (prev=ffff888003a2b100)\n");
	expect("[    2.000000] kernel BUG at mm/slub.c:4049!\n"
	       "[    2.000001] Oops: invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n"
	       "[    2.000002] RIP: 0010:kfree+0x2a1/0x2b0\n"
	       "[    2.000003] ---[ end trace 0000000000000000 ]---\n",
	       "error bug kfree mm/slub.c:4049 x1: kernel BUG at mm/slub.c:4049!\n");
	expect("[    2.000000] ------------[ cut here ]------------\n"
	       "[    2.000000] kernel BUG at drivers/demo.c:7!\n"
	       "[    2.000001] Internal error: Oops - BUG: 00000000f2000800 [#1] SMP\n"
	       "[    2.000002] pc : demo_bug+0x14/0x20\n"
	       "[    2.000003] ---[ end trace 0000000000000000 ]---\n",
	       "error bug demo_bug drivers/demo.c:7 x1: kernel BUG at "
	       "drivers/demo.c:7!\n");
}

static void test_kasan(void **state)
{
	struct classifier *c = classify(log_kasan);
	const struct finding *it = first(c);

	(void)state;
	assert_int_equal(findings_count(classifier_findings(c)), 1);
	assert_string_equal(it->class_name, "kasan");
	assert_string_equal(it->func, "demo_oob");
	assert_true(has_line(it, "Memory state around the buggy address:"));
	assert_true(has_line(it, ">ffff888003a2b080:"));
	assert_false(has_line(it, "Disabling lock debugging"));
	classifier_free(c);
}

static void test_lockdep(void **state)
{
	struct classifier *c = classify(log_lockdep);
	const struct finding *it = first(c);

	(void)state;
	assert_int_equal(findings_count(classifier_findings(c)), 1);
	assert_string_equal(it->class_name, "lockdep");
	assert_int_equal(it->severity, SEVERITY_WARN);
	assert_string_equal(it->func, "demo_ba");
	assert_true(has_line(it, "stack backtrace:"));
	assert_true(has_line(it, "entry_SYSCALL_64_after_hwframe"));
	assert_false(has_line(it, "EXT4-fs"));
	classifier_free(c);
}

static void test_lockups_stalls_and_hung_tasks(void **state)
{
	(void)state;
	expect(log_soft_lockup,
	       "error soft-lockup demo_spin -:0 x1: BUG: soft lockup - CPU#1 "
	       "stuck for 26s! [insmod:123]\n");
	expect(log_rcu_stall, "error rcu-stall demo_spin -:0 x1: INFO: rcu_preempt "
			      "self-detected stall on CPU\n");
	expect(log_hung_task, "error hung-task demo_wait -:0 x1: INFO: task sync:371 "
			      "blocked for more than "
			      "120 seconds.\n"
			      "fatal panic - -:0 x1 later: Kernel panic - not syncing: "
			      "hung_task: blocked "
			      "tasks\n");
}

static void test_sleeping_in_atomic(void **state)
{
	(void)state;
	expect("[    3.000000] BUG: sleeping function called from invalid context at "
	       "kernel/locking/mutex.c:580\n"
	       "[    3.000001] in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: "
	       "120, "
	       "name: insmod\n"
	       "[    3.000002] preempt_count: 1, expected: 0\n"
	       "[    3.000003] CPU: 0 PID: 120 Comm: insmod Not tainted 6.12.0 #1\n"
	       "[    3.000004] Call Trace:\n"
	       "[    3.000005]  <TASK>\n"
	       "[    3.000006]  dump_stack_lvl+0x44/0x5c\n"
	       "[    3.000007]  __might_resched.cold+0x12/0x34\n"
	       "[    3.000008]  __mutex_lock+0x33/0x900\n"
	       "[    3.000009]  ? stale_entry+0x1/0x2\n"
	       "[    3.000010]  demo_atomic+0x21/0x40 [demo]\n"
	       "[    3.000011]  </TASK>\n",
	       "error atomic-sleep demo_atomic kernel/locking/mutex.c:580 x1: BUG: "
	       "sleeping "
	       "function called from invalid context at kernel/locking/mutex.c:580\n");
}

static void test_a_trace_alone_is_one(void **state)
{
	(void)state;
	expect("[    3.000003] sysrq: Show Blocked State\n"
	       "[    3.000004] Call Trace:\n"
	       "[    3.000006]  demo_wait+0x44/0x5c\n",
	       "info trace demo_wait -:0 x1: Call Trace:\n");
}

static void test_an_oom_is_one(void **state)
{
	(void)state;
	expect("[   70.000000] stress invoked oom-killer: gfp_mask=0x100cca, order=0\n"
	       "[   70.000001] CPU: 0 PID: 99 Comm: stress Not tainted 6.12.0 #1\n"
	       "[   70.000002] Call Trace:\n"
	       "[   70.000003]  dump_stack_lvl+0x44/0x5c\n"
	       "[   70.000004]  dump_header+0x4a/0x1ff\n"
	       "[   70.000005]  oom_kill_process.cold+0xb/0x10\n"
	       "[   70.000006] Mem-Info:\n"
	       "[   70.000007] Out of memory: Killed process 99 (stress) total-vm:9kB\n"
	       "[   71.000007] Out of memory: Killed process 98 (stress) total-vm:9kB\n",
	       "warn oom - -:0 x1: stress invoked oom-killer: gfp_mask=0x100cca, "
	       "order=0\n"
	       "warn oom - -:0 x1: Out of memory: Killed process 98 (stress) "
	       "total-vm:9kB\n");
}

/* --- what belongs to what --------------------------------------------------------- */

static void test_reports_of_two_processors_are_kept_apart(void **state)
{
	struct classifier *c = classify(log_interleaved);
	struct findings *f = classifier_findings(c);

	(void)state;
	assert_int_equal(findings_count(f), 2);
	assert_string_equal(findings_at(f, 0)->func, "demo_one");
	assert_string_equal(findings_at(f, 1)->func, "demo_two");
	assert_true(has_line(findings_at(f, 0), "one_caller"));
	assert_false(has_line(findings_at(f, 0), "two_caller"));
	assert_true(has_line(findings_at(f, 1), "two_caller"));
	assert_false(has_line(findings_at(f, 1), "one_caller"));
	classifier_free(c);
}

static void test_a_report_ends_where_the_log_goes_on(void **state)
{
	static const char log[] =
		"[    3.000000] BUG: Bad page state in process foo  pfn:12345\n"
		"[    3.000001] CPU: 0 PID: 1 Comm: foo Not tainted 6.1\n"
		"[    3.000002] Call Trace:\n"
		"[    3.000003]  demo_free+0x1/0x2\n"
		"[    3.100000] usb 1-1: new high-speed USB device\n"
		"[    3.100001] eth0: link up\n"
		"[    3.100002] random: crng init done\n"
		"[    3.100003] Call Trace:\n"
		"[    3.100004]  other+0x1/0x2\n";
	struct classifier *c = classify(log);

	(void)state;
	assert_int_equal(findings_count(classifier_findings(c)), 2);
	assert_int_equal(first(c)->lines, 4);
	assert_false(has_line(first(c), "usb"));
	assert_string_equal(findings_at(classifier_findings(c), 1)->class_name, "trace");
	classifier_free(c);
}

/* One whose lines all begin alike ends with the first that does not, also with a head. */
static void test_a_report_ends_with_its_lead(void **state)
{
	static const char log[] =
		"[    5.000000] kmemleak: unreferenced object 0xffff88 (size 96):\n"
		"[    5.000000] kmemleak:   backtrace:\n"
		"[    5.000000] kmemleak:     [<0>] kmalloc_trace+0x21/0xc0\n"
		"[    5.000000] Internal error: Oops - BUG: 0000 [#1] SMP\n"
		"[    5.000000]  other+0x21/0xc0\n";
	struct classifier *c = classify(log);

	(void)state;
	assert_int_equal(findings_count(classifier_findings(c)), 2);
	assert_int_equal(first(c)->lines, 3);
	assert_null(first(c)->func);
	assert_string_equal(findings_at(classifier_findings(c), 1)->class_name, "oops");
	classifier_free(c);
}

static void test_a_long_silence_ends_a_report(void **state)
{
	struct classifier *c =
		classify("[    3.000000] BUG: Bad page state in process foo\n"
			 "[   33.000000] CPU: 0 PID: 1 Comm: x Not tainted\n");

	(void)state;
	assert_int_equal(first(c)->lines, 1);
	classifier_free(c);
}

static void test_later_ones_are_marked(void **state)
{
	(void)state;
	expect("[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 a+0x1/0x2\n"
	       "[    1.000001] ---[ end trace 0000000000000000 ]---\n"
	       "[    2.000000] BUG: one\n"
	       "[   20.000000] WARNING: CPU: 0 PID: 1 at b.c:1 b+0x1/0x2\n"
	       "[   20.000001] ---[ end trace 0000000000000000 ]---\n",
	       "warn warning a a.c:1 x1: WARNING: CPU: 0 PID: 1 at a.c:1 a+0x1/0x2\n"
	       "error bug - -:0 x1: BUG: one\n"
	       "warn warning b b.c:1 x1 later: WARNING: CPU: 0 PID: 1 at b.c:1 "
	       "b+0x1/0x2\n");
	/* The kernel says itself that something died before. */
	expect("[   20.000000] WARNING: CPU: 0 PID: 1 at b.c:1 b+0x1/0x2\n"
	       "[   20.000001] CPU: 0 PID: 1 Comm: x Tainted: G      D W  O       6.1.0 "
	       "#1\n"
	       "[   20.000002] ---[ end trace 0000000000000000 ]---\n",
	       "warn warning b b.c:1 x1 later: WARNING: CPU: 0 PID: 1 at b.c:1 "
	       "b+0x1/0x2\n");
}

static void test_the_cause_is_the_first_fatal_one(void **state)
{
	struct classifier *c = classify(
		"[    1.000000] BUG: a\n"
		"[    2.000000] Kernel panic - not syncing: Attempted to kill init!\n"
		"[    2.000001] ---[ end Kernel panic - not syncing: x ]---\n"
		"[    3.000000] Kernel panic - not syncing: another\n");
	const struct finding *cause = findings_cause(classifier_findings(c));

	(void)state;
	assert_string_equal(cause->title,
			    "Kernel panic - not syncing: Attempted to kill init!");
	classifier_free(c);
}

static void test_expected_faults_are_passed_over(void **state)
{
	(void)state;
	expect("====[ backtrace testing ]===========\n"
	       "WARNING: CPU: 0 PID: 1 at x.c:1 x+0x1/0x2\n"
	       "====[ end of backtrace testing ]====\n"
	       "WARNING: CPU: 0 PID: 1 at y.c:1 y+0x1/0x2\n",
	       "warn warning y y.c:1 x1: WARNING: CPU: 0 PID: 1 at y.c:1 y+0x1/0x2\n");
	expect("    KTAP version 1\n    # Subtest: kasan\n"
	       "BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0x1/0x2\n"
	       "    ok 1 kmalloc_oob_right\n"
	       "ok 1 kasan\n"
	       "BUG: KASAN: slab-out-of-bounds in real+0x1/0x2\n",
	       "error kasan real -:0 x1: BUG: KASAN: slab-out-of-bounds in "
	       "real+0x1/0x2\n");
	expect("| Locking API testsuite:\n"
	       "WARNING: possible recursive locking detected\n"
	       "Good, all 358 testcases passed! |\n",
	       "");
	/* A panic is never expected, and neither is a mark that does not end. */
	expect("====[ backtrace testing ]====\nKernel panic - not syncing: x\n",
	       "fatal panic - -:0 x1: Kernel panic - not syncing: x\n");
}

static void test_a_range_that_does_not_end_does(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct classifier *c;

	(void)state;
	assert_int_equal(buf_printf(&b, "====[ backtrace testing ]====\n"), 0);
	for (unsigned i = 0; i < 250; i++)
		assert_int_equal(buf_printf(&b, "line %u\n", i), 0);
	assert_int_equal(buf_printf(&b, "BUG: real\n"), 0);
	c = classify(buf_str(&b));
	assert_int_equal(findings_count(classifier_findings(c)), 1);
	classifier_free(c);
}

/* --- starts ------------------------------------------------------------------------ */

#define BANNER "[    0.000000] Linux version 6.12.0 (me@desk) (gcc) #1 SMP\n"

static void test_a_kernel_that_starts_unannounced(void **state)
{
	(void)state;
	expect(BANNER "[    5.000000] eth0: up\n" BANNER "[    1.000000] BUG: x\n",
	       "fatal reboot - -:0 x1: the kernel started again, and nothing had "
	       "announced "
	       "it\n"
	       "error bug - -:0 boot2 x1: BUG: x\n");
	/* Told by the loader already; the banner behind it is the same start. */
	expect(BANNER "U-Boot SPL 2023.01 (Jan 11 2023 - 10:00:00 +0000)\r\n"
		      "U-Boot 2023.01+dfsg-2 (Jan 11 2023 - 10:00:00 +0000)\r\n" BANNER,
	       "fatal reboot - -:0 x1: the kernel started again, and nothing had "
	       "announced "
	       "it\n");
}

static void test_starts_that_are_no_surprise(void **state)
{
	(void)state;
	expect(BANNER, "");
	expect("Booting the kernel.\n" BANNER, "");
	expect(BANNER "[    9.000000] reboot: Restarting system\n" BANNER, "");
	expect(BANNER "[    9.000000] kexec_core: Starting new kernel\n" BANNER, "");
	/* After a panic it is no news. */
	expect(BANNER "[    9.000000] Kernel panic - not syncing: x\n" BANNER,
	       "fatal panic - -:0 x1: Kernel panic - not syncing: x\n");
	/* A console that comes tells the log again. */
	expect(BANNER "[    0.500000] printk: console [ttyS0] enabled\n" BANNER, "");
	/* Files of syslog have many boots, and not all of their ends. */
	expect("Nov 21 10:00:00 host kernel: Linux version 6.12.0 (a@b)\n"
	       "Nov 21 11:00:00 host kernel: Linux version 6.12.0 (a@b)\n",
	       "");
}

static void test_the_same_in_two_boots_is_two(void **state)
{
	(void)state;
	expect(BANNER "BUG: x\nBUG: x\n[ 9.000000] reboot: Restarting system\n" BANNER
		      "BUG: x\n",
	       "error bug - -:0 x2: BUG: x\n"
	       "error bug - -:0 boot2 x1: BUG: x\n");
}

/* --- forms ------------------------------------------------------------------------- */

static void test_forms_in_which_logs_are_kept(void **state)
{
	static const char *const forms[] = {
		"%s",
		"[    1.500000] %s",
		"<0>[    1.500000] %s",
		"[    1.500000][    T1] %s",
		"[    1.500000][   C12] %s",
		"\033[1;31m[    1.500000] %s\033[0m\r",
		"[    1.500000] \033[31m%s",
		"\033]0;title\a[    1.500000] %s",
		"[    1.500000] %s\r\r",
		"\rfoo\r[    1.500000] %s",
		"login: [    1.500000] %s",
		"\377\376\001[    1.500000] %s",
		"[Mon Nov 21 10:00:00 2026] %s",
		"[10:00:00.123] [    1.500000] %s",
		"2026-11-21T10:00:00,123456+01:00 %s",
		"2026-11-21T10:00:00+0100 host kernel: %s",
		"2026-11-21T10:00:00.123456+01:00 host kernel: [    1.500000] %s",
		"Nov 21 10:00:00 host kernel: %s",
		"Nov  1 10:00:00 host kernel: [    1.500000] %s",
		"[    1.500000] host kernel: %s",
		"kern  :emerg : [    1.500000] %s",
		"kern  :emerg : [    1.500000] [    T1] %s",
		"0,123,1500000,-;%s",
		"0,123,1500000,-,caller=T12;%s",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		static const char head[] =
			"BUG: kernel NULL pointer dereference, address: 0";
		_buf_ struct buf b = BUF_INIT;
		const char *form = forms[i], *at = strstr(form, "%s");
		struct classifier *c;

		assert_int_equal(buf_append(&b, form, (size_t)(at - form)), 0);
		assert_int_equal(buf_append(&b, head, strlen(head)), 0);
		assert_int_equal(buf_append(&b, at + 2, strlen(at + 2)), 0);
		c = classify(buf_str(&b));
		if (findings_count(classifier_findings(c)) != 1)
			fail_msg("%zu findings: %s",
				 findings_count(classifier_findings(c)), form);
		assert_string_equal(first(c)->title, head);
		assert_int_equal(first(c)->usec,
				 strstr(form, "1.5") || strstr(form, ",15") ? 1500000
									    : 0);
		classifier_free(c);
	}
}

/* printk's stamp has six digits; a shorter number in brackets begins no record. */
static void test_a_short_number_in_brackets_is_no_stamp(void **state)
{
	(void)state;
	expect("x[1.5] BUG: x\n"
	       "login: [ 1.5] BUG: x\n",
	       "");
}

static void test_what_programs_say_is_not_the_kernels(void **state)
{
	(void)state;
	expect("<30>[    1.000000] BUG: x\n"
	       "<12>[    1.000000] BUG: x\n"
	       "user  :notice: [    1.000000] BUG: x\n"
	       "daemon:info  : [    1.000000] BUG: x\n"
	       "Nov 21 10:00:00 host foo[12]: BUG: x\n"
	       "Nov 21 10:00:00 host foo[12]: [    1.000000] BUG: x\n"
	       "2026-11-21T10:00:00+0100 host foo: BUG: x\n"
	       "30,123,1500000,-;BUG: x\n"
	       "systemd[1]: Started BUG: report daemon\n",
	       "");
}

static void test_records(void **state)
{
	struct classifier *c;
	const char *one =
		"4,9,1500000,-,caller=T7;WARNING: CPU: 0 PID: 7 at a.c:1 a+0x1/0x2"
		"\\x0aModules linked in: demo\n SUBSYSTEM=x\n";

	(void)state;
	assert_int_equal(classifier_new(ps, &c), 0);
	assert_int_equal(classifier_source(c, "dmesg", "boot"), 0);
	assert_int_equal(classifier_kmsg(c, one, strlen(one)), 0);
	assert_int_equal(classifier_kmsg(c, "garbage", 7), 0);
	assert_int_equal(classifier_kmsg(c, "", 0), 0);
	assert_int_equal(classifier_end(c), 0);
	assert_string_equal(first(c)->modules, "demo");
	assert_string_equal(first(c)->source, "dmesg");
	assert_string_equal(first(c)->phase, "boot");
	assert_int_equal(first(c)->usec, 1500000);
	classifier_free(c);
}

static void test_split_at_every_byte(void **state)
{
	static const char *const logs[] = {log_x86_oops, log_arm64_oops, log_kasan,
					   log_lockdep,	 log_refcount,	 log_interleaved,
					   log_hung_task};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		struct classifier *c = classify(logs[i]);
		_free_ char *whole = logs_json(classifier_findings(c));

		classifier_free(c);
		for (size_t at = 0; at <= strlen(logs[i]); at++) {
			_free_ char *got = NULL;

			c = logs_classify(ps, logs[i], strlen(logs[i]), at);
			got = logs_json(classifier_findings(c));
			assert_string_equal(got, whole);
			classifier_free(c);
		}
	}
}

/* --- the same again ---------------------------------------------------------------- */

static void test_the_same_again_is_counted(void **state)
{
	struct classifier *c;

	(void)state;
	assert_int_equal(classifier_new(ps, &c), 0);
	assert_int_equal(classifier_source(c, "dmesg", NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(classifier_text(c, "BUG: x 17\nBUG: x 18\n", 20), 0);
	assert_int_equal(classifier_source(c, "pstore/dmesg.txt", NULL), 0);
	assert_int_equal(classifier_text(c, "BUG: x 19\n", 10), 0);
	for (int i = 0; i < 2 * FINDING_SOURCES; i++) {
		char name[24];

		snprintf(name, sizeof(name), "console%d", i / 2);
		assert_int_equal(classifier_source(c, name, NULL), 0);
		assert_int_equal(classifier_text(c, "BUG: x 20\n", 10), 0);
	}
	assert_int_equal(classifier_end(c), 0);
	assert_int_equal(findings_count(classifier_findings(c)), 1);
	assert_int_equal(first(c)->count, 6);
	assert_string_equal(first(c)->source, "dmesg");
	assert_string_equal(first(c)->also[0], "pstore/dmesg.txt");
	assert_string_equal(first(c)->also[1], "console0");
	assert_string_equal(first(c)->also[FINDING_SOURCES - 1], "console6");
	classifier_free(c);
}

static void signature_of(const char *log, char out[FINDING_SIGNATURE])
{
	struct classifier *c = classify(log);

	memcpy(out, first(c)->signature, FINDING_SIGNATURE);
	classifier_free(c);
}

static void test_signatures(void **state)
{
	char a[FINDING_SIGNATURE], b[FINDING_SIGNATURE];

	(void)state;
	/* Another build, boot, process and processor. */
	signature_of("[    2.000000] WARNING: CPU: 1 PID: 77 at kernel/demo.c:12 "
		     "foo.isra.0+0x10/0x20 [demo]\n",
		     a);
	signature_of("[  812.000000][ T9] WARNING: CPU: 3 PID: 912 at kernel/demo.c:15 "
		     "foo.isra.0+0x14/0x30 [demo]\n",
		     b);
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), strlen("warning-") + 16);
	/* Another function, another file. */
	signature_of("WARNING: CPU: 1 PID: 77 at kernel/demo.c:12 bar+0x10/0x20 [demo]\n",
		     b);
	assert_string_not_equal(a, b);
	signature_of(
		"WARNING: CPU: 1 PID: 77 at kernel/other.c:12 foo+0x10/0x20 [demo]\n", b);
	assert_string_not_equal(a, b);
	signature_of("EXT4-fs error (device vda2): ext4_lookup:1707: inode #2\n", a);
	signature_of("EXT4-fs error (device vda1): ext4_lookup:1800: inode #77\n", b);
	assert_string_equal(a, b);
	signature_of("EXT4-fs error (device vda1): ext4_find_entry:1800: inode #77\n", b);
	assert_string_not_equal(a, b);
	/* It is kept in files: a change makes every known finding a new one. */
	signature_of("BUG: x\n", a);
	assert_string_equal(a, "bug-16621f6a11583f65");
}

/* --- what no log must do to us ------------------------------------------------------ */

static void test_a_flood_is_bounded(void **state)
{
	struct classifier *c;
	char text[80];

	(void)state;
	assert_int_equal(classifier_new(ps, &c), 0);
	for (int i = 0; i < 2000; i++) {
		/* Numbers do not make them different ones. */
		int n = snprintf(text, sizeof(text), "WARNING: %c%c%c\n", 'a' + i % 13,
				 'a' + i / 13 % 13, 'a' + i / 169);

		assert_int_equal(classifier_text(c, text, (size_t)n), 0);
	}
	/* Something worse still finds room. */
	assert_int_equal(classifier_text(c, "BUG: y\n", 7), 0);
	assert_int_equal(classifier_end(c), 0);
	assert_int_equal(findings_number(classifier_findings(c), SEVERITY_WARN),
			 FINDINGS_MAX);
	assert_int_equal(findings_dropped(classifier_findings(c)), 2000 - FINDINGS_MAX);
	assert_int_equal(findings_number(classifier_findings(c), SEVERITY_ERROR), 1);
	classifier_free(c);
}

static void test_a_report_without_end_is_bounded(void **state)
{
	struct classifier *c;

	(void)state;
	assert_int_equal(classifier_new(ps, &c), 0);
	assert_int_equal(classifier_text(c, "BUG: x\n", 7), 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(classifier_text(c, "  foo+0x1/0x2\n", 14), 0);
	assert_int_equal(classifier_end(c), 0);
	assert_true(first(c)->lines <= PATTERN_LINES_MAX);
	assert_true(buf_len(&first(c)->body) <= FINDING_BODY_MAX);
	classifier_free(c);
}

static void test_a_line_of_ten_megabytes(void **state)
{
	size_t n = 10u << 20;
	_free_ char *log = malloc(n + 200);
	struct classifier *c;

	(void)state;
	assert_non_null(log);
	memset(log, 'x', n);
	n += (size_t)snprintf(log + n, 200,
			      "[   12.500000] Kernel panic - not syncing: at last\n"
			      "[   12.500001] BUG: after\n");
	c = logs_classify(ps, log, n, SIZE_MAX);
	assert_int_equal(findings_count(classifier_findings(c)), 2);
	assert_string_equal(first(c)->title, "Kernel panic - not syncing: at last");
	assert_int_equal(first(c)->usec, 12500000);
	classifier_free(c);
	c = logs_classify(ps, log, n, 4097);
	assert_int_equal(findings_count(classifier_findings(c)), 2);
	classifier_free(c);
}

static void test_garbage_is_no_finding(void **state)
{
	_free_ char *log = malloc(1 << 20);
	uint32_t seed = 1;
	struct classifier *c;

	(void)state;
	assert_non_null(log);
	for (size_t i = 0; i < 1 << 20; i++) {
		seed = seed * 1664525 + 1013904223;
		log[i] = (char)(seed >> 24);
	}
	c = logs_classify(ps, log, 1 << 20, SIZE_MAX);
	assert_int_equal(findings_count(classifier_findings(c)), 0);
	classifier_free(c);
}

static void test_json_holds_bytes_that_are_no_text(void **state)
{
	struct classifier *c = classify("BUG: \xff\xfe\n");
	json_t *j = findings_json(classifier_findings(c)), *it = json_array_get(j, 0);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(it, "title")),
			    "BUG: \\xff\\xfe");
	assert_string_equal(json_string_value(json_object_get(it, "severity")), "error");
	assert_true(json_is_true(json_object_get(it, "cause")));
	json_decref(j);
	classifier_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oops_of_x86_and_the_panic_that_follows),
		cmocka_unit_test(test_oops_of_arm64),
		cmocka_unit_test(test_warnings_old_and_new),
		cmocka_unit_test(test_a_warnings_message_is_its_title),
		cmocka_unit_test(test_refcount_takes_its_place_from_the_trace),
		cmocka_unit_test(test_bug_with_its_trap_is_one),
		cmocka_unit_test(test_kasan),
		cmocka_unit_test(test_lockdep),
		cmocka_unit_test(test_lockups_stalls_and_hung_tasks),
		cmocka_unit_test(test_sleeping_in_atomic),
		cmocka_unit_test(test_a_trace_alone_is_one),
		cmocka_unit_test(test_an_oom_is_one),
		cmocka_unit_test(test_reports_of_two_processors_are_kept_apart),
		cmocka_unit_test(test_a_report_ends_where_the_log_goes_on),
		cmocka_unit_test(test_a_report_ends_with_its_lead),
		cmocka_unit_test(test_a_long_silence_ends_a_report),
		cmocka_unit_test(test_later_ones_are_marked),
		cmocka_unit_test(test_the_cause_is_the_first_fatal_one),
		cmocka_unit_test(test_expected_faults_are_passed_over),
		cmocka_unit_test(test_a_range_that_does_not_end_does),
		cmocka_unit_test(test_a_kernel_that_starts_unannounced),
		cmocka_unit_test(test_starts_that_are_no_surprise),
		cmocka_unit_test(test_the_same_in_two_boots_is_two),
		cmocka_unit_test(test_forms_in_which_logs_are_kept),
		cmocka_unit_test(test_a_short_number_in_brackets_is_no_stamp),
		cmocka_unit_test(test_what_programs_say_is_not_the_kernels),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_split_at_every_byte),
		cmocka_unit_test(test_the_same_again_is_counted),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_a_flood_is_bounded),
		cmocka_unit_test(test_a_report_without_end_is_bounded),
		cmocka_unit_test(test_a_line_of_ten_megabytes),
		cmocka_unit_test(test_garbage_is_no_finding),
		cmocka_unit_test(test_json_holds_bytes_that_are_no_text),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
