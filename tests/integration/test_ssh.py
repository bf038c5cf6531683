#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The ssh link against a real sshd: deploys, host keys, logins and boards that are not there."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import SCALE, Package  # noqa: E402
from sshcase import SshCase  # noqa: E402


class Ssh(SshCase):
    def deploy(self, status=0):
        package = Package(files={"boot/System.map": os.urandom(3000000)})
        package.file = package.write(self.board.dir / "p.kferry")
        done = self.board.kferry("deploy", "--from", package.file, check=status)
        return package, done

    def test_deploy(self):
        package, _ = self.deploy()
        self.assertEqual(self.board.boot_log, ["foreign", package.slot()])

    def test_agent_knows_the_login_by_its_name(self):
        self.board.kferry("board", "info", check=0)
        self.assertIn(f'session-start holder="{self.sshd.user} (uid', self.board.agent_log())

    def test_exec_status_and_bytes(self):
        data = os.urandom(1 << 20)
        done = self.board.kferry("exec", "--", "/bin/cat", stdin=data, check=0)
        self.assertEqual(done.stdout, data)
        self.assertEqual(self.board.kferry("exec", "--", "/bin/false").returncode, 1)

    def test_a_board_that_is_back_is_noticed_at_once(self):
        """A reset: nobody answers for a while, then sshd, then the agent."""
        times = {}

        def boot(slot):
            self.sshd.stop()
            times["down"] = time.time()
            time.sleep(3)
            # The kernel begins here: the age of this file is the scratch board's uptime.
            os.utime(self.board.root / "proc/sys/kernel/random/boot_id")
            with open(self.board.root / "dev/kmsg", "a") as log:
                log.write("6,2,700000,-;Run /sbin/init as init process\n")
            self.sshd.start()
            time.sleep(1)
            times["agent"] = time.time()
        self.board.on_boot = boot
        done = self.board.kferry("--json", "reboot", check=0)
        back = time.time()
        event, = [e for e in map(json.loads, done.out.splitlines()) if e["event"] == "reboot"]
        parts = event["timeline"]
        # Starting the scratch agent, a login and the answer are in it.
        self.assertLess(back - times["agent"], 5 * SCALE)
        self.assertGreater(parts["firmware_ms"], 500)
        self.assertEqual(parts["kernel_ms"], 700)
        self.assertGreater(parts["userspace_ms"], 200)
        self.assertLessEqual(sum(parts.values()), event["took_ms"] + 500)
        self.assertIn("(down ", event["text"])

    def test_unknown_host_key_is_refused_with_its_fingerprint(self):
        self.known_hosts.write_text("")
        _, done = self.deploy(status=2)
        self.assertIn("SHA256:", done.err)
        self.assertEqual(self.known_hosts.read_text(), "")
        self.assertEqual(self.board.slots(), [])

    def test_changed_host_key_has_its_own_message(self):
        self.sshd.stop()
        self.sshd.new_host_key()
        self.sshd.start()
        before = self.known_hosts.read_text()
        _, done = self.deploy(status=2)
        self.assertIn("changed", done.err)
        self.assertIn("ssh-keygen -R", done.err)
        self.assertEqual(self.known_hosts.read_text(), before)

    def test_login_refused_is_said(self):
        (self.sshd.dir / "authorized_keys").write_text("")
        _, done = self.deploy(status=2)
        self.assertIn(self.sshd.user, done.err)

    def test_no_agent_on_the_board_names_setup(self):
        self.configure(agent__path="/nonexistent/kferryd")
        _, done = self.deploy(status=2)
        self.assertIn("board setup", done.err)

    def test_unreachable_board_fails_before_building(self):
        self.sshd.stop()
        tree = self.board.dir / "tree"
        (tree / "scripts").mkdir(parents=True)
        (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nall:\n\ttouch built\n")
        done = self.board.kferry("bd", check=2, cwd=tree)
        self.assertIn("127.0.0.1", done.err)
        self.assertFalse((tree / "built").exists())

    def test_silent_host_ends_at_the_connect_timeout(self):
        """A host that accepts and never says a word."""
        self.configure(timeout__connect=2)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(8)
            self.configure(timeout__connect=2, port=s.getsockname()[1])
            began = time.monotonic()
            done = self.board.kferry("dmesg", check=2)
            self.assertLess(time.monotonic() - began, 15 * SCALE)
            self.assertIn("127.0.0.1: no answer in time (timeout.connect)", done.err)

    def test_forced_command_gives_the_key_its_identity(self):
        public = (self.sshd.dir / "client.pub").read_text()
        (self.sshd.dir / "authorized_keys").write_text(
            f'restrict,command="{self.agent} stdio --as alice" {public}')
        self.deploy()
        self.assertIn("alice", self.board.agent_log())

    def test_nothing_of_the_board_reaches_the_shell(self):
        done = self.board.kferry("exec", "--", "/bin/echo", "$(touch pwned); `id`", "'\"")
        self.assertEqual(done.out, "$(touch pwned); `id` '\"\n")


if __name__ == "__main__":
    if subprocess.run(["sh", "-c", "command -v sshd || test -x /usr/sbin/sshd"],
                      capture_output=True, check=False).returncode:
        print("openssh-server is not installed")
        sys.exit(77)
    tap.main()
