# SPDX-License-Identifier: GPL-2.0-or-later
"""
A model of the documented behaviour of the Raspberry Pi's boot firmware: not the firmware.

What it starts, from the files on its FAT and the tryboot flag.  Sources: raspberrypi/
documentation, config_txt/boot.adoc, conditional.adoc, autoboot.adoc, and computers/
raspberry-pi/bootflow-eeprom.adoc.  Where these say nothing, the model takes what is worse
for kferry, and says so in `notes`.

    start = choose({1: tree}, PI4, flag=True)    # the flag is consumed: it is 0 afterwards
    start.kernel, start.initramfs, start.cmdline, start.dtb, start.prefix, ...

Dead is raised where the firmware stops with an error (no kernel): such a board stands
still until somebody takes its power away.
"""

import dataclasses
import re

LINE_MAX = 98  # config_txt: characters of a line past this are ignored
INCLUDE_DEPTH = 8
CONFIG_MAX = 64 * 1024


class Dead(Exception):
    """The modelled firmware stops here."""


@dataclasses.dataclass(frozen=True)
class Pi:
    """A board, as far as its firmware's choice depends on it."""
    filters: tuple  # names of [model] filters that hold
    dtbs: tuple  # tried in this order
    kernels64: tuple
    kernels32: tuple
    arm_64bit: bool = True  # the default
    upstream_dtbs: tuple = ()
    start_file: str = "start4.elf"  # "" where all of it is in the EEPROM
    serial: int = 0x10000000ABCDEF01
    board_type: int = 0x11
    gpios: tuple = ()  # numbers of those that are high
    edid: str = ""


PI4 = Pi(filters=("pi4",), dtbs=("bcm2711-rpi-4-b.dtb",), kernels64=("kernel8.img",),
         kernels32=("kernel7l.img",))
PI400 = Pi(filters=("pi4", "pi400"), dtbs=("bcm2711-rpi-400.dtb",), kernels64=("kernel8.img",),
           kernels32=("kernel7l.img",), board_type=0x13)
CM4 = Pi(filters=("pi4", "cm4"), dtbs=("bcm2711-rpi-cm4.dtb",), kernels64=("kernel8.img",),
         kernels32=("kernel7l.img",), board_type=0x14)
PI5 = Pi(filters=("pi5",), dtbs=("bcm2712-rpi-5-b.dtb",),
         kernels64=("kernel_2712.img", "kernel8.img"), kernels32=("kernel7l.img",),
         start_file="", board_type=0x17)
PI3 = Pi(filters=("pi3",), dtbs=("bcm2710-rpi-3-b.dtb",), kernels64=("kernel8.img",),
         kernels32=("kernel7.img",), arm_64bit=False,
         upstream_dtbs=("bcm2837-rpi-3-b.dtb",), start_file="start.elf", board_type=0x08)

MODEL = re.compile(r"(pi\d+\+?w?|cm\d+s?\+?)$", re.IGNORECASE)


@dataclasses.dataclass
class Start:
    """What the modelled firmware starts."""
    partition: int
    config: str  # the file that it read
    kernel_path: str
    kernel: bytes
    arm_64bit: bool
    cmdline: str
    initramfs_path: str = None
    initramfs: bytes = None
    dtb_path: str = None
    dtb: bytes = None
    prefix: str = ""  # the os_prefix that was used
    overlay_dir: str = "overlays/"
    overlays: tuple = ()  # paths of those that dtoverlay= asks for and that are there
    missing_overlays: tuple = ()
    tryboot: bool = False  # /chosen/bootloader/tryboot
    watchdog: int = 0  # kernel_watchdog_timeout
    settings: dict = dataclasses.field(default_factory=dict)
    notes: tuple = ()


class Filters:
    """Filters of one kind replace each other, those of different kinds must all hold;
    [all] ends them."""

    def __init__(self, pi, tryboot, partition):
        self.pi, self.tryboot, self.partition = pi, tryboot, partition
        self.hold = {}
        self.notes = []

    def take(self, name):
        name = name.strip()
        low = name.lower()
        if low == "all":
            self.hold = {}
            return
        kind, value = self.judge(low, name)
        self.hold[kind] = value

    def judge(self, low, name):
        key, _, value = low.partition("=")
        if low == "none":
            return "none", False
        if low == "tryboot":
            return "tryboot", self.tryboot
        if MODEL.match(low):
            return "model", low in self.pi.filters
        if re.match(r"0x[0-9a-f]+$", low):
            # conditional.adoc: the serial's lower 32 bits, as "Serial" of /proc/cpuinfo ends
            return "serial", int(low, 16) in (self.pi.serial, self.pi.serial & 0xFFFFFFFF)
        if key == "board-type":
            return "board-type", number(value) == self.pi.board_type
        if re.match(r"gpio\d+$", key):
            return "gpio", (int(key[4:]) in self.pi.gpios) == (value == "1")
        if key == "edid":
            return "edid", name.partition("=")[2] == self.pi.edid and self.pi.edid != ""
        if key in ("partition", "boot_partition"):
            return "partition", number(value) == self.partition
        if re.match(r"hdmi:[01]$", low):
            return "hdmi", True  # says which port a setting is for, and hides none
        self.notes.append(f"[{name}] is a filter that the model does not know: does not hold")
        return "unknown", False

    def all(self):
        return all(self.hold.values())


def number(text):
    try:
        return int(text, 0)
    except ValueError:
        return None


class Config:
    """One configuration, read."""

    def __init__(self, fat, pi, tryboot, partition):
        self.fat, self.settings, self.overlays = fat, {}, []
        self.filters = Filters(pi, tryboot, partition)
        self.notes = self.filters.notes

    def take(self, name, depth=0):
        data = self.fat.read(name)
        if data is None:
            return False
        for line in data[:CONFIG_MAX].decode(errors="replace").splitlines():
            self.line(line.strip()[:LINE_MAX], depth)
        return True

    def line(self, line, depth):
        if not line or line.startswith("#"):
            return
        if line.startswith("["):
            self.filters.take(line[1:].split("]")[0])
            return
        if not self.filters.all():
            return
        word, _, rest = line.partition(" ")
        if word == "include":
            if depth < INCLUDE_DEPTH and not self.take(rest.strip(), depth + 1):
                self.notes.append(f"include {rest.strip()}: not there")
            return
        if word == "initramfs":
            words = rest.split()
            if words:
                self.settings["ramfsfile"] = words[0]
            return
        key, equals, value = line.partition("=")
        if not equals:
            return
        key, value = key.strip(), value.strip()
        if key == "dtoverlay":
            if value:
                self.overlays.append(value.split(",")[0])
            return
        self.settings[key] = value

    def get(self, key, default=None):
        return self.settings.get(key, default)


def autoboot(fat, pi, tryboot, partition):
    """autoboot.txt: the partition to boot from, and whether tryboot is one of partitions."""
    config = Config(fat, pi, tryboot, partition)
    # It knows [all], [none] and [tryboot] only, and 512 bytes.
    data = fat.read("autoboot.txt")
    if data is None:
        return partition, False
    for line in data[:512].decode(errors="replace").splitlines():
        line = line.strip()
        if line.startswith("[") and line[1:].split("]")[0] not in ("all", "none", "tryboot"):
            config.filters.hold["unknown"] = False
        else:
            config.line(line, INCLUDE_DEPTH)
    where = number(config.get("boot_partition", str(partition))) or partition
    return where, config.get("tryboot_a_b") == "1"


def prefixed(prefix, name):
    """A leading '/' leaves all prefixes out."""
    return name.lstrip("/") if name.startswith("/") else prefix + name


def first(fat, names):
    for name in names:
        if fat.exists(name):
            return name
    return None


def kernel_names(config, pi, arm64):
    named = config.get("kernel")
    return (named,) if named else (pi.kernels64 if arm64 else pi.kernels32)


def dtb_names(config, pi):
    named = config.get("device_tree")
    if named is not None:
        return (named,) if named else ()
    if config.get("upstream_kernel") == "1":
        return pi.upstream_dtbs + pi.dtbs
    return pi.dtbs


def os_prefix(fat, config, kernels, dtbs):
    """Unless kernel and device tree are there with the prefix, it is left out."""
    prefix = config.get("os_prefix")
    if prefix is None:
        prefix = "upstream/" if config.get("upstream_kernel") == "1" else ""
    if not prefix:
        return ""
    kernel = first(fat, [prefixed(prefix, name) for name in kernels])
    dtb = first(fat, [prefixed(prefix, name) for name in dtbs])
    if kernel and (dtb or not dtbs):
        return prefix
    config.notes.append(f"os_prefix={prefix} is not viable: passed over")
    return ""


def automatic(kernel):
    """auto_initramfs: "kernel8.img" has "initramfs8"."""
    at, slash, name = kernel.rpartition("/")
    if not name.startswith("kernel"):
        return None
    return at + slash + "initramfs" + name[len("kernel"):].removesuffix(".img")


def initramfs(fat, config, prefix, kernel):
    """Path and content; several files are put one behind the other."""
    named = config.get("ramfsfile")
    if named:
        paths = [prefixed(prefix, name) for name in named.split(",")]
    elif config.get("auto_initramfs") == "1":
        paths = [path for path in [automatic(kernel)] if path and fat.exists(path)]
    else:
        paths = []
    if not paths:
        return None, None
    parts = [fat.read(path) for path in paths]
    if None in parts:
        # Not documented; a kernel without its initramfs is the worse of the two.
        config.notes.append(f"initramfs {','.join(paths)}: not there, started without")
        return None, None
    return ",".join(paths), b"".join(parts)


def find_overlays(fat, config, prefix):
    name = config.get("overlay_prefix", "overlays/")
    where = prefix + name
    if prefix and not fat.exists(where + "README"):
        where = name
    paths = [f"{where}{overlay}.dtbo" for overlay in config.overlays]
    return (where, tuple(p for p in paths if fat.exists(p)),
            tuple(p for p in paths if not fat.exists(p)))


def choose(partitions, pi, flag, partition=1):
    """What the model starts.  partitions: {number: tree}; flag: the tryboot flag, which is
    cleared before anything is read, so the caller has it as 0 whatever this returns."""
    fat = partitions.get(partition)
    if fat is None:
        raise Dead(f"there is no partition {partition}")
    where, ab = autoboot(fat, pi, flag, partition)
    fat = partitions.get(where)
    if fat is None:
        raise Dead(f"autoboot.txt: there is no partition {where}")
    if pi.start_file and not fat.exists(pi.start_file):
        raise Dead(f"{pi.start_file} is not there")
    config = Config(fat, pi, flag, where)
    name = "tryboot.txt" if flag and not ab else "config.txt"
    if not config.take(name):
        config.notes.append(f"{name} is not there")
        if name == "tryboot.txt":
            # Not documented.
            name = "config.txt"
            config.take(name)
    arm64 = config.get("arm_64bit", "1" if pi.arm_64bit else "0") != "0"
    kernels, dtbs = kernel_names(config, pi, arm64), dtb_names(config, pi)
    prefix = os_prefix(fat, config, kernels, dtbs)
    kernel = first(fat, [prefixed(prefix, n) for n in kernels])
    if kernel is None:
        raise Dead(f"no kernel: {', '.join(kernels)} ({name})")
    dtb = first(fat, [prefixed(prefix, n) for n in dtbs])
    ramfs_path, ramfs = initramfs(fat, config, prefix, kernel)
    cmdline = fat.read(prefixed(prefix, config.get("cmdline", "cmdline.txt")))
    if cmdline is None:
        config.notes.append("no command line")
    where_overlays, there, missing = find_overlays(fat, config, prefix)
    return Start(partition=where, config=name, kernel_path=kernel, kernel=fat.read(kernel),
                 arm_64bit=arm64, initramfs_path=ramfs_path, initramfs=ramfs,
                 cmdline=(cmdline or b"").decode(errors="replace").split("\n")[0].strip(),
                 dtb_path=dtb, dtb=fat.read(dtb) if dtb else None, prefix=prefix,
                 overlay_dir=where_overlays, overlays=there, missing_overlays=missing,
                 tryboot=flag, watchdog=number(config.get("kernel_watchdog_timeout", "0")) or 0,
                 settings=dict(config.settings), notes=tuple(config.notes))
