# SPDX-License-Identifier: GPL-2.0-or-later
"""What people use instead, as they use it, through the same sshd."""

import os
import pathlib
import shlex
import subprocess
import time

from dock import Failed, timed


class Others:
    def __init__(self, dock, link=None):
        self.dock, self.link = dock, link
        self.ssh = dock.ssh(link.port if link else None)

    def true(self):
        """Seconds of `ssh host true`."""
        return timed([*self.ssh, self.dock.login(), "true"])[0]

    def rsync(self, source, target, *more):
        """Seconds of `rsync -a --delete`, directory to directory."""
        return timed(["rsync", "-a", "--delete", *more, "-e", shlex.join(self.ssh), f"{source}/",
                      f"{self.dock.login()}:{target}/"])[0]

    def scp(self, source, target):
        """Seconds of `scp -r`."""
        words = [w if w != "-p" else "-P" for w in self.ssh[1:]]
        return timed(["scp", "-q", "-r", *words, *sorted(pathlib.Path(source).iterdir()),
                      f"{self.dock.login()}:{target}/"])[0]

    def tar(self, source, target):
        """Seconds of `tar | zstd | ssh 'zstd -d | tar x'`; zstd with a thread a processor."""
        there = f"zstd -q -d | tar -C {shlex.quote(str(target))} -xf -"
        pipe = (f"tar -C {shlex.quote(str(source))} -cf - . | zstd -q -3 -T{os.cpu_count()} | "
                f"{shlex.join(self.ssh)} {self.dock.login()} {shlex.quote(there)}")
        return timed(["bash", "-o", "pipefail", "-c", pipe])[0]


def zstd_size(path, level):
    done = subprocess.run(["zstd", "-q", f"-{level}", "-c", str(path)], capture_output=True,
                          check=True)
    return len(done.stdout)


def patch_size(old, new):
    """Bytes of `zstd --patch-from`, at the level at which it finds most: 19."""
    done = subprocess.run(["zstd", "-q", "-19", f"--patch-from={old}", "-c", str(new)],
                          capture_output=True, check=True)
    return len(done.stdout)


def install_modules(tree, src, staging):
    """Seconds of `make modules_install` into staging, stripped, with depmod."""
    import kernels
    staging.mkdir(exist_ok=True)
    argv = tree.make(src, f"-j{os.cpu_count()}", "modules_install",
                     f"INSTALL_MOD_PATH={staging}", "INSTALL_MOD_STRIP=1")
    began = time.monotonic()
    try:
        kernels.run(*argv)
    except RuntimeError as error:
        raise Failed(str(error)) from error
    return time.monotonic() - began
