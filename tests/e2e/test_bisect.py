#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bisect on a real firmware and boot loader.  The commits of a small tree build in no time:
their kernels are the lab's packages, trial.kferry for the good ones and twin.kferry, which
lacks the module veth, for the bad ones.  One commit does not build, and during one trial the
power is lost.
"""

import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from bisecttree import BisectTree  # noqa: E402
from sdboot import SdBoot  # noqa: E402

MAKEFILE = """\
MODLIB = $(INSTALL_MOD_PATH)/lib/modules
all:
\t@if grep -q broken kernel; then echo "init/main.c:1:2: error: no"; exit 1; fi
\trm -rf out && mkdir out
\ttar --zstd -xf @PACKAGES@/$$(cut -d' ' -f2 kernel).kferry -C out
\t[ ! -e out/boot/System.map ] || cp out/boot/System.map .
\tcp out/boot/config .config
olddefconfig:
kernelrelease:
\t@ls out/modules
image_name:
\t@echo out/boot/image
modules_install:
\tmkdir -p $(MODLIB) && cp -r out/modules/. $(MODLIB)/
"""
KINDS = ["trial", "trial", "trial", "broken", "trial", "twin", "twin", "twin"]


class Bisect(SdBoot):
    NAME = "bisect"
    SETTINGS = (("build.image", "out/boot/image"), ("kernel.incremental", "no"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = BisectTree(cls.dir / "linux", KINDS,
                              makefile=MAKEFILE.replace("@PACKAGES@", str(cls.packages)))

    def bisect(self, *args):
        commits = self.tree.commits
        self.kferry("bisect", "start", commits[-1], commits[0], check=0, cwd=self.tree.dir)
        done = self.kferry("bisect", "run", *args, check=0, cwd=self.tree.dir, timeout=3000)
        self.assertIn(f"first bad commit: {commits[5][:12]}", done.out)
        log = self.kferry("bisect", "log", check=0, cwd=self.tree.dir).out
        events = [json.loads(line) for line in self.kferry(
            "--json", "bisect", "log", check=0, cwd=self.tree.dir).out.splitlines()]
        self.kferry("bisect", "reset", check=0, cwd=self.tree.dir)
        self.assertEqual(self.tree.head(), commits[-1])
        steps = {commits.index(e["commit"]): (e["verdict"], e["attempts"])
                 for e in events if e["event"] == "bisect-step"}
        self.assertEqual({n: verdict for n, (verdict, _) in steps.items()},
                         {n: "skip" if n == 3 else "bad" if n >= 5 else "good" for n in steps})
        self.assertIn(3, steps)
        return log, [attempts for _, attempts in steps.values()]

    def lose_power_in_a_trial(self):
        """Of the next one, while its kernel starts."""
        said = len(self.qemu.console())

        def cut():
            self.qemu.wait_console("kferry.slot=k-", said, 900)
            self.qemu.cut_power()
            self.power_on()
        thread = threading.Thread(target=cut)
        thread.start()
        self.addCleanup(thread.join)

    def own_kernel_is_the_default(self):
        self.kferry("reboot", check=0)
        self.assert_own_kernel()

    def test_1_finds_the_kernel_that_fails_a_suite_although_the_power_is_lost(self):
        self.lose_power_in_a_trial()
        log, attempts = self.bisect("--test", "cmd:modprobe veth")
        self.assertIn("cmd:modprobe: 1 failed", log)
        self.assertEqual(sorted(attempts), [1] * (len(attempts) - 1) + [2])
        self.own_kernel_is_the_default()

    @tap.level("long")
    def test_2_finds_the_kernel_that_panics_while_it_is_tested(self):
        log, _ = self.bisect("--exec", "sh -c 'modprobe veth || echo c > /proc/sysrq-trigger'")
        self.assertRegex(log, "while it was tested|restarted while the kernel was tested")
        self.own_kernel_is_the_default()


if __name__ == "__main__":
    tap.main()
