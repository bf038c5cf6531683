#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user meets: exit statuses, interrupts, messages; on a scratch board."""

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRY, KFERRYD, SCALE, TOP, Board, Package, wait_for  # noqa: E402

USAGE = 64
PROXY = TOP / "tests/lib/proxy.py"
LIAR = TOP / "tests/lib/liar.py"


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def package(self, name="p.kferry", **fields):
        package = Package(**fields)
        package.file = package.write(self.board.dir / name)
        return package


class Statuses(Case):
    def test_unknown_board_is_usage_everywhere(self):
        for words in ("deploy nope --from x", "bd nope", "-b nope build", "-b nope pack -o x",
                      "reboot nope", "dmesg nope", "kernels -b nope", "exec -b nope -- true",
                      "board info nope", "board setup nope", "board rm nope",
                      "board default nope", "config list -b nope"):
            done = self.board.kferry(*words.split(), check=USAGE)
            self.assertIn('there is no board "nope"', done.err, words)

    def test_a_slip_of_the_fingers(self):
        """The command that was meant is named, if one is near."""
        for words in (("deplyo",), ("help", "deplyo")):
            done = self.board.kferry(*words, check=USAGE)
            self.assertIn("there is no command deplyo; the nearest is deploy", done.err)
        for words in (("xyzzy",), ("help", "xyzzy")):
            done = self.board.kferry(*words, check=USAGE)
            self.assertIn("there is no command xyzzy; see `kferry help`", done.err)

    def test_without_any_board(self):
        """Each command says how one comes to have a board."""
        self.board.config_file.write_text("")
        for words in ("deploy", "deploy nope", "bd", "reboot", "dmesg", "kernels", "exec -- true",
                      "board info", "shell", "put /etc/hostname /tmp", "console", "power on"):
            done = self.board.kferry(*words.split(), check=USAGE)
            self.assertIn("no board is known yet; add one with `kferry board add`", done.err, words)

    def test_no_kernel_to_deploy_is_not_the_kernels_fault(self):
        """Status 1 would tell a bisection that the kernel is bad."""
        for words in ("bd", "build", "deploy", "pack -o x"):
            done = self.board.kferry(*words.split(), check=2)
            self.assertIn("not in a kernel source tree", done.err)
        tree = self.board.dir / "linux"
        for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "init/main.c", "Makefile"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        for words in ("bd", "build", "deploy"):
            done = self.board.kferry(*words.split(), check=2, cwd=tree)
            self.assertIn("defconfig", done.err)

    def test_verdict_that_cannot_be_written_is_no_pass(self):
        package = self.package()
        with open("/dev/full", "w") as full:
            done = self.board.kferry("deploy", "--from", package.file, check=2, stdout=full)
        self.assertIn("No space left", done.err)


class Usage(Case):
    def usage(self, *args, says=""):
        done = self.board.kferry(*args, check=USAGE)
        self.assertIn(says, done.err)

    def test_values_that_a_key_does_not_take(self):
        before = self.board.config_file.read_text()
        self.usage("config", "set", "timeout.reboot", "banana", says="a time")
        self.usage("config", "set", "timeout.reboot", "99999999999999m", says="a time")
        self.usage("config", "set", "-b", "scratch", "board.port", "65536", says="65535")
        self.usage("config", "set", "kernel.initramfs", "magic", says="graft")
        self.usage("-o", "timeout.reboot=banana", "kernels", says="a time")
        self.assertEqual(self.board.config_file.read_text(), before)

    def test_board_that_cannot_be_one_is_not_added(self):
        before = self.board.config_file.read_text()
        self.usage("board", "add", "x", "--link", "foo:bar", says="exec:PROGRAM")
        self.usage("board", "add", "x", "host:99999", says="65535")
        self.usage("board", "add", "-p", "nope", "x", "host", says="no profile")
        self.assertEqual(self.board.config_file.read_text(), before)

    def test_key_before_any_section(self):
        self.board.config_file.write_text("link = ssh\n")
        done = self.board.kferry("board", "list", check=2)
        self.assertIn("config.ini:1: link stands before any [section]", done.err)

    def test_vm(self):
        for words in ("vm", "vm fly", "vm up", "vm list x", "vm create --bad x", "vm create -m"):
            self.usage(*words.split(), says="kferry help vm")
        self.usage("vm", "create", "--bad", "x", says="--bad")

    def test_quiet_verbose_and_board_count_behind_the_command(self):
        package = self.package()
        done = self.board.kferry("deploy", "-q", "-b", "scratch", "--no-reboot", "--from",
                                 package.file, check=0)
        self.assertEqual(done.text, "")
        self.usage("build", "-b", "nope", says="no board")
        done = self.board.kferry("exec", "--", "echo", "-q", "-v", check=0)
        self.assertEqual(done.out, "-q -v\n")

    def test_full_disk_is_told_by_exec(self):
        with open("/dev/full", "w") as full:
            done = self.board.kferry("exec", "--", "echo", "lost", stdout=full, check=2)
        self.assertIn("No space left", done.err)


class Trees(Case):
    def tree(self, *more):
        tree = self.board.dir / "linux"
        for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "scripts/Kbuild.include",
                     "init/main.c", "Makefile", "arch/Kconfig", *more):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        return tree

    def test_object_tree_has_its_sources_configuration(self):
        tree = self.tree()
        objects = self.board.dir / "obj"
        objects.mkdir()
        (objects / "source").symlink_to(tree)
        self.board.kferry("init", check=0, cwd=objects)
        self.assertTrue((tree / ".kferry/config.ini").exists())
        self.board.kferry("config", "set", "build.jobs", 7, check=0, cwd=tree)
        done = self.board.kferry("config", "get", "build.jobs", check=0, cwd=objects)
        self.assertEqual(done.out, "7\n")
        done = self.board.kferry("build", check=2, cwd=objects)
        self.assertIn(f"{objects}/.config is not there", done.err)

    @unittest.skipIf(os.geteuid(), "only root can give files away")
    def test_another_users_configuration_is_not_believed(self):
        tree = self.tree(".kferry/config.ini")
        self.board.kferry("board", "list", check=0, cwd=tree)
        os.chown(tree / ".kferry/config.ini", 12345, 12345)
        done = self.board.kferry("board", "list", check=2, cwd=tree / "init")
        self.assertIn("uid 12345", done.err)
        self.board.kferry("board", "list", check=0, cwd=tree, env={"SUDO_UID": "12345"})


class Lies(Case):
    """P9: exit status 0 means that the new kernel was seen running and healthy."""

    def lie(self, *how):
        self.board.write_config(link=f"exec:{LIAR} {' '.join(how)} {KFERRYD} --root "
                                     f"{self.board.root} stdio")

    def refused(self, status, says, *how):
        package = self.package()
        self.lie(*how)
        done = self.board.kferry("deploy", "--from", package.file, check=status)
        self.assertIn(says, done.text)
        self.assertFalse((self.board.firmware / "default").exists())
        return done

    def test_through_the_liar_truth_passes(self):
        self.lie()
        self.board.kferry("deploy", "--from", self.package().file, check=0)

    def test_release_and_slot_prove_no_kernel(self):
        self.refused(1, "not the kernel that was sent", "--drop", "11:3,4")

    def test_empty_log_proves_no_health(self):
        self.refused(2, "log is empty", "--empty-log")

    def test_log_of_another_boot_proves_nothing(self):
        self.refused(2, "another boot", "--other-log")

    def test_a_boot_id_that_stays_is_no_reboot(self):
        package = self.package()
        self.board.write_config("timeout.reboot = 1\ntimeout.confirm = 2\n")
        (self.board.dir / "reboot").write_text("#!/bin/sh\n")
        done = self.board.kferry("deploy", "--from", package.file, check=2)
        self.assertIn("has not rebooted", done.text)
        self.assertEqual(self.board.boots, 1)

    def test_confirmation_that_fails_is_no_pass(self):
        package = self.package()
        (self.board.firmware / "refuse-commit").write_text("flash is worn out\n")
        done = self.board.kferry("deploy", "--from", package.file, check=2)
        self.assertIn("ERROR", done.out)
        self.assertIn("flash is worn out", done.text)

    def test_board_that_reboots_before_it_is_confirmed_is_no_pass(self):
        """Nobody but the board knows that it goes down; the connection just ends."""
        reset = self.board.firmware / "reset"
        self.board.write_config(f"health.checks = /bin/sh -c 'touch {reset}; sleep 60'\n")
        done = self.board.kferry("deploy", "--from", self.package().file, check=1)
        self.assertIn("FAIL", done.out)
        self.assertEqual(self.board.boot_log[-1], "foreign")
        self.assertFalse((self.board.firmware / "default").exists())

    def test_lost_records_are_told(self):
        package = self.package()

        def overrun(slot):
            if slot:
                with open(self.board.root / "dev/kmsg", "a") as kmsg:
                    kmsg.write("6,12,300,-;after a gap\n")
        self.board.on_boot = overrun
        done = self.board.kferry("deploy", "--from", package.file, check=0)
        self.assertIn("10 records of the log lost", done.out)
        self.assertEqual(self.board.runs()[-1]["log_lost"], 10)


class Verdicts(Case):
    def test_quiet_verdict_names_its_log(self):
        self.board.on_boot = lambda slot: "panic" if slot else None
        done = self.board.kferry("-q", "deploy", "--from", self.package().file, check=1)
        lines = done.out.splitlines()
        self.assertEqual(len(lines), 2, done.out)
        path = lines[1].split("log: ")[1]
        self.assertIn("Kernel panic", pathlib.Path(path).read_text())
        self.assertEqual(done.err, "")

    def test_fall_back_into_a_slot_names_it(self):
        first = self.package("first.kferry", seed="first")
        self.board.kferry("deploy", "--from", first.file, check=0)
        bad = self.package("bad.kferry", seed="bad")
        self.board.on_boot = lambda slot: "panic" if slot == bad.slot() else None
        done = self.board.kferry("deploy", "--from", bad.file, check=1)
        self.assertIn(f"fell back to {first.release} ({first.slot()}) after", done.err)


class Lists(Case):
    def test_kernels_have_a_head_and_fit_eighty_columns(self):
        release = "6.18.0-rc3-00012-g1f2e3d4"
        package = self.package(release=release)
        self.board.kferry("deploy", "--once", "--from", package.file, check=0)
        lines = self.board.kferry("kernels", check=0).out.splitlines()
        self.assertEqual(lines[0].split(), ["SLOT", "STATE", "IS", "RELEASE", "SIZE"])
        self.assertEqual(lines[1].split()[:4], ["foreign", "-", "default", "known-good"])
        self.assertEqual(lines[2].split()[:4], [package.slot(), "good", "running", release])
        for line in lines:
            self.assertLessEqual(len(line), 80)

    def test_boots_are_listed(self):
        package = self.package()
        self.board.on_boot = lambda slot: "panic" if slot else None
        self.board.kferry("deploy", "--from", package.file, check=1)
        lines = self.board.kferry("dmesg", "--list", check=0).out.splitlines()
        self.assertEqual(lines[0].split(), ["BOOT", "SLOT", "END", "LOG", "PSTORE", "RELEASE"])
        self.assertEqual(lines[1].split()[:3], ["0", "foreign", "runs"])
        self.assertIn("crash", "".join(lines))
        event = json.loads(self.board.kferry("--json", "dmesg", "--list", check=0).out)
        self.assertEqual((event["event"], event["boots"][0]["boot"]), ("boots", 0))
        self.assertEqual(len(event["boots"]), len(lines) - 1)
        for boot in event["boots"]:
            if boot["log"]:
                self.board.kferry("dmesg", "--boot", boot["boot"], check=0)
        self.board.kferry("dmesg", "--list", "-f", check=USAGE)


class Runs(Case):
    def test_verbose_names_board_and_run(self):
        done = self.board.kferry("-v", "deploy", "--no-reboot", "--from", self.package().file,
                                 check=0)
        self.assertIn("6.1.0-foreign (its own kernel), boot chain hook", done.err)
        self.assertIn(str(self.board.last_run_dir()), done.err)

    def test_reboot_has_its_time_in_json(self):
        done = self.board.kferry("--json", "deploy", "--from", self.package().file, check=0)
        events = [json.loads(line) for line in done.out.splitlines()]
        took = [e["took_ms"] for e in events if e["event"] == "reboot"]
        self.assertEqual(len(took), 1)
        self.assertGreater(took[0], 0)

    def test_result_that_cannot_be_written_is_told(self):
        """The run's directory goes away under it."""
        runs = self.board.dir / "runs"
        self.board.write_config(f"health.checks = /bin/rm -rf {runs}\n")
        done = self.board.kferry("deploy", "--from", self.package().file)
        self.assertIn("is not all", done.err)

    def test_a_result_that_lacks_its_end_is_told(self):
        """Only the last that is written of it is too long for the disk."""
        self.board.write_config("timeout.connect = 1\n", link="exec:/bin/false")
        args = ("deploy", "--from", self.package().file)
        self.board.kferry(*args, check=2)
        size = (self.board.last_run_dir() / "result.json").stat().st_size - 10
        done = subprocess.run([KFERRY, *args], env=self.board.environment(), cwd=self.board.dir,
                              capture_output=True, text=True, check=False,
                              restore_signals=False,  # SIGXFSZ stays ignored
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                    (size, size)))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertNotIn("ended", self.board.runs()[-1])
        self.assertIn("is not all", done.stderr)


class Interrupts(Case):
    def interrupted(self, package, ready, *args):
        """Ctrl-C once ready() is true; what kferry said, and the run's result."""
        run = self.board.start("deploy", "--from", package.file, *args)
        wait_for("the moment of the interruption", ready)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: the link's program, too
        out, err = run.communicate(timeout=30 * SCALE)
        self.assertEqual(run.returncode, -signal.SIGINT, out + err)
        result = self.board.runs()[-1]
        self.assertEqual((result["verdict"], result["reason"], result["status"]),
                         ("ERROR", "cancelled", 2))
        self.assertIn("interrupted", result["text"])
        return out + err, result

    def test_in_a_push(self):
        package = self.package(files={"boot/System.map": os.urandom(2000000)})
        self.board.write_config(
            link=f"exec:{PROXY} --dribble 4096 --delay 2 {KFERRYD} --root "
                 f"{self.board.root} stdio")
        said, _ = self.interrupted(
            package, lambda: any(self.board.state_dir().glob("staging/*/manifest")))
        self.assertIn("keeps what has arrived", said)
        self.board.write_config()
        self.board.kferry("deploy", "--from", package.file, check=0)

    def test_while_the_board_reboots(self):
        package = self.package()
        reached = self.board.dir / "reached"
        (self.board.dir / "reboot").write_text(f"#!/bin/sh\ntouch {reached}\n")
        said, result = self.interrupted(package, reached.exists)
        self.assertIn("kernels confirm", said)
        self.assertEqual([s["stage"] for s in result["steps"]], ["push", "install"])

    def test_in_a_health_check(self):
        reached = self.board.dir / "reached"
        self.board.write_config(f"health.checks = /bin/sh -c 'touch {reached}; sleep 60'\n")
        said, result = self.interrupted(self.package(), reached.exists)
        self.assertIn("kernels confirm", said)
        self.assertFalse((self.board.firmware / "default").exists())

    def test_dmesg_that_follows_ends_well(self):
        run = self.board.start("dmesg", "-f")
        self.assertIn("Linux version", run.stdout.readline())
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30 * SCALE)
        self.assertEqual(run.returncode, 0)

    def test_exec_ends_the_program_too(self):
        run = self.board.start("exec", "--", "/bin/sh", "-c", "echo $$; exec sleep 600")
        pid = run.stdout.readline().strip()
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30 * SCALE)
        self.assertEqual(run.returncode, -signal.SIGINT)
        wait_for("the program's end", lambda: not pathlib.Path("/proc", pid).exists())


class Reconnect(Case):
    def test_agent_that_restarts_is_waited_for(self):
        """The agent is away for a moment when the connection is made again."""
        package = self.package(files={"boot/System.map": os.urandom(2000000)})
        self.board.write_config(
            link=f"exec:{PROXY} --dribble 4096 --delay 2 {KFERRYD} --root "
                 f"{self.board.root} stdio")
        run = self.board.start("-v", "deploy", "--from", package.file)
        wait_for("bytes in staging",
                 lambda: any(self.board.state_dir().glob("staging/*/manifest")))
        self.board.kill_agent(signal.SIGKILL)
        said = ""
        while "not back yet" not in said:
            line = run.stderr.readline()
            self.assertTrue(line, said)
            said += line
        self.board.start_agent()
        out, err = run.communicate(timeout=60 * SCALE)
        self.assertEqual(run.returncode, 0, said + out + err)

    def test_lost_answer_of_arming_is_asked_for_again(self):
        package = self.package()
        self.board.kferry("deploy", "--from", package.file, "--no-reboot", check=0)
        flag = self.board.dir / "cut"
        hook = self.board.dir / "hook"
        hook.write_text(hook.read_text().replace(
            "arm)", f"arm) if [ -e {flag} ]; then rm {flag}; kill $(cat {flag}.pid); fi;", 1))
        link = self.board.dir / "link"
        link.write_text(f"#!/bin/sh\necho $$ > {flag}.pid\n"
                        f"exec {KFERRYD} --root {self.board.root} stdio\n")
        link.chmod(0o755)
        flag.touch()
        self.board.write_config(link=f"exec:{link}")
        done = self.board.kferry("deploy", "--from", package.file, check=0)
        self.assertIn("connecting again", done.err)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot()])


if __name__ == "__main__":
    tap.main()
