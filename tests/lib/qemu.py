# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU: its serial console is kept whole, and waits go by what the console says."""

import os
import pathlib
import signal
import socket
import subprocess

from scratch import wait_for

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
UBOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"

# Software emulation: whether KVM works is kferry's own question (controller/vm/accel.c),
# and these boards boot in seconds without it. One processor: see tests/lab/README.md.
MACHINE = {
    "x86_64": ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"],
    "arm64": ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"],
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Qemu:
    """directory holds its files; more: further arguments (firmware, kernel)."""

    DISK_FORMAT = "qcow2"

    def __init__(self, arch, directory, disk, more=(), memory=256):
        self.arch, self.disk, self.more, self.memory = arch, disk, list(more), memory
        self.dir = pathlib.Path(directory)
        self.port = free_port()
        self.serial = self.dir / "serial.log"
        self.process = None

    def argv(self):
        return MACHINE[self.arch] + [
            "-accel", "tcg,thread=multi", "-smp", "1", "-m", str(self.memory),
            "-nodefaults", "-display", "none", "-no-user-config",
            "-drive", f"if=none,id=d0,format={self.DISK_FORMAT},file={self.disk},cache=writeback",
            "-device", "virtio-blk-pci,drive=d0,bootindex=1",
            "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:22",
            "-device", "virtio-net-pci,netdev=n0,romfile=",
            "-device", "virtio-rng-pci",
            "-device", "i6300esb", "-action", "watchdog=reset",
            "-chardev", f"file,id=ser,path={self.serial},append=on", "-serial", "chardev:ser",
            *self.more]

    def start(self):
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL,
                                        stderr=open(self.dir / "qemu.err", "ab"))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def cut_power(self):
        if self.running():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def console(self):
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""

    def wait_console(self, text, since=0, seconds=120):
        """Until the console said text after its first `since` characters."""
        def said():
            if not self.running():
                raise AssertionError(f"QEMU ended: {(self.dir / 'qemu.err').read_text()}")
            return text in self.console()[since:]
        try:
            wait_for(f"the console to say {text!r}", said, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}; its last lines:\n{self.console()[-1500:]}") from e


def ovmf(directory):
    """Firmware arguments, with a variable store of the board's own."""
    store = pathlib.Path(directory) / "vars.fd"
    if not store.exists():
        store.write_bytes(pathlib.Path(OVMF_VARS).read_bytes())
        os.chmod(store, 0o600)
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
            "-drive", f"if=pflash,format=raw,file={store}"]


def uboot():
    """Debian's U-Boot for arm64's virt; its environment is the built-in one."""
    return ["-bios", UBOOT]
