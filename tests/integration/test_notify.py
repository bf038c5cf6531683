#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Notifications of commands that took long: what is told, when, and that nothing fails for it."""

import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import SCALE, Board, Package  # noqa: E402

TELL = """#!/bin/sh
{
	printf '%s\\n' "$@"
	env | grep ^KFERRY_ | grep -v ^KFERRY_CACHE | sort
} > "$TOLD.new"
mv "$TOLD.new" "$TOLD"
"""


class Notify(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.told = self.board.dir / "told"
        self.bin = self.board.dir / "bin"
        self.bin.mkdir()
        self.program("tell", TELL)
        self.package = Package().write(self.board.dir / "a.kferry")

    def program(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def run_(self, *args, check=0, path=None, **keys):
        keys = {"notify.after": "0", "notify.command": f"{self.bin}/tell one", **keys}
        options = [word for key, value in keys.items() if value is not None
                   for word in ("-o", f"{key}={value}")]
        env = {"TOLD": str(self.told), "PATH": path or os.environ["PATH"]}
        return self.board.kferry(*options, *args, check=check, env=env)

    def lines(self):
        return self.told.read_text().splitlines()

    def test_pass(self):
        self.run_("deploy", "--from", self.package)
        lines = self.lines()
        self.assertEqual(lines[0], "one")
        self.assertEqual(lines[1], f"kferry deploy --from {self.package}: PASS")
        self.assertRegex(lines[2], r"^after [0-9.]+s, exit status 0$")
        self.assertEqual([w for w in lines[3:] if not w.startswith("KFERRY_SECONDS=")],
                         ["KFERRY_COMMAND=deploy", "KFERRY_STATUS=0", "KFERRY_VERDICT=PASS"])

    def test_fail(self):
        self.board.on_boot = lambda slot: "panic" if slot else None
        self.run_("deploy", "--from", self.package, check=1)
        self.assertIn("KFERRY_VERDICT=FAIL", self.lines())

    def test_hostile_words_are_escaped(self):
        self.run_("deploy", "--from", self.board.dir / "no\x1b[31m\nfile", check=2)
        self.assertIn("no\\x1b[31m\\x0afile: ERROR", self.lines()[1])

    def test_short_commands_are_not_told(self):
        self.run_("--notify", "deploy", "--from", self.package, **{"notify.after": "1h"})
        self.assertFalse(self.told.exists())

    def test_commands_that_one_watches_are_told_when_asked(self):
        self.run_("board", "list")
        self.assertFalse(self.told.exists())
        self.run_("board", "list", "--notify")
        self.assertEqual(self.lines()[1], "kferry board list: PASS")

    def test_nothing_is_set_and_nothing_asked(self):
        self.run_("deploy", "--from", self.package, path=f"{self.bin}:{os.environ['PATH']}",
                  **{"notify.command": None})
        self.assertFalse(self.told.exists())

    def test_notify_send_is_the_default(self):
        self.program("notify-send", TELL)
        self.run_("--notify", "deploy", "--from", self.package,
                  path=f"{self.bin}:{os.environ['PATH']}", **{"notify.command": None})
        self.assertEqual(self.lines()[0], f"kferry deploy --from {self.package}: PASS")

    def test_without_notify_send(self):
        done = self.run_("--notify", "board", "list", path="/nonexistent", **{"notify.command": None})
        self.assertIn("no notify-send here", done.err)

    def test_its_failure_is_a_warning(self):
        for command, why in (("false", "ended with status 1"), ("/no/such/program", "there is no program")):
            done = self.run_("board", "list", "--notify", **{"notify.command": command})
            self.assertIn("the notification:", done.err)
            self.assertIn(why, done.err)

    def test_it_has_its_time(self):
        began = time.monotonic()
        done = self.run_("board", "list", "--notify", **{"notify.command": "sleep 300"})
        self.assertIn("the notification:", done.err)
        self.assertLess(time.monotonic() - began, 60 * SCALE)

    def test_many_words(self):
        done = self.run_("board", "list", "--notify", **{"notify.command": "echo " + "a " * 60})
        self.assertIn("more than 32 words", done.err)


if __name__ == "__main__":
    tap.main()
