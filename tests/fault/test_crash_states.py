#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Power is cut, and what was not flushed is lost.

The file operations of two slots' lives (tests/lib/stages.py) are recorded on a board of
each boot chain; then disks are made as a power cut after each operation may leave them
(tests/lib/crashfs.py says what the file systems are taken to promise).  On each of them a
model of the boot stage boots the old or the new kernel, every byte of it right; on a sample
the agent starts, the same deploy passes, and after the removal the board is as it was.

KF_SWEEP=all takes more of everything, KF_SEED=N other random subsets, KF_SWEEP_AT="grub arm
12" only what is lost after that operation.  A stage without a cut, or without a disk that the agent
goes on from, fails.
"""

import os
import pathlib
import random
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
from chainboard import StepFailed, fingerprint  # noqa: E402
from crashfs import Trace, states  # noqa: E402
from stages import STAGES, StageBoard  # noqa: E402

ALL = os.environ.get("KF_SWEEP") == "all"
SEED = int(os.environ.get("KF_SEED", random.SystemRandom().randrange(1 << 31)))
RANDOM = 40 if ALL else 3  # subsets after each operation
RETRIES = 300 if ALL else 36  # of a chain
RETRIES_EACH = 3  # of a stage, of these
ERRORS = (AssertionError, OSError, ValueError, KeyError, StepFailed, bootmodel.Dead,
          subprocess.SubprocessError)
# Where a cut may leave the board's own kernel, which is neither the old slot nor the new,
# and why: docs/boards/ say the same.
OWN_TOO = {
    # FAT: a rename over good.conf, or config.txt, may leave what is not readable.
}


class Count:
    def __init__(self):
        self.cuts = self.disks = self.distinct = self.retried = 0
        self.failed = []
        self.stages = {stage.name: [0, 0] for stage in STAGES}  # cuts, retried


class Crash(unittest.TestCase):
    def boots(self, board, stage, tree):
        """Who boots from this disk; power that is lost takes the tryboot flag along."""
        found = board.would_boot(tree)
        allowed = [board.who[w] for w in (*stage.may_boot, *OWN_TOO.get(
            (board.chain, stage.name), ()))]
        assert found in allowed, f"{found} boots, allowed are {allowed}"
        if tree.exists("dev/vcio"):
            tree.files["dev/vcio"] = b"0\n"
            found = board.would_boot(tree)
            assert found in allowed, f"{found} boots without power, allowed are {allowed}"

    def unreplayed(self, board, stage, trace, count):
        """GRUB's view of a disk whose journal was written back up to operation j only."""
        seen, rng = set(), random.Random(f"{SEED} journal {stage.name}")
        for k in range(len(trace.ops) + 1):
            views = [(f"up to {j}, blocks reused: {reused}", trace.grub_view(j, k, reused))
                     for j in range(trace.checkpoint(k), k + 1) for reused in (False, True)]
            views += [("in part", trace.grub_partial(k, rng)) for _ in range(RANDOM)]
            for what, state in views:
                tree = state.tree()
                mark = fingerprint(tree.files)
                count.disks += 1
                if mark in seen:
                    continue
                seen.add(mark)
                count.distinct += 1
                try:
                    self.boots(board, stage, tree)
                except ERRORS as error:
                    count.failed.append(f"{stage.name} cut after {k}, the journal written back "
                                        f"{what}: {error}")

    def retry(self, board, stage, state):
        shutil.rmtree(board.root)
        board.root.mkdir()
        state.write(board.root)
        board.boots, board.running = board.saved[stage.name]
        # A name of which a FAT has only the short form: a file that nobody looks for, and that
        # fsck.vfat or the user removes.
        board.debris = ("~1",)
        board.put_power_back()
        board.reset()
        board.finish(stage)

    def one_stage(self, board, stage, count, keep):
        trace = Trace(board.before[stage.name], board.trace[stage.name])
        if board.chain == "grub":
            self.unreplayed(board, stage, trace, count)
        seen = set()
        rng = random.Random(f"{SEED} {board.chain} {stage.name}")
        only = os.environ.get("KF_SWEEP_AT", "").split()
        for k in range(len(trace.ops) + 1):
            if only and only != [board.chain, stage.name, str(k)]:
                continue
            count.cuts += 1
            count.stages[stage.name][0] += 1
            for what, state in states(trace, k, rng, RANDOM):
                tree = state.tree()
                count.disks += 1
                mark = fingerprint(tree.files)
                if mark in seen:
                    continue
                seen.add(mark)
                count.distinct += 1
                keep.append((stage, k, what, state))
                try:
                    self.boots(board, stage, tree)
                except ERRORS as error:
                    count.failed.append(f"{stage.name} cut after {k} {trace.ops[k - 1][:3] if k else ''}"
                                        f", lost: {what}: {error}")

    def sample(self, kept, rng):
        """Of each stage the disk that has its last change and nothing else that was not flushed,
        and some more; the others wherever they are."""
        last = {disk[0].name: disk for disk in kept if disk[2].startswith("all but")}
        chosen = list(last.values())
        rest, kept = [], [disk for disk in kept if not any(disk is c for c in chosen)]
        rng.shuffle(kept)
        for disk in kept:
            of_stage = sum(disk[0] is c[0] for c in chosen)
            (chosen if of_stage < RETRIES_EACH else rest).append(disk)
        return chosen + rest[:max(0, RETRIES - len(chosen))]

    def chain(self, chain):
        board, count, kept = StageBoard(chain), Count(), []
        board.prepare(trace=True)
        for stage in STAGES:
            self.one_stage(board, stage, count, kept)
        rng = random.Random(SEED)
        for stage, k, what, state in self.sample(kept, rng):
            count.retried += 1
            count.stages[stage.name][1] += 1
            try:
                self.retry(board, stage, state)
            except ERRORS as error:
                count.failed.append(f"{stage.name} cut after {k}, lost: {what}: "
                                    f"the retry: {type(error).__name__}: {error}")
        board.close()
        print(f"# {chain}: seed {SEED}, cut after {count.cuts} operations, {count.disks} disks, "
              f"{count.distinct} of them different and booted, {count.retried} retried, "
              f"{len(count.failed)} failed", flush=True)
        print("# cut and retried: " + ", ".join(f"{name} {cuts} and {retried}" for name, (
            cuts, retried) in count.stages.items()), flush=True)
        for text in count.failed[:40]:
            print("# " + text.replace("\n", "\n#   ").replace("\0", "\\0"))
        self.assertEqual(len(count.failed), 0)
        only = os.environ.get("KF_SWEEP_AT", "").split()
        for name, (cuts, retried) in count.stages.items():
            # A trace without operations still has the cut before the first of them.
            if not only:
                self.assertGreater(cuts, 1, f"{name}: no operation was cut")
            if not only or only[:2] == [chain, name]:
                self.assertGreater(retried, 0, f"{name}: the agent went on from none")

    def test_systemd_boot(self):
        self.chain("systemd-boot")

    def test_grub(self):
        self.chain("grub")

    def test_efi_bootnext(self):
        self.chain("efi-bootnext")

    def test_rpi_firmware(self):
        self.chain("rpi-firmware")

    def test_uboot_extlinux(self):
        self.chain("uboot-extlinux")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as room:
        why = injector.build(room) or (None if chainboard.STEPS.exists() else
                                       f"not built: {chainboard.STEPS}")
        if why:
            print(why)
            sys.exit(77)
        tap.main()
