#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The boot chain rpi-firmware below a *model* of the Raspberry Pi's firmware, not the
firmware: tests/lib/rpiboard.py says what of it is modelled.  Named "model" throughout, so
that nobody takes a pass for one on hardware.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import debkernel  # noqa: E402
import image  # noqa: E402
import tap  # noqa: E402
from fastboard import Trials  # noqa: E402
from rpiboard import DTB, RpiModelBoard, RpiModelDebianBoard  # noqa: E402

FIRMWARE = "/boot/firmware"
HOOK = "/etc/kernel/postinst.d/z50-raspi-firmware"

# What a user may have in config.txt: sections for other boards, files that are included.
FILTERED = """
[pi5]
kernel=nowhere.img
os_prefix=nowhere/
[cm4]
initramfs nowhere followkernel
[pi4]
include more.txt
[0xdeadbeef]
cmdline=nowhere.txt
[all]
auto_initramfs=0
initramfs initramfs8 followkernel
[tryboot]
kernel=nowhere.img
"""
MORE = "cmdline=more-cmdline.txt\ndtoverlay=lab\n"

OVERLAY = """/dts-v1/;
/plugin/;
/ { compatible = "brcm,bcm2711"; };
"""


def another_release(board):
    """A kernel of Debian's, with the initramfs of the board's own and its own modules."""
    tree, tar = board.dir / "older", board.dir / "older.tar"
    release = debkernel.unpack(board.older, tree)
    debkernel.as_tarball(tar, tree / f"boot/vmlinuz-{release}", tree / f"boot/config-{release}",
                         tree / "lib/modules" / release, release,
                         [(f"broadcom/{DTB}", board.dtb)])
    board.kferry("-o", "kernel.initramfs=graft", "deploy", "--from", tar, check=0)
    board.kferry("reboot", check=0)
    board.assertEqual(board.on_board("uname", "-r").out.strip(), release)
    start = board.qemu.boots[-1].start
    board.assertEqual(start.initramfs_path, f"{start.prefix}initramfs8")
    board.kferry("kernels", "rollback", check=0)
    board.kferry("reboot", check=0)
    board.assert_own_kernel()


class RpiFirmwareModel(Trials, RpiModelBoard):
    CHOSEN = "rpi-firmware"  # by the profile: the agent would not choose it

    def put(self, name, text):
        self.on_board("sh", "-c", f"cat >{FIRMWARE}/{name} && sync", stdin=text.encode())

    def get(self, name):
        return self.on_board("cat", f"{FIRMWARE}/{name}").out

    def falls_back(self, *args, cmdline, dies):
        since = len(self.qemu.boots)
        directory = super().falls_back(*args, cmdline=cmdline, dies=dies)
        # Nothing but the flag, which was cleared before, made the difference.
        trial, after = self.qemu.boots[since:]
        self.assertEqual(trial.start.config, "tryboot.txt")
        self.assertRegex(trial.start.prefix, r"^kferry/k-[0-9a-f]+/$")
        self.assertEqual(trial.start.dtb_path, trial.start.prefix + DTB)
        self.assertEqual((after.start.config, after.start.prefix), ("config.txt", ""))
        return directory

    @tap.level("long")
    def test_2_hang_is_ended_by_the_watchdog(self):
        super().test_2_hang_is_ended_by_the_watchdog()
        self.assertEqual(self.qemu.boots[-2].end, "watchdog")

    def test_6_confirmed_is_the_default_until_it_is_rolled_back(self):
        before = self.get("config.txt")
        self.deploy("trial", check=0)
        self.assertEqual(self.get("config.txt.good"), before)
        self.kferry("reboot", check=0)
        start = self.qemu.boots[-1].start
        self.assertEqual((start.config, start.tryboot), ("config.txt", False))
        self.assertRegex(start.prefix, r"^kferry/k-[0-9a-f]+/$")
        self.assertIn("-trial ", self.desk.running()[0])
        # It has no mailbox device, as mainline kernels.
        done = self.deploy("twin", "--once", check=2)
        self.assertIn("cannot set the firmware's tryboot flag", done.text)
        self.kferry("kernels", "rollback", check=0)
        self.assertEqual(self.get("config.txt"), before)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()

    def test_7_a_slot_without_the_device_tree_is_refused(self):
        boots = len(self.qemu.boots)
        done = self.kferry("deploy", "--from", self.no_dtb, "--once", check=2)
        self.assertIn(f"has no {DTB}", done.text)
        self.assertEqual(self.on_board("cat", "/dev/vcio").out, "0\n")
        self.assertEqual(len(self.qemu.boots), boots)

    @tap.level("long")
    def test_8_filters_includes_and_overlays_of_config_txt(self):
        before = self.get("config.txt")
        config = before + FILTERED
        for name, text in (("more.txt", MORE), ("overlays/lab.dtbo", "shared"),
                           ("more-cmdline.txt", f"{self.cmdline()} lab.more\n"),
                           ("config.txt", config)):
            self.put(name, text)
        self.kferry("reboot", check=0)
        start = self.qemu.boots[-1].start
        self.assertIn("lab.more", self.on_board("cat", "/proc/cmdline").out)
        self.assertEqual((start.kernel_path, start.initramfs_path, start.overlays),
                         ("kernel8.img", "initramfs8", ("overlays/lab.dtbo",)))
        self.deploy("trial", "--once", check=0)
        start = self.qemu.boots[-1].start
        self.assertEqual((start.kernel_path, start.initramfs_path, start.overlays),
                         (f"{start.prefix}kernel8.img", None, ("overlays/lab.dtbo",)))
        self.assertIn(" lab.more ", start.cmdline)
        self.kferry("reboot", check=0)

        overlay, package = self.dir / "lab.dtbo", self.dir / "overlays.kferry"
        image.run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", overlay, input=OVERLAY.encode())
        self.with_trees(self.packages / "trial.kferry", package,
                        [(f"broadcom/{DTB}", self.dtb), ("overlays/lab.dtbo", overlay)])
        self.kferry("deploy", "--from", package, check=0)
        start = self.qemu.boots[-1].start
        self.assertEqual(start.overlays, (f"{start.prefix}overlays/lab.dtbo",))
        self.kferry("reboot", check=0)  # and config.txt does as tryboot.txt did
        self.assertEqual(self.qemu.boots[-1].start.config, "config.txt")
        self.assertEqual(self.qemu.boots[-1].start.overlays, start.overlays)
        self.kferry("kernels", "rollback", check=0)
        self.assertEqual(self.get("config.txt"), config)

        self.put("more.txt", MORE + "initramfs initramfs8 followkernel\n")
        self.kferry("reboot", check=0)
        done = self.deploy("trial", "--once", check=2)
        self.assertIn("more.txt, which config.txt includes, names an initramfs", done.text)
        self.put("config.txt", before)

    @tap.level("long")
    def test_9_raspi_firmware_of_debian_keeps_its_config_txt(self):
        before = self.get("config.txt")
        self.on_board("sh", "-c", f"mkdir -p {pathlib.Path(HOOK).parent} && touch {HOOK}")
        try:
            done = self.deploy("trial", check=2)
            self.assertIn("written anew by the package raspi-firmware", done.text)
            self.assertEqual(self.get("config.txt"), before)
            self.kferry("reboot", check=0)
            self.assert_own_kernel()
        finally:
            self.on_board("rm", HOOK)

    def test_a_flag_does_not_survive_a_power_cut(self):
        self.put("tryboot.txt", "kernel=nowhere.img\n")
        self.on_board("sh", "-c", "echo 1 >/dev/vcio && sync")
        self.qemu.cut_power()
        self.power_on()
        self.assertFalse(self.qemu.boots[-1].start.tryboot)
        done = self.deploy("trial", "--once", check=2)
        self.assertIn("tryboot.txt is somebody else's", done.text)
        self.on_board("rm", f"{FIRMWARE}/tryboot.txt")

    @tap.level("long")
    def test_b_another_release_of_debian_with_a_grafted_initramfs(self):
        another_release(self)


class RpiFirmwareModelDebian(RpiModelDebianBoard):
    """Under systemd: the agent's sandbox, mounts and reboots are those of a real board."""

    @tap.level("long")
    def test_another_release_of_debian_with_a_grafted_initramfs(self):
        self.assertIn("0 loaded units listed", self.on_board("systemctl", "--failed").out)
        another_release(self)


if __name__ == "__main__":
    tap.main()
