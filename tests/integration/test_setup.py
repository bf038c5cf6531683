#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# level: full
"""board add and board setup over a real sshd, onto a board that is a busybox root."""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRY, KFERRYD, SCALE, TOP, wait_for  # noqa: E402
from sshd import Sshd  # noqa: E402

# Each command gets its own view of the mounts, so nothing is left mounted.
ENTER = """#!/bin/sh
# A board of another processor says so; busybox prefers its own uname to one in PATH.
[ ! -e {root}/machine ] ||
	SSH_ORIGINAL_COMMAND=$(printf %s "$SSH_ORIGINAL_COMMAND" | sed 's|uname -m|cat /machine|')
exec unshare -m sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -c \
"PATH=/bin:/sbin; export PATH; $2"' enter {root} "$SSH_ORIGINAL_COMMAND"
"""

SUDO = """#!/bin/sh
# As sudo does it: -n fails where a password is needed; -S reads one line.
echo "$*" >> /sudo-calls
while :; do
	case $1 in
	-n) echo "sudo: a password is required" >&2; exit 1 ;;
	-p) shift 2 ;;
	-S) read -r password; [ "$password" = secret ] || { echo "sudo: wrong" >&2; exit 1; }
		shift ;;
	--) shift; break ;;
	-*) shift ;;
	*) break ;;
	esac
done
exec "$@"
"""


SYSTEMCTL = """#!/bin/sh
units=/etc/systemd/system
case "$*" in
*is-enabled*|*is-active*) exit 1 ;;
*enable*)
	for unit; do :; done
	for target in $(sed -n 's/^WantedBy=//p' $units/$unit); do
		mkdir -p $units/$target.wants
		ln -s ../$unit $units/$target.wants/$unit
	done ;;
esac
"""


class Setup(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.root = self.dir / "board"
        for sub in ("bin", "sbin", "etc/init.d", "tmp", "proc", "dev", "run", "sys", "root",
                    "var/lib", "usr/local/sbin"):
            (self.root / sub).mkdir(parents=True)
        busybox = shutil.which("busybox")
        shutil.copy(busybox, self.root / "bin/busybox")
        applets = subprocess.run([busybox, "--list"], capture_output=True, check=True)
        for name in applets.stdout.decode().split():
            if name != "busybox":
                (self.root / "bin" / name).symlink_to("busybox")
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\n")
        os.mknod(self.root / "dev/null", 0o20666, os.makedev(1, 3))
        enter = self.dir / "enter"
        enter.write_text(ENTER.format(root=self.root))
        enter.chmod(0o755)
        self.sshd = Sshd(self.dir / "sshd", extra=f"ForceCommand {enter}")
        self.sshd.start()
        self.addCleanup(self.sshd.stop)
        self.home = self.dir / "home"
        self.config = self.home / ".config/kferry/config.ini"
        self.agents = self.dir / "agents"
        self.agents.mkdir()
        machine = os.uname().machine
        shutil.copy(TOP / "build/static/kferryd", self.agents / f"kferryd-{machine}")
        self.env = dict(os.environ, HOME=str(self.home),
                        XDG_CONFIG_HOME=str(self.home / ".config"),
                        KFERRY_CACHE=str(self.dir / "cache"),
                        KF_PROFILE_PATH=str(TOP / "boards"), KF_AGENT_DIR=str(self.agents))
        self.addCleanup(self.stop_agent)
        text = subprocess.run(["ssh-keygen", "-lf", self.sshd.dir / "host.pub"],
                              capture_output=True, check=True).stdout.decode()
        self.fingerprint = re.search(r"SHA256:\S+", text).group()
        (self.dir / "known_hosts").write_text("")

    def stop_agent(self):
        pidfile = self.root / "run/kferry/supervisor.pid"
        if pidfile.exists() and pathlib.Path(f"/proc/{pidfile.read_text().strip()}").exists():
            os.kill(int(pidfile.read_text()), signal.SIGTERM)
            wait_for("the agent's end", lambda: not pathlib.Path(
                f"/proc/{pidfile.read_text().strip()}").exists())

    def args(self, *args):
        return [str(KFERRY), "-o", f"board.known_hosts={self.dir}/known_hosts",
                *map(str, args)]

    def kferry(self, *args, check=None):
        """Without a terminal."""
        done = subprocess.run(self.args(*args), env=self.env, cwd=self.dir, check=False,
                              capture_output=True, start_new_session=True, timeout=120 * SCALE,
                              stdin=subprocess.DEVNULL)
        text = (done.stdout + done.stderr).decode(errors="replace")
        if check is not None:
            self.assertEqual(done.returncode, check, text)
        return text

    def on_terminal(self, answers, *args):
        """Each answer is (what it waits for, what it types); exit status and text."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execve(KFERRY, self.args(*args), self.env)
        text, at, answers = "", 0, list(answers)
        end = time.monotonic() + 60 * SCALE
        while time.monotonic() < end:
            if not select.select([fd], [], [], 1)[0]:
                continue
            try:
                text += os.read(fd, 4096).decode(errors="replace")
            except OSError:
                break
            if answers and answers[0][0] in text[at:]:
                at = len(text)
                os.write(fd, (answers.pop(0)[1] + "\n").encode())
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text

    def add(self, *more):
        return ("board", "add", "b", f"{self.sshd.user}@127.0.0.1:{self.sshd.port}",
                "--identity", self.sshd.key, "--profile", "x86-64", *more)

    def test_setup_is_complete_and_does_nothing_twice(self):
        text = self.kferry(*self.add("--accept-host-key", self.fingerprint), check=0)
        self.assertIn("agent /usr/local/sbin/kferryd", text)
        self.assertIn("kferryd started", text)
        self.assertIn("chains", text)
        agent = self.root / "usr/local/sbin/kferryd"
        self.assertEqual(agent.read_bytes(), (TOP / "build/static/kferryd").read_bytes())
        self.assertEqual(agent.stat().st_mode & 0o7777, 0o755)
        self.assertIn("board_kind = x86-64", (self.root / "etc/kferry/agent.conf").read_text())
        self.assertIn("kferry:", (self.root / "etc/group").read_text())
        self.assertEqual(list((self.root / "tmp").iterdir()), [])
        self.assertIn("nothing to change", self.kferry("board", "setup", "b", check=0))
        agent.chmod(0o644)
        (self.root / "usr/local/sbin/kferry-deadline").write_text("changed")
        text = self.kferry("board", "setup", check=0)
        self.assertIn("kferry-deadline", text)
        self.assertIn("agent /usr", text)
        self.assertNotIn("/etc/kferry/agent.conf", text)
        self.assertIn("nothing to change", self.kferry("board", "setup", "b", check=0))

    def test_changed_configuration_reaches_the_board(self):
        self.kferry(*self.add("--accept-host-key", self.fingerprint), check=0)
        self.kferry("config", "set", "deploy.keep", "7", "-b", "b", check=0)
        text = self.kferry("board", "setup", check=0)
        self.assertIn("agent.conf", text)
        self.assertIn("keep = 7\n", (self.root / "etc/kferry/agent.conf").read_text())

    def systemd(self):
        """What setup asks of systemd, in a few lines; no agent is started."""
        (self.root / "run/systemd/system").mkdir(parents=True)
        for name in ("systemctl", "systemd-tmpfiles"):
            path = self.root / "bin" / name
            path.write_text(SYSTEMCTL)
            path.chmod(0o755)

    def etc(self):
        return {str(p.relative_to(self.root)) for p in (self.root / "etc").rglob("*")
                if p.is_file() or p.is_symlink()}

    def test_image_based_board_keeps_what_an_update_would_drop(self):
        self.systemd()
        before = self.etc()
        self.kferry(*self.add("--accept-host-key", self.fingerprint, "--no-setup"), check=0)
        self.kferry("config", "set", "board.profile", "steamdeck", "-b", "b", check=0)
        self.assertIn("kferryd started", self.kferry("board", "setup", "b"))
        keep = "etc/atomic-update.conf.d/kferry.conf"
        kept = {line.removeprefix("/") for line in (self.root / keep).read_text().splitlines()
                if not line.startswith("#")}
        new = self.etc() - before
        self.assertIn("etc/systemd/system/sysinit.target.wants/kferry-late.service", new)
        self.assertEqual(new - kept, set())
        self.assertEqual(list((self.root / "usr/local/sbin").iterdir()), [])
        self.assertTrue((self.root / "home/kferry/kferryd").exists())
        units = self.root / "etc/systemd/system"
        for name in new - {keep}:
            text = (self.root / name).read_text()
            for usual in ("/usr/local/sbin/kferry", "/var/lib/kferry"):
                self.assertNotIn(usual, text, name)
        service = (units / "kferryd.service").read_text()
        self.assertIn("ExecStart=/home/kferry/kferryd serve", service)
        self.assertIn("ReadWritePaths=/home/kferry/state ", service)
        drop_in = (units / "kferryd.service.d/kferry-paths.conf").read_text()
        for line in ("ProtectHome=tmpfs", "BindReadOnlyPaths=/home/kferry",
                     "BindPaths=/home/kferry/state"):
            self.assertIn(f"\n{line}\n", drop_in)
        self.assertIn("state=$root/home/kferry/state/state",
                      (self.root / "etc/kferry/kferry-deadline").read_text())
        pstore = (units / "kdump-init.service.d/kferry.conf").read_text()
        self.assertIn("/sys/fs/pstore/* /home/kferry/state/pstore/", pstore)
        conf = (self.root / "etc/kferry/agent.conf").read_text()
        for line in ("boot_dir = /esp", "image_words = steamos.efi rd.steamos.efi",
                     "reserve = 2 MiB"):
            self.assertIn(f"{line}\n", conf)

    def test_unknown_host_key_without_a_terminal_leaves_nothing(self):
        text = self.kferry(*self.add(), check=2)
        self.assertIn(self.fingerprint, text)
        self.assertIn("--accept-host-key", text)
        self.assertNotIn("[board b]", self.config.read_text())
        text = self.kferry(*self.add("--accept-host-key", "SHA256:" + "A" * 43), check=2)
        self.assertIn("not the one", text)
        self.assertNotIn("[board b]", self.config.read_text())
        self.assertEqual(list((self.root / "usr/local/sbin").iterdir()), [])

    def test_host_key_and_password_are_asked_for_on_the_terminal(self):
        (self.root / "bin/sudo").write_text(SUDO)
        (self.root / "bin/sudo").chmod(0o755)
        status, text = self.on_terminal(
            [("Is that the board's?", "yes"), ("password for sudo", "secret")],
            "-o", "board.sudo=yes", *self.add())
        self.assertEqual(status, 0, text)
        self.assertIn(self.fingerprint, text)
        self.assertNotIn("secret", text)
        self.assertIn(f"host_key_sha256 = {self.fingerprint}", self.config.read_text())
        calls = (self.root / "sudo-calls").read_text()
        self.assertIn("-S", calls)
        for path in self.dir.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name != "sudo":
                self.assertNotIn(b"secret\n", path.read_bytes(), path)

    # By sudo; docs/KW.md.
    test_kw_root_over_ssh_is_not_required = \
        test_host_key_and_password_are_asked_for_on_the_terminal

    def test_wrong_password_changes_nothing(self):
        (self.root / "bin/sudo").write_text(SUDO)
        (self.root / "bin/sudo").chmod(0o755)
        status, text = self.on_terminal(
            [("password for sudo", "guess")], "-o", "board.sudo=yes",
            *self.add("--accept-host-key", self.fingerprint))
        self.assertEqual(status, 2, text)
        self.assertIn("wrong password", text)
        self.assertEqual(list((self.root / "usr/local/sbin").iterdir()), [])

    def test_refused_host_key_is_not_added(self):
        status, text = self.on_terminal([("Is that the board's?", "no")], *self.add())
        self.assertEqual(status, 2, text)
        self.assertIn("not accepted", text)
        self.assertNotIn("[board b]", self.config.read_text())

    def test_changed_key_of_a_board_is_accepted_by_its_fingerprint_only(self):
        self.kferry(*self.add("--accept-host-key", "SHA256:" + "B" * 43, "--no-setup"), check=2)
        self.kferry(*self.add("--no-setup"), check=0)
        self.kferry("config", "set", "board.host_key_sha256", "SHA256:" + "B" * 43, "-b", "b",
                    check=0)
        text = self.kferry("board", "setup", check=2)
        self.assertIn("has changed", text)
        self.assertIn(f"--accept-host-key {self.fingerprint}", text)
        self.kferry("board", "setup", "--accept-host-key", self.fingerprint, check=0)

    def test_an_arm64_board_gets_an_agent_that_runs(self):
        agent = TOP / "build/check-arm64/kferryd-static"
        if not agent.exists() or not shutil.which("qemu-aarch64-static"):
            self.skipTest("needs what tests/qemu/build.sh arm64 builds, and qemu-user-static")
        (self.root / "machine").write_text("aarch64\n")
        shutil.copy(agent, self.agents / "kferryd-aarch64")
        self.kferry(*self.add("--accept-host-key", self.fingerprint, "--no-setup"))
        text = self.kferry("-o", "timeout.connect=2", "board", "setup", "b")
        self.assertIn("agent /usr/local/sbin/kferryd", text)
        put = self.root / "usr/local/sbin/kferryd"
        self.assertEqual(put.read_bytes(), agent.read_bytes())
        # The init script cannot start it on this machine; the emulator can.
        self.stop_agent()
        shutil.copy(shutil.which("qemu-aarch64-static"), self.root / "bin/qemu")
        emulated = self.root / "usr/local/sbin/emulated"
        emulated.write_text('#!/bin/sh\nexec /bin/qemu /usr/local/sbin/kferryd "$@"\n')
        emulated.chmod(0o755)
        serve = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount -t proc proc "$1/proc" && exec chroot "$1" '
             "/usr/local/sbin/emulated serve", "enter", self.root], stderr=subprocess.DEVNULL)
        try:
            wait_for("its socket", (self.root / "run/kferry/agent.sock").exists)
            text = self.kferry("-o", "agent.path=/usr/local/sbin/emulated", "board", "info", "b",
                               check=0)
        finally:
            serve.kill()
            serve.wait()
        self.assertRegex(text, r"machine +aarch64")

    def test_board_whose_agent_was_not_built(self):
        self.kferry(*self.add("--accept-host-key", self.fingerprint, "--no-setup"))
        for machine, says in (("aarch64", "make agent-static ARCH=arm64"),
                              ("armv8l", "make agent-static ARCH=armhf"),
                              ("armv6l", "needs ARMv7")):
            (self.root / "machine").write_text(machine + "\n")
            text = self.kferry("board", "setup", "b", check=2)
            self.assertIn(says, text)
            self.assertEqual(list((self.root / "usr/local/sbin").iterdir()), [])

    def test_agent_for_another_machine_is_not_sent(self):
        machine = os.uname().machine
        agent = self.agents / f"kferryd-{machine}"
        raw = bytearray(agent.read_bytes())
        raw[18] = 183 if machine == "x86_64" else 62
        agent.write_bytes(raw)
        text = self.kferry(*self.add("--accept-host-key", self.fingerprint), check=2)
        self.assertIn("is no program for the board", text)
        self.assertEqual(list((self.root / "usr/local/sbin").iterdir()), [])


def missing():
    if os.geteuid() != 0:
        return "needs root: for chroot"
    for name in ("busybox", "unshare", "ssh-keygen"):
        if not shutil.which(name):
            return f"{name} is not installed"
    if not (shutil.which("sshd") or os.path.exists("/usr/sbin/sshd")):
        return "openssh-server is not installed"
    if not (TOP / "build/static/kferryd").exists():
        return "needs `make agent-static`"
    if not KFERRYD.exists():
        return "needs a build"
    return None


if __name__ == "__main__":
    if missing():
        print(missing())
        sys.exit(77)
    tap.main()
