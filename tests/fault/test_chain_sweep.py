#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The agent dies, or the disk refuses, at each change on the disk, on every boot chain.

A board of each chain (tests/lib/chainboard.py) has a known-good slot of kferry's beside its
own kernel.  A new one is installed, armed, booted and confirmed, the old one removed, then
the board goes back to its own kernel and the last slot is removed.  In each of these
stages each call that changes something (tests/fault/inject.c) is once the agent's last, or
fails: with ENOSPC, with EIO, or with EROFS from there on.

After each: a model of the boot stage (tests/lib/bootmodel.py) boots the old or the new
kernel, with every byte of it right; nothing of others has changed; the agent starts again,
in the same boot or after a reset, the same deploy passes, and after the removal the board
is what it was before kferry came.

A sample is taken; KF_SWEEP=all takes every point, KF_SWEEP=N so many for a chain, and no
fewer than four of each stage.  KF_SWEEP_AT="grub arm kill 3" tries that one.  A sweep that
finds few calls, or comes to few of the points it wants, fails.  The hook chain has
test_kill_sweep.py, with the daemon and the controller.
"""

import collections
import errno
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
import chainboard  # noqa: E402
import injector  # noqa: E402
import scratch  # noqa: E402
from chainboard import StepFailed  # noqa: E402
from stages import STAGES, StageBoard  # noqa: E402

POINTS = os.environ.get("KF_SWEEP", "40")
WORKERS = 2
# Each chain makes 350 calls and more in all stages together. A point may be missed, as what
# an agent does may depend on when it runs.
MIN_CALLS = 100
MIN_HIT = 0.9  # of the points tried
HOWS = ("kill", "ENOSPC", "EIO", "EROFS")

Point = collections.namedtuple("Point", "chain stage how at reset")


def disturb(board, point):
    """False: the point was not come to."""
    stage = next(s for s in STAGES if s.name == point.stage)
    board.restore(point.stage, board.saved[point.stage])
    before = board.files()
    wrap = injector.argv(board.root, board.log, point.at, point.how, sticky=point.how == "EROFS")
    again = ["-r"] if point.how in ("ENOSPC", "EIO") and point.at % 2 else []
    status, text = board.steps(board.step(stage), wrap=wrap, check=False, options=again)
    board.call = injector.injected(board.log)
    if not board.call:
        assert status == 0, text
        return False
    killed = point.how == "kill"
    assert status == 137 if killed else status in (0, 1), f"status {status}: {text}"
    assert killed or status == 0 or text.strip(), "it failed without a word"
    board.check_slots()
    board.check_others(before, stage)
    board.check_boots(stage)
    if point.reset:
        booted = board.reset()
        assert booted in [board.who[w] for w in stage.may_boot], f"{booted} boots"
    board.finish(stage)
    return True


def tries(board):
    """Every point of a board, or some.  It goes on in the same boot, or after a reset."""
    points = [Point(board.chain, s.name, how, at, (at + HOWS.index(how)) % 2 == 1)
              for s in STAGES for how in HOWS for at in range(1, board.counts[s.name] + 1)]
    if POINTS == "all":
        return points
    # Of each stage and way to fail some, in turns.
    heap = collections.defaultdict(list)
    for p in points:
        heap[p.stage].append(p)
    share = {s: max(4, int(POINTS) * len(v) // len(points)) for s, v in heap.items()}
    return [v[int((i + 0.5) * len(v) / min(len(v), share[s]))]
            for s, v in heap.items() for i in range(min(len(v), share[s]))]


class Sweep(unittest.TestCase):
    def work(self, chain, points, tried, failed):
        board = StageBoard(chain)
        board.prepare()
        while points:
            point = points.pop(0)
            board.call = None
            try:
                tried.append(disturb(board, point))
            except (AssertionError, OSError, ValueError, StepFailed, KeyError,
                    subprocess.SubprocessError, chainboard.bootmodel.Dead) as error:
                failed.append(f"{' '.join(map(str, point))} ({board.call}): "
                              f"{type(error).__name__}: {error}")
        board.close()

    def sweep(self, chain):
        board = StageBoard(chain)
        board.prepare()
        points = tries(board)
        found = sum(board.counts.values())
        counts = ", ".join(f"{k} {v}" for k, v in board.counts.items())
        board.close()
        one = os.environ.get("KF_SWEEP_AT")
        if one:
            want, stage, how, at = one.split()
            points = [Point(want, stage, how, int(at), r) for r in (False, True) if want == chain]
        total, tried, failed = len(points), [], []
        workers = [threading.Thread(target=self.work, args=(chain, points, tried, failed))
                   for _ in range(min(WORKERS, total))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(f"# {chain}: {found} calls ({counts}), {found * len(HOWS)} points; {total} tried, "
              f"{sum(tried)} hit, {len(failed)} failed", flush=True)
        for text in failed:
            print("# " + text.replace("\n", "\n#   "))
        self.assertEqual(len(tried) + len(failed), total, "a worker died")
        self.assertEqual(len(failed), 0)
        if one:
            self.assertEqual(sum(tried), total, "KF_SWEEP_AT was not come to")
            return
        self.assertGreater(found, MIN_CALLS, "few calls were found to disturb")
        for stage in STAGES:
            self.assertGreater(board.counts[stage.name], 0, f"none in {stage.name}")
        wanted = found * len(HOWS) if POINTS == "all" else 4 * len(STAGES)
        self.assertGreaterEqual(total, wanted, "few points were tried")
        self.assertGreaterEqual(sum(tried), MIN_HIT * total, "few points were come to")

    def test_systemd_boot(self):
        self.sweep("systemd-boot")

    def test_grub(self):
        self.sweep("grub")

    def test_efi_bootnext(self):
        self.sweep("efi-bootnext")

    def test_rpi_firmware(self):
        self.sweep("rpi-firmware")

    def test_uboot_extlinux(self):
        self.sweep("uboot-extlinux")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as room:
        why = injector.build(room) or (None if chainboard.STEPS.exists() else
                                       f"not built: {chainboard.STEPS}")
        if why:
            print(why)
            sys.exit(77)
        assert scratch.TOP
        tap.main()
