/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reports were written for these tests in the formats of the kernel's own code, of a
 * module "demo" that does what it should not.
 */
#include "tests/lib/controller/logs.h"

#include <assert.h>
#include <string.h>

#include "controller/place.h"

const char log_x86_oops[] =
	"[    0.000000] Linux version 6.12.0 (me@desk) (gcc 12.2.0) #1 SMP\n"
	"[   12.300000] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n"
	"[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
	"[   12.345680] #PF: supervisor read access in kernel mode\n"
	"[   12.345682] #PF: error_code(0x0000) - not-present page\n"
	"[   12.345684] PGD 0 P4D 0 \n"
	"[   12.345686] Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
	"[   12.345688] CPU: 1 PID: 321 Comm: cat Tainted: G           OE      6.12.0 "
	"#1\n"
	"[   12.345690] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 0.0.0\n"
	"[   12.345692] RIP: 0010:demo_read+0x1c/0x40 [demo]\n"
	"[   12.345694] Code: 00 00 90 90 90 90 0f 1f 44 00 00 48 8b 47 20 <48> 8b 40 08 "
	"c3\n"
	"[   12.345696] RSP: 0018:ffffc90000a3bd98 EFLAGS: 00010246\n"
	"[   12.345698] RAX: 0000000000000000 RBX: ffff888003a2b000 RCX: "
	"0000000000000000\n"
	"[   12.345700] FS:  00007f0b1c0e0740(0000) GS:ffff88803ec00000(0000) knlGS:0\n"
	"[   12.345702] CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033\n"
	"[   12.345704] CR2: 0000000000000008 CR3: 0000000003a3a000 CR4: "
	"00000000000006e0\n"
	"[   12.345706] Call Trace:\n"
	"[   12.345708]  <TASK>\n"
	"[   12.345710]  ? __die_body+0x1a/0x60\n"
	"[   12.345712]  vfs_read+0xa3/0x2f0\n"
	"[   12.345714]  ksys_read+0x6b/0xf0\n"
	"[   12.345716]  do_syscall_64+0x58/0x90\n"
	"[   12.345718]  entry_SYSCALL_64_after_hwframe+0x76/0xe0\n"
	"[   12.345720] RIP: 0033:0x7f0b1c1db1bd\n"
	"[   12.345722]  </TASK>\n"
	"[   12.345724] Modules linked in: demo(OE) virtio_net net_failover failover "
	"[last "
	"unloaded: other]\n"
	"[   12.345726] CR2: 0000000000000008\n"
	"[   12.345728] ---[ end trace 0000000000000000 ]---\n"
	"[   12.345730] RIP: 0010:demo_read+0x1c/0x40 [demo]\n"
	"[   12.345732] Kernel panic - not syncing: Fatal exception\n"
	"[   12.345734] Kernel Offset: disabled\n"
	"[   12.345736] ---[ end Kernel panic - not syncing: Fatal exception ]---\n";

const char log_arm64_oops[] =
	"[    3.100000] Unable to handle kernel NULL pointer dereference at virtual "
	"address "
	"0000000000000010\r\n"
	"[    3.100010] Mem abort info:\r\n"
	"[    3.100020]   ESR = 0x0000000096000004\r\n"
	"[    3.100030]   EC = 0x25: DABT (current EL), IL = 32 bits\r\n"
	"[    3.100040]   SET = 0, FnV = 0\r\n"
	"[    3.100050] Data abort info:\r\n"
	"[    3.100060]   ISV = 0, ISS = 0x00000004, ISS2 = 0x00000000\r\n"
	"[    3.100070] [0000000000000010] user address but active_mm is swapper\r\n"
	"[    3.100080] Internal error: Oops: 0000000096000004 [#1] SMP\r\n"
	"[    3.100090] Modules linked in:\r\n"
	"[    3.100100] CPU: 2 PID: 1 Comm: swapper/0 Not tainted 6.6.31 #1\r\n"
	"[    3.100110] Hardware name: Raspberry Pi 4 Model B Rev 1.4 (DT)\r\n"
	"[    3.100120] pstate: 60000005 (nZCv daif -PAN -UAO -TCO -DIT -SSBS "
	"BTYPE=--)\r\n"
	"[    3.100130] pc : brcm_probe+0x44/0x1a0\r\n"
	"[    3.100140] lr : brcm_probe+0x30/0x1a0\r\n"
	"[    3.100150] sp : ffffffc08002bb20\r\n"
	"[    3.100160] x29: ffffffc08002bb20 x28: 0000000000000000 x27: "
	"0000000000000000\r\n"
	"[    3.100170] Call trace:\r\n"
	"[    3.100180]  brcm_probe+0x44/0x1a0\r\n"
	"[    3.100190]  platform_probe+0x68/0xe0\r\n"
	"[    3.100200]  kernel_init+0x20/0x1d8\r\n"
	"[    3.100210] Code: f9400a60 b4000060 f9400c00 f9400800 (f9400800) \r\n"
	"[    3.100220] ---[ end trace 0000000000000000 ]---\r\n"
	"[    3.200000] mmc0: new high speed SDIO card at address 0001\r\n";

const char log_refcount[] = "[   20.000000] ------------[ cut here ]------------\n"
			    "[   20.000001] refcount_t: underflow; use-after-free.\n"
			    "[   20.000002] WARNING: CPU: 0 PID: 99 at lib/refcount.c:28 "
			    "refcount_warn_saturate+0xba/0x110\n"
			    "[   20.000003] Modules linked in: demo(O)\n"
			    "[   20.000004] CPU: 0 PID: 99 Comm: insmod Tainted: G       "
			    "    O       6.12.0 #1\n"
			    "[   20.000005] RIP: 0010:refcount_warn_saturate+0xba/0x110\n"
			    "[   20.000006] Call Trace:\n"
			    "[   20.000007]  <TASK>\n"
			    "[   20.000008]  ? __warn+0x81/0x130\n"
			    "[   20.000009]  demo_put+0x2b/0x40 [demo]\n"
			    "[   20.000010]  do_one_initcall+0x59/0x220\n"
			    "[   20.000011]  </TASK>\n"
			    "[   20.000012] ---[ end trace 0000000000000000 ]---\n";

const char log_list_bug[] =
	"[   21.000000] list_del corruption. prev->next should be ffff888003a2b000, but "
	"was "
	"0000000000000000. (prev=ffff888003a2b100)\n"
	"[   21.000001] ------------[ cut here ]------------\n"
	"[   21.000002] kernel BUG at lib/list_debug.c:59!\n"
	"[   21.000003] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n"
	"[   21.000004] CPU: 0 PID: 99 Comm: insmod Not tainted 6.12.0 #1\n"
	"[   21.000005] RIP: 0010:__list_del_entry_valid_or_report+0x7b/0x90\n"
	"[   21.000006] Call Trace:\n"
	"[   21.000007]  <TASK>\n"
	"[   21.000008]  ? die+0x32/0x80\n"
	"[   21.000009]  demo_del+0x14/0x30 [demo]\n"
	"[   21.000010]  </TASK>\n"
	"[   21.000011] ---[ end trace 0000000000000000 ]---\n";

const char log_kasan[] =
	"[   30.000000] "
	"==================================================================\n"
	"[   30.000001] BUG: KASAN: slab-out-of-bounds in demo_oob+0x6e/0x90 [demo]\n"
	"[   30.000002] Write of size 1 at addr ffff888003a2b080 by task insmod/120\n"
	"[   30.000003] \n"
	"[   30.000004] CPU: 0 PID: 120 Comm: insmod Not tainted 6.12.0 #1\n"
	"[   30.000005] Call Trace:\n"
	"[   30.000006]  <TASK>\n"
	"[   30.000007]  dump_stack_lvl+0x44/0x5c\n"
	"[   30.000008]  kasan_report+0xda/0x110\n"
	"[   30.000009]  demo_oob+0x6e/0x90 [demo]\n"
	"[   30.000010]  </TASK>\n"
	"[   30.000011] \n"
	"[   30.000012] Allocated by task 120:\n"
	"[   30.000013]  kasan_save_stack+0x33/0x60\n"
	"[   30.000014]  demo_oob+0x30/0x90 [demo]\n"
	"[   30.000015] \n"
	"[   30.000016] The buggy address belongs to the object at ffff888003a2b000\n"
	"[   30.000017]  which belongs to the cache kmalloc-128 of size 128\n"
	"[   30.000018] Memory state around the buggy address:\n"
	"[   30.000019]  ffff888003a2b000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
	"00\n"
	"[   30.000020] >ffff888003a2b080: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc "
	"fc\n"
	"[   30.000021]                    ^\n"
	"[   30.000022] "
	"==================================================================\n"
	"[   30.000023] Disabling lock debugging due to kernel taint\n";

const char log_lockdep[] =
	"[   40.000000] \n"
	"[   40.000001] ======================================================\n"
	"[   40.000002] WARNING: possible circular locking dependency detected\n"
	"[   40.000003] 6.12.0 #1 Tainted: G           O      \n"
	"[   40.000004] ------------------------------------------------------\n"
	"[   40.000005] insmod/130 is trying to acquire lock:\n"
	"[   40.000006] ffffffffc0402180 (lock_a){+.+.}-{3:3}, at: demo_ba+0x2b/0x50 "
	"[demo]\n"
	"[   40.000007] \n"
	"[   40.000008] but task is already holding lock:\n"
	"[   40.000009] ffffffffc04020e0 (lock_b){+.+.}-{3:3}, at: demo_ba+0x1c/0x50 "
	"[demo]\n"
	"[   40.000010] \n"
	"[   40.000011] which lock already depends on the new lock.\n"
	"[   40.000012] \n"
	"[   40.000013] \n"
	"[   40.000014] the existing dependency chain (in reverse order) is:\n"
	"[   40.000015] \n"
	"[   40.000016] -> #1 (lock_b){+.+.}-{3:3}:\n"
	"[   40.000017]        __mutex_lock+0x9b/0xb20\n"
	"[   40.000018]        demo_ab+0x2b/0x50 [demo]\n"
	"[   40.000019] \n"
	"[   40.000020] -> #0 (lock_a){+.+.}-{3:3}:\n"
	"[   40.000021]        __lock_acquire+0x12ef/0x21a0\n"
	"[   40.000022]        demo_ba+0x2b/0x50 [demo]\n"
	"[   40.000023] \n"
	"[   40.000024] other info that might help us debug this:\n"
	"[   40.000025] \n"
	"[   40.000026]  Possible unsafe locking scenario:\n"
	"[   40.000027] \n"
	"[   40.000028]        CPU0                    CPU1\n"
	"[   40.000029]        ----                    ----\n"
	"[   40.000030]   lock(lock_b);\n"
	"[   40.000031]                                lock(lock_a);\n"
	"[   40.000032] \n"
	"[   40.000033]  *** DEADLOCK ***\n"
	"[   40.000034] \n"
	"[   40.000035] 1 lock held by insmod/130:\n"
	"[   40.000036]  #0: ffffffffc04020e0 (lock_b){+.+.}-{3:3}, at: "
	"demo_ba+0x1c/0x50\n"
	"[   40.000037] \n"
	"[   40.000038] stack backtrace:\n"
	"[   40.000039] CPU: 0 PID: 130 Comm: insmod Tainted: G           O       6.12.0 "
	"#1\n"
	"[   40.000040] Call Trace:\n"
	"[   40.000041]  <TASK>\n"
	"[   40.000042]  dump_stack_lvl+0x57/0x7d\n"
	"[   40.000043]  check_noncircular+0x103/0x120\n"
	"[   40.000044]  __lock_acquire+0x12ef/0x21a0\n"
	"[   40.000045]  lock_acquire+0xc8/0x2b0\n"
	"[   40.000046]  __mutex_lock+0x9b/0xb20\n"
	"[   40.000047]  demo_ba+0x2b/0x50 [demo]\n"
	"[   40.000048]  entry_SYSCALL_64_after_hwframe+0x76/0xe0\n"
	"[   40.000049]  </TASK>\n"
	"[   40.500000] EXT4-fs (vda2): mounted filesystem with ordered data mode\n"
	"[   40.500001] systemd[1]: Started a unit\n"
	"[   40.500002] eth0: link up\n"
	"[   40.500003] eth1: link up\n";

const char log_soft_lockup[] =
	"[   50.000000][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! "
	"[insmod:123]\n"
	"[   50.000001][    C1] Modules linked in: demo(O+)\n"
	"[   50.000002][    C1] CPU: 1 PID: 123 Comm: insmod Tainted: G  O  6.12.0 #1\n"
	"[   50.000003][    C1] RIP: 0010:demo_spin+0x15/0x20 [demo]\n"
	"[   50.000004][    C1] Call Trace:\n"
	"[   50.000005][    C1]  <IRQ>\n"
	"[   50.000006][    C1]  ? watchdog_timer_fn+0x1a8/0x210\n"
	"[   50.000007][    C1]  </IRQ>\n"
	"[   50.000008][    C1]  <TASK>\n"
	"[   50.000009][    C1]  do_one_initcall+0x59/0x220\n"
	"[   50.000010][    C1]  </TASK>\n";

const char log_rcu_stall[] =
	"[   60.000000] rcu: INFO: rcu_preempt self-detected stall on CPU\n"
	"[   60.000001] rcu: \t1-....: (5250 ticks this GP) "
	"idle=0a6c/1/0x4000000000000000\n"
	"[   60.000002] rcu: \t(t=5251 jiffies g=1021 q=7 ncpus=2)\n"
	"[   60.000003] CPU: 1 PID: 140 Comm: insmod Tainted: G           O       6.12.0 "
	"#1\n"
	"[   60.000004] RIP: 0010:demo_spin+0x15/0x20 [demo]\n"
	"[   60.000005] Call Trace:\n"
	"[   60.000006]  <IRQ>\n"
	"[   60.000007]  ? rcu_dump_cpu_stacks+0xc4/0x100\n"
	"[   60.000008]  </IRQ>\n"
	"[   60.000009]  do_one_initcall+0x59/0x220\n";

const char log_hung_task[] =
	"[  242.000000] INFO: task sync:371 blocked for more than 120 seconds.\n"
	"[  242.000001]       Not tainted 6.12.0 #1\n"
	"[  242.000002] \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables "
	"this "
	"message.\n"
	"[  242.000003] task:sync            state:D stack:0     pid:371   ppid:1\n"
	"[  242.000004] Call Trace:\n"
	"[  242.000005]  <TASK>\n"
	"[  242.000006]  __schedule+0x2e9/0x7d0\n"
	"[  242.000007]  schedule+0x5e/0xd0\n"
	"[  242.000008]  demo_wait+0x12/0x30 [demo]\n"
	"[  242.000009]  </TASK>\n"
	"[  242.000010] Kernel panic - not syncing: hung_task: blocked tasks\n"
	"[  242.000011] CPU: 0 PID: 30 Comm: khungtaskd Not tainted 6.12.0 #1\n"
	"[  242.000012] ---[ end Kernel panic - not syncing: hung_task: blocked tasks "
	"]---\n";

const char log_interleaved[] =
	"[    7.000000][  T100] ------------[ cut here ]------------\n"
	"[    7.000001][  T200] ------------[ cut here ]------------\n"
	"[    7.000002][  T100] WARNING: CPU: 0 PID: 100 at a.c:1 demo_one+0x1/0x2\n"
	"[    7.000003][  T200] WARNING: CPU: 1 PID: 200 at b.c:2 demo_two+0x1/0x2\n"
	"[    7.000004][  T200] Call Trace:\n"
	"[    7.000005][  T100] Call Trace:\n"
	"[    7.000006][   T50] eth0: link is up\n"
	"[    7.000007][  T100]  one_caller+0x1/0x2\n"
	"[    7.000008][  T200]  two_caller+0x1/0x2\n"
	"[    7.000009][  T100] ---[ end trace 0000000000000000 ]---\n"
	"[    7.000010][  T200] ---[ end trace 0000000000000000 ]---\n";

struct patterns *logs_patterns(void)
{
	_free_ char *dir = NULL;
	struct kf_error err = {0};
	struct patterns *ps;

	if (place_find("controller/log/patterns", "patterns", &dir) < 0 ||
	    patterns_new(&ps) < 0 || patterns_read(ps, dir, &err) < 0 ||
	    patterns_build(ps, &err) < 0) {
		fprintf(stderr, "the patterns cannot be read: %s\n", err.msg);
		abort();
	}
	return ps;
}

struct classifier *logs_classify(const struct patterns *ps, const char *log, size_t n,
				 size_t piece)
{
	struct classifier *c;
	int r = classifier_new(ps, &c);

	assert(r == 0);
	for (size_t at = 0; at < n && r == 0;) {
		size_t len = piece && piece < n - at ? piece : n - at;

		r = classifier_text(c, log + at, len);
		at += len;
	}
	if (r == 0)
		r = classifier_end(c);
	assert(r == 0);
	return c;
}

char *logs_tell(const struct findings *f)
{
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < findings_count(f) && r == 0; i++) {
		const struct finding *it = findings_at(f, i);
		char boot[32] = "";

		if (it->boot != 1)
			snprintf(boot, sizeof(boot), "boot%u ", it->boot);
		r = buf_printf(&b, "%s %s %s %s:%u %sx%u%s: %s\n",
			       severity_name(it->severity), it->class_name,
			       it->func ? it->func : "-", it->file ? it->file : "-",
			       it->line, boot, it->count, it->later ? " later" : "",
			       it->title);
	}
	assert(r == 0 && buf_str(&b));
	return strdup(buf_str(&b));
}

char *logs_json(const struct findings *f)
{
	json_t *j = findings_json(f);
	char *text = json_dumps(j, JSON_INDENT(1) | JSON_SORT_KEYS);

	json_decref(j);
	return text;
}
