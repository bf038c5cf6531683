#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Faults that kw has, one test each, named after it (docs/KW.md).  Those of the Raspberry Pi's
boot files are in tests/fault/test_kw_rpi.py.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import bisecttree  # noqa: E402
import tap  # noqa: E402
from bisecttree import BOARD, BisectTree  # noqa: E402
from ownkernels import OwnKernels, name_space  # noqa: E402
from scratch import FOREIGN_RELEASE, KFERRYD, TOP, Board, Package, wait_for  # noqa: E402

PROXY = TOP / "tests/lib/proxy.py"


class Uninstall(unittest.TestCase):
    """Of kernels of the board's own, in a mount name space."""

    def setUp(self):
        why = name_space()
        if why:
            self.skipTest(f"no mount name space: {why}")
        self.board = OwnKernels([FOREIGN_RELEASE, "6.1.0", "6.1.0-distro"])
        self.addCleanup(self.board.close)

    def rm(self, *args, check=0):
        return self.board.kferry("kernels", "rm", *args, check=check)

    def of(self, release):
        return [f"{name}-{release}" for name in ("System.map", "config", "initrd.img", "vmlinuz")]

    def test_kw_uninstall_matches_exactly(self):
        others = sorted(self.of(FOREIGN_RELEASE) + self.of("6.1.0-distro"))
        self.assertEqual(self.board.boot_files(), sorted(others + self.of("6.1.0")))
        self.rm("6.1.0", "--force")
        self.assertEqual(self.board.boot_files(), others)
        self.assertEqual(self.board.modules(), sorted([FOREIGN_RELEASE, "6.1.0-distro"]))
        # A part of a name names nothing, and of slots it is the same.
        self.rm("6.1.0-dist", "--force", check=2)
        for seed, release in (("a", "6.9.0"), ("b", "6.9.0-distro")):
            package = Package(release=release, seed=seed, modules=1)
            self.board.kferry("deploy", "--from", package.write(self.board.dir / seed),
                              "--no-reboot", check=0)
        self.rm("6.9.0")
        self.assertEqual(self.board.slots(), [package.slot()])
        self.assertEqual(self.board.boot_files(), others)

    def test_kw_uninstall_of_a_foreign_kernel_needs_force(self):
        before = self.board.boot_files()
        done = self.rm("6.1.0", check=2)
        self.assertIn("6.1.0 is none of kferry's: --force", done.err)
        done = self.rm("6.1.0*", "--yes")
        self.assertIn("of the board's own stay", done.err)
        self.rm("--all", "--yes")
        self.assertEqual(self.board.boot_files(), before)


class Faults(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=BOARD)
        self.addCleanup(self.board.close)

    def package(self, seed="a", **fields):
        package = Package(seed=seed, **fields)
        package.file = package.write(self.board.dir / f"{seed}.kferry")
        return package

    def test_kw_modules_that_fail_on_the_board_fail_the_command(self):
        (self.board.root / "sbin").mkdir()
        shutil.copy(TOP / "tests/lib/fake-modprobe", self.board.root / "sbin/modprobe")

        def one(seed, **demo):
            demo = {"vermagic": "6.9.0-test SMP mod_unload ", "srcversion": seed, **demo}
            data = b"".join(f"{k}={v}".encode() + b"\0" for k, v in demo.items())
            package = Package(seed="same", files={"modules/6.9.0-test/kernel/kfdemo.ko": data})
            return package.write(self.board.dir / f"{seed}.kferry")
        self.board.kferry("deploy", "--from", one("1"), check=0)
        self.board.kferry("module", "load", "kfdemo", check=0)
        done = self.board.kferry("deploy", "--from", one("2", fails="Unknown symbol"),
                                 "--modules", "--reload", "kfdemo", check=1)
        self.assertIn("FAIL", done.out)
        # And where the board does not take them at all.
        self.board.write_config(BOARD, link="exec:/bin/false")
        self.board.kferry("deploy", "--from", one("3"), "--modules", check=2)

    def test_kw_an_unreachable_board_is_told_before_anything_is_built(self):
        tree = BisectTree(self.board.dir / "linux", ["good"])
        self.board.write_config(BOARD, link="exec:/bin/false")
        done = self.board.kferry("bd", check=2, cwd=tree.dir)
        self.assertIn("scratch", done.err)
        self.assertFalse((tree.dir / "boot").exists())

    def test_kw_leftovers_of_an_interrupted_deploy_get_into_nothing(self):
        files = {f"boot/blob{i}": os.urandom(200000) for i in range(20)}
        first = self.package("first", files=files)
        self.board.write_config(BOARD, link=f"exec:{PROXY} --dribble 4096 --delay 5 {KFERRYD} "
                                            f"--root {self.board.root} stdio")
        process = self.board.start("deploy", "--from", first.file)
        wait_for("a part of the first", lambda: any(
            self.board.state_dir().glob("staging/*/boot/blob*")))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.board.write_config(BOARD)
        second = self.package("second")
        done = self.board.kferry("deploy", "--from", second.file)
        if done.returncode == 75:  # the agent has yet to notice that nobody is there any more
            wait_for("the board to be let go", lambda: self.board.kferry(
                "deploy", "--from", second.file).returncode == 0)
        slot = self.board.state_dir() / "slots" / second.slot()
        have = {str(p.relative_to(slot)) for p in slot.rglob("*") if p.is_file()}
        self.assertEqual({p for p in have if p.startswith(("boot/", "modules/"))},
                         set(second.files))
        for path, data in second.files.items():
            self.assertEqual((slot / path).read_bytes(), data)

    def test_kw_a_pack_that_was_killed_leaves_nothing_in_the_next(self):
        tree = BisectTree(self.board.dir / "linux", ["good"])
        self.board.kferry("build", check=0, cwd=tree.dir)
        self.board.kferry("pack", "-o", self.board.dir / "clean.kferry", check=0, cwd=tree.dir)
        for delay in (0.02, 0.1, 0.3):
            process = self.board.start("pack", "--full", "-o", self.board.dir / "x.kferry",
                                       cwd=tree.dir)
            try:
                process.communicate(timeout=delay)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        self.board.kferry("pack", "-o", self.board.dir / "next.kferry", check=0, cwd=tree.dir)

        def names(file):
            done = subprocess.run(["tar", "--zstd", "-tf", file], check=True, capture_output=True)
            return sorted(done.stdout.decode().split())
        self.assertEqual(names(self.board.dir / "next.kferry"),
                         names(self.board.dir / "clean.kferry"))

    def test_kw_two_deploys_at_once_are_kept_apart(self):
        self.board.write_config(BOARD, link=f"exec:{PROXY} --dribble 2048 --delay 20 {KFERRYD} "
                                            f"--root {self.board.root} stdio --as alice")
        first = self.package("first", files={"boot/System.map": os.urandom(400000)})
        second = self.package("second")
        result = []
        thread = threading.Thread(target=lambda: result.append(
            self.board.kferry("deploy", "--from", first.file)))
        thread.start()
        wait_for("the first deploy's staging",
                 lambda: any(self.board.state_dir().glob("staging/*/manifest")))
        config = self.board.config_file.read_text()
        self.board.write_config(BOARD)
        done = self.board.kferry("deploy", "--from", second.file, check=75)
        self.assertIn("alice", done.err)
        self.board.config_file.write_text(config)
        thread.join()
        self.assertEqual(result[0].returncode, 0, result[0].text)
        self.assertEqual(self.board.slots(), [first.slot()])

    def test_kw_too_little_space_is_told_before_anything_is_sent(self):
        self.board.close()
        self.board = Board(conf=f"reserve = {1 << 40}", config=BOARD)
        package = self.package()
        done = self.board.kferry("deploy", "--from", package.file, check=2)
        self.assertIn("needed", done.err)
        self.assertEqual(self.board.slots(), [])
        self.assertFalse(any(self.board.state_dir().glob("staging/*/boot/image")))

    def test_kw_cross_builds_install_modules_for_their_architecture(self):
        say = ('modules_install:\n'
               '\t@echo "ARCH=$(ARCH) CROSS_COMPILE=$(CROSS_COMPILE)" >> installed\n'
               '\t@mkdir -p $(INSTALL_MOD_PATH)/lib/modules/6.9.0-bisect\n'
               '\t@touch $(addprefix $(INSTALL_MOD_PATH)/lib/modules/6.9.0-bisect/,'
               'modules.order modules.builtin)\n')
        tree = BisectTree(self.board.dir / "linux", ["good"], makefile=bisecttree.MAKEFILE + say)
        config = (tree.dir / ".config").read_text()
        (tree.dir / ".config").write_text(config.replace("# CONFIG_MODULES is not set",
                                                         "CONFIG_MODULES=y"))
        (tree.dir / "modules.order").write_text("")
        arch = {"x86_64": "x86", "aarch64": "arm64"}[os.uname().machine]
        cross = f"{os.uname().machine}-linux-gnu-"
        self.board.kferry("-o", f"build.cross_compile={cross}", "build", check=0, cwd=tree.dir)
        self.board.kferry("-o", f"build.cross_compile={cross}", "pack", "--full", "-o", "p.kferry",
                          check=0, cwd=tree.dir)
        self.assertEqual((tree.dir / "installed").read_text().splitlines()[-1],
                         f"ARCH={arch} CROSS_COMPILE={cross}")

    def test_kw_a_package_is_named_by_its_path(self):
        package = self.package()
        place = self.board.dir / "some where"
        place.mkdir()
        shutil.move(package.file, place / "a b.kferry")
        self.board.kferry("deploy", "--from", "some where/a b.kferry", "--no-reboot", check=0)
        self.assertEqual(self.board.slots(), [package.slot()])
        self.board.kferry("kernels", "rm", package.slot(), check=0)
        self.board.kferry("deploy", "--from", place / "a b.kferry", check=0)
        self.board.kferry("deploy", "--from", "../some where/a b.kferry", check=0, cwd=place)

    def test_kw_after_a_reboot_it_is_looked_what_runs(self):
        package = self.package()
        self.board.on_boot = lambda slot: "death" if slot else None
        done = self.board.kferry("deploy", "--from", package.file, check=1)
        self.assertIn("fell back", done.text)
        self.assertIn(FOREIGN_RELEASE, done.text)
        # Nor is a board that stays away a success.
        self.board.write_config(BOARD + "\ntimeout.reboot = 3")
        second = self.package("b")
        self.board.on_boot = lambda slot: "hang"
        done = self.board.kferry("deploy", "--from", second.file)
        self.assertIn(done.returncode, (1, 2), done.text)
        self.assertRegex(done.text, r"(FAIL|ERROR)")


if __name__ == "__main__":
    tap.main()
