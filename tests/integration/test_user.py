#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user meets: exit statuses, interrupts, messages; on a scratch board."""

import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board, Package  # noqa: E402

USAGE = 64


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def package(self, name="p.kferry", **fields):
        package = Package(**fields)
        package.file = package.write(self.board.dir / name)
        return package


class Statuses(Case):
    def test_unknown_board_is_usage_everywhere(self):
        for words in ("deploy nope --from x", "bd nope", "-b nope build", "-b nope pack -o x",
                      "reboot nope", "dmesg nope", "kernels -b nope", "exec -b nope -- true",
                      "board info nope", "board setup nope", "board rm nope",
                      "board default nope", "config list -b nope"):
            done = self.board.kferry(*words.split(), check=USAGE)
            self.assertIn('there is no board "nope"', done.err, words)

    def test_no_kernel_to_deploy_is_not_the_kernels_fault(self):
        """Status 1 would tell a bisection that the kernel is bad."""
        for words in ("bd", "build", "deploy", "pack -o x"):
            done = self.board.kferry(*words.split(), check=2)
            self.assertIn("not in a kernel source tree", done.err)
        tree = self.board.dir / "linux"
        for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "init/main.c", "Makefile"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        for words in ("bd", "build", "deploy"):
            done = self.board.kferry(*words.split(), check=2, cwd=tree)
            self.assertIn("defconfig", done.err)

    def test_verdict_that_cannot_be_written_is_no_pass(self):
        package = self.package()
        with open("/dev/full", "w") as full:
            done = self.board.kferry("deploy", "--from", package.file, check=2, stdout=full)
        self.assertIn("No space left", done.err)


if __name__ == "__main__":
    tap.main()
