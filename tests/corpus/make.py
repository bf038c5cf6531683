#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Makes the corpus: builds the kernels and the modules of faults, boots QEMU once for each case
of cases.py, and keeps what the serial console said, or what tests printed.  See README.md.

    make.py build [KERNEL...]   debug, debian, plain, arm64
    make.py logs [CASE...]      all, or those whose place fits the shell pattern
                                ("logs/arm64/*", "results/*")
    make.py list

KF_CORPUS_BUILD is where kernels are built, by default corpus/ in the cache; KF_TEST_SCALE
stretches the time limits.
"""

import fnmatch
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import lab  # noqa: E402
from cases import CASES  # noqa: E402
from scratch import SCALE  # noqa: E402

BUILD = pathlib.Path(os.environ.get("KF_CORPUS_BUILD", lab.CACHE / "corpus"))
SMALL = lab.LAB / "small-vm.config"
# What each is made of, besides tinyconfig; where its image is; how it is started.
KERNELS = {
    "debug": {
        "arch": "x86_64", "image": "arch/x86/boot/bzImage",
        "config": [HERE / "debug.config"], "console": "ttyS0",
        "modules": ["lib/test_hash.ko", "mm/kasan/kasan_test.ko", "mm/kfence/kfence_test.ko"],
        "own": ["faults", "kunit"],
    },
    "plain": {
        "arch": "x86_64", "image": "arch/x86/boot/bzImage",
        "config": [SMALL, lab.LAB / "small-vm.x86_64.config"],
        "console": "ttyS0",
        "modules": ["drivers/net/dummy.ko", "drivers/block/loop.ko"],
    },
    "arm64": {
        "arch": "arm64", "image": "arch/arm64/boot/Image",
        "config": [SMALL, lab.LAB / "small-vm.arm64.config"], "console": "ttyAMA0",
        "modules": [],
    },
    # Not built: Debian's own, as a distribution configures its kernels.
    "debian": {"arch": "x86_64", "image": "vmlinuz", "console": "ttyS0", "modules": []},
}
MACHINES = {
    "x86_64": ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"],
    "arm64": ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"],
}
# Directories beside this file whose modules go into the guest.
OWN = ["faults"]
KSELFTESTS = ["core", "kcmp", "membarrier", "mincore", "pidfd", "proc", "sigaltstack", "size",
              "splice", "timers", "tmpfs"]
INIT = (HERE / "guest-init").read_text(encoding="ascii")
END = "corpus: end of the log"
PANIC_END = "---[ end Kernel panic"


def run(*argv, **more):
    subprocess.run([str(a) for a in argv], check=True, **more)


# --- kernels ---------------------------------------------------------------------------


def source():
    done = subprocess.run([lab.LAB / "kernel.sh", "--print", "src"], stdout=subprocess.PIPE,
                          check=False)
    if done.returncode:
        sys.exit("make.py: run tests/lab/kernel.sh first, it unpacks the kernel's source")
    return pathlib.Path(done.stdout.decode().strip())


def make(kernel, *args, **more):
    arch = KERNELS[kernel]["arch"]
    settings = [f"ARCH={arch}"]
    if arch == "arm64":
        settings.append("CROSS_COMPILE=aarch64-linux-gnu-")
    environment = {k: v for k, v in os.environ.items() if k not in (
        "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "CROSS_COMPILE")}
    environment.update(KBUILD_BUILD_USER="corpus", KBUILD_BUILD_HOST="kferry")
    run("make", "-s", "-C", source(), f"O={BUILD / kernel}", *settings, *args, env=environment,
        **more)


def configure(kernel):
    """As tests/lab/kernel.sh does it."""
    fragments = KERNELS[kernel]["config"]
    text = "".join(path.read_text(encoding="ascii") for path in fragments)
    wanted, config = BUILD / f"{kernel}.config", BUILD / kernel / ".config"
    if wanted.exists() and config.exists() and wanted.read_text(encoding="ascii") == text:
        return
    make(kernel, "tinyconfig", stdout=subprocess.DEVNULL)
    run(source() / "scripts/kconfig/merge_config.sh", "-m", "-O", config.parent, config,
        *fragments, cwd=source(), stdout=subprocess.DEVNULL)
    make(kernel, "olddefconfig")
    have = set(config.read_text(encoding="ascii").splitlines())
    lost = [line for line in text.splitlines()
            if line.startswith("CONFIG_") and line not in have]
    if lost:
        sys.exit(f"make.py: the kernel {kernel} does not take {' '.join(lost)}")
    wanted.write_text(text, encoding="ascii")


def module_dir(kernel, own="faults"):
    return BUILD / f"{own}-{kernel}"


def debian_headers():
    """Of the newest kernel whose headers are installed (tests/lab/deps.sh)."""
    found = sorted(pathlib.Path("/usr/src").glob("linux-headers-6.1.0-*-amd64"),
                   key=lambda path: int(path.name.split("-")[3]))
    found = [path for path in found if re.fullmatch(r"linux-headers-6\.1\.0-\d+-amd64", path.name)]
    if not found:
        sys.exit("make.py: install linux-headers-amd64 first")
    return found[-1]


def build_debian():
    headers = debian_headers()
    release = headers.name.removeprefix("linux-headers-")
    (BUILD / "debian").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
            f"linux-image-{release}", cwd=tmp)
        run("dpkg-deb", "-x", next(pathlib.Path(tmp).glob("*.deb")), f"{tmp}/x")
        shutil.copy(f"{tmp}/x/boot/vmlinuz-{release}", BUILD / "debian/vmlinuz")
    shutil.copytree(HERE / "faults", module_dir("debian"), dirs_exist_ok=True)
    run("make", "-s", "-C", headers, f"M={module_dir('debian')}", "modules")
    run("strip", "--strip-debug", module_dir("debian") / "kf_faults.ko")


def build(kernel):
    if kernel == "debian":
        build_debian()
        return
    (BUILD / kernel).mkdir(parents=True, exist_ok=True)
    configure(kernel)
    image = pathlib.Path(KERNELS[kernel]["image"]).name
    make(kernel, f"-j{len(os.sched_getaffinity(0))}", image, "modules")
    for own in KERNELS[kernel].get("own", OWN):
        shutil.copytree(HERE / own, module_dir(kernel, own), dirs_exist_ok=True)
        make(kernel, f"M={module_dir(kernel, own)}", "modules")
    if kernel == "plain":
        build_kselftest(kernel)


def build_kselftest(kernel):
    """Some of the kernel's own tests, installed by its make."""
    out = BUILD / "kselftest"
    shutil.rmtree(out, ignore_errors=True)
    make(kernel, "kselftest-install", f"TARGETS={' '.join(KSELFTESTS)}",
         f"INSTALL_PATH={out}", stdout=subprocess.DEVNULL)


# --- the guest -------------------------------------------------------------------------


def crash_program(arch, path):
    """One that reads at zero: a program's fault is none of the kernel's."""
    compiler = {"x86_64": "gcc", "arm64": "aarch64-linux-gnu-gcc"}[arch]
    text = b"int _start(void) { return *(volatile int *)8; }\n"
    run(compiler, "-static", "-nostdlib", "-x", "c", "-o", path, "-", input=text)


def broken_file_system(path):
    """An ext4 whose directory "dir" has lost its inode's contents."""
    with tempfile.TemporaryDirectory() as tree:
        (pathlib.Path(tree) / "dir").mkdir()
        (pathlib.Path(tree) / "dir/file").write_text("x\n", encoding="ascii")
        run("mke2fs", "-q", "-F", "-t", "ext4", "-U", "00000000-0000-0000-0000-000000000002",
            "-E", "hash_seed=00000000-0000-0000-0000-000000000001", "-d", tree, path, "2M")
    run("debugfs", "-w", "-R", "set_inode_field dir/file mode 0", path,
        stderr=subprocess.DEVNULL)
    run("debugfs", "-w", "-R", "set_inode_field dir block[0] 9999999", path,
        stderr=subprocess.DEVNULL)


def initramfs(kernel):
    out = BUILD / f"{kernel}.cpio"
    arch = KERNELS[kernel]["arch"]
    with tempfile.TemporaryDirectory() as tmp:
        root = pathlib.Path(tmp) / "root"
        for name in ("bin", "sbin", "proc", "sys", "dev", "tmp", "mnt", "lib/corpus", "cases",
                     "usr/bin", "usr/sbin"):
            (root / name).mkdir(parents=True)
        lab.unpack_userland(arch, root)
        for path in [*root.glob("lib/*-linux-gnu"), *root.glob("usr/lib"), root / "lib64"]:
            shutil.rmtree(path, ignore_errors=True)  # busybox is static
        (root / "init").write_text(INIT, encoding="ascii")
        (root / "init").chmod(0o755)
        for module in KERNELS[kernel]["modules"]:
            shutil.copy(BUILD / kernel / module, root / "lib/corpus")
        for own in KERNELS[kernel].get("own", OWN):
            shutil.copy(module_dir(kernel, own) / f"kf_{own}.ko", root / "lib/corpus")
        crash_program(arch, root / "bin/crash")
        if kernel == "plain":
            broken_file_system(root / "lib/corpus/broken.ext4")
        for case in CASES:
            if case.kernel == kernel:
                (root / "cases" / case.name).write_text(case.script + "\n", encoding="ascii")
        pack(root, out)
    return out


def pack(root, out):
    names = "\n".join(str(p.relative_to(root)) for p in sorted(root.rglob("*")))
    with open(out, "wb") as f:
        run("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", cwd=root,
            input=names.encode(), stdout=f)


def add_libraries(root, *programs):
    """What these want to run."""
    said = subprocess.run(["ldd", *programs], stdout=subprocess.PIPE, check=False).stdout
    for path in set(re.findall(r"(/\S+) \(0x", said.decode())):
        to = root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


def kselftest_archive(out):
    """What is put behind an initramfs for the tests of build_kselftest()."""
    with tempfile.TemporaryDirectory() as tmp:
        root = pathlib.Path(tmp) / "root"
        shutil.copytree(BUILD / "kselftest", root / "kselftest", symlinks=True)
        # The runner asks for an option that busybox's does not have.
        (root / "usr/bin").mkdir(parents=True)
        shutil.copy("/usr/bin/timeout", root / "usr/bin")
        add_libraries(root, "/usr/bin/timeout", *(
            path for path in root.glob("kselftest/*/*")
            if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"))
        pack(root, out)


# --- boots -----------------------------------------------------------------------------


def argv(kernel, directory, words, more):
    of = KERNELS[kernel]
    out = [*MACHINES[of["arch"]], "-accel", "tcg",
           # The guest's time is the number of its instructions: no guest is late because
           # its host is, and what sleeps takes no time.
           "-icount", "shift=5,sleep=off", "-smp", "1", "-m", "256",
           "-nodefaults", "-display", "none", "-no-user-config",
           "-kernel", BUILD / kernel / of["image"],
           "-append", f"console={of['console']},115200 {words}",
           "-chardev", f"socket,id=con,path={directory}/con,server=on,wait=on",
           "-serial", "chardev:con",
           "-qmp", f"unix:{directory}/qmp,server=on,wait=on",
           "-action", "reboot=shutdown,shutdown=pause", *more]
    if of["arch"] == "x86_64":
        out += ["-chardev", f"socket,id=log,path={directory}/log,server=on,wait=on",
                "-serial", "chardev:log"]
    return [str(a) for a in out]


class Stopped(Exception):
    """The machine is off."""


class Machine:
    """One QEMU.  What it says on its serial ports is in said["con"] and said["log"]."""

    def __init__(self, kernel, directory, words, more=()):
        self.said = {}
        self.sockets = {}
        self.events = selectors.DefaultSelector()
        self.off = False
        # pylint: disable=consider-using-with # ended by close()
        self.process = subprocess.Popen(argv(kernel, directory, words, more),
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in ("con", "qmp", "log"):
            if name == "log" and KERNELS[kernel]["arch"] != "x86_64":
                continue
            self.connect(name, directory / name)
        self.command("qmp_capabilities")

    def connect(self, name, path):
        for _ in range(int(600 * SCALE)):
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(str(path))
                break
            except OSError:
                s.close()
                time.sleep(0.1)
        else:
            raise TimeoutError(f"QEMU does not open {path}")
        s.setblocking(False)
        self.sockets[name] = s
        self.said[name] = b""
        self.events.register(s, selectors.EVENT_READ, name)

    def listen(self, seconds):
        for key, _ in self.events.select(seconds):
            try:
                data = key.fileobj.recv(65536)
            except BlockingIOError:
                continue
            if not data:
                raise Stopped
            self.said[key.data] += data

    def wait(self, name, marks, seconds, times=1):
        """Until one of the marks is there; False if time is up, or the machine is off."""
        limit = time.monotonic() + seconds * max(1, SCALE)
        while not any(self.said[name].count(mark) >= times for mark in marks):
            if time.monotonic() > limit or (name == "con" and b'"SHUTDOWN"' in self.said["qmp"]):
                return False
            self.listen(0.5)
        while name == "con" and not self.said[name].endswith(b"\n") and time.monotonic() < limit:
            self.listen(0.5)  # the rest of that line
        return True

    def command(self, name, **arguments):
        """QMP; what it has said before is forgotten."""
        self.said["qmp"] = b""
        self.sockets["qmp"].sendall(
            json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        if not self.wait("qmp", [b'"return"', b'"error"'], 120):
            raise TimeoutError(f"QEMU does not answer {name}")
        if b'"error"' in self.said["qmp"]:
            raise RuntimeError(self.said["qmp"].decode())

    def monitor(self, line):
        self.command("human-monitor-command", **{"command-line": line})
        if b"rror" in self.said["qmp"]:
            raise RuntimeError(self.said["qmp"].decode())

    def close(self):
        self.process.kill()
        self.process.wait()
        for s in self.sockets.values():
            s.close()


def tidy(data):
    """What a log has of this machine."""
    data = data.replace(str(BUILD).encode(), b"/usr/src").replace(b"(root@vm)", b"(corpus@kferry)")
    return data.replace(b"\0", b"")


def from_mark(dmesg, name):
    """Of the dmesg what came after the boot."""
    at = dmesg.rfind(b"corpus: " + name.encode())
    at = dmesg.rfind(b"\n", 0, max(0, at)) + 1
    return dmesg[at:].replace(b"\r\n", b"\n")


def keep_results(place, said):
    """What a script sent to the second serial port: each part behind "@@ NAME"."""
    for part in re.split(rb"^@@ ", said.replace(b"\r\n", b"\n"), flags=re.M)[1:]:
        name, _, content = part.partition(b"\n")
        if name != b"end":
            place.with_name(f"{place.name}-{name.decode()}").write_bytes(tidy(content))


def keep(case, said, kernel_log, began, complete):
    place = HERE / case.place
    place.parent.mkdir(parents=True, exist_ok=True)
    if case.results:
        keep_results(place, kernel_log)
    elif kernel_log and not case.clean:
        place.with_name(place.name + ".dmesg").write_bytes(tidy(from_mark(kernel_log, case.name)))
    if not case.results or case.loglevel == 8:
        place.with_name(place.name + ".log").write_bytes(tidy(said))
    faults = len(re.findall(rb"BUG|WARNING|Oops|panic|INFO:", said))
    print(f"{case.place}  {len(said)} bytes, {faults} words, {time.monotonic() - began:.0f} s"
          f"{'' if complete else ', NO END'}", flush=True)


ENDS = [END.encode(), PANIC_END.encode()]
STARTED = b"corpus: up"


def initrd(case, directory):
    of_kernel = BUILD / f"{case.kernel}.cpio"
    if not case.kselftest:
        return of_kernel
    kselftest_archive(directory / "kselftest.cpio")
    with open(directory / "initrd", "wb") as f:
        for path in of_kernel, directory / "kselftest.cpio":
            f.write(path.read_bytes())
    return directory / "initrd"


def alone(case):
    """A case that is one boot from the beginning."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as tmp:
        more = ["-initrd", initrd(case, pathlib.Path(tmp))] if case.initramfs else []
        if case.restarts:
            more += ["-action", "reboot=reset"]
        words = f"loglevel={case.loglevel} corpus={case.name} {case.cmdline}"
        machine = Machine(case.kernel, pathlib.Path(tmp), words, more)
        try:
            complete = (machine.wait("con", [STARTED], case.seconds, 2) if case.restarts
                        else machine.wait("con", ENDS, case.seconds))
            keep(case, machine.said["con"], machine.said.get("log", b""), began, complete)
        finally:
            machine.close()


def together(kernel, cases, cmdline):
    """Cases that share a boot: the machine's state is saved when it is up, and each of them
    begins there."""
    with tempfile.TemporaryDirectory() as tmp:
        disk = pathlib.Path(tmp) / "state.qcow2"
        run("qemu-img", "create", "-q", "-f", "qcow2", disk, "1M")
        machine = Machine(kernel, pathlib.Path(tmp), f"loglevel=6 {cmdline}", [
            "-initrd", BUILD / f"{kernel}.cpio", "-drive", f"if=none,id=state,file={disk}"])
        try:
            began = time.monotonic()
            if not machine.wait("con", [STARTED], 300):
                sys.exit(f"make.py: {kernel} does not come up:\n{machine.said['con'].decode()}")
            machine.command("stop")
            boot = machine.said["con"]
            machine.monitor("savevm up")
            print(f"{kernel} is up, {time.monotonic() - began:.0f} s", flush=True)
            for case in cases:
                one_of(machine, case, boot)
        finally:
            machine.close()


def one_of(machine, case, boot):
    began = time.monotonic()
    machine.command("stop")
    machine.monitor("loadvm up")
    machine.said.update(con=b"", log=b"")
    machine.sockets["con"].sendall(case.name.encode() + b"\n")
    machine.command("cont")
    complete = machine.wait("con", ENDS, case.seconds)
    keep(case, boot + machine.said["con"], machine.said.get("log", b""), began, complete)


def logs(names):
    todo = list(dict.fromkeys(case for name in names or ["*"] for case in CASES
                              if fnmatch.fnmatch(case.place, name)))
    for kernel in {case.kernel for case in todo}:
        initramfs(kernel)
    for case in todo:
        if case.alone:
            alone(case)
    for shared in dict.fromkeys((c.kernel, c.cmdline) for c in todo if not c.alone):
        together(shared[0], [c for c in todo if not c.alone
                             and (c.kernel, c.cmdline) == shared], shared[1])


def main(verb="", *names):
    os.nice(max(0, 15 - os.nice(0)))  # it takes long, and nobody waits for it
    if verb == "build":
        for kernel in names or KERNELS:
            build(kernel)
    elif verb == "list":
        print("\n".join(f"{case.place}  {case.kernel}  {case.cmdline}" for case in CASES))
    elif verb == "logs":
        logs(names)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
