#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sending less: changed files as patches against what both sides have, and whole otherwise."""

import json
import pathlib
import random
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import TOP, Board, Package, agent, digest  # noqa: E402

LIAR = TOP / "tests/lib/liar.py"
PROXY = TOP / "tests/lib/proxy.py"
DRIVER = "boot/driver.ko"


def code(size, seed):
    """Bytes that compress about as machine code does."""
    return bytes(b & 0x3f for b in random.Random(seed).randbytes(size))


def altered(data, places, size=40, seed=1):
    """The same with `places` short pieces replaced, each by one of another length."""
    rng = random.Random(seed)
    out, step = [], len(data) // places
    for at in range(0, len(data), step):
        out += [data[at:at + step - size], rng.randbytes(size + rng.randrange(-8, 9))]
    return b"".join(out)


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()

    def tearDown(self):
        self.board.close()

    def link(self, *argv):
        """The board is reached through a program, or directly."""
        if not argv:
            self.board.write_config()
            return
        script = self.board.dir / "link"
        words = [*argv, *agent("--root", self.board.root, "stdio")]
        script.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, words))}\n")
        script.chmod(0o755)
        self.board.write_config(link=f"exec:{script}")

    def package(self, name, files, **fields):
        package = Package(files=files, **fields)
        package.file = package.write(self.board.dir / name)
        return package

    def deploy(self, package, *args, status=0):
        """The push line of the deploy, and all that it said."""
        done = self.board.kferry("--json", "deploy", "--from", package.file, *args, check=status)
        lines = [json.loads(line) for line in done.out.splitlines()]
        pushed = [line for line in lines if line.get("event") == "push"]
        return pushed[-1] if pushed else None, done

    def check_slot(self, package):
        slot = self.board.state_dir() / "slots" / package.slot()
        for path, data in package.files.items():
            self.assertEqual((slot / path).read_bytes(), data, path)
        self.assertEqual((slot / "manifest").read_bytes(), package.manifest())

    def zstd_patch(self, old, new):
        """How long zstd's own patch is."""
        base, file = self.board.dir / "old", self.board.dir / "new"
        base.write_bytes(old)
        file.write_bytes(new)
        return len(subprocess.run(["zstd", "-q", "-19", "--patch-from", base, "-c", file],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  check=True).stdout)

    def pair(self, old, new, path=DRIVER, **fields):
        """Two packages that differ in one file, the first of them deployed."""
        first = self.package("a.kferry", {path: old}, **fields)
        self.deploy(first)
        return first, self.package("b.kferry", {path: new}, **fields)


class Patches(Case):
    def test_one_module_changed(self):
        """The bytes on the wire are those of the patch, manifest and all."""
        old = code(60000, "m")
        new = altered(old, 12)
        _, second = self.pair(old, new, modules=800)
        push, done = self.deploy(second)
        self.check_slot(second)
        self.assertEqual((push["files_sent"], push["patches"]), (1, 1))
        self.assertIn("as patches", push["text"])
        patch = self.zstd_patch(old, new)
        self.assertLessEqual(push["bytes_sent"], 1.2 * patch + 8192, f"patch {patch}")
        self.assertLess(push["bytes_sent"], len(second.manifest()) / 4)
        self.assertEqual(self.board.runs()[-1]["verdict"], "PASS")

    def test_image_changed(self):
        old = code(5000000, "i")
        new = altered(old, 300)
        _, second = self.pair(old, new, "boot/image")
        push, _ = self.deploy(second)
        self.check_slot(second)
        self.assertEqual(push["patches"], 1)
        self.assertLess(push["bytes_sent"], len(new) / 10)

    def test_modules_of_another_release_meet_by_name(self):
        old = code(50000, "r")
        first = self.package("a.kferry", {"modules/6.9.0-a/kernel/d.ko": old}, release="6.9.0-a")
        self.deploy(first)
        second = self.package("b.kferry", {"modules/6.9.0-b/kernel/d.ko": altered(old, 5)},
                              release="6.9.0-b")
        push, _ = self.deploy(second)
        self.check_slot(second)
        self.assertGreaterEqual(push["patches"], 1)
        self.assertLess(push["bytes_sent"], 20000)

    def test_what_has_nothing_in_common_is_sent_whole(self):
        _, second = self.pair(code(50000, "x"), random.Random("y").randbytes(50000))
        push, _ = self.deploy(second)
        self.check_slot(second)
        self.assertEqual((push["files_sent"], push["patches"]), (1, 0))

    def test_patch_against_a_patched_version(self):
        old = code(60000, 1)
        _, second = self.pair(old, altered(old, 6))
        self.deploy(second)
        third = self.package("c.kferry", {DRIVER: altered(second.files[DRIVER], 6, seed=3)})
        push, _ = self.deploy(third)
        self.check_slot(third)
        self.assertEqual(push["patches"], 1)

    def test_level_that_the_user_set(self):
        old = code(60000, 1)
        self.board.write_config("compress.level = 19\n")
        _, second = self.pair(old, altered(old, 6))
        push, _ = self.deploy(second)
        self.check_slot(second)
        self.assertEqual(push["patches"], 1)


class AsItIs(Case):
    """A package that kferry wrote goes to a board that has nothing without being unpacked."""

    def setUp(self):
        super().setUp()
        self.old = code(300000, "m")
        self.first = self.ours("a", {DRIVER: self.old})
        self.second = self.package("b.kferry", {DRIVER: altered(self.old, 5)})

    def ours(self, name, files, **fields):
        package = self.package(f"{name}-made.kferry", files, **fields)
        out = self.board.dir / f"{name}.kferry"
        self.board.kferry("pack", "--from", package.file, "-o", out, check=0)
        package.file = out
        return package

    def bundle(self):
        return self.board.dir / "cache/versions" / (digest(self.first.manifest()) + ".kferry")

    def kept(self):
        return self.board.dir / "cache/versions" / digest(self.old)

    def test_as_it_is(self):
        push, _ = self.deploy(self.first)
        self.check_slot(self.first)
        self.assertEqual(push["files_sent"], push["files_total"])
        self.assertLess(push["bytes_sent"], self.first.file.stat().st_size + 4096)
        self.assertEqual(self.bundle().read_bytes(), self.first.file.read_bytes())
        self.assertFalse(self.kept().exists())

    def test_the_next_one_goes_as_a_patch(self):
        self.deploy(self.first)
        push, _ = self.deploy(self.second)
        self.check_slot(self.second)
        self.assertEqual((push["files_sent"], push["patches"]), (1, 1))
        self.assertTrue(self.kept().exists())
        self.assertFalse(self.bundle().exists())

    def test_a_level_that_the_user_set(self):
        self.board.write_config("compress.level = 19\n")
        self.deploy(self.first)
        self.check_slot(self.first)
        self.assertFalse(self.bundle().exists())

    def test_what_arrived_is_not_sent_again(self):
        """Where the board has some of it, the rest is unpacked and sent."""
        third = self.ours("c", {DRIVER: self.old, "boot/other.ko": code(1000, "o")})
        self.deploy(self.first)
        push, _ = self.deploy(third)
        self.check_slot(third)
        self.assertEqual(push["files_sent"], 1)

    def test_altered_and_cut(self):
        data = self.first.file.read_bytes()
        for at in (len(data) // 3, len(data) // 2, len(data) - 30):
            self.first.file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
            _, done = self.deploy(self.first, status=2)
            self.assertRegex(done.text, "package.*(damaged|altered)")
        self.first.file.write_bytes(data[:-20])
        self.deploy(self.first, status=2)
        self.assertEqual(self.board.slots(), [])
        self.first.file.write_bytes(data)
        self.deploy(self.first)
        self.check_slot(self.first)


class Missing(Case):
    def setUp(self):
        super().setUp()
        self.old = code(60000, "m")
        self.first, self.second = self.pair(self.old, altered(self.old, 5))

    def versions(self):
        return self.board.dir / "cache/versions"

    def kept(self, data):
        return self.versions() / digest(data)

    def check_whole(self):
        push, done = self.deploy(self.second)
        self.check_slot(self.second)
        self.assertEqual((push["files_sent"], push["patches"]), (1, 0))
        return push, done

    def test_on_the_controller(self):
        self.kept(self.old).unlink()
        self.check_whole()
        self.assertTrue(self.kept(self.second.files[DRIVER]).exists())

    def test_altered_on_the_controller(self):
        data = bytearray(self.old)
        data[100] ^= 1
        self.kept(self.old).unlink()
        self.kept(self.old).write_bytes(data)
        self.check_whole()
        self.assertFalse(self.kept(self.old).exists())

    def test_truncated_on_the_controller(self):
        self.kept(self.old).unlink()
        self.kept(self.old).write_bytes(self.old[:1000])
        self.check_whole()

    def test_no_store_at_all(self):
        for path in sorted(self.versions().iterdir()):
            path.unlink()
        self.versions().rmdir()
        self.versions().write_text("something else")
        self.check_whole()

    def test_store_is_off(self):
        self.board.config_file.write_text(self.board.config_file.read_text() +
                                          "\n[cache]\nversions = 0\n")
        self.check_whole()

    def test_on_the_board(self):
        (self.board.state_dir() / "slots" / self.first.slot() / DRIVER).unlink()
        self.check_whole()

    def test_old_agent(self):
        """One that does not know the feature is never sent a patch, of nothing."""
        self.link(LIAR, "--drop", "3:3")
        push, _ = self.check_whole()
        self.assertGreater(push["bytes_sent"], len(self.second.manifest()))

    def test_bad_base_on_the_board(self):
        """Found out by the digest of what came of it; nothing of it stays."""
        base = self.board.state_dir() / "slots" / self.first.slot() / DRIVER
        data = bytearray(self.old)
        for i in range(0, len(data), 100):
            data[i] ^= 1
        base.write_bytes(data)
        push, done = self.check_whole()
        self.assertIn("makes other bytes than its manifest says", done.text)
        self.assertIn("sending whole files", done.text)


class Lies(Case):
    def setUp(self):
        super().setUp()
        self.old = code(60000, "m")
        self.first, self.second = self.pair(self.old, altered(self.old, 5))

    def check_refused(self, how):
        self.link(LIAR, "--bases", how)
        _, done = self.deploy(self.second, status=2)
        self.assertIn("older versions", done.text)
        self.assertIn("protocol", done.text)
        self.assertEqual(self.board.slots(), [self.first.slot()])
        self.link()
        push, _ = self.deploy(self.second)
        self.check_slot(self.second)
        self.assertEqual(push["patches"], 1)

    def test_file_that_there_is_not(self):
        self.check_refused("beyond")

    def test_file_that_was_not_asked_for(self):
        self.check_refused("unwanted")

    def test_unsorted(self):
        self.check_refused("unsorted")

    def test_odd_length(self):
        self.check_refused("odd")

    def test_too_long(self):
        self.check_refused("endless")

    def test_version_that_it_does_not_have(self):
        """The controller knows it, the agent refuses the patch, whole files follow."""
        similar = altered(self.old, 3, seed=9)
        kept = self.board.dir / "cache/versions" / digest(similar)
        kept.write_bytes(similar)
        self.link(LIAR, "--bases", f"{digest(self.old)}={digest(similar)}")
        push, done = self.deploy(self.second)
        self.check_slot(self.second)
        self.assertEqual(push["patches"], 0)
        self.assertIn("against a version that the board does not have", done.text)
        self.assertIn("sending whole files", done.text)


class Cuts(Case):
    def test_cut_push_of_patches_resumes(self):
        old = {f"boot/blob{i:02}": random.Random(i).randbytes(100000) for i in range(40)}
        new = {path: data[:50000] + random.Random(path).randbytes(30000) + data[80000:]
               for path, data in old.items()}
        self.deploy(self.package("a.kferry", old))
        second = self.package("b.kferry", new)
        flag = self.board.dir / "cut"
        flag.touch()
        self.link(PROXY, "--cut-up", 700000, "--once", flag)
        push, done = self.deploy(second)
        self.assertFalse(flag.exists())
        self.check_slot(second)
        self.assertIn("connecting again", done.text)
        # What had arrived was not sent again, and the rest came as patches, too.
        self.assertLess(push["files_sent"], 30)
        self.assertEqual(push["patches"], push["files_sent"])

    def test_cut_at_many_points(self):
        old = code(300000, "c")
        _, second = self.pair(old, altered(old, 20))
        for at in (100, 400, 900, 2000):
            flag = self.board.dir / "cut"
            flag.touch()
            self.link(PROXY, "--cut-up", at, "--once", flag)
            self.deploy(second, "--force")
            self.check_slot(second)
            self.board.kferry("kernels", "rollback", check=0)
            self.board.kferry("reboot", check=0)
            self.board.kferry("kernels", "rm", second.slot(), check=0)


if __name__ == "__main__":
    tap.main()
