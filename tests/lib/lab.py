# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lab keeps in its cache: kernel packages, and the user land of fast boards."""

import fcntl
import hashlib
import os
import pathlib
import subprocess
import tarfile

TOP = pathlib.Path(__file__).resolve().parents[2]
LAB = TOP / "tests/lab"
KFERRY = pathlib.Path(os.environ.get("KFERRY", TOP / "build/release/kferry"))
CACHE = pathlib.Path(os.environ.get("KFERRY_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "kferry"))
DEBIAN_ARCH = {"x86_64": "amd64", "arm64": "arm64"}
USERLAND = ["busybox-static", "dropbear-bin", "dosfstools"]


def packages(arch):
    """The directory with own.kferry, trial.kferry and twin.kferry (tests/lab/packages.sh)."""
    done = subprocess.run([LAB / "packages.sh", arch], stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, KFERRY=str(KFERRY)))
    return pathlib.Path(done.stdout.decode().strip())


def build_agent(arch):
    """The static agent, where boards of this architecture need another than this machine."""
    if os.uname().machine == {"arm64": "aarch64"}.get(arch, arch):
        return
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    target = ["agent-static", f"ARCH={DEBIAN_ARCH[arch]}"]
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "agent-static.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two boards may want it at once
        done = subprocess.run(["make", "-s", "-C", TOP, *target], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env=environment)
    if done.returncode:
        raise RuntimeError(f"this board needs the agent for {arch}, and `make {' '.join(target)}` "
                           f"fails:\n{done.stdout.decode(errors='replace')[-2000:]}")


def unpack(package, directory):
    """Unpack a .kferry file; returns its release."""
    pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "--zstd", "-xf", package, "-C", directory], check=True)
    return next(pathlib.Path(directory, "modules").iterdir()).name


def extracted(name, packages, arch):
    """A tar of these packages of Debian's and all they need, none of their scripts run."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    CACHE.mkdir(parents=True, exist_ok=True)
    out = CACHE / f"{name}-{arch}-{digest}.tar"
    with open(CACHE / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            part = out.with_suffix(".part.tar")
            argv = ["mmdebstrap", "-q", f"--architectures={DEBIAN_ARCH[arch]}",
                    "--variant=extract", f"--include={','.join(packages)}", "bookworm", part]
            for attempt in range(3):  # an index may be out of step for a while
                done = subprocess.run(argv, capture_output=True, check=False)
                if done.returncode == 0:
                    break
                print(f"# attempt {attempt + 1} of 3: {done.stderr.decode()[-500:]}")
            done.check_returncode()
            part.rename(out)
    return out


def _wanted(name):
    if "/gconv/" in name:
        return False
    return name in ("bin/busybox", "usr/sbin/dropbear", "usr/bin/dropbearkey",
                    "sbin/fsck.fat") or (
        ("/ld-linux" in name or "/lib/" in f"/{name}") and ".so" in name)


def unpack_userland(arch, root):
    """busybox with its applets' names, dropbear, fsck.fat, libraries."""
    with tarfile.open(extracted("userland", USERLAND, arch)) as tar:
        for member in tar:
            member.name = member.name.removeprefix("./")
            if _wanted(member.name):
                tar.extract(member, root)
    applets = subprocess.run(["busybox", "--list-full"], capture_output=True, check=True)
    for applet in applets.stdout.decode().split():
        if applet == "bin/busybox":
            continue
        path = pathlib.Path(root, applet)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.symlink_to("/bin/busybox")
