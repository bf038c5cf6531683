# SPDX-License-Identifier: GPL-2.0-or-later
"""
GRUB as Debian lays it out: its own grubx64.efi and a stub on the ESP, grub.cfg beside a
grubenv below /boot/grub.  The head and the tail of grub.cfg are what Debian's 00_header and
41_custom print; the entry between them is written here, because 10_linux looks for
installed kernels on the machine that it runs on.
"""

import os
import subprocess

from fastboard import write
from image import run

LOADER = "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"
SETTINGS = {"GRUB_DEFAULT": "0", "GRUB_TIMEOUT": "0", "GRUB_TERMINAL_OUTPUT": "console",
            "pkgdatadir": "/usr/share/grub", "LANG": "C"}


def script(name):
    """What this part of update-grub prints."""
    done = subprocess.run([f"/etc/grub.d/{name}"], env=dict(os.environ, **SETTINGS),
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def make_esp(esp, uuid, grub_dir):
    """esp: a directory; grub_dir: of grub.cfg, on the file system with this UUID."""
    for place in ("EFI/BOOT/BOOTX64.EFI", "EFI/debian/grubx64.efi"):
        (esp / place).parent.mkdir(parents=True)
        subprocess.run(["cp", LOADER, esp / place], check=True)
    write(esp / "EFI/debian/grub.cfg",
          f"search.fs_uuid {uuid} root\n"
          f"set prefix=($root)'{grub_dir}'\n"
          "configfile $prefix/grub.cfg\n")


def make_boot(grub, uuid, kernel, cmdline):
    """grub: the directory of grub.cfg; kernel: its path on the file system of this UUID."""
    grub.mkdir(parents=True)
    run("grub-editenv", grub / "grubenv", "create")
    entry = (f"menuentry 'Own' --class os $menuentry_id_option 'own' {{\n"
             "\tload_video\n"
             f"\tsearch --no-floppy --fs-uuid --set=root {uuid}\n"
             f"\tlinux\t{kernel} {cmdline}\n"
             "}\n")
    write(grub / "grub.cfg", script("00_header") + entry + script("41_custom"))
    run("grub-script-check", grub / "grub.cfg")
