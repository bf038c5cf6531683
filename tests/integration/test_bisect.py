#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry bisect on a scratch board: each verdict from the board, each stop, each resume."""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from bisecttree import BOARD, BisectTree  # noqa: E402
from scratch import BUILD, Board, wait_for  # noqa: E402

EIGHT = ["good", "good", "good", "good", "good", "panic", "panic", "panic"]


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=BOARD)
        self.booted = []  # numbers of the commits whose kernel was started
        self.board.on_boot = self.boots

    def tearDown(self):
        self.board.close()

    def boots(self, slot):
        """What the kernel that starts does, by the words of its commit."""
        if not slot:
            return None
        text = (self.board.root / f"var/lib/kferry/slots/{slot}/manifest").read_text()
        build_id = text.split("build-id ", 1)[1].split("\n", 1)[0]
        number, kind = self.tree.number(build_id)
        self.booted.append(number)
        # The watchdog's doing: it leaves no trace.
        return "death" if kind == "hang" else kind

    def make(self, kinds, subjects=None):
        self.tree = BisectTree(self.board.dir / "linux", kinds, subjects)
        return self.tree

    def kferry(self, *args, check=None, **run):
        return self.board.kferry(*args, check=check, cwd=self.tree.dir, **run)

    def start(self, bad=-1, good=0):
        self.kferry("bisect", "start", self.tree.commits[bad], self.tree.commits[good],
                    check=0)

    def steps(self):
        done = self.kferry("--json", "bisect", "log", check=0)
        events = [json.loads(line) for line in done.out.splitlines()]
        return [e for e in events if e["event"] == "bisect-step"]

    def result(self, *args, check=0):
        done = self.kferry("--json", "bisect", "run", *args, check=check)
        events = [json.loads(line) for line in done.out.splitlines()]
        return [e for e in events if e["event"] == "bisect-result"][-1]

    def fail_once(self, behind=0):
        """The link fails once, at the first connection behind so many runs; the file that is
        there then."""
        flag = self.board.dir / "failed-once"
        link = self.board.dir / "link"
        real = self.board.link.removeprefix("exec:")
        runs = f"$(ls -d {self.board.dir}/runs/*/scratch/result.json 2>&- | wc -l)"
        link.write_text(f"#!/bin/sh\nif [ ! -e {flag} ] && [ {runs} -ge {behind} ]; then\n"
                        f"\ttouch {flag}\n\texit 1\nfi\nexec {real}\n")
        link.chmod(0o755)
        self.board.write_config(BOARD, link=f"exec:{link}")
        return flag

    def dead(self, dead=True):
        """The board cannot be reached."""
        self.board.write_config(BOARD, link="exec:/bin/false" if dead else None)


class Bisect(Case):
    def test_finds_the_commit_beside_one_that_does_not_build(self):
        tree = self.make(["good", "good", "good", "broken", "good", "panic", "panic", "panic"])
        self.start()
        summary = self.board.dir / "summary.md"
        result = self.result("--summary", summary)
        self.assertEqual(result["first_bad"]["commit"], tree.commits[5])
        self.assertEqual(result["candidates"], [])
        for step in self.steps():
            number = tree.commits.index(step["commit"])
            self.assertEqual(step["verdict"],
                             "skip" if number == 3 else "bad" if number >= 5 else "good")
            self.assertEqual(step["run"] is None, number == 3)
            if step["run"]:
                with open(step["run"] + "/result.json", encoding="utf-8") as file:
                    self.assertEqual(json.load(file)["commit"], step["commit"])
        self.assertIn(f"First bad commit: `{tree.commits[5][:12]}` change 5",
                      summary.read_text())
        self.assertFalse((self.board.firmware / "default").exists())
        # Again: nothing is tested, the same is said.
        booted = len(self.booted)
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[5])
        self.assertEqual(len(self.booted), booted)

    def test_reset_brings_the_tree_and_its_config_back(self):
        tree = self.make(EIGHT)
        config = (tree.dir / ".config").read_text()
        self.start()
        self.kferry("bisect", "run", check=0)
        self.assertNotEqual((tree.dir / ".config").read_text(), config)
        # Each commit got the first one's, and not what the one before had left.
        self.assertEqual((tree.dir / ".config").read_text().count("# options"), 1)
        self.kferry("bisect", "reset", check=0)
        self.assertEqual((tree.dir / ".config").read_text(), config)
        self.assertEqual(tree.head(), tree.commits[-1])
        self.assertIn("refs/heads/main", tree.git("symbolic-ref", "HEAD"))
        self.assertIn("begins one", self.kferry("bisect", "run", check=64).err)
        self.assertEqual(len(self.steps()), 2 + (len(self.steps()) > 2))

    def test_a_fault_is_tried_again_and_says_nothing_of_the_commit(self):
        tree = self.make(EIGHT)
        self.start()
        flag = self.fail_once()
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[5])
        self.assertTrue(flag.exists())
        self.assertEqual([s["attempts"] for s in self.steps()][0], 2)
        self.assertNotIn("fault", [s["verdict"] for s in self.steps()])

    def test_a_bad_one_one_that_does_not_build_and_a_fault(self):
        """All that a night with it brings."""
        tree = self.make(["good", "good", "good", "broken", "good", "panic", "panic", "panic"])
        self.start()
        flag = self.fail_once(behind=2)
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[5])
        self.assertTrue(flag.exists())
        steps = {tree.commits.index(s["commit"]): (s["verdict"], s["attempts"])
                 for s in self.steps()}
        self.assertEqual({n: v for n, (v, _) in steps.items()},
                         {n: "skip" if n == 3 else "bad" if n >= 5 else "good" for n in steps})
        self.assertIn(3, steps)
        self.assertEqual(sorted(attempts for _, attempts in steps.values()),
                         [1] * (len(steps) - 1) + [2])

    def test_a_fault_that_lasts_stops_it_and_run_goes_on_there(self):
        tree = self.make(EIGHT)
        self.start()
        at = tree.head()
        self.dead()
        done = self.kferry("bisect", "run", "--retries", 1, check=2)
        self.assertIn("no fault of the kernel", done.err)
        self.assertEqual([s["verdict"] for s in self.steps()], ["fault"])
        self.assertEqual(self.steps()[0]["attempts"], 2)
        self.assertEqual(tree.head(), at)
        log = tree.git("bisect", "log")
        self.assertEqual(log.count("git bisect "), 1, log)
        self.assertIn("steps left", self.kferry("bisect", "status", check=0).out)
        self.dead(False)
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[5])

    def test_another_board_is_taken_after_a_fault(self):
        tree = self.make(EIGHT)
        self.start()
        text = self.board.config_file.read_text()
        self.board.config_file.write_text(text + "\n[board broken]\nlink = exec:/bin/false\n"
                                          f"profile = x86-64\n{BOARD}\n")
        done = self.kferry("bisect", "run", "-b", "broken,scratch", "--retries", 1, check=0)
        self.assertIn("trying again on scratch", done.err)
        self.assertEqual({s["board"] for s in self.steps()}, {"scratch"})
        self.assertIn(tree.commits[5][:12], done.out)

    def test_board_in_quarantine_is_left_alone(self):
        self.make(EIGHT)
        self.start()
        self.board.write_config(f"{BOARD}\nquarantine.after = 1")
        self.board.on_boot = lambda slot: "hang" if slot else None
        # The first step puts it there.
        done = self.kferry("-o", "timeout.reboot=1", "-o", "timeout.confirm=1", "bisect", "run",
                           "--retries", 0, check=2)
        self.assertIn("in quarantine until", done.text)
        self.board.on_boot = self.boots
        self.board.press_reset()
        done = self.kferry("bisect", "run", "--retries", 3, check=2)
        self.assertIn("it is in quarantine since", done.err)
        self.assertEqual([(s["verdict"], s["attempts"]) for s in self.steps()],
                         [("fault", 1)] * 2)
        self.assertEqual(self.booted, [])

    def test_ctrl_c_stops_and_run_goes_on(self):
        tree = self.make(EIGHT)
        self.start()
        script = self.board.dir / "wait.sh"
        here = self.board.dir / "here"
        script.write_text(f"#!/bin/sh\ntouch {here}\nexec sleep 300\n")
        script.chmod(0o755)
        process = subprocess.Popen([BUILD / "kferry", "bisect", "run", "--script", script],
                                   env=self.board.environment(), cwd=tree.dir,
                                   start_new_session=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for("the test program", here.exists, 60)
        at = tree.head()
        os.kill(process.pid, signal.SIGINT)
        err = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn("goes on at this commit", err)
        self.assertEqual(tree.head(), at)
        self.assertEqual(self.steps(), [])
        # The test is remembered; without it another question would be asked.
        script.write_text("#!/bin/sh\nexit 0\n")
        done = self.kferry("bisect", "run", check=0)
        self.assertIn(f"tested by {script}", done.err)
        self.assertIn(f"first bad commit: {tree.commits[5][:12]}", done.out)

    def test_candidates_are_listed_where_skips_hide_the_commit(self):
        tree = self.make(["good", "good", "broken", "broken", "panic"])
        self.start()
        result = self.result(check=1)
        self.assertIsNone(result["first_bad"])
        self.assertEqual({c["commit"] for c in result["candidates"]}, set(tree.commits[2:]))
        text = self.kferry("bisect", "status", check=0).out
        self.assertNotIn("first bad commit:", text)
        self.assertIn("one of these 3 is the first bad commit", text)
        self.assertEqual(text.count("(skipped)"), 2)

    def test_a_hang_is_bad_when_it_happens_twice(self):
        tree = self.make(["good", "good", "hang", "hang"])
        self.start()
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[2])
        step = [s for s in self.steps() if s["verdict"] == "bad"][0]
        self.assertEqual(step["attempts"], 2)
        self.assertEqual(self.booted.count(2), 2)

    def test_a_hang_is_a_fault_where_it_is_not_tried_again(self):
        self.make(["good", "hang", "hang"])
        self.start()
        done = self.kferry("bisect", "run", "--retries", 0, check=2)
        self.assertIn("no fault of the kernel", done.err)
        self.assertEqual([s["verdict"] for s in self.steps()], ["fault"])

    def test_old_trials_are_retired_and_the_known_good_kernel_stays(self):
        self.make(["good"] * 12 + ["panic"] * 12)
        self.start()
        self.kferry("bisect", "run", check=0)
        self.assertGreater(len(self.steps()), 3)
        self.assertLess(len(self.board.slots()), 6)
        self.assertIn("foreign", self.board.status())

    def test_subjects_are_shown_and_never_obeyed(self):
        odd = "it's \"odd\" $(touch x) `id` <b> | \x1b[31mred\x1b[0m \u202e"
        self.make(["good", "good", "panic"], {1: odd, 2: odd})
        self.start()
        summary = self.board.dir / "s.md"
        done = self.kferry("bisect", "run", "--summary", summary, check=0)
        both = done.text + self.kferry("bisect", "log", check=0).text
        self.assertNotIn("\x1b", both)
        self.assertNotIn("\u202e", both)
        self.assertIn("it's \"odd\" $(touch x)", done.out)
        self.assertIn("\\x1b[31mred", done.out)
        self.assertNotIn("<b>", summary.read_text())
        self.assertFalse((self.tree.dir / "x").exists())

    def test_steps_file_that_was_cut_goes_on(self):
        tree = self.make(EIGHT)
        self.start()
        self.dead()
        self.kferry("bisect", "run", "--retries", 0, check=2)
        self.dead(False)
        steps = next((self.board.home / ".local/share/kferry/bisect").glob("*/steps.jsonl"))
        steps.write_bytes(steps.read_bytes()[:-20])
        self.assertIn("damaged", self.kferry("bisect", "log", check=0).err)
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[5])
        self.assertIn("1 lines", self.kferry("bisect", "log", check=0).err)

    def test_a_step_that_was_written_down_is_not_tested_again(self):
        tree = self.make(EIGHT)
        self.start()
        at = tree.head()
        number = tree.commits.index(at)
        steps = next((self.board.home / ".local/share/kferry/bisect").glob("*/steps.jsonl"))
        steps.write_text(json.dumps({
            "commit": at, "subject": "s", "verdict": "bad" if number >= 5 else "good",
            "reason": None, "text": "before it was killed", "board": None, "run": None,
            "took_ms": 1, "attempts": 1, "ended": None, "end": False}) + "\n")
        self.assertEqual(self.result()["first_bad"]["commit"], tree.commits[5])
        self.assertNotIn(number, self.booted)


class Tests(Case):
    """What is run on a kernel that has booted."""

    def script(self, text):
        path = self.board.dir / "test program.sh"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return shlex.quote(str(path))

    def test_script_says_which_is_bad(self):
        tree = self.make(["good"] * 8)
        self.start()
        out = self.board.dir / "env"
        words = self.script(
            f'env | grep ^KFERRY_ | sort >> "{out}"\n'
            'echo "said by the test"\n'
            'n=$(git -C "$KFERRY_TREE" show "$KFERRY_COMMIT:kernel" | cut -d" " -f1)\n'
            '[ "$n" != 4 ] || exit 125\n[ "$n" -lt 6 ]\n')
        self.assertEqual(self.result("--script", words)["first_bad"]["commit"],
                         tree.commits[6])
        names = {line.split("=")[0] for line in out.read_text().splitlines()}
        self.assertLessEqual({"KFERRY_BOARD", "KFERRY_RUN", "KFERRY_SLOT", "KFERRY_RELEASE",
                              "KFERRY_COMMIT", "KFERRY_TREE"}, names)
        bad = [s for s in self.steps() if s["verdict"] == "bad"][0]
        self.assertIn("exit status 1", bad["text"])
        self.assertEqual(pathlib.Path(bad["run"], "test.log").read_text(), "said by the test\n")

    def test_exec_on_the_board_says_which_is_bad(self):
        tree = self.make(["good"] * 5)
        self.start()
        marker = self.board.dir / "broken"

        def boots(slot):
            kind = Case.boots(self, slot)
            marker.unlink(missing_ok=True)
            if slot and self.booted[-1] >= 3:
                marker.touch()
            return kind
        self.board.on_boot = boots
        result = self.result("--exec", f"sh -c 'test ! -e {marker}'")
        self.assertEqual(result["first_bad"]["commit"], tree.commits[3])

    def test_program_that_cannot_run_is_no_bad_commit(self):
        self.make(["good"] * 4)
        self.start()
        for words, what in ((self.script("exit 127\n"), "says nothing of the kernel"),
                            ("/there/is/none", "No such file"), ("'open", "not closed")):
            done = self.kferry("bisect", "run", "--retries", 0, "--script", words, check=2)
            self.assertIn(what, done.text)
        self.assertEqual({s["verdict"] for s in self.steps()}, {"fault"})

    def test_health_check_that_cannot_be_run_is_no_bad_commit(self):
        self.make(["good"] * 4)
        self.board.write_config(BOARD + "\nhealth.checks = /there/is/none\n")
        self.start()
        done = self.kferry("bisect", "run", "--retries", 0, check=2)
        self.assertIn("health check could not be run: /there/is/none", done.text)
        self.assertEqual({s["verdict"] for s in self.steps()}, {"fault"})

    def test_program_that_hangs_is_no_bad_commit(self):
        self.make(["good"] * 4)
        self.start()
        done = self.kferry("bisect", "run", "--retries", 0, "--timeout", 1, "--script",
                           "sleep 300", check=2)
        self.assertIn("longer than --timeout", done.text)
        self.assertEqual({s["verdict"] for s in self.steps()}, {"fault"})

    def test_fault_in_the_log_while_it_is_tested_is_bad(self):
        tree = self.make(["good"] * 4)
        self.start()
        kmsg = self.board.root / "dev/kmsg"
        words = self.script(
            'n=$(git show "$KFERRY_COMMIT:kernel" | cut -d" " -f1)\n'
            f'[ "$n" -lt 2 ] || echo "0,9,300,-;BUG: kernel NULL pointer dereference, '
            f'address: 0" >> {kmsg}\nexit 0\n')
        self.assertEqual(self.result("--script", words)["first_bad"]["commit"],
                         tree.commits[2])
        bad = [s for s in self.steps() if s["verdict"] == "bad"][0]
        self.assertIn("NULL pointer dereference", bad["text"])

    def test_another_kernels_log_says_nothing_of_this_one(self):
        """The board lost its power twice: the boot before this one was its own kernel's."""
        self.make(["good"] * 3)
        self.start()
        root, firmware = self.board.root, self.board.firmware
        reset = (f"old=$(cat {root}/proc/sys/kernel/random/boot_id)\n"
                 f"echo reboot > {firmware}/reset.new\nmv {firmware}/reset.new {firmware}/reset\n"
                 f"while [ \"$(cat {root}/proc/sys/kernel/random/boot_id)\" = \"$old\" ]; do\n"
                 f"\tsleep 0.1\ndone\n"
                 f"until {BUILD}/kferry dmesg -b scratch | tee -a {self.board.dir}/seen | "
                 f"grep -q Command.line; do\n\tsleep 0.1\ndone\n")

        def boots(slot):
            if not slot:
                with open(root / "dev/kmsg", "a", encoding="ascii") as f:
                    f.write("0,9,300,-;BUG: kernel NULL pointer dereference, address: 0\n")
            return Case.boots(self, slot)
        self.board.on_boot = boots
        words = self.script(reset + reset + "exit 0\n")
        self.kferry("bisect", "run", "--retries", 0, "--script", words, check=2)
        step = self.steps()[-1]
        self.assertEqual(step["verdict"], "fault")
        self.assertIn("does not say why", step["text"])
        self.assertIn("NULL pointer", (self.board.dir / "seen").read_text())

    def test_kernel_that_dies_before_its_test_does_not_pass_as_the_known_good_one(self):
        tree = self.make(["good"] * 3)
        self.start()
        link = self.board.dir / "link"
        boot_id = self.board.root / "proc/sys/kernel/random/boot_id"
        firmware = self.board.root / "firmware"
        real = self.board.link.removeprefix("exec:")
        # The first connection behind the PASS of a run.
        link.write_text(
            "#!/bin/sh\n"
            f"last=$(ls -d {self.board.dir}/runs/*/scratch 2>&- | tail -n 1)\n"
            'if grep -qs \'"verdict": "PASS"\' "$last/result.json" && '
            f'[ ! -e "$last/died" ] && [ -e {self.board.dir}/dies ]; then\n'
            f'\ttouch "$last/died"\n\told=$(cat {boot_id})\n'
            f"\techo reboot > {firmware}/reset.new\n"
            f"\tmv {firmware}/reset.new {firmware}/reset\n"
            f'\tfor i in $(seq 200); do [ "$(cat {boot_id})" = "$old" ] || break; '
            "sleep 0.1; done\n\tsleep 2\nfi\n"
            f"exec {real}\n")
        link.chmod(0o755)
        self.board.write_config(BOARD, link=f"exec:{link}")

        def boots(slot):
            kind = Case.boots(self, slot)
            if slot and self.booted[-1] == 1:
                (self.board.dir / "dies").touch()
            elif slot:
                (self.board.dir / "dies").unlink(missing_ok=True)
            return kind
        self.board.on_boot = boots
        self.assertEqual(self.result("--script", "true")["first_bad"]["commit"],
                         tree.commits[1])
        bad = [s for s in self.steps() if s["verdict"] == "bad"][0]
        self.assertIn("restarted", bad["text"])
        self.assertEqual(bad["attempts"], 2)


class Suites(Case):
    """Suites that each kernel has to pass."""

    def suite(self, text, fmt="ktap", more=""):
        script = self.board.dir / "suite.sh"
        script.write_text("#!/bin/sh\n" + text)
        script.chmod(0o755)
        where = self.board.home / ".config/kferry/suites"
        where.mkdir(exist_ok=True)
        (where / "mine.ini").write_text(
            f"[suite]\ndescription = mine\n[run]\ncommand = {script}\n"
            f"[results]\nformat = {fmt}\n{more}")

    def numbered(self):
        """A file on the board with the number of the commit that runs."""
        file = self.board.dir / "number"

        def boots(slot):
            kind = Case.boots(self, slot)
            file.write_text(f"{self.booted[-1] if slot else 0}\n")
            return kind
        self.board.on_boot = boots
        return f"n=$(cat {file})\n"

    def test_a_suite_says_which_is_bad(self):
        tree = self.make(["good", "good", "good", "broken", "good", "good", "good", "good"])
        self.start()
        self.suite(self.numbered() + "printf 'KTAP version 1\\n1..2\\nnot ok 1 known\\n'\n"
                   "if [ $n -lt 5 ]; then echo ok 2 a; else echo not ok 2 a; fi\n")
        known = self.board.dir / "known"
        known.write_text("known  never worked\n")
        flag = self.fail_once(behind=2)
        # Another call asks the same question.
        self.kferry("bisect", "run", "--test", "mine", "--expect", known, "--retries", 0, check=2)
        self.assertTrue(flag.exists())
        done = self.kferry("bisect", "run", "--retries", 1, check=0)
        self.assertIn(f"tested by the suite mine, but for what fails by {known}", done.err)
        self.assertIn(f"first bad commit: {tree.commits[5][:12]}", done.out)
        steps = {tree.commits.index(s["commit"]): s for s in self.steps()
                 if s["verdict"] != "fault"}
        self.assertEqual({n: s["verdict"] for n, s in steps.items()},
                         {n: "skip" if n == 3 else "bad" if n >= 5 else "good" for n in steps})
        bad = steps[5]
        self.assertEqual(bad["reason"], "tests")
        self.assertIn("mine: 1 failed", bad["text"])
        with open(bad["run"] + "/result.json", encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual([t["status"] for t in result["suites"][0]["tests"]], ["XFAIL", "FAIL"])
        self.assertFalse((self.board.firmware / "default").exists())

    def test_a_suite_that_ends_the_kernel_is_bad_when_it_does_so_twice_or_says_why(self):
        reset = (f"echo now > {self.board.root}/firmware/reset.new\n"
                 f"mv {self.board.root}/firmware/reset.new {self.board.root}/firmware/reset\n"
                 "sleep 20\n")
        panic = ("printf 'Panic#1 Part1\\n<0>[    9.0] Kernel panic - not syncing: it\\n' > "
                 f"{self.board.root}/sys/fs/pstore/dmesg-efi-170000000001001\n")
        tree = self.make(["good"] * 3)
        for death, attempts in ((reset, 2), (panic + reset, 1)):
            with self.subTest(attempts=attempts):
                self.start()
                self.suite(self.numbered() + f"[ $n -lt 1 ] || {{\n{death}}}\nexit 0\n", "exit")
                self.assertEqual(self.result("--test", "mine")["first_bad"]["commit"],
                                 tree.commits[1])
                bad = [s for s in self.steps() if s["verdict"] == "bad"]
                self.assertEqual([s["attempts"] for s in bad], [attempts] * len(bad))
                self.kferry("bisect", "reset", check=0)

    def test_a_suite_that_does_not_build_skips_the_commit(self):
        tree = self.make(["good"] * 4)
        self.start()
        self.suite("exit 0\n", "exit", "[build]\nmake = -f suite.mk INTO={out}\n"
                   f"[push]\nfrom = {{out}}\nto = {self.board.dir}/on/board\n")
        (tree.dir / "suite.mk").write_text("all:\n\t@! grep -q ^2 kernel\n\t@touch $(INTO)/x\n")
        done = self.kferry("bisect", "run", "--test", "mine", check=1)
        self.assertIn("the suite mine did not build", done.err)
        self.assertEqual({tree.commits.index(s["commit"]): s["verdict"] for s in self.steps()},
                         {2: "skip", 1: "good"})

    def test_usage(self):
        self.make(EIGHT)
        self.start()
        self.kferry("bisect", "run", "--test", "nothing", check=64)
        self.kferry("bisect", "log", "--test", "cmd:true", check=64)
        self.kferry("bisect", "step", "--test", "nothing", check=255)
        self.kferry("bisect", "run", "--expect", "/not/there", check=2)
        self.assertEqual(self.steps(), [])


class Step(Case):
    def test_git_bisect_run_is_told(self):
        tree = self.make(["good", "good", "good", "broken", "good", "panic", "panic", "panic"])
        tree.git("bisect", "start", tree.commits[-1], tree.commits[0])
        env = dict(self.board.environment(), PATH=f"{BUILD}:{os.environ['PATH']}")
        done = subprocess.run(["git", "bisect", "run", "kferry", "bisect", "step", "scratch"],
                              cwd=tree.dir, env=env, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=240)
        text = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, text)
        self.assertIn(f"{tree.commits[5]} is the first bad commit", text)
        self.assertTrue(self.steps())

    def test_exit_statuses(self):
        tree = self.make(["good", "panic", "broken"])
        for number, status in ((0, 0), (1, 1), (2, 125)):
            tree.git("checkout", "-q", tree.commits[number])
            self.kferry("bisect", "step", check=status)
        tree.git("checkout", "-q", tree.commits[0])
        self.dead()
        self.kferry("bisect", "step", "--retries", 0, check=255)


class Refused(Case):
    def refuse(self, *args, says, check=64):
        done = self.kferry("bisect", *args, check=check)
        self.assertIn(says, done.err)

    def test_start(self):
        tree = self.make(EIGHT)
        good, bad = tree.commits[0], tree.commits[-1]
        self.refuse("start", good, bad, says="no ancestor")
        self.refuse("start", bad, bad, says="the same commit")
        self.refuse("start", bad, "v0.0", says='no commit "v0.0"')
        self.refuse("start", bad, says="takes a bad commit")
        self.refuse("start", "--all", good, says="no options")
        self.refuse("start", bad, good, "--", "kernel", "\udcff", says="not in UTF-8")
        self.refuse("run", says="begins one")
        self.refuse("reset", says="begins one")
        self.refuse("squint", says="none of them")
        tree.write("kernel", "changed\n")
        self.refuse("start", bad, good, says="changes that no commit has (kernel)", check=2)
        tree.git("checkout", "-q", "kernel")
        tree.git("checkout", "-q", "-b", "side", good)
        tree.write("kernel", "0 side\n")
        tree.git("commit", "-qam", "side")
        tree.git("merge", bad, check=False)
        self.refuse("start", bad, good, says="in the middle of a merge", check=2)
        tree.git("merge", "--abort")
        tree.git("rebase", "main", check=False)
        self.refuse("start", bad, good, says="in the middle of a rebase", check=2)
        tree.git("rebase", "--abort")
        tree.git("bisect", "start", bad, good)
        self.refuse("start", bad, good, says="that kferry did not start")
        self.refuse("run", says="that kferry did not start")
        self.refuse("reset", says="that kferry did not start")
        tree.git("bisect", "reset")
        self.kferry("bisect", "start", bad, good, check=0)
        self.refuse("start", bad, good, says="goes on with it")
        tree.git("bisect", "reset")
        self.refuse("run", says="ended from outside")
        self.kferry("bisect", "reset", check=0)
        self.refuse("reset", says="begins one")

    def test_tree_without_history(self):
        self.make(EIGHT)
        os.rename(self.tree.dir / ".git", self.board.dir / "git")
        self.refuse("start", "HEAD", "HEAD~1", says="no git repository", check=2)

    def test_options(self):
        self.make(EIGHT)
        self.start()
        for words in (["run", "--retries", "-1"], ["run", "--timeout", "0"],
                      ["run", "--retries", "1x"], ["log", "--exec", "true"],
                      ["status", "--summary", "x"],
                      ["run", "nobody"]):
            self.kferry("bisect", *words, check=64)
        self.kferry("bisect", "run", "--summary", "/no/such/dir/x", check=2)
        self.assertEqual(self.steps(), [])

    def test_a_step_that_is_called_wrongly_blames_no_commit(self):
        tree = self.make(["good", "good", "panic"])
        for words in (["bisect", "step", "--check-ends"], ["bisect", "step", "--exce", "true"],
                      ["bisect", "step", "nobody"], ["--jsno", "bisect", "step"],
                      ["-o", "nonsense", "bisect", "step"]):
            self.kferry(*words, check=255)
        text = self.board.config_file.read_text()
        self.board.config_file.write_text(text + "\n[board scratch\n")
        self.kferry("bisect", "step", check=255)
        self.kferry("bisect", "log", check=2)
        self.board.config_file.write_text(text)
        tree.git("checkout", "-q", tree.commits[1])
        self.kferry("bisect", "step", check=0)

    def test_ends_that_are_not_what_was_said(self):
        tree = self.make(["panic"] + ["good"] * 4)
        self.start()
        done = self.kferry("bisect", "run", "--check-ends", check=2)
        self.assertIn("said to be good, and it is bad on the board", done.err)
        self.assertNotIn("first bad commit", done.out)
        tree.git("bisect", "reset")
        self.start(good=1)
        done = self.kferry("bisect", "run", "--check-ends", check=2)
        self.assertIn("said to be bad, and it is good on the board", done.err)

    def test_ends_that_are_right_are_tested_once(self):
        tree = self.make(["good", "good", "panic", "panic"])
        self.start()
        self.assertEqual(self.result("--check-ends")["first_bad"]["commit"], tree.commits[2])
        self.assertEqual([s["end"] for s in self.steps()][:2], [True, True])
        booted = len(self.booted)
        self.result("--check-ends")
        self.assertEqual(len(self.booted), booted)

    def test_two_at_once(self):
        self.make(EIGHT)
        self.start()
        here = self.board.dir / "here"
        process = subprocess.Popen(
            [BUILD / "kferry", "bisect", "run", "--script", f"sh -c 'touch {here}; sleep 300'"],
            env=self.board.environment(), cwd=self.tree.dir, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the test program", here.exists, 60)
        self.refuse("run", says="another kferry", check=2)
        process.send_signal(signal.SIGTERM)
        process.wait(60)


if __name__ == "__main__":
    tap.main()
