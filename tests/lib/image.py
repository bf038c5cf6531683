# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images with a GPT, made without root and without loop devices."""

import os
import pathlib
import subprocess
import uuid

MIB = 1 << 20
ESP, LINUX = "ef00", "8300"


def run(*argv, **kwargs):
    done = subprocess.run([str(a) for a in argv], capture_output=True, check=False, **kwargs)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr.decode(errors='replace')}"
                           f"{done.stdout.decode(errors='replace')}")
    return done.stdout


class Partition:
    """size in MiB; tree: what is on it, or None for an empty one."""

    def __init__(self, fs, size, tree=None, kind=None, name="", attributes=(), options=()):
        self.fs, self.size, self.tree = fs, size, tree
        self.kind = kind or (ESP if fs == "vfat" else LINUX)
        self.name, self.attributes, self.options = name, attributes, list(options)
        self.partuuid = str(uuid.uuid4())
        self.uuid = f"{uuid.uuid4().hex[:4]}-{uuid.uuid4().hex[:4]}".upper() \
            if fs == "vfat" else str(uuid.uuid4())

    def write(self, path):
        with open(path, "wb") as image:
            image.truncate(self.size * MIB)
        as_root = [] if os.geteuid() == 0 else ["fakeroot"]
        tree = [] if self.tree is None else [self.tree]
        if self.fs == "vfat":
            run("mkfs.vfat", "-i", self.uuid.replace("-", ""), *self.options, path)
            inside = sorted(pathlib.Path(self.tree).iterdir()) if self.tree else []
            if inside:
                run("mcopy", "-s", "-Q", "-i", path, *inside, "::/",
                    env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))
        elif self.fs == "ext4":
            run(*as_root, "mkfs.ext4", "-q", "-F", "-U", self.uuid, *self.options,
                *(["-d"] + tree if tree else []), path)
        elif self.fs == "btrfs":
            run(*as_root, "mkfs.btrfs", "-q", "-U", self.uuid, *self.options,
                *(["--rootdir"] + tree if tree else []), path)
        else:
            raise ValueError(self.fs)


def make_disk(path, partitions):
    """A raw image; the partitions are numbered from 1, and /dev/vda1 etc. in a guest."""
    size = sum(p.size for p in partitions) + 2
    with open(path, "wb") as image:
        image.truncate(size * MIB)
    argv = ["sgdisk", "-a", "2048"]
    for i, p in enumerate(partitions, 1):
        argv += ["-n", f"{i}:0:+{p.size}M", "-t", f"{i}:{p.kind}", "-u", f"{i}:{p.partuuid}"]
        if p.name:
            argv += ["-c", f"{i}:{p.name}"]
        for bit in p.attributes:
            argv += ["-A", f"{i}:set:{bit}"]
    run(*argv, path)
    start = 1
    part = pathlib.Path(f"{path}.part")
    for p in partitions:
        p.write(part)
        run("dd", f"if={part}", f"of={path}", "bs=1M", f"seek={start}", "conv=notrunc,sparse")
        start += p.size
    part.unlink()
