#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""BootNext and EFISTUB on OVMF, asked for by name on a board that systemd-boot starts."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from efi import BootVariables  # noqa: E402
from fastboard import Trials  # noqa: E402
from sdboot import SdBoot  # noqa: E402


class EfiBootNext(BootVariables, Trials, SdBoot):
    NAME = "bootnext"
    CHAIN = CHOSEN = "efi-bootnext"


if __name__ == "__main__":
    tap.main()
