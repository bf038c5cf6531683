#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Modules without a reboot: `deploy --modules`, --reload, and `kferry module`.

A scratch board has no kernel that could load anything: tests/lib/fake-modprobe stands for
its modprobe and the kernel behind it.  All else is real.
"""

import json
import pathlib
import shutil
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import TOP, Board, Package, wait_for  # noqa: E402

RELEASE = "6.9.0-test"
DEMO = f"modules/{RELEASE}/kernel/drivers/kfdemo.ko"
USER = f"modules/{RELEASE}/kernel/drivers/kfuser.ko"


def modinfo(**fields):
    fields = {"vermagic": f"{RELEASE} SMP mod_unload ", **fields}
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in fields.items())


class Modules(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        (self.board.root / "sbin").mkdir()
        shutil.copy(TOP / "tests/lib/fake-modprobe", self.board.root / "sbin/modprobe")

    def tearDown(self):
        self.board.close()

    def package(self, version, **demo):
        """The same image, kfdemo in another version."""
        package = Package(RELEASE, files={
            DEMO: modinfo(says=f"hello {version}", srcversion=f"V{version}", **demo),
            USER: modinfo(needs="kfdemo")})
        package.file = package.write(self.board.dir / f"{version}.kferry")
        return package

    def running(self, **demo):
        """Boot the first version."""
        package = self.package(1, **demo)
        self.board.kferry("deploy", "--from", package.file, check=0)
        return package

    def modules(self, package, *args, check=0):
        return self.board.kferry("deploy", "--from", package.file, "--modules", *args,
                                 check=check)

    def shown(self):
        return (self.board.root / "lib" / DEMO).read_bytes()

    def kernels(self):
        out = self.board.kferry("--json", "kernels", "list", check=0).out
        return {k["id"]: k for k in json.loads(out.splitlines()[0])["kernels"]}

    def events(self, done, kind):
        found = [json.loads(line) for line in done.out.splitlines()]
        return [e for e in found if e["event"] == kind]

    def loaded(self):
        path = self.board.root / "fake/loaded"
        return path.read_text().split() if path.exists() else []

    # --- showing --------------------------------------------------------------------------

    def test_only_the_changed_module_is_sent_and_shown(self):
        first, second = self.running(), self.package(2)
        boot_id = (self.board.root / "proc/sys/kernel/random/boot_id").read_text()
        done = self.board.kferry("--json", "deploy", "--from", second.file, "--modules", check=0)
        self.assertEqual(self.events(done, "push")[0]["files_sent"], 1)
        step = self.events(done, "modules")[0]
        self.assertEqual((step["changed"], step["total"], step["names"]), (1, 22, ["kfdemo"]))
        self.assertIn("1 of 22 modules changed (kfdemo); shown over /lib/modules/6.9.0-test "
                      "until the next boot", step["text"])
        self.assertEqual(self.events(done, "verdict"), [])
        self.assertEqual(self.shown(), second.files[DEMO])
        self.assertEqual((self.board.root / "proc/sys/kernel/random/boot_id").read_text(),
                         boot_id)
        kernels = self.kernels()
        self.assertTrue(kernels[first.slot()]["running"])
        self.assertTrue(kernels[second.slot()]["modules_shown"])
        self.assertFalse(kernels[first.slot()]["modules_shown"])
        self.assertIn("modules", self.board.kferry("kernels", check=0).out)
        self.assertIn(f"of {second.slot()}, until the next boot", self.board.status())
        self.assertNotIn(f"stage {second.slot()}",
                         (self.board.firmware / "calls").read_text())
        # Files of the running slot are as they were.
        where = self.board.state_dir() / "slots" / first.slot()
        self.assertEqual((where / DEMO).read_bytes(), first.files[DEMO])

    def test_the_next_boot_shows_the_slots_own(self):
        first, second = self.running(), self.package(2)
        self.modules(second)
        self.board.kferry("reboot", check=0)
        self.assertEqual(self.board.boot_log[-1], first.slot())
        self.assertEqual(self.shown(), first.files[DEMO])
        self.assertFalse(self.kernels()[second.slot()]["modules_shown"])
        self.board.kferry("kernels", "rm", second.slot(), check=0)

    def test_later_the_same_slot_is_booted_properly(self):
        second = (self.running(), self.package(2))[1]
        self.modules(second)
        done = self.board.kferry("--json", "deploy", "--from", second.file, check=0)
        self.assertEqual(self.events(done, "verdict")[0]["verdict"], "PASS")
        self.assertEqual(self.board.boot_log[-1], second.slot())
        self.assertEqual(self.shown(), second.files[DEMO])

    def test_a_deploy_of_what_runs_with_other_modules_is_no_no_op(self):
        first, second = self.running(), self.package(2)
        self.modules(second)
        boots = self.board.boots
        self.board.kferry("deploy", "--from", first.file, check=0)
        self.assertEqual(self.board.boots, boots + 1)
        self.assertEqual(self.shown(), first.files[DEMO])

    def test_an_agent_that_dies_changes_nothing(self):
        second = (self.running(), self.package(2))[1]
        self.modules(second)
        with self.board.reset_lock:
            self.board.kill_agent()
            self.board.start_agent()
        self.assertEqual(self.shown(), second.files[DEMO])
        self.assertTrue(self.kernels()[second.slot()]["modules_shown"])

    def test_what_is_shown_stays_until_it_is_restored(self):
        first, second = self.running(), self.package(2)
        self.modules(second)
        done = self.board.kferry("kernels", "rm", second.slot())
        self.assertEqual(done.returncode, 2)
        self.assertIn("module restore", done.err)
        done = self.board.kferry("module", "restore", check=0)
        self.assertIn(f"those of {first.slot()} are shown again", done.text)
        self.assertEqual(self.shown(), first.files[DEMO])
        self.assertEqual(self.board.slots(), [first.slot()])

    def test_what_ran_with_others_is_booted_again_before_it_passes(self):
        """Also when they are no longer shown: they may still be loaded."""
        first, second = self.running(), self.package(2)
        self.modules(second)
        done = self.board.kferry("kernels", "confirm", first.slot(), check=2)
        self.assertIn("another slot's modules", done.err)
        self.board.kferry("module", "restore", check=0)
        boots = self.board.boots
        done = self.board.kferry("deploy", "--from", first.file, check=0)
        self.assertIn("PASS", done.text)
        self.assertEqual(self.board.boots, boots + 1)
        self.board.kferry("deploy", "--from", first.file, check=0)
        self.assertEqual(self.board.boots, boots + 1)

    def test_a_trial_keeps_its_own(self):
        first, second = self.package(1), self.package(2)
        self.board.write_config("health.checks = /bin/sh -c 'sleep 60'\ntimeout.health = 60\n"
                                "timeout.confirm = 15\n")
        trial = threading.Thread(target=lambda: self.board.kferry(
            "deploy", "--from", first.file, check=1))
        trial.start()
        wait_for("the trial", lambda: self.board.boot_log[-1] == first.slot()
                 and "deadline" in self.board.status())
        done = self.modules(second, check=2)
        self.assertIn("is on trial", done.err)
        trial.join()

    def test_many_in_a_row_leave_one(self):
        first = self.running()
        for version in range(2, 7):
            package = self.package(version)
            self.modules(package)
            self.assertEqual(self.shown(), package.files[DEMO])
        self.assertEqual(self.board.slots(), sorted([first.slot(), package.slot()]))

    # --- what is refused ------------------------------------------------------------------

    def refused(self, package, why):
        before = self.board.slots()
        calls = (self.board.firmware / "calls").read_text() \
            if (self.board.firmware / "calls").exists() else ""
        done = self.modules(package, check=2)
        self.assertIn(why, done.err)
        self.assertEqual(self.board.slots(), before)
        after = (self.board.firmware / "calls").read_text() \
            if (self.board.firmware / "calls").exists() else ""
        self.assertEqual([c for c in after[len(calls):].split("\n") if "stage" in c], [])

    def test_a_changed_image_is_refused(self):
        self.running()
        other = Package(RELEASE, seed="b")
        other.file = other.write(self.board.dir / "other.kferry")
        self.refused(other, "the image has changed")

    def test_another_release_is_refused(self):
        self.running()
        other = Package("6.9.1-test")
        other.file = other.write(self.board.dir / "other.kferry")
        self.refused(other, "this kernel is 6.9.1-test, and the board runs 6.9.0-test")

    def test_a_foreign_kernel_is_refused(self):
        self.refused(self.package(1), "a kernel that kferry did not boot")

    def test_another_vermagic_is_refused(self):
        self.running()
        self.refused(self.package(2, vermagic=f"{RELEASE} SMP preempt mod_unload "),
                     "SMP preempt")
        self.assertEqual(list((self.board.state_dir() / "staging").iterdir()), [])

    def test_wrong_usage(self):
        for args in (("--reload", "kfdemo"), ("--modules", "--kexec"), ("--modules", "--once"),
                     ("--modules", "--no-reboot"), ("--modules", "--reload", "a =b"),
                     ("--modules", "--reload", "../x/-r"), ("--modules", "--reload", "")):
            self.board.kferry("deploy", "--from", "x", *args, check=64)
        for args in (("load",), ("reload", "a=1"), ("unload", "a", "x=1"), ("list", "a", "b=1"),
                     ("restore", "a"), ("explode", "a"), ("load", "-r"), ("load", "a\nb")):
            self.board.kferry("module", *args, check=64)

    # --- reloading ------------------------------------------------------------------------

    def test_reload_shows_what_the_kernel_says_and_judges_it(self):
        second = (self.running(), self.package(2))[1]
        self.board.kferry("module", "load", "kfuser", check=0)
        self.assertEqual(self.loaded(), ["kfuser", "kfdemo"])
        done = self.modules(second, "--reload", "kfdemo debug=1")
        self.assertIn("kfdemo: hello 2 (debug=1)", done.out)
        self.assertNotIn("hello 1", done.out)
        self.assertIn("unloaded and loaded again (with kfuser)", done.text)
        self.assertIn("PASS", done.out)
        result = self.board.runs()[-1]
        self.assertEqual((result["verdict"], result["confirmed"]), ("PASS", False))
        self.assertIn("kfdemo: hello 2", (self.board.last_run_dir() / "dmesg").read_text())
        self.assertEqual(self.loaded(), ["kfuser", "kfdemo"])

    def test_what_is_still_the_old_one_is_said(self):
        self.running()
        self.board.kferry("module", "load", "kfdemo", check=0)
        done = self.modules(self.package(2))
        self.assertIn("still loaded as before: kfdemo", done.err)
        done = self.modules(self.package(3), "--reload", "kfdemo")
        self.assertNotIn("still loaded", done.err)

    def test_an_oops_is_a_fail(self):
        second = (self.running(), self.package(
            2, cries="BUG: kernel NULL pointer dereference, address: 0000000000000008"))[1]
        done = self.modules(second, "--reload", "kfdemo", check=1)
        self.assertIn("FAIL", done.out)
        self.assertIn('oops: "BUG: kernel NULL pointer', done.out)
        self.assertEqual(self.board.runs()[-1]["verdict"], "FAIL")
        self.assertIn("NULL pointer", (self.board.last_run_dir() / "findings.json").read_text())

    def test_an_oops_of_before_is_not(self):
        self.running()
        with open(self.board.root / "dev/kmsg", "a") as kmsg:
            kmsg.write("1,900,300000,-;BUG: kernel NULL pointer dereference, address: 0\n")
        done = self.modules(self.package(2), "--reload", "kfdemo")
        self.assertNotIn("NULL pointer", done.out)

    def test_a_module_that_does_not_load_is_a_fail(self):
        self.running()
        self.board.kferry("module", "load", "kfdemo", check=0)
        done = self.modules(self.package(2, fails="Unknown symbol in module"), "--reload",
                            "kfdemo", check=1)
        self.assertIn("Unknown symbol in module", done.out)
        self.assertIn("not loaded any more: kfdemo", done.out)
        self.assertIn("Unknown symbol", (self.board.last_run_dir() / "dmesg").read_text())
        self.assertEqual(self.loaded(), [])

    def test_a_module_in_use_is_an_error(self):
        self.running()
        self.board.kferry("module", "load", "kfdemo", check=0)
        (self.board.root / "fake/users-kfdemo").write_text("1")
        self.board.kferry("module", "load", "kfuser", check=0)
        done = self.modules(self.package(2), "--reload", "kfdemo", check=2)
        self.assertIn("kfdemo cannot be unloaded", done.out)
        self.assertIn("ERROR", done.out)
        self.assertEqual(self.loaded(), ["kfuser", "kfdemo"])

    def test_a_board_that_dies_of_it_is_a_fail(self):
        first = self.running()
        done = self.modules(self.package(2, dies="kfdemo test"), "--reload", "kfdemo", check=1)
        self.assertIn('panic: "kfdemo test"', done.out)
        self.assertEqual(self.board.runs()[-1]["verdict"], "FAIL")
        wait_for("the board", lambda: self.board.boot_log[-1] == first.slot())
        self.assertEqual(self.shown(), first.files[DEMO])
        self.assertTrue(list((self.board.last_run_dir() / "pstore").iterdir()))

    # --- kferry module --------------------------------------------------------------------

    def test_list_tells_from_which_slot(self):
        first, second = self.running(), self.package(2)
        self.board.kferry("module", "load", "kfuser", check=0)
        self.modules(second)
        done = self.board.kferry("--json", "module", "list", check=0)
        answer = self.events(done, "module-list")[0]
        by_name = {m["name"]: m for m in answer["modules"]}
        self.assertEqual(by_name["kfdemo"]["slot"], first.slot())
        self.assertEqual(by_name["kfdemo"]["holders"], ["kfuser"])
        self.assertEqual((answer["running_slot"], answer["modules_slot"]),
                         (first.slot(), second.slot()))
        self.board.kferry("module", "reload", "kfdemo", check=0)
        done = self.board.kferry("--json", "module", "list", "kfdemo", check=0)
        only = self.events(done, "module-list")[0]["modules"]
        self.assertEqual([(m["name"], m["slot"]) for m in only], [("kfdemo", second.slot())])
        text = self.board.kferry("module", check=0)
        self.assertRegex(text.out, rf"kfdemo +4.0 KiB +1  live +OE +{second.slot()}  kfuser")
        self.assertIn("until the next boot", text.err)
        # What is loaded is of no slot that is there.
        self.board.kferry("module", "restore", check=0)
        done = self.board.kferry("--json", "module", "list", "kfdemo", check=0)
        self.assertEqual(self.events(done, "module-list")[0]["modules"][0]["slot"], "")

    def test_load_and_unload(self):
        self.running()
        done = self.board.kferry("module", "load", "kfuser", "debug=1", "kfdemo", check=0)
        self.assertIn("kfuser loaded (with kfdemo)", done.text)
        self.assertIn("kfdemo was loaded already", done.text)
        self.assertIn("kfdemo: hello 1", done.out)
        done = self.board.kferry("module", "unload", "kfdemo", check=2)
        self.assertIn("it is used by kfuser", done.err)
        self.board.kferry("module", "unload", "kfuser", "kfdemo.ko", check=0)
        self.assertEqual(self.loaded(), [])
        done = self.board.kferry("module", "unload", "kfdemo", check=2)
        self.assertIn("is not loaded", done.err)
        done = self.board.kferry("module", "load", "nosuch", check=2)
        self.assertIn("nosuch not found", done.err)

    def test_a_fault_after_a_load_is_told(self):
        self.running(cries="BUG: scheduling while atomic: modprobe/1/0x2")
        done = self.board.kferry("module", "load", "kfdemo", check=1)
        self.assertIn("scheduling while atomic", done.err)

    def test_no_modprobe(self):
        self.running()
        (self.board.root / "sbin/modprobe").unlink()
        done = self.board.kferry("module", "load", "kfdemo", check=2)
        self.assertIn("the board has no modprobe", done.err)


if __name__ == "__main__":
    tap.main()
