#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Prints which outcome is tested on which virtual board, from the tests themselves: the
table of docs/boards/README.md, which tests/integration/test_docs.sh holds against it.
"""

import importlib.util
import pathlib
import sys

LIB = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(LIB))
from fastboard import Trials  # noqa: E402

OUTCOMES = {
    "good once, then back": "test_4_good_once_and_a_second_reboot_returns",
    "panic": "test_1_panic_falls_back",
    "hang": "test_2_hang_is_ended_by_the_watchdog",
    "unreachable": "test_3_unreachable_is_ended_by_the_deadline",
    "power cut": "test_5_power_cut_during_a_deploy",
    "default, rolled back": "test_6_confirmed_is_the_default_until_it_is_rolled_back",
}
# The one board with Debian's own user land has tests of its own.
VM = {
    "good once, then back": "test_6_agent_killed_during_install_then_again",
    "panic": "test_3_panic_falls_back_and_its_text_is_kept",
    "hang": "test_4_hang_is_ended_by_the_watchdog",
    "unreachable": "test_5_no_network_is_ended_by_the_deadline",
    "power cut": "test_7_power_cut_during_install_boots_the_old_kernel",
    "default, rolled back": "test_8_rolled_back_boots_what_was_there_before",
}
# What boots nothing by default has no such cell.
NONE = {("test_kexec.py", "default, rolled back")}
# What a board is, where its chain does not say it.
IS = {
    "test_vm.py": ("`systemd-boot`", "Debian 12 with systemd; its own tests"),
    "test_systemd_boot.py": ("`systemd-boot`", "OVMF"),
    "test_grub.py": ("`grub`", "OVMF, GRUB on ext4"),
    "test_grub_btrfs.py": ("`efi-bootnext`", "OVMF, GRUB on btrfs: `grub` is refused"),
    "test_efi_bootnext.py": ("`efi-bootnext`", "OVMF, below systemd-boot"),
    "test_uboot_extlinux.py": ("`uboot-extlinux`", "arm64, U-Boot of Debian"),
    "test_rpi_model.py": ("`rpi-firmware`", "arm64, a *model* of the firmware"),
    "test_steamdeck_like.py": ("`efi-bootnext`", "laid out *like* SteamOS: a model"),
    "test_kexec.py": ("`kexec`", "OVMF, systemd-boot for all real boots"),
}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def level(case, name):
    return "long" if getattr(getattr(case, name), "kf_level", None) == "long" else "check"


def main():
    print("| program | chain | board | " + " | ".join(OUTCOMES) + " |")
    print("|---" * (3 + len(OUTCOMES)) + "|")
    for name, (chain, board) in IS.items():
        module = load(LIB.parent / "e2e" / name)
        cases = [v for v in vars(module).values() if isinstance(v, type) and v is not Trials
                 and v.__module__ == module.__name__
                 and (issubclass(v, Trials) or v.__name__ == "Vm")]
        tests = VM if name == "test_vm.py" else OUTCOMES
        print(f"| `{name}` | {chain} | {board} | "
              + " | ".join("" if (name, o) in NONE else level(cases[0], tests[o])
                           for o in OUTCOMES) + " |")


if __name__ == "__main__":
    main()
