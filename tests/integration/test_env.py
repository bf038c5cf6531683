#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Environments of a tree, as the commands that use them see them."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board  # noqa: E402

USAGE = 64
MAKEFILE = ("all:\n\t@echo built $(ARCH) $(CROSS_COMPILE) $(O)\n"
            "kernelrelease:\n\t@echo 6.9.0-$(ARCH)\n"
            "image_name:\n\t@echo arch/$(ARCH)/boot/Image\n")


def fake_tree(where):
    for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "scripts/Kbuild.include",
                 "init/main.c", "arch/Kconfig", "arch/arm64/Kconfig", "arch/x86/Kconfig"):
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).touch()
    (where / "Makefile").write_text(MAKEFILE)
    return where


class Env(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.board.config_file.write_text(
            self.board.config_file.read_text() + "\n[board pi]\nhost = pi\n")
        self.tree = fake_tree(self.board.dir / "linux")
        self.envs = self.board.home / ".local/share/kferry/envs"

    def kferry(self, *args, check=0, cwd=None):
        return self.board.kferry(*args, check=check, cwd=cwd or self.tree)

    def test_it_changes_what_build_and_kconfig_do(self):
        config = self.board.dir / "arm.config"
        config.write_text("# Linux/arm64 6.9.0 Kernel Configuration\nCONFIG_ARM64=y\n")
        self.kferry("env", "create", "pi", "-b", "pi", "--arch", "arm64", "--cross-compile",
                    "aarch64-linux-gnu-", "--kconfig", config)
        self.assertEqual(self.kferry("env", "prompt").out, "")
        self.kferry("env", "use", "pi")
        self.assertEqual(self.kferry("env", "prompt", cwd=self.tree / "init").out, "pi\n")
        self.assertEqual(self.kferry("env", "prompt", cwd=self.board.dir).out, "")
        obj = next(self.envs.glob("linux-*/pi/obj"))
        said = self.kferry("build", "-v").out
        self.assertIn(f"built arm64 aarch64-linux-gnu- {obj}", said)
        origin = self.kferry("config", "list", "--show-origin").out
        self.assertIn(f"build.arch = arm64\t(env: {obj.parent}/env.ini:", origin)
        self.kferry("kconfig", "save", "arm")
        self.assertEqual(self.kferry("config", "get", "board.default").out, "pi\n")
        # What is set below it does not count, and that is said; --env is it.
        done = self.kferry("config", "set", "build.arch", "riscv")
        self.assertIn("environment pi", done.err)
        self.kferry("config", "set", "--env", "build.jobs", "5")
        self.assertEqual(self.kferry("config", "get", "build.jobs").out, "5\n")
        # A second one is another world, and back is where it was.
        self.kferry("env", "create", "pc", "--arch", "x86_64")
        self.kferry("env", "use", "pc")
        self.assertIn("pc/obj/.config is not there", self.kferry("build", check=2).err)
        rows = [line.split() for line in self.kferry("env").out.splitlines()]
        self.assertEqual([row[:4] for row in rows],
                         [["*", "pc", "-", "x86_64"], ["pi", "pi", "arm64", str(obj)]])
        self.kferry("env", "use", "pi")
        self.assertIn("built arm64", self.kferry("build", "-v").out)
        self.kferry("env", "exit")
        self.assertEqual(self.kferry("env", "prompt").out, "")
        self.assertEqual(self.kferry("config", "get", "build.arch").out, "riscv\n")
        self.kferry("config", "set", "--env", "build.jobs", "5", check=USAGE)
        self.assertEqual(sorted(p.name for p in self.tree.iterdir()),
                         sorted([".kferry", "Kbuild", "Kconfig", "Makefile", "arch", "init",
                                 "scripts"]))

    def test_bad_one_is_told_and_can_be_left(self):
        self.kferry("env", "create", "bad")
        self.kferry("env", "use", "bad")
        file = next(self.envs.glob("*/bad/env.ini"))
        file.write_text("[build]\narhc = x\n")
        done = self.kferry("build", check=2)
        self.assertIn("kferry env exit", done.err)
        self.assertIn("env.ini:2", done.err)
        self.assertIn("passed over", self.kferry("env", "list").err)
        self.assertEqual(self.kferry("env", "prompt").text, "bad\n")
        self.kferry("env", "exit")
        self.kferry("env", "use", "bad", check=2)
        self.kferry("env", "rm", "bad")
        self.assertEqual(self.kferry("env", "list").text, "")
        # A configuration that is bad is no matter to a prompt.
        self.board.config_file.write_text("nonsense\n")
        self.assertEqual(self.kferry("env", "prompt").text, "")

    def test_output_that_was_given_is_not_removed(self):
        given = self.board.dir / "mine"
        given.mkdir()
        (given / "vmlinux").write_text("mine")
        self.kferry("env", "create", "a", "--output", "../mine")
        event = json.loads(self.kferry("--json", "env", "list").out)
        self.assertEqual((event["name"], event["output"], event["own_output"], event["in_use"]),
                         ("a", str(given), False, False))
        self.kferry("env", "use", "a")
        self.assertIn("in use", self.kferry("env", "rm", "a", check=2).err)
        self.kferry("env", "exit")
        self.kferry("env", "rm", "a")
        self.assertEqual((given / "vmlinux").read_text(), "mine")

    def test_objects_in_the_tree_are_told(self):
        (self.tree / ".config").touch()
        self.kferry("env", "create", "a")
        self.assertIn("mrproper", self.kferry("env", "use", "a").err)

    def test_refused(self):
        for name in ("two words", "a/b", ".current"):
            self.kferry("env", "create", name, check=USAGE)
        self.assertIn("it has arm64 x86", self.kferry("env", "create", "a", "--arch", "vax",
                                                      check=USAGE).err)
        self.kferry("env", "create", "a", "-b", "nope", check=USAGE)
        self.kferry("env", "use", "a", check=2)
        self.kferry("env", "fly", check=USAGE)
        done = self.kferry("env", "create", "a", cwd=self.board.dir, check=2)
        self.assertIn("not in a kernel source tree", done.err)
        self.kferry("env", "create", "a", "--kconfig", "Makefile", check=2)
        self.assertEqual(self.kferry("env", "list").text, "")


if __name__ == "__main__":
    tap.main()
