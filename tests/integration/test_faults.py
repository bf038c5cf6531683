#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input and faults: each ends in a clear error, the right status and a board as it was."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRYD, TOP, Board, Package, wait_for  # noqa: E402

PROXY = TOP / "tests/lib/proxy.py"


class Case(unittest.TestCase):
    conf = ""

    def setUp(self):
        self.board = Board(conf=self.conf)
        self.addCleanup(self.board.close)

    def package(self, name="p.kferry", **fields):
        package = Package(**fields)
        package.file = package.write(self.board.dir / name)
        return package

    def refused(self, *args, status=2, says=(), **run):
        """The command ends with this status, says this, and the board is as it was."""
        before = (self.board.slots(), list(self.board.boot_log))
        done = self.board.kferry(*args, check=status, **run)
        for word in says:
            self.assertIn(word, done.err)
        self.assertEqual((self.board.slots(), self.board.boot_log), before)
        self.assertFalse((self.board.firmware / "once").exists())
        return done


class Descriptors(Case):
    def test_no_descriptor_left_is_waited_out(self):
        """accept() fails while a connection waits: tried again later, not all the time."""
        board = self.board
        board.kill_agent()
        board.wrap = ["prlimit", "--nofile=36:36"]
        board.start_agent()

        def failures():
            return board.agent_log().count("accept-failed")

        with contextlib.ExitStack() as held:
            for _ in range(40):
                s = held.enter_context(socket.socket(socket.AF_UNIX))
                s.connect(str(board.root / "run/kferry/agent.sock"))
            wait_for("the first failure", lambda: failures() >= 1)
            start = time.monotonic()
            wait_for("another try", lambda: failures() >= 3)
            self.assertGreater(time.monotonic() - start, 1.0)
            self.assertLess(failures(), 10)
        wait_for("an answer again", lambda: board.kferry("board", "info").returncode == 0)


class BadPackages(Case):
    def bad(self, change, *says):
        package = Package()
        package.write(self.board.dir / "bad.kferry", change)
        return self.refused("deploy", "--from", self.board.dir / "bad.kferry", says=says)

    def test_dotdot(self):
        self.bad(lambda add: add("../evil", b"x"), "../evil")
        self.assertFalse((self.board.dir / "evil").exists())

    def test_absolute(self):
        self.bad(lambda add: add("/tmp/evil", b"x"), "/tmp/evil")

    def test_device(self):
        self.bad(lambda add: add("boot/null", type=tarfile.CHRTYPE), "boot/null")

    def test_symlink(self):
        self.bad(lambda add: add("boot/link", type=tarfile.SYMTYPE, linkname="/etc"), "boot/link")

    def test_hardlink(self):
        self.bad(lambda add: add("boot/link", type=tarfile.LNKTYPE, linkname="boot/image"),
                 "boot/link")

    def test_setuid(self):
        self.bad(lambda add: add("boot/su", b"x", 0o4755), "boot/su")

    def test_file_that_no_manifest_names(self):
        self.bad(lambda add: add("boot/extra", b"x"), "boot/extra")

    def test_truncated(self):
        package = self.package()
        whole = package.file.read_bytes()
        package.file.write_bytes(whole[:len(whole) * 2 // 3])
        self.refused("deploy", "--from", package.file)

    def test_altered(self):
        package = Package()
        raw = bytearray(package.tar())
        at = raw.rfind(b"module kernel/drivers/m7.ko")
        raw[at] ^= 1
        path = self.board.dir / "altered.kferry"
        subprocess.run(["zstd", "-q", "-o", path], input=bytes(raw), check=True)
        self.refused("deploy", "--from", path, says=("m7.ko",))

    def test_no_package_at_all(self):
        path = self.board.dir / "noise.kferry"
        path.write_bytes(os.urandom(10000))
        self.refused("deploy", "--from", path, says=("noise.kferry",))

    def test_missing_file(self):
        self.refused("deploy", "--from", self.board.dir / "nothing", says=("nothing",))

    def test_release_with_a_slash(self):
        package = self.package(release="6.9/../../x")
        self.refused("deploy", "--from", package.file, says=("release",))

    def test_wrong_architecture(self):
        package = self.package(arch="arm64")
        self.refused("deploy", "--from", package.file, says=("arm64", "x86_64"))


class Names(Case):
    def test_unknown_board_names_the_nearest(self):
        self.refused("deploy", "scratsh", "--from", "x", status=64, says=("scratsh", "scratch"))

    def test_board_name_with_slash_or_control(self):
        for name in ("a/b", "../x", "a\x1b[2Jb"):
            done = self.refused("board", "add", name, "root@127.0.0.1", status=64)
            self.assertNotIn("\x1b", done.text)

    def test_unknown_command_and_option(self):
        done = self.refused("depoly", status=64)
        self.assertIn("deploy", done.err)
        self.refused("deploy", "--form", "x", status=64)


class Misfits(Case):
    """The profile and the board disagree."""

    def test_another_boot_chain_than_the_profile_s(self):
        self.board.write_config("boot.chain = systemd-boot")
        package = self.package()
        done = self.refused("deploy", "--from", package.file,
                            says=("systemd-boot", "hook", "profile x86-64"))
        self.assertNotIn("push", done.text)
        self.assertFalse((self.board.state_dir() / "staging").exists() and
                         list((self.board.state_dir() / "staging").iterdir()))
        info = self.board.kferry("board", "info", check=0)
        self.assertIn("! boot.chain is systemd-boot", info.out)
        lines = [line for line in info.out.splitlines() if line.startswith("  os ")]
        self.assertEqual(len(lines), 1)

    def test_info_as_json(self):
        self.board.write_config("build.arch = arm64\nwatchdog.device = none")
        done = self.board.kferry("--json", "board", "info", check=0)
        info = json.loads(done.out)
        self.assertEqual(info["profile"]["board.profile"], "x86-64")
        self.assertEqual(len(info["contradictions"]), 1 + len(
            [c for c in info["contradictions"] if "pstore" in c]))
        self.assertIn("build.arch is arm64, and the board is x86_64",
                      " ".join(info["contradictions"]))
        self.assertTrue([c for c in info["chains"] if c["name"] == "hook" and c["in_use"]])

    def test_a_board_with_an_unknown_profile_is_alone_with_it(self):
        self.board.write_config()
        with open(self.board.config_file, "a") as f:
            f.write("\n[board lost]\nlink = exec:/bin/false\nprofile = nosuch\n")
        self.board.kferry("board", "info", "scratch", check=0)
        done = self.board.kferry("board", "list", check=0)
        self.assertIn("lost cannot be used", done.err)
        self.refused("deploy", "lost", "--from", self.package().file, says=("nosuch",))

    def test_what_the_kernel_lacks(self):
        """One line for each, and with --strict the end."""
        self.board.write_config("kernel.require = CONFIG_PSTORE_RAM=y 'keeps the log'")
        package = self.package()
        done = self.refused("deploy", "--strict", "--from", package.file,
                            says=("CONFIG_PSTORE_RAM is not set", "keeps the log"))
        self.assertEqual(len(done.err.splitlines()), 1)
        done = self.board.kferry("pack", "--from", package.file, "-o",
                                 self.board.dir / "again.kferry", check=0)
        self.assertIn("CONFIG_PSTORE_RAM is not set", done.err)


class Refusals(Case):
    def test_boot_chain_that_cannot_be_armed(self):
        package = self.package()
        (self.board.firmware / "refuse-probe").write_text("the flag is write-protected\n")
        self.refused("deploy", "--from", package.file, says=("write-protected", "efi-bootnext: "))
        self.assertFalse(any(self.board.state_dir().glob("staging/*/boot/image")))

    def test_arming_that_fails_disarms(self):
        package = self.package()
        (self.board.firmware / "refuse-read-back").write_text("flag did not stick\n")
        done = self.board.kferry("deploy", "--from", package.file, check=2)
        self.assertIn("flag did not stick", done.err)
        self.assertEqual(self.board.boot_log, ["foreign"])
        self.assertFalse((self.board.firmware / "once").exists())
        (self.board.firmware / "refuse-read-back").unlink()
        self.board.kferry("deploy", "--from", package.file, check=0)

    def test_terminal_escapes_from_a_board_are_shown_not_sent(self):
        (self.board.firmware / "refuse-probe").write_text("bad \x1b]0;owned\x07 thing\n")
        package = self.package()
        done = self.refused("deploy", "--from", package.file)
        self.assertNotIn("\x1b", done.text)
        self.assertIn("\\x1b", done.text)


class Space(Case):
    conf = "reserve = 1000000000000\n"

    def test_too_little_space_is_refused_before_a_byte_is_sent(self):
        package = self.package()
        self.refused("deploy", "--from", package.file, says=("needed", "in reserve"))
        self.assertFalse(any(self.board.state_dir().glob("staging/*/boot/image")))


class Busy(Case):
    def test_second_deploy_gets_busy_and_the_holders_name(self):
        link = f"exec:{PROXY} --dribble 2048 --delay 20 {KFERRYD} --root {self.board.root} " \
               "stdio --as alice"
        self.board.write_config(link=link)
        package = self.package(files={"boot/System.map": os.urandom(400000)})
        result = []
        first = threading.Thread(target=lambda: result.append(
            self.board.kferry("deploy", "--from", package.file)))
        first.start()
        wait_for("the first deploy's staging",
                 lambda: any(self.board.state_dir().glob("staging/*/manifest")))
        other = Package(seed="other")
        other.write(self.board.dir / "other.kferry")
        config = self.board.config_file.read_text()
        self.board.write_config()
        done = self.board.kferry("deploy", "--from", self.board.dir / "other.kferry", check=75)
        self.assertIn("alice", done.err)
        self.board.config_file.write_text(config)
        first.join()
        self.assertEqual(result[0].returncode, 0, result[0].text)
        self.board.kferry("deploy", "--from", self.board.dir / "other.kferry", check=0)


class Cuts(Case):
    def cut(self, option, at):
        flag = self.board.dir / "cut"
        flag.touch()
        self.board.write_config(
            link=f"exec:{PROXY} {option} {at} --once {flag} {KFERRYD} --root "
                 f"{self.board.root} stdio")

    def test_cut_push_resumes_with_what_arrived(self):
        files = {f"boot/blob{i}": os.urandom(100000) for i in range(40)}
        package = self.package(files=files)
        self.cut("--cut-up", 3500000)
        done = self.board.kferry("--json", "deploy", "--from", package.file, check=0)
        self.assertIn(package.slot(), self.board.slots())
        import json
        push = [json.loads(line) for line in done.out.splitlines()
                if json.loads(line).get("event") == "push"][-1]
        self.assertLess(push["files_sent"], 50)

    def test_cut_at_many_points_never_leaves_half_a_slot(self):
        package = self.package()
        for at in (1, 9, 50, 200, 1000, 3000):
            for option in ("--cut-up", "--cut-down"):
                self.cut(option, at)
                done = self.board.kferry("deploy", "--from", package.file, "--force")
                self.assertIn(done.returncode, (0, 2), f"{option} {at}: {done.text}")
                for slot in self.board.slots():
                    have = self.board.state_dir() / "slots" / slot
                    for path, data in package.files.items():
                        self.assertEqual((have / path).read_bytes(), data)
        self.board.write_config()
        self.board.kferry("deploy", "--from", package.file, check=0)

    def test_one_byte_at_a_time(self):
        package = self.package(modules=2)
        self.board.write_config(
            link=f"exec:{PROXY} --dribble 1 {KFERRYD} --root {self.board.root} stdio")
        self.board.kferry("deploy", "--from", package.file, check=0)


class Agent(Case):
    def test_agent_killed_during_push_then_deploy_again(self):
        """P7: killed at any point, restarted: nothing half is visible, the retry converges."""
        package = self.package(files={"boot/System.map": os.urandom(2000000)})
        self.board.write_config(
            link=f"exec:{PROXY} --dribble 4096 --delay 2 {KFERRYD} --root "
                 f"{self.board.root} stdio")
        result = []
        push = threading.Thread(target=lambda: result.append(
            self.board.kferry("deploy", "--from", package.file)))
        push.start()
        wait_for("bytes in staging",
                 lambda: any(self.board.state_dir().glob("staging/*/boot/*")))
        self.board.kill_agent(signal.SIGKILL)
        self.assertEqual(self.board.slots(), [])
        self.board.start_agent()
        push.join()
        if result[0].returncode:
            self.assertEqual(result[0].returncode, 2, result[0].text)
        self.board.write_config()
        self.board.kferry("deploy", "--from", package.file, check=0)
        self.assertIn(package.slot(), self.board.slots())

    def test_power_lost_during_the_push_is_no_fall_back(self):
        """The deploy goes on in another boot; its reboot is still waited for."""
        package = self.package(files={"boot/System.map": os.urandom(2000000)})
        self.board.write_config(
            link=f"exec:{PROXY} --dribble 4096 --delay 2 {KFERRYD} --root "
                 f"{self.board.root} stdio")
        run = self.board.start("-v", "deploy", "--from", package.file)
        wait_for("bytes in staging",
                 lambda: any(self.board.state_dir().glob("staging/*/boot/*")))
        with self.board.reset_lock:  # and no other reset before it was looked for
            self.board.kill_agent(signal.SIGKILL)
            self.board.power_on(None)
            said = ""
            while "has not rebooted" not in said:
                line = run.stderr.readline()
                if not line:
                    break
                said += line
        out, _ = run.communicate(timeout=120)
        self.assertEqual(run.returncode, 0, out + said)
        self.assertIn("connecting again", said)
        self.assertEqual(self.board.boot_log, ["foreign", "foreign", package.slot()])

    def test_damaged_state_is_set_aside_and_reported(self):
        package = self.package()
        self.board.kferry("deploy", "--from", package.file, "--no-reboot", check=0)
        self.board.kill_agent(signal.SIGTERM)
        state = self.board.state_dir() / "state"
        data = bytearray(state.read_bytes())
        data[len(data) // 2] ^= 0x20
        state.write_bytes(bytes(data))
        self.board.start_agent()
        self.assertIn("state", self.board.agent_log())
        self.board.kferry("deploy", "--from", package.file, check=0)

    def test_clean_stop_leaks_nothing(self):
        """The loop closes and the sanitizers are content."""
        self.board.kferry("dmesg", check=0)
        self.board.kill_agent(signal.SIGTERM)
        self.assertEqual(self.board.agent.returncode, 0, self.board.agent_log())

    def test_no_agent_is_said(self):
        self.board.kill_agent(signal.SIGTERM)
        (self.board.root / "run/kferry/agent.sock").unlink(missing_ok=True)
        done = self.board.kferry("dmesg", check=2)
        self.assertIn("kferryd", done.err)


if __name__ == "__main__":
    tap.main()
