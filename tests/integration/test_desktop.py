#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
kferry drm and kferry gui: on a scratch board whose sysfs is made of files and whose systemctl is
a script.
"""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board  # noqa: E402

SYSTEMCTL = """#!/bin/sh
state={root}/systemctl
echo "$*" >> $state/calls
case "$*" in
"is-active graphical.target") if [ -e $state/on ]; then echo active; else echo inactive; exit 3; fi ;;
"get-default") cat $state/default ;;
"isolate graphical.target") : > $state/on ;;
"isolate multi-user.target") [ ! -e $state/stuck ] || exit 0; rm -f $state/on ;;
"set-default "*) echo "$2" > $state/default ;;
"cat display-manager.service") [ -e $state/manager ] ;;
*) echo "Unknown command $*" >&2; exit 1 ;;
esac
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def put(self, path, text):
        path = self.board.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def event(self, done, kind):
        events = [json.loads(line) for line in done.out.splitlines()]
        return next(e for e in events if e["event"] == kind)


class Displays(Case):
    def setUp(self):
        super().setUp()
        for name, status, modes in (("card1-HDMI-A-1", "connected",
                                     "1920x1080\n1920x1080\n1280x720\n"),
                                    ("card1-DP-1", "disconnected", "")):
            base = f"sys/class/drm/{name}"
            self.put(f"{base}/status", f"{status}\n")
            self.put(f"{base}/enabled", "enabled\n" if modes else "disabled\n")
            self.put(f"{base}/dpms", "On\n" if modes else "Off\n")
            self.put(f"{base}/modes", modes)
        device = self.board.root / "sys/class/drm/card1/device"
        device.mkdir(parents=True)
        (device / "driver").symlink_to("../../../bus/platform/drivers/vc4-drm")
        # What is no connector: a card, a render node.
        self.put("sys/class/drm/renderD128/dev", "226:128\n")
        self.put("sys/class/drm/version", "drm 1.1.0 20060810\n")

    def test_connectors(self):
        lines = self.board.kferry("drm", "connectors", check=0).out.splitlines()
        self.assertEqual(len(lines), 3)
        row = next(line for line in lines if "HDMI-A-1" in line).split()
        self.assertEqual(row, ["card1-HDMI-A-1", "connected", "enabled", "On", "1920x1080", "3",
                               "vc4-drm"])
        row = next(line for line in lines if "DP-1" in line).split()
        self.assertEqual(row, ["card1-DP-1", "disconnected", "disabled", "Off", "-", "0",
                               "vc4-drm"])

    def test_modes(self):
        done = self.board.kferry("drm", "modes", check=0)
        self.assertEqual(done.out, "card1-HDMI-A-1  connected\n  1920x1080\n  1280x720\n")
        done = self.board.kferry("drm", "modes", "DP-1", check=0)
        self.assertEqual(done.out, "card1-DP-1  disconnected\n")
        done = self.board.kferry("drm", "modes", "card1-HDMI-A-1", "VGA-1", check=2)
        self.assertIn("there is no connector VGA-1", done.err)

    def test_json(self):
        done = self.board.kferry("--json", "drm", "modes", "HDMI-A-1", check=0)
        self.assertEqual(self.event(done, "connectors")["connectors"], [
            {"id": "card1-HDMI-A-1", "name": "HDMI-A-1", "status": "connected",
             "enabled": "enabled", "dpms": "On", "driver": "vc4-drm",
             "modes": ["1920x1080", "1920x1080", "1280x720"]}])

    def test_what_a_board_tells_is_escaped(self):
        self.put("sys/class/drm/card1-DP-1/status", "\x1b[2Jconnected\n")
        done = self.board.kferry("drm", "connectors", check=2)
        self.assertNotIn("\x1b", done.text)
        self.assertIn("no plain text", done.err)

    def test_wrong_words(self):
        for words, text in ((["x"], "connectors or modes"), ([], "connectors or modes"),
                            (["connectors", "DP-1"], "shows all of them")):
            self.assertIn(text, self.board.kferry("drm", *words, check=64).err)


class NoDisplays(Case):
    def test_a_kernel_without_drm(self):
        done = self.board.kferry("drm", "connectors", check=2)
        self.assertIn("no /sys/class/drm: its kernel has no DRM driver loaded", done.err)


class Gui(Case):
    def setUp(self):
        super().setUp()
        (self.board.root / "run/systemd/system").mkdir(parents=True)
        self.put("systemctl/default", "graphical.target\n")
        self.put("systemctl/on", "")
        self.put("systemctl/manager", "")
        self.put("bin/systemctl", SYSTEMCTL.format(root=self.board.root)).chmod(0o755)
        (self.board.root / "bin/cat").symlink_to("/bin/cat")
        (self.board.root / "bin/rm").symlink_to("/bin/rm")

    def gui(self, *args, check=0):
        return self.board.kferry("gui", *args, check=check)

    def test_off_and_on_now(self):
        self.assertEqual(self.gui().out, "on; on after a reboot\n")
        self.assertRegex(self.gui("off").err, r"gui +scratch +off; on after a reboot")
        self.assertEqual(self.gui().out, "off; on after a reboot\n")
        self.assertRegex(self.gui("off").err, r"off, as it was; on after a reboot")
        self.assertRegex(self.gui("on").err, r"gui +scratch +on; on after a reboot")
        calls = (self.board.root / "systemctl/calls").read_text()
        self.assertNotIn("set-default", calls)

    def test_after_a_reboot_only(self):
        self.assertRegex(self.gui("off", "--after-reboot").err, r"off from the next boot on")
        self.assertEqual(self.gui().out, "on; off after a reboot\n")
        self.assertRegex(self.gui("off", "--after-reboot").err, "the next boot on, as it was")
        self.assertNotIn("isolate", (self.board.root / "systemctl/calls").read_text())
        done = self.board.kferry("--json", "gui", check=0)
        event = self.event(done, "gui")
        self.assertEqual((event["on"], event["after_reboot"]), (True, False))

    def test_a_target_that_stays_is_an_error(self):
        self.put("systemctl/stuck", "")
        self.assertIn("graphical.target is still active", self.gui("off", check=2).err)

    def test_without_a_display_manager(self):
        (self.board.root / "systemctl/manager").unlink()
        self.assertIn("no display manager is installed", self.gui("on").err)
        self.assertNotIn("display manager", self.gui("off").err)

    def test_a_board_without_systemd(self):
        (self.board.root / "run/systemd/system").rmdir()
        self.assertIn("systemd does not run this board", self.gui("off", check=2).err)
        self.assertFalse((self.board.root / "systemctl/calls").exists())

    def test_wrong_words(self):
        for words, text in ((["x"], "on or off"), (["on", "off"], "takes no words"),
                            (["--after-reboot"], "on or off?")):
            self.assertIn(text, self.gui(*words, check=64).err)


if __name__ == "__main__":
    tap.main()
