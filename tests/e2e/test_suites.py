#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Suites on a kernel that really runs and really dies: a fast board with systemd-boot."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from sdboot import SdBoot  # noqa: E402

KTAP = r"KTAP version 1\n1..4\nok 1 first\nok 2 second\n"
BIN = "/usr/local/bin"


class Suites(SdBoot):
    NAME = "suites"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.put("good", f"printf '{KTAP}ok 3 third\\nok 4 fourth\\n'\n")
        cls.put("dies", f"printf '{KTAP}'\nsleep 1\necho c > /proc/sysrq-trigger\nsleep 60\n")

    @classmethod
    def put(cls, name, script):
        cls.on_board("sh", "-c", f"cat > {BIN}/{name}; chmod +x {BIN}/{name}; sync",
                     stdin=f"#!/bin/sh\n{script}".encode())

    def statuses(self, result):
        return {t["name"]: t["status"] for t in result["suites"][0]["tests"]}

    def test_1_what_runs_is_tested(self):
        done = self.kferry("test", f"cmd:{BIN}/good", check=0)
        self.assertIn("4 passed", done.text)
        self.kferry("test", "cmd:false", check=1)
        result = self.desk.last_run()[1]
        self.assertEqual((result["release"], result["reason"]), (self.own_release, "tests"))

    def test_2_a_trial_that_panics_in_the_third_test_falls_back(self):
        done = self.deploy("trial", "--test", f"cmd:{BIN}/dies", check=1, timeout=1200)
        self.assert_own_kernel()
        directory, result = self.desk.last_run()
        self.assertEqual((result["verdict"], result["reason"]), ("FAIL", "tests"))
        self.assertEqual(self.statuses(result), {"first": "PASS", "second": "PASS",
                                              "test 3": "FAIL", "test 4": "MISS"})
        self.assertIn("while test 3 ran", result["text"])
        self.assertIn("sysrq triggered crash", done.text)
        self.assertTrue(any((directory / "pstore").iterdir()))
        self.assertIn("Kernel panic - not syncing: sysrq triggered crash", self.qemu.console())

    def test_3_one_that_passes_is_confirmed(self):
        self.deploy("trial", "--test", "cmd:true", check=0)
        self.kferry("reboot", check=0)
        self.assertIn("-trial ", self.desk.running()[0])
        self.kferry("kernels", "rollback", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()


if __name__ == "__main__":
    tap.main()
