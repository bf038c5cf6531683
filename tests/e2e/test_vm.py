#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# run: first
"""
The whole of it on a virtual board: QEMU, OVMF, systemd-boot, a Debian guest, its sshd.

The tests run in the order of their names on one board, since each boot takes a while under
software emulation; each leaves the board on its known-good kernel.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
import lab  # noqa: E402
import tap  # noqa: E402
from desk import Desk  # noqa: E402
from lab import CACHE, LAB  # noqa: E402
from scratch import SCALE, wait_for  # noqa: E402
from terminal import Terminal  # noqa: E402

RELEASE_GOOD = "-e2e-good"
NAME = "e2e"
EXPOSURE_MAX = 2.5  # of 10, by systemd-analyze security


def lab_kernel(what):
    return subprocess.run([LAB / "kernel.sh", "--print", what], check=True,
                          capture_output=True).stdout.decode().strip()


def debian_kernel():
    """A cloud kernel of Debian's, by what the archive has today; its .deb in the cache."""
    kept = pathlib.Path(CACHE) / "deb"
    kept.mkdir(parents=True, exist_ok=True)
    have = sorted(kept.glob("linux-image-6.1.0-*-cloud-amd64_*.deb"))
    if have:
        return have[0]
    names = subprocess.run(
        ["apt-cache", "search", "--names-only", r"^linux-image-6\.1\.0-.*-cloud-amd64$"],
        check=True, capture_output=True).stdout.decode()
    names = sorted(line.split()[0] for line in names.splitlines())
    if not names:
        return None
    # The oldest one: the guest runs the newest.
    subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", names[0]],
                   cwd=kept, check=True, capture_output=True)
    return next(kept.glob("linux-image-6.1.0-*-cloud-amd64_*.deb"))


class Vm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.desk = Desk(NAME)
        cls.dir = cls.desk.dir
        cls.kferry, cls.on_board, cls.set = cls.desk.kferry, cls.desk.on_board, cls.desk.set
        cls.src = lab_kernel("src")
        cls.obj = lab_kernel("obj")
        cls.kferry("vm", "create", NAME, check=0, timeout=1800)
        cls.addClassCleanup(cls.remove)
        cls.kferry("vm", "up", NAME, check=0, timeout=400)
        cls.kferry("board", "setup", NAME, check=0, timeout=300)
        cls.set("board.default", NAME, general=True)
        cls.set("build.output", cls.obj)
        cls.set("timeout.reboot", 400)
        cls.set("timeout.confirm", 300)
        cls.set("quarantine.after", 0)
        cls.set("kernel.initramfs", "none")  # the lab's kernels need none
        # Never confirmed, and sent with one fault after the other.
        cls.bad = lab.packages("x86_64") / "twin.kferry"

    @classmethod
    def remove(cls):
        if os.environ.get("KF_KEEP"):
            return
        cls.kferry("vm", "rm", NAME)
        cls.desk.remove()

    @classmethod
    def ssh(cls, *words):
        """Past kferry: the guest's own sshd, with the keys that vm create made."""
        if not hasattr(cls, "ssh_argv"):
            got = {key: cls.kferry("-b", NAME, "config", "get", f"board.{key}", check=0).out.strip()
                   for key in ("known_hosts", "identity", "port", "host")}
            cls.ssh_argv = ["ssh", "-o", f"UserKnownHostsFile={got['known_hosts']}",
                            "-o", "BatchMode=yes", "-i", got["identity"], "-p", got["port"],
                            f"root@{got['host']}"]
        return [*cls.ssh_argv, *words]

    def build_id_of(self, vmlinux):
        out = subprocess.run(["readelf", "-n", vmlinux], capture_output=True, check=True)
        return re.search(r"Build ID: ([0-9a-f]+)", out.stdout.decode()).group(1)

    def falls_back(self, *args, cmdline, timeout=1200):
        before = self.desk.running()[0]
        done = self.kferry("deploy", "--from", self.bad, "--cmdline", cmdline, *args,
                           check=1, timeout=timeout)
        self.assertIn("FAIL", done.text)
        self.assertEqual(self.desk.running()[0], before)
        directory, result = self.desk.last_run()
        self.assertEqual(result["verdict"], "FAIL")
        return done, directory

    def test_0_the_agent_is_in_a_sandbox_and_commands_are_not(self):
        Vm.own = self.desk.running()[0]
        out = self.on_board("systemd-analyze", "security", "--no-pager", "kferryd.service").out
        exposure = re.search(r"exposure level for kferryd.service: ([0-9.]+)", out)
        self.assertLessEqual(float(exposure.group(1)), EXPOSURE_MAX)
        self.on_board("modprobe", "dummy")
        self.on_board("sh", "-c", "touch /root/x /tmp/x && rm /root/x /tmp/x")
        self.assertEqual(self.on_board("cat", "/proc/self/oom_score_adj").out, "0\n")
        self.assertEqual(self.on_board("echo", "$HOME ${A} $$ %n").out, "$HOME ${A} $$ %n\n")
        self.assertEqual(self.on_board("sh", "-c", "echo $HOME").out, "/root\n")
        for script, status in (("exit 3", 3), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)):
            self.kferry("exec", "--", "sh", "-c", script, check=status)
        data = random.randbytes(1_000_000)
        self.assertEqual(self.on_board("cat", stdin=data).stdout, data)
        self.on_board("install", "-m", "600", "/dev/stdin", "/root/x", stdin=data)
        self.assertEqual(self.on_board("cat", "/root/x").stdout, data)
        # Whoever ran the command must not lose it when systemd reads its units again.
        for change in (["enable", "systemd-time-wait-sync.service"],
                       ["disable", "systemd-time-wait-sync.service"],
                       ["daemon-reload"], ["stop", "dbus.socket", "dbus.service"]):
            self.on_board("systemctl", *change)
        self.on_board("systemctl", "start", "dbus.socket")
        self.kferry("exec", "--timeout", "3s", "--", "sh", "-c", "sleep 4711 & sleep 4711", check=2)
        self.kferry("exec", "--", "pgrep", "-f", "^sleep 4711", check=1)

    def test_0_a_login_shell_on_a_terminal(self):
        terminal = Terminal(self.desk, "shell", rows=31, columns=97)
        self.addCleanup(terminal.close)
        terminal.type("stty size; echo $HOME $TERM\n")
        terminal.until("31 97")
        terminal.until("/root vt100")
        terminal.type("exit 9\n")
        self.assertEqual(terminal.end()[0], 9)

    def test_0_files_go_both_ways(self):
        tree = self.dir / "tree"
        (tree / "a b").mkdir(parents=True)
        (tree / "a b/data").write_bytes(random.randbytes(300_000))
        (tree / "run").write_text("#!/bin/sh\nexit 7\n")
        (tree / "run").chmod(0o755)
        (tree / "link").symlink_to("a b/data")
        self.kferry("put", tree, "/root", check=0)
        self.kferry("exec", "--", "/root/tree/run", check=7)
        self.on_board("sh", "-c", "echo new > '/root/tree/a b/data'")
        self.kferry("get", "/root/tree/", self.dir / "back", check=0)
        self.assertEqual((self.dir / "back/a b/data").read_text(), "new\n")
        self.assertEqual(os.readlink(self.dir / "back/link"), "a b/data")
        self.assertTrue(os.access(self.dir / "back/run", os.X_OK))

    def test_0_the_graphical_session_goes_and_comes(self):
        """The unit stands in for a display manager, of which nothing but its name is known."""
        unit = self.dir / "display-manager.service"
        unit.write_text("[Unit]\nDescription=stands in for a display manager\n"
                        "[Service]\nExecStart=/bin/sleep infinity\n")
        self.kferry("put", unit, "/etc/systemd/system", check=0)
        self.on_board("systemctl", "daemon-reload")

        def manager():
            return self.kferry("exec", "--", "systemctl", "is-active", unit.name).out.strip()

        self.kferry("gui", "on", check=0)
        self.assertEqual(manager(), "active")
        self.assertRegex(self.kferry("gui", "off", check=0).err, r"gui +\S+ +off; ")
        self.assertEqual(manager(), "inactive")
        # What the agent and its commands run in is none of it.
        self.assertEqual(self.on_board("systemctl", "is-active", "kferryd.service").out, "active\n")
        self.kferry("gui", "on", "--after-reboot", check=0)
        self.assertEqual(manager(), "inactive")
        self.assertEqual(self.kferry("gui", check=0).out, "off; on after a reboot\n")
        self.kferry("gui", "off", "--after-reboot", check=0)
        self.assertEqual(self.on_board("systemctl", "get-default").out, "multi-user.target\n")

    def test_1_bd_of_a_kernel_from_source_passes(self):
        self.set("build.extra", f"LOCALVERSION={RELEASE_GOOD}")
        done = self.kferry("bd", check=0, timeout=2400, cwd=self.src)
        self.assertIn("PASS", done.text)
        self.assertTrue(self.on_board("uname", "-r").out.strip().endswith(RELEASE_GOOD))
        notes = self.on_board("cat", "/sys/kernel/notes").stdout
        self.assertIn(bytes.fromhex(self.build_id_of(f"{self.obj}/vmlinux")), notes)
        directory, _ = self.desk.last_run()
        self.assertIn(RELEASE_GOOD, (directory / "dmesg").read_text())

    def test_2_confirmed_kernel_is_the_default_after_a_plain_reboot(self):
        self.kferry("reboot", check=0)
        self.assertIn(RELEASE_GOOD, self.desk.running()[0])
        self.assertTrue(self.on_board("modprobe", "dummy").returncode == 0)

    def test_2_selftests_of_the_tree_are_run_and_counted(self):
        """Built by kselftest-install, sent, run by the tree's own runner."""
        self.kferry("test", NAME, "kselftest:membarrier", "kselftest:size", check=0, timeout=900,
                    cwd=self.src)
        directory, result = self.desk.last_run()
        self.assertEqual([s["verdict"] for s in result["suites"]], ["PASS", "PASS"])
        for number, suite in enumerate(result["suites"], 1):
            said = (directory / f"suites/{number}-kselftest/output").read_text()
            passed = len(re.findall(r"^# ok \d+ ", said, re.M))
            self.assertGreater(passed, 0)
            self.assertEqual(suite["counts"]["PASS"], passed)
            programs = re.findall(r"^ok \d+ selftests: (\S+): (\S+)$", said, re.M)
            groups = {t["name"] for t in suite["tests"] if t.get("group")}
            self.assertEqual(groups, {f"selftests.{c}.{p}" for c, p in programs})

    def test_3_panic_falls_back_and_its_text_is_kept(self):
        _, directory = self.falls_back(cmdline="init=/nonexistent")
        texts = "".join(p.read_text(errors="replace")
                        for p in (directory / "pstore").rglob("*") if p.is_file())
        self.assertIn("Kernel panic - not syncing", texts)
        self.assertIn("/nonexistent", texts)

    @tap.level("long")
    def test_4_hang_is_ended_by_the_watchdog(self):
        for name, where, mode in (("lab-fault", "/usr/local/sbin", "755"),
                                  ("lab-fault.service", "/etc/systemd/system", "644")):
            data = (LAB / "faults" / name).read_bytes()
            self.on_board("sh", "-c", f"cat > {where}/{name} && chmod {mode} {where}/{name}",
                          stdin=data)
        self.on_board("systemctl", "enable", "lab-fault.service")
        done, _ = self.falls_back(cmdline="lab.fault=HARDLOCKUP maxcpus=1")
        self.assertIn("fell back", done.text)

    @tap.level("long")
    def test_5_no_network_is_ended_by_the_deadline(self):
        self.set("timeout.confirm", int(60 * max(1, SCALE)))
        try:
            self.falls_back(cmdline="systemd.mask=systemd-networkd.service "
                                    "systemd.mask=systemd-networkd.socket")
        finally:
            self.set("timeout.confirm", 300)
        ends = self.on_board("/usr/local/sbin/kferryd", "status").out
        print("#", ends.replace("\n", "\n# "))

    def start_deb(self):
        deb = debian_kernel()
        if not deb:
            self.skipTest("the archive has no Debian cloud kernel to deploy")
        result = []
        push = threading.Thread(target=lambda: result.append(
            self.kferry("-o", "kernel.initramfs=graft", "deploy", "--from", deb, "--once",
                        timeout=1800)))
        return deb, push, result

    def staged_files(self):
        done = subprocess.run(self.ssh("find /var/lib/kferry/staging -type f | wc -l"),
                              capture_output=True, check=False)
        return int(done.stdout or 0)

    @tap.level("long")
    def test_6_agent_killed_during_install_then_again(self):
        deb, push, result = self.start_deb()
        push.start()
        wait_for("files in staging", lambda: self.staged_files() > 5, 300)
        subprocess.run(self.ssh("pkill -KILL -x kferryd"), check=True)
        push.join()
        self.assertTrue(result, "the deploy did not end")
        if result[0].returncode:
            self.assertEqual(result[0].returncode, 2)
            wait_for("the agent to be back", lambda: self.kferry("dmesg").returncode == 0, 60)
            self.kferry("-o", "kernel.initramfs=graft", "deploy", "--from", deb, "--once",
                        check=0)
        release = re.search(r"linux-image-([^_]+)_", deb.name).group(1)
        self.assertEqual(self.on_board("uname", "-r").out.strip(), release)
        _, run = self.desk.last_run()
        self.assertEqual(run["verdict"], "PASS")
        self.assertIn("graft", json.dumps(run))
        Vm.deb_release = release
        self.kferry("reboot", check=0)
        self.assertIn(RELEASE_GOOD, self.desk.running()[0])

    @tap.level("long")
    def test_7_power_cut_during_install_boots_the_old_kernel(self):
        """QEMU is killed in the middle of a push: the old kernel boots, the retry converges."""
        before = self.desk.running()[0]
        for kernel in self.desk.kernels():
            if kernel.get("release") == getattr(Vm, "deb_release", None):
                self.kferry("kernels", "rm", kernel["id"], check=0)
        deb, push, _ = self.start_deb()
        push.start()
        wait_for("files in staging", lambda: self.staged_files() > 3, 300)
        time.sleep(random.uniform(0, 1.5))  # a random instant is what is wanted
        pid = int((self.dir / f"data/kferry/vm/{NAME}/pid").read_text())
        os.kill(pid, signal.SIGKILL)
        push.join()
        self.kferry("vm", "up", NAME, check=0, timeout=400)
        self.assertEqual(self.desk.running()[0], before)
        self.kferry("-o", "kernel.initramfs=graft", "deploy", "--from", deb, "--once", check=0)
        self.assertNotEqual(self.desk.running()[0], before)

    @tap.level("long")
    def test_8_rolled_back_boots_what_was_there_before(self):
        self.kferry("reboot", check=0)
        self.assertIn(RELEASE_GOOD, self.desk.running()[0])  # once was once
        self.kferry("kernels", "rollback", check=0)
        self.kferry("reboot", check=0)
        self.assertEqual(self.desk.running()[0], Vm.own)


if __name__ == "__main__":
    if not shutil.which("qemu-system-x86_64"):
        print("qemu-system-x86_64 is not installed")
        sys.exit(77)
    tap.main()
