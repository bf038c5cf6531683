/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings: for each head lines as kernels print them, and lines that look alike and are
 * none; prefixes of logs and pstore; what the verdict names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/deploy/findings.h"
#include "proto/base/cleanup.h"

static const struct {
	const char *line;
	enum severity severity;
	const char *class_name;
} positive[] = {
	{"Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
	 SEVERITY_FATAL, "panic"},
	{"Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009",
	 SEVERITY_FATAL, "panic"},
	{"PANIC: double fault, error_code: 0x0", SEVERITY_FATAL, "double-fault"},
	{"NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", SEVERITY_FATAL,
	 "hard-lockup"},
	{"watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3", SEVERITY_FATAL,
	 "hard-lockup"},
	{"BUG: kernel NULL pointer dereference, address: 0000000000000008",
	 SEVERITY_ERROR, "oops"},
	{"BUG: unable to handle page fault for address: ffffffffc0000000", SEVERITY_ERROR,
	 "oops"},
	{"Unable to handle kernel paging request at virtual address dead000000000108",
	 SEVERITY_ERROR, "oops"},
	{"Unable to handle kernel NULL pointer dereference at virtual address 00000000",
	 SEVERITY_ERROR, "oops"},
	{"Internal error: Oops: 96000004 [#1] SMP", SEVERITY_ERROR, "oops"},
	{"Internal error: synchronous external abort: 96000010 [#1]", SEVERITY_ERROR,
	 "oops"},
	{"Oops: 0002 [#1] PREEMPT SMP NOPTI", SEVERITY_ERROR, "oops"},
	{"Oops: general protection fault, probably for non-canonical address 0x6b6b",
	 SEVERITY_ERROR, "oops"},
	{"Oops - undefined instruction: 0 [#1]", SEVERITY_ERROR, "oops"},
	{"general protection fault, probably for non-canonical address 0x6b6b: 0000 [#1]",
	 SEVERITY_ERROR, "trap"},
	{"stack segment: 0000 [#1] SMP", SEVERITY_ERROR, "trap"},
	{"divide error: 0000 [#1] SMP", SEVERITY_ERROR, "trap"},
	{"invalid opcode: 0000 [#1] PREEMPT SMP", SEVERITY_ERROR, "trap"},
	{"int3: 0000 [#1] SMP", SEVERITY_ERROR, "trap"},
	{"Unhandled fault: external abort on non-linefetch (0x1008) at 0xb6f0c000",
	 SEVERITY_ERROR, "trap"},
	{"SError Interrupt on CPU0, code 0x00000000be000000", SEVERITY_ERROR, "trap"},
	{"kernel BUG at mm/slub.c:4049!", SEVERITY_ERROR, "bug"},
	{"BUG: KASAN: use-after-free in foo+0x10/0x20", SEVERITY_ERROR, "kasan"},
	{"BUG: KMSAN: uninit-value in foo", SEVERITY_ERROR, "kmsan"},
	{"BUG: KFENCE: out-of-bounds read in foo+0x1", SEVERITY_ERROR, "kfence"},
	{"BUG: KCSAN: data-race in a / b", SEVERITY_ERROR, "kcsan"},
	{"UBSAN: shift-out-of-bounds in lib/foo.c:12:3", SEVERITY_ERROR, "ubsan"},
	{"watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:42]",
	 SEVERITY_ERROR, "soft-lockup"},
	{"BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!",
	 SEVERITY_ERROR, "workqueue-lockup"},
	{"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", SEVERITY_ERROR,
	 "rcu-stall"},
	{"INFO: rcu_sched self-detected stall on CPU", SEVERITY_ERROR, "rcu-stall"},
	{"rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... }",
	 SEVERITY_ERROR, "rcu-stall"},
	{"INFO: task sync:371 blocked for more than 120 seconds.", SEVERITY_ERROR,
	 "hung-task"},
	{"INFO: task dd:9 blocked in I/O wait for more than 120 seconds.", SEVERITY_ERROR,
	 "hung-task"},
	{"BUG: sleeping function called from invalid context at "
	 "kernel/locking/mutex.c:580",
	 SEVERITY_ERROR, "atomic-sleep"},
	{"BUG: scheduling while atomic: swapper/0/1/0x00000002", SEVERITY_ERROR,
	 "atomic-sleep"},
	{"BUG: using smp_processor_id() in preemptible [00000000] code: foo/1",
	 SEVERITY_ERROR, "atomic-sleep"},
	{"[ BUG: Invalid wait context ]", SEVERITY_ERROR, "atomic-sleep"},
	{"BUG: Bad page state in process foo  pfn:12345", SEVERITY_ERROR, "memory"},
	{"BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:1", SEVERITY_ERROR,
	 "memory"},
	{"BUG: Dentry 00000000{i=1,n=x}  still in use (1) [unmount of ext4 vda2]",
	 SEVERITY_ERROR, "memory"},
	{"BUG: memory leak", SEVERITY_ERROR, "memory"},
	{"list_del corruption. prev->next should be ffff, but was 0000", SEVERITY_ERROR,
	 "memory"},
	{"list_add corruption. next->prev should be prev", SEVERITY_ERROR, "memory"},
	{"VFS: Busy inodes after unmount of vda1 (ext4)", SEVERITY_ERROR, "memory"},
	{"BUG: stack guard page was hit at 00000000 (stack is 0..1)", SEVERITY_ERROR,
	 "stack"},
	{"BUG: TASK stack guard page was hit at 00000000", SEVERITY_ERROR, "stack"},
	{"Insufficient stack space to handle exception!", SEVERITY_ERROR, "stack"},
	{"rust_kernel: panicked at drivers/foo.rs:1:2:", SEVERITY_ERROR, "rust"},
	{"BUG: something that nobody has thought of", SEVERITY_ERROR, "bug"},
	{"refcount_t: underflow; use-after-free.", SEVERITY_WARNING, "refcount"},
	{"unregister_netdevice: waiting for lo to become free. Usage count = 2",
	 SEVERITY_WARNING, "refcount"},
	{"WARNING: possible circular locking dependency detected", SEVERITY_WARNING,
	 "lockdep"},
	{"WARNING: inconsistent lock state", SEVERITY_WARNING, "lockdep"},
	{"WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", SEVERITY_WARNING,
	 "lockdep"},
	{"INFO: trying to register non-static key.", SEVERITY_WARNING, "lockdep"},
	{"WARNING: suspicious RCU usage", SEVERITY_WARNING, "rcu-usage"},
	{"Out of memory: Killed process 12 (foo) total-vm:1kB", SEVERITY_WARNING, "oom"},
	{"EXT4-fs error (device vda2): ext4_lookup:1707: inode #2", SEVERITY_WARNING,
	 "storage"},
	{"XFS (vda2): Corruption detected. Unmount and run xfs_repair", SEVERITY_WARNING,
	 "storage"},
	{"I/O error, dev vda, sector 0 op 0x0:(READ)", SEVERITY_WARNING, "storage"},
	{"WARNING: CPU: 0 PID: 1 at kernel/foo.c:12 foo+0x1/0x2", SEVERITY_WARNING,
	 "warning"},
	{"WARNING: kernel/foo.c:12 at foo+0x1/0x2, CPU#0: swapper/1", SEVERITY_WARNING,
	 "warning"},
};

static const char *const negative[] = {
	"ODEBUG: free active (active state 0) object type: timer_list",
	"Boot_DEBUG: hello",
	"---[ end Kernel panic - not syncing: Attempted to kill init! ]---",
	"traps: foo[123] trap invalid opcode ip:0 sp:0 error:0",
	"traps: foo[123] general protection fault ip:0 sp:0 error:0",
	"foo[12]: segfault at 0 ip 0 sp 0 error 4 in libc.so",
	"Alignment trap: foo (12) PC=0x1 Instr=0x2 Address=0x3 FSR 0x1",
	"INFO: lockdep is turned off.",
	"INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.2 msecs",
	"INFO: Stall ended before state dump start",
	"EXT4-fs (vda2): INFO: recovery required on readonly filesystem",
	"INFO: task sync:371 is fine",
	"INFO: rcu_preempt is running",
	"WARNING: workqueue cpumask: online intersect > possible intersect",
	"WARNING: The mand mount option has been deprecated",
	"WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible",
	"Spectre V2 : WARNING: Unprivileged eBPF is enabled",
	"Call Trace:",
	"Linux version 6.1.0 (a@b) #1 SMP",
	"Command line: panic=10 oops=panic softlockup_panic=1",
	"systemd[1]: Started BUG: report daemon",
	"",
};

static void found(const char *line, size_t want, struct findings **ret)
{
	assert_int_equal(findings_new(ret), 0);
	assert_int_equal(findings_line(*ret, line, strlen(line), "log"), 0);
	if (findings_count(*ret) != want)
		fail_msg("%zu findings in: %s", findings_count(*ret), line);
}

static void test_each_head_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(positive); i++) {
		struct findings *f;
		const struct finding *it;

		found(positive[i].line, 1, &f);
		it = findings_at(f, 0);
		if (strcmp(it->class_name, positive[i].class_name) != 0 ||
		    it->severity != positive[i].severity)
			fail_msg("%s, severity %d: %s", it->class_name, it->severity,
				 positive[i].line);
		findings_free(f);
	}
}

static void test_what_looks_alike_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(negative); i++) {
		struct findings *f;

		found(negative[i], 0, &f);
		findings_free(f);
	}
}

static void test_stamps_of_console_and_pstore(void **state)
{
	static const char *const lines[] = {
		"<0>[    1.500000] Kernel panic - not syncing: x",
		"[    1.500000] Kernel panic - not syncing: x",
		"[    1.500000][    T1] Kernel panic - not syncing: x",
		"[    1.500000][   C12] Kernel panic - not syncing: x",
		"<0>[    1.500000] Kernel panic - not syncing: x\r\n",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct findings *f;

		found(lines[i], 1, &f);
		assert_string_equal(findings_at(f, 0)->title,
				    "Kernel panic - not syncing: x");
		assert_int_equal(findings_at(f, 0)->usec, 1500000);
		findings_free(f);
	}
}

static void test_only_the_kernels_own_records(void **state)
{
	struct kmsg_record r = {.text = "BUG: x", .text_len = 6, .usec = 7};
	struct findings *f;

	(void)state;
	assert_int_equal(findings_new(&f), 0);
	r.facility = 3;
	assert_int_equal(findings_record(f, &r, "log"), 0);
	assert_int_equal(findings_count(f), 0);
	r.facility = 0;
	assert_int_equal(findings_record(f, &r, "log"), 0);
	assert_int_equal(findings_count(f), 1);
	assert_int_equal(findings_at(f, 0)->usec, 7);
	findings_free(f);
}

static void line(struct findings *f, const char *text)
{
	assert_int_equal(findings_line(f, text, strlen(text), "log"), 0);
}

static void test_same_again_is_counted(void **state)
{
	struct findings *f;

	(void)state;
	found("WARNING: x", 1, &f);
	line(f, "[    2.000000] WARNING: x");
	line(f, "WARNING: y");
	assert_int_equal(findings_count(f), 2);
	assert_int_equal(findings_at(f, 0)->count, 2);
	assert_int_equal(findings_line(f, "WARNING: x", 10, "pstore/dmesg.txt"), 0);
	assert_int_equal(findings_at(f, 0)->count, 2);
	assert_string_equal(findings_at(f, 0)->source, "log");
	assert_null(findings_at(f, 2));
	findings_free(f);
}

static void test_worst_is_the_first_of_the_highest(void **state)
{
	struct findings *f;

	(void)state;
	assert_int_equal(findings_new(&f), 0);
	assert_null(findings_worst(f));
	line(f, "WARNING: x");
	line(f, "BUG: first");
	line(f, "BUG: second");
	assert_string_equal(findings_worst(f)->title, "BUG: first");
	line(f, "Kernel panic - not syncing: x");
	assert_string_equal(findings_worst(f)->class_name, "panic");
	findings_free(f);
}

static void test_self_test_is_passed_over(void **state)
{
	struct findings *f;

	(void)state;
	assert_int_equal(findings_new(&f), 0);
	line(f, "====[ backtrace testing ]===========");
	line(f, "WARNING: CPU: 0 PID: 1 at x");
	line(f, "====[ end of backtrace testing ]====");
	assert_int_equal(findings_count(f), 0);
	line(f, "WARNING: CPU: 0 PID: 1 at x");
	assert_int_equal(findings_count(f), 1);
	findings_free(f);
}

static void test_a_flood_is_bounded(void **state)
{
	struct findings *f;
	char text[64];

	(void)state;
	assert_int_equal(findings_new(&f), 0);
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "WARNING: number %d", i);
		line(f, text);
	}
	assert_int_equal(findings_count(f), 256);
	findings_free(f);
}

static void test_json_holds_bytes_that_are_no_text(void **state)
{
	struct findings *f;
	json_t *j;

	(void)state;
	found("BUG: \xff\xfe", 1, &f);
	j = findings_json(f);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(j, 0), "title")),
		"BUG: \\xff\\xfe");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(j, 0), "severity")),
		"error");
	json_decref(j);
	findings_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_head_is_found),
		cmocka_unit_test(test_what_looks_alike_is_not),
		cmocka_unit_test(test_stamps_of_console_and_pstore),
		cmocka_unit_test(test_only_the_kernels_own_records),
		cmocka_unit_test(test_same_again_is_counted),
		cmocka_unit_test(test_worst_is_the_first_of_the_highest),
		cmocka_unit_test(test_self_test_is_passed_over),
		cmocka_unit_test(test_a_flood_is_bounded),
		cmocka_unit_test(test_json_holds_bytes_that_are_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
