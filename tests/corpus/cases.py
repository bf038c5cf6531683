# SPDX-License-Identifier: GPL-2.0-or-later
"""
What make.py boots: one case is one boot and one log.  Of each: the kernel, what the guest's
shell does, and what stands on the kernel's command line besides.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    kernel: str  # debug, debian, plain or arm64
    script: str
    cmdline: str = ""  # those with the same share a boot
    seconds: int = 90  # of the boot and the script, on an idle machine
    initramfs: bool = True
    loglevel: int = 6  # until the fault: the banner is there, the rest of a boot is not
    clean: bool = False  # goes into clean/
    results: bool = False  # of tests: what the script sends to /dev/ttyS1 goes into results/
    kselftest: bool = False  # the guest has the kernel's own tests in /kselftest
    restarts: bool = False  # the machine goes on

    @property
    def alone(self):
        return bool(self.clean or self.results or self.restarts or not self.initramfs
                    or "rdinit=" in self.cmdline)

    @property
    def place(self):
        arch = "arm64" if self.kernel == "arm64" else "x86_64"
        if self.results:
            return f"results/{self.name}"
        return f"clean/{self.name}" if self.clean else f"logs/{arch}/{self.name}"


def fault(name, kernel="debug", script="sleep 1", first="", as_name=None, **more):
    """One that the module kf_faults sets off; first and script: what comes before and after."""
    lines = f"{first}fault {name}\n{script}"
    prefix = {"debug": "debug-", "debian": "", "plain": "plain-", "arm64": ""}[kernel]
    return Case(prefix + (as_name or name), kernel, lines, **more)


# Settings of a running kernel, for the beginning of a script.
NO_STALL = "echo 1 >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress\n"
STALL_SOON = ("sysctl -qw kernel.soft_watchdog=0\n"
              "echo 5 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout\n")
LOCKUP_SOON = NO_STALL + "sysctl -qw kernel.watchdog_thresh=4\n"
HUNG = "sysctl -qw kernel.hung_task_timeout_secs=10\n"
FENCE = "echo 1 >/sys/module/kfence/parameters/sample_interval\n"
TIME = "printk.time=1"
# What one of several checks would say before the one that is meant.
SLUB = "slub_debug=FZPU"

OOPSES = ["null-read", "null-write", "null-call", "bad-read", "bad-write", "user-read",
          "rodata-write", "data-call", "irq-null", "bug", "bug-on", "panic"]
X86 = ["gpf", "divide", "int3", "opcode", "double-fault"]
WARNINGS = ["warn", "warn-on", "warn-once", "warn-again", "warn-twice", "refcount-underflow",
            "refcount-add", "refcount-saturated", "refcount-leak", "trace", "duplicate", "probe"]
# What Debian's kernel has a check for.
CHECKED = ["stack-overflow", "stack-smash", "stack-end", "list-del-twice", "list-del", "list-add",
           "schedule-atomic", "work-atomic", "timer-atomic", "rcu-sleeps", "bad-page", "rss",
           "pgtables", "alloc-fails", "vmalloc-fails", "double-free", "cache-busy", "fortify",
           "usercopy"]
# What only the debug kernel has one for.
DEBUG = ["kasan-stack", "odebug", "list-del-twice",
         "abba", "recursive", "irq-state", "irq-order", "irq-inversion", "unlock-twice",
         "freed-held", "left-held", "no-key", "not-nested", "bad-magic", "mutex-magic",
         "sleep-locked", "sleep-irqs-off", "schedule-atomic", "which-cpu", "rcu-unlocked",
         "rcu-sleeps", "null-read", "bad-read", "user-read", "gpf",
         "oob-read", "oob-write", "uaf-read", "uaf-write", "double-free", "invalid-free",
         "oob-global", "oob-vmalloc", "oob-memset", "bounds", "shift", "bool", "divide-c",
         "warn", "refcount-underflow"]

# What kferry's suite kunit reads; then a module's log, and what debugfs has of it.
KUNIT = """
{ echo "@@ debugfs"; cat /sys/kernel/debug/kunit/*/results; } >/dev/ttyS1
dmesg -c >/dev/null
insmod /lib/corpus/test_hash.ko
insmod /lib/corpus/kf_kunit.ko
{ echo "@@ modules.dmesg"; dmesg; } >/dev/ttyS1
{ echo "@@ modules-debugfs"; cat /sys/kernel/debug/kunit/kf_*/results; } >/dev/ttyS1
echo "@@ end" >/dev/ttyS1
"""
CHECKERS = """
dmesg -c >/dev/null
insmod /lib/corpus/{0}_test.ko
{{ echo "@@ dmesg"; dmesg; echo "@@ debugfs"; cat /sys/kernel/debug/kunit/{0}/results
echo "@@ end"; }} >/dev/ttyS1
"""
KSELFTEST = """
ip link set lo up
cd /kselftest
./run_kselftest.sh {} 2>&1 | cat >/tmp/out
{{ echo "@@ output"; cat /tmp/out; echo "@@ dmesg"; dmesg; echo "@@ end"; }} >/dev/ttyS1
"""
# Of timers those that need no minutes of a processor.
TIMERS = ["posix_timers", "nanosleep", "nsleep-lat", "set-timer-lat", "mqueue-lat", "rtcpie"]

MOUNT = "mkdir -p /mnt\nmount -t tmpfs kf /mnt\necho x >/mnt/file\n"
DIE = "sysctl -qw kernel.{}=1\n"

CASES = [
    # Debian's kernel.
    *(fault(name, "debian") for name in OOPSES + X86 + WARNINGS + CHECKED),
    *(fault(name, "debian", as_name=f"slub-{name}", cmdline=SLUB)
      for name in ("redzone", "poison", "double-free")),
    fault("soft-lockup", "debian", first=LOCKUP_SOON),
    fault("soft-lockup", "debian", as_name="soft-lockup-panics",
          first=LOCKUP_SOON + DIE.format("softlockup_panic")),
    fault("rcu-stall", "debian", first=STALL_SOON),
    fault("rcu-stall-off", "debian", first=STALL_SOON),
    fault("rcu-stall-off", "debian", as_name="rcu-stall-panics",
          first=STALL_SOON + DIE.format("panic_on_rcu_stall")),
    fault("hung", "debian", script="sleep 25", first=HUNG),
    fault("hung-two", "debian", script="sleep 25", first=HUNG),
    fault("hung", "debian", as_name="hung-panics", script="sleep 25",
          first=HUNG + DIE.format("hung_task_panic")),
    fault("null-read", "debian", as_name="oops-panics", first=DIE.format("panic_on_oops")),
    fault("warn", "debian", as_name="warn-panics", first=DIE.format("panic_on_warn")),
    Case("sysrq", "debian", "echo 1 >/proc/sys/kernel/sysrq\necho c >/proc/sysrq-trigger"),
    Case("init-exits", "debian", "exit 3"),
    Case("init-killed", "debian", "exec /bin/crash"),
    Case("warn-then-oops", "debian", "fault warn-on\nfault null-read\nfault warn\nsleep 1"),
    Case("segfault", "debian", "/bin/crash\nsleep 1"),

    # The debug kernel, with printk's callers.
    *(fault(name) for name in DEBUG),
    *(fault(name, first=FENCE) for name in ("fence-oob", "fence-uaf", "fence-corrupt",
                                            "fence-free")),
    fault("spin-twice", script="sleep 30", first=NO_STALL),
    fault("workqueue", script="sleep 30",
          first=NO_STALL + "echo 5 >/sys/module/workqueue/parameters/watchdog_thresh\n"),
    fault("rcu-stall", first=STALL_SOON),
    fault("oob-read", as_name="kasan-panics", first=DIE.format("panic_on_warn")),
    Case("debug-leak", "debug", "echo 1 >/sys/module/kmemleak/parameters/verbose\n"
         "fault leak\nsleep 6\necho scan >/sys/kernel/debug/kmemleak\n"
         "sleep 6\necho scan >/sys/kernel/debug/kmemleak\nsleep 2"),
    Case("debug-lock-then-hang", "debug", HUNG + "fault abba\nfault hung\nsleep 25"),

    # The lab's kernel, which has few checks and says no time.
    *(fault(name, "plain") for name in OOPSES + X86),
    *(fault(name, "plain") for name in ("warn", "warn-on", "warn-once", "warn-again",
                                        "warn-twice", "refcount-underflow", "refcount-add",
                                        "refcount-saturated", "refcount-leak", "trace",
                                        "duplicate", "probe", "vmalloc-fails",
                                        "rss", "pgtables")),
    fault("null-read", "plain", as_name="oops-panics", first=DIE.format("panic_on_oops")),
    fault("warn", "plain", as_name="warn-panics", first=DIE.format("panic_on_warn")),
    fault("soft-lockup", "plain", first=LOCKUP_SOON),
    fault("soft-lockup", "plain", as_name="soft-lockup-panics",
          first=LOCKUP_SOON + DIE.format("softlockup_panic")),
    # To its second report: what comes at 30 s is the third.
    fault("hung-two", "plain", script="sleep 27", first=HUNG),
    fault("hung", "plain", as_name="hung-panics", script="sleep 25",
          first=HUNG + DIE.format("hung_task_panic")),
    Case("plain-sysrq", "plain", "echo c >/proc/sysrq-trigger"),
    Case("plain-init-exits", "plain", "exit 3"),
    Case("plain-init-killed", "plain", "exec /bin/crash"),
    Case("plain-segfault", "plain", "/bin/crash\nsleep 1"),
    Case("plain-warn-then-oops", "plain",
         "fault warn-on\nfault null-read\nfault warn\nsleep 1"),
    Case("plain-dentry", "plain", MOUNT + "fault dentry\numount /mnt\nsleep 1"),
    Case("plain-inode", "plain", MOUNT + "fault inode\numount /mnt\nsleep 1"),
    Case("plain-oom", "plain", "mount -t tmpfs -o size=100% kf /tmp\n"
         "sh -c 'dd if=/dev/zero of=/tmp/big bs=1M; sleep 1'\nsleep 1"),
    Case("plain-oom-panics", "plain", DIE.format("panic_on_oom").replace("kernel.", "vm.") +
         "mount -t tmpfs -o size=100% kf /tmp\ndd if=/dev/zero of=/tmp/big bs=1M\nsleep 1"),
    Case("plain-netdev", "plain", "insmod /lib/corpus/dummy.ko numdummies=1\nfault netdev\n"
         "(rmmod dummy) &\nsleep 25"),
    Case("plain-ext4", "plain", "insmod /lib/corpus/loop.ko\nmkdir -p /mnt\n"
         "losetup /dev/loop0 /lib/corpus/broken.ext4\nmount -t ext4 /dev/loop0 /mnt\n"
         "ls -l /mnt /mnt/dir\nsleep 1"),
    Case("plain-no-init", "plain", "", cmdline="rdinit=/nonexistent"),
    Case("plain-no-root", "plain", "", initramfs=False),
    Case("plain-restarts", "plain", "dmesg -n 1\necho b >/proc/sysrq-trigger", restarts=True),

    # arm64, the lab's kernel.
    *(fault(name, "arm64", cmdline=TIME) for name in OOPSES + [
        "warn", "warn-on", "warn-again", "refcount-underflow", "refcount-leak", "trace", "probe"]),
    fault("null-read", "arm64", as_name="oops-panics", cmdline=TIME,
          first=DIE.format("panic_on_oops")),
    fault("hung", "arm64", script="sleep 25", cmdline=TIME, first=HUNG),
    fault("soft-lockup", "arm64", cmdline=TIME, first=LOCKUP_SOON),
    fault("rcu-stall-off", "arm64", cmdline=TIME, first=STALL_SOON),
    Case("init-exits", "arm64", "exit 3", cmdline=TIME),
    Case("init-killed", "arm64", "exec /bin/crash", cmdline=TIME),

    # Results of tests.
    Case("kunit", "debug", KUNIT, results=True, loglevel=8, seconds=900,
         cmdline="kunit.enable=1"),
    Case("kunit-kasan", "debug", CHECKERS.format("kasan"), results=True, seconds=900,
         cmdline="kunit.enable=1 kunit.filter_glob=none"),
    Case("kunit-kfence", "debug", CHECKERS.format("kfence"), results=True, seconds=900,
         cmdline="kunit.enable=1 kunit.filter_glob=none kfence.sample_interval=20"),
    Case("kselftest", "plain", KSELFTEST.format(" ".join(
        f"-c {name}" for name in ("core", "kcmp", "membarrier", "mincore", "pidfd", "proc",
                                  "sigaltstack", "size", "splice", "tmpfs"))),
         results=True, kselftest=True, seconds=900),
    Case("kselftest-timers", "plain", KSELFTEST.format(" ".join(
        f"-t timers:{name}" for name in TIMERS)), results=True, kselftest=True, seconds=900),

    # Nothing is wrong.
    *(Case(name, kernel, "sleep 2", loglevel=8, clean=True) for name, kernel in (
        ("debug-x86_64", "debug"), ("debian-amd64", "debian"), ("plain-x86_64", "plain"),
        ("virt-arm64", "arm64"))),
]
