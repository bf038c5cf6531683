# SPDX-License-Identifier: GPL-2.0-or-later
"""
A fast board below a *model* of the Raspberry Pi's firmware: rpifw.py chooses on this
machine, from the FAT in the disk image, what QEMU's aarch64 `virt` starts with.  No line
of the real firmware runs, and the board has none of the Pi's devices:

- Each reset ends QEMU; the model looks at the tryboot flag, clears it, reads the FAT,
  chooses, writes down what and why (`boots`, model.log, the console), and starts QEMU.
- The flag is in a register of the model, which the guest has as a file on a small disk of
  its own, bound over /dev/vcio: the door that agent/boot/rpi/vcio.c opens only below a
  device tree that says kferry,rpi-model and has no "raspberrypi,".  A power cut loses the
  flag, a reset does not.
- The chosen device tree has to be there and is written down; what the kernel gets is that
  of virt, with the model's names and what a Pi's boot loader leaves in /chosen.  Overlays are
  written down, not applied.
"""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

import debianroot
import debkernel
import image
import lab
import qemu
import rpifw
from fastboard import FastBoard, write

LOADER_BUILT = 1736424000  # 2025-01-09: has tryboot, not yet kernel_watchdog_timeout
REVISION = 0xC03115  # a 4B, 4 GiB, revision 1.5
DTB = "bcm2711-rpi-4-b.dtb"
# What the firmware puts in front of cmdline.txt.
FIRMWARE_WORDS = ("coherent_pool=1M 8250.nr_uarts=0 bcm2708_fb.fbwidth=0 bcm2708_fb.fbheight=0 "
                  "bcm2708_fb.fbswap=1 vc_mem.mem_base=0x3ec00000 vc_mem.mem_size=0x40000000 ")

REGISTER = """\
[Unit]
DefaultDependencies=no
After=local-fs.target systemd-udevd.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/rpi-model
"""


class Fat:
    """A tree for rpifw.choose(): the files of a FAT inside an image, by mtools."""

    def __init__(self, path, offset):
        self.image = f"{path}@@{offset}"

    def mtools(self, *argv):
        return subprocess.run([*argv], capture_output=True, check=False,
                              env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))

    def read(self, name):
        done = self.mtools("mtype", "-i", self.image, f"::{name}")
        return done.stdout if done.returncode == 0 else None

    def exists(self, name):
        return self.mtools("mdir", "-b", "-i", self.image, f"::{name}").returncode == 0


@dataclasses.dataclass
class Boot:
    """One start of the board, as the model saw it."""
    start: rpifw.Start
    end: str = ""  # "guest-reset", "watchdog", "power", ...


class OneBoot(qemu.Qemu):
    """QEMU, from one reset to the next."""

    DISK_FORMAT = "raw"

    def argv(self):
        return [*super().argv(), "-no-reboot",
                "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off"]

    def events(self):
        """The names of QMP's events, and why it ended, until it has."""
        with socket.socket(socket.AF_UNIX) as s:
            while self.running():
                try:
                    s.connect(f"{self.dir}/qmp")
                    break
                except OSError:
                    time.sleep(0.01)  # it is about to listen
            try:
                s.sendall(b'{"execute": "qmp_capabilities"}\n')
                for line in s.makefile():
                    event = json.loads(line)
                    if "event" in event:
                        yield event["event"], event.get("data", {}).get("reason", "")
            except OSError:
                return  # it was killed


class RpiModel(qemu.Qemu):
    """The board with the model of its firmware; what tests call is qemu.Qemu's."""

    def __init__(self, directory, disk, fat_offset, memory):
        super().__init__("arm64", directory, disk, memory=memory)
        self.fat = Fat(disk, fat_offset)
        self.register = self.dir / "register.img"
        self.log = self.dir / "model.log"
        self.boots = []
        self.one = self.thread = None
        self.on = False
        self.virt_dtb = self.dir / "virt.dtb"
        image.run(*qemu.MACHINE["arm64"], "-M", f"virt,dumpdtb={self.virt_dtb}", "-smp", "1",
                  "-m", str(memory), "-nodefaults", "-display", "none")

    # --- the register ---------------------------------------------------------------

    def clear_flag(self):
        self.register.unlink(missing_ok=True)
        image.run("mkfs.vfat", "-C", self.register, "256")
        image.run("mcopy", "-i", self.register, "-", "::flags", input=b"0\n")

    def flag(self):
        return Fat(self.register, 0).read("flags")[:1] == b"1"

    # --- the firmware ---------------------------------------------------------------

    def say(self, text):
        for path in (self.log, self.serial):
            with open(path, "a", encoding="utf-8") as f:
                f.write(f"rpi-model: {text}\r\n")

    def device_tree(self, start):
        out = self.dir / "boot.dtb"
        out.write_bytes(self.virt_dtb.read_bytes())
        loader = "/chosen/bootloader"

        def put(node, name, kind, *values):
            image.run("fdtput", "-p", "-t", kind, out, node, name, *values)
        put("/", "compatible", "s", "kferry,rpi-model", "linux,dummy-virt")
        put("/", "model", "s", "Raspberry Pi 4 Model B (kferry's model)")
        put("/", "serial-number", "s", f"{rpifw.PI4.serial:016x}")
        put("/system", "linux,revision", "x", f"{REVISION:x}")
        put("/system", "linux,serial", "x", f"{rpifw.PI4.serial >> 32:x}",
            f"{rpifw.PI4.serial & 0xffffffff:x}")
        for name, value in (("tryboot", int(start.tryboot)), ("partition", start.partition),
                            ("boot-mode", 1), ("build-timestamp", LOADER_BUILT),
                            ("update-timestamp", LOADER_BUILT)):
            put(loader, name, "x", f"{value:x}")
        put(loader, "version", "s", "kferry's model of the boot loader")
        put("/chosen", "os_prefix", "s", start.prefix)
        put("/chosen", "overlay_prefix", "s", start.overlay_dir)
        put("/chosen", "rng-seed", "x", *(os.urandom(4).hex() for _ in range(8)))
        put("/chosen", "kaslr-seed", "x", *(os.urandom(4).hex() for _ in range(2)))
        return out

    def write_down(self, start):
        self.say(f"tryboot flag {int(start.tryboot)}, cleared; read {start.config}")
        self.say(f"os_prefix {start.prefix or '(none)'}, kernel {start.kernel_path}, initramfs "
                 f"{start.initramfs_path}, device tree {start.dtb_path}, overlays from "
                 f"{start.overlay_dir}: {' '.join(start.overlays) or 'none'}")
        for note in start.notes:
            self.say(note)

    def boot(self, start):
        files = {"kernel": start.kernel, "initrd": start.initramfs}
        more = ["-dtb", self.device_tree(start)]
        for name, data in files.items():
            if data is not None:
                (self.dir / name).write_bytes(data)
                more += [f"-{name}", self.dir / name]
        # The firmware knows which UART is the first.
        words = FIRMWARE_WORDS + start.cmdline.replace("console=serial0", "console=ttyAMA0")
        if start.watchdog:
            words += f" watchdog.open_timeout={start.watchdog}"
        more += ["-append", words, "-drive", f"if=none,id=d1,format=raw,file={self.register}",
                 "-device", "virtio-blk-pci,drive=d1"]
        self.one = OneBoot("arm64", self.dir, self.disk, map(str, more), self.memory)
        self.one.port = self.port
        self.one.start()
        end = ""
        for event, reason in self.one.events():
            if event == "WATCHDOG":
                end = "watchdog"
            elif event == "SHUTDOWN":
                end = end or reason
        self.one.process.wait()
        return end if self.on else "power"

    def loop(self):
        flag = False  # a power cut loses it
        while self.on:
            self.clear_flag()
            try:
                start = rpifw.choose({1: self.fat}, rpifw.PI4, flag)
            except rpifw.Dead as e:
                self.say(f"dead: {e}")
                return
            self.write_down(start)
            self.boots.append(Boot(start))
            self.boots[-1].end = self.boot(start)
            self.say(f"the board ended by {self.boots[-1].end}")
            flag = self.flag()

    def guarded_loop(self):
        try:
            self.loop()
        except Exception as e:  # the test has to hear of it
            self.say(f"the model failed: {e!r}")
            raise

    # --- what the tests call ----------------------------------------------------------

    def start(self):
        self.on = True
        self.thread = threading.Thread(target=self.guarded_loop, daemon=True)
        self.thread.start()

    def running(self):
        return self.thread is not None and self.thread.is_alive()

    def cut_power(self):
        self.on = False
        while self.running():
            if self.one and self.one.running():
                self.one.process.kill()
            self.thread.join(0.1)
        self.thread = None


class RpiModelBoard(FastBoard):
    """A board with the layout of Raspberry Pi OS.  Its own kernel is Debian's, with an
    initramfs, and stands for one of raspberrypi/linux: it alone has the mailbox.  Kernels
    on trial are the lab's, with the device tree of a Raspberry Pi 4 put to them."""

    NAME = "rpi-model"
    ARCH = "arm64"
    PROFILE = "rpi4"
    CONSOLE = "ttyAMA0"
    FSTAB = "/dev/vda1 /boot/firmware vfat rw,umask=077 0 2\n"
    MEMORY = 384
    CONFIG_TXT = """\
# For more options see the documentation of config.txt.
dtparam=audio=on
auto_initramfs=1
arm_64bit=1
disable_overscan=1

[cm4]
otg_mode=1

[pi4]
arm_boost=1

[all]
enable_uart=1
"""

    @classmethod
    def make_own(cls):
        cls.older, newer = debkernel.pair()
        release = debkernel.unpack(newer, cls.own)
        (cls.own / "lib/modules").rename(cls.own / "modules")
        cls.dtb = cls.dir / DTB
        debkernel.compile_dts(f"broadcom/{DTB[:-1]}s", cls.dtb, ["-@"])
        lab_packages, cls.packages = cls.packages, cls.dir / "packages"
        cls.packages.mkdir()
        for name in ("trial", "twin"):
            cls.with_trees(lab_packages / f"{name}.kferry", cls.packages / f"{name}.kferry",
                           [(f"broadcom/{DTB}", cls.dtb)])
        cls.no_dtb = lab_packages / "trial.kferry"
        return release

    @classmethod
    def with_trees(cls, package, out, trees):
        inside = cls.dir / "inside"
        release = lab.unpack(package, inside)
        tar = cls.dir / "inside.tar"
        debkernel.as_tarball(tar, inside / "boot/image", inside / "boot/config",
                             inside / "modules" / release, release, trees)
        cls.kferry("pack", "-o", out, "--from", tar, check=0)
        image.run("rm", "-r", inside, tar)

    @classmethod
    def make_root(cls, root):
        super().make_root(root)
        (root / "boot/firmware").mkdir()
        write(root / "etc/init.d/local", (lab.LAB / "guest/rpi-model").read_text(), 0o755)

    @classmethod
    def disk(cls):
        fat = cls.dir / "fat"
        write(fat / "config.txt", cls.CONFIG_TXT)
        write(fat / "cmdline.txt", cls.cmdline() + "\n")
        for name in ("start4.elf", "fixup4.dat", "overlays/vc4-kms-v3d.dtbo"):
            write(fat / name, "A stand-in: the model reads none of it.\n")
        write(fat / "overlays/README", "Overlays are taken from here.\n")
        image.run("cp", next((cls.own / "boot").glob("vmlinuz-*")), fat / "kernel8.img")
        image.run("cp", cls.dtb, fat / DTB)
        debkernel.make_initramfs(cls.ARCH, cls.root, cls.own_release, fat / "initramfs8")
        # Not an EFI system partition, which systemd would mount by itself.
        return [image.Partition("vfat", 256, fat, kind="0700"),
                image.Partition("ext4", 512, cls.root)]

    @classmethod
    def machine(cls, raw):
        return RpiModel(cls.dir, raw, image.MIB, cls.MEMORY)


class RpiModelDebianBoard(RpiModelBoard):
    """The same with systemd, udev and OpenSSH of Debian in place of busybox."""

    NAME = "rpi-model-debian"
    FSTAB = "/dev/vda2 / ext4 rw 0 1\n" + RpiModelBoard.FSTAB
    MEMORY = 640
    SETTINGS = (("timeout.connect", "90s"),)  # sshd, ssh and systemd, all emulated

    @classmethod
    def make_root(cls, root):
        debianroot.unpack(cls.ARCH, root)
        debianroot.configure(root, cls.NAME, cls.FSTAB)
        write(root / "usr/local/sbin/rpi-model", (lab.LAB / "guest/rpi-model").read_text(),
              0o755)
        write(root / "etc/systemd/system/rpi-model.service", REGISTER)
        debianroot.enable(root, "rpi-model.service", target="sysinit.target")
        image.run("cp", "-a", cls.own / "modules", root / "lib")
        cls.make_keys(root)

    @classmethod
    def make_host_key(cls, root):
        return debianroot.host_key(root)
