#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# level: full
"""
Packing what changed, on the lab's kernel tree: after each edit the package has, byte for
byte, what `make modules_install INSTALL_MOD_STRIP=1` and depmod give.

The tree is a copy of what installing takes; the lab's own is only read, under its lock.
"""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
import tap  # noqa: E402
from lab import CACHE, KFERRY, LAB  # noqa: E402

FILES = ["Makefile", ".config", "System.map", "modules.order", "modules.builtin",
         "modules.builtin.modinfo", "include", "scripts", "arch/x86/boot/bzImage"]
ARGS = ["ARCH=x86"]


def lab_kernel(what):
    done = subprocess.run([LAB / "kernel.sh", "--print", what], capture_output=True, check=False)
    return pathlib.Path(done.stdout.decode().strip()) if done.returncode == 0 else None


def run(*argv, **options):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, **options)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise AssertionError(f"{argv}: {done.returncode}\n{text}")
    return text


def depmod():
    return shutil.which("depmod", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def copy_tree(lab, to):
    """What installing takes of an object tree; modules too."""
    modules = (lab / "modules.order").read_text().split()
    for name in FILES + [re.sub(r"\.o$", ".ko", m) for m in modules]:
        there = to / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if (lab / name).is_dir():
            shutil.copytree(lab / name, there, symlinks=True,
                            ignore=shutil.ignore_patterns("*.o", "*.cmd"))
        else:
            shutil.copy2(lab / name, there)


def settle_release(obj):
    """The lab's tests build with other names in turn: what was built last counts."""
    release = (obj / "include/config/kernel.release").read_text().strip()
    local = re.sub(r"^[0-9.]*", "", release)
    for name, quote in ((".config", '"'), ("include/config/auto.conf", None)):
        text = (obj / name).read_text()
        mark = '"' if quote or 'CONFIG_LOCALVERSION="' in text else ""
        (obj / name).write_text(re.sub(r"(?m)^CONFIG_LOCALVERSION=.*$",
                                       f"CONFIG_LOCALVERSION={mark}{local}{mark}", text))
    return release


class Pack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.src, lab = lab_kernel("src"), lab_kernel("obj")
        if not lab or not (lab / "arch/x86/boot/bzImage").exists():
            raise unittest.SkipTest("the lab's kernel is not built: tests/lab/kernel.sh")
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-pack-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.obj = cls.dir / "obj"
        with open(CACHE / "kernel/obj.lock", "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            copy_tree(lab, cls.obj)
        (cls.obj / "source").symlink_to(cls.src)
        cls.release = settle_release(cls.obj)
        cls.env = dict(os.environ, HOME=str(cls.dir / "home"),
                       KFERRY_CACHE=str(cls.dir / "cache"))
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MAKEFLAGS", "MAKELEVEL"):
            cls.env.pop(name, None)
        cls.n = 0

    # --- both ways -----------------------------------------------------------------------

    def install(self, strip=True):
        """By make and depmod; {path in the package: bytes}."""
        root = self.dir / f"full-{self.n}"
        words = ["INSTALL_MOD_STRIP=1"] if strip else []
        run("make", "-s", "-C", self.src, f"O={self.obj}", *ARGS, "modules_install",
            "DEPMOD=true", f"INSTALL_MOD_PATH={root}", *words, env=self.env)
        run(depmod(), "-b", root, self.release)
        top = root / "lib"
        found = {str(f.relative_to(top)): f.read_bytes() for f in sorted(top.rglob("*"))
                 if f.is_file() and not f.is_symlink()
                 and not {"build", "source"} & set(f.relative_to(top).parts[:3])}
        shutil.rmtree(root)
        return found

    def pack(self, *options):
        out = self.dir / f"{self.n}.kferry"
        said = run(KFERRY, "-v", "-o", "compress.level=1", *options, "pack", "-o", out,
                   cwd=self.obj, env=self.env)
        where = self.dir / f"got-{self.n}"
        where.mkdir()
        run("tar", "--zstd", "-xf", out, "-C", where)
        found = {str(f.relative_to(where)): f.read_bytes()
                 for f in sorted(where.rglob("*")) if f.is_file()}
        shutil.rmtree(where)
        out.unlink()
        print("# " + [line for line in said.splitlines() if line.startswith("pack: ")][-1],
              flush=True)
        return found, said

    def compare(self, *options, strip=True):
        type(self).n += 1
        got, said = self.pack(*options)
        want = self.install(strip)
        modules = {p: b for p, b in got.items() if p.startswith("modules/")}
        self.assertEqual(sorted(modules), sorted(want))
        for path, data in want.items():
            self.assertEqual(modules[path], data, path)
        for path, name in (("boot/image", "arch/x86/boot/bzImage"), ("boot/config", ".config"),
                           ("boot/System.map", "System.map")):
            self.assertEqual(got[path], (self.obj / name).read_bytes(), path)
        self.assertNotIn("makefile installs", said)
        return said

    # --- edits ---------------------------------------------------------------------------

    def order(self):
        return (self.obj / "modules.order").read_text().split()

    def set_order(self, names):
        (self.obj / "modules.order").write_text("".join(n + "\n" for n in names))

    def test_every_edit_gives_what_installing_all_does(self):
        names = self.order()
        self.assertGreaterEqual(len(names), 4)
        self.assertIn(f"{len(names)} of {len(names)} modules changed", self.compare())
        self.assertIn(f"0 of {len(names)} modules changed", self.compare())

        # Edited: another's bytes.
        (self.obj / names[0]).write_bytes((self.obj / names[1]).read_bytes())
        self.assertIn(f"1 of {len(names)} modules changed", self.compare())

        # Renamed, which is a new one and one that is gone.
        moved = "drivers/new/renamed.ko"
        (self.obj / "drivers/new").mkdir(parents=True)
        (self.obj / names[1]).rename(self.obj / moved)
        self.set_order([names[0], moved] + names[2:])
        self.compare()

        # Built in.
        with open(self.obj / "modules.builtin", "a", encoding="ascii") as builtin:
            builtin.write(f"kernel/{names[2]}\n")
        self.set_order([names[0], moved] + names[3:])
        self.compare()

        # Another order, and twice the same.
        self.set_order(names[3:] + [moved, names[0], moved])
        self.compare()

        # None at all, and all but one back.
        self.set_order([])
        self.compare()
        self.set_order([names[0], moved] + names[3:])
        self.compare()

    def test_without_strip(self):
        self.compare("-o", "kernel.strip=no", strip=False)
        self.compare()
        self.compare("-o", "kernel.strip=no", strip=False)

    def test_with_llvm_strip(self):
        if not shutil.which("llvm-strip"):
            self.skipTest("llvm-strip is not installed")
        ARGS.append("LLVM=1")
        self.addCleanup(ARGS.remove, "LLVM=1")
        # Its makefile looks at the compiler as well, and finds another than built it.
        self.compare("-o", "build.llvm=1")

    def test_words_that_only_build(self):
        """They are no reason to let the makefile install everything, each time."""
        version = self.release.split("-", maxsplit=1)[0]
        self.compare("-o", f"build.extra=KERNELVERSION={version} -j2")

    def test_says_why_everything_is_installed(self):
        type(self).n += 1
        _, said = self.pack("-o", "build.extra=INSTALL_MOD_DIR=extra")
        self.assertIn("because of: INSTALL_MOD_DIR=extra", said)

    def test_full_is_the_same(self):
        type(self).n += 1
        kept, _ = self.pack()
        type(self).n += 1
        full, _ = self.pack("-o", "kernel.incremental=no")
        self.assertEqual(kept, full)
        # It left nothing to be used.
        type(self).n += 1
        _, said = self.pack()
        self.assertRegex(said, r"([0-9]+) of \1 modules changed")


if __name__ == "__main__":
    tap.main()
