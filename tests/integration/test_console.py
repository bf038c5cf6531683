#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry console: pipes, terminals, the escape key, and who has it."""

import os
import pathlib
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from consoles import Line, Server, free_udp_port, send_datagrams  # noqa: E402
from scratch import KFERRY, SCALE, Board, wait_for  # noqa: E402

EVIL = b"\x1b[2J\x1b]0;evil\x07red\0\xff caf\xc3\xa9\r\n"
SAFE = rb"\x1b[2J\x1b]0;evil\x07red\x00\xff caf" + b"\xc3\xa9\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.closing = []

    def tearDown(self):
        self.board.close()
        for thing in self.closing:
            thing.close()

    def use(self, thing):
        self.closing.append(thing)
        self.console(thing.spec)
        return thing

    def console(self, spec):
        self.board.write_config(f"console = {spec}")

    def child(self, *args, **how):
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **how}
        return subprocess.Popen([KFERRY, "console", *args], env=self.board.environment(),
                                cwd=self.board.dir, **how)

    def end(self, child, status=0):
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=20 * SCALE)
        self.assertEqual(child.returncode, status, err)
        return out, err


class Pipes(Case):
    def test_both_ways(self):
        self.console("exec:sh -c 'read line; printf \"got %s\\n\" \"$line\"'")
        done = self.board.kferry("console", "scratch", stdin=b"hello\n", check=0)
        self.assertEqual(done.out, "got hello\n")
        self.assertIn("console of scratch: exec sh", done.err)

    def test_bytes_are_exact_in_a_pipe_and_in_the_log(self):
        server = self.use(Server())
        child = self.child("--log", "copy")
        server.wait("a client", lambda: server.clients == 1)
        data = bytes(range(256)) * 4000
        server.say(data)
        got = b""
        while len(got) < len(data):
            got += os.read(child.stdout.fileno(), 65536)
        self.assertEqual(got, data)
        child.stdin.write(data)
        child.stdin.flush()
        server.wait("all of it", lambda: len(server.typed) == len(data))
        self.assertEqual(server.typed, data)
        self.end(child)
        self.assertEqual((self.board.dir / "copy").read_bytes(), data)

    def test_safe_escapes_a_pipe_too(self):
        server = self.use(Server())
        child = self.child("--safe", "--read-only")
        server.wait("a client", lambda: server.clients == 1)
        server.say(EVIL)
        server.hang_up()
        out, err = child.communicate(timeout=20 * SCALE)
        self.assertEqual(out, SAFE)
        self.assertEqual(child.returncode, 2)
        self.assertIn(b"the far side closed tcp 127.0.0.1", err)

    def test_read_only_sends_nothing(self):
        line = self.use(Line())
        child = self.child("--read-only")
        child.stdin.write(b"rm -rf /\n")
        child.stdin.flush()
        line.say(b"prompt\r\n")
        self.assertEqual(child.stdout.readline(), b"prompt\r\n")
        self.end(child)
        self.assertEqual(line.hear(0.3), b"")

    def test_nobody_reads(self):
        server = self.use(Server())
        child = self.child("--read-only")
        server.wait("a client", lambda: server.clients == 1)
        child.stdout.close()
        server.say(b"x\n")
        self.assertEqual(child.wait(timeout=20 * SCALE), 128 + 13)
        child.stdin.close()
        child.stderr.close()

    def test_datagrams(self):
        port = free_udp_port()
        self.console(f"netconsole:{port}")
        child = self.child()
        wait_for("the port", lambda: f":{port:04X} " in pathlib.Path("/proc/net/udp6").read_text()
                 + pathlib.Path("/proc/net/udp").read_text())
        send_datagrams(port, [b"6.1.0,6,1,1500000,-;extended\n", b"basic\n"])
        self.assertEqual(child.stdout.readline(), b"<6>[    1.500000] extended\n")
        self.assertEqual(child.stdout.readline(), b"basic\n")
        _, err = self.end(child)
        self.assertIn(b", read only", err)


class Lines(Case):
    def test_the_line_is_set(self):
        line = self.use(Line(baud=9600))
        child = self.child("--read-only")
        line.say(b"x\n")
        child.stdout.readline()
        iflag, oflag, cflag, lflag, ispeed, ospeed, _ = termios.tcgetattr(line.slave)
        self.assertEqual((ispeed, ospeed), (termios.B9600, termios.B9600))
        self.assertEqual(cflag & termios.CSIZE, termios.CS8)
        self.assertFalse(cflag & (termios.PARENB | termios.CSTOPB | termios.HUPCL))
        self.assertFalse(lflag & (termios.ICANON | termios.ECHO | termios.ISIG))
        self.assertFalse(oflag & termios.OPOST)
        self.assertFalse(iflag & (termios.IXON | termios.ICRNL))
        self.end(child)

    def test_only_one_has_it(self):
        line = self.use(Line())
        child = self.child("--read-only")
        line.say(b"x\n")
        child.stdout.readline()
        done = self.board.kferry("console", check=75)
        self.assertIn(f"in use by kferry console scratch (pid {child.pid})", done.err)
        # Another name of the same device is no other console.
        other = self.board.dir / "ttyX"
        other.symlink_to(line.device)
        self.console(f"serial:{other},9600")
        self.assertIn("in use by", self.board.kferry("console", check=75).err)
        self.end(child)
        self.console("serial:" + line.device)
        child = self.child("--read-only")
        line.say(b"y\n")
        self.assertEqual(child.stdout.readline(), b"y\n")
        self.end(child)

    def test_what_cannot_be_opened(self):
        for spec, status, why in (
                ("serial:/dev/null", 2, "no serial line"),
                ("serial:/nonexistent", 2, "No such file"),
                ("tcp:127.0.0.1:1", 2, "Connection refused"),
                ("exec:/nonexistent/program", 2, "start the console's program"),
                ("tcp:host:0", 2, "1 to 65535"),
                ("", 2, "it has no console")):
            self.console(spec)
            done = self.board.kferry("console", check=status)
            self.assertIn(why, done.err, spec)

    def test_words_that_are_wrong(self):
        self.board.kferry("console", "a", "b", check=64)
        self.board.kferry("console", "--baud", check=64)
        self.board.kferry("--json", "console", check=64)
        self.board.kferry("console", "nobody", check=64)


class Terminals(Case):
    def terminal(self, *args):
        """kferry on a terminal of its own; its process and the terminal's master."""
        master, slave = pty.openpty()
        child = self.child(*args, stdin=slave, stdout=slave, stderr=slave,
                           start_new_session=True)
        self.saved = termios.tcgetattr(slave)
        self.slave = slave
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        return child, master

    @staticmethod
    def read(master, until, seconds=20.0):
        got, end = b"", time.monotonic() + seconds * SCALE
        while until not in got:
            if time.monotonic() > end:
                raise AssertionError(f"{until} is not in {got}")
            if select.select([master], [], [], 0.1)[0]:
                got += os.read(master, 4096)
        return got

    def test_bytes_pass_as_they_are_and_the_key_leaves(self):
        line = self.use(Line())
        child, master = self.terminal()
        shown = self.read(master, b"? shows this")
        self.assertIn(b"Ctrl-]", shown)
        wait_for("a raw terminal", lambda: not termios.tcgetattr(self.slave)[3] & termios.ICANON)
        line.say(EVIL)
        self.assertIn(EVIL, self.read(master, b"caf\xc3\xa9\r\n"))
        # Ctrl-C is the board's.
        os.write(master, b"ls\x03\x1d]\r")
        self.assertEqual(line.hear(until=b"\r"), b"ls\x03\x1d\r")
        os.write(master, b"\x1d?")
        self.read(master, b"sends a break")
        os.write(master, b"more\x1dqlost")
        self.assertEqual(child.wait(timeout=20 * SCALE), 0)
        self.assertEqual(line.hear(until=b"more"), b"more")
        self.assertEqual(termios.tcgetattr(self.slave), self.saved)

    def test_a_terminal_that_only_shows_is_safe(self):
        for args in (("--read-only",), ("--safe",)):
            line = self.use(Line())
            child, master = self.terminal(*args)
            self.read(master, b"? shows this" if args == ("--safe",) else b", read only")
            line.say(EVIL)
            self.assertIn(SAFE.replace(b"\n", b"\r\n"), self.read(master, b"caf\xc3\xa9\r\n"))
            child.terminate()
            self.assertEqual(child.wait(timeout=20 * SCALE), 0)

    def test_under_tmux(self):
        if not shutil.which("tmux"):
            self.skipTest("tmux is not installed")
        server = self.use(Server())
        sock = self.board.dir / "tmux"
        env = dict(self.board.environment(), TERM="xterm")

        def tmux(*args):
            return subprocess.run(["tmux", "-f", "/dev/null", "-S", str(sock), *args], env=env,
                                  check=True, capture_output=True, text=True).stdout

        def screen():
            return tmux("capture-pane", "-p", "-t", "t")

        tmux("new-session", "-d", "-s", "t", "-x", "120", "-y", "30",
             shlex.join([str(KFERRY), "console"]) + "; echo left with $?; cat")
        try:
            server.wait("a client", lambda: server.clients == 1)
            wait_for("the key's line", lambda: "Ctrl-] and then" in screen())
            server.say(b"\x1b[2J\x1b[5;10Hboard login: ")
            wait_for("the prompt where it belongs",
                     lambda: screen().splitlines()[4:5] == [" " * 9 + "board login:"])
            tmux("send-keys", "-t", "t", "-l", "root")
            tmux("send-keys", "-t", "t", "Enter")
            server.wait("what was typed", lambda: server.typed == b"root\r")
            tmux("send-keys", "-t", "t", "C-]", "b")
            wait_for("an answer", lambda: "this console has no break" in screen())
            tmux("send-keys", "-t", "t", "C-]", "q")
            wait_for("the end", lambda: "left with 0" in screen())
        finally:
            subprocess.run(["tmux", "-S", str(sock), "kill-server"], check=False)


if __name__ == "__main__":
    tap.main()
