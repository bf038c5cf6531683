#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
GRUB on OVMF, with /boot on btrfs, where GRUB cannot write: `grub` is refused, and the
chain that is chosen instead is `efi-bootnext`.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import grub  # noqa: E402
import tap  # noqa: E402
from efi import BootVariables  # noqa: E402
from fastboard import FastBoard, Trials  # noqa: E402
from image import Partition  # noqa: E402


class GrubBtrfs(BootVariables, Trials, FastBoard):
    NAME = "grub-btrfs"
    PROFILE = "x86-64"
    CHOSEN = "efi-bootnext"
    FSTAB = "/dev/vda1 /boot/efi vfat rw,umask=077 0 0\n"

    @classmethod
    def disk(cls):
        esp = cls.dir / "esp"
        root = Partition("btrfs", 512, cls.root)
        (cls.root / "boot/efi").mkdir()
        subprocess.run(["cp", cls.own / "boot/image", cls.root / "boot/vmlinuz-own"], check=True)
        grub.make_esp(esp, root.uuid, "/boot/grub")
        grub.make_boot(cls.root / "boot/grub", root.uuid, "/boot/vmlinuz-own", cls.cmdline())
        return [Partition("vfat", 128, esp), root]

    def test_0_grub_is_refused(self):
        usable, why = self.chains()["grub"]
        self.assertFalse(usable)
        self.assertIn("/boot/grub is on btrfs, where GRUB cannot write", why)
        done = self.kferry("-o", "boot.chain=grub", "deploy", "--from",
                           self.packages / "trial.kferry", check=2)
        self.assertIn("where GRUB cannot write", done.text)
        self.assertIn("efi-bootnext", done.text)
        self.assertEqual([k["id"] for k in self.desk.kernels() if k["id"].startswith("k-")], [])


if __name__ == "__main__":
    tap.main()
