#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB on OVMF, with /boot on an ext4 partition: a fast board, the boot chain detected."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import grub  # noqa: E402
import tap  # noqa: E402
from fastboard import FastBoard, Trials  # noqa: E402
from image import Partition  # noqa: E402


class Grub(Trials, FastBoard):
    NAME = "grub"
    PROFILE = "x86-64"
    CHOSEN = "grub"
    ROOT = "/dev/vda3"
    FSTAB = ("/dev/vda2 /boot ext4 rw 0 0\n"
             "/dev/vda1 /boot/efi vfat rw,umask=077 0 0\n")

    @classmethod
    def disk(cls):
        esp, boot = cls.dir / "esp", cls.dir / "boot"
        (boot / "efi").mkdir(parents=True)
        subprocess.run(["cp", cls.own / "boot/image", boot / "vmlinuz-own"], check=True)
        boot_partition = Partition("ext4", 160, boot)
        grub.make_esp(esp, boot_partition.uuid, "/grub")
        grub.make_boot(boot / "grub", boot_partition.uuid, "/vmlinuz-own", cls.cmdline())
        return [Partition("vfat", 64, esp), boot_partition, Partition("ext4", 256, cls.root)]

    def files(self):
        """What is not kferry's."""
        return self.on_board("md5sum", "/boot/grub/grub.cfg", "/boot/grub/grubenv").out

    def setUp(self):
        self.before = self.files()

    def tearDown(self):
        self.assertEqual(self.files(), self.before)
        env = self.on_board("sh", "-c", "cat /boot/grub/kferry/env || true").out
        self.assertNotIn("=k-", env)

    def test_0_says_where_its_files_are(self):
        self.assertEqual(self.chains()["grub"], (True, "GRUB, custom.cfg in /boot/grub (ext4)"))


if __name__ == "__main__":
    tap.main()
