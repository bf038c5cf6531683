#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deploys whose trial is started by kexec: what they prove, and what they do not."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board, KFERRYD, Package, TOP, bzimage, wait_for  # noqa: E402

ALLOWED = "boot.kexec = yes\n"
HELLO, HELLO_FEATURES = 3, 3
REBOOT_REQUEST = 26
LIAR = TOP / "tests/lib/liar.py"


class Kexec(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=ALLOWED, kexec=True)

    def tearDown(self):
        self.board.close()

    def package(self, name="p.kferry", seed="a", **files):
        package = Package(seed=seed, files={"boot/image": bzimage(f"kernel {seed} "), **files})
        package.file = package.write(self.board.dir / name)
        return package

    def deploy(self, package, *args, status=0):
        return self.board.kferry("deploy", "--from", package.file, *args, check=status)

    def state(self, package):
        listing = json.loads(self.board.kferry("--json", "kernels", "list", check=0).out
                             .splitlines()[0])
        return {k["id"]: k["state"] for k in listing["kernels"] if k.get("id")}[package.slot()]

    def default(self):
        path = self.board.firmware / "default"
        return path.read_text() if path.exists() else None

    def calls(self):
        path = self.board.firmware / "calls"
        return [line.split()[0] for line in path.read_text().splitlines()]

    # --- a pass -----------------------------------------------------------------------

    def test_pass_is_told_and_not_confirmed(self):
        package = self.package()
        done = self.deploy(package, "--kexec")
        self.assertIn("boots once through kexec", done.text)
        self.assertIn("PASS", done.text)
        self.assertIn("not confirmed: booted by kexec only; `kferry deploy` without --kexec "
                      "proves the boot path", done.text)
        self.assertEqual((self.board.boot_log, self.board.kexecs),
                         (["foreign", package.slot()], 1))
        self.assertEqual(self.state(package), "staged")
        self.assertIsNone(self.default())
        self.assertNotIn("arm", self.calls())
        self.assertIs(self.board.runs()[-1]["confirmed"], False)
        self.assertIn("started by kexec", self.board.status())

    def test_pass_ends_the_deadline_and_any_reset_returns(self):
        package = self.package()
        self.deploy(package, "--kexec")
        self.assertNotIn("deadline", self.board.status())
        self.board.kferry("reboot", check=0)
        self.assertEqual(self.board.boot_log[-1], "foreign")
        self.assertEqual(self.state(package), "staged")  # neither good nor bad

    def test_deploy_without_kexec_proves_it(self):
        package = self.package()
        self.deploy(package, "--kexec")
        done = self.deploy(package)
        self.assertIn("confirmed as default", done.text)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot(), package.slot()])
        self.assertEqual((self.board.kexecs, self.default()), (1, package.slot()))
        self.assertEqual(self.state(package), "good")
        self.assertNotIn("started by kexec", self.board.status())

    def test_deploy_with_kexec_again_boots_nothing(self):
        package = self.package()
        self.deploy(package, "--kexec")
        done = self.deploy(package, "--kexec")
        self.assertIn("not confirmed", done.text)
        self.assertEqual(self.board.boots, 2)

    def test_kexec_ok_confirms(self):
        package = self.package()
        done = self.deploy(package, "--kexec-ok")
        self.assertIn("confirmed as default", done.text)
        self.assertEqual((self.board.kexecs, self.default()), (1, package.slot()))
        self.assertEqual(self.state(package), "good")
        self.assertIs(self.board.runs()[-1]["confirmed"], True)

    def test_confirm_afterwards_asks_for_a_real_boot(self):
        package = self.package()
        self.deploy(package, "--kexec")
        done = self.board.kferry("kernels", "confirm", check=2)
        self.assertIn("without --kexec", done.text)
        self.assertIsNone(self.default())
        self.board.kferry("kernels", "confirm", "--kexec-ok", check=0)
        self.assertEqual(self.default(), package.slot())

    def test_a_slot_that_was_proved_stays_good(self):
        package = self.package()
        self.deploy(package)
        other = self.package("q.kferry", "b")
        self.deploy(other, "--once")
        done = self.deploy(package, "--kexec")
        self.assertIn("confirmed as default", done.text)
        self.assertEqual((self.board.kexecs, self.state(package)), (1, "good"))

    def test_from_one_kexec_to_the_next(self):
        first, second = self.package(), self.package("q.kferry", "b")
        self.deploy(first, "--kexec")
        self.deploy(second, "--kexec")
        self.assertEqual(self.board.boot_log, ["foreign", first.slot(), second.slot()])
        words = (self.board.root / "proc/cmdline").read_text().split()
        self.assertEqual(words.count("kferry.kexec"), 1)

    def test_json(self):
        package = self.package()
        done = self.board.kferry("--json", "deploy", "--from", package.file, "--kexec", check=0)
        events = {e["event"]: e for e in map(json.loads, done.out.splitlines())}
        self.assertEqual(events["install"]["chain"], "kexec")
        self.assertEqual((events["verdict"]["verdict"], events["verdict"]["confirmed"]),
                         ("PASS", False))

    # --- no pass ------------------------------------------------------------------------

    def test_panic_falls_back(self):
        package = self.package()
        self.board.on_boot = lambda slot: "panic" if slot else None
        done = self.deploy(package, "--kexec", status=1)
        self.assertIn("FAIL", done.text)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot(), "foreign"])
        self.assertEqual(self.state(package), "bad")

    def test_deadline_returns_by_a_real_reboot(self):
        package = self.package()
        self.board.write_config(ALLOWED + "health.checks = /bin/sh -c 'sleep 60'\n"
                                "timeout.confirm = 3\ntimeout.health = 30\n")
        self.deploy(package, "--kexec", status=1)
        wait_for("the deadline", lambda: self.board.boot_log[-1] == "foreign", 30)
        self.assertEqual((self.board.kexecs, self.state(package)), (1, "bad"))

    def test_a_reset_before_the_start_says_nothing_of_the_kernel(self):
        package = self.package()
        self.board.write_config(ALLOWED, link=f"exec:{LIAR} --reset-at {REBOOT_REQUEST}:"
                                f"{self.board.firmware / 'reset'} {KFERRYD} --root "
                                f"{self.board.root} stdio")
        done = self.deploy(package, "--kexec", status=2)
        self.assertIn("was not started", done.text)
        self.assertIn("before it had started the kernel", done.text)
        self.assertIn("ERROR", done.text)
        self.assertEqual((self.board.kexecs, self.state(package)), (0, "staged"))
        self.board.write_config(ALLOWED)
        self.deploy(package, "--kexec")
        self.assertEqual(self.board.kexecs, 1)

    # --- refusals ---------------------------------------------------------------------------

    def refused(self, package, text, *args, status=2):
        done = self.deploy(package, *(args or ("--kexec",)), status=status)
        self.assertIn(text, done.text)
        self.assertEqual(self.board.boots, 1)
        self.assertEqual((self.board.root / "sys/kernel/kexec_loaded").read_text(), "0\n")

    def test_not_without_the_profiles_leave(self):
        self.board.write_config()
        self.refused(self.package(), "boot.kexec")

    def test_an_agent_that_is_too_old(self):
        link = (f"exec:{LIAR} --drop {HELLO}:{HELLO_FEATURES} {KFERRYD} "
                f"--root {self.board.root} stdio")
        self.board.write_config(ALLOWED, link=link)
        self.refused(self.package(), "too old for kexec")
        self.assertEqual(self.board.slots(), [])

    def test_a_kernel_that_is_locked_down(self):
        path = self.board.root / "sys/kernel/security/lockdown"
        path.parent.mkdir(parents=True)
        path.write_text("none [integrity] confidentiality\n")
        self.refused(self.package(), "locked down (integrity)")
        self.assertEqual(self.board.slots(), [])

    def test_device_trees_before_a_file_is_sent(self):
        package = self.package(**{"dtbs/board.dtb": b"\xd0\x0d\xfe\xed"})
        self.refused(package, "device trees")
        self.assertEqual(self.board.slots(), [])

    def test_a_load_that_fails_leaves_nothing_armed(self):
        package = self.package()
        (self.board.root / "dev/kexec.errno").write_text("8\n")  # ENOEXEC
        self.refused(package, "no loader for this image")
        self.assertIn("trial        none", self.board.status())
        self.assertEqual(self.state(package), "staged")

    def test_with_no_reboot(self):
        self.refused(self.package(), "--no-reboot", "--kexec", "--no-reboot", status=64)

    # --- boards without another chain -----------------------------------------------------------

    def test_chain_kexec_needs_no_flag(self):
        self.board.write_config("boot.chain = kexec\n")
        package = self.package()
        done = self.deploy(package)
        self.assertIn("not confirmed: booted by kexec only; --kexec-ok", done.text)
        self.assertEqual((self.board.kexecs, self.state(package)), (1, "staged"))
        self.assertNotIn("stage", self.calls())

    def test_chain_kexec_with_kexec_ok_is_good_and_not_the_default(self):
        self.board.write_config("boot.chain = kexec\n")
        package = self.package()
        done = self.deploy(package, "--kexec-ok")
        self.assertIn("the default is as it was", done.text)
        self.assertEqual(self.state(package), "good")
        self.board.kferry("reboot", check=0)
        self.assertEqual(self.board.boot_log[-1], "foreign")

    def test_a_reboot_that_is_no_kexec_loses_what_was_loaded(self):
        """Armed, and then a real reset: that is a trial that did not come up."""
        package = self.package()
        self.deploy(package, "--no-reboot")
        hold = self.board.dir / "reboot"
        reset = self.board.root / "firmware/reset"
        hold.write_text(f"#!/bin/sh\necho normal > {reset}.new\nmv {reset}.new {reset}\n")
        self.deploy(package, "--kexec", status=1)
        self.assertEqual((self.board.boot_log[-1], self.state(package)), ("foreign", "bad"))


if __name__ == "__main__":
    tap.main()
