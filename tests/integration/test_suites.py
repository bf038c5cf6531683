#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry test on scratch boards: every format, deaths, retries, limits, files that are pushed."""

import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import reports  # noqa: E402
import tap  # noqa: E402
from fleet import Fleet  # noqa: E402
from scratch import KFERRY, SCALE, Board, Package, wait_for  # noqa: E402

KTAP = "KTAP version 1\n1..3\nok 1 first\nok 2 second\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.suites = self.board.dir / "suites"
        self.suites.mkdir()
        self.out = self.board.dir / "ci"

    def tearDown(self):
        self.board.close()

    def script(self, name, text):
        path = self.board.dir / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def suite(self, name, command, fmt="ktap", **sections):
        """A suite file; sections: run="key = value\\n..."."""
        text = f"[suite]\ndescription = {name}\n[run]\ncommand = {command}\n"
        text += sections.pop("run", "") + f"[results]\nformat = {fmt}\n"
        text += sections.pop("results", "")
        for section, lines in sections.items():
            text += f"[{section}]\n{lines}"
        (self.suites / f"{name}.ini").write_text(text)
        return name

    def environment(self):
        return {"KF_SUITE_PATH": str(self.suites)}

    def call(self, *args, status=0, **more):
        return self.board.kferry("test", *args, check=status, env=self.environment(), **more)

    def result(self):
        return reports.check_result(self.board.last_run_dir() / "result.json")

    def statuses(self, at=0):
        return {t["name"]: t["status"] for t in self.result()["suites"][at]["tests"]}

    def kernel_says(self, text):
        """A line of a script in which the board's kernel logs something."""
        return f"echo '4,99,9000000,-;{text}' >> {self.board.root}/dev/kmsg\nsleep 0.7\n"

    def dies(self, panic="Fatal exception"):
        """... in which it panics and the board resets."""
        root = self.board.root
        return (f"printf 'Panic#1 Part1\\n<0>[    9.0] Kernel panic - not syncing: {panic}\\n' "
                f"> {root}/sys/fs/pstore/dmesg-efi-170000000001001\n"
                f"echo now > {root}/firmware/reset.new\n"
                f"mv {root}/firmware/reset.new {root}/firmware/reset\nsleep 20\n")


class Formats(Case):
    def test_ktap_and_reports(self):
        name = self.suite("mine", self.script("s", f"printf '{KTAP}not ok 3 third\\n'"))
        done = self.call(name, "--junit", self.out / "j.xml", "--ktap", self.out / "k",
                          "--kcidb", self.out / "kcidb", "--summary", self.out / "s.md",
                          "--artifacts", self.out / "a", "--annotations", status=1)
        self.assertIn("mine: 2 passed, 1 failed", done.text)
        self.assertIn("FAIL   third", done.out)
        self.assertIn("::error", done.out)
        result = self.result()
        self.assertEqual((result["mode"], result["verdict"], result["reason"]),
                         ("test", "FAIL", "tests"))
        self.assertEqual(self.statuses(), {"first": "PASS", "second": "PASS", "third": "FAIL"})
        suites = reports.check_junit(self.out / "j.xml")
        self.assertEqual(list(suites["scratch: mine"].values()), ["ok", "ok", "failure"])
        reports.check_kcidb(self.out / "kcidb")
        self.assertIn("third", (self.out / "s.md").read_text())
        kept = self.out / "a/scratch"
        self.assertEqual(reports.check_result(kept / "result.json"), result)
        self.assertIn("not ok 3", (kept / "suites/1-mine/output").read_text())

    def test_ltp_xfstests_exit(self):
        ltp = self.suite("l", self.script("l", "cat <<E\n<<<test_start>>>\ntag=sem01 stime=1\n"
                                          "<<<test_output>>>\nsem01.c:1: TPASS: fine\n"
                                          "<<<execution_status>>>\nduration=0 "
                                          "termination_type=exited termination_id=0 corefile=no\n"
                                          "<<<test_end>>>\nE\n"), "ltp")
        xfs = self.suite("x", self.script("x", "cat <<E\nFSTYP         -- ext4\n"
                                          "PLATFORM      -- Linux\n\ngeneric/001  1s\n"
                                          "Ran: generic/001\nPassed all 1 tests\nE\n"),
                         "xfstests")
        plain = self.suite("e", self.script("e", "exit 77"), "exit", results="skip_status = 77\n")
        done = self.call(ltp, xfs, "cmd:true", status=0)
        self.assertEqual(self.statuses(0), {"sem01": "PASS"})
        self.assertEqual(self.statuses(1), {"generic/001": "PASS"})
        self.assertEqual(self.statuses(2), {"cmd:true": "PASS"})
        self.assertIn("PASS  3 suites: 3 passed", done.out)
        self.assertIn("nothing was tested", self.call(plain, status=2).text)
        self.call("cmd:false", status=1)
        self.call("cmd:/not/there", status=2)

    def test_command_directory_environment_arguments(self):
        script = self.script("s", 'pwd; echo "$A|$B|$*"; echo error >&2')
        name = self.suite("s", script, "exit",
                          run=f"with_collection = -c {{collection}}\n"
                          f"directory = {self.board.dir}/suites\nenvironment = A=1 'B=2 3'\n")
        self.call(f"{name}:net", "--", "x y", "$z", status=0)
        said = (self.board.last_run_dir() / "suites/1-s/output").read_text()
        self.assertEqual(said, f"{self.suites}\n1|2 3|-c net x y $z\nerror\n")
        self.assertEqual(self.result()["suites"][0]["collection"], "net")

    def test_hostile_output(self):
        name = self.suite("h", self.script(
            "s", "printf 'KTAP version 1\\n1..2\\nok 1 \\033[31mred\\233\\nnot ok 2 a\\tb\\033]0;x\\007\\n'"))
        done = self.call(name, "-v", "--junit", self.out / "j.xml", status=1)
        self.assertNotIn("\x1b", done.text)
        self.assertNotIn("\x07", done.text)
        reports.check_junit(self.out / "j.xml")

    def test_output_is_no_command_to_github(self):
        said = r"::stop-commands::x\n  ::add-mask::y\nz ##[add-mask]z\n"
        name = self.suite("h", self.script("s", f"printf '{said}'; exit 1\n"), "exit")
        done = self.call(name, "--annotations", status=1)
        self.assertIn("stop-commands", done.out)
        self.assertNotIn("##[", done.text)
        commands = [line for line in done.text.splitlines() if line.lstrip().startswith("::")]
        self.assertTrue(commands)
        self.assertEqual(reports.check_annotations(done.out), commands)

    def test_usage_and_files(self):
        self.assertIn("there is no suite \"nothing\"", self.call("nothing", status=64).text)
        self.assertIn("which suites", self.call(status=64).text)
        self.call("cmd:", status=64)
        self.call("cmd:true", "--retries", "x", status=64)
        self.call("cmd:true", "--timeout", "0", status=64)
        self.call("kunit:a b", status=64)
        self.assertIn("igt:COLLECTION", self.call("igt", status=64).text)
        (self.suites / "bad.ini").write_text("[run]\ncomand = x\n")
        self.assertIn("bad.ini:2: there is no key run.comand", self.call("bad", status=2).text)
        (self.suites / "bad.ini").unlink()
        self.suite("own", "true", "exit")
        (self.board.home / ".config/kferry/suites").mkdir()
        (self.board.home / ".config/kferry/suites/own.ini").write_text(
            "[suite]\ndescription = changed by the user\n")
        said = self.call("--list").out
        for name in ("kselftest", "kunit", "ltp", "xfstests", "igt", "changed by the user"):
            self.assertIn(name, said)
        self.call("own")

    def test_programs_that_are_missing(self):
        name = self.suite("s", "true", "exit", board="programs = sh no-such-program-1 no-2\n")
        done = self.call(name, status=2)
        self.assertIn("the board lacks programs: no-such-program-1 no-2", done.text)
        self.assertEqual(self.statuses(), {"s": "MISS"})

    def test_several_boards(self):
        fleet = Fleet(["one", "two"])
        self.addCleanup(fleet.close)
        done = fleet.kferry("test", "-b", "all", "cmd:echo hello", "--junit",
                            fleet.dir / "j.xml", check=0)
        for name in fleet.boards:
            self.assertIn(f"{name}: hello", done.out)
        self.assertEqual(len(reports.check_junit(fleet.dir / "j.xml")), 4)


class Kernel(Case):
    def assert_logged_once(self, *lines):
        kept = (self.board.last_run_dir() / "dmesg").read_text()
        for line in lines:
            self.assertEqual(kept.count(f"] {line}\n"), 1, kept)

    def test_finding_is_of_the_test_that_ran(self):
        script = self.script("s", "printf 'KTAP version 1\\n1..3\\nok 1 first\\n'\nsleep 0.7\n" +
                             self.kernel_says("WARNING: CPU: 0 PID: 1 at fs/a.c:10 a_fn+0x1/0x2") +
                             "printf 'ok 2 second\\nok 3 third\\n'\n")
        name = self.suite("s", script)
        self.call(name, status=0)
        found = self.result()["suites"][0]["findings"]
        self.assertEqual([(f["test"], f["severity"], f["fails"]) for f in found],
                         [("second", "warn", False)])
        self.assertEqual(self.result()["findings"][0]["phase"], "test")

    def test_records_out_of_the_order_of_their_times_are_looked_at(self):
        text = r"4,100,9000000,-;x\n4,101,9000000,-;y\n2,102,8999999,-;kernel BUG at fs/z.c:7!\n"
        self.call(self.suite("m", self.script(
            "s", f"printf '{text}' >> {self.board.root}/dev/kmsg\nsleep 0.7\n"), "exit"), status=1)
        self.assertEqual(self.result()["findings"][0]["title"], "kernel BUG at fs/z.c:7!")
        self.assert_logged_once("x", "y", "kernel BUG at fs/z.c:7!")

    def test_a_log_that_is_followed_again_lacks_nothing_and_repeats_nothing(self):
        link = self.board.dir / "link"
        link.write_text("#!/bin/sh\n"
                        f"echo $$ >> {self.board.dir}/links\nexec {self.board.link[5:]}\n")
        link.chmod(0o755)
        self.board.write_config(link=f"exec:{link}")
        kmsg = f"{self.board.root}/dev/kmsg"
        self.call(self.suite("m", self.script(
            "s", f"echo '4,100,9000000,-;x' >> {kmsg}\nsleep 0.7\n"
            f"kill -9 $(tail -n 1 {self.board.dir}/links)\n"
            f"echo '2,101,8999999,-;kernel BUG at fs/z.c:7!' >> {kmsg}\n"), "exit"), status=1)
        self.assert_logged_once("x", "kernel BUG at fs/z.c:7!")

    def test_fail_on(self):
        script = self.script("s", "printf 'KTAP version 1\\n1..2\\nok 1 first\\n'\nsleep 0.7\n" +
                             self.kernel_says("kernel BUG at fs/z.c:7!") + "echo ok 2 second\n")
        name = self.suite("s", script)
        done = self.call(name, status=1)
        self.assertEqual(self.statuses(), {"first": "PASS", "second": "FAIL"})
        self.assertIn("kernel: bug", done.text)

    def test_panic_in_the_third_test(self):
        before = self.suite("a", "true", "exit")
        script = self.script("s", f"printf '{KTAP}'\n" + self.dies())
        name = self.suite("s", script)
        after = self.suite("z", "true", "exit")
        done = self.call(before, name, after, "--junit", self.out / "j.xml", status=1)
        self.assertEqual(self.statuses(1), {"first": "PASS", "second": "PASS", "test 3": "FAIL"})
        self.assertEqual(self.statuses(2), {"z": "MISS"})
        result = self.result()
        self.assertIn('panic: "Fatal exception", while test 3 ran', result["text"])
        self.assertIn("Fatal exception", done.text)
        pstore = self.board.last_run_dir() / "pstore"
        self.assertTrue(any(pstore.iterdir()))
        self.assertEqual(result["suites"][1]["attempts"][0]["how"], "died")
        reports.check_junit(self.out / "j.xml")
        # The board runs on.
        self.call("cmd:true")

    def test_panic_while_it_is_cleaned_up(self):
        clean = self.script("c", self.dies())
        name = self.suite("s", "true", "exit", clean=f"command = {clean}\n")
        done = self.call(name, "cmd:true", status=1)
        self.assertEqual(self.statuses(0), {"s": "FAIL"})
        self.assertEqual(self.statuses(1), {"cmd:true": "MISS"})
        self.assertIn("after its tests: panic", done.text)

    def test_finding_while_it_is_cleaned_up(self):
        clean = self.script("c", self.kernel_says("kernel BUG at fs/z.c:7!"))
        self.call(self.suite("s", "true", "exit", clean=f"command = {clean}\n"), status=1)
        self.assertEqual(self.statuses(), {"s": "PASS", "kernel log": "FAIL"})
        found = self.result()["suites"][0]["findings"]
        self.assertEqual([(f["test"], f["class"], f["fails"]) for f in found],
                         [(None, "bug", True)])

    def test_connection_lost_and_the_board_runs_on(self):
        link = self.board.dir / "link"
        link.write_text("#!/bin/sh\n"
                        f"echo $$ >> {self.board.dir}/links\nexec {self.board.link[5:]}\n")
        link.chmod(0o755)
        self.board.write_config(link=f"exec:{link}")
        script = self.script("s", f"printf '{KTAP}'\n"
                             f"for p in $(cat {self.board.dir}/links); do\n"
                             f"grep -q {self.board.root} /proc/$p/cmdline && kill -9 $p\n"
                             "done\nsleep 30\n")
        done = self.call(self.suite("s", script), status=2)
        self.assertIn("the board runs on", done.text)
        self.assertEqual(self.statuses()["test 3"], "ERROR")
        self.assertEqual(self.result()["suites"][0]["attempts"][0]["how"], "lost")

    def test_never_back(self):
        self.board.write_config("timeout.reboot = 2\ntimeout.confirm = 2\n")
        stop = self.board.dir / "stop"
        script = self.script("s", f"printf '{KTAP}'\ntouch {stop}\nsleep 30\n")
        run = self.board.start("test", "cmd:" + str(script))
        wait_for("the third test", stop.exists)
        self.board.kill_agent()
        out, err = run.communicate(timeout=60 * SCALE)
        self.assertEqual(run.returncode, 1, out + err)
        self.assertIn("was not back in", out + err)
        self.assertEqual(self.statuses()["test 3"], "FAIL")
        self.board.start_agent()


class Attempts(Case):
    def counted(self, then):
        """A script that counts its runs; then: what it does by number."""
        count = self.board.dir / "count"
        return self.script("s", f"echo x >> {count}\nn=$(wc -l < {count})\n" + then)

    def test_flaky(self):
        script = self.counted("printf 'KTAP version 1\\n1..2\\nok 1 a\\n'\n"
                              "[ $n -lt 3 ] && printf 'not '; echo ok 2 b\n")
        name = self.suite("s", script)
        done = self.call(name, "--retries", "5", "--junit", self.out / "j.xml", "--ktap",
                          self.out / "k", "--summary", self.out / "s.md", status=0)
        self.assertIn("2 passed (1 flaky)", done.text)
        self.assertIn("PASS   b: flaky: FAIL (2 times), then PASS", done.out)
        suite = self.result()["suites"][0]
        self.assertEqual([a["verdict"] for a in suite["attempts"]], ["FAIL", "FAIL", "PASS"])
        test = suite["tests"][1]
        self.assertEqual((test["flaky"], test["attempts"]), (True, 3))
        for file in ("j.xml", "k", "s.md"):
            self.assertIn("flaky", (self.out / file).read_text(), file)
        self.assertTrue((self.board.last_run_dir() / "suites/1-s/output.3").exists())
        reports.check_junit(self.out / "j.xml")

    def test_only_what_failed_runs_again(self):
        script = self.script(
            "s", "cat <<E\nFSTYP         -- ext4\nE\n"
            "[ $# -gt 0 ] && { echo \"$1  1s\"; echo Ran: $1; exit; }\n"
            "printf 'generic/001  1s\\ngeneric/002 [failed, exit status 1]\\n"
            "Ran: generic/001 generic/002\\n'; exit 1\n")
        name = self.suite("s", script, "xfstests", run=f"retry = {script} {{tests}}\n")
        self.call(name, "--retries", "1", status=0)
        tests = {t["name"]: t.get("attempts", 1) for t in self.result()["suites"][0]["tests"]}
        self.assertEqual(tests, {"generic/001": 1, "generic/002": 2})

    def test_a_finding_is_not_excused(self):
        script = self.counted("printf 'KTAP version 1\\n1..1\\n'\nif [ $n = 1 ]; then\n" +
                              self.kernel_says("kernel BUG at fs/z.c:7!") +
                              "echo not ok 1 a; else echo ok 1 a; fi\n")
        self.call(self.suite("s", script), "--retries", "1", status=1)
        self.assertEqual(self.statuses(), {"a": "FAIL"})

    def test_a_panic_is_not_excused(self):
        script = self.counted("printf 'KTAP version 1\\n1..1\\n'\n"
                              "[ $n = 1 ] && { echo not ok 1 a; exit 1; }\necho ok 1 a\n" +
                              self.dies())
        done = self.call(self.suite("s", script), "--retries", "3", status=1)
        self.assertEqual(self.statuses(), {"a": "PASS", "s": "FAIL"})
        self.assertIn('panic: "Fatal exception", while s ran', done.text)
        self.assertEqual([a["how"] for a in self.result()["suites"][0]["attempts"]],
                         ["exited", "died"])

    def test_a_panic_is_not_expected(self):
        known = self.board.dir / "known"
        known.write_text("* whatever it is\n")
        name = self.suite("s", self.script("s", f"printf '{KTAP}'\n" + self.dies()))
        self.call(name, "--expect", known, status=1)
        self.assertEqual(self.statuses()["test 3"], "FAIL")

    def test_expected(self):
        known = self.board.dir / "known"
        known.write_text("third  never worked\n")
        name = self.suite("s", self.script("s", f"printf '{KTAP}not ok 3 third\\n'; exit 1"))
        done = self.call(name, "--expect", known, "--retries", "3", status=0)
        self.assertIn("2 passed, 1 failed as expected", done.text)
        self.assertEqual(len(self.result()["suites"][0]["attempts"]), 1)
        known.write_text("third\n")
        self.assertIn("the reason is missing", self.call(name, "--expect", known, status=2).text)

    def test_never_ends(self):
        pid = self.board.dir / "pid"
        script = self.script("s", f"printf '{KTAP}'\necho $$ > {pid}\nsleep 600 & wait\n")
        name = self.suite("s", script, limits="suite = 2s\n")
        done = self.call(name, "cmd:true", "--retries", "2", status=1)
        self.assertIn("it was ended at its limit of 2.0s", done.text)
        self.assertEqual(self.statuses(), {"first": "PASS", "second": "PASS", "test 3": "FAIL"})
        self.assertEqual(self.statuses(1), {"cmd:true": "PASS"})
        number = pid.read_text().strip()
        wait_for("the suite's end", lambda: not pathlib.Path("/proc", number).exists())

    def test_endless_output(self):
        name = self.suite("s", self.script("s", "exec yes 'a line that goes on and on'\n"), "exit",
                          limits="suite = 3s\n")
        self.call(name, status=1, stdout=open(os.devnull, "wb"))
        size = (self.board.last_run_dir() / "suites/1-s/output").stat().st_size
        self.assertLessEqual(size, 64 << 20)

    def test_sigterm(self):
        ready = self.board.dir / "ready"
        script = self.script("s", f"printf '{KTAP}'\nsleep 600 &\necho $$ $! > {ready}\nwait\n")
        run = self.board.start("test", f"cmd:{script}", "cmd:true", "--artifacts", self.out / "a",
                               "--junit", self.out / "j.xml")
        wait_for("the third test", ready.exists)
        time.sleep(0.5)
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=60 * SCALE)
        self.assertEqual(run.returncode, 143, out + err)
        pids = ready.read_text().split()
        wait_for("the program's end, and its child's", lambda: not any(
            pathlib.Path("/proc", pid).exists() for pid in pids))
        result = reports.check_result(self.out / "a/scratch/result.json")
        self.assertEqual((result["verdict"], result["reason"]), ("ERROR", "cancelled"))
        self.assertEqual([t["status"] for t in result["suites"][0]["tests"]],
                         ["PASS", "PASS", "ERROR"])
        self.assertEqual(result["suites"][1]["tests"][0]["status"], "MISS")
        reports.check_junit(self.out / "j.xml")


class Kselftest(Case):
    """kferry's own suite file, with runners as trees have them."""

    def runs(self, options):
        built = self.board.dir / "built"
        built.mkdir(exist_ok=True)
        path = built / "run_kselftest.sh"
        path.write_text("#!/bin/sh\necho \"words: $*\"\n"
                        "while [ $# -gt 0 ]; do\n"
                        f"\tcase $1 in\n\t{options}) shift 2 ;;\n"
                        "\t*) echo \"Usage: $0\"; exit 1 ;;\n\tesac\ndone\n"
                        "printf 'TAP version 13\\n1..1\\nok 1 selftests: size: get_size\\n'\n")
        path.chmod(0o755)
        to = self.board.dir / "on-board/suite"
        (self.suites / "kselftest.ini").write_text(f"[push]\nto = {to}\n")
        self.call("kselftest:size", "--prebuilt", built, "--", "-t", "a b", status=0)
        self.assertEqual(self.statuses(), {"selftests.size.get_size": "PASS"})
        return (self.board.last_run_dir() / "suites/1-kselftest/output").read_text().split("\n")[0]

    def test_a_runner_that_takes_a_limit(self):
        self.assertEqual(self.runs("-c | -t | -o | --override-timeout"),
                         "words: -c size --override-timeout 300 -t a b")

    def test_a_runner_that_takes_none(self):
        self.assertEqual(self.runs("-c | -t"), "words: -c size -t a b")


class Files(Case):
    def setUp(self):
        super().setUp()
        self.from_ = self.board.dir / "built"
        self.to = self.board.dir / "on-board/suite"
        (self.from_ / "sub").mkdir(parents=True)
        (self.from_ / "run").write_text("#!/bin/sh\ncat sub/data; ls -A >&2\n")
        (self.from_ / "run").chmod(0o755)
        (self.from_ / "sub/data").write_text("one\n")
        (self.from_ / "link").symlink_to("sub/data")
        self.name = self.suite("s", "./run", "exit", push=f"from = {self.from_}\nto = {self.to}\n",
                               results="fetch = sub link\n", clean="command = touch cleaned\n")

    def output(self):
        return (self.board.last_run_dir() / "suites/1-s/output").read_text()

    def test_pushed_once(self):
        self.assertIn("3 files", self.call(self.name).text)
        self.assertIn("one", self.output())
        self.assertTrue((self.to / "cleaned").exists())
        self.assertEqual(os.readlink(self.to / "link"), "sub/data")
        inode = (self.to / "run").stat().st_ino
        self.assertIn("all of its 3 files are there", self.call(self.name).text)
        self.assertEqual((self.to / "run").stat().st_ino, inode)
        with tarfile.open(self.board.last_run_dir() / "suites/1-s/files.tar") as tar:
            self.assertEqual(sorted(tar.getnames()), ["link", "sub", "sub/data"])
        (self.from_ / "sub/data").write_text("two\n")
        (self.from_ / "link").unlink()
        self.call(self.name)
        self.assertIn("two", self.output())
        self.assertFalse((self.to / "link").is_symlink())
        self.assertFalse((self.to / "cleaned").exists() and
                         "cleaned" in self.output())

    def test_programs_of_the_directory_are_looked_for_once_they_are_there(self):
        push = f"from = {self.from_}\nto = {self.to}\n"
        self.call(self.suite("s", "{dir}/run", "exit", push=push,
                             board="programs = sh {dir}/run\n"))
        done = self.call(self.suite("s", "true", "exit", push=push,
                                    board="programs = {dir}/run {dir}/none\n"), status=2)
        self.assertIn(f"the board lacks programs: {self.to}/none", done.text)

    def test_a_suite_that_is_not_pushed_has_no_directory(self):
        done = self.call(self.suite("s", "echo dir={dir}.", "exit"))
        self.assertIn("PASS", done.out)
        self.assertEqual(self.output(), "dir=.\n")

    def test_what_was_interrupted_is_sent_again(self):
        self.call(self.name)
        (self.to / ".kferry-suite").write_text("not whole\n")
        (self.to / "sub/data").unlink()
        self.assertNotIn("are there", self.call(self.name).text)
        self.assertIn("one", self.output())

    def test_a_directory_of_somebody_else(self):
        self.to.mkdir(parents=True)
        (self.to / "precious").write_text("x")
        self.assertIn("not a suite that kferry put there", self.call(self.name, status=2).text)
        self.assertTrue((self.to / "precious").exists())

    def test_prebuilt(self):
        other = self.board.dir / "other"
        (other / "sub").mkdir(parents=True)
        (other / "run").write_text("#!/bin/sh\necho prebuilt\n")
        (other / "run").chmod(0o755)
        self.call(self.name, "--prebuilt", other)
        self.assertIn("prebuilt", self.output())
        self.assertIn("files of s could not be fetched", self.call(
            self.name, "--prebuilt", other).text)


class Deploy(Case):
    def setUp(self):
        super().setUp()
        self.file = Package().write(self.board.dir / "p.kferry")

    def deploy(self, *args, status):
        return self.board.kferry("deploy", "--from", self.file, *args, check=status,
                                 env=self.environment())

    def default(self):
        path = self.board.firmware / "default"
        return path.read_text() if path.exists() else None

    def test_confirmed_when_they_pass(self):
        name = self.suite("s", self.script("s", f"printf '{KTAP}ok 3 third\\n'"))
        done = self.deploy("--test", name, "--test", "cmd:true", "--junit", self.out / "j.xml",
                           status=0)
        self.assertIn("2 suites: 4 passed", done.text)
        result = self.result()
        self.assertEqual((result["verdict"], result["confirmed"]), ("PASS", True))
        self.assertEqual(self.default(), Package().slot())
        suites = reports.check_junit(self.out / "j.xml")
        self.assertEqual([name.split(": ")[1] for name in suites],
                         ["boot", "health", "tests", "s", "cmd:true"])

    def test_goes_home_when_they_fail(self):
        done = self.deploy("--test", "cmd:false", status=1)
        self.assertIn("FAIL  cmd:false: 1 failed", done.out)
        result = self.result()
        self.assertEqual((result["verdict"], result["reason"], result["returns"]),
                         ("FAIL", "tests", True))
        wait_for("the known-good kernel", lambda: self.board.boot_log[-1] == "foreign")
        self.assertIsNone(self.default())

    def test_panic_of_a_trial(self):
        script = self.script("s", f"printf '{KTAP}'\n" + self.dies())
        self.deploy("--test", self.suite("s", script), status=1)
        result = self.result()
        self.assertIn('panic: "Fatal exception", while test 3 ran', result["text"])
        self.assertNotIn("returns", result)
        self.assertEqual(self.board.boot_log[-1], "foreign")
        self.assertIsNone(self.default())

    def test_the_deadline_waits_for_them(self):
        """The suites take longer than timeout.confirm."""
        self.board.write_config("timeout.confirm = 5\n")
        name = self.suite("s", "sleep 8", "exit", limits="suite = 60s\n")
        self.deploy("--test", name, status=0)
        self.assertEqual(self.board.boot_log, ["foreign", Package().slot()])

    def test_interrupted(self):
        """The board has been given the suites' time: somebody who leaves is told so."""
        ready = self.board.dir / "ready"
        self.board.write_config("timeout.confirm = 60\n")
        script = self.script("s", f"touch {ready}\nsleep 600\n")
        run = self.board.start("deploy", "--from", self.file, "--test", f"cmd:{script}")
        wait_for("the suite", ready.exists)
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=60 * SCALE)
        self.assertEqual(run.returncode, 2, out + err)
        self.assertIn("(at most 1h03m after its start)", out + err)

    def test_a_trial_that_ends_before_they_would_is_no_fault_of_the_board(self):
        self.board.write_config("timeout.confirm = 300\nquarantine.after = 1\n")
        begun = self.board.dir / "begun"
        name = self.suite("s", self.script("s", f"touch {begun}\nsleep 30\n"), "exit")
        first = subprocess.Popen([KFERRY, "deploy", "--from", self.file, "--test", name],
                                 env=self.board.environment() | self.environment(),
                                 cwd=self.board.dir, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        wait_for("the suite", begun.exists)
        first.send_signal(signal.SIGINT)
        first.wait(timeout=20 * SCALE)
        name = self.suite("long", "/bin/true", "exit", limits="suite = 10h\n")
        done = self.deploy("--test", name, status=75)
        self.assertIn("the trial that runs ends in", done.text)
        self.assertEqual(self.result()["reason"], "busy")
        self.assertNotIn("in quarantine", done.text)

    def test_usage(self):
        self.deploy("--test", "nothing", status=64)
        self.deploy("--test", "cmd:true", "--no-reboot", status=64)
        self.deploy("--retries", "1", status=64)


if __name__ == "__main__":
    tap.main()
