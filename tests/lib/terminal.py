# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry where a person would type: on a pseudo terminal of the test's."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from scratch import KFERRY, SCALE


class Terminal:
    """board: whose environment and directory it is called in, a Board or a Desk."""

    def __init__(self, board, *args, rows=24, columns=80, cwd=None, **env):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.seen = b""

        def own():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            [KFERRY, *args], stdin=slave, stdout=slave, stderr=slave, preexec_fn=own,
            env=dict(board.environment(), TERM="vt100", **env), cwd=cwd or board.dir)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds=0.05):
        if select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536)
            return True
        return False

    def until(self, text):
        """Read until the text was written; what came up to its end."""
        end = time.monotonic() + 20 * SCALE
        while text.encode() not in self.seen:
            if time.monotonic() > end:
                raise AssertionError(f"no {text!r} in {self.seen[-2000:]!r}")
            self.read(0.5)
        head, self.seen = self.seen.split(text.encode(), 1)
        return (head + text.encode()).decode(errors="replace")

    def end(self):
        """Its exit status, and all that was written."""
        end = time.monotonic() + 20 * SCALE
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"kferry does not end; it wrote {self.seen[-2000:]!r}")
            self.read()
        while self.read():
            pass
        return self.process.returncode, self.seen.decode(errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
