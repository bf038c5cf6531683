#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The agent dies, or the disk refuses, at each change that a deploy makes on the disk.

One sequence: install, arm, reboot, confirm, and removal of the kernel before.  A clean run
counts what the agent changes (tests/fault/inject.c); then the sequence runs again and again,
and one of these calls is the agent's last, or fails with ENOSPC, EIO or EROFS.  After each:
nothing is half there, what is known-good is as it was, and the same deploy passes.

A sample of the calls is taken; KF_SWEEP=all takes every one, KF_SWEEP=N so many for a test.
KF_SWEEP_AT="kill 2 17" (or "ENOSPC 1 40") tries that one: agent 1 installs and arms, agent 2
is the one after the reboot.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
import injector  # noqa: E402
import scratch  # noqa: E402
from scratch import TOP, Board, Package, digest, wait_for  # noqa: E402

POINTS = os.environ.get("KF_SWEEP", "48")
WORKERS = 3
# A deploy and its trial make some 60 each. A point may be missed, as what an agent does may
# depend on when it runs.
MIN_CALLS = 30
MIN_HIT = 0.9  # of the points tried
ERRORS = ("ENOSPC", "EIO", "EROFS")
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


class Point:
    """How the sequence is disturbed: call `at` of agent `agent` (1: before the reboot)."""

    def __init__(self, how, agent, at):
        self.how, self.agent, self.at = how, agent, at

    def __str__(self):
        return f"{self.how} {self.agent} {self.at}"


class SweepBoard(Board):
    """A board whose next agents run under the injector."""

    def __init__(self):
        self.point = self.call = None
        self.logs = {}
        self.serial = 0
        self.started = 0
        super().__init__(conf="keep = 8")
        self.packages = [self.package()]
        self.kferry("deploy", "--from", self.packages[0].file, check=0)

    def package(self):
        self.serial += 1
        package = Package(modules=3, seed=str(self.serial))
        package.file = package.write(self.dir / f"{self.serial}.kferry")
        return package

    def start_agent(self):
        self.wrap = []
        self.started += 1
        if self.point and self.started <= 2:
            log = self.dir / f"inject-{self.started}"
            here = self.point.agent == self.started
            self.wrap = injector.argv(self.root, log, self.point.at if here else 0,
                                      self.point.how)
            # From here on it is this agent's, and not that of a point before.
            self.logs[self.started] = log
        try:
            super().start_agent()
        except AssertionError:
            if not self.injected():
                raise
            # An agent that cannot start is started again, as init systems do.
            if not self.killed():
                self.wrap = []
                super().start_agent()

    def kill_agent(self, sig=signal.SIGKILL):
        """The injector passes SIGUSR1 on as SIGKILL and ends after the agent has."""
        if self.wrap and sig == signal.SIGKILL:
            sig = signal.SIGUSR1
        super().kill_agent(sig)

    def count(self, agent):
        return injector.count(self.logs[agent])

    def injected(self):
        """The call that was, or None."""
        log = self.logs.get(self.point.agent) if self.point else None
        return injector.injected(log) if log else None

    def killed(self):
        return self.point and self.point.how == "kill" and self.injected()

    def disturb(self, point):
        self.point, self.started, self.logs = point, 0, {}
        with self.reset_lock:
            self.kill_agent()
            self.start_agent()

    def calm(self, restart):
        """No more injection; with restart, an agent that knows nothing of it."""
        wait_for("the reset", lambda: not (self.firmware / "reset").exists())
        with self.reset_lock:
            self.point = None
            if restart:
                self.kill_agent()
            if self.agent.poll() is not None:
                self.start_agent()
        self.status()

    def run(self, *args):
        """kferry, which dies with the agent; its exit status or None, and its text."""
        env = dict(os.environ, HOME=str(self.home), XDG_CONFIG_HOME=str(self.home / ".config"),
                   KF_PROFILE_PATH=str(TOP / "boards"), KFERRY_CACHE=str(self.dir / "cache"))
        with open(self.dir / "kferry.out", "w+b") as out:
            with subprocess.Popen([scratch.KFERRY, *map(str, args)], env=env, cwd=self.dir,
                                  stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT) as child:
                end = time.monotonic() + 90 * scratch.SCALE
                while child.poll() is None:
                    if self.killed() or time.monotonic() > end:
                        child.kill()
                        break
                    time.sleep(0.01)
                status = child.wait()
            out.seek(0)
            return status, out.read().decode(errors="replace")


def read_state(board):
    """The state's lines as a dictionary; slots: {id: state}."""
    raw = (board.state_dir() / "state").read_bytes()
    body, last = raw[:raw.rindex(b"digest ")], raw[raw.rindex(b"digest "):]
    if last != f"digest {digest(body)}\n".encode():
        raise AssertionError("the state's digest is wrong")
    state = {"slots": {}}
    for line in body.decode().splitlines():
        key, value = line.split(" ", 1)
        if key == "slot":
            state["slots"][value.split()[0]] = value.split()[1]
        else:
            state[key] = value
    return state


def check_slot(board, slot):
    where = board.state_dir() / "slots" / slot
    manifest = (where / "manifest").read_bytes()
    assert "k-" + digest(manifest)[:8] == slot, f"{slot}: another manifest"
    for line in manifest.decode().splitlines():
        if not line.startswith("file "):
            continue
        _, mode, size, want, path = line.split(" ", 4)
        data = (where / path).read_bytes()
        assert (len(data), digest(data)) == (int(size), want), f"{slot}: {path} is wrong"
        assert (where / path).stat().st_mode & 0o7777 == int(mode, 8), f"{slot}: mode of {path}"
    assert "chain hook" in (where / "slot.conf").read_text(), f"{slot}: no boot chain"
    assert (board.firmware / f"cmdline-{slot}").read_text(), f"{slot}: no boot entry"


def check_whole(board, before):
    """What is listed is complete, and what was known-good still is."""
    state = read_state(board)
    for slot, how in state["slots"].items():
        if how != "gone":
            check_slot(board, slot)
    new = board.packages[-1].slot()
    allowed = {before["default"]}
    if f"commit {new}" in (board.firmware / "calls").read_text().splitlines():
        allowed.add(new)
    assert state["default"] == state["known-good"], "default and known-good differ"
    assert state["default"] in allowed, f"the default became {state['default']}"
    default = (board.firmware / "default").read_text()
    assert default in allowed and default in state["slots"], f"{default} boots by default"
    return state


def check_clean(board, before):
    """Besides, nothing half done is left; to be seen after a start of the agent."""
    state = check_whole(board, before)
    listed = set(state["slots"])
    assert "gone" not in state["slots"].values(), "a slot is still being removed"
    assert set(board.slots()) == listed, f"slots are {board.slots()}, listed {listed}"
    entries = {p.name[len("cmdline-"):] for p in board.firmware.glob("cmdline-*")}
    assert entries == listed, f"boot entries {entries}, listed {listed}"
    for staged in (board.state_dir() / "staging").iterdir():
        manifest = (staged / "manifest").read_bytes()
        assert staged.name == "k-" + digest(manifest)[:8], f"{staged.name} cannot be resumed"
    junk = list(board.state_dir().rglob(".*"))
    junk += (board.root / "lib/modules").glob(".*")
    assert not junk, f"left behind: {junk}"
    for link in (board.root / "lib/modules").iterdir():
        assert link.exists(), f"{link.name} leads nowhere"
    once = board.firmware / "once"
    armed = state["trial-slot"] if state["trial"] == "armed" else None
    assert (once.read_text() if once.exists() else None) == armed, \
        f"armed is {armed}, what boots once is there: {once.exists()}"


class Sweep(unittest.TestCase):
    def sequence(self, board):
        """Deploy the newest package, remove the one before; the status that ended it."""
        status, text = board.run("deploy", "--from", board.packages[-1].file)
        if status == 0:
            assert board.boot_log[-1] == board.packages[-1].slot(), "PASS, but another kernel runs"
            status, text = board.run("kernels", "rm", board.packages[-2].slot())
        return status, text

    def one(self, board, point):
        """Disturb the sequence at this point; False when it never came to it."""
        board.call = None
        board.packages.append(board.package())
        before = read_state(board)
        board.disturb(point)
        status, text = self.sequence(board)
        call = board.call = board.injected()
        if call and point.how == "kill":
            board.calm(restart=True)
            check_clean(board, before)
        elif call:
            assert status == 0 or (status in (1, 2) and text.strip()), f"exit status {status}"
            wait_for("the agent", lambda: board.agent.poll() is None)
            check_whole(board, before)
            board.calm(restart=False)
        else:
            assert status == 0, f"exit status {status}: {text}"
            return False
        again = board.kferry("deploy", "--from", board.packages[-1].file, check=0)
        assert "PASS" in again.text, again.text
        if board.packages[-2].slot() in read_state(board)["slots"]:
            board.kferry("kernels", "rm", board.packages[-2].slot(), check=0)
        board.calm(restart=True)
        check_clean(board, read_state(board))
        assert board.slots() == [board.packages[-1].slot()], board.slots()
        return True

    def count(self):
        board = SweepBoard()
        try:
            board.packages.append(board.package())
            board.disturb(Point("kill", 1, 0))
            status, text = self.sequence(board)
            self.assertEqual(status, 0, text)
            return [board.count(1), board.count(2)]
        finally:
            board.close()

    def work(self, points, tried, failed):
        board = SweepBoard()
        while points:
            point = points.pop(0)
            try:
                tried.append(self.one(board, point))
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
                failed.append(f"{point} ({board.call}): {type(error).__name__}: {error}\n"
                              f"{board.agent_log()[-1500:]}")
                board.close()
                board = SweepBoard()
        board.close()

    def sweep(self, *hows):
        if os.environ.get("KF_SWEEP_AT"):
            how, agent, at = os.environ["KF_SWEEP_AT"].split()
            points = [Point(how, int(agent), int(at))] if how in hows else []
        else:
            counts = self.count()
            points = [(agent + 1, at + 1) for agent in (0, 1) for at in range(counts[agent])]
            print(f"# calls: {counts[0]} until the reboot, {counts[1]} after it", flush=True)
            if POINTS != "all":
                step = max(1, len(points) / int(POINTS))
                points = [points[int(i * step)] for i in range(min(len(points), int(POINTS)))]
                points = [Point(hows[i % len(hows)], *p) for i, p in enumerate(points)]
            else:
                points = [Point(how, *p) for p in points for how in hows]
        total, tried, failed = len(points), [], []
        workers = [threading.Thread(target=self.work, args=(points, tried, failed))
                   for _ in range(min(WORKERS, total))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(f"# {total} points, {sum(tried)} hit, {len(failed)} failed", flush=True)
        self.assertEqual(len(tried) + len(failed), total, "a worker died")
        for text in failed:
            print("# " + text.replace("\n", "\n#   "))
        self.assertEqual(len(failed), 0)
        if os.environ.get("KF_SWEEP_AT"):
            self.assertEqual(sum(tried), total, "KF_SWEEP_AT was not come to")
            return
        for agent, found in zip(("before", "after"), counts):
            self.assertGreater(found, MIN_CALLS, f"few calls were found {agent} the reboot")
        wanted = sum(counts) * len(hows) if POINTS == "all" else min(sum(counts), int(POINTS))
        self.assertEqual(total, wanted, "few points were tried")
        self.assertGreaterEqual(sum(tried), MIN_HIT * total, "few points were come to")

    def test_killed_at_each_change(self):
        self.sweep("kill")

    def test_errors_at_each_change(self):
        self.sweep(*ERRORS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as room:
        why = injector.build(room)
        if why:
            print(why)
            sys.exit(77)
        tap.main()
