#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Many boards in one call: each its own result, none waits for another."""

import json
import os
import pathlib
import signal
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from fleet import Fleet  # noqa: E402
from scratch import SCALE, TOP, wait_for  # noqa: E402

RELEASE = TOP / "build/release/kferry"
PROXY = TOP / "tests/lib/proxy.py"
HANG = "exec:/bin/sleep 600"


def of(events, kind):
    return [e for e in events if e["event"] == kind]


class Many(unittest.TestCase):
    def fleet(self, *names, **how):
        fleet = Fleet(names, **how)
        self.addCleanup(fleet.close)
        return fleet

    def test_each_board_has_its_own_result(self):
        fleet = self.fleet("good", "bad", "dead",
                           extra={"dead": "timeout.connect = 1"}, link={"dead": HANG})
        fleet["bad"].on_boot = lambda slot: "panic" if slot else None
        package = fleet.package()
        events = fleet.events("deploy", "-b", "good,bad,dead", "--from", package.file, check=1)
        verdicts = {e["board"]: (e["verdict"], e["status"]) for e in of(events, "verdict")}
        self.assertEqual(verdicts, {"good": ("PASS", 0), "bad": ("FAIL", 1), "dead": ("ERROR", 2)})
        summary, = of(events, "summary")
        self.assertEqual((summary["boards"], summary["passed"]), (3, 1))
        rows = {r["board"]: r for r in summary["results"]}
        self.assertEqual(list(rows), ["good", "bad", "dead"])
        self.assertEqual(rows["good"]["slot"], package.slot())
        self.assertIn("scratch test", rows["bad"]["text"])
        self.assertEqual({b: r["verdict"] for b, r in fleet.results().items()},
                         {"good": "PASS", "bad": "FAIL", "dead": "ERROR"})
        for event in events:
            if event["event"] not in ("summary", "pack"):
                self.assertIn(event.get("board"), rows, event)

    def test_a_panic_that_is_no_utf8_is_told(self):
        fleet = self.fleet("bad", "too")
        title = b"Kernel panic - not syncing: \xfe" + 90 * "\u00e9".encode()

        def boots(board, slot):
            if not slot:
                return None
            (board.root / "sys/fs/pstore/dmesg-efi-170000000001001").write_bytes(
                b"Panic#1 Part1\n<0>[    1.000000] " + title + b"\n")
            return "death"
        for board in fleet.boards.values():
            board.on_boot = lambda slot, board=board: boots(board, slot)
        events = fleet.events("deploy", "-b", "all", "--from", fleet.package().file, check=1)
        for result in fleet.results().values():
            self.assertIn('panic: "\\xfe\u00e9\u00e9', result["text"])
        summary, = of(events, "summary")
        for row in summary["results"]:
            self.assertTrue((row["text"] or "").startswith('panic: "\\xfe\u00e9'), row)

    def test_a_table_tells_people(self):
        fleet = self.fleet("one", "two")
        done = fleet.kferry("deploy", "-b", "all", "--from", fleet.package().file, check=0)
        rows = done.out.split("\n\n")[-1].splitlines()
        self.assertEqual([r.split()[:2] for r in rows],
                         [["BOARD", "WHAT"], ["one", "PASS"], ["two", "PASS"]])
        self.assertIn("2 of 2 boards passed", done.err)

    def test_a_slow_board_delays_no_other(self):
        fleet = self.fleet("slow", "quick",
                           link={"slow": f"exec:{PROXY} --dribble 4000 --delay 20 {{}}"})
        passed = threading.Event()
        self.addCleanup(passed.set)
        # It boots once the other has its verdict, and would fail if that waited for it.
        fleet["slow"].on_boot = lambda slot: slot and passed.wait(25) and None
        package = fleet.package(modules=200)
        process = fleet.first.start("--json", "deploy", "-b", "slow,quick", "--from", package.file)
        ended = []
        for event in map(json.loads, process.stdout):
            if event["event"] == "verdict":
                ended.append((event["board"], event["verdict"]))
                passed.set()
        self.assertEqual(process.wait(), 0)
        self.assertEqual(ended, [("quick", "PASS"), ("slow", "PASS")])

    def test_boards_of_one_kernel_share_one_stream(self):
        fleet = self.fleet("one", "two", "three")
        package = fleet.package(modules=50)
        events = fleet.events("deploy", "-b", "all", "--no-reboot", "--from", package.file,
                              check=0)
        sent = {e["board"]: e["bytes_sent"] for e in of(events, "push")}
        # The same, but for how it is cut into frames.
        self.assertLess(max(sent.values()) - min(sent.values()), 100, sent)
        for board in fleet.boards.values():
            slot = board.state_dir() / "slots" / package.slot()
            for path, data in package.files.items():
                self.assertEqual((slot / path).read_bytes(), data, path)

    def test_without_a_place_for_the_stream_each_has_its_own(self):
        fleet = self.fleet("one", "two")
        package = fleet.package()
        # A name that a file has is no place for one.
        (fleet.dir / "cache").mkdir()
        (fleet.dir / "cache/parcels").write_text("")
        fleet.kferry("deploy", "-b", "all", "--from", package.file, check=0)

    def test_labels_choose(self):
        extra = {"a": "labels = rack=1 owner=lab", "b": "labels = rack=2 owner=lab",
                 "c": "labels = rack=1"}
        fleet = self.fleet("a", "b", "c", extra=extra)
        package = fleet.package()
        events = fleet.events("deploy", "-l", "rack=1", "-l", "owner=lab", "--from", package.file,
                              check=0)
        self.assertEqual([e["board"] for e in of(events, "verdict")], ["a"])
        events = fleet.events("deploy", "-l", "rack=1", "--from", package.file, check=0)
        self.assertEqual({e["board"] for e in of(events, "verdict")}, {"a", "c"})
        self.assertEqual(fleet["b"].boots, 1)

    def test_who_cannot_be_meant_is_told_before_anything_happens(self):
        fleet = self.fleet("rpi4", "deck", extra={"rpi4": "labels = rack=1"})
        for words, told in ((("-b", "rpi4,rpi5"), "nearest is rpi4"),
                            (("-l", "rack=7"), "nearest is rack=1"),
                            (("-b", "deck", "-l", "rack=1"), "label")):
            done = fleet.kferry("bd", *words, check=64)
            self.assertIn(told, done.err)
        self.assertFalse((fleet.dir / "runs").exists())

    def test_a_board_named_twice_is_served_once(self):
        fleet = self.fleet("one", "two")
        events = fleet.events("deploy", "one", "-b", "one,two", "-b", "one", "--from",
                              fleet.package().file, check=0)
        self.assertEqual(sorted(e["board"] for e in of(events, "verdict")), ["one", "two"])

    def test_no_more_at_once_than_allowed(self):
        fleet = self.fleet("one", "two", "three", general="[deploy]\nparallel = 1")
        events = fleet.events("deploy", "-b", "all", "--from", fleet.package().file, check=0)
        order = [e["board"] for e in events if e.get("board") and e["event"] != "summary"]
        self.assertEqual(order, sorted(order, key=["one", "two", "three"].index))

    def test_sigint_ends_all_and_each_says_what_it_left(self):
        fleet = self.fleet("down", "armed", "sending",
                           link={"sending": f"exec:{PROXY} --dribble 50 --delay 50 {{}}"})
        ended = threading.Event()
        self.addCleanup(ended.set)
        for name in ("down", "armed"):
            fleet[name].on_boot = lambda slot: slot and ended.wait(60) and None
        package = fleet.package(modules=300)
        process = fleet.first.start("--json", "deploy", "-b", "all", "--from", package.file)
        self.addCleanup(process.kill)
        lines, installed = [], set()
        while len(installed) < 2:
            lines.append(process.stdout.readline())
            event = json.loads(lines[-1])
            if event["event"] == "install":
                installed.add(event["board"])
        wait_for("the reboots", lambda: all(len(fleet[n].boot_log) > 1 for n in installed))
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20 * SCALE)
        ended.set()
        self.assertEqual(process.returncode, -signal.SIGINT)
        events = [json.loads(line) for line in [*lines, *rest.splitlines()]]
        texts = {e["board"]: e["text"] for e in of(events, "verdict")}
        self.assertEqual(set(texts), {"down", "armed", "sending"})
        self.assertIn("keeps what has arrived", texts["sending"])
        self.assertIn("nobody confirms", texts["down"])
        self.assertEqual(events[-1]["event"], "summary")
        self.assertEqual({r["status"] for r in events[-1]["results"]}, {2})
        # What arrived is kept: the next one goes through.
        fleet.write_config({}, {})
        fleet.kferry("deploy", "sending", "--from", package.file, check=0)

    def test_reboot_of_several(self):
        fleet = self.fleet("one", "two", "dead", extra={"dead": "timeout.connect = 1"},
                           link={"dead": HANG})
        events = fleet.events("reboot", "-b", "all", check=2)
        self.assertEqual({e["board"] for e in of(events, "reboot")}, {"one", "two"})
        self.assertEqual([e["board"] for e in of(events, "error")], ["dead"])
        self.assertEqual((fleet["one"].boots, fleet["two"].boots), (2, 2))

    def test_other_commands_take_several_boards(self):
        fleet = self.fleet("one", "two", extra={"one": "labels = rack=1"})
        done = fleet.kferry("exec", "-b", "two,one", "--", "/bin/sh", "-c", "cat; echo here; exit 3",
                            stdin=b"not passed", check=3)
        self.assertEqual(done.out, "two:\nhere\none:\nhere\n")
        done = fleet.kferry("exec", "-l", "rack=1", "--", "/bin/cat", stdin=b"passed", check=0)
        self.assertEqual(done.out, "passed")
        done = fleet.kferry("kernels", "list", "-b", "all", check=0)
        self.assertEqual(done.out.count("SLOT "), 2)
        events = fleet.events("dmesg", "one", "two", check=0)
        self.assertEqual({e["board"] for e in of(events, "record")}, {"one", "two"})
        self.assertEqual(fleet.kferry("board", "list", "--labels", check=0).out, "rack=1\n")

    def test_following_several_logs_names_the_board_in_each_line(self):
        fleet = self.fleet("one", "two")
        process = fleet.first.start("dmesg", "-f", "-b", "all")
        self.addCleanup(process.kill)
        seen = set()
        while len(seen) < 2:
            line = process.stdout.readline()
            self.assertRegex(line, r"^(one|two): \[ ")
            seen.add(line.split(":")[0])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20 * SCALE)

    def test_bd_builds_for_those_that_can_be_reached(self):
        fleet = self.fleet("good", "dead", extra={"dead": "timeout.connect = 1"},
                           link={"dead": HANG})
        tree = fleet.dir / "tree"
        for mark in ("Kbuild", "Kconfig", "scripts/Makefile.build", "init/main.c",
                     ".kferry/config.ini"):
            (tree / mark).parent.mkdir(parents=True, exist_ok=True)
            (tree / mark).write_text("")
        (tree / ".config").write_text("CONFIG_MODULES=y\n")
        (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\n"
                                       "all:\n\techo x >> built; exit 1\n%:\n\t@true\n")
        events = fleet.first.kferry("--json", "bd", "-b", "all", cwd=tree)
        self.assertEqual(events.returncode, 1, events.text)
        self.assertTrue((tree / "built").exists(), events.text)
        rows = {r["board"]: r for r in json.loads(events.out.splitlines()[-1])["results"]}
        self.assertIn("not tried", rows["good"]["text"])
        self.assertEqual(rows["dead"]["status"], 2)
        (tree / "built").unlink(missing_ok=True)
        fleet.first.kferry("bd", "-b", "dead", cwd=tree, check=2)
        self.assertFalse((tree / "built").exists())

    def test_sixteen_boards_in_little_memory(self):
        if not RELEASE.exists():
            self.skipTest("build/release/kferry is not built")
        names = [f"b{i:02}" for i in range(16)]
        fleet = self.fleet(*names)
        noise = {f"modules/6.9.0-test/kernel/big{i}.ko": os.urandom(1 << 20) for i in range(16)}
        package = fleet.package(files=noise)
        status, rss, text = fleet.measured("deploy", "-b", "all", "--no-reboot", "--from",
                                           package.file, kferry=RELEASE)
        self.assertEqual(status, 0, text)
        print(f"# 16 boards: at most {rss / 1024:.1f} MiB of memory", flush=True)
        self.assertLessEqual(rss, 64 * 1024)
        for name in names:
            self.assertEqual(fleet[name].slots(), [package.slot()])


if __name__ == "__main__":
    tap.main()
