#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Kernel configurations: the store, what a board runs with, and what it needs; where a real
makefile is asked, it is that of the lab's source tree, with the objects in the test's own
directory.

What a board has in /proc/config.gz and /boot is put there in a mount name space of the
agent's own.
"""

import gzip
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from lab import LAB  # noqa: E402
from scratch import KFERRY, SCALE, Board  # noqa: E402

USAGE = 64
RELEASE = os.uname().release
CONFIG = ("#\n# Automatically generated file; DO NOT EDIT.\n"
          "# Linux/x86 6.1.0 Kernel Configuration\n#\n"
          "CONFIG_X86_64=y\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n")


def name_space():
    """Why mounts of the agent's own cannot be made; None: they can."""
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/boot"],
                          capture_output=True, check=False)
    return None if done.returncode == 0 else done.stderr.decode().strip() or "no unshare"


class BoardWith(Board):
    """/proc/config.gz and /boot/config-RELEASE are these bytes; empty: none."""

    def __init__(self, proc=b"", boot=b"", modules="", **fields):
        self.modules = modules
        super().__init__(**fields)
        (self.dir / "proc").write_bytes(proc)
        (self.dir / "boot").write_bytes(boot)
        self.wrap = ["unshare", "-m", "sh", "-ec",
                     f"mount --bind {self.dir}/proc /proc/config.gz\n"
                     "mount -t tmpfs none /boot\n"
                     f"[ ! -s {self.dir}/boot ] || cp {self.dir}/boot /boot/config-{RELEASE}\n"
                     'exec "$@"', "sh"]
        self.kill_agent()
        (self.root / "proc/modules").write_text(modules)
        self.start_agent()


def fake_tree(where):
    for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "scripts/Kbuild.include",
                 "init/main.c", "Makefile", "arch/Kconfig"):
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).touch()
    return where


class Store(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.tree = fake_tree(self.board.dir / "linux")
        self.config = self.tree / ".config"

    def kconfig(self, *args, check=0, **options):
        return self.board.kferry("kconfig", *args, check=check, cwd=self.tree, **options)

    def backups(self):
        return sorted(self.tree.glob(".config.old-kferry-*"))

    def test_saved_and_got_back(self):
        self.config.write_text(CONFIG)
        self.kconfig("save", "one", "-d", "it boots")
        self.assertIn("it boots", self.kconfig("list").out)
        self.assertIn("6.1.0", self.kconfig().out)
        self.config.unlink()
        self.kconfig("get", "one")
        self.assertEqual(self.config.read_text(), CONFIG)
        self.assertEqual(self.backups(), [])
        done = self.kconfig("save", "one", check=2)
        self.assertIn("--force", done.err)
        self.kconfig("save", "one", "--force")
        self.assertEqual(self.kconfig("list", "--names").out, "one\n")
        event = json.loads(self.board.kferry("--json", "kconfig", "list", check=0).out)
        self.assertEqual((event["event"], event["name"], event["release"]),
                         ("stored-kconfig", "one", "6.1.0"))
        self.kconfig("rm", "one")
        self.assertEqual(self.kconfig("list").out, "")
        self.kconfig("get", "one", check=2)

    def test_config_that_is_there_is_not_overwritten(self):
        self.config.write_text(CONFIG)
        self.kconfig("save", "one")
        self.config.write_text("CONFIG_MINE=y\n")
        done = self.kconfig("get", "one", check=2)
        self.assertIn("--force", done.err)
        self.assertEqual(self.config.read_text(), "CONFIG_MINE=y\n")
        self.assertEqual(self.backups(), [])
        self.kconfig("get", "one", "--force")
        self.assertEqual(self.config.read_text(), CONFIG)
        self.assertEqual([b.read_text() for b in self.backups()], ["CONFIG_MINE=y\n"])
        # Once more at once: another name, and nothing to do is no copy.
        self.kconfig("get", "one", "--force")
        self.config.write_text("CONFIG_OTHER=y\n")
        self.kconfig("get", "one", "--force")
        self.assertEqual(sorted(b.read_text() for b in self.backups()),
                         ["CONFIG_MINE=y\n", "CONFIG_OTHER=y\n"])

    def on_terminal(self, answer, *args):
        """With a controlling terminal of its own, on which this is typed."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.tree)
            os.execve(KFERRY, [str(KFERRY), *args], self.board.environment())
        said = b""
        answered = False
        while True:
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            if not data:
                break
            said += data
            if not answered and b"[yes/no]" in said:
                os.write(fd, answer)
                answered = True
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return status, said.decode(errors="replace")

    def test_consent_is_asked_for_on_the_terminal(self):
        self.config.write_text(CONFIG)
        self.kconfig("save", "one")
        self.config.write_text("CONFIG_MINE=y\n")
        status, said = self.on_terminal(b"no\n", "kconfig", "get", "one")
        self.assertEqual(status, 2, said)
        self.assertEqual(self.config.read_text(), "CONFIG_MINE=y\n")
        status, said = self.on_terminal(b"yes\n", "kconfig", "get", "one")
        self.assertEqual(status, 0, said)
        self.assertEqual(self.config.read_text(), CONFIG)
        self.assertEqual(len(self.backups()), 1)

    def test_object_directory_has_its_own(self):
        (self.tree / "out").mkdir()
        (self.tree / "out/.config").write_text(CONFIG)
        self.board.kferry("-o", "build.output=out", "kconfig", "save", "one", check=0,
                          cwd=self.tree)
        self.board.kferry("-o", "build.output=../other", "kconfig", "get", "one", check=0,
                          cwd=self.tree)
        self.assertEqual((self.board.dir / "other/.config").read_text(), CONFIG)
        self.assertFalse(self.config.exists())

    def test_bad_names_and_texts(self):
        self.config.write_text(CONFIG)
        for name in ("a/b", "../a", ".hid", "two words", "x" * 65, "-x", "a\nb"):
            self.kconfig("save", "--", name, check=USAGE)
        for verb in ("get", "rm"):
            self.kconfig(verb, "../a", check=USAGE)
        self.kconfig("save", "x", "-d", "y" * 257, check=USAGE)
        self.kconfig("save", check=USAGE)
        self.kconfig("fly", check=USAGE)
        self.assertEqual(self.kconfig("list").out, "")
        self.config.write_text("this is no configuration\n")
        self.assertIn("line 1", self.kconfig("save", "x", check=2).err)

    def test_no_kernel_tree_and_no_config(self):
        done = self.board.kferry("kconfig", "save", "x", check=2)
        self.assertIn("not in a kernel source tree", done.err)
        self.assertIn("defconfig", self.kconfig("save", "x", check=2).err)
        self.assertIn("defconfig", self.kconfig("require", check=2).err)

    def test_half_written_store_is_told(self):
        self.config.write_text(CONFIG)
        self.kconfig("save", "good")
        store = self.board.home / ".local/share/kferry/kconfigs"
        (store / "half").mkdir()
        (store / "half/config").write_text(CONFIG)
        (store / ".new-abcdef").mkdir()
        (store / "\x1b[31mred").write_text("")
        done = self.kconfig("list")
        self.assertIn("good", done.out)
        self.assertNotIn("half", done.out)
        self.assertIn("half is passed over", done.err)
        self.assertIn("interrupted", done.err)
        self.assertNotIn("\x1b", done.text)
        self.assertIn("kconfig rm half", self.kconfig("get", "half", check=2).err)
        self.kconfig("rm", "half")

    def test_configuration_of_another_architecture(self):
        self.config.write_text(CONFIG.replace("x86", "arm64"))
        self.board.kferry("-o", "build.arch=arm64", "kconfig", "save", "arm", check=0,
                          cwd=self.tree)
        self.config.unlink()
        done = self.board.kferry("-o", "build.arch=x86_64", "kconfig", "get", "arm", check=2,
                                 cwd=self.tree)
        self.assertIn("for arm64, and build.arch is x86_64", done.err)
        self.assertFalse(self.config.exists())

    def test_differences(self):
        self.config.write_text(CONFIG)
        self.kconfig("save", "one")
        other = self.board.dir / "other.config"
        other.write_text("CONFIG_X86_64=y\nCONFIG_A=m\nCONFIG_NEW=7\n# CONFIG_C is not set\n")
        want = "-B m\n A y -> m\n+NEW 7\n"
        self.assertEqual(self.kconfig("diff", "one", other).out, want)
        self.assertEqual(self.kconfig("diff", other).out, "-NEW 7\n A m -> y\n+B m\n")
        self.assertEqual(self.kconfig("diff", "one", "one").out, "")
        self.assertEqual(self.board.kferry("kconfig", "diff", "one", other, check=0).out, want)
        lines = self.board.kferry("--json", "kconfig", "diff", "one", other,
                                  check=0).out.splitlines()
        self.assertEqual([json.loads(line)["symbol"] for line in lines], ["B", "A", "NEW"])
        self.assertIn("no file", self.kconfig("diff", "nope", check=2).err)
        self.assertIn("no kernel configuration", self.kconfig("diff", "Makefile", check=2).err)


class Fetch(unittest.TestCase):
    def setUp(self):
        why = name_space()
        if why:
            self.skipTest(f"no mount name space: {why}")

    def board(self, **what):
        board = BoardWith(**what)
        self.addCleanup(board.close)
        self.file = board.dir / "got"
        return board

    def test_from_proc(self):
        board = self.board(proc=gzip.compress(CONFIG.encode()), boot=b"CONFIG_WRONG=y\n")
        done = board.kferry("kconfig", "fetch", "-o", self.file, check=0)
        self.assertEqual(self.file.read_text(), CONFIG)
        self.assertIn("/proc/config.gz", done.err)
        done = board.kferry("kconfig", "fetch", "-o", self.file, check=2)
        self.assertIn("--force", done.err)
        done = board.kferry("kconfig", "fetch", "-o", "-", check=0)
        self.assertEqual(done.out, CONFIG)

    def test_from_boot(self):
        board = self.board(boot=CONFIG.encode())
        done = board.kferry("kconfig", "fetch", "-o", self.file, check=0)
        self.assertEqual(self.file.read_text(), CONFIG)
        self.assertIn(f"/boot/config-{RELEASE}", done.err)

    def test_from_nowhere(self):
        board = self.board()
        done = board.kferry("kconfig", "fetch", "-o", self.file, check=2)
        self.assertIn("no /proc/config.gz and no /boot/config-RELEASE", done.err)
        self.assertIn("not in a kernel source tree", done.err)
        self.assertFalse(self.file.exists())

    def refused(self, says, **what):
        board = self.board(**what)
        done = board.kferry("kconfig", "fetch", "-o", self.file, check=2)
        self.assertIn(says, done.err)
        self.assertFalse(self.file.exists())

    def test_hundred_megabytes(self):
        self.refused("more than 1024 KiB", proc=os.urandom(1 << 20) * 100)

    def test_small_one_that_unpacks_to_much(self):
        self.refused("more than 4 MiB", proc=gzip.compress(b"CONFIG_A=y\n" * 10000000))

    def test_large_one_in_boot(self):
        self.refused("more than 4096 KiB", boot=b"CONFIG_A=y\n" * 1000000)

    def test_what_is_no_configuration(self):
        self.refused("no kernel configuration", proc=gzip.compress(b"\x1b[2J hello\n"))

    def test_damaged(self):
        whole = gzip.compress(CONFIG.encode() + os.urandom(2000).hex().encode())
        self.refused("/proc/config.gz", proc=whole[:len(whole) // 2])

    def test_unreachable_board(self):
        board = Board()
        self.addCleanup(board.close)
        board.write_config(link="exec:/bin/false")
        board.kferry("kconfig", "fetch", "-o", "x", check=2)
        board.kferry("kconfig", "fetch", "-b", "nope", "-o", "x", check=USAGE)


def lab_source():
    done = subprocess.run([LAB / "kernel.sh", "--print", "src"], capture_output=True,
                          check=False)
    return pathlib.Path(done.stdout.decode().strip()) if done.returncode == 0 else None


class Tree(unittest.TestCase):
    """The real thing: the makefile of a kernel, with objects in the test's own directory."""

    def setUp(self):
        self.src = lab_source()
        if not self.src:
            self.skipTest("the lab's kernel source is not there: tests/lab/kernel.sh")
        for tool in ("flex", "bison", "perl"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is not installed")

    def start(self, require=(), **what):
        self.board = BoardWith(**what) if what else Board()
        self.addCleanup(self.board.close)
        self.obj = self.board.dir / "obj"
        self.config = self.obj / ".config"
        lines = "\n\t".join(require)
        with open(self.board.config_file, "a") as file:
            file.write(f"build.output = {self.obj}\nkernel.require = {lines}\n"
                       "build.arch = x86_64\n")

    def make(self, *words, **env):
        env = {**os.environ, **env}
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            env.pop(name, None)
        done = subprocess.run(["make", "-s", "-C", self.src, f"O={self.obj}", "ARCH=x86", *words],
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=600 * SCALE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def kferry(self, *args, check=0):
        return self.board.kferry(*args, check=check, cwd=self.src, timeout=600)

    def value(self, symbol):
        for line in self.config.read_text().splitlines():
            if line.startswith(f"{symbol}="):
                return line.split("=", 1)[1]
        return "n"

    def test_require_sets_what_can_be_set_and_says_why_not(self):
        self.start(require=["CONFIG_PRINTK=y \"words\"",
                            "CONFIG_HPET=n|CONFIG_MODULES=y \"second choice\"",
                            "CONFIG_I6300ESB_WDT=y \"a kernel that hangs is reset\"",
                            "CONFIG_NO_SUCH_THING=y"])
        self.make("tinyconfig")
        before = self.config.read_text()
        done = self.kferry("kconfig", "require", check=2)
        self.assertEqual(self.value("CONFIG_PRINTK"), "y")
        self.assertIn("CONFIG_I6300ESB_WDT is not set", done.err)
        self.assertIn("a kernel that hangs is reset; it depends on", done.err)
        self.assertIn("WATCHDOG (=n)", done.err)
        self.assertIn("this tree has no CONFIG_NO_SUCH_THING for x86", done.err)
        self.assertIn("2 of 4 hold", done.err)
        backups = list(self.obj.glob(".config.old-kferry-*"))
        self.assertEqual([b.read_text() for b in backups], [before])
        # What is missing is given; then it holds, and twice is once.
        with open(self.config, "a") as file:
            file.write("CONFIG_PCI=y\nCONFIG_WATCHDOG=y\n")
        self.make("olddefconfig")
        self.kferry("-o", "kernel.require=CONFIG_I6300ESB_WDT=y", "kconfig", "require")
        self.assertEqual(self.value("CONFIG_I6300ESB_WDT"), "y")
        now = self.config.read_text()
        done = self.kferry("-o", "kernel.require=CONFIG_I6300ESB_WDT=y", "kconfig", "require")
        self.assertIn("as it was", done.err)
        self.assertEqual(self.config.read_text(), now)
        self.assertEqual(list(self.src.glob(".config*")), [])

    def test_fetched_without_the_modules_that_are_not_used(self):
        why = name_space()
        if why:
            self.skipTest(f"no mount name space: {why}")
        self.start()
        self.make("tinyconfig")
        with open(self.config, "a") as file:
            file.write("CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_NETDEVICES=y\nCONFIG_NET_CORE=y\n"
                       "CONFIG_DUMMY=m\nCONFIG_TUN=m\nCONFIG_INET=y\nCONFIG_PCI=y\n"
                       "CONFIG_WATCHDOG=y\nCONFIG_I6300ESB_WDT=m\n")
        self.make("olddefconfig")
        given = self.config.read_text()
        self.assertEqual((self.value("CONFIG_DUMMY"), self.value("CONFIG_TUN")), ("m", "m"))
        (self.obj / "lsmod").write_text("Module Size Used by\ndummy 16384 0\n")
        self.make("localmodconfig", LSMOD=str(self.obj / "lsmod"))
        by_make = self.config.read_text()
        self.board.close()

        self.start(proc=gzip.compress(given.encode()), modules="dummy 16384 0 - Live 0x0\n",
                   require=["CONFIG_I6300ESB_WDT=m \"kept\""])
        # Without what kernel.require wants it is what the tree's makefile makes of it.
        done = self.kferry("-o", "kernel.require=", "kconfig", "fetch", "--optimize")
        self.assertIn("for its 1 modules", done.err)
        self.assertEqual(self.config.read_text(), by_make)
        self.assertEqual((self.value("CONFIG_DUMMY"), self.value("CONFIG_TUN"),
                          self.value("CONFIG_I6300ESB_WDT")), ("m", "n", "n"))
        self.kferry("kconfig", "fetch", "--optimize", "--force")
        self.assertEqual((self.value("CONFIG_DUMMY"), self.value("CONFIG_TUN"),
                          self.value("CONFIG_I6300ESB_WDT")), ("m", "n", "m"))

    def test_fetch_falls_back_to_defconfig(self):
        why = name_space()
        if why:
            self.skipTest(f"no mount name space: {why}")
        self.start(proc=b"")
        done = self.kferry("kconfig", "fetch")
        self.assertIn("(defconfig)", done.err)
        self.assertEqual(self.value("CONFIG_X86_64"), "y")
        got = self.config.read_text()
        self.make("defconfig")
        self.assertEqual(self.config.read_text(), got)

    def test_differences_are_those_of_the_trees_script(self):
        self.start()
        self.make("tinyconfig")
        other = self.board.dir / "other"
        other.write_text(self.config.read_text().replace("CONFIG_64BIT=y\n", "")
                         + "CONFIG_PCI=y\nCONFIG_LOCALVERSION=\"-x y\"\n")
        by_script = self.kferry("kconfig", "diff", other).out
        ours = self.board.kferry("kconfig", "diff", other, self.config, check=0).out
        self.assertIn("LOCALVERSION", ours)
        self.assertEqual(by_script, ours)


if __name__ == "__main__":
    tap.main()
