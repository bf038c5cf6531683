#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry dmesg around a command, and what --history keeps."""

import json
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import SCALE, Board, wait_for  # noqa: E402


class Dmesg(unittest.TestCase):
    """The log of a scratch board is a file that grows."""

    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def log(self):
        return self.board.root / "dev/kmsg"

    def say(self, usec, text, level=6):
        """A shell's words that make the kernel say something."""
        return f"echo '{level},{usec},{usec},-;{text}' >> {self.log()}"

    def test_only_what_was_said_meanwhile(self):
        command = "; ".join(["echo out", self.say(5000000, "first"),
                             self.say(6000000, "second", 3), "exit 5"])
        done = self.board.kferry("dmesg", "--cmd", command, check=5)
        self.assertEqual(done.out, "[    5.000000] first\n[    6.000000] second\n")
        self.assertEqual(done.err, "out\n")

    def test_a_level_and_json(self):
        command = "; ".join([self.say(5000000, "first"), self.say(6000000, "bad", 3)])
        done = self.board.kferry("--json", "dmesg", "--level", "err", "--cmd", command, check=0)
        records = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([r["text"] for r in records if r["event"] == "record"], ["bad"])

    def test_nothing_was_said(self):
        done = self.board.kferry("dmesg", "--cmd", "true", check=0)
        self.assertEqual(done.out, "")

    def test_it_comes_while_the_command_runs(self):
        wait = self.board.dir / "go-on"
        kferry = self.board.start("dmesg", "--cmd", self.say(5000000, "early")
                                  + f"; while [ ! -e {wait} ]; do sleep 0.1; done")
        self.addCleanup(kferry.kill)
        self.assertEqual(kferry.stdout.readline(), "[    5.000000] early\n")
        self.assertIsNone(kferry.poll())
        wait.write_text("")
        kferry.communicate(timeout=30 * SCALE)
        self.assertEqual(kferry.returncode, 0)

    def test_what_was_said_before_the_board_died(self):
        kferry = self.board.start("dmesg", "--cmd", self.say(5000000, "last words")
                                  + "; sleep 1000")
        self.addCleanup(kferry.kill)
        self.assertEqual(kferry.stdout.readline(), "[    5.000000] last words\n")
        self.board.kill_agent(signal.SIGKILL)
        kferry.communicate(timeout=60 * SCALE)
        self.assertEqual(kferry.returncode, 2)

    def test_history(self):
        done = self.board.kferry("dmesg", "--history", check=0)
        where = self.board.home / ".local/share/kferry/history/scratch/dmesg/1"
        wait_for("the directory", where.exists)
        self.assertIn(str(where), done.err)
        self.assertEqual((where / "dmesg").read_text(), done.out)
        self.assertIn("Command line", done.out)
        command = self.say(5000000, "said") + "; exit 4"
        self.board.kferry("dmesg", "--history", "--cmd", command, check=4)
        where = where.parent / "2"
        self.assertEqual((where / "dmesg").read_text(), "[    5.000000] said\n")
        info = json.loads((where / "info.json").read_text())
        self.assertEqual((info["status"], info["command"]), (4, command))

    def test_wrong_words(self):
        for words, text in ((["--cmd", "x", "-f"], "no --follow with it"),
                            (["--cmd", "x", "--boot", "-1"], "no --boot with it"),
                            (["--cmd", ""], "--cmd of nothing"),
                            (["--list", "--history"], "--list stands alone")):
            self.assertIn(text, self.board.kferry("dmesg", *words, check=64).err)


if __name__ == "__main__":
    tap.main()
