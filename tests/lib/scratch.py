# SPDX-License-Identifier: GPL-2.0-or-later
"""
Scratch boards: a real kferryd on a root of its own, without a virtual machine.

The root holds the files of /proc and /sys that the agent reads.  The boot chain is
`hook`, with a small program that keeps its one-shot in <root>/firmware/; `reboot` in
agent.conf tells this module, which then does what a reset does: the agent dies, the
"firmware" picks the armed slot or the default, the files of /proc change, the agent
starts again.  Everything between controller and agent is the real thing.
"""

import hashlib
import io
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KF_BUILD", TOP / "build/check"))
KFERRY = BUILD / "kferry"
# KFERRYD="qemu-aarch64-static PATH" is an agent for another processor, and what runs it.
*EMULATOR, KFERRYD = shlex.split(os.environ.get("KFERRYD", "")) or [BUILD / "kferryd"]
KFERRYD = pathlib.Path(KFERRYD).absolute()
os.environ.setdefault("LSAN_OPTIONS",
                      f"suppressions={TOP}/tests/lsan.supp:print_suppressions=0")
SCALE = float(os.environ.get("KF_TEST_SCALE", "1"))

FOREIGN_RELEASE = "6.1.0-foreign"
FOREIGN_BANNER = f"Linux version {FOREIGN_RELEASE} (board@factory) (gcc 12) #1 SMP"
FOREIGN_BUILD_ID = "ab" * 20

HOOK = """#!/bin/sh
# The boot chain of a scratch board: one file says what boots once, another what boots.
set -eu
fw="$KFERRY_ROOT/firmware"
verb=$1
slot=${2:-}
if [ -e "$fw/refuse-$verb" ]; then
	cat "$fw/refuse-$verb" >&2
	exit 1
fi
echo "$verb $slot" >> "$fw/calls"
case $verb in
probe) echo "scratch firmware" ;;
stage) printf '%s' "$KFERRY_CMDLINE" > "$fw/cmdline-$slot"; test -s "$KFERRY_IMAGE" ;;
arm) printf '%s' "$slot" > "$fw/once" ;;
read-back) test "$(cat "$fw/once")" = "$slot" ;;
disarm) rm -f "$fw/once" ;;
commit) printf '%s' "$slot" > "$fw/default" ;;
remove) rm -f "$fw/cmdline-$slot" ;;
*) echo "unknown verb $verb" >&2; exit 1 ;;
esac
"""

REBOOT = """#!/bin/sh
# Tell the scratch board's keeper; it kills the agent, so there is nothing to wait for.
echo "$*" > "{root}/firmware/reset.new"
mv "{root}/firmware/reset.new" "{root}/firmware/reset"
"""


def agent(*args):
    """The command line of the agent."""
    return [*EMULATOR, str(KFERRYD), *map(str, args)]


def board_arch():
    """What the agent takes its board for, in the manifest's words."""
    if not EMULATOR:
        machine = os.uname().machine
        return {"aarch64": "arm64"}.get(machine, "arm" if machine[:4] == "armv" else machine)
    with open(KFERRYD, "rb") as file:
        elf = file.read(20)
    return {183: "arm64", 40: "arm", 62: "x86_64"}[int.from_bytes(elf[18:20], "little")]


def wait_for(what, check, seconds=20.0):
    """Poll check() until it is true; its last value is returned."""
    end = time.monotonic() + seconds * SCALE
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * SCALE:.0f} s for {what}")
        time.sleep(0.02)


def notes(build_id):
    raw = bytes.fromhex(build_id)
    return (4).to_bytes(4, "little") + len(raw).to_bytes(4, "little") + \
        (3).to_bytes(4, "little") + b"GNU\0" + raw


def digest(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def bzimage(text):
    """What kexec takes for a kernel of this machine, as far as the agent looks."""
    data = bytearray(text.encode() * 500)
    data[0x38:0x3c] = b"ARM\x64"
    data[0x202:0x206] = b"HdrS"
    return bytes(data)


class Package:
    """A package made here, from the format's description and not by kferry's own code."""

    def __init__(self, release="6.9.0-test", arch=None, build_id=None, files=None,
                 modules=20, seed="a"):
        self.release = release
        self.arch = arch or board_arch()
        self.build_id = build_id or hashlib.sha1(f"{release}{seed}".encode()).hexdigest()
        self.banner = f"Linux version {release} (dev@desk) (gcc 12) #1 SMP {seed}"
        self.files = {"boot/image": (f"kernel {release} {seed}".encode() * 500),
                      "boot/config": b"CONFIG_MODULES=y\nCONFIG_EFI_VARS_PSTORE=y\n"
                      b"CONFIG_I6300ESB_WDT=y\n"}
        names = [f"kernel/drivers/m{i}.ko" for i in range(modules)]
        for name in names:
            self.files[f"modules/{release}/{name}"] = f"module {name}".encode() * 100
        self.files[f"modules/{release}/modules.dep"] = \
            "".join(f"{n}:\n" for n in names).encode()
        self.files.update(files or {})

    def manifest(self):
        lines = ["kferry-manifest 1", f"release {self.release}", f"arch {self.arch}",
                 "image boot/image", f"build-id {self.build_id}", f"banner {self.banner}"]
        for path in sorted(self.files, key=lambda p: p.encode()):
            data = self.files[path]
            lines.append(f"file 0644 {len(data)} {digest(data)} {path}")
        return ("\n".join(lines) + "\n").encode()

    def slot(self):
        return "k-" + digest(self.manifest())[:8]

    def tar(self, change=None):
        """The tar, plain.  change(tar, add) may add entries after the manifest."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            def add(name, data=b"", mode=0o644, **fields):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                info.mode = mode
                for key, value in fields.items():
                    setattr(info, key, value)
                tar.addfile(info, io.BytesIO(data))
            add("manifest", self.manifest())
            if change:
                change(add)
            for path in sorted(self.files, key=lambda p: p.encode()):
                add(path, self.files[path])
        return out.getvalue()

    def write(self, path, change=None):
        raw = self.tar(change)
        subprocess.run(["zstd", "-q", "-f", "-o", str(path)], input=raw, check=True)
        return path


class Board:
    """One scratch board and the controller's configuration for it."""

    def __init__(self, name="scratch", conf="", config="", profile="x86-64", kexec=False):
        self.name = name
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-"))
        self.root = self.dir / "board"
        self.home = self.dir / "home"
        self.firmware = self.root / "firmware"
        self.boots = 0
        self.boot_log = []
        self.on_boot = None  # called with the slot that boots; may return "panic", "hang", or
        # "death", which leaves nothing behind
        self.agent = None
        self.wrap = []  # argv in front of `kferryd serve`
        self.reset_lock = threading.Lock()  # held while the board is off
        self.stopping = False
        self.can_kexec = kexec
        self.kexecs = 0
        for sub in ("proc/sys/kernel/random", "sys/kernel", "etc/kferry", "var/lib", "run/kferry",
                    "lib/modules", "dev", "firmware", "boot", "sys/fs/pstore"):
            (self.root / sub).mkdir(parents=True)
        hook = self.dir / "hook"
        hook.write_text(HOOK)
        hook.chmod(0o755)
        reboot = self.dir / "reboot"
        reboot.write_text(REBOOT.format(root=self.root))
        reboot.chmod(0o755)
        keys = {"board_kind": profile, "chain": "hook", "hook": hook, "reboot": reboot,
                "watchdog": "none", "reserve": 0}
        keys.update(line.split(" = ", 1) for line in conf.splitlines())
        (self.root / "etc/kferry/agent.conf").write_text(
            "".join(f"{k} = {v}\n" for k, v in keys.items()))
        (self.root / "etc/os-release").write_text('ID=scratch\nPRETTY_NAME="Scratch board"\n')
        user = self.home / ".config/kferry"
        user.mkdir(parents=True)
        self.config_file = user / "config.ini"
        self.link = "exec:" + shlex.join(agent("--root", self.root, "stdio"))
        self.write_config(config)
        self.power_on(None)
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        self.keeper.start()

    def write_config(self, extra="", link=None):
        keys = {"link": link or self.link, "profile": "x86-64", "kernel.initramfs": "none",
                "timeout.reboot": 30, "timeout.confirm": 60, "quarantine.after": 0}
        keys.update(line.split(" = ", 1) for line in extra.splitlines())
        self.config_file.write_text(
            f"[board]\ndefault = {self.name}\n\n[run]\ndir = {self.dir}/runs\n\n"
            f"[board {self.name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()))

    # --- the "hardware" ---------------------------------------------------------------

    def _proc(self, path, data):
        target = self.root / path
        target.write_bytes(data if isinstance(data, bytes) else (data + "\n").encode())

    def power_on(self, slot, kexec=None):
        """Start slot (None: the factory's kernel) as a boot stage would; kexec: as the
        running kernel does, with this command line."""
        self.boots += 1
        self.boot_log.append(slot or "foreign")
        banner, build_id, release = FOREIGN_BANNER, FOREIGN_BUILD_ID, FOREIGN_RELEASE
        cmdline = "root=/dev/vda2 rw quiet"
        if slot:
            text = (self.root / f"var/lib/kferry/slots/{slot}/manifest").read_text()
            head = dict(line.split(" ", 1) for line in text.splitlines()
                        if line.split(" ", 1)[0] in ("banner", "build-id", "release"))
            banner, build_id, release = head["banner"], head["build-id"], head["release"]
            cmdline = kexec or (self.firmware / f"cmdline-{slot}").read_text()
        self.kexecs += kexec is not None
        if self.can_kexec:
            self._proc("sys/kernel/kexec_loaded", "0")
            (self.root / "dev/kexec").unlink(missing_ok=True)
        self._proc("proc/version", banner)
        self._proc("proc/cmdline", cmdline)
        self._proc("proc/sys/kernel/osrelease", release)
        self._proc("proc/sys/kernel/tainted", "0")
        self._proc("proc/sys/kernel/random/boot_id", str(uuid.uuid4()))
        self._proc("proc/modules", "")
        self._proc("sys/kernel/notes", notes(build_id))
        self._proc("dev/kmsg", f"6,0,100,-;{banner}\n6,1,200,-;Command line: {cmdline}\n")
        outcome = self.on_boot(slot) if self.on_boot else None
        if outcome == "panic":
            (self.root / "sys/fs/pstore/dmesg-efi-170000000001001").write_text(
                "Panic#1 Part1\n<0>[    1.000000] Kernel panic - not syncing: scratch test\n")
        if outcome in ("panic", "death"):
            self.power_on(self._next_slot())
            return
        if outcome != "hang":
            self.start_agent()

    def _kexec(self):
        """What kexec_file_load() was given; the firmware is not asked."""
        loaded = self.root / "dev/kexec"
        if not loaded.exists():
            self.power_on(self._next_slot())
            return
        cmdline = loaded.read_text()
        slot = [w.split("=", 1)[1] for w in cmdline.split() if w.startswith("kferry.slot=")]
        self.power_on(slot[-1], cmdline)

    def _next_slot(self):
        once = self.firmware / "once"
        if once.exists():
            slot = once.read_text()
            once.unlink()
            return slot
        default = self.firmware / "default"
        slot = default.read_text() if default.exists() else "foreign"
        return None if slot == "foreign" else slot

    def start_agent(self):
        log = open(self.dir / "agent.log", "ab")
        early = subprocess.run(agent("--root", self.root, "early", "--keep"), stderr=log, stdout=log,
                               check=False)
        if early.returncode:
            raise AssertionError(f"kferryd early: {early.returncode}")
        self.agent = subprocess.Popen([*self.wrap, *agent("--root", self.root, "serve")],
                                      stderr=log, stdout=log)
        sock = self.root / "run/kferry/agent.sock"

        def answers():
            if self.agent.poll() is not None:
                raise AssertionError("kferryd serve ended: " + self.agent_log()[-2000:])
            with socket.socket(socket.AF_UNIX) as s:
                try:
                    s.connect(str(sock))
                    return True
                except OSError:
                    return False
        wait_for("the agent's socket", answers)

    def kill_agent(self, sig=signal.SIGKILL):
        self.agent.send_signal(sig)
        self.agent.wait()

    def press_reset(self):
        """The button, also of a board that hangs."""
        with self.reset_lock:
            if self.agent.poll() is None:
                self.kill_agent()
            self.power_on(self._next_slot())

    def _keep(self):
        reset = self.firmware / "reset"
        while not self.stopping:
            with self.reset_lock:
                if reset.exists():
                    mode = reset.read_text().split()[-1:]
                    reset.unlink()
                    self.kill_agent()
                    try:
                        if mode == ["kexec"]:
                            self._kexec()
                        else:
                            self.power_on(self._next_slot())
                    except AssertionError as error:
                        print(f"# {error}", file=sys.stderr)
                        return
            time.sleep(0.02)

    def close(self):
        self.stopping = True
        self.keeper.join()
        if self.agent and self.agent.poll() is None:
            self.kill_agent(signal.SIGTERM)
        status = self.agent.returncode
        if not os.environ.get("KF_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        return status

    # --- what tests look at --------------------------------------------------------------

    def agent_log(self):
        return (self.dir / "agent.log").read_text(errors="replace")

    def state_dir(self):
        return self.root / "var/lib/kferry"

    def slots(self):
        where = self.state_dir() / "slots"
        return sorted(p.name for p in where.iterdir()) if where.exists() else []

    def environment(self, more=None):
        full = dict(os.environ, HOME=str(self.home), XDG_CONFIG_HOME=str(self.home / ".config"),
                    KFERRY_CACHE=str(self.dir / "cache"), KF_PROFILE_PATH=str(TOP / "boards"),
                    **(more or {}))
        full.pop("XDG_DATA_HOME", None)
        return full

    def start(self, *args, cwd=None):
        """Start kferry in a session of its own, its output in pipes of text."""
        return subprocess.Popen([KFERRY, *map(str, args)], env=self.environment(),
                                cwd=cwd or self.dir, start_new_session=True, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def kferry(self, *args, check=None, env=None, timeout=120, stdin=None, cwd=None,
               stdout=subprocess.PIPE):
        """Run kferry; the finished process.  check: the exit status it must have."""
        full = self.environment(env)
        done = subprocess.run([KFERRY, *map(str, args)], env=full, cwd=cwd or self.dir,
                              stdout=stdout, stderr=subprocess.PIPE, timeout=timeout * SCALE,
                              input=stdin)
        done.out = (done.stdout or b"").decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        done.text = done.out + done.err
        if check is not None and done.returncode != check:
            raise AssertionError(
                f"kferry {shlex.join(map(str, args))}: exit status {done.returncode}, not {check}\n"
                f"{done.text}\n--- agent\n{self.agent_log()[-3000:]}")
        return done

    def status(self):
        out = subprocess.run(agent("--root", self.root, "status"), capture_output=True,
                             check=True).stdout.decode()
        return out

    def runs(self):
        """result.json of every run, oldest first."""
        found = sorted((self.dir / "runs").glob("*/*/result.json"))
        return [json.loads(p.read_text()) for p in found]

    def last_run_dir(self):
        return sorted((self.dir / "runs").glob("*/*/result.json"))[-1].parent
