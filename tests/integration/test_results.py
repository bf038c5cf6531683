#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry results: what suites print, judged by the command; files, formats, exit statuses."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KF_BUILD", TREE / "build/check"))

GOOD = "KTAP version 1\n1..2\nok 1 a\nok 2 b # SKIP no device\n"
BAD = """[    1.0] KTAP version 1
[    1.0] 1..2
[    1.1]     KTAP version 1
[    1.1]     # Subtest: list
[    1.1]     1..2
[    1.1]     ok 1 init
[    1.2]     # add: EXPECTATION FAILED at lib/list-test.c:42
[    1.2]     not ok 2 add
[    1.3] usb 1-1: new device
[    1.3] not ok 1 list
[    1.4] ok 2 hash
"""


class Results(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-results-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", self.dir])

    def file(self, name, text):
        path = self.dir / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def kferry(self, *args, status, stdin=None):
        env = dict(os.environ, HOME=str(self.dir), XDG_CONFIG_HOME=str(self.dir / "config"),
                   XDG_DATA_HOME=str(self.dir / "data"), KF_PROFILE_PATH=str(TREE / "boards"))
        done = subprocess.run([BUILD / "kferry", *map(str, args)], env=env, cwd=self.dir,
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60)
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, done.out + done.err)
        return done

    def test_statuses(self):
        self.assertIn("1 passed, 1 skipped", self.kferry("results", self.file("l", GOOD),
                                                         status=0).out)
        done = self.kferry("results", self.file("l", BAD), status=1)
        self.assertIn("FAIL   list.add", done.out)
        self.assertIn("2 passed, 1 failed", done.out)
        self.assertNotIn("list.init", done.out)
        self.assertIn("list.init", self.kferry("-v", "results", self.dir / "l", status=1).out)
        cut = self.kferry("results", self.file("l", GOOD[:-25]), status=2)
        self.assertIn("output ends while test 2 was running", cut.err)
        self.assertIn("nothing was tested",
                      self.kferry("results", self.file("l", "KTAP version 1\nok 1 a # SKIP\n"),
                                  status=2).err)
        self.kferry("results", self.file("l", ""), status=2)
        self.kferry("results", self.dir / "not-there", status=2)
        self.kferry("results", status=64)
        self.kferry("results", "a", "b", status=64)
        self.assertIn("ktap, ltp, xfstests", self.kferry("results", self.dir / "l", "--format",
                                                         "junit", status=64).err)

    def test_expected_failures(self):
        log = self.file("l", BAD)
        known = self.file("known", "list.add  broken since v6.1\n")
        done = self.kferry("results", log, "--expect", known, status=0)
        self.assertIn("2 passed, 1 failed as expected", done.out)
        known = self.file("known", "hash  was broken\n")
        self.assertIn("XPASS  hash", self.kferry("results", log, "--expect", known, status=1).out)
        known = self.file("known", "# what\nhash\n")
        self.assertIn("known:2: the reason is missing",
                      self.kferry("results", log, "--expect", known, status=2).err)

    def test_json(self):
        log = self.file("l", BAD)
        event = json.loads(self.kferry("--json", "results", log, "--name", "kunit", status=1).out)
        self.assertEqual((event["event"], event["name"], event["format"], event["verdict"]),
                         ("results", "kunit", "ktap", "FAIL"))
        self.assertEqual(event["counts"]["PASS"], 2)
        tests = {t["name"]: t for t in event["tests"]}
        self.assertIn("list-test.c:42", tests["list.add"]["output"])
        self.assertTrue(tests["list"]["group"])

    def test_standard_input_and_hostile_bytes(self):
        log = b"KTAP version 1\n1..1\n\0\xff" + b"x" * (10 << 20) + b"\nnot ok 1 \x1b[31mred\x9b\n"
        done = self.kferry("results", "-", stdin=log, status=1)
        self.assertIn("FAIL   red\\x9b", done.out)
        self.assertNotIn("\x1b", done.out + done.err)


if __name__ == "__main__":
    tap.main()
