#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Modules of a running kernel, really loaded and unloaded: a fast board with systemd-boot.

The changed module is crc32test of trial.kferry with another text in what it logs, and the
build-id of another build: no compiler is needed, and the kernel is none the wiser.
"""

import io
import json
import pathlib
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import digest, wait_for  # noqa: E402
from sdboot import SdBoot  # noqa: E402

OLD, NEW = b"crc32c: self tests passed", b"crc32c: SELF TESTS PASSED"


def altered(package, out, name, change):
    """A copy of a package in which the file that ends in `name` is change(its bytes); its
    slot's id."""
    raw = subprocess.run(["zstd", "-dqc", package], stdout=subprocess.PIPE, check=True).stdout
    files = {}
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for member in tar:
            files[member.name] = (member, tar.extractfile(member).read())
    path = next(p for p in files if p.endswith(name))
    before = files[path][1]
    after = change(before)
    assert after != before and len(after) == len(before)
    files[path] = (files[path][0], after)
    manifest = files["manifest"][1].replace(digest(before).encode(), digest(after).encode())
    files["manifest"] = (files["manifest"][0], manifest)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in files.values():
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    subprocess.run(["zstd", "-qf", "-o", out], input=made.getvalue(), check=True)
    return "k-" + digest(manifest)[:8]


def another_text(module):
    """And another build-id: the note's bytes are in the file as the kernel shows them."""
    note = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"
    at = module.index(note) + len(note)
    module = module[:at] + bytes(b ^ 0xff for b in module[at:at + 20]) + module[at + 20:]
    return module.replace(OLD, NEW)


class Modules(SdBoot):
    NAME = "modules"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.changed = cls.dir / "changed.kferry"
        cls.slot = altered(cls.packages / "trial.kferry", cls.changed, "/crc32test.ko",
                           another_text)

    def boot_id(self):
        return self.on_board("cat", "/proc/sys/kernel/random/boot_id").out

    def listed(self, *names):
        done = self.kferry("--json", "module", "list", *names, check=0)
        events = [json.loads(line) for line in done.out.splitlines()]
        return next(e for e in events if e["event"] == "module-list")

    def test_1_a_foreign_kernels_are_not_replaced(self):
        done = self.kferry("deploy", "--from", self.changed, "--modules", check=2)
        self.assertIn("a kernel that kferry did not boot", done.err)

    def test_2_load_list_unload(self):
        self.deploy("trial", "--once", check=0)
        done = self.kferry("module", "load", "dummy", "numdummies=2", check=0)
        self.assertIn("dummy loaded", done.text)
        self.on_board("sh", "-c", "ls -d /sys/class/net/dummy1")
        self.kferry("module", "unload", "dummy", check=0)
        self.on_board("sh", "-c", "! ls -d /sys/class/net/dummy0")
        done = self.kferry("module", "load", "crc32test", check=0)
        self.assertIn(OLD.decode(), done.out)
        one = self.listed("crc32test")
        self.assertEqual(one["modules"][0]["slot"], one["running_slot"])
        self.on_board("sh", "-c", "dd if=/dev/zero of=/tmp/disk bs=1k count=64 && "
                      "modprobe loop && losetup /dev/loop0 /tmp/disk")
        done = self.kferry("module", "unload", "loop", check=2)
        self.assertIn("loop cannot be unloaded", done.err)
        self.on_board("losetup", "-d", "/dev/loop0")
        self.kferry("module", "unload", "loop", check=0)

    def test_3_the_new_line_without_a_reboot(self):
        before = self.boot_id()
        done = self.kferry("deploy", "--from", self.changed, "--modules", "--reload",
                           "crc32test", check=0)
        self.assertIn(NEW.decode(), done.out)
        self.assertNotIn(OLD.decode(), done.out)
        self.assertIn("1 of 8 modules changed (crc32test)", done.text)
        self.assertIn("PASS", done.out)
        self.assertEqual(self.boot_id(), before)
        directory, result = self.desk.last_run()
        self.assertEqual((result["verdict"], result["confirmed"]), ("PASS", False))
        self.assertIn(NEW, (directory / "dmesg").read_bytes())
        one = self.listed("crc32test")
        self.assertEqual(one["modules"][0]["slot"], self.slot)
        self.assertEqual(one["modules_slot"], self.slot)
        self.assertNotEqual(one["running_slot"], self.slot)
        self.kferry("kernels", "rm", self.slot, check=2)

    def test_4_a_killed_agent_forgets_nothing(self):
        self.kferry("exec", "--", "sh", "-c", "kill -9 $(pidof kferryd)")
        wait_for("the agent", lambda: self.kferry("module", "list").returncode == 0, 60)
        done = self.kferry("module", "reload", "crc32test", check=0)
        self.assertIn(NEW.decode(), done.out)
        self.assertEqual(self.listed("crc32test")["modules_slot"], self.slot)

    def test_5_the_next_boot_shows_the_slots_own(self):
        done = self.kferry("kernels", "confirm", check=2)
        self.assertIn("another slot's modules", done.err)
        self.deploy("trial", check=0)
        done = self.kferry("module", "load", "crc32test", check=0)
        self.assertIn(OLD.decode(), done.out)
        now = self.listed("crc32test")
        self.assertEqual(now["modules_slot"], now["running_slot"])
        self.kferry("kernels", "rm", self.slot, check=0)
        self.kferry("kernels", "rollback", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()


if __name__ == "__main__":
    tap.main()
