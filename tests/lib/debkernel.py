# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's kernels as boards have them: packages of any architecture, chosen by what the
archive has today, unpacked without running anything of theirs, with an initramfs of the
lab's.  The machine's own apt is asked, with state of its own, and left as it is.
"""

import fcntl
import pathlib
import re
import shutil
import subprocess

import image
import lab

INIT_MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio-rng", "ext4", "vfat",
                "nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8"]
DTS = "arch/arm64/boot/dts"


def _abi(path):
    return int(re.search(r"linux-image-6\.1\.0-(\d+)-", str(path)).group(1))


def _apt(arch):
    state = lab.CACHE / f"apt-{arch}"
    for part in ("lists/partial", "archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = {"Dir::State": state, "Dir::Cache": state, "Dir::State::status": state / "status",
               "APT::Architecture": arch, "APT::Architectures::": arch,
               "APT::Sandbox::User": "root"}
    return [f"-o{key}={value}" for key, value in options.items()]


def _download(arch, flavour, kept, wanted):
    """wanted: which of the archive's, as indexes of a list, the oldest first."""
    options = _apt(arch)
    for attempt in range(3):  # an index may be out of step for a while
        done = subprocess.run(["apt-get", "-q", *options, "update"], capture_output=True,
                              check=False)
        names = image.run("apt-cache", *options, "search", "--names-only",
                          rf"^linux-image-6\.1\.0-[0-9]+-{flavour}$").decode().splitlines()
        names = sorted((line.split()[0] for line in names), key=_abi)
        if len(names) >= len(wanted):
            break
        print(f"# attempt {attempt + 1} of 3: {done.stderr.decode()[-500:]}")
    if len(names) < len(wanted):
        raise RuntimeError(f"the archive has not {len(wanted)} kernels "
                           f"linux-image-6.1.0-*-{flavour}")
    image.run("apt-get", "-q", *options, "download", *(names[i] for i in wanted), cwd=kept)


def _debs(arch, flavour, wanted):
    kept = lab.CACHE / "deb"
    kept.mkdir(parents=True, exist_ok=True)

    name = re.compile(rf"linux-image-6\.1\.0-\d+-{flavour}_.*_{arch}\.deb$")

    def have():
        return sorted((p for p in kept.iterdir() if name.match(p.name)), key=_abi)
    with open(kept / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = have()
        if len(found) < len(wanted):
            _download(arch, flavour, kept, wanted)
            found = have()
    return found[0], found[-1]


def pair(arch="arm64", flavour="cloud-arm64"):
    """The .deb files of two releases, the older one first."""
    return _debs(arch, flavour, (0, -1))


def newest(arch, flavour):
    """The .deb file of the newest release; of those that were downloaded, if there are."""
    return _debs(arch, flavour, (-1,))[1]


def unpack(deb, directory):
    """Below directory as it would be on a root file system; returns the release."""
    directory = pathlib.Path(directory)
    image.run("dpkg-deb", "-x", deb, directory)
    release = next((directory / "lib/modules").iterdir()).name
    image.run("depmod", "-b", directory, release)
    return release


def make_initramfs(arch, root, release, out):
    """Of busybox and the modules below `root` that find and mount a virtual board's root."""
    top = pathlib.Path(f"{out}.d")
    for name in ("bin", "proc", "sys", "dev", "run", "root", "conf", "usr/lib"):
        (top / name).mkdir(parents=True)
    (top / "lib").symlink_to("usr/lib")
    image.run("tar", "-xf", lab.extracted("userland", lab.USERLAND, arch), "-C", top,
              "./bin/busybox")
    init = top / "init"
    shutil.copy(lab.LAB / "guest/initramfs-init", init)
    init.chmod(0o755)
    (top / "conf/modules").write_text("".join(f"{name}\n" for name in INIT_MODULES))
    modules = pathlib.Path("lib/modules") / release
    for name in INIT_MODULES:
        needed = image.run("modprobe", "-S", release, "-d", root, "--show-depends", name)
        for line in needed.decode().splitlines():
            if line.startswith("insmod "):
                path = pathlib.Path(line.split()[1]).relative_to(root)
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / path, top / path)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if (root / modules / name).exists():
            shutil.copy(root / modules / name, top / modules / name)
    image.run("depmod", "-b", top, release)
    names = "\n".join(str(p.relative_to(top)) for p in sorted(top.rglob("*"))) + "\n"
    archive = image.run("cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet", cwd=top,
                        input=names.encode())
    pathlib.Path(out).write_bytes(image.run("zstd", "-q", "-3", input=archive))
    shutil.rmtree(top)


def compile_dts(name, out, options=()):
    """A device tree of the lab's kernel source, "broadcom/x.dts", compiled without a build
    of the kernel."""
    src = pathlib.Path(image.run(lab.LAB / "kernel.sh", "--print", "src",
                                 "arm64").decode().strip())
    text = image.run("cpp", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp",
                     "-I", src / "include", "-I", src / DTS,
                     "-I", src / "scripts/dtc/include-prefixes", src / DTS / name)
    image.run("dtc", "-q", "-I", "dts", "-O", "dtb", *options, "-o", out, "-", input=text)


def as_tarball(out, image_file, config, modules, release, trees=()):
    """What `make tar-pkg` would make: for `kferry deploy --from`.  modules: the directory
    lib/modules/RELEASE; trees: (name below boot/dtbs/RELEASE, file)."""
    top = pathlib.Path(f"{out}.d")
    (top / "boot").mkdir(parents=True)
    (top / "lib/modules").mkdir(parents=True)
    shutil.copy(image_file, top / f"boot/vmlinuz-{release}")
    shutil.copy(config, top / f"boot/config-{release}")
    image.run("cp", "-a", modules, top / "lib/modules" / release)
    for name, path in trees:
        place = top / "boot/dtbs" / release / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    image.run("tar", "-C", top, "-cf", out, "boot", "lib")
    shutil.rmtree(top)
