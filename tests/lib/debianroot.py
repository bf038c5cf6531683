# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Debian root file system for a processor that is not this machine's: packages unpacked
without their scripts, and by hand what those would have done for systemd, udev, networkd
and sshd.  Nothing of it runs before the board does.
"""

import uuid

import image
import lab
from fastboard import write

PACKAGES = ["systemd-sysv", "udev", "openssh-server", "kmod", "iproute2", "dosfstools",
            "base-files", "base-passwd", "coreutils", "util-linux", "mount", "login",
            "procps", "dash", "bash", "grep", "sed", "findutils", "gzip", "libpam-modules"]

NETWORK = """\
[Match]
Name=e*
[Network]
DHCP=ipv4
"""

SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
UsePAM no
"""

# What fast boards say when they are up, for fastboard.power_on().
UP = """\
[Unit]
After=ssh.service network-online.target kferryd.service
Wants=network-online.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "lab: the board is up" >/dev/console'
[Install]
WantedBy=multi-user.target
"""


def unpack(arch, root):
    root.mkdir(parents=True)
    image.run("tar", "-xf", lab.extracted("debian", PACKAGES, arch), "-C", root,
              "--no-same-owner")


def configure(root, name, fstab):
    masters = root / "usr/share/base-passwd"
    write(root / "etc/passwd",
          (masters / "passwd.master").read_text().replace("root:*:", "root:x:", 1)
          + "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n")
    write(root / "etc/group", (masters / "group.master").read_text())
    write(root / "etc/shadow", "root:*:19000:0:99999:7:::\n", 0o600)
    write(root / "etc/hostname", f"{name}\n")
    write(root / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    write(root / "etc/fstab", fstab)
    write(root / "etc/ssh/sshd_config", SSHD)
    write(root / "etc/systemd/network/10-lab.network", NETWORK)
    write(root / "etc/systemd/system/lab-up.service", UP)
    enable(root, "ssh.service", "systemd-networkd.service", "systemd-networkd-wait-online.service",
           "lab-up.service")


def enable(root, *units, target="multi-user.target"):
    wants = root / f"etc/systemd/system/{target}.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for unit in units:
        own = root / "etc/systemd/system" / unit
        place = f"/etc/systemd/system/{unit}" if own.exists() else f"/lib/systemd/system/{unit}"
        (wants / unit).symlink_to(place)


def host_key(root):
    """Makes sshd's key; returns its public half."""
    key = root / "etc/ssh/ssh_host_ed25519_key"
    key.unlink(missing_ok=True)
    image.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    return key.with_suffix(".pub").read_text()
