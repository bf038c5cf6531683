#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry shell on a terminal of this test's, and kferry exec --script."""

import os
import re
import signal
import subprocess
import sys
import termios
import time
import unittest
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRY, SCALE, Board, wait_for  # noqa: E402
from sshcase import SshCase  # noqa: E402
from terminal import Terminal  # noqa: E402


class Shell(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def terminal(self, *args, **more):
        terminal = Terminal(self.board, *args, **more)
        self.addCleanup(terminal.close)
        return terminal

    def sh(self, **more):
        """A shell without anybody's profile and prompt."""
        t = self.terminal("shell", "--", "/bin/sh", "-c", "echo re''ady; exec sh", **more)
        t.until("ready")
        return t

    def test_a_login_shell_on_a_terminal(self):
        t = self.terminal("shell", "scratch")
        t.type("echo \"[$0] [$TERM]\"; test -t 0 && test -t 1 && echo it is a t''ty\n")
        head = t.until("it is a tty")
        self.assertRegex(head, r"\[-[a-z]*sh\] \[vt100\]")
        t.type("exit 7\n")
        self.assertEqual(t.end()[0], 7)
        self.assertEqual(termios.tcgetattr(t.slave), t.before)

    def test_the_size_of_the_window_and_its_changes(self):
        t = self.sh(rows=31, columns=20)
        t.type("stty size\n")
        t.until("31 20")
        # Of a group of its own: a shell that reads commands is not told.
        t.type("sh -c \"trap 'stty size' WINCH; echo s''et; while :; do sleep 0.1; done\"\n")
        t.until("set")
        t.resize(50, 133)
        t.until("50 133")

    def test_ctrl_c_is_the_programs(self):
        t = self.sh()
        t.type("sleep 1000; echo af''ter $?\n")
        time.sleep(0.3 * SCALE)
        t.type("\x03")
        t.type("echo go''on\n")
        t.until("goon")
        self.assertIsNone(t.process.poll())
        t.type("\x04")
        self.assertEqual(t.end()[0], 0)

    def test_ctrl_c_gets_through_a_flood(self):
        t = self.sh()
        t.type("yes\n")
        t.until("y\r\ny\r\n")
        t.type("\x03")
        end = time.monotonic() + 20 * SCALE
        t.type("echo fl''ood is over\n")
        while b"flood is over" not in t.seen:
            self.assertLess(time.monotonic(), end)
            t.read(0.5)
            t.seen = t.seen[-200:]

    def test_no_signal_is_ignored_there(self):
        t = self.terminal("shell", "--", "grep", "SigIgn", "/proc/self/status")
        ignored = re.search(r"SigIgn:\s*([0-9a-f]+)", t.end()[1])
        # The C library keeps 32 and 33 for itself: nobody can set them back.
        self.assertEqual(int(ignored.group(1), 16) & ~(0b11 << 31), 0)

    def test_what_a_program_wrote_before_it_left_the_terminal(self):
        # Its parent is held meanwhile, so that all of it waits when nobody is there any more:
        # more than one read(2) of a terminal gives, and less than the 8192 bytes that one
        # takes at once, or the shell would wait for a reader that it has stopped.
        t = self.terminal("shell", "--", "/bin/sh", "-c",
                          "kill -STOP $PPID; head -c 7000 /dev/zero | tr '\\0' x; echo the e''nd; "
                          "exec </dev/null >/dev/null 2>&1; kill -CONT $PPID; exec sleep 1000")
        t.until("the end")

    def test_the_status_of_a_signal(self):
        t = self.terminal("shell", "--", "/bin/sh", "-c", "kill -9 $$")
        self.assertEqual(t.end()[0], 137)

    def test_a_program_that_is_not_there(self):
        t = self.terminal("shell", "--", "no-such-program")
        status, text = t.end()
        self.assertEqual(status, 127)
        self.assertIn("no-such-program", text)

    def test_a_sigterm_restores_the_terminal_and_ends_the_board_s(self):
        t = self.sh()
        mark = self.board.dir / "alive"
        t.type(f"sh -c 'echo $$ > {mark}; echo st\"\"arted; exec sleep 1000'\n")
        t.until("started")
        self.assertNotEqual(termios.tcgetattr(t.slave), t.before)
        t.process.send_signal(signal.SIGTERM)
        self.assertEqual(t.end()[0], 2)
        self.assertEqual(termios.tcgetattr(t.slave), t.before)
        pid = int(mark.read_text())
        wait_for("the job on the board to be hung up",
                 lambda: not os.path.exists(f"/proc/{pid}"))

    def test_an_agent_that_dies_restores_the_terminal(self):
        t = self.sh()
        self.board.kill_agent()
        status, text = t.end()
        self.assertEqual(status, 2)
        self.assertIn("scratch", text)
        self.assertEqual(termios.tcgetattr(t.slave), t.before)
        self.board.start_agent()

    def test_without_a_terminal(self):
        done = self.board.kferry("shell", check=64)
        self.assertIn("kferry exec -b scratch -- sh", done.err)
        self.board.kferry("shell", "nosuch", check=64)
        self.board.kferry("shell", "scratch", "word", check=64)


class OverSsh(SshCase):
    def test_size_and_status(self):
        t = Terminal(self.board, "shell", "--", "/bin/sh", "-c", "stty size; exit 5",
                     rows=33, columns=99)
        self.addCleanup(t.close)
        t.until("33 99")
        self.assertEqual(t.end()[0], 5)


class Script(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)

    def script(self, text, name="-a script.sh"):
        (self.board.dir / name).write_text(text)
        return name

    def run_script(self, text, *args, check=0, **more):
        return self.board.kferry("exec", "--script", self.script(text), "--", *args,
                                 check=check, **more)

    def test_by_sh_with_arguments_and_status(self):
        done = self.run_script("echo \"$# $1 $2\"; echo wrong >&2; exit 9\n", "-x", "a b", check=9)
        self.assertEqual((done.out, done.err), ("2 -x a b\n", "wrong\n"))

    def test_by_the_program_of_its_first_line(self):
        done = self.run_script("#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:])\n", "--", "x")
        self.assertEqual(done.out, "['--', 'x']\n")
        done = self.run_script("#! /bin/sh -e\nfalse\necho not reached\n", check=1)
        self.assertEqual(done.out, "")

    def test_what_it_runs_does_not_read_it(self):
        done = self.run_script("cat\n" + "echo one\n" * 5000, stdin=b"of the desk")
        self.assertEqual(done.out, "one\n" * 5000)

    def test_a_first_line_that_names_nothing(self):
        for line in ("#!\n", "#!bin/sh\n", "#!/bin/sh\r\n", "#!/bin/sh", "#!/" + "x" * 300 + "\n"):
            done = self.run_script(line + "echo no\n" if line[-1] == "\n" else line, check=64)
            self.assertIn("names no program", done.err)

    def test_what_is_no_script(self):
        for name in ("no-such", ".", "/dev/null"):
            self.board.kferry("exec", "--script", name, check=64)

    def test_input_gets_through_a_flood_that_is_read_slowly(self):
        process = subprocess.Popen(
            [KFERRY, "exec", "--", "sh", "-c", "yes & read -r word; kill $!; echo got $word >&2"],
            env=self.board.environment(), cwd=self.board.dir, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        # All that is between the two is full.
        time.sleep(1)
        process.stdin.write(b"it\n")
        process.stdin.flush()
        end = time.monotonic() + 20 * SCALE
        while os.read(process.stdout.fileno(), 16384):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.002)
        self.assertEqual(process.stderr.read(), b"got it\n")

    def test_an_interpreter_that_the_board_lacks(self):
        done = self.run_script("#!/no/such\n", check=127)
        self.assertIn("/no/such", done.err)

    def test_empty(self):
        self.assertEqual(self.run_script("").text, "")


if __name__ == "__main__":
    tap.main()
