#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What build, deploy, bd, test and bisect leave in the history, and what kferry report says of it."""

import fcntl
import json
import os
import pathlib
import pty
import re
import sqlite3
import struct
import subprocess
import sys
import termios
import unittest
from xml.dom import minidom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from bisecttree import BOARD, BisectTree  # noqa: E402
from scratch import KFERRY, Board, Package  # noqa: E402


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=BOARD)
        self.file = self.board.home / ".local/share/kferry/history.db"
        self.package = Package().write(self.board.dir / "a.kferry")

    def tearDown(self):
        self.board.close()

    def deploy(self, *args, check=0, **run):
        return self.board.kferry("deploy", "--from", self.package, *args, check=check, **run)

    def rows(self, columns="kind, verdict, board"):
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as db:
            return db.execute(f"SELECT {columns} FROM events ORDER BY id").fetchall()

    def report(self, *args):
        done = self.board.kferry("--json", "report", *args, check=0)
        event = next(e for e in map(json.loads, done.out.splitlines()) if e["event"] == "report")
        event["of"] = {row["name"]: row for row in event["kinds"]}
        return event


class Recorded(Case):
    def test_deploys(self):
        self.deploy()
        bad = Package(seed="bad")
        self.board.on_boot = lambda slot: "panic" if slot == bad.slot() else None
        bad.write(self.package)
        self.deploy(check=1)
        self.assertEqual(self.rows(), [("deploy", "PASS", "scratch"), ("deploy", "FAIL", "scratch")])
        run = json.loads((self.board.last_run_dir() / "result.json").read_text())
        self.assertEqual(self.rows("reason, release, run, took_ms, booted")[-1],
                         (run["reason"], run["release"], str(self.board.last_run_dir()),
                          run["took_ms"], 0))
        boot = self.report()["of"]["boot"]
        self.assertEqual((boot["number"], boot["passed"], boot["failed"]), (2, 1, 1))

    def test_what_was_only_installed_has_no_verdict(self):
        self.deploy("--no-reboot")
        self.assertEqual(self.rows("verdict, boot_ms"), [("NONE", None)])
        self.assertEqual(self.report()["of"]["deploy"]["passed"], 0)

    def test_board_that_is_not_there(self):
        self.board.write_config(link="exec:false")
        self.deploy(check=2)
        self.assertEqual(self.rows(), [("deploy", "ERROR", "scratch")])
        self.assertEqual(self.report("scratch")["of"]["boot"]["number"], 0)

    def test_bd_and_a_build_that_fails(self):
        tree = BisectTree(self.board.dir / "linux", ["good"])
        self.board.kferry("bd", check=0, cwd=tree.dir)
        self.assertEqual(self.rows(), [("build", "PASS", "scratch"), ("deploy", "PASS", "scratch")])
        self.assertEqual(self.rows("tree")[0], (str(tree.dir),))
        self.board.kferry("build", "no-such-target", check=1, cwd=tree.dir)
        self.assertEqual(self.rows("kind, verdict, reason")[-1], ("build", "FAIL", "build"))

    def test_what_never_began_is_no_build(self):
        self.board.kferry("build", check=2)
        self.assertFalse(self.file.exists())

    def test_suites(self):
        self.board.kferry("test", "cmd:true", check=0)
        self.board.kferry("test", "cmd:false", check=1)
        self.assertEqual(self.rows(), [("test", "PASS", "scratch"), ("test", "FAIL", "scratch")])

    def test_steps_of_a_bisect(self):
        tree = BisectTree(self.board.dir / "linux", ["good", "good", "panic"])

        def boots(slot):
            if slot:
                text = (self.board.root / f"var/lib/kferry/slots/{slot}/manifest").read_text()
                return tree.number(text.split("build-id ", 1)[1].split("\n", 1)[0])[1]
            return None
        self.board.on_boot = boots
        self.board.kferry("bisect", "start", tree.commits[2], tree.commits[0], cwd=tree.dir, check=0)
        self.board.kferry("bisect", "run", cwd=tree.dir, check=0)
        of = self.report()["of"]
        self.assertEqual([of[k]["number"] for k in ("build", "deploy", "bisect")], [1, 1, 1])
        self.assertEqual(self.rows("kind, reason, release")[-1],
                         ("bisect", "good", tree.commits[1][:12]))

    def test_not_when_it_is_switched_off(self):
        self.board.kferry("-o", "history.record=no", "deploy", "--from", self.package, check=0)
        self.assertFalse(self.file.exists())


class Trouble(Case):
    def test_broken_history_fails_no_deploy_and_stays(self):
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(b"not a database " * 100)
        done = self.deploy()
        self.assertIn("not in the history", done.err)
        self.assertIn("broken", done.err)
        self.assertEqual(self.file.read_bytes(), b"not a database " * 100)
        done = self.board.kferry("report", check=2)
        self.assertIn("broken", done.err)

    def test_newer_history_stays(self):
        self.deploy()
        with sqlite3.connect(self.file) as db:
            db.execute("PRAGMA user_version = 99")
        done = self.deploy("--force")
        self.assertIn("newer kferry", done.err)
        self.assertEqual(len(self.rows()), 1)
        self.assertIn("newer kferry", self.board.kferry("report", check=2).err)

    def test_locked_history_delays_a_deploy_and_no_more(self):
        self.deploy()
        db = sqlite3.connect(self.file, isolation_level=None)
        self.addCleanup(db.close)
        db.execute("BEGIN EXCLUSIVE")
        done = self.deploy("--force")
        self.assertIn("was locked by another program", done.err)
        db.execute("ROLLBACK")
        self.assertEqual(len(self.rows()), 1)


class Report(Case):
    def fill(self):
        self.deploy()
        hostile = "<b>\x1b[31m" + "x" * 300
        with sqlite3.connect(self.file) as db:
            now = self.rows("started")[0][0]
            for i in range(200):
                db.execute("INSERT INTO events (kind, started, took_ms, booted, verdict, board, reason, run)"
                           " VALUES ('build', ?, 1500, 0, ?, ?, ?, ?)",
                           (now, "FAIL" if i % 10 == 0 else "PASS", hostile if i == 10 else None,
                            hostile, hostile))
            db.execute("INSERT INTO events (kind, started, took_ms, booted, verdict)"
                       " VALUES ('build', ?, 1, 0, 'PASS')", (now - 40 * 86400,))

    def test_times(self):
        self.fill()
        for option, builds in (("--day", 200), ("--week", 200), ("--month", 200), ("--since=60d", 201)):
            self.assertEqual(self.report(option)["of"]["build"]["number"], builds, option)
        self.assertEqual(self.report()["of"]["build"]["failed"], 20)
        self.assertEqual(self.report("nobody")["of"]["build"]["number"], 0)
        self.assertEqual([b["name"] for b in self.report("scratch")["boards"]], ["scratch"])

    def test_text(self):
        self.fill()
        out = self.board.kferry("report", check=0).out
        self.assertRegex(out, r"build +200 +180 +20 +0 +90% +1\.5s")
        self.assertNotIn("\x1b", out)
        bars = [line for line in out.splitlines() if "#" in line and "F" in line and "201" in line]
        self.assertEqual(len(bars), 1)
        self.assertLessEqual(len(bars[0]), 80)

    def terminal(self, columns, **env):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        process = subprocess.Popen([KFERRY, "report"], cwd=self.board.dir, stdout=slave,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env=self.board.environment({"TERM": "xterm", "NO_COLOR": "", **env}))
        os.close(slave)
        text = b""
        try:
            while chunk := os.read(master, 65536):
                text += chunk
        except OSError:
            pass
        os.close(master)
        self.assertEqual(process.wait(), 0)
        process.stderr.close()
        return text.decode()

    def test_terminal_has_colour_and_its_width(self):
        self.fill()
        plain = re.compile("\x1b\\[[0-9]*m")
        for columns in (60, 110):
            text = self.terminal(columns)
            self.assertIn("\x1b[31mF", text)
            bar = max((plain.sub("", line) for line in text.splitlines() if "#F" in plain.sub("", line)),
                      key=len)
            self.assertLessEqual(len(bar), columns)
            self.assertGreater(len(bar), columns - 20)
        self.assertNotIn("\x1b", self.terminal(80, NO_COLOR="1"))

    def test_page(self):
        self.fill()
        page = self.board.dir / "report.html"
        self.board.kferry("report", "--html", page, check=0)
        text = page.read_text()
        self.assertNotIn("<b>", text)
        self.assertNotIn("\x1b", text)
        for word in ("http:", "https:", "src=", "href=", "@import", "url("):
            self.assertNotIn(word, text)
        dom = minidom.parseString(re.sub(r"<!DOCTYPE html>|<meta[^>]*>", "", text))
        self.assertGreaterEqual(len(dom.getElementsByTagName("rect")), 2)
        self.board.kferry("report", "--html", self.board.dir / "no/where.html", check=2)

    def test_nothing_yet(self):
        done = self.board.kferry("report", check=0)
        self.assertIn("nothing is in the history", done.out)
        self.assertFalse(self.file.exists())

    def test_bad_words(self):
        for args in (["--since", "soon"], ["--day", "--week"], ["a/b"], ["-b", ""], ["--html"],
                     ["--years"], ["--since", "2999-01-01"]):
            self.board.kferry("report", *args, check=64)


if __name__ == "__main__":
    tap.main()
