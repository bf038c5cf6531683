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

A sample is taken; KF_SWEEP=all takes every point and both ways to go on, KF_SWEEP=N so many
for a chain.  KF_SWEEP_AT="grub arm kill 3" tries that one.  The hook chain has
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
from chainboard import ChainBoard, StepFailed  # noqa: E402

POINTS = os.environ.get("KF_SWEEP", "40")
WORKERS = 2
HOWS = ("kill", "ENOSPC", "EIO", "EROFS")
TEMPORARY = (".kf-tmp-", ".part")

# What a stage does, and what may boot while it does: the old slot, the new one, or the
# board's own kernel.
Stage = collections.namedtuple("Stage", "name step slot may_boot")
STAGES = (Stage("install", "deploy", "new", ("old",)),
          Stage("arm", "arm", "new", ("old", "new")),
          Stage("confirm", "confirm", "new", ("old", "new")),
          Stage("remove", "remove", "old", ("new",)),
          Stage("rollback", "rollback", None, ("new", "own")),
          Stage("last", "remove", "new", ("own",)))
RESET_BEFORE = ("confirm", "last")
# Files that say which kernel boots: these may change, what they say is asked of the model.
POINTERS = ("sys/firmware/efi/efivars/LoaderEntry", "sys/firmware/efi/efivars/Boot",
            "boot/grub/custom.cfg", "boot/grub/kferry/env", "boot/firmware/config.txt",
            "boot/firmware/tryboot.txt", "dev/vcio", "boot/efi/boot.scr",
            "boot/efi/kferry/trial.conf", "boot/efi/kferry/once", "boot/efi/kferry/good.conf")

Point = collections.namedtuple("Point", "chain stage how at reset")


class SweepBoard(ChainBoard):
    """A board, with a copy of it before each stage."""

    def __init__(self, chain):
        super().__init__(chain)
        self.old, self.new = self.package("old"), self.package("new")
        self.who = {"old": self.old.id, "new": self.new.id, "own": None}
        self.counts, self.saved = {}, {}
        self.log = self.room / "inject.log"
        self.install(self.old)
        for stage in STAGES:
            if stage.name in RESET_BEFORE:
                assert self.reset() == self.who[{"confirm": "new", "last": "own"}[stage.name]]
            self.saved[stage.name] = self.save(stage.name)
            self.steps(self.step(stage), wrap=injector.argv(self.root, self.log))
            self.counts[stage.name] = injector.count(self.log)
            if stage.name == "remove":
                # A boot by default, and not only the one that was armed.
                assert self.reset() == self.new.id
                self.steps()
        self.check_pristine()

    def step(self, stage):
        if stage.step == "deploy":
            return f"deploy={self.new.dir}"
        return f"{stage.step}={self.who[stage.slot] if stage.slot else 'foreign'}"

    # --- what must hold ---------------------------------------------------------------------

    def check_slots(self):
        """What the state lists is complete."""
        state = self.state()
        for slot, how in state["slots"].items():
            where = self.root / "var/lib/kferry/slots" / slot
            if how == "gone":
                continue
            package = self.packages[slot].made
            for name, data in {**package.files, "manifest": package.manifest()}.items():
                assert (where / name).read_bytes() == data, f"{slot}: {name} is wrong"
            assert f"chain {self.chain}\n" in (where / "slot.conf").read_text(), f"{slot}: chain"
        for key in ("known-good", "default"):
            assert state[key] == "foreign" or state[key] in state["slots"], f"{key} {state[key]}"
        return state

    def check_others(self, before, stage):
        """Nothing has changed that is not this slot's, or a pointer."""
        slot = self.who[stage.slot] if stage.slot else "none"
        now = self.files()
        for path in sorted(set(now) | set(before)):
            name = path.rpartition("/")[2]
            if now.get(path) == before.get(path) or slot in path or path.startswith(POINTERS):
                continue
            assert name.startswith(TEMPORARY) and path not in before, f"{path} has changed"

    def check_boots(self, stage):
        boots = self.would_boot()
        allowed = [self.who[w] for w in stage.may_boot]
        assert boots in allowed, f"{boots} boots, allowed are {allowed}"

    def check_clean(self):
        """After a start of the agent nothing is half done."""
        state = self.check_slots()
        listed = set(state["slots"])
        assert "gone" not in state["slots"].values(), "a slot is still being removed"
        found = {p.name for p in (self.root / "var/lib/kferry/slots").iterdir()}
        assert found == listed, f"slots are {found}, listed {listed}"
        for staged in (self.root / "var/lib/kferry/staging").iterdir():
            package = self.packages.get(staged.name)
            assert package and (staged / "manifest").read_bytes() == package.made.manifest(), \
                f"{staged.name} cannot be resumed"
        for path in self.files():
            for slot in set(self.packages) - listed:
                assert slot not in path, f"{path} is of a slot that is not there"
        # What was cut off in the state directory is gone; on a boot file system it goes with
        # the next change there.
        junk = [p for p in (self.root / "var/lib/kferry").rglob(".*")]
        assert not junk, f"left behind: {junk}"

    def check_pristine(self):
        now = self.files()
        wrong = sorted(p for p in set(now) | set(self.own) if now.get(p) != self.own.get(p))
        assert not wrong, f"not as before kferry: {wrong}"
        dirs = [p for p in self.root.rglob("*") if p.is_dir() and "kferry" in p.name.lower()]
        rest = [p for p in dirs if str(p.relative_to(self.root)) not in (
            "var/lib/kferry", "run/kferry", "etc/kferry")]
        assert not rest, f"left behind: {rest}"
        assert not self.state()["slots"]

    # --- on to the end --------------------------------------------------------------------

    def finish(self, stage):
        """What a user does: the same once more, to the end."""
        self.steps()
        self.check_clean()
        order = [s.name for s in STAGES]
        at = order.index(stage.name)
        if at <= order.index("confirm"):
            self.steps(f"deploy={self.new.dir}")
            if self.state()["default"] != self.new.id:
                if self.running != self.new.id:
                    self.steps(f"arm={self.new.id}")
                    assert self.reset() == self.new.id, "the trial did not boot"
                self.steps(f"confirm={self.new.id}")
            assert self.reset() == self.new.id, "the new default does not boot"
        if self.old.id in self.state()["slots"]:
            self.steps(f"remove={self.old.id}")
        if self.state()["default"] != "foreign":
            self.steps("rollback=foreign")
        if self.running:
            assert self.reset() is None, "the board's own kernel does not boot"
        if self.new.id in self.state()["slots"]:
            self.steps(f"remove={self.new.id}")
        self.check_pristine()

    def one(self, point):
        """False: the point was not come to."""
        stage = next(s for s in STAGES if s.name == point.stage)
        self.restore(point.stage, self.saved[point.stage])
        before = self.files()
        wrap = injector.argv(self.root, self.log, point.at, point.how)
        again = ["-r"] if point.how in ("ENOSPC", "EIO") and point.at % 2 else []
        status, text = self.steps(self.step(stage), wrap=wrap, check=False, options=again)
        self.call = injector.injected(self.log)
        if not self.call:
            assert status == 0, text
            return False
        killed = point.how == "kill"
        assert status == 137 if killed else status in (0, 1), f"status {status}: {text}"
        assert killed or status == 0 or text.strip(), "it failed without a word"
        self.check_slots()
        self.check_others(before, stage)
        self.check_boots(stage)
        if point.reset:
            booted = self.reset()
            assert booted in [self.who[w] for w in stage.may_boot], f"{booted} boots"
        self.finish(stage)
        return True


def tries(board):
    """Every point of a board."""
    ways = (False, True) if POINTS == "all" else (None,)
    points = [Point(board.chain, s.name, how, at + 1, reset if reset is not None else at % 2 == 1)
              for s in STAGES for how in HOWS for at in range(board.counts[s.name])
              for reset in ways]
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
        board = SweepBoard(chain)
        while points:
            point = points.pop(0)
            board.call = None
            try:
                tried.append(board.one(point))
            except (AssertionError, OSError, ValueError, StepFailed, KeyError,
                    subprocess.SubprocessError, chainboard.bootmodel.Dead) as error:
                failed.append(f"{' '.join(map(str, point))} ({board.call}): "
                              f"{type(error).__name__}: {error}")
        board.close()

    def sweep(self, chain):
        board = SweepBoard(chain)
        points = tries(board)
        found = sum(board.counts.values())
        counts = ", ".join(f"{k} {v}" for k, v in board.counts.items())
        board.close()
        if os.environ.get("KF_SWEEP_AT"):
            want, stage, how, at = os.environ["KF_SWEEP_AT"].split()
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
