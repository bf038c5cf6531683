#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A deploy connects while its kernel is still being packed.

The kernel is a tarball, for which depmod is run; one that waits for what the test wants
stands in PATH before the real one.
"""

import os
import pathlib
import shutil
import struct
import sys
import tarfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import SCALE, Board, wait_for  # noqa: E402

RELEASE = "6.9.0-greeted"
DEPMOD = """#!/bin/sh
touch "{dir}/packing"
n=0
until [ -e "{dir}/go-on" ]; do
    n=$((n + 1))
    [ $n -lt {tries} ] || {{ echo "nobody was greeted meanwhile" >&2; exit 1; }}
    sleep 0.1
done
exec {real} "$@"
"""


def image():
    """As much of an x86-64 bzImage as says what it is."""
    data = bytearray(4096)
    data[0x1f1] = 1  # sectors of the setup
    data[0x1fe:0x200] = b"\x55\xaa"
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x206, 0x20c)  # version of the boot protocol
    struct.pack_into("<H", data, 0x20e, 0x100)  # the release's place, less 512
    struct.pack_into("<H", data, 0x236, 1)  # 64 bits
    text = f"{RELEASE} (dev@desk) #1 SMP\0".encode()
    data[0x300:0x300 + len(text)] = text
    return bytes(data)


class Greeting(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        top = self.board.dir / "kernel"
        (top / "boot").mkdir(parents=True)
        (top / f"boot/vmlinuz-{RELEASE}").write_bytes(image())
        (top / f"boot/config-{RELEASE}").write_text("CONFIG_MODULES=y\n")
        modules = top / f"lib/modules/{RELEASE}/kernel"
        modules.mkdir(parents=True)
        shutil.copy(self.elf(), modules / "some.ko")
        self.tar = self.board.dir / "kernel.tar"
        with tarfile.open(self.tar, "w") as tar:
            for name in ("boot", "lib"):
                tar.add(top / name, name)
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        programs = self.board.dir / "programs"
        programs.mkdir()
        (programs / "depmod").write_text(DEPMOD.format(
            dir=self.board.dir, tries=int(300 * SCALE), real=shutil.which("depmod", path=path)))
        (programs / "depmod").chmod(0o755)
        self.env = {"PATH": f"{programs}:{path}"}

    @staticmethod
    def elf():
        """depmod reads any ELF file for a module."""
        return shutil.which("true")

    def deploy(self, check=0):
        """On a thread; returns how to wait for its end."""
        done = []
        args = ("deploy", "--no-reboot", "--from", self.tar)
        thread = threading.Thread(target=lambda: done.append(
            self.board.kferry(*args, env=self.env)))
        thread.start()

        def end():
            thread.join()
            self.assertEqual(done[0].returncode, check, done[0].text)
            return done[0]
        return end

    def sessions(self):
        return self.board.agent_log().count("session-start")

    def go_on(self):
        (self.board.dir / "go-on").touch()

    def test_board_is_greeted_while_the_kernel_is_packed(self):
        end = self.deploy()
        wait_for("packing", (self.board.dir / "packing").exists)
        wait_for("the connection", lambda: self.sessions() == 1)
        self.go_on()
        end()
        self.assertEqual(self.sessions(), 1, "it connected a second time")

    def test_connection_that_was_lost_meanwhile_is_made_anew(self):
        end = self.deploy()
        wait_for("the connection", lambda: self.sessions() == 1)
        self.board.kill_agent()
        self.board.start_agent()
        self.go_on()
        end()
        self.assertEqual(self.sessions(), 2)

    def test_board_that_is_away_is_told_of_once(self):
        self.board.kill_agent()
        self.go_on()
        done = self.deploy(check=2)()
        self.assertEqual(done.err.count("is not running"), 1, done.err)


if __name__ == "__main__":
    tap.main()
