#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
U-Boot and extlinux.conf on arm64: the board's own kernel and extlinux.conf are on the ext4
root, in front of which U-Boot searches a FAT. RAM from RAM_MIB on is for ramoops.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import qemu  # noqa: E402
import tap  # noqa: E402
from fastboard import FastBoard, Trials, write  # noqa: E402
from image import Partition  # noqa: E402

BOOTABLE = 2  # attribute of a GPT partition: where there are such, U-Boot looks nowhere else
RAM_MIB = 192  # U-Boot itself is at the end of 256
RAM_START = 0x40000000


class UbootExtlinux(Trials, FastBoard):
    NAME = "uboot"
    ARCH = "arm64"
    PROFILE = "qemu-arm64"
    CHOSEN = "uboot-extlinux"
    CONSOLE = "ttyAMA0"
    FSTAB = "/dev/vda1 /boot/firmware vfat rw,umask=077 0 2\n"

    @classmethod
    def cmdline(cls, root=None):
        return (f"{super().cmdline(root)} mem={RAM_MIB}M "
                f"ramoops.mem_address={RAM_START + (RAM_MIB << 20):#x} "
                "ramoops.mem_size=0x100000 ramoops.record_size=0x20000 "
                "ramoops.console_size=0x20000")

    @classmethod
    def firmware(cls):
        return qemu.uboot()

    @classmethod
    def disk(cls):
        write(cls.root / "boot/extlinux/extlinux.conf",
              "default own\ntimeout 0\nlabel own\n\tlinux /boot/Image-own\n"
              f"\tappend {cls.cmdline()}\n")
        subprocess.run(["cp", cls.own / "boot/image", cls.root / "boot/Image-own"], check=True)
        (cls.root / "boot/firmware").mkdir()
        return [Partition("vfat", 128, attributes=[BOOTABLE]),
                Partition("ext4", 256, cls.root, attributes=[BOOTABLE])]

    def test_1_panic_falls_back(self):
        directory = self.falls_back(cmdline="init=/nonexistent", dies="panic")
        said = (directory / "pstore/dmesg.txt").read_text(errors="replace")
        self.assertIn("Requested init /nonexistent failed", said)
        self.assertIn("Booting Linux", said)  # and what was before it

    @tap.level("long")
    def test_2_hang_is_ended_by_the_watchdog(self):
        directory = self.falls_back(cmdline="lab.fault=HARDLOCKUP", dies="hang")
        said = (directory / "pstore/console-ramoops-0").read_text(errors="replace")
        self.assertIn("lab-fault: setting off HARDLOCKUP", said)


if __name__ == "__main__":
    tap.main()
