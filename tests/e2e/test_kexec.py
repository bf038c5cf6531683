#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Trials by kexec on a fast board whose own chain is systemd-boot: the firmware is not asked."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from fastboard import Trials  # noqa: E402
from sdboot import SdBoot  # noqa: E402

FIRMWARE = "BdsDxe: starting"  # what OVMF says on the console at each real boot


class Kexec(Trials, SdBoot):
    NAME = "kexec"
    CHOSEN = "systemd-boot"
    SETTINGS = (("boot.kexec", "yes"),)

    def deploy(self, package, *args, **kwargs):
        return super().deploy(package, "--kexec", *args, **kwargs)

    def real_boots(self):
        return self.qemu.console().count(FIRMWARE)

    def falls_back(self, *args, cmdline, dies):
        before = self.real_boots()
        directory = super().falls_back(*args, cmdline=cmdline, dies=dies)
        self.assertEqual(self.real_boots(), before + 1)  # the one that ended the trial
        return directory

    def test_4_good_once_and_a_second_reboot_returns(self):
        before = self.real_boots()
        done = self.deploy("trial", check=0)
        self.assertIn("not confirmed", done.text)
        self.assertIn("-trial ", self.desk.running()[0])
        self.on_board("modprobe", "veth")
        self.assertEqual(self.real_boots(), before)
        self.kferry("reboot", check=0)
        self.assertEqual(self.real_boots(), before + 1)
        self.assert_own_kernel()

    test_6_confirmed_is_the_default_until_it_is_rolled_back = None  # nothing is the default

    def test_6_a_real_boot_proves_it(self):
        """A pass by kexec confirms nothing; the same deploy without it does, and sends nothing."""
        done = super().deploy("trial", check=0)
        self.assertNotIn("not confirmed", done.text)
        self.kferry("reboot", check=0)
        self.assertIn("-trial ", self.desk.running()[0])
        self.kferry("kernels", "rollback", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()


if __name__ == "__main__":
    tap.main()
