#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Two kernels of one release: trial.kferry, confirmed as the default, and twin.kferry, which
lacks the module veth. /lib/modules/<release> shows the modules of the one that runs.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from sdboot import SdBoot  # noqa: E402

VETH = "/lib/modules/$(uname -r)/kernel/drivers/net/veth.ko"


class SameRelease(SdBoot):
    NAME = "twins"

    def banner(self):
        return self.desk.running()[0]

    def runs_trial(self):
        self.assertIn("-trial ", self.banner())
        self.assertNotIn(" #77 ", self.banner())
        self.on_board("sh", "-c", f"ls -l {VETH}*")
        self.on_board("modprobe", "veth")
        self.on_board("sh", "-c", "grep -q veth /lib/modules/$(uname -r)/modules.dep")

    def runs_twin(self):
        self.assertIn("-trial ", self.banner())
        self.assertIn(" #77 ", self.banner())
        self.on_board("sh", "-c", f"! ls {VETH}*")
        self.on_board("sh", "-c", "! grep veth /lib/modules/$(uname -r)/modules.dep")
        self.on_board("sh", "-c", "! modprobe veth")
        self.on_board("modprobe", "tun")

    def test_1_a_confirmed_kernel_shows_its_modules(self):
        self.deploy("trial", check=0)
        self.runs_trial()

    def test_2_a_trial_of_the_same_release_shows_its_own(self):
        self.deploy("twin", "--once", check=0)
        self.runs_twin()

    def test_3_after_falling_back_the_default_shows_its_own(self):
        self.kferry("reboot", check=0)
        self.runs_trial()

    @tap.level("long")
    def test_4_also_after_a_panic(self):
        self.deploy("twin", "--cmdline", "init=/nonexistent", check=1)
        self.runs_trial()

    @tap.level("long")
    def test_5_the_other_way_round(self):
        self.deploy("twin", check=0)
        self.runs_twin()
        self.deploy("trial", "--once", check=0)
        self.runs_trial()
        self.kferry("reboot", check=0)
        self.runs_twin()

    def test_6_the_own_kernel_after_a_rollback(self):
        self.kferry("kernels", "rollback", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()
        self.on_board("sh", "-c", f"ls {VETH}*")
        self.on_board("modprobe", "veth")


if __name__ == "__main__":
    tap.main()
