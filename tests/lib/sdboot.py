# SPDX-License-Identifier: GPL-2.0-or-later
"""A fast board that systemd-boot starts on OVMF."""

import subprocess

from fastboard import FastBoard, write
from image import Partition

LOADER = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"


class SdBoot(FastBoard):
    PROFILE = "x86-64"
    FSTAB = "/dev/vda1 /boot/efi vfat rw,umask=077 0 0\n"

    @classmethod
    def disk(cls):
        esp = cls.dir / "esp"
        for place in ("EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"):
            (esp / place).parent.mkdir(parents=True)
            subprocess.run(["cp", LOADER, esp / place], check=True)
        subprocess.run(["cp", cls.own / "boot/image", esp / "linux-own"], check=True)
        write(esp / "loader/loader.conf", "default own.conf\ntimeout 0\n")
        write(esp / "loader/entries/own.conf",
              f"title own\nlinux /linux-own\noptions {cls.cmdline()}\n")
        (cls.root / "boot/efi").mkdir()
        return [Partition("vfat", 128, esp), Partition("ext4", 256, cls.root)]
