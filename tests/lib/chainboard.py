# SPDX-License-Identifier: GPL-2.0-or-later
"""
Boards of every boot chain, as scratch roots: laid out as such a board is, with a kernel of
its own, and packages to put on it.  The agent's work is done by tests/fault/steps.c, what
boots is said by bootmodel.py.

The root's files are in memory (/dev/shm) where that is: thousands of them come and go.
"""

import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import bootmodel
import scratch
from bootmodel import GLOBAL, LOADER, VARS
from tree import DirTree

STEPS = scratch.BUILD / "tests/fault/steps"
ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
CHAINS = tuple(bootmodel.STAGES)
ARM64 = ("rpi-firmware", "uboot-extlinux")
BASE = "root=/dev/vda2 rw quiet"
PART_UUID = "11223344-5566-7788-99aa-bbccddeeff00"

OLD_ENTRY = "title Debian\nversion 6.1.0\nlinux /m/linux\ninitrd /m/initrd\noptions " + BASE + "\n"
GRUB_CFG = """if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
menuentry 'Debian GNU/Linux' --class debian --id 'gnulinux-simple' {
	insmod gzio
	echo	'Loading Linux ...'
	linux	/boot/vmlinuz-6.1.0-old %s
	initrd	/boot/initrd.img-6.1.0-old
}
menuentry 'Windows' {
	insmod chain
}
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
""" % BASE
CUSTOM_CFG = "menuentry 'Rescue' {\n\ttrue\n}\n"
CONFIG_TXT = """# For more options see http://rptl.io/configtxt
dtparam=audio=on
camera_auto_detect=1
auto_initramfs=1
disable_overscan=1
[cm4]
otg_mode=1
[pi4]
arm_boost=1
[tryboot]
arm_freq=1000
[all]
enable_uart=1
include usercfg.txt
"""
OWN_EXTLINUX = "default l0\nlabel l0\n\tlinux /boot/vmlinuz-6.1.0-old\n" \
    "\tinitrd /boot/initrd.img-6.1.0-old\n\tappend " + BASE + "\n"


def image(chain, text):
    """A file that this chain takes for a kernel."""
    body = text.encode() * 40
    if chain in ARM64:
        return b"\0" * 56 + b"ARM\x64" + body
    return b"MZ" + b"\0" * 0x200 + b"HdrS" + body


def var(data, attributes=7):
    return struct.pack("<I", attributes) + data


def utf16(text):
    return text.encode("utf-16-le") + b"\0\0"


def option(path, cmdline=""):
    """An EFI_LOAD_OPTION."""
    name = utf16(path)
    nodes = struct.pack("<BBHIQQ", 4, 1, 42, 1, 2048, 131072) + bootmodel.PART_GUID + b"\2\2"
    nodes += struct.pack("<BBH", 4, 4, 4 + len(name)) + name + b"\x7f\xff\x04\x00"
    return struct.pack("<IH", 1, len(nodes)) + utf16("board") + nodes + utf16(cmdline)


def own_files(chain):
    """What the board has before kferry comes, but for /proc and /sys of its kernel."""
    old, ramdisk = image(chain, "the board's own kernel "), b"the board's own initrd" * 10
    kmount = "25 1 8:2 / / rw,relatime shared:1 - ext4 /dev/vda2 rw\n"
    esp = "30 25 8:1 / /boot/efi rw,relatime - vfat /dev/vda1 rw,fmask=0077\n"
    f = {"sys/dev/block/8:2/partition": b"2\n"}
    if chain in ("systemd-boot", "efi-bootnext"):
        kmount += "28 25 0:30 / /sys/firmware/efi/efivars rw,nosuid - efivarfs efivarfs rw\n"
        f.update({VARS + "BootOrder" + GLOBAL: var(b"\0\0\5\0"),
                  VARS + "Boot0000" + GLOBAL: var(option("\\EFI\\debian\\grubx64.efi", BASE)),
                  "sys/dev/block/8:1/partition": b"1\n", "sys/dev/block/8:1/start": b"2048\n",
                  "sys/dev/block/8:1/size": b"131072\n",
                  "sys/firmware/efi/fw_platform_size": b"64\n",
                  "run/udev/data/b8:1": (f"E:ID_PART_ENTRY_UUID={PART_UUID}\nE:ID_PART_ENTRY_TYPE="
                                         "c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n").encode()})
    if chain == "systemd-boot":
        f.update({VARS + "LoaderInfo" + LOADER: var(utf16("systemd-boot 252.39-1"), 6),
                  VARS + "LoaderFeatures" + LOADER: var(b"\x7f" + bytes(7), 6),
                  "boot/efi/loader/loader.conf": b"timeout 0\n#default *\n",
                  "boot/efi/loader/entries/m-6.1.0.conf": OLD_ENTRY.encode(),
                  "boot/efi/m/linux": old, "boot/efi/m/initrd": ramdisk,
                  "boot/efi/EFI/systemd/systemd-bootx64.efi": b"MZ loader"})
    elif chain == "efi-bootnext":
        # The board's own kernel stands for the boot loader that would start it.
        f["boot/efi/EFI/debian/grubx64.efi"] = old
    elif chain == "grub":
        f.update({"boot/grub/grub.cfg": GRUB_CFG.encode(), "boot/grub/custom.cfg":
                  CUSTOM_CFG.encode(), "boot/grub/grubenv": b"# GRUB Environment Block\n".ljust(
                      1024, b"#"), "boot/vmlinuz-6.1.0-old": old,
                  "boot/initrd.img-6.1.0-old": ramdisk})
        esp = ""
    elif chain == "rpi-firmware":
        esp = "30 25 8:1 / /boot/firmware rw - vfat /dev/mmcblk0p1 rw\n"
        fat = {"config.txt": CONFIG_TXT.encode(), "start4.elf": b"elf", "fixup4.dat": b"fixup",
               "kernel8.img": old, "initramfs8": ramdisk, "cmdline.txt": BASE.encode() + b"\n",
               "bcm2711-rpi-4-b.dtb": b"the board's own dtb", "overlays/README": b"overlays\n",
               "overlays/disable-bt.dtbo": b"overlay", "usercfg.txt": b"dtparam=spi=on\n"}
        f.update({"boot/firmware/" + k: v for k, v in fat.items()})
        f.update({"proc/device-tree/compatible": b"raspberrypi,4-model-b\0brcm,bcm2711\0",
                  "proc/device-tree/chosen/bootloader/build-timestamp": b"\x66\x1c\x70\x00",
                  "dev/vcio": b"0\n"})
    else:
        esp = "30 25 8:1 / /boot/efi rw - vfat /dev/mmcblk0p1 rw\n"
        f.update({"proc/device-tree/chosen/u-boot,version": b"2023.01\0",
                  "boot/extlinux/extlinux.conf": OWN_EXTLINUX.encode(),
                  "boot/vmlinuz-6.1.0-old": old, "boot/initrd.img-6.1.0-old": ramdisk,
                  "boot/efi/ubootefi.var": b"uefi"})
    f["proc/self/mountinfo"] = (kmount + esp).encode()
    return f


class Package:
    """One kernel, unpacked in a directory."""

    def __init__(self, chain, where, seed, name=None, more=None):
        text = f"kernel {seed} "
        files = {"boot/image": image(chain, text), "boot/initrd": f"initrd {seed}".encode() * 50,
                 "boot/config": b"CONFIG_MODULES=y\nCONFIG_BLK_DEV_INITRD=y\n"}
        if chain == "rpi-firmware":
            files["dtbs/broadcom/bcm2711-rpi-4-b.dtb"] = f"dtb {seed}".encode()
            files["overlays/disable-bt.dtbo"] = f"overlay {seed}".encode()
        if chain == "uboot-extlinux":
            files["dtbs/" + bootmodel.FDTFILE] = f"dtb {seed}".encode()
        files.update(more or {})
        self.made = scratch.Package(arch="arm64" if chain in ARM64 else "x86_64", modules=2,
                                    seed=seed, files=files)
        self.id = self.made.slot()
        self.dir = pathlib.Path(where) / f"package-{name or seed}"
        for name, data in {**self.made.files, "manifest": self.made.manifest()}.items():
            path = self.dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def file(self, name):
        return self.made.files.get(name)


class StepFailed(Exception):
    pass


class ChainBoard:
    """One board.  `room` holds its root, packages and logs."""

    def __init__(self, chain):
        self.chain = chain
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="kf-chain-", dir=ROOM))
        self.root = self.room / "board"
        self.packages = {}
        self.boots = 0
        self.running = None  # a slot's id, None for the board's own kernel
        for name, data in own_files(chain).items():
            self.put(name, data)
        for name in ("var/lib", "run/kferry", "lib/modules", "sys/fs/pstore", "dev"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.put("etc/kferry/agent.conf", f"chain = {chain}\nreserve = 0\nwatchdog = none\n"
                 "keep = 8\n".encode())
        self.foreign = bootmodel.boot(chain, DirTree(self.root), keep=False)
        self.start(self.foreign)
        self.own = self.files()

    def put(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def package(self, seed):
        package = Package(self.chain, self.room, seed)
        self.packages[package.id] = package
        return package

    def files(self):
        """{path: bytes} of what lasts: not the state, nor what a kernel shows of itself."""
        skip = ("proc/", "sys/kernel", "var/lib/kferry", "run/", "lib/modules")
        out = {}
        for at, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(at, name)
                rel = os.path.relpath(path, self.root)
                # A variable that is still being written is none.
                if rel.startswith(VARS + ".kf-tmp-"):
                    continue
                if not rel.startswith(skip):
                    with open(path, "rb") as f:
                        out[rel] = f.read()
        return out

    # --- booting ------------------------------------------------------------------------

    def identify(self, boot):
        """Whose kernel this is: a slot's id, or None for the board's own; every byte of it
        has to be right."""
        words = boot.cmdline.split()
        marks = [w for w in words if w.startswith("kferry.slot=")]
        if not marks:
            same = (boot.kernel, boot.initrd, boot.cmdline, boot.dtb) == (
                self.foreign.kernel, self.foreign.initrd, self.foreign.cmdline, self.foreign.dtb)
            assert same, f"{boot.path}: the board's own kernel boots, but not as it did"
            return None
        slot = marks[-1].partition("=")[2]
        package = self.packages.get(slot)
        assert package, f"{boot.path}: {slot} is no slot"
        assert boot.kernel == package.file("boot/image"), f"{slot}: the kernel is wrong"
        assert boot.initrd == package.file("boot/initrd"), f"{slot}: the initrd is wrong"
        dtbs = [v for k, v in package.made.files.items() if k.startswith("dtbs/")]
        assert boot.dtb == (dtbs[0] if dtbs else None), f"{slot}: the device tree is wrong"
        assert BASE in boot.cmdline, f"{slot}: the command line lacks {BASE}"
        assert "panic=10" in words, f"{slot}: the command line has no panic="
        return slot

    def would_boot(self, tree=None):
        return self.identify(bootmodel.boot(self.chain, tree or DirTree(self.root), keep=False))

    def reset(self):
        """The boot stage chooses, and that kernel runs."""
        boot = bootmodel.boot(self.chain, DirTree(self.root))
        self.start(boot)
        self.running = self.identify(boot)
        return self.running

    def start(self, boot):
        """The files of /proc of a kernel that has just started."""
        self.boots += 1
        slot = [w.partition("=")[2] for w in boot.cmdline.split() if w.startswith("kferry.slot=")]
        banner, build_id = scratch.FOREIGN_BANNER, scratch.FOREIGN_BUILD_ID
        if slot and slot[-1] in self.packages:
            made = self.packages[slot[-1]].made
            banner, build_id = made.banner, made.build_id
        self.put("proc/version", banner.encode() + b"\n")
        self.put("proc/cmdline", (boot.proc + boot.cmdline).encode() + b"\n")
        self.put("proc/sys/kernel/random/boot_id",
                 f"00000000-0000-4000-8000-{self.boots:012d}\n".encode())
        self.put("proc/sys/kernel/osrelease", b"6.9.0\n")
        self.put("sys/kernel/notes", scratch.notes(build_id))

    def put_power_back(self):
        """What does not last without power."""
        if (self.root / "dev/vcio").exists():
            self.put("dev/vcio", b"0\n")

    # --- the agent ------------------------------------------------------------------------

    def steps(self, *steps, wrap=(), check=True, options=()):
        """Run the agent's steps; its exit status and what it said."""
        argv = [*wrap, STEPS, "-c", self.chain]
        if self.chain in ARM64:
            argv += ["-m", "aarch64"]
        argv += [*options, self.root, "start", *steps]
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
        done = subprocess.run(list(map(str, argv)), stdout=subprocess.PIPE, env=env, check=False,
                              stderr=subprocess.STDOUT, timeout=120 * scratch.SCALE)
        text = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise StepFailed(f"{' '.join(steps)}: status {done.returncode}: {text}")
        return done.returncode, text

    def state(self):
        """The state's lines as a dictionary; slots: {id: state}."""
        where = self.root / "var/lib/kferry/state"
        if not where.exists():
            return {"slots": {}, "default": "foreign", "known-good": "foreign"}
        raw = where.read_bytes()
        body, last = raw[:raw.rindex(b"digest ")], raw[raw.rindex(b"digest "):]
        assert last == f"digest {scratch.digest(body)}\n".encode(), "the state's digest is wrong"
        state = {"slots": {}}
        for line in body.decode().splitlines():
            key, _, value = line.partition(" ")
            if key == "slot":
                state["slots"][value.split()[0]] = value.split()[1]
            else:
                state[key] = value
        return state

    def install(self, package):
        """Install, boot once, confirm as the default."""
        self.steps(f"deploy={package.dir}", f"arm={package.id}")
        assert self.reset() == package.id, f"armed for {package.id}, but {self.running} boots"
        self.steps(f"confirm={package.id}")

    # --- copies ---------------------------------------------------------------------------

    def save(self, name):
        shutil.rmtree(self.room / name, ignore_errors=True)
        shutil.copytree(self.root, self.room / name, symlinks=True)
        return (self.boots, self.running)

    def restore(self, name, saved):
        shutil.rmtree(self.root)
        shutil.copytree(self.room / name, self.root, symlinks=True)
        self.boots, self.running = saved

    def close(self):
        if not os.environ.get("KF_KEEP"):
            shutil.rmtree(self.room, ignore_errors=True)


def fingerprint(files):
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
