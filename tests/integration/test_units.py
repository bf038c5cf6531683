#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The units as files: what is installed, and how much of the system the agent's can reach."""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import TOP  # noqa: E402

UNITS = TOP / "agent/units"
EXPOSURE_MAX = 2.5  # of 10, by systemd-analyze security; without a sandbox it is 9.6


class Units(unittest.TestCase):
    def exposure(self, unit):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                              capture_output=True, text=True, check=False)
        if "unrecognized option" in done.stderr:
            self.skipTest("systemd-analyze is older than 250: it judges no files")
        found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        print("#", found.group(0))
        return float(found.group(1))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_the_agents_unit_is_hardened(self):
        self.assertLessEqual(self.exposure(UNITS / "kferryd.service"), EXPOSURE_MAX)

    def test_what_the_agent_needs_stays_open(self):
        text = (UNITS / "kferryd.service").read_text().replace("\\\n", " ")
        settings = re.findall(r"^(\w+)=(.*)$", text, re.M)
        writable = " ".join(v for k, v in settings if k == "ReadWritePaths").split()
        for path in ("/var/lib/kferry", "/run/kferry", "-/boot", "-/efi", "-/lib/modules",
                     "-/sys/firmware/efi/efivars", "-/sys/fs/pstore"):
            self.assertIn(path, writable)
        # Its bind mounts are for the whole system: with "+" they leave the sandbox.
        self.assertIn(("ExecStartPre", "-+/usr/local/sbin/kferryd early"), settings)
        # These would hide what is collected and what is linked.
        names = [k for k, _ in settings]
        self.assertNotIn("ProtectKernelLogs", names)
        self.assertNotIn("ProtectKernelModules", names)

    def test_the_watchdog_has_a_keeper_until_the_agent_starts(self):
        for unit in ("kferry-early.service", "kferry-late.service"):
            settings = re.findall(r"^(\w+)=(.*)$", (UNITS / unit).read_text(), re.M)
            self.assertIn(("ExecStart", "-/usr/local/sbin/kferryd early --keep"), settings)
            # It stays in its unit, whatever target is switched to, until the system stops.
            for pair in (("Type", "oneshot"), ("RemainAfterExit", "yes"),
                         ("IgnoreOnIsolate", "yes"), ("Conflicts", "shutdown.target")):
                self.assertIn(pair, settings)
            self.assertNotIn("KillMode", [k for k, _ in settings])
        self.assertIn('"$daemon" early --keep', (UNITS / "kferryd.init").read_text())
        # One that this left would be killed before the agent starts.
        self.assertNotIn("--keep\n", (UNITS / "kferryd.service").read_text())

    def test_only_root_reaches_what_is_outside_of_the_sandbox(self):
        def settings(unit):
            return re.findall(r"^(\w+)=(.*)$", (UNITS / unit).read_text(), re.M)

        socket, service = settings("kferry-outside.socket"), settings("kferry-outside@.service")
        for pair in (("SocketMode", "0600"), ("SocketUser", "root"), ("Accept", "yes")):
            self.assertIn(pair, socket)
        # What a command leaves running goes with it; memory runs out for it as for others.
        for pair in (("KillMode", "control-group"), ("OOMScoreAdjust", "0")):
            self.assertIn(pair, service)
        self.assertIn(("Wants", "kferry-outside.socket"), settings("kferryd.service"))

    def test_every_unit_is_installed_and_nothing_else(self):
        lines = [line.split() for line in (UNITS / "install.list").read_text().splitlines()
                 if line and not line.startswith("#")]
        self.assertEqual(sorted(line[1] for line in lines),
                         sorted(p.name for p in UNITS.iterdir() if p.name != "install.list"))
        self.assertLessEqual({line[0] for line in lines}, {"any", "systemd", "sysv"})


if __name__ == "__main__":
    tap.main()
