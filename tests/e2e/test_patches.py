#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
From a mailing list to a verdict, on a real firmware and boot loader: a patch in a public-inbox
is applied, built, deployed and told of.  As in test_bisect.py the tree builds in no time: its
kernels are the lab's packages, and the patch says which it is to be.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from bisecttree import BisectTree  # noqa: E402
from inbox import Inbox, missing  # noqa: E402
from patchmails import PatchMails  # noqa: E402
from sdboot import SdBoot  # noqa: E402
from test_bisect import MAKEFILE  # noqa: E402


class Patches(SdBoot):
    NAME = "patches"
    SETTINGS = (("build.image", "out/boot/image"), ("kernel.incremental", "no"))

    @classmethod
    def setUpClass(cls):
        why = missing()
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.tree = BisectTree(cls.dir / "linux", ["twin"],
                              makefile=MAKEFILE.replace("@PACKAGES@", str(cls.packages)))
        mails = PatchMails(cls.tree.dir, cls.dir / "author")
        cls.set = mails.series([("kernel: have veth", {"kernel": "1 trial\n"}),
                                ("notes: say so", {"notes": "it has veth\n"})],
                               title="kernel: add a module")
        cls.inbox = Inbox(cls.dir / "inbox", ["demo"])
        cls.addClassCleanup(cls.inbox.stop)
        cls.inbox.add("demo", *cls.set)
        cls.inbox.start()

    def test_a_patch_set_gets_its_verdict(self):
        for key, value in (("user.name", "Tess Ter"), ("user.email", "tess@example.org")):
            self.tree.git("config", key, value)
        before = self.tree.head()
        name = "demo/" + PatchMails.id(self.set[0])
        options = ("-o", f"patches.url={self.inbox.url}")
        listed = self.kferry(*options, "patches", "list", "demo", check=0, cwd=self.tree.dir)
        self.assertIn(name, listed.out)
        done = self.kferry(*options, "patches", "try", name, "--reply", "--dry-run", check=0,
                           cwd=self.tree.dir, timeout=3000)
        self.assertRegex(done.text, "apply .*2 patches")
        self.assertIn("PASS", done.out)
        self.assertRegex(done.out, r"Booted on [a-z-]+, .*: PASS")
        self.assertIn("Tested-by: Tess Ter <tess@example.org>", done.out)
        self.assertEqual(self.tree.head(), before)
        self.assertNotIn("patches/", self.tree.git("branch"))
        # The kernel that runs is the patched one: the tree's own lacks the module.
        self.kferry("exec", "--", "modprobe", "veth", check=0)
        self.kferry("reboot", check=0)
        self.assert_own_kernel()


if __name__ == "__main__":
    tap.main()
