# SPDX-License-Identifier: GPL-2.0-or-later
"""A private OpenSSH server on loopback, with keys of its own, for the user running the tests."""

import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from scratch import wait_for


class Sshd:
    def __init__(self, where, extra=""):
        self.dir = pathlib.Path(where)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.user = getpass.getuser()
        self.process = None
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.key = self.make_key("client")
        (self.dir / "authorized_keys").write_text((self.dir / "client.pub").read_text())
        self.new_host_key()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        (self.dir / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.dir}/host\n"
            f"AuthorizedKeysFile {self.dir}/authorized_keys\nPidFile {self.dir}/pid\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n{extra}\n")

    def make_key(self, name):
        path = self.dir / name
        for old in (path, path.with_suffix(".pub")):
            old.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def new_host_key(self):
        self.host_key = (self.make_key("host").with_suffix(".pub")).read_text().split()[:2]

    def known_hosts(self):
        return f"[127.0.0.1]:{self.port} {' '.join(self.host_key)}\n"

    def start(self):
        log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(
            [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f",
             self.dir / "sshd_config"], stderr=log, stdout=log)

        def answers():
            with socket.socket() as s:
                try:
                    s.connect(("127.0.0.1", self.port))
                    return s.recv(4) == b"SSH-"
                except OSError:
                    return False
        wait_for("sshd", answers)

    def connections(self):
        """The processes that serve one connection each."""
        pid = self.process.pid
        return [int(p) for p in
                pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def drop(self, sig=signal.SIGKILL):
        """End all connections, or what else the signal does."""
        for pid in self.connections():
            os.kill(pid, sig)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None
