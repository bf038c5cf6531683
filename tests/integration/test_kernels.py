#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry kernels: what is on a board, and removing what is named, and nothing else."""

import json
import os
import pathlib
import pty
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from ownkernels import OwnKernels, name_space  # noqa: E402
from scratch import FOREIGN_RELEASE, KFERRY, Board, Package  # noqa: E402

USAGE = 64


def listing(board):
    return json.loads(board.kferry("--json", "kernels", check=0).out.splitlines()[0])


def install(board, release, seed="a"):
    """Installed, and neither running nor the default."""
    package = Package(release=release, seed=seed, modules=2)
    package.write(board.dir / "p.kferry")
    board.kferry("deploy", "--from", board.dir / "p.kferry", "--no-reboot", check=0)
    return package.slot()


class Slots(unittest.TestCase):
    def setUp(self):
        self.board = Board(conf="keep = 16")
        self.addCleanup(self.board.close)
        self.rm("--dry-run", "--all")

    def rm(self, *args, check=0):
        return self.board.kferry("kernels", "rm", *args, check=check)

    def test_a_release_names_the_one_slot_that_has_it(self):
        first, second = install(self.board, "6.9.0"), install(self.board, "6.9.0-next")
        third = install(self.board, "6.9.0-next", "b")
        done = self.rm("6.9.0-next", check=USAGE)
        self.assertIn(f"6.9.0-next is the release of {second} and of {third}", done.err)
        self.rm("6.9.0")
        self.assertEqual(self.board.slots(), sorted([second, third]))
        done = self.rm("6.9.0-nex", check=2)
        self.assertIn('no kernel of the board is called "6.9.0-nex"; the nearest is 6.9.0-next',
                      done.err)
        self.assertIn("nearest", self.rm(first, "6.9", check=2).err)
        self.assertEqual(self.board.slots(), sorted([second, third]))

    def test_patterns_are_shown_and_asked_about(self):
        slots = {r: install(self.board, r) for r in ("6.9.0-rc1", "6.9.0-rc2", "6.9.0")}
        done = self.rm("6.9.0-rc*", "--dry-run")
        self.assertEqual(done.out, "".join(f"{slots[r]}  {r}\n"
                                           for r in ("6.9.0-rc1", "6.9.0-rc2")))
        events = [json.loads(line) for line in
                  self.board.kferry("--json", "kernels", "rm", "*rc1", "-n", check=0).out.splitlines()]
        self.assertEqual([(e["slot"], e["release"]) for e in events if e["event"] == "removal"],
                         [(slots["6.9.0-rc1"], "6.9.0-rc1")])
        done = self.rm("6.9.0-rc*", check=USAGE)
        self.assertIn("--yes", done.err)
        self.assertEqual(len(self.board.slots()), 3)
        self.assertEqual(self.on_terminal(b"no\n", "kernels", "rm", "6.9.0-rc*"), 2)
        self.assertEqual(len(self.board.slots()), 3)
        self.assertEqual(self.on_terminal(b"yes\n", "kernels", "rm", "6.9.0-rc*"), 0)
        self.assertEqual(self.board.slots(), [slots["6.9.0"]])

    def on_terminal(self, answer, *args):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.board.dir)
            os.execve(KFERRY, [str(KFERRY), *args], self.board.environment())
        said = b""
        while True:
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            if not data:
                break
            said += data
            if answer and b"[yes/no]" in said:
                os.write(fd, answer)
                answer = b""
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return status

    def test_regular_expressions_fit_all_of_a_name(self):
        slots = {r: install(self.board, r) for r in ("6.9.0", "6.9.0-x", "6.10.0")}
        self.rm("--regex", "6.9.[0-9]|6.10.0", "--yes")
        self.assertEqual(self.board.slots(), [slots["6.9.0-x"]])
        self.assertIn("no regular expression", self.rm("--regex", "6.9[", check=USAGE).err)
        self.assertIn("fits no kernel", self.rm("--regex", "6.9", "-y", check=2).err)

    def test_all_leaves_what_runs_and_is_known_good(self):
        running = Package(release="6.9.0", seed="run", modules=2)
        running.write(self.board.dir / "r.kferry")
        self.board.kferry("deploy", "--from", self.board.dir / "r.kferry", check=0)
        for seed in "xyz":
            install(self.board, "6.9.1", seed)
        done = self.rm("--all", "--yes")
        self.assertEqual(self.board.slots(), [running.slot()])
        self.assertIn("1 stay", done.err)
        self.assertIn("stays: it runs", self.rm("6.9.0", check=2).err)
        self.assertIn("there is nothing to remove", self.rm("--all", "--yes").err)

    def test_ages_are_by_the_boards_clock(self):
        slot = install(self.board, "6.9.0")
        self.assertIsNone(listing(self.board)["kernels"][0]["age_s"])
        self.board.write_config(f"agent.state_dir = {self.board.state_dir()}")
        manifest = self.board.state_dir() / "slots" / slot / "manifest"
        then = manifest.stat().st_mtime - 3 * 86400 - 5
        os.utime(manifest, (then, then))
        self.assertAlmostEqual(listing(self.board)["kernels"][0]["age_s"], 3 * 86400, delta=300)
        self.assertRegex(self.board.kferry("kernels", check=0).out, rf"{slot} .* 3d\n")

    def test_refused(self):
        for words in (["rm"], ["rm", "a", "list"][:1], ["list", "--all"], ["confirm", "6.9*"],
                      ["list", "-y"], ["--regex"]):
            self.board.kferry("kernels", *words, check=USAGE)
        self.assertIn("an empty name", self.rm("", check=USAGE).err)


class Own(unittest.TestCase):
    def setUp(self):
        why = name_space()
        if why:
            self.skipTest(f"no mount name space: {why}")

    def start(self, releases, packages=None):
        self.board = OwnKernels(releases, packages, conf="keep = 16")
        self.addCleanup(self.board.close)

    def rm(self, *args, check=0):
        return self.board.kferry("kernels", "rm", *args, check=check)

    def test_listed_with_sizes_and_packages(self):
        self.start([FOREIGN_RELEASE, "6.1.0-21"], {"6.1.0-21": "linux-image-6.1.0-21"})
        own = {k["release"]: k for k in listing(self.board)["foreign"]}
        self.assertEqual(sorted(own), [FOREIGN_RELEASE, "6.1.0-21"][::-1])
        self.assertTrue(own[FOREIGN_RELEASE]["running"])
        self.assertEqual((own["6.1.0-21"]["running"], own["6.1.0-21"]["package"]),
                         (False, "linux-image-6.1.0-21"))
        self.assertGreater(own["6.1.0-21"]["bytes"], 50000)
        self.assertLess(own["6.1.0-21"]["age_s"], 3600)
        out = self.board.kferry("kernels", check=0).out
        self.assertRegex(out, rf"foreign +- +running default known-good +{FOREIGN_RELEASE} +\S+ KiB")
        self.assertRegex(out, r"foreign +- +6\.1\.0-21 +\S+ KiB +\S.*linux-image-6\.1\.0-21\n")

    def test_the_package_manager_removes_what_is_its(self):
        self.start([FOREIGN_RELEASE, "6.1.0-21"], {"6.1.0-21": "linux-image-6.1.0-21"})
        (self.board.dir / "dpkg.refuses").touch()
        done = self.rm("6.1.0-21", "--force", check=2)
        self.assertIn("dpkg does not remove its package linux-image-6.1.0-21", done.err)
        self.assertIn("vmlinuz-6.1.0-21", self.board.boot_files())
        (self.board.dir / "dpkg.refuses").unlink()
        self.rm("6.1.0-21", "--force")
        self.assertNotIn("vmlinuz-6.1.0-21", self.board.boot_files())
        self.assertEqual((self.board.dir / "dpkg.calls").read_text().splitlines()[-1],
                         "--purge linux-image-6.1.0-21")

    def test_the_last_one_and_what_runs_stay(self):
        self.start([FOREIGN_RELEASE])
        self.assertIn("stays: it runs", self.rm(FOREIGN_RELEASE, "--force", check=2).err)
        self.rm("--all", "--force", "--yes")
        self.assertIn(f"vmlinuz-{FOREIGN_RELEASE}", self.board.boot_files())
        self.board.kill_agent()
        self.start(["6.1.0"])
        self.assertIn("the only kernel", self.rm("6.1.0", "--force", check=2).err)

    def test_not_all_of_the_boards_own_go_at_once(self):
        self.start(["6.1.0", "6.1.1"])
        for names in (["--all", "--yes"], ["6.1.*", "--yes"], ["6.1.0", "6.1.1"]):
            self.assertIn("one has to stay", self.rm(*names, "--force", check=2).err)
        self.assertIn("vmlinuz-6.1.0", self.board.boot_files())
        self.assertIn("vmlinuz-6.1.1", self.board.boot_files())
        self.rm("6.1.1", "--force")
        self.assertNotIn("vmlinuz-6.1.1", self.board.boot_files())

    def test_of_two_the_one_that_runs_stays(self):
        self.start([FOREIGN_RELEASE, "6.1.0"])
        for order in ((FOREIGN_RELEASE, "6.1.0"), ("6.1.0", FOREIGN_RELEASE)):
            self.assertIn("stays: it runs", self.rm(*order, "--force", check=2).err)
            self.assertIn("vmlinuz-6.1.0", self.board.boot_files())
        self.rm("--all", "--force", "--yes")
        self.assertIn(f"vmlinuz-{FOREIGN_RELEASE}", self.board.boot_files())
        self.assertNotIn("vmlinuz-6.1.0", self.board.boot_files())

    @unittest.skipUnless(pathlib.Path("/usr/bin/kernel-install").exists(), "no kernel-install")
    def test_kernel_install_that_fails_is_told(self):
        self.start([FOREIGN_RELEASE, "6.1.0"])
        (self.board.dir / "kernel-install.refuses").touch()
        done = self.rm("6.1.0", "--force", check=2)
        self.assertIn("remove 6.1.0: kernel-install failed", done.err)
        self.assertNotIn("vmlinuz-6.1.0", self.board.boot_files())
        self.assertIn("6.1.0", self.board.modules())
        self.assertEqual((self.board.dir / "kernel-install.calls").read_text(), "remove 6.1.0\n")

    def test_a_list_that_ends_early_is_none(self):
        self.start([FOREIGN_RELEASE, "6.1.0"])
        (self.board.dir / "date.kills").touch()
        for words in ([], ["rm", "6.1.0", "--force"]):
            done = self.board.kferry("kernels", *words, check=2)
            self.assertIn("look for kernels of the board's own", done.err)
            self.assertNotIn("foreign", done.out)
        self.assertIn("vmlinuz-6.1.0", self.board.boot_files())

    def test_modules_stay_where_a_slot_has_that_release(self):
        self.start([FOREIGN_RELEASE, "6.1.0"])
        slot = install(self.board, "6.1.0")
        done = self.rm("6.1.0", "--force", check=USAGE)
        self.assertIn("of the board's own 6.1.0: name the slot", done.err)
        self.rm("--regex", "6.1.0", "--force", "--yes")
        self.assertEqual(self.board.slots(), [])
        self.assertNotIn("vmlinuz-6.1.0", self.board.boot_files())
        self.assertNotIn(slot, self.board.slots())


if __name__ == "__main__":
    tap.main()
