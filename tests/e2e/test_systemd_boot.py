#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd-boot on OVMF: a fast board, the boot chain detected."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from fastboard import Trials  # noqa: E402
from sdboot import SdBoot  # noqa: E402


class SystemdBoot(Trials, SdBoot):
    NAME = "sdboot"
    CHOSEN = "systemd-boot"
    CUTS = 30

    # In every run: they take minutes, so the other chains leave them to the long one.

    @tap.level("check")
    def test_2_hang_is_ended_by_the_watchdog(self):
        super().test_2_hang_is_ended_by_the_watchdog()

    @tap.level("check")
    def test_3_unreachable_is_ended_by_the_deadline(self):
        super().test_3_unreachable_is_ended_by_the_deadline()


if __name__ == "__main__":
    tap.main()
