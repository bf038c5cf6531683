#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# level: full
"""
kferry build on the kernel's own makefile: some objects of the lab's source tree, in an
object directory of the test's own.  The lab's tree is only read.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from lab import LAB  # noqa: E402
from scratch import SCALE, Board  # noqa: E402

OBJECTS = ("init/main.o", "lib/string.o")


class Kernel(unittest.TestCase):
    def setUp(self):
        done = subprocess.run([LAB / "kernel.sh", "--print", "src"], capture_output=True,
                              check=False)
        if done.returncode:
            self.skipTest("the lab's kernel is not built: tests/lab/kernel.sh")
        self.src = pathlib.Path(done.stdout.decode().strip())
        self.board = Board()
        self.addCleanup(self.board.close)
        self.obj = self.board.dir / "obj"
        self.obj.mkdir()
        clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
        subprocess.run(["make", "-s", "-C", self.src, f"O={self.obj}", "ARCH=x86_64",
                        "tinyconfig"], env=clean, check=True, stdout=subprocess.DEVNULL,
                       timeout=300 * SCALE)

    def build(self, *args, check=0):
        done = self.board.kferry("--json", "-o", f"build.output={self.obj}", "-o",
                                 "build.arch=x86_64", "build", *args, cwd=self.src, check=check,
                                 timeout=900)
        return [e for e in map(json.loads, done.out.splitlines())
                if e["event"] in ("build", "build-info", "clean")][-1]

    def test_its_objects_their_warnings_and_cleaning(self):
        event = self.build(*OBJECTS)
        self.assertRegex(event["release"], r"^6\.1\.")
        log = pathlib.Path(event["log"]).read_text()
        self.assertIn("  CC      init/main.o", log)
        self.assertEqual(event["fixed_warnings"], 0)
        # Nothing has changed: nothing is compiled.
        log = pathlib.Path(self.build(*OBJECTS)["log"]).read_text()
        self.assertNotIn("  CC      init/main.o", log)
        # Other flags reach the compiler: what these objects are made of is made again.
        event = self.build("--warnings", "12", "--cflags", "-DKFERRY_WAS_HERE", *OBJECTS)
        self.assertIn("  CC      init/main.o", pathlib.Path(event["log"]).read_text())
        self.assertIn("-DKFERRY_WAS_HERE", (self.obj / "init/.main.o.cmd").read_text())
        self.assertEqual(len(event["new_warnings"]), event["warnings"])
        self.assertGreater(event["warnings"], 0)
        # With the same again all of these are known; without them they are gone.
        (self.obj / "init/main.o").unlink()
        event = self.build("--warnings", "12", "--cflags", "-DKFERRY_WAS_HERE", *OBJECTS)
        self.assertEqual((event["new_warnings"], event["fixed_warnings"]), ([], 0))
        event = self.build(*OBJECTS)
        self.assertGreater(event["fixed_warnings"], 0)
        info = self.build("--info")
        self.assertEqual(info["release"], event["release"])
        self.assertTrue(info["name"])
        self.assertNotIn("image", info)
        self.build("--clean")
        self.assertFalse((self.obj / "init/main.o").exists())
        self.assertTrue((self.obj / ".config").exists())
        self.build("--full-cleanup", "--force")
        self.assertFalse((self.obj / ".config").exists())
        self.assertFalse((self.src / ".config").exists())


if __name__ == "__main__":
    tap.main()
