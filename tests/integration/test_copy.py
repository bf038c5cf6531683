#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry put and get: files and trees both ways."""

import json
import os
import pathlib
import shlex
import stat
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board, wait_for  # noqa: E402

NAMES = ["plain", "two words", "new\nline", "-dash", ".hidden", "ü", "$(id)"]


class Copy(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.desk = self.board.dir / "desk"
        self.there = self.board.dir / "there"
        for d in (self.desk, self.there):
            d.mkdir()

    def kferry(self, *args, check=0):
        return self.board.kferry(*args, check=check, cwd=self.desk)

    def tree(self, top):
        """A tree with what a tree may have."""
        (top / "sub/empty").mkdir(parents=True)
        for i, name in enumerate(n for n in NAMES if "\n" not in n):
            path = top / "sub" / name
            path.write_bytes(name.encode() * 1000 * i)
            path.chmod(0o640 if i % 2 else 0o755)
            os.utime(path, (1_000_000_000 + i, 1_000_000_000 + i))
        (top / "sub/link").symlink_to("plain")
        (top / "sub/up").symlink_to("../sub/plain")
        os.utime(top / "sub", (1_100_000_000, 1_100_000_000))

    @staticmethod
    def look(top):
        """Everything that a copy keeps."""
        found = {}
        for path in sorted(top.rglob("*")):
            st = path.lstat()
            rel = str(path.relative_to(top))
            if stat.S_ISLNK(st.st_mode):
                found[rel] = os.readlink(path)
            elif stat.S_ISDIR(st.st_mode):
                found[rel] = stat.S_IMODE(st.st_mode)
            else:
                found[rel] = (stat.S_IMODE(st.st_mode), int(st.st_mtime), path.read_bytes())
        return found

    def left_over(self):
        return [p for d in (self.desk, self.there) for p in d.rglob(".k*")]

    def test_a_tree_there_and_back(self):
        self.tree(self.desk / "tree")
        self.kferry("put", "tree", f"scratch:{self.there}")
        self.assertEqual(self.look(self.there / "tree"), self.look(self.desk / "tree"))
        self.kferry("get", f"{self.there}/tree/", "back")
        self.assertEqual(self.look(self.desk / "back"), self.look(self.desk / "tree"))
        self.assertEqual((self.desk / "back/sub").stat().st_mtime, 1_100_000_000)
        self.assertEqual(self.left_over(), [])

    def test_names_of_files(self):
        for name in NAMES:
            (self.desk / name).write_text(name)
        self.kferry("put", "--", *NAMES, self.there)
        for name in NAMES:
            self.assertEqual((self.there / name).read_text(), name)
        self.kferry("get", f"{self.there}/-dash", "--", f"{self.there}/two words", self.desk)

    def test_a_file_under_another_name(self):
        (self.desk / "a").write_text("new")
        (self.there / "b").write_text("old")
        self.kferry("put", "a", f"{self.there}/b")
        self.assertEqual((self.there / "b").read_text(), "new")
        self.kferry("get", f"{self.there}/b", "c")
        self.assertEqual((self.desk / "c").read_text(), "new")
        self.kferry("put", "a", f"{self.there}/no/dir", check=2)

    def test_a_link_that_is_named_is_followed(self):
        (self.desk / "real").write_text("text")
        (self.desk / "name").symlink_to("real")
        self.kferry("put", "name", self.there)
        self.assertEqual((self.there / "name").read_text(), "text")
        self.assertFalse((self.there / "name").is_symlink())

    def test_directories_are_merged(self):
        (self.desk / "d/sub").mkdir(parents=True)
        (self.desk / "d/sub/new").write_text("new")
        (self.there / "d/sub").mkdir(parents=True)
        (self.there / "d/sub/kept").write_text("kept")
        self.kferry("put", "d", self.there)
        self.assertEqual({p.name for p in (self.there / "d/sub").iterdir()}, {"new", "kept"})
        (self.desk / "d/sub/new").unlink()
        self.kferry("get", f"{self.there}/d", ".")
        self.assertEqual({p.name for p in (self.desk / "d/sub").iterdir()}, {"new", "kept"})

    def test_files_and_directories_do_not_replace_each_other(self):
        (self.desk / "x").write_text("file")
        (self.there / "d/x").mkdir(parents=True)
        self.assertIn("is a directory", self.kferry("put", "x", f"{self.there}/d", check=2).err)
        (self.desk / "y").mkdir()
        (self.there / "d/y").write_text("file")
        self.assertIn("no directory", self.kferry("put", "y", f"{self.there}/d", check=2).err)
        self.kferry("get", f"{self.there}/d/y", self.desk, check=2)
        self.kferry("get", f"{self.there}/d/x", self.desk, check=2)
        self.assertEqual((self.desk / "x").read_text(), "file")
        self.assertEqual((self.there / "d/y").read_text(), "file")
        self.assertEqual(self.left_over(), [])

    def test_several_need_a_directory(self):
        for name in "ab":
            (self.desk / name).write_text(name)
            (self.there / name).write_text(name)
        self.kferry("put", "a", "b", f"{self.there}/none", check=2)
        self.kferry("get", f"{self.there}/a", f"{self.there}/b", "none", check=64)
        self.assertEqual(sorted(os.listdir(self.there)), ["a", "b"])

    def test_what_is_not_there(self):
        self.assertIn("none", self.kferry("get", f"{self.there}/none", ".", check=2).err)
        self.kferry("put", "none", self.there, check=64)
        for word in ("relative", "nosuch:/x", f"{self.there}/..", "scratch:x"):
            self.kferry("put", ".", word, check=64)
            self.kferry("get", word, ".", check=64)
        self.kferry("get", "/", ".", check=64)
        self.kferry("put", "x", check=64)

    def test_a_device_is_not_sent(self):
        (self.desk / "d").mkdir()
        os.mkfifo(self.desk / "d/fifo")
        self.assertIn("special file", self.kferry("put", "d", self.there, check=2).err)
        wait_for("the board to clean up", lambda: os.listdir(self.there) == [])

    def big(self, top):
        with open(top / "big", "wb") as f:
            f.truncate(1 << 30)

    def test_a_put_that_is_cut_leaves_nothing(self):
        self.big(self.desk)
        process = self.board.start("put", self.desk / "big", self.there)
        wait_for("something to arrive", self.left_over)
        process.kill()
        process.communicate()
        wait_for("the board to clean up", lambda: os.listdir(self.there) == [])

    def test_a_get_that_is_interrupted_leaves_nothing(self):
        self.big(self.there)
        (self.desk / "big").write_text("old")
        process = self.board.start("get", self.there / "big", self.desk)
        wait_for("something to arrive", self.left_over)
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, 2)
        self.assertEqual(os.listdir(self.desk), ["big"])
        self.assertEqual((self.desk / "big").read_text(), "old")

    @staticmethod
    def age(*tops):
        """As if nothing there had changed a moment ago."""
        for top in tops:
            for path in (top, *top.rglob("*")):
                os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)

    def count(self):
        """Count the bytes on the wire from now on."""
        self.wire = [self.board.dir / "up", self.board.dir / "down"]
        agent = self.board.link.removeprefix("exec:")
        self.board.write_config(link="exec:" + shlex.join(
            ["sh", "-c", f"tee -a {self.wire[0]} | {agent} | tee -a {self.wire[1]}"]))

    def sent(self, *args):
        """Both ways, by this command."""
        for file in self.wire:
            file.unlink(missing_ok=True)
        event = json.loads(self.kferry("--json", *args).out.splitlines()[-1])
        return event, sum(file.stat().st_size for file in self.wire)

    def test_what_is_the_same_is_not_copied_again(self):
        """One of 41 files of 50000 bytes differs: its bytes, and a line for each."""
        self.count()
        tree = self.desk / "tree"
        (tree / "sub").mkdir(parents=True)
        for i in range(40):
            (tree / f"sub/file {i}").write_bytes(os.urandom(50000))
        (tree / "-x").write_bytes(b"x" * 50000)
        self.age(tree)
        event, n = self.sent("put", "tree", self.there)
        self.assertEqual((event["files"], event["unchanged"]), (41, 0))
        self.assertGreater(n, 41 * 50000)
        event, n = self.sent("put", "tree", self.there)
        self.assertEqual((event["files"], event["bytes"], event["unchanged"]), (0, 0, 41))
        self.assertLess(n, 20000)
        (tree / "sub/file 7").write_bytes(b"y" * 50000)
        event, n = self.sent("put", "tree", self.there)
        self.assertEqual((event["files"], event["bytes"], event["unchanged"]), (1, 50000, 40))
        self.assertLess(n, 70000)
        self.assertEqual(self.look(self.there / "tree"), self.look(tree))
        self.age(tree, self.there)
        # And back: the same files, of which one is other, and one is missing.
        (tree / "sub/file 8").write_bytes(b"z" * 50000)
        (tree / "-x").unlink()
        event, n = self.sent("get", f"{self.there}/tree", self.desk)
        self.assertEqual((event["files"], event["bytes"], event["unchanged"]), (2, 100000, 39))
        self.assertLess(n, 140000)
        self.assertEqual(self.look(self.there / "tree"), self.look(tree))
        event, n = self.sent("get", f"{self.there}/tree", self.desk)
        self.assertEqual((event["files"], event["unchanged"]), (0, 41))
        self.assertLess(n, 40000)
        self.assertEqual(self.left_over(), [])

    def test_one_file_that_is_the_same(self):
        (self.desk / "a").write_bytes(b"a" * 9999)
        self.age(self.desk)
        for to, into in ((self.there, "a"), (self.there / "b", "b")):
            for files in (1, 0):
                event = json.loads(self.kferry("--json", "put", "a", to).out.splitlines()[-1])
                self.assertEqual((event["files"], event["unchanged"]), (files, 1 - files))
            self.assertEqual((self.there / into).read_bytes(), b"a" * 9999)
        for files in (1, 0):
            event = json.loads(self.kferry("--json", "get", f"{self.there}/b", self.desk)
                               .out.splitlines()[-1])
            self.assertEqual((event["files"], event["unchanged"]), (files, 1 - files))

    def both(self, a, b, times=(1_000_000_000, 1_000_000_000)):
        for file, text in ((self.desk / "f", a), (self.there / "f", b)):
            file.write_text(text)
            file.chmod(0o640)
            os.utime(file, times)

    def test_size_and_time_decide_or_the_content(self):
        for verb, args, to in (("put", ("f", self.there), self.there / "f"),
                               ("get", (f"{self.there}/f", self.desk), self.desk / "f")):
            texts = ("new", "old") if verb == "put" else ("old", "new")
            self.both(*texts)
            self.kferry(verb, *args)
            self.assertEqual(to.read_text(), "old")
            self.kferry(verb, "--checksum", *args)
            self.assertEqual(to.read_text(), "new")
            # Of another time, the same in content: nothing is sent, and the time stays.
            os.utime(to, (5, 5))
            event = json.loads(self.kferry("--json", verb, "-c", *args).out.splitlines()[-1])
            self.assertEqual((event["files"], event["unchanged"]), (0, 1))
            self.assertEqual(to.stat().st_mtime, 5)
            # Without it, it is copied; as it is when the mode differs.
            for change in (lambda f: None, lambda f: f.chmod(0o600)):
                change(to)
                event = json.loads(self.kferry("--json", verb, *args).out.splitlines()[-1])
                self.assertEqual((event["files"], event["unchanged"]), (1, 0))
                self.assertEqual((to.stat().st_mtime, to.stat().st_mode & 0o777),
                                 (1_000_000_000, 0o640))

    def copied(self, verb, age):
        """Is f copied, when both sides' changed so many seconds ago?  And how long it took."""
        now = time.time()
        self.both("new", "old", (now - age, now - age))
        args = ("f", self.there) if verb == "put" else (f"{self.there}/f", ".")
        event = json.loads(self.kferry("--json", verb, *args).out.splitlines()[-1])
        self.assertEqual(event["files"] + event["unchanged"], 1)
        return event["files"], time.time() - now

    def test_what_changed_a_moment_ago_is_copied(self):
        """It may have changed again, and be of the same size and second."""
        for verb in ("put", "get"):
            self.assertFalse(self.copied(verb, 1000)[0])
            self.assertFalse(self.copied(verb, -1000)[0])
            # Two seconds ahead count, too: time enough for a slow machine to start.
            for _ in range(5):
                copied, took = self.copied(verb, -2)
                if took < 3:
                    break
            self.assertTrue(copied or took >= 3)

    def test_a_link_is_not_the_same_as_its_file(self):
        self.both("text", "text")
        (self.there / "f").rename(self.there / "g")
        (self.there / "f").symlink_to("g")
        self.kferry("put", "f", self.there)
        self.assertFalse((self.there / "f").is_symlink())
        (self.desk / "f").rename(self.desk / "g")
        (self.desk / "f").symlink_to("g")
        self.kferry("get", f"{self.there}/f", self.desk)
        self.assertFalse((self.desk / "f").is_symlink())

    def odd(self, top, *more):
        (top / "odd").mkdir()
        for name in ("a", " b ", "-c", "$(id)", "*", "'\"", *more):
            (top / "odd" / name).write_text(name)
        self.age(top)

    def test_odd_names_twice(self):
        """Blanks and patterns are parts of names; what no line holds is sent each time."""
        self.odd(self.desk, "new\nline", "back\\slash", "x\ty")
        for unchanged in (0, 7):
            event = json.loads(self.kferry("--json", "put", "odd", self.there)
                               .out.splitlines()[-1])
            self.assertEqual((event["files"], event["unchanged"]), (9 - unchanged, unchanged))
            self.assertEqual(self.look(self.there / "odd"), self.look(self.desk / "odd"))

    def test_odd_names_fetched_twice(self):
        self.odd(self.there)
        for unchanged in (0, 4):
            event = json.loads(self.kferry("--json", "get", f"{self.there}/odd", ".")
                               .out.splitlines()[-1])
            self.assertEqual((event["files"], event["unchanged"]), (6 - unchanged, unchanged))
            self.assertEqual(self.look(self.desk / "odd"), self.look(self.there / "odd"))
            (self.there / "odd/ b ").write_text("other")
            (self.there / "odd/*").write_text("other")

    def test_what_is_refused_stays_so_where_all_else_is_the_same(self):
        self.odd(self.there)
        self.kferry("get", f"{self.there}/odd", ".")
        for name in ("new\nline", "back\\slash"):
            (self.there / "odd" / name).write_text(name)
            self.assertIn("refused", self.kferry("get", f"{self.there}/odd", ".", check=2).err)
            (self.there / "odd" / name).unlink()
        os.mkfifo(self.there / "odd/fifo")
        self.assertIn("special", self.kferry("get", f"{self.there}/odd", ".", check=2).err)

    def test_json(self):
        (self.desk / "a").write_text("1234")
        event = json.loads(self.kferry("--json", "put", "a", self.there).out.splitlines()[-1])
        self.assertEqual((event["event"], event["files"], event["bytes"]), ("put", 1, 4))


if __name__ == "__main__":
    tap.main()
