# SPDX-License-Identifier: GPL-2.0-or-later
"""
A mail server on the loopback: aiosmtpd (Debian's python3-aiosmtpd), which keeps what comes in a
Maildir, with the envelope in X-MailFrom and X-RcptTo.
"""

import email
import email.policy
import mailbox
import pathlib
import socket
import subprocess

from scratch import SCALE, wait_for

PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class MailServer:
    def __init__(self, where):
        self.dir = pathlib.Path(where)
        mailbox.Maildir(self.dir, create=True)
        self.port = free_port()
        self.process = subprocess.Popen(
            [PYTHON, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{self.port}",
             "-c", "aiosmtpd.handlers.Mailbox", str(self.dir)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for("the mail server", self.answers, 20)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"aiosmtpd: {self.process.stderr.read().decode()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5 * SCALE) as s:
                return s.recv(64).startswith(b"220")
        except OSError:
            return False

    def mails(self):
        """What came, in the order of the subjects' numbers."""
        found = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                 for path in (self.dir / "new").iterdir()]
        return sorted(found, key=lambda m: m["subject"].split("]")[0])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
