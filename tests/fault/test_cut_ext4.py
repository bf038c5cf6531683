#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Power is cut from a real ext4 that GRUB boots from, in an image.

The board's /boot is mounted from it; the agent is killed at a call, and the image is copied
at that instant: it has what the kernel had written by then, and nothing of what was only in
memory.  GRUB's view of it is read with debugfs, which does not replay the journal either.
The model of GRUB boots the old or the new kernel from the copy; then it is mounted, as a boot
does it (with the journal replayed), the agent starts, and the same deploy passes.

Needs root and loop devices.  KF_SWEEP=all takes every point, KF_SWEEP=N so many.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
import bootmodel  # noqa: E402
import chainboard  # noqa: E402
import injector  # noqa: E402
from chainboard import StepFailed  # noqa: E402
from stages import STAGES, StageBoard  # noqa: E402
from tree import Tree  # noqa: E402

POINTS = os.environ.get("KF_SWEEP", "10")
CHAIN = "grub"
ERRORS = (AssertionError, OSError, ValueError, KeyError, StepFailed, bootmodel.Dead,
          subprocess.SubprocessError)


def run(*argv):
    return subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout.decode(errors="replace")


def mount(image, where):
    run("mount", "-t", "ext4", "-o", "loop", image, where)


class Disk:
    """An image with the files of board.root/boot, mounted there."""

    def __init__(self, board):
        self.where = board.root / "boot"
        self.image, self.copy = board.room / "image", board.room / "copy"
        self.room, self.dump = board.room / "mnt", board.room / "dump"
        self.room.mkdir(exist_ok=True)
        self.image.unlink(missing_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(64 << 20)
        run("mkfs.ext4", "-q", "-F", self.image)
        mount(self.image, self.room)
        run("cp", "-r", f"{self.where}/.", self.room)
        run("umount", self.room)
        mount(self.image, self.where)

    def cut(self):
        """The power goes: what the image has is what there is."""
        run("cp", "--sparse=always", self.image, self.copy)
        run("umount", self.where)

    def seen(self):
        """The files as GRUB finds them on the copy: {path below /boot: bytes}."""
        shutil.rmtree(self.dump, ignore_errors=True)
        self.dump.mkdir()
        run("debugfs", "-R", f"rdump / {self.dump}", self.copy)
        return {str(p.relative_to(self.dump)): p.read_bytes()
                for p in self.dump.rglob("*") if p.is_file()}

    def power_on(self):
        """Mounted, as a boot does it; its files are in board.root again."""
        mount(self.copy, self.room)
        shutil.rmtree(self.where)
        shutil.copytree(self.room, self.where, ignore=shutil.ignore_patterns("lost+found"))
        run("umount", self.room)


class Cut(unittest.TestCase):
    def armed(self, board):
        """What GRUB boots when the power goes right after a slot was installed and armed: no
        orderly shutdown is needed to have it on the disk."""
        board.restore("install", board.saved["install"])
        disk = Disk(board)
        try:
            board.steps(f"deploy={board.new.dir}", f"arm={board.new.id}")
        finally:
            disk.cut()
        return board.would_boot(Tree({f"boot/{k}": v for k, v in disk.seen().items()}))

    def one(self, board, stage, at):
        """False: the stage has fewer calls than on a tmpfs."""
        board.restore(stage.name, board.saved[stage.name])
        disk = Disk(board)
        try:
            wrap = injector.argv(board.root, board.log, at)
            board.steps(board.step(stage), wrap=wrap, check=False)
        finally:
            disk.cut()
        if not injector.injected(board.log):
            return False
        found = board.would_boot(Tree({f"boot/{k}": v for k, v in disk.seen().items()}))
        allowed = [board.who[w] for w in stage.may_boot]
        assert found in allowed, f"{found} boots, allowed are {allowed}"
        disk.power_on()
        board.reset()
        board.finish(stage)
        return True

    def test_grub(self):
        board, failed = StageBoard(CHAIN), []
        board.prepare()
        points = [(s, at) for s in STAGES for at in range(1, board.counts[s.name] + 1)]
        found = len(points)
        if POINTS != "all":
            points = [points[int((i + 0.5) * found / int(POINTS))] for i in range(int(POINTS))]
        hit = 0
        for stage, at in points:
            try:
                hit += self.one(board, stage, at)
            except ERRORS as error:
                failed.append(f"{stage.name} {at} ({injector.injected(board.log)}): "
                              f"{type(error).__name__}: {error}")
        armed, new = self.armed(board), board.new.id
        board.close()
        print(f"# {CHAIN}: {found} calls, {len(points)} cuts, {hit} hit, {len(failed)} failed", flush=True)
        for text in failed:
            print("# " + text.replace("\n", "\n#   "))
        self.assertEqual(len(failed), 0)
        self.assertGreater(hit, len(points) / 2)
        self.assertEqual(armed, new, "armed, but not on the disk")


def cannot(place):
    """Why it cannot work here, or None."""
    image, where = pathlib.Path(place) / "image", pathlib.Path(place) / "mnt"
    where.mkdir()
    for tool in ("mkfs.ext4", "debugfs"):
        if not shutil.which(tool):
            return f"there is no {tool}"
    if not chainboard.STEPS.exists():
        return f"not built: {chainboard.STEPS}"
    with open(image, "wb") as f:
        f.truncate(16 << 20)
    try:
        run("mkfs.ext4", "-q", "-F", image)
        mount(image, where)
        run("umount", where)
    except subprocess.CalledProcessError as error:
        return f"no ext4 image: {error.output.decode().splitlines()[0]}"
    return injector.build(place)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as room:
        why = cannot(room)
        if why:
            print(why)
            sys.exit(77)
        tap.main()
