# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fast boards: QEMU, real firmware and boot loaders, and a busybox user land, so that many
boots fit into a test.  One case of tests/e2e/ is one board with one boot chain; what must
hold on each of them is in `Trials`.

The tests of a case run in the order of their names on one board; each leaves it on its
own kernel.
"""

import json
import os
import pathlib
import random
import re
import subprocess
import threading
import time
import unittest

import image
import lab
import qemu
import tap
from desk import Desk
from scratch import SCALE

# What a trial's hang takes to be ended, and a trial that nobody confirms.
WATCHDOG_S = int(30 * max(1, SCALE))
CONFIRM_S = int(45 * max(1, SCALE))


def write(path, text, mode=0o644):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


class FastBoard(unittest.TestCase):
    """A case says what kind of board it is by these, and by disk() and firmware()."""

    NAME = "fast"
    ARCH = "x86_64"
    PROFILE = "qemu-x86-64"
    CHAIN = None  # boot.chain; None: the profile's
    CONSOLE = "ttyS0"
    FSTAB = ""
    ROOT = "/dev/vda2"
    MEMORY = 256
    SETTINGS = ()  # (key, value) of kferry's configuration

    @classmethod
    def setUpClass(cls):
        cls.desk = Desk(cls.NAME)
        cls.addClassCleanup(cls.clean_up)
        cls.kferry, cls.on_board = cls.desk.kferry, cls.desk.on_board
        cls.dir = cls.desk.dir
        lab.build_agent(cls.ARCH)
        cls.packages = lab.packages(cls.ARCH)
        cls.own = cls.dir / "own"
        cls.own_release = cls.make_own()
        cls.root = cls.dir / "root"
        cls.make_root(cls.root)
        raw = cls.dir / "disk.raw"
        image.make_disk(raw, cls.disk())
        cls.qemu = cls.machine(raw)
        cls.add_board()
        cls.power_on()
        cls.kferry("board", "setup", cls.NAME, check=0, timeout=300)

    @classmethod
    def clean_up(cls):
        if hasattr(cls, "qemu"):
            cls.qemu.cut_power()
        if not os.environ.get("KF_KEEP"):
            cls.desk.remove()

    # --- what a board is made of ---------------------------------------------------

    @classmethod
    def make_own(cls):
        """The kernel that is there before kferry comes, below cls.own; its release."""
        return lab.unpack(cls.packages / "own.kferry", cls.own)

    @classmethod
    def disk(cls):
        raise NotImplementedError

    @classmethod
    def machine(cls, raw):
        image.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw",
                  cls.dir / "disk.qcow2")
        return qemu.Qemu(cls.ARCH, cls.dir, cls.dir / "disk.qcow2", cls.firmware(),
                         cls.MEMORY)

    @classmethod
    def firmware(cls):
        return qemu.ovmf(cls.dir)

    @classmethod
    def cmdline(cls, root=None):
        """What the board's own kernel is started with, and trials too. An emulator that
        gets no time is no fault of a kernel's."""
        return (f"root={root or cls.ROOT} rw rootwait console={cls.CONSOLE} "
                "panic=5 rcupdate.rcu_cpu_stall_suppress=1 watchdog_thresh=60")

    @classmethod
    def make_root(cls, root):
        for name in ("proc", "sys", "dev", "run", "tmp", "mnt", "boot", "var/lib", "var/log",
                     "usr/local/sbin", "usr/local/bin", "etc/dropbear"):
            (root / name).mkdir(parents=True)
        lab.unpack_userland(cls.ARCH, root)
        guest = lab.LAB / "guest"
        write(root / "etc/inittab", (guest / "inittab").read_text())
        for name, place in (("rcS", "etc/init.d/rcS"), ("rcK", "etc/init.d/rcK"),
                            ("udhcpc.sh", "etc/udhcpc.sh")):
            write(root / place, (guest / name).read_text(), 0o755)
        write(root / "usr/local/sbin/lab-fault",
              (lab.LAB / "faults/lab-fault").read_text(), 0o755)
        write(root / "etc/hostname", f"{cls.NAME}\n")
        write(root / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        write(root / "etc/group", "root:x:0:\n")
        write(root / "etc/shells", "/bin/sh\n")
        write(root / "etc/fstab", cls.FSTAB)
        subprocess.run(["cp", "-a", cls.own / "modules", root / "lib"], check=True)
        cls.make_keys(root)

    @classmethod
    def make_keys(cls, root):
        key = cls.dir / "id"
        image.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        cls.host_key = cls.make_host_key(root)
        write(root / "root/.ssh/authorized_keys",
              pathlib.Path(f"{key}.pub").read_text(), 0o600)
        for path in (root / "root", root / "root/.ssh"):
            path.chmod(0o700)

    @classmethod
    def make_host_key(cls, root):
        """For the board's sshd; returns the public half."""
        key = root / "etc/dropbear/dropbear_ed25519_host_key"
        out = image.run("dropbearkey", "-t", "ed25519", "-f", key).decode()
        return next(line for line in out.splitlines() if line.startswith("ssh-"))

    @classmethod
    def add_board(cls):
        port = cls.qemu.port
        known = cls.dir / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {' '.join(cls.host_key.split()[:2])}\n")
        settings = [("board.profile", cls.PROFILE), ("board.link", "ssh"),
                    ("board.host", "127.0.0.1"), ("board.port", port), ("board.user", "root"),
                    ("board.identity", cls.dir / "id"), ("board.known_hosts", known),
                    ("kernel.initramfs", "none"), ("watchdog.timeout", f"{WATCHDOG_S}s"),
                    ("timeout.reboot", "400s"), ("timeout.confirm", "300s"),
                    ("quarantine.after", "0")]  # tests cut its power
        if cls.CHAIN:
            settings.append(("boot.chain", cls.CHAIN))
        lines = [f"{key.removeprefix('board.')} = {value}"
                 for key, value in dict([*settings, *cls.SETTINGS]).items()]
        with (cls.desk.home / ".config/kferry/config.ini").open("a") as f:
            f.write("\n".join(["[board]", f"default = {cls.NAME}", f"[board {cls.NAME}]",
                               *lines, ""]))

    # --- power ---------------------------------------------------------------------

    @classmethod
    def power_on(cls):
        said = len(cls.qemu.console())
        cls.qemu.start()
        cls.qemu.wait_console("lab: the board is up", said)

    def assert_own_kernel(self):
        self.assertIn(f"Linux version {self.own_release} ", self.desk.running()[0])

    def shut(self):
        """Off, in order."""
        self.on_board("sync")
        self.qemu.cut_power()

    def deploy(self, package, *args, **kwargs):
        return self.kferry("deploy", "--from", self.packages / f"{package}.kferry", *args,
                           **kwargs)

    # --- what the board says of itself ----------------------------------------------

    def chain(self):
        """The boot chain that a deploy gets which does not name one."""
        agent = self.kferry("-b", self.NAME, "config", "get", "agent.path", check=0).out.strip()
        status = self.on_board(agent, "status").out
        return re.search(r"(?m)^boot chain +(.*)$", status).group(1)

    def chains(self):
        """By name: whether `board info` calls it usable, and what it says of it."""
        info = json.loads(self.kferry("--json", "board", "info", check=0).out.splitlines()[0])
        return {c["name"]: (c["usable"], c["reason"]) for c in info["chains"]}

    def boots(self):
        """Newest first, as the agent has recorded them."""
        out = self.kferry("--json", "dmesg", "--list", check=0).out
        return json.loads(out.splitlines()[0])["boots"]


class Trials:
    """What every boot chain must do; a case may look closer while a kernel runs."""

    CHOSEN = None  # the boot chain that is taken
    CUTS = 3  # how often the power is cut

    def look_at_trial(self):
        pass

    def look_at_default(self):
        pass

    def falls_back(self, *args, cmdline, dies):
        """A trial that dies, and of what its console has to tell; its run's directory."""
        said = len(self.qemu.console())
        done = self.deploy("twin", "--cmdline", cmdline, *args, check=1, timeout=1200)
        self.assertIn("FAIL", done.text)
        self.assertIn("fell back", done.text)
        self.assert_own_kernel()
        directory, result = self.desk.last_run()
        self.assertEqual(result["verdict"], "FAIL")
        self.died(self.qemu.console()[said:], result["slot"], dies)
        return directory

    def died(self, console, slot, dies):
        """The trial ran, once, and ended in its own way and in no other."""
        starts = re.findall(rf"Kernel command line: .*\bkferry\.slot={slot}\b", console)
        self.assertEqual(len(starts), 1, "starts of the trial on the console")
        trial = console[console.index(starts[0]):]
        fault = re.search(r"lab-fault: setting off (\w+)", trial)
        panic = re.search(r"Kernel panic - not syncing.*", trial)
        self.assertEqual(panic is not None, dies == "panic", panic and panic.group())
        self.assertEqual(fault.group(1) if fault else None,
                         "HARDLOCKUP" if dies == "hang" else None)
        ends = {boot.get("slot"): boot.get("end") for boot in reversed(self.boots())}
        # One that died before its agent was there has left no record.
        self.assertEqual(ends.get(slot) == "deadline", dies == "unreachable", ends)

    def test_0_the_right_chain_is_chosen(self):
        self.assertEqual(self.chain(), self.CHOSEN)
        self.assertTrue(self.chains()[self.CHOSEN][0])

    def test_1_panic_falls_back(self):
        self.falls_back(cmdline="init=/nonexistent", dies="panic")

    @tap.level("long")
    def test_2_hang_is_ended_by_the_watchdog(self):
        self.falls_back(cmdline="lab.fault=HARDLOCKUP", dies="hang")

    @tap.level("long")
    def test_3_unreachable_is_ended_by_the_deadline(self):
        self.desk.set("timeout.confirm", f"{CONFIRM_S}s")
        try:
            self.falls_back(cmdline="lab.fault=NONET", dies="unreachable")
        finally:
            self.desk.set("timeout.confirm", "300s")

    def test_4_good_once_and_a_second_reboot_returns(self):
        self.deploy("trial", "--once", check=0)
        self.assertIn("-trial ", self.desk.running()[0])
        self.on_board("modprobe", "veth")
        self.look_at_trial()
        self.kferry("reboot", check=0)
        self.assert_own_kernel()

    @tap.level("long")
    def test_5_power_cut_during_a_deploy(self):
        """At random moments; the old kernel boots, and the retry converges.  KF_CUTS says how
        often, KF_SEED repeats the moments of an earlier run."""
        cuts, during = int(os.environ.get("KF_CUTS", self.CUTS)), 0
        self.assertGreater(cuts, 0, "KF_CUTS: no cut is no test")
        seed = os.environ.get("KF_SEED") or str(random.SystemRandom().randrange(1 << 31))
        moments = random.Random(seed)
        print(f"# KF_SEED={seed}", flush=True)
        for number in range(cuts):
            for kernel in self.desk.kernels():
                if kernel["id"].startswith("k-"):
                    self.kferry("kernels", "rm", kernel["id"], check=0)
            push = threading.Thread(target=lambda: self.deploy("trial", "--once"))
            push.start()
            moment = moments.uniform(0, 8 * max(1, SCALE))
            time.sleep(moment)  # a random moment is what is wanted
            alive = push.is_alive()
            self.qemu.cut_power()
            during += alive
            print(f"# cut {number + 1}: the power went after {moment:.2f} s, "
                  f"{'in the middle of' if alive else 'after'} the deploy", flush=True)
            self.power_on()  # first: a deploy that waits for the board need not wait long
            push.join()
            if "-trial " in self.desk.running()[0]:  # it had been armed by then
                self.kferry("reboot", check=0)
            self.assert_own_kernel()
        print(f"# cuts {cuts}, of these {during} in the middle of a deploy", flush=True)
        self.assertTrue(during or cuts < 3, "no cut fell into a deploy")
        self.deploy("trial", "--once", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()

    def test_6_confirmed_is_the_default_until_it_is_rolled_back(self):
        self.deploy("trial", check=0)
        self.kferry("reboot", check=0)
        self.assertIn("-trial ", self.desk.running()[0])
        self.look_at_default()
        self.kferry("kernels", "rollback", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()
