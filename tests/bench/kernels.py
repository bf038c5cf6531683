# SPDX-License-Identifier: GPL-2.0-or-later
"""
The kernels that are measured, made once and kept in the cache below bench/.

Full     Debian's kernel for amd64 as the archive has it: some 4000 modules, 390 MB.  Once
         as a root file system that other tools copy from, once as a developer's object
         tree: linux-source configured alike, Debian's modules where its own build would put
         them.  What kbuild does to install them is done by kbuild.
Small    the lab's own tree (tests/lab/kernel.sh), as a copy, so that the lab's stays.

A change is one more line in a driver: variant 0 has none of them, variant i has i, each
in a build of its own.  They are built beforehand; put() makes one the tree's latest, as if
`make` had just ended.  Sources are changed in
a mount name space of the build's only.
"""

import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import debkernel
import lab

PLACE = lab.CACHE / "bench"
CROSS = "aarch64-linux-gnu-"
RECIPE = "1"


def say(text):
    print(f"bench: {text}", flush=True)


def run(*argv, **options):
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=environment(), **options)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(map(str, argv))[:300]}: exit status {done.returncode}\n"
                           f"{done.stdout.decode(errors='replace')[-3000:]}")
    return done.stdout.decode(errors="replace")


def environment():
    strange = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "CROSS_COMPILE", "LLVM", "O",
               "LOCALVERSION", "KBUILD_OUTPUT", "KCONFIG_CONFIG", "KCFLAGS", "CC")
    return {key: value for key, value in os.environ.items() if key not in strange}


def jobs():
    return f"-j{os.cpu_count()}"


def lab_place(what, arch):
    """The lab's source or object tree; made now if it is missing (minutes)."""
    argv = [lab.LAB / "kernel.sh", "--print", what, arch]
    done = subprocess.run(argv, capture_output=True, check=False, env=environment())
    if done.returncode:
        made = subprocess.run([lab.LAB / "kernel.sh", arch], check=False, env=environment())
        if made.returncode:
            raise RuntimeError(f"tests/lab/kernel.sh {arch}: exit status {made.returncode}")
    return pathlib.Path(run(*argv).strip())


class Tree:
    """An object tree, and variants of it: what a build leaves that a deploy reads."""

    def __init__(self, name, driver, function, outputs, arch="x86_64", options=(), home=None):
        self.obj = PLACE / f"{name}-obj"
        self.home = home or self.obj  # where it stood when it was made: its files say so
        self.kept = PLACE / f"{name}-variants"
        self.driver, self.function, self.outputs = driver, function, outputs
        self.arch, self.options = arch, list(options)
        self.now = None

    def make(self, src, *words, at=None):
        cross = [f"CROSS_COMPILE={CROSS}"] if self.arch == "arm64" else []
        return ["make", "-s", "-C", str(src), f"O={at or self.obj}", f"ARCH={self.arch}", *cross,
                *self.options, *words]

    def config(self, **more):
        """The lines of a board's configuration that deploy this tree."""
        keys = {"build.output": self.obj, "build.arch": self.arch}
        if self.arch == "arm64":
            keys.update({"build.cross_compile": CROSS, "build.image": "arch/arm64/boot/Image"})
        if self.options:
            keys["build.extra"] = " ".join(self.options)
        keys.update(more)
        return "\n".join(f"{key} = {value}" for key, value in keys.items())

    def changed_source(self, src, number):
        """The driver's text with `number` more lines in one of its functions."""
        text = (src / self.driver).read_text()
        lines = "".join(f'\tpr_info("kferry bench: line {i} of this driver\\n");\n'
                        for i in range(number))
        found = re.search(rf"^static int {self.function}\([^;{{]*\)\n{{\n(.*;\n)*\n", text, re.M)
        if not found:
            raise RuntimeError(f"{self.driver} has no function {self.function} any more")
        return text[:found.end()] + lines + text[found.end():]

    def variants(self, src, count, targets):
        """Build what is missing of variants 0 to count - 1."""
        for i in range(count):
            place = self.kept / str(i)
            if place.exists():
                continue
            say(f"building {self.obj.name}, variant {i}")
            self.kept.mkdir(exist_ok=True)
            changed = self.kept / "driver.c"
            changed.write_text(self.changed_source(src, i))
            # At its first place, or kbuild would make much of it anew.
            script = (f"mount --bind {changed} {src / self.driver}; "
                      f"mount --bind {self.obj} {self.home}; exec nice "
                      f"{shlex.join(self.make(src, jobs(), *targets, at=self.home))}")
            run(*(["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]),
                "--propagation", "private", "sh", "-ec", script)
            part = self.kept / f"{i}.part"
            shutil.rmtree(part, ignore_errors=True)
            for name in self.outputs:
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.obj / name, part / name)
            part.rename(place)

    def put(self, number):
        """Variant `number` is what make made last."""
        for name in self.outputs:
            part = self.obj / f"{name}.bench"
            shutil.copyfile(self.kept / str(number) / name, part)
            shutil.copymode(self.kept / str(number) / name, part)
            part.replace(self.obj / name)
        self.now = number

    def file(self, number, name):
        return self.kept / str(number) / name


def _fresh(place, recipe):
    """True when the tree has to be made; its stamp is written by _done()."""
    stamp = place.with_suffix(".made")
    if stamp.exists() and place.exists() and stamp.read_text() == recipe:
        return False
    stamp.unlink(missing_ok=True)
    return True


def _done(place, recipe):
    place.with_suffix(".made").write_text(recipe)


class Full:
    def __init__(self, count):
        PLACE.mkdir(parents=True, exist_ok=True)
        self.src = lab_place("src", "x86_64")
        self.deb = debkernel.newest("amd64", "amd64")
        self.root = PLACE / "full-root"
        recipe = f"{RECIPE} {self.deb.name} {''.join(_version(self.src))}"
        if _fresh(self.root, recipe):
            say(f"unpacking {self.deb.name}")
            shutil.rmtree(self.root, ignore_errors=True)
            debkernel.unpack(self.deb, self.root)
            shutil.rmtree(self.root / "usr")
            _done(self.root, recipe)
        self.release = next((self.root / "lib/modules").iterdir()).name
        self.modules = self.root / "lib/modules" / self.release
        self.tree = Tree("full", "drivers/net/veth.c", "veth_open", ["drivers/net/veth.ko"],
                         options=[f"KERNELVERSION={self.release}"])
        if _fresh(self.tree.obj, recipe):
            shutil.rmtree(self.tree.kept, ignore_errors=True)
            self._object_tree()
            _done(self.tree.obj, recipe)
        self.tree.variants(self.src, count, ["KBUILD_MODPOST_WARN=1", "drivers/net/veth.ko"])
        self._lists()
        self.tree.put(0)
        self.size = sum(p.stat().st_size for p in self.root.rglob("*") if p.is_file())
        self.count = sum(1 for _ in self.modules.rglob("*.ko"))

    def _object_tree(self):
        obj, boot = self.tree.obj, self.root / "boot"
        say("making a developer's object tree of Debian's kernel (some minutes)")
        shutil.rmtree(obj, ignore_errors=True)
        (obj / "arch/x86/boot").mkdir(parents=True)
        config = (boot / f"config-{self.release}").read_text()
        config = re.sub(r'^(CONFIG_(SYSTEM_TRUSTED_KEYS|LOCALVERSION|BUILD_SALT))=.*', r'\1=""',
                        config, flags=re.M)
        (obj / ".config").write_text(config + "# CONFIG_MODULE_SIG_ALL is not set\n")
        for target in ("olddefconfig", "modules_prepare"):
            run("nice", *self.tree.make(self.src, jobs(), target))
        (obj / "include/config/kernel.release").write_text(self.release + "\n")
        shutil.copy(boot / f"vmlinuz-{self.release}", obj / "arch/x86/boot/bzImage")
        shutil.copy(boot / f"System.map-{self.release}", obj / "System.map")
        run("cp", "-a", f"{self.modules}/kernel/.", obj)

    def _lists(self):
        """What a full build leaves, and making a single module takes away."""
        order = (self.modules / "modules.order").read_text()
        (self.tree.obj / "modules.order").write_text(re.sub("^kernel/", "", order, flags=re.M))
        for name in ("modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(self.modules / name, self.tree.obj / name)

    def package(self, kferry):
        """The root as a package: kferry(words...) packs it where that was not done."""
        tops = hashlib.sha256()
        for name in ("proto/manifest.c", "proto/package.c", "controller/kernel/tar.c"):
            tops.update((lab.TOP / name).read_bytes())
        out = PLACE / "full.kferry"
        recipe = f"{self.deb.name} {tops.hexdigest()}"
        if _fresh(out, recipe):
            say("packing Debian's kernel")
            tarball = PLACE / "full.tar"
            run("tar", "-C", self.root, "-cf", tarball, "boot", "lib")
            kferry("pack", "-o", out, "--from", tarball)
            tarball.unlink()
            _done(out, recipe)
        return out


def _version(src):
    with open(src / "Makefile", encoding="utf-8") as file:
        return [line.split("=")[1].strip() + "." for line in (next(file) for _ in range(5))
                if "=" in line]


class Small:
    """A copy of the lab's tree for x86_64 (a module) or arm64 (the image)."""

    def __init__(self, arch, count):
        PLACE.mkdir(parents=True, exist_ok=True)
        self.src = lab_place("src", arch)
        theirs = lab_place("obj", arch)
        if arch == "arm64":
            self.image = "arch/arm64/boot/Image"
            self.tree = Tree("arm64", "drivers/block/virtio_blk.c", "init_vq",
                             [self.image, "System.map", "vmlinux"], arch, home=theirs)
            targets = ["Image"]
        else:
            self.module = "drivers/net/veth.ko"
            self.tree = Tree("small", "drivers/net/veth.c", "veth_open", [self.module],
                             home=theirs)
            targets = ["bzImage", "modules"]
        recipe = RECIPE + theirs.with_name(theirs.name + ".made").read_text()
        if _fresh(self.tree.obj, recipe):
            say(f"copying the lab's {theirs.name}")
            shutil.rmtree(self.tree.kept, ignore_errors=True)
            shutil.rmtree(self.tree.obj, ignore_errors=True)
            run(lab.LAB / "kernel.sh", "--locked", arch, "cp", "-a", theirs, self.tree.obj)
            _done(self.tree.obj, recipe)
        self.tree.variants(self.src, count, targets)
        self.tree.put(0)
        self.release = (self.tree.obj / "include/config/kernel.release").read_text().strip()
