# SPDX-License-Identifier: GPL-2.0-or-later
"""A scratch board behind a real sshd, for tests of what goes over the ssh link."""

import unittest

from scratch import KFERRYD, SCALE, Board
from sshd import Sshd


class SshCase(unittest.TestCase):
    SSHD = ""  # further lines of sshd's configuration

    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.sshd = Sshd(self.board.dir / "sshd", self.SSHD)
        self.sshd.start()
        self.addCleanup(self.sshd.stop)
        self.port = self.sshd.port
        self.known_hosts = self.board.dir / "known_hosts"
        self.trust_host_key()
        agent = self.board.dir / "kferryd"
        agent.write_text(f"#!/bin/sh\nexec {KFERRYD} --root {self.board.root} \"$@\"\n")
        agent.chmod(0o755)
        self.agent = agent
        self.configure()

    def trust_host_key(self):
        self.known_hosts.write_text(
            self.sshd.known_hosts().replace(f":{self.sshd.port}", f":{self.port}"))

    def configure(self, **changed):
        keys = {"link": "ssh", "host": "127.0.0.1", "port": self.port,
                "user": self.sshd.user, "identity": self.sshd.key,
                "known_hosts": self.known_hosts, "profile": "x86-64",
                "agent.path": self.agent, "kernel.initramfs": "none",
                "timeout.connect": int(10 * SCALE)}
        keys.update({k.replace("__", "."): v for k, v in changed.items()})
        body = "".join(f"{k} = {v}\n" for k, v in keys.items())
        self.board.config_file.write_text(
            f"[board]\ndefault = scratch\n\n[run]\ndir = {self.board.dir}/runs\n\n"
            f"[board scratch]\n{body}")
