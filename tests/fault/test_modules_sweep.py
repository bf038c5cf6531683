#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The agent dies, or the disk refuses, at each change that a deploy of modules alone makes.

After each: whose modules are shown is what the state says, every byte of them right; the
same deploy passes; and the next boot shows the booted slot's own.  KF_SWEEP=all takes every
call for every error, else the errors take turns.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
import chainboard  # noqa: E402
import injector  # noqa: E402
import scratch  # noqa: E402
from chainboard import ChainBoard, Package  # noqa: E402

ALL = os.environ.get("KF_SWEEP") == "all"
RELEASE = "6.9.0-test"
CHANGED = f"modules/{RELEASE}/kernel/drivers/m0.ko"
ERRORS = ("ENOSPC", "EIO", "EROFS")


class Sweep(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = board = ChainBoard("systemd-boot")
        cls.addClassCleanup(board.close)
        cls.own = board.package("one")
        cls.new = Package(board.chain, board.room, "one", "two", {CHANGED: b"another m0" * 50})
        board.packages[cls.new.id] = cls.new
        board.install(cls.own)
        assert board.reset() == cls.own.id
        cls.early()
        board.steps()
        cls.saved = board.save("ready")
        cls.log = board.room / "inject.log"
        board.steps(cls.step(), wrap=injector.argv(board.root, cls.log))
        cls.calls = injector.count(cls.log)
        assert cls.shown() == cls.new.id
        print(f"# {cls.calls} calls", flush=True)

    @classmethod
    def step(cls):
        return f"modules={cls.new.dir}"

    @classmethod
    def early(cls):
        subprocess.run(scratch.agent("--root", cls.board.root, "early"), check=True,
                       stderr=subprocess.DEVNULL)

    @classmethod
    def shown(cls):
        return (cls.board.root / "lib/modules" / RELEASE).resolve().parts[-3]

    def check_whole(self):
        state = self.board.state()
        shown = self.shown()
        self.assertEqual(shown, state.get("modules-slot", self.own.id))
        self.assertIn(shown, state["slots"])
        package = self.board.packages[shown]
        for slot in state["slots"]:
            where = self.board.root / "var/lib/kferry/slots" / slot
            for name, data in self.board.packages[slot].made.files.items():
                self.assertEqual((where / name).read_bytes(), data, f"{slot}: {name}")
        module = self.board.root / "lib" / CHANGED
        self.assertEqual(module.read_bytes(), package.made.files[CHANGED])
        self.assertEqual(self.board.would_boot(), self.own.id)

    def point(self, how, at):
        board = self.board
        board.restore("ready", self.saved)
        board.steps(self.step(), check=False,
                    wrap=injector.argv(board.root, self.log, at, how))
        self.assertTrue(injector.injected(self.log), "nothing was injected")
        board.steps()
        self.check_whole()
        board.steps(self.step())
        self.assertEqual(self.shown(), self.new.id)
        self.check_whole()
        self.assertEqual(board.reset(), self.own.id)
        self.early()
        self.assertEqual(self.shown(), self.own.id)
        board.steps()
        self.assertNotIn("modules-slot", board.state())
        self.check_whole()

    def sweep(self, points):
        failed = []
        for how, at in points:
            try:
                self.point(how, at)
            except (AssertionError, OSError, chainboard.StepFailed,
                    subprocess.SubprocessError) as error:
                failed.append(f"{how} {at}: {injector.injected(self.log)}: {error}")
        for text in failed:
            print("# " + text.replace("\n", "\n#   "))
        self.assertEqual(len(failed), 0)

    def test_killed_at_each_change(self):
        self.sweep([("kill", at) for at in range(1, self.calls + 1)])

    def test_errors_at_each_change(self):
        self.sweep([(how, at) for at in range(1, self.calls + 1)
                    for i, how in enumerate(ERRORS) if ALL or at % len(ERRORS) == i])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as room:
        why = injector.build(room) or (None if chainboard.STEPS.exists() else
                                       f"not built: {chainboard.STEPS}")
        if why:
            print(why)
            sys.exit(77)
        tap.main()
