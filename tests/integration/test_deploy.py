#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deploys to a scratch board: from a package file to a verdict, and back when it is bad."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board, Package, digest, wait_for  # noqa: E402


class Deploy(unittest.TestCase):
    def setUp(self):
        self.board = Board()

    def tearDown(self):
        self.board.close()

    def package(self, name="p.kferry", **fields):
        package = Package(**fields)
        package.file = package.write(self.board.dir / name)
        return package

    def deploy(self, package, *args, status=0, **run):
        return self.board.kferry("deploy", "--from", package.file, *args, check=status, **run)

    def test_pass_confirms_and_becomes_default(self):
        package = self.package()
        done = self.deploy(package)
        self.assertIn("PASS", done.text)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot()])
        self.assertEqual((self.board.firmware / "default").read_text(), package.slot())
        self.assertEqual(self.board.slots(), [package.slot()])
        result = self.board.runs()[-1]
        self.assertEqual(result["verdict"], "PASS")
        self.assertIn(package.release, (self.board.last_run_dir() / "dmesg").read_text())

    def test_installed_files_are_the_packages(self):
        package = self.package()
        self.deploy(package)
        slot = self.board.state_dir() / "slots" / package.slot()
        for path, data in package.files.items():
            self.assertEqual((slot / path).read_bytes(), data, path)
            self.assertEqual((slot / path).stat().st_mode & 0o7777, 0o644, path)
        self.assertEqual((slot / "manifest").read_bytes(), package.manifest())
        modules = self.board.root / "lib/modules" / package.release
        self.assertTrue((modules / "modules.dep").exists())

    def test_once_leaves_the_default(self):
        package = self.package()
        self.deploy(package, "--once")
        self.assertFalse((self.board.firmware / "default").exists())
        self.board.kferry("reboot", check=0)
        self.assertEqual(self.board.boot_log[-1], "foreign")

    def test_second_deploy_sends_only_what_changed(self):
        first = self.package(modules=200)
        self.deploy(first)
        second = self.package("q.kferry", modules=200, seed="b")
        done = self.board.kferry("--json", "deploy", "--from", second.file, check=0)
        push = [json.loads(line) for line in done.out.splitlines()
                if json.loads(line).get("event") == "push"][-1]
        self.assertEqual(push["files_sent"], 1)
        self.assertEqual(sorted(self.board.slots()), sorted([first.slot(), second.slot()]))

    def test_same_deploy_again_is_a_no_op(self):
        package = self.package()
        self.deploy(package)
        boots = self.board.boots
        calls = (self.board.firmware / "calls").read_text()
        done = self.deploy(package)
        self.assertIn("PASS", done.text)
        self.assertEqual(self.board.boots, boots)
        self.assertNotIn("stage", (self.board.firmware / "calls").read_text()[len(calls):])

    def test_panic_falls_back_and_fails(self):
        package = self.package()
        self.board.on_boot = lambda slot: "panic" if slot else None
        done = self.deploy(package, status=1)
        self.assertIn("FAIL", done.text)
        self.assertIn("scratch test", done.text)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot(), "foreign"])
        texts = [p.read_text() for p in (self.board.last_run_dir() / "pstore").iterdir()]
        self.assertTrue(any("Kernel panic - not syncing: scratch test" in t for t in texts))
        self.assertEqual(self.board.runs()[-1]["verdict"], "FAIL")
        self.assertFalse((self.board.firmware / "default").exists())

    def test_oops_in_the_log_fails_and_is_not_confirmed(self):
        package = self.package()

        def oops(slot):
            if slot:
                with open(self.board.root / "dev/kmsg", "a") as kmsg:
                    kmsg.write("0,9,300,-;BUG: kernel NULL pointer dereference, address: 0\n")
        self.board.on_boot = oops
        done = self.deploy(package, status=1)
        self.assertIn("NULL pointer dereference", done.text)
        self.assertFalse((self.board.firmware / "default").exists())
        wait_for("the return to the board's own kernel",
                 lambda: self.board.boot_log[-1] == "foreign")

    def floods(self, first=""):
        """More than is looked at of a log, in records as long as they may be."""
        def boots(slot):
            if slot:
                with open(self.board.root / "dev/kmsg", "a") as kmsg:
                    kmsg.write(first or "6,2,300,-;nothing\n")
                    kmsg.writelines(f"6,{i},{i},-;{8000 * 'x'}\n" for i in range(3, 8600))
        self.board.on_boot = boots
        self.board.write_config("timeout.health = 600\ntimeout.confirm = 600\n")

    def test_an_oops_in_a_log_that_floods_fails(self):
        self.floods("0,2,300,-;BUG: kernel NULL pointer dereference, address: 0\n")
        done = self.deploy(self.package(), status=1, timeout=600)
        self.assertIn("NULL pointer dereference", done.text)
        findings = json.loads((self.board.last_run_dir() / "findings.json").read_text())
        self.assertEqual([f["class"] for f in findings], ["oops"])
        self.assertIs(self.board.runs()[-1]["returns"], True)

    def test_a_log_that_floods_is_told(self):
        self.floods()
        done = self.deploy(self.package(), timeout=600)
        self.assertIn("the log was cut at 64 MiB", done.text)
        self.assertIs(self.board.runs()[-1]["log_cut"], True)

    WARNS = ("4,9,300,-;WARNING: CPU: %d PID: 7 at kernel/demo.c:12 demo_init+0x1%d/0x20\n")

    def warns(self, *slots_too):
        """Every boot warns of the same, and a trial's of these as well."""
        def on_boot(slot):
            with open(self.board.root / "dev/kmsg", "a") as kmsg:
                kmsg.write(self.WARNS % (len(self.board.boot_log), len(self.board.boot_log) % 8))
                if slot:
                    kmsg.writelines(slots_too)
        self.board.on_boot = on_boot

    def test_what_the_known_good_kernel_says_too_is_not_new(self):
        self.warns()
        self.board.kferry("reboot", check=0)
        done = self.deploy(self.package())
        self.assertIn("no new kernel findings (1 that the known-good kernel has)", done.text)
        findings = json.loads((self.board.last_run_dir() / "findings.json").read_text())
        self.assertEqual([f["known"] for f in findings], [True])

    def test_a_new_warning_is_counted_apart(self):
        self.warns("4,10,400,-;WARNING: CPU: 0 PID: 7 at kernel/other.c:12 other+0x1/0x20\n")
        self.board.kferry("reboot", check=0)
        done = self.deploy(self.package())
        self.assertIn("1 new warning (1 that the known-good kernel has)", done.text)

    def test_an_error_that_is_known_fails_all_the_same(self):
        def oops(_slot):
            with open(self.board.root / "dev/kmsg", "a") as kmsg:
                kmsg.write("0,9,300,-;BUG: kernel NULL pointer dereference, address: 0\n")
        self.board.on_boot = oops
        self.board.kferry("reboot", check=0)
        done = self.deploy(self.package(), status=1)
        self.assertIn("the known-good kernel says that, too", done.text)

    def test_failed_health_check_fails(self):
        self.board.write_config("health.checks = /bin/false\n")
        package = self.package()
        done = self.deploy(package, status=1)
        self.assertIn("/bin/false", done.text)
        self.assertFalse((self.board.firmware / "default").exists())

    def test_health_check_that_cannot_be_run_is_no_fault_of_the_kernel(self):
        package = self.package()
        for check in ("/no/such/program", "/bin/sh -c 'no-such-program'",
                      "/bin/sh -c 'echo no interpreter; exit 126'"):
            self.board.write_config(f"health.checks = {check}\n")
            done = self.deploy(package, status=2)
            self.assertIn(f"health check could not be run: {check}", done.text)
        self.assertFalse((self.board.firmware / "default").exists())

    def test_health_check_that_a_broken_kernel_cannot_run_is_its_fault(self):
        self.board.write_config("health.checks = /no/such/program\n")

        def boots(slot):
            if slot:
                with open(self.board.root / "dev/kmsg", "a", encoding="ascii") as f:
                    f.write("0,9,300,-;BUG: kernel NULL pointer dereference, address: 0\n")
        self.board.on_boot = boots
        done = self.deploy(self.package(), status=1)
        self.assertIn("NULL pointer dereference", done.text)

    DUMP = "Panic#1 Part1\n<0>[ 9.000000] Kernel panic - not syncing: died while judged\n"

    def pstore(self):
        (self.board.root / "sys/fs/pstore/dmesg-efi-170000000001001").write_text(self.DUMP)

    def reset_while_judged(self, package, *args, dump):
        """The first health check does not end: the board is reset in it."""
        seen = self.board.dir / "seen"
        self.board.write_config(f"health.checks = /bin/sh -c 'test -e {seen} || "
                                f"{{ touch {seen}; sleep 60; }}'\n")
        process = self.board.start("deploy", "--from", package.file, *args)
        wait_for("the check", seen.exists)
        if dump:
            self.pstore()
        self.board.press_reset()
        out, err = process.communicate()
        return process.returncode, out + err

    def test_a_trial_that_resets_while_it_is_judged_fell_back(self):
        """It was seen to run, so it was tried."""
        status, text = self.reset_while_judged(self.package(), dump=False)
        self.assertEqual(status, 1, text)
        self.assertIn("did not stay up", text)
        self.assertEqual(self.board.boot_log[-1], "foreign")
        self.assertEqual(self.board.runs()[-1]["reason"], "fell-back")

    def test_a_default_that_dies_while_it_is_judged_fails(self):
        """What comes back is the same slot, and this time its check passes."""
        package = self.package()
        self.deploy(package)
        status, text = self.reset_while_judged(package, dump=True)
        self.assertEqual(status, 1, text)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot(), package.slot()])
        self.assertIn('panic: "died while judged"', text)
        result = self.board.runs()[-1]
        self.assertEqual((result["verdict"], result["reason"]), ("FAIL", "unhealthy"))
        self.assertIn("died while judged",
                      (self.board.last_run_dir() / "pstore/dmesg.txt").read_text())

    def test_a_default_that_resets_while_it_is_judged_fails(self):
        package = self.package()
        self.deploy(package)
        status, text = self.reset_while_judged(package, dump=False)
        self.assertEqual(status, 1, text)
        self.assertIn("rebooted while it was judged", text)

    def test_a_connection_that_is_lost_while_it_is_judged_is_none_of_the_kernel(self):
        """The agent is another one, the boot is the same."""
        package = self.package()
        seen = self.board.dir / "seen"
        self.board.write_config(f"health.checks = /bin/sh -c 'test -e {seen} || "
                                f"{{ touch {seen}; sleep 60; }}'\n")
        process = self.board.start("deploy", "--from", package.file)
        wait_for("the check", seen.exists)
        with self.board.reset_lock:
            self.board.kill_agent()
            self.board.start_agent()
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, out + err)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot()])

    def test_a_default_whose_armed_boot_dies_fails(self):
        """The chain then boots the same slot, because it is the default."""
        package = self.package()
        self.deploy(package)

        def boots(_slot):
            if len(self.board.boot_log) == 3:
                self.pstore()
                return "death"
            return None
        self.board.on_boot = boots
        done = self.deploy(package, "--force", status=1)
        self.assertEqual(self.board.boot_log[:4], ["foreign"] + 3 * [package.slot()])
        self.assertIn('panic: "died while judged"', done.text)

    def test_a_default_whose_armed_boot_is_reset_fails(self):
        """It had come up, and left nothing but its record."""
        package = self.package()
        self.deploy(package)

        root = self.board.root

        def is_recorded():
            boot = (root / "proc/sys/kernel/random/boot_id").read_text()
            return any(boot in p.read_text() for p in root.glob("var/lib/kferry/boots/*/record"))

        def boots(_slot):
            if len(self.board.boot_log) == 3:
                self.board.start_agent()
                wait_for("its record", is_recorded)
                self.board.kill_agent()
                return "death"
            return None
        self.board.on_boot = boots
        done = self.deploy(package, "--force", status=1)
        self.assertIn("it left no panic and no oops", done.text)

    def test_a_default_that_is_booted_again_passes(self):
        package = self.package()
        self.deploy(package)
        done = self.deploy(package, "--force")
        self.assertIn("PASS", done.text)
        self.assertEqual(self.board.boot_log, ["foreign"] + 2 * [package.slot()])
        self.assertFalse((self.board.last_run_dir() / "pstore").exists())

    def test_kernel_that_is_not_the_one_sent_fails(self):
        package = self.package()

        def lie(slot):
            if slot:
                (self.board.root / "proc/version").write_text("Linux version 9.9.9 (x) #1\n")
                (self.board.root / "sys/kernel/notes").write_bytes(b"")
        self.board.on_boot = lie
        self.deploy(package, status=1)
        self.assertFalse((self.board.firmware / "default").exists())

    def test_no_reboot_installs_only(self):
        package = self.package()
        self.deploy(package, "--no-reboot")
        self.assertEqual(self.board.boots, 1)
        self.assertFalse((self.board.firmware / "once").exists())
        self.assertEqual(self.board.slots(), [package.slot()])

    def test_a_line_that_was_never_booted_is_booted_first(self):
        """What runs, and is not the default, gets another line: no known-good unseen."""
        package = self.package()
        default = self.board.firmware / "default"
        line = self.board.firmware / f"cmdline-{package.slot()}"
        self.deploy(package, "--once")
        self.deploy(package, "--no-reboot", "--cmdline", "root=/dev/typo")
        self.assertIn("root=/dev/typo", line.read_text())
        done = self.board.kferry("kernels", "confirm")
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(default.exists())
        boots = self.board.boots
        self.deploy(package, "--cmdline", "root=/dev/typo")
        self.assertEqual(self.board.boots, boots + 1)
        self.assertIn("root=/dev/typo", (self.board.root / "proc/cmdline").read_text())
        self.assertEqual(default.read_text(), package.slot())

    def test_another_line_of_what_runs_is_booted(self):
        """Not "runs already": it runs with another one.  The same line does."""
        package = self.package()
        self.deploy(package, "--once", "--cmdline", "one two")
        for line, boots in (("one", 3), ("one", 3), ("one two", 4), ("", 5), ("", 5)):
            self.deploy(package, "--once", *(["--cmdline", line] if line else []))
            self.assertEqual(self.board.boots, boots, line)
            words = (self.board.root / "proc/cmdline").read_text().split()
            self.assertEqual([w for w in ("one", "two") if w in words], line.split())

    def test_deadline_returns_without_the_controller(self):
        """P2: nobody confirms, nobody asks; the board comes back by itself."""
        package = self.package()
        self.board.write_config("health.checks = /bin/sh -c 'sleep 60'\ntimeout.confirm = 3\n"
                                "timeout.health = 30\n")
        self.deploy(package, status=1)
        wait_for("the deadline", lambda: self.board.boot_log[-1] == "foreign", 30)
        listing = json.loads(self.board.kferry("--json", "kernels", "list", check=0).out
                             .splitlines()[0])
        states = {k["id"]: k["state"] for k in listing["kernels"] if k.get("id")}
        self.assertEqual(states[package.slot()], "bad")

    def test_retention_keeps_known_good_and_running(self):
        first = self.package("0.kferry", seed="0")
        self.deploy(first)
        for i in range(1, 7):
            self.deploy(self.package(f"{i}.kferry", seed=str(i)), "--once")
            self.board.kferry("reboot", check=0)
        slots = self.board.slots()
        self.assertIn(first.slot(), slots)
        self.assertLessEqual(len(slots), 3 + 2)

    def test_remove_refuses_known_good(self):
        package = self.package()
        self.deploy(package)
        done = self.board.kferry("kernels", "rm", package.slot())
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.board.slots(), [package.slot()])

    def test_rollback_returns_to_foreign(self):
        package = self.package()
        self.deploy(package)
        self.board.kferry("kernels", "rollback", check=0)
        self.board.kferry("reboot", check=0)
        self.assertEqual(self.board.boot_log[-1], "foreign")
        self.board.kferry("kernels", "rm", package.slot(), check=0)
        self.assertEqual(self.board.slots(), [])

    def test_dmesg_of_the_boot_before(self):
        package = self.package()
        self.deploy(package)
        now = self.board.kferry("dmesg", check=0).out
        self.assertIn(package.release, now)
        before = self.board.kferry("dmesg", "--boot", "-1", check=0).out
        self.assertIn("6.1.0-foreign", before)

    def test_exec_passes_status_and_output(self):
        done = self.board.kferry("exec", "--", "/bin/sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((done.returncode, done.out), (7, "out\n"))
        self.assertIn("err\n", done.err)

    def test_exec_passes_stdin(self):
        data = bytes(range(256)) * 4096
        done = self.board.kferry("exec", "--", "/usr/bin/sha256sum", stdin=data, check=0)
        import hashlib
        self.assertIn(hashlib.sha256(data).hexdigest(), done.out)

    def test_exec_opens_its_stdin_as_a_file(self):
        to = self.board.root / "installed"
        self.board.kferry("exec", "--", "install", "-m", "755", "/dev/stdin", to, stdin=b"data",
                          check=0)
        self.assertEqual(to.read_bytes(), b"data")

    def test_mode_of_state_files(self):
        self.deploy(self.package())
        for path in self.board.state_dir().rglob("*"):
            if not path.is_symlink():
                self.assertFalse(path.stat().st_mode & 0o022, path)

    def test_digest_helper_is_the_agents(self):
        package = self.package()
        self.deploy(package, "--no-reboot")
        slot = self.board.state_dir() / "slots" / package.slot() / "manifest"
        self.assertEqual("k-" + digest(slot.read_bytes())[:8], package.slot())


if __name__ == "__main__":
    tap.main()
