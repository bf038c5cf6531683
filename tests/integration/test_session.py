#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry session against a real sshd: who uses it, who does not, and how it ends."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRY, SCALE, Package, wait_for  # noqa: E402
from slowlink import Link  # noqa: E402
from sshcase import SshCase  # noqa: E402


def processor_time(pid):
    """Seconds of it that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


class SessionCase(SshCase):
    def setUp(self):
        super().setUp()
        # All connections are made by way of this, so that they can be counted.
        self.line = Link("127.0.0.1", self.sshd.port)
        self.addCleanup(self.line.close)
        self.port = self.line.port
        self.trust_host_key()
        self.configure()
        self.runtime = self.board.dir / "run"
        self.runtime.mkdir(mode=0o700)
        self.place = self.runtime / "kferry"
        self.env = {"XDG_RUNTIME_DIR": str(self.runtime)}
        self.addCleanup(self.end_all)

    def end_all(self):
        for pid in [s["pid"] for s in self.sessions()]:
            os.kill(pid, signal.SIGCONT)
        self.kferry("session", "stop", "--all")

    def kferry(self, *args, **more):
        return self.board.kferry(*args, env=self.env, **more)

    def start(self):
        self.kferry("session", "start", check=0)
        session, = self.sessions()
        return session["pid"]

    def sessions(self):
        if self.place.exists() and self.place.stat().st_mode & 0o077:
            return []
        done = self.kferry("--json", "session", "list", check=0)
        return [e for e in map(json.loads, done.out.splitlines()) if e["event"] == "session"]

    def state(self):
        return [s["state"] for s in self.sessions()]

    def echo(self, *options):
        return self.kferry(*options, "exec", "--", "/bin/echo", "hi", check=0)

    def assert_direct(self, why=""):
        before = self.line.connections
        done = self.echo("-v")
        self.assertIn("directly: " + why, done.err)
        self.assertEqual(done.out, "hi\n")
        self.assertEqual(self.line.connections, before + 1)

    def assert_by_session(self):
        before = self.line.connections
        done = self.echo("-v")
        self.assertIn("by the session of pid", done.err)
        self.assertEqual(done.out, "hi\n")
        self.assertEqual(self.line.connections, before)

    def child(self, *args, **more):
        """A kferry that goes on."""
        return subprocess.Popen([str(KFERRY), *args], env=self.board.environment(self.env),
                                cwd=self.board.dir, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


class Use(SessionCase):
    def test_a_deploy_is_one_connection_in_all(self):
        self.start()
        package = Package(files={"boot/System.map": os.urandom(3000000)})
        file = package.write(self.board.dir / "p.kferry")
        self.kferry("deploy", "--no-reboot", "--from", file, check=0)
        self.assertEqual(self.line.connections, 1)
        # The wait for a reboot looks at the port, and logs in nowhere.
        done = self.kferry("-v", "deploy", "--from", file, check=0)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot()])
        self.assertEqual(done.err.count("by the session"), 2, done.err)
        self.assertNotIn("directly", done.err)

    def test_commands_say_by_what_only_when_asked(self):
        self.assert_direct("there is no session")
        self.assertEqual(self.echo().err, "")
        self.start()
        self.assert_by_session()
        self.assertEqual(self.echo().err, "")

    def test_big_data_both_ways(self):
        self.start()
        data = os.urandom(12 << 20)
        done = self.kferry("exec", "--", "/bin/cat", stdin=data, check=0)
        self.assertEqual(done.stdout, data)

    def test_status_and_stderr_come_through(self):
        self.start()
        done = self.kferry("exec", "--", "/bin/sh", "-c", "echo no >&2; exit 7", check=7)
        self.assertEqual(done.err, "no\n")

    def test_two_commands_at_once(self):
        self.start()
        data = os.urandom(2 << 20)
        slow = [self.child("exec", "--", "/bin/sh", "-c", f"echo {i}; sleep 1; echo {i}")
                for i in range(4)]
        done = self.kferry("exec", "--", "/bin/cat", stdin=data, check=0)
        self.assertEqual(done.stdout, data)
        for i, p in enumerate(slow):
            out, err = p.communicate(timeout=30 * SCALE)
            self.assertEqual((out, err, p.returncode), (f"{i}\n{i}\n", "", 0))
        self.assertEqual(self.line.connections, 1)

    def test_one_that_does_not_read_holds_nobody_up(self):
        """A client that is stopped: its channel's window fills, the others go on."""
        pid = self.start()
        stuck = self.child("exec", "--", "/bin/cat", "/dev/zero")
        os.set_blocking(stuck.stdout.fileno(), False)
        self.addCleanup(stuck.wait)
        self.addCleanup(stuck.kill)
        wait_for("its pipe to fill", lambda: self.sessions()[0]["channels"] == 1)
        time.sleep(1)
        self.assert_by_session()
        before = processor_time(pid)
        time.sleep(1)
        self.assertLess(processor_time(pid) - before, 0.2)
        resident = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
        self.assertLess(resident, 300 << 20)  # the sanitizers' own memory is in it

    def test_ctrl_c_ends_the_command_and_not_the_session(self):
        self.start()
        p = self.child("exec", "--", "/bin/sh", "-c", "echo begun; exec sleep 600",
                       start_new_session=True)
        self.assertEqual(p.stdout.readline(), "begun\n")
        os.killpg(p.pid, signal.SIGINT)
        p.communicate(timeout=20 * SCALE)
        self.assertEqual(p.returncode, -signal.SIGINT)
        wait_for("its channel to be closed", lambda: self.sessions()[0]["channels"] == 0)
        self.assert_by_session()

    def test_session_auto_starts_one(self):
        self.configure(session__auto="yes")
        self.assertIn("by the session", self.echo("-v").err)
        self.assert_by_session()
        self.assertEqual(self.line.connections, 1)

    def test_two_starts_make_one(self):
        both = [self.child("session", "start") for _ in range(2)]
        for p in both:
            out, err = p.communicate(timeout=30 * SCALE)
            self.assertEqual(p.returncode, 0, out + err)
        self.assertEqual(len(self.sessions()), 1)
        self.assertIn("has one already", self.kferry("session", "start", check=0).text)

    def test_options_count_for_the_session(self):
        self.kferry("-o", "session.idle=77s", "session", "start", check=0)
        self.assertEqual(self.sessions()[0]["idle_limit_ms"], 77000)

    def test_no_agent_names_setup(self):
        self.start()
        self.configure(agent__path="/nonexistent/kferryd")
        done = self.kferry("exec", "--", "/bin/true", check=2)
        self.assertIn("board setup", done.err)
        self.assertEqual(self.line.connections, 1)


class Few(SessionCase):
    SSHD = "MaxSessions 1"

    def test_where_the_server_opens_no_more_channels(self):
        self.start()
        p = self.child("exec", "--", "/bin/cat", "/dev/zero")
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        p.stdout.read(1)
        self.assert_direct("the session refused")


class Wrong(SessionCase):
    """What decides who is talked to must be the same."""

    def test_another_user_port_identity_or_policy_is_another_target(self):
        self.start()
        other = self.sshd.make_key("other")
        with open(self.sshd.dir / "authorized_keys", "a") as file:
            file.write((self.sshd.dir / "other.pub").read_text())
        copy = self.board.dir / "copy"
        copy.write_text(self.known_hosts.read_text())
        self.assert_by_session()
        for changed in ({"identity": other}, {"known_hosts": copy}, {"host": "localhost"}):
            with self.subTest(changed):
                if "host" in changed:
                    copy.write_text(self.known_hosts.read_text().replace("127.0.0.1", "localhost"))
                    changed["known_hosts"] = copy
                self.configure(**changed)
                self.assert_direct("there is no session")
        self.configure(host_key_sha256="SHA256:" + "A" * 43)
        self.assertIn("host key", self.kferry("exec", "--", "/bin/true", check=2).err)
        self.configure()
        self.assert_by_session()

    def test_a_host_key_that_is_no_longer_known_ends_it(self):
        pid = self.start()
        self.known_hosts.write_text("")
        done = self.kferry("exec", "--", "/bin/true", check=2)
        self.assertIn("is not known", done.err)
        wait_for("its end", lambda: not is_alive(pid))

    def test_a_directory_that_others_can_enter_is_refused(self):
        self.place.mkdir(mode=0o700)
        self.place.chmod(0o755)
        done = self.kferry("session", "start", check=2)
        self.assertIn("chmod 0700", done.err)
        self.assert_direct(str(self.place))
        self.assertEqual(list(self.place.iterdir()), [])

    def test_a_directory_that_is_a_link_is_refused(self):
        (self.board.dir / "elsewhere").mkdir(mode=0o700)
        self.place.symlink_to(self.board.dir / "elsewhere")
        self.kferry("session", "start", check=2)
        self.assert_direct()
        self.place.unlink()

    def test_a_directory_of_another_user_is_refused(self):
        if os.geteuid():
            self.skipTest("only root can give a directory away")
        self.place.mkdir(mode=0o700)
        os.chown(self.place, 12345, 12345)
        self.addCleanup(os.chown, self.place, 0, 0)
        done = self.kferry("session", "start", check=2)
        self.assertIn("uid 12345", done.err)
        self.assert_direct(str(self.place))

    def test_only_the_user_gets_at_the_socket(self):
        self.start()
        socket, = self.place.iterdir()
        self.assertEqual(socket.stat().st_mode & 0o7777, 0o600)
        self.assertEqual(self.place.stat().st_mode & 0o7777, 0o700)

    def test_start_says_what_is_wrong(self):
        self.known_hosts.write_text("")
        self.assertIn("SHA256:", self.kferry("session", "start", check=2).err)
        self.sshd.stop()
        self.assertIn("127.0.0.1", self.kferry("session", "start", check=2).err)
        self.configure(link="exec:/bin/false")
        self.assertIn("only ssh", self.kferry("session", "start", check=2).err)
        self.assertEqual(self.sessions(), [])
        self.kferry("session", "start", "nobody", check=64)


class Ends(SessionCase):
    def test_stop(self):
        pid = self.start()
        self.kferry("session", "stop", check=0)
        self.assertEqual(list(self.place.iterdir()), [])
        self.assert_direct("there is no session")
        self.assertIn("no session", self.kferry("session", "stop", check=0).text)
        wait_for("its end", lambda: not is_alive(pid))

    def test_idle(self):
        self.configure(session__idle=2)
        pid = self.start()
        p = self.child("exec", "--", "/bin/sleep", "4")
        p.communicate(timeout=30 * SCALE)
        self.assertTrue(is_alive(pid))
        wait_for("its end", lambda: not is_alive(pid))
        self.assertEqual(list(self.place.iterdir()), [])

    def test_killed_in_the_middle_of_a_command(self):
        pid = self.start()
        p = self.child("exec", "--", "/bin/sh", "-c", "echo begun; exec sleep 600")
        self.assertEqual(p.stdout.readline(), "begun\n")
        os.kill(pid, signal.SIGKILL)
        _, err = p.communicate(timeout=20 * SCALE)
        self.assertEqual(p.returncode, 2)
        self.assertIn("connection was lost", err)
        self.assert_direct("there is no session")
        self.assertEqual(self.sessions(), [])
        self.start()
        self.assert_by_session()

    def test_a_process_that_hangs_is_passed_by_and_stopped(self):
        pid = self.start()
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        self.assert_direct("the session does not answer")
        self.assertLess(time.monotonic() - began, 8 * SCALE)
        self.assertEqual(self.sessions()[0]["state"], "no answer")
        self.kferry("session", "stop", check=0)
        wait_for("its end", lambda: not is_alive(pid))
        self.assertEqual(self.sessions(), [])

    def test_a_server_that_hangs_is_passed_by(self):
        self.start()
        self.sshd.drop(signal.SIGSTOP)
        began = time.monotonic()
        self.assert_direct("the session does not answer")
        self.assertLess(time.monotonic() - began, 8 * SCALE)
        # From now on everybody knows.
        self.assertEqual(self.state(), ["silent"])
        began = time.monotonic()
        self.assert_direct("the session refused")
        self.assertLess(time.monotonic() - began, 2.5 * SCALE)
        self.sshd.drop(signal.SIGCONT)
        wait_for("it to answer again", lambda: self.state() == ["up"])
        self.assert_by_session()

    def test_connection_lost_in_the_middle_of_a_command(self):
        self.start()
        p = self.child("exec", "--", "/bin/sh", "-c", "echo begun; exec sleep 600")
        self.assertEqual(p.stdout.readline(), "begun\n")
        self.sshd.drop()
        _, err = p.communicate(timeout=20 * SCALE)
        self.assertEqual(p.returncode, 2)
        self.assertIn("connection was lost", err)

    def test_a_server_that_comes_back_is_connected_to_again(self):
        self.start()
        self.sshd.drop()
        self.sshd.stop()
        wait_for("it to notice", lambda: self.state() in (["down"], ["login"]))
        self.kferry("exec", "--", "/bin/true", check=2)
        self.sshd.start()
        self.assertIn("refused: the connection was lost", self.echo("-v").err)
        wait_for("it to be back", lambda: self.state() == ["up"], 30)
        self.assert_by_session()

    def test_another_host_key_at_the_return_ends_it(self):
        pid = self.start()
        self.sshd.drop()
        self.sshd.stop()
        self.sshd.new_host_key()
        self.sshd.start()
        wait_for("its end", lambda: not is_alive(pid), 30)
        self.assertEqual(list(self.place.iterdir()), [])

    def test_a_reboot_is_not_waited_for_on_an_old_connection(self):
        self.start()

        def boot(slot):
            self.sshd.drop(signal.SIGSTOP)  # nobody says good-bye
            dead = self.sshd.connections()
            self.sshd.stop()
            time.sleep(2)
            for pid in dead:
                os.kill(pid, signal.SIGKILL)
            self.sshd.start()
        self.board.on_boot = boot
        began = time.monotonic()
        self.kferry("reboot", check=0)
        self.assertLess(time.monotonic() - began, 12 * SCALE)
        wait_for("the session to be back", lambda: self.state() == ["up"], 30)
        self.assert_by_session()


if __name__ == "__main__":
    if subprocess.run(["sh", "-c", "command -v sshd || test -x /usr/sbin/sshd"],
                      capture_output=True, check=False).returncode:
        print("openssh-server is not installed")
        sys.exit(77)
    tap.main()
