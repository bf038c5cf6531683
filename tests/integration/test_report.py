#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What deploy leaves for a CI: result.json, reports and artifacts, however it ends."""

import os
import signal
import subprocess
import sys
import pathlib
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import reports  # noqa: E402
import tap  # noqa: E402
from fleet import Fleet  # noqa: E402
from scratch import KFERRY, Board, Package, wait_for  # noqa: E402


class Report(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.out = self.board.dir / "ci"
        self.files = ("--junit", self.out / "junit.xml", "--ktap", self.out / "ktap",
                      "--kcidb", self.out / "kcidb.json", "--summary", self.out / "summary.md",
                      "--artifacts", self.out / "artifacts", "--annotations")

    def tearDown(self):
        self.board.close()

    def package(self, **fields):
        package = Package(**fields)
        package.file = package.write(self.board.dir / "p.kferry")
        return package

    def deploy(self, *args, status=0):
        return self.board.kferry("deploy", "--from", self.board.dir / "p.kferry", *args,
                                 *self.files, check=status)

    def result(self):
        """Of the only run, the same in its artifacts."""
        result = reports.check_result(self.board.last_run_dir() / "result.json")
        name = result["board"]
        self.assertEqual(reports.check_result(self.out / "artifacts" / name / "result.json"),
                         result)
        return result

    def cases(self):
        return {name.split(": ")[1]: list(cases.values())
                for name, cases in reports.check_junit(self.out / "junit.xml").items()}

    def kcidb(self):
        data = reports.check_kcidb(self.out / "kcidb.json")
        return data, {t["path"]: t["status"] for t in data["tests"]}

    def ktap(self, status):
        done = self.board.kferry("results", self.out / "ktap", check=status)
        return done.text

    def test_pass(self):
        package = self.package()
        done = self.deploy()
        result = self.result()
        self.assertEqual((result["verdict"], result["mode"], result["status"]),
                         ("PASS", "boot", 0))
        self.assertEqual(result["release"], package.release)
        self.assertIn("dmesg", [a["name"] for a in result["artifacts"]])
        self.assertEqual(self.cases(), {"boot": ["ok"], "health": ["ok"]})
        self.assertEqual(self.kcidb()[1], {"boot": "PASS", "health": "PASS"})
        self.assertIn("2 passed", self.ktap(0))
        self.assertIn("| PASS |", (self.out / "summary.md").read_text())
        self.assertEqual(reports.check_annotations(done.text), [])

    def test_kernel_that_dies(self):
        self.package()
        self.board.on_boot = lambda slot: "panic" if slot else None
        done = self.deploy(status=1)
        self.assertEqual(self.result()["reason"], "fell-back")
        self.assertEqual(self.cases(), {"boot": ["failure"], "health": ["skipped"]})
        self.assertIn("Kernel panic", (self.out / "junit.xml").read_text())
        data, statuses = self.kcidb()
        self.assertEqual(statuses, {"boot": "FAIL", "health": "MISS"})
        self.assertIn("Kernel panic", data["tests"][0]["log_excerpt"])
        self.assertTrue(list((self.out / "artifacts").glob("*/pstore/*")))
        self.ktap(1)
        self.assertIn("FAIL", reports.check_annotations(done.text)[0])

    def test_unhealthy_kernel(self):
        self.package()
        self.board.write_config("health.checks = /bin/sh -c 'echo \"]]><b>|\\e[1m\"; false'\n")
        self.deploy(status=1)
        self.assertEqual(self.result()["reason"], "unhealthy")
        self.assertEqual(self.cases(), {"boot": ["ok"], "health": ["failure"]})
        self.assertEqual(self.kcidb()[1], {"boot": "PASS", "health": "FAIL"})
        self.assertNotIn("<b>", (self.out / "summary.md").read_text())

    def test_board_that_cannot_be_reached(self):
        self.package()
        self.board.write_config("timeout.connect = 2\n", link="exec:/bin/false")
        self.deploy(status=2)
        result = self.result()
        self.assertEqual(result["verdict"], "ERROR")
        self.assertEqual(self.cases(), {"boot": ["error"], "health": ["skipped"]})
        self.assertEqual(self.kcidb()[1], {"boot": "MISS", "health": "MISS"})

    def test_package_that_is_none(self):
        (self.board.dir / "p.kferry").write_bytes(b"no package")
        self.deploy(status=2)
        result = self.result()
        self.assertEqual(result["verdict"], "ERROR")
        self.assertNotIn("release", result)
        self.assertEqual(self.cases(), {"boot": ["error"], "health": ["skipped"]})
        self.kcidb()

    def test_build_that_fails(self):
        tree = self.board.dir / "linux"
        for name in ("Kbuild", "Kconfig", "MAINTAINERS", "arch/x86/Makefile", "init/main.c",
                     "scripts/Makefile.build", "kernel/fork.c", ".config"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        (tree / "Makefile").write_text("%:\n\t@echo 'init/main.c:1:2: error: no'; exit 1\n")
        done = self.board.kferry("bd", *self.files, check=1, cwd=tree)
        self.assertEqual(self.result()["reason"], "build")
        self.assertEqual(self.cases(), {"build": ["failure"], "boot": ["skipped"]})
        data, statuses = self.kcidb()
        self.assertEqual((data["builds"][0]["status"], statuses), ("FAIL", {"boot": "MISS"}))
        self.assertIn("FAIL", reports.check_annotations(done.text)[0])
        self.assertEqual(self.board.boots, 1)

    def test_no_reboot(self):
        self.package()
        self.deploy("--no-reboot")
        self.assertIsNone(self.result()["verdict"])
        self.assertEqual(self.cases(), {"install": ["ok"]})

    def ended_by(self, sig):
        """The process of a deploy that gets sig while the board boots."""
        self.package()
        over = threading.Event()
        self.board.on_boot = lambda slot: over.wait(60) and None
        process = subprocess.Popen(
            [KFERRY, "deploy", "--from", self.board.dir / "p.kferry", *map(str, self.files)],
            env=self.board.environment(), cwd=self.board.dir, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait_for("the reboot", lambda: self.board.boots > 1)
        process.send_signal(sig)
        process.communicate(timeout=60)
        over.set()
        return process

    def test_sigterm_leaves_everything(self):
        self.assertEqual(self.ended_by(signal.SIGTERM).returncode, 2)
        result = self.result()
        self.assertEqual((result["verdict"], result["reason"]), ("ERROR", "cancelled"))
        self.assertIn("interrupted", result["text"])
        self.assertEqual(self.cases(), {"boot": ["error"], "health": ["skipped"]})
        self.assertEqual(self.kcidb()[1], {"boot": "MISS", "health": "MISS"})
        self.ktap(2)

    def test_sigint_leaves_everything(self):
        self.assertEqual(self.ended_by(signal.SIGINT).returncode, -signal.SIGINT)
        self.assertEqual(self.result()["reason"], "cancelled")
        self.assertEqual(self.cases(), {"boot": ["error"], "health": ["skipped"]})

    def test_sigkill_leaves_no_report_of_an_earlier_run(self):
        self.out.mkdir()
        (self.out / "junit.xml").write_text("<testsuites/>")
        self.ended_by(signal.SIGKILL)
        self.assertFalse((self.out / "junit.xml").exists())
        result = reports.check_result(self.board.last_run_dir() / "result.json")
        self.assertNotIn("verdict", result)

    def test_summary_is_appended_and_artifacts_replaced(self):
        self.package()
        (self.out / "artifacts").mkdir(parents=True)
        (self.out / "summary.md").write_text("before\n")
        self.deploy()
        old = next((self.out / "artifacts").iterdir()) / "old"
        old.write_text("of the run before")
        self.deploy("--force")
        self.assertTrue((self.out / "summary.md").read_text().startswith("before\n### kferry"))
        self.assertEqual((self.out / "summary.md").read_text().count("### kferry"), 2)
        self.assertFalse(old.exists())

    def test_what_is_not_ours_in_the_artifacts_stays(self):
        self.package()
        (self.out / "artifacts" / "photo").mkdir(parents=True)
        (self.out / "artifacts" / "photo" / "cat.jpg").write_text("miaow")
        self.deploy()
        self.assertTrue((self.out / "artifacts" / "photo" / "cat.jpg").exists())

    def test_report_that_cannot_be_written_is_told_first(self):
        self.package()
        self.out.write_text("a file, no directory")
        done = self.board.kferry("deploy", "--from", self.board.dir / "p.kferry", "--junit",
                                 self.out / "junit.xml", check=2)
        self.assertIn(str(self.out), done.text)
        self.assertEqual(self.board.boots, 1)
        done = self.board.kferry("-o", "report.origin=Our Lab", "deploy", "--from",
                                 self.board.dir / "p.kferry", "--kcidb", "k.json", check=2)
        self.assertIn("report.origin", done.text)

    def test_report_to_a_pipe_and_a_device(self):
        self.package()
        done = self.board.kferry("-q", "deploy", "--from", self.board.dir / "p.kferry",
                                 "--ktap", "/dev/stderr", "--junit", "/dev/null", check=0)
        self.assertIn("KTAP version 1\n1..1\n", done.err)
        self.assertTrue(os.path.exists("/dev/null"))


class Many(unittest.TestCase):
    def test_all_boards_are_in_one_file(self):
        fleet = Fleet(["good", "bad"])
        self.addCleanup(fleet.close)
        fleet.write_config({}, {}, phantoms=("gone",))
        fleet["bad"].on_boot = lambda slot: "panic" if slot else None
        package = fleet.package()
        out = fleet.dir / "ci"
        fleet.kferry("-o", "timeout.connect=3", "deploy", "-b", "good,bad,gone", "--from",
                     package.file, "--junit", out / "j.xml", "--kcidb", out / "k.json",
                     "--artifacts", out / "runs", "--summary", out / "s.md", check=1)
        suites = reports.check_junit(out / "j.xml")
        self.assertEqual({name: list(cases.values()) for name, cases in suites.items()},
                         {"good: boot": ["ok"], "good: health": ["ok"],
                          "bad: boot": ["failure"], "bad: health": ["skipped"],
                          "gone: boot": ["error"], "gone: health": ["skipped"]})
        data = reports.check_kcidb(out / "k.json")
        # Of all three it is the same kernel, also where it never arrived: but that is not
        # known of the board that could not be reached.
        self.assertLessEqual(len(data["builds"]), 2)
        self.assertEqual(sorted(p.name for p in (out / "runs").iterdir()),
                         ["bad", "gone", "good"])
        for name in ("good", "bad", "gone"):
            reports.check_result(out / "runs" / name / "result.json")
        summary = (out / "s.md").read_text()
        for row in ("| good | PASS |", "| bad | FAIL |", "| gone | ERROR |"):
            self.assertIn(row, summary)


if __name__ == "__main__":
    tap.main()
