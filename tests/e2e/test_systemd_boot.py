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


if __name__ == "__main__":
    tap.main()
