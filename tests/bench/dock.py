# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the figures are taken: scratch boards behind a real sshd, a desk that deploys to
them, and the same roots as other tools reach them.

The boards are those of tests/lib/scratch.py with the static release agent, so everything
that a deploy does to files, sockets and processes is the real thing; only the processor
and the disk are this machine's.  Other tools write below the same kind of directory,
through the same sshd, with the same key.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import threading
import time

import scratch
from slowlink import Link
from sshd import Sshd

TOP = scratch.TOP
TOO_LONG = 3600  # seconds; a row that hangs is not run, and the next one is


class Failed(Exception):
    """What was to be measured did not work; the row says so and has no figure."""


def nice_sync():
    """Nobody pays for what was written before."""
    os.sync()


def timed(argv, **options):
    """Seconds that it took, and the finished process."""
    began = time.monotonic()
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=TOO_LONG, **options)
    took = time.monotonic() - began
    if done.returncode:
        text = (done.stdout[-1500:] + done.stderr[-1500:]).decode(errors="replace")
        raise Failed(f"{shlex.join(map(str, argv))[:200]}: exit status {done.returncode}: "
                     f"{text.strip()}")
    return took, done


class Watch:
    """The largest memory that a process says it had, in KiB, as long as it can be asked."""

    def __init__(self, pid):
        self.pid, self.peak, self.over = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.is_set():
            self.peak = max(self.peak, memory(self.pid, "VmHWM"))
            self.over.wait(0.02)

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.peak


def memory(pid, field):
    """KiB of VmRSS or VmHWM; 0 when it is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines()
                 if line.startswith(field)), 0)


class Dock:
    """One sshd, any number of boards, one desk."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-bench-"))
        # Sixteen logins at once are no attack.
        self.sshd = Sshd(self.dir / "sshd", extra="MaxStartups 100:30:200\nMaxSessions 100\n"
                         "Subsystem sftp internal-sftp\n")
        self.sshd.start()
        self.boards, self.links = {}, {}
        self.config = {}
        self.home = self.dir / "home"
        (self.home / ".config/kferry").mkdir(parents=True)
        (self.dir / "runtime").mkdir(mode=0o700)
        self.known_hosts = self.dir / "known_hosts"
        self.known_hosts.write_text(self.sshd.known_hosts())
        self.count = 0

    def close(self):
        for board in list(self.boards):
            self.remove(board)
        for link in self.links.values():
            link.close()
        self.sshd.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- ways to the sshd -----------------------------------------------------------------

    def link(self, delay=0.0, rate=0):
        """The port of a proxy in front of sshd; each pair has one, which counts."""
        key = (delay, rate)
        if key not in self.links:
            self.links[key] = Link("127.0.0.1", self.sshd.port, delay=delay, rate=rate)
            with open(self.known_hosts, "a", encoding="ascii") as file:
                file.write(f"[127.0.0.1]:{self.links[key].port} "
                           f"{' '.join(self.sshd.host_key)}\n")
        return self.links[key]

    def ssh(self, port=None):
        return ["ssh", "-p", str(port or self.sshd.port), "-i", str(self.sshd.key), "-o",
                f"UserKnownHostsFile={self.known_hosts}", "-o", "BatchMode=yes", "-F", "none"]

    def login(self):
        return f"{self.sshd.user}@127.0.0.1"

    # --- boards ----------------------------------------------------------------------------

    def board(self, link=None, config="", preload=None):
        """A new board; returns its name.  preload: a library for its agent."""
        self.count += 1
        name = f"b{self.count}"
        board = scratch.Board(name)
        if preload:
            board.kill_agent()
            board.wrap = ["env", f"LD_PRELOAD={preload}"]
            board.start_agent()
        wrapper = board.dir / "kferryd"
        wrapper.write_text(f"#!/bin/sh\nexec {shlex.join(scratch.agent('--root', board.root))} "
                           "\"$@\"\n")
        wrapper.chmod(0o755)
        self.boards[name] = board
        keys = {"link": "ssh", "host": "127.0.0.1", "port": link.port if link else self.sshd.port,
                "user": self.sshd.user, "identity": self.sshd.key,
                "known_hosts": self.known_hosts, "profile": "x86-64", "agent.path": wrapper,
                "kernel.initramfs": "none"}
        keys.update(line.split(" = ", 1) for line in config.splitlines())
        self.config[name] = keys
        self._write_config()
        return name

    def remove(self, name):
        board = self.boards.pop(name)
        self.config.pop(name)
        self._write_config()
        board.close()
        shutil.rmtree(board.dir, ignore_errors=True)

    def set(self, name, **keys):
        self.config[name].update({k.replace("__", "."): v for k, v in keys.items()})
        self._write_config()

    def _write_config(self):
        text = f"[run]\ndir = {self.dir}/runs\n"
        for name, keys in self.config.items():
            text += f"\n[board {name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
        (self.home / ".config/kferry/config.ini").write_text(text)

    # --- the desk ----------------------------------------------------------------------------

    def environment(self):
        full = dict(os.environ, HOME=str(self.home), XDG_CONFIG_HOME=str(self.home / ".config"),
                    XDG_DATA_HOME=str(self.dir / "data"), KFERRY_CACHE=str(self.dir / "cache"),
                    KF_PROFILE_PATH=str(TOP / "boards"),
                    XDG_RUNTIME_DIR=str(self.dir / "runtime"))
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
            full.pop(name, None)
        return full

    def kferry(self, *words, cwd=None):
        """Run it; seconds, what it printed as JSON, its peak memory in KiB."""
        argv = [str(scratch.KFERRY), "--json", *map(str, words)]
        began = time.monotonic()
        with subprocess.Popen(argv, env=self.environment(), cwd=cwd or self.dir,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            watch = Watch(process.pid)
            try:
                out, err = process.communicate(timeout=TOO_LONG)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            took = time.monotonic() - began
            peak = watch.stop()
        events = []
        for line in out.decode(errors="replace").splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                pass
        if process.returncode:
            said = [e.get("text", "") for e in events if e.get("event") in ("error", "warning")]
            raise Failed(f"kferry {shlex.join(map(str, words))}: exit status "
                         f"{process.returncode}: {' / '.join(said) or err.decode()[-500:]}")
        return took, events, peak

    def deploy(self, *names, source=None, cwd=None, more=()):
        """`kferry deploy --no-reboot`: of a file, or of the tree around cwd."""
        words = ["deploy", *names, "--no-reboot", *more]
        if source:
            words += ["--from", source]
        return self.kferry(*words, cwd=cwd)


def sent(events):
    """What kferry says it sent: files, bytes."""
    steps = [e for e in events if e.get("event") == "push"]
    return (sum(e.get("files_sent", 0) for e in steps),
            sum(e.get("bytes_sent", 0) for e in steps))


def bytes_of(link, action):
    """What went through a link in both directions while action() ran; and what it returned."""
    link.settle()
    before = link.up, link.down
    result = action()
    link.settle()
    return (link.up - before[0], link.down - before[1]), result
