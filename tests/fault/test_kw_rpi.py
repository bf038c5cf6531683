#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What kw does to a Raspberry Pi's boot files, and kferry does not (docs/KW.md): on a board as
one is laid out, below a model of its firmware.
"""

import pathlib
import sys
import shutil
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from chainboard import ChainBoard  # noqa: E402

FAT = "boot/firmware/"


class Rpi(unittest.TestCase):
    def setUp(self):
        self.board = ChainBoard("rpi-firmware")
        self.addCleanup(shutil.rmtree, self.board.room, ignore_errors=True)

    def of_the_board(self, but=()):
        """Its own files are what they were."""
        now = self.board.files()
        for name, data in self.board.own.items():
            if name.startswith(FAT) and name not in but:
                self.assertEqual(now.get(name), data, name)

    def test_kw_rpi_stock_device_trees_and_overlays_are_left_alone(self):
        package = self.board.package("a")
        self.board.install(package)
        self.of_the_board(but=(FAT + "config.txt",))
        self.assertEqual(self.board.files()[FAT + "bcm2711-rpi-4-b.dtb"], b"the board's own dtb")
        self.assertEqual(self.board.files()[FAT + "overlays/disable-bt.dtbo"], b"overlay")
        # The slot boots with its own all the same: reset() holds each byte against it.
        self.assertEqual(self.board.reset(), package.id)

    def test_kw_rpi_config_txt_never_names_a_kernel_that_was_removed(self):
        first, second = self.board.package("a"), self.board.package("b")
        self.board.install(first)
        self.board.install(second)
        self.board.steps(f"remove={first.id}")
        text = self.board.files()[FAT + "config.txt"].decode()
        self.assertNotIn(first.id, text)
        self.assertEqual(self.board.reset(), second.id)
        self.board.steps("rollback=foreign")
        self.board.reset()
        self.board.steps(f"remove={second.id}")
        for name, data in self.board.files().items():
            if name.startswith(FAT):
                self.assertNotIn(second.id.encode(), data, name)
        self.of_the_board()
        self.assertIsNone(self.board.reset())

    def test_kw_rpi_boot_once_is_once(self):
        package = self.board.package("a")
        self.board.steps(f"deploy={package.dir}", f"arm={package.id}")
        self.of_the_board()
        self.assertEqual(self.board.reset(), package.id)
        self.board.put_power_back()
        self.assertIsNone(self.board.reset())
        self.assertIsNone(self.board.would_boot())


if __name__ == "__main__":
    tap.main()
