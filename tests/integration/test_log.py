#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry log: the findings of files, of runs and of boots, and what a script sees of them."""

import gzip
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board, Package  # noqa: E402

CLEAN = "[    0.000000] Linux version 6.12.0 (a@b) #1 SMP\n[    1.000000] eth0: link up\n"
WARNING = ("[    2.000000] ------------[ cut here ]------------\n"
           "[    2.000001] WARNING: CPU: {cpu} PID: 7 at kernel/demo.c:12 demo_init+0x10/0x20\n"
           "[    2.000002] ---[ end trace 0000000000000000 ]---\n")
OOPS = ("[    3.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        "[    3.000001] RIP: 0010:demo_read+0x1c/0x40 [demo]\n"
        "[    3.000002] ---[ end trace 0000000000000000 ]---\n")
PANIC = "[    3.000003] Kernel panic - not syncing: Fatal exception\n"


class Log(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def file(self, name, text):
        path = self.board.dir / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def log(self, *args, **more):
        return self.board.kferry("log", *args, **more)

    def events(self, *args, check=0, **more):
        out = self.board.kferry("--json", "log", *args, check=check, **more).out
        return [json.loads(line) for line in out.splitlines()]

    def test_a_file_is_classified(self):
        path = self.file("console.log", CLEAN + WARNING.format(cpu=0) + OOPS + PANIC)
        out = self.log(path, check=0).out
        self.assertRegex(out, r"(?m)^error  oops +3\.000000  BUG: kernel NULL .* in demo_read"
                         r"  \[cause\]$")
        self.assertRegex(out, r"(?m)^fatal  panic .* Fatal exception  \[follows from it\]$")
        self.assertRegex(out, r"(?m)^1 fatal, 1 error, 1 warning in 9 lines$")
        self.assertNotIn("\x1b", out)
        self.assertIn("---[ end trace", self.log(path, "--full", check=0).out)

    def test_json_tells_all(self):
        path = self.file("console.log", WARNING.format(cpu=0) + OOPS + PANIC)
        warning, oops, panic, total = self.events(path)
        self.assertEqual((warning["event"], warning["function"], warning["file"], warning["line"]),
                         ("finding", "demo_init", "kernel/demo.c", 12))
        self.assertTrue(oops["cause"] and not oops["later"])
        self.assertEqual(panic["follows"], oops["signature"])
        self.assertEqual((total["event"], total["fatal"], total["error"], total["warn"]),
                         ("findings", 1, 1, 1))

    def test_fail_on(self):
        clean, warns = self.file("clean.log", CLEAN), self.file("w.log", WARNING.format(cpu=1))
        oopses = self.file("o.log", OOPS)
        for path, level, status in ((clean, "warn", 0), (warns, "warn", 1), (warns, "error", 0),
                                    (oopses, "warn", 1), (oopses, "error", 1),
                                    (oopses, "fatal", 0)):
            with self.subTest(path=path.name, level=level):
                self.log(path, "--fail-on", level, check=status)
                self.events(path, "--fail-on", level, check=status)
        self.log(oopses, check=0)
        self.log(oopses, "--fail-on", "bad", check=64)

    def test_standard_input_and_compressed_files(self):
        self.assertIn("1 error", self.log("-", stdin=OOPS.encode(), check=0).out)
        path = self.file("log.gz", gzip.compress(OOPS.encode() * 100))
        self.assertIn("x100", self.log(path, check=0).out)
        packed = self.board.dir / "log.zst"
        subprocess.run(["zstd", "-q", "-o", packed], input=OOPS.encode(), check=True)
        self.assertIn("1 error", self.log(packed, check=0).out)

    def test_what_cannot_be_read_is_an_error(self):
        whole = gzip.compress(b"".join(b"%d x\n" % i for i in range(20000)))
        cut = self.file("cut.gz", whole[:len(whole) // 2])
        self.assertIn("cannot be read to its end (truncated gzip input)",
                      self.log(cut, check=2).err)
        self.assertIn("is empty", self.log(self.file("empty", ""), check=2).err)
        self.assertIn("is empty", self.log("-", stdin=b"", check=2).err)
        self.assertIn("there is no file \"nope\"", self.log("nope", check=2).err)
        self.assertIn("no run", self.log(self.board.dir, check=2).err)
        self.assertIn("there is no run", self.log(check=2).err)

    def test_new_since(self):
        old = self.file("old.log", WARNING.format(cpu=0))
        new = self.file("new.log", WARNING.format(cpu=3) + OOPS)
        out = self.log(new, "--new-since", old, check=0).out
        self.assertNotIn("demo_init", out)
        self.assertIn("1 error, 1 known in", out)
        self.assertIn("[known]", self.log(new, "--new-since", old, "--all", check=0).out)
        self.log(old, "--new-since", old, "--fail-on", "warn", check=0)
        self.log(new, "--new-since", old, "--fail-on", "error", check=1)
        self.assertEqual([e.get("known") for e in self.events(new, "--new-since", old)],
                         [True, False, 1])

    def test_a_boards_ignores(self):
        path = self.file("w.log", WARNING.format(cpu=0))
        self.board.kferry("config", "set", "log.ignore", '"kernel/demo.c"', "-b", self.board.name,
                          check=0)
        self.assertIn("1 warning", self.log(path, check=0).out)
        self.assertIn("no findings", self.log(path, "-b", self.board.name, check=0).out)
        self.log(path, "-b", "nobody", check=64)

    def test_a_users_patterns(self):
        path = self.file("x.log", "demo: fuse 3 blown\n")
        self.assertIn("no findings", self.log(path, check=0).out)
        own = self.board.config_file.parent / "patterns.d"
        own.mkdir()
        (own / "mine.patterns").write_text("[finding fuse]\nseverity = fatal\ntext = demo: fuse\n"
                                           "yes = demo: fuse 1\nno = demo: wire\n")
        self.assertIn("fatal  fuse", self.log(path, check=0).out)
        (own / "mine.patterns").write_text("[finding fuse]\nmatch = (\n")
        done = self.log(path, check=2)
        self.assertIn("mine.patterns:2: regular expression", done.err)
        # Before anything is sent, not after the reboot.
        Package(seed="a").write(self.board.dir / "a.kferry")
        done = self.board.kferry("deploy", "--from", self.board.dir / "a.kferry", check=2)
        self.assertIn("mine.patterns:2", done.text)
        self.assertEqual(self.board.boot_log, ["foreign"])

    def test_a_run_and_a_boot(self):
        Package(seed="b").write(self.board.dir / "b.kferry")
        self.board.on_boot = lambda slot: "panic" if slot else None
        self.board.kferry("deploy", "--from", self.board.dir / "b.kferry", check=1)
        run = self.board.last_run_dir()
        by_name = f"{run.parent.name}/{run.name}"
        for args in ((), (run,), (run.parent,), (by_name,), (run.parent.name,),
                     ("-b", self.board.name)):
            with self.subTest(args=args):
                out = self.log(*args, check=0).out
                self.assertIn("fatal  panic", out)
                self.assertIn("scratch test", out)
        self.log(run, "--fail-on", "fatal", check=1)
        self.assertIn("no findings", self.log("--boot", "0", check=0).out)
        self.log("--boot", "0", run, check=64)
        self.log("--boot", "1", check=64)

    def test_nothing_of_a_log_reaches_the_terminal(self):
        path = self.file("evil.log", b"BUG: x \x1b]0;owned\x07 \x9b31m \xff\n")
        out = self.log(path, "--full", check=0).out
        self.assertNotIn("\x1b", out)
        self.assertIn("BUG:", out)


if __name__ == "__main__":
    tap.main()
