#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry put and get: files and trees both ways."""

import json
import os
import pathlib
import stat
import sys
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

    def test_json(self):
        (self.desk / "a").write_text("1234")
        event = json.loads(self.kferry("--json", "put", "a", self.there).out.splitlines()[-1])
        self.assertEqual((event["event"], event["files"], event["bytes"]), ("put", 1, 4))


if __name__ == "__main__":
    tap.main()
