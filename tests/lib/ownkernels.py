# SPDX-License-Identifier: GPL-2.0-or-later
"""
A scratch board with kernels of its own: what its commands see as /boot and /lib/modules is
in a mount name space of the agent's own.
"""

import subprocess

from scratch import Board

DPKG_QUERY = """#!/bin/sh
# Whose file is it?  As the names of the packages' files say.
for list in "{dir}"/packages/*; do
	! grep -qxF "$2" "$list" || {{ echo "${{list##*/}}: $2"; exit 0; }}
done
exit 1
"""

DPKG = """#!/bin/sh
echo "$*" >> "{dir}/dpkg.calls"
if [ -e "{dir}/dpkg.refuses" ]; then echo "dpkg: it is depended on" >&2; exit 1; fi
xargs rm -f < "{dir}/packages/$2"
"""

DATE = """#!/bin/sh
[ ! -e "{dir}/date.kills" ] || kill -9 $PPID
exec "{dir}/date.real" "$@"
"""

KERNEL_INSTALL = """#!/bin/sh
echo "$*" >> "{dir}/kernel-install.calls"
[ ! -e "{dir}/kernel-install.refuses" ]
"""

# The name space: what is below own/ is the board's, and the package manager is ours.
ENTER = """
mount -t tmpfs none /boot
mount -t tmpfs none /lib/modules
cp -a {dir}/own/boot/. /boot
cp -a {dir}/own/modules/. /lib/modules
cp /usr/bin/date {dir}/date.real
for tool in dpkg dpkg-query date kernel-install; do
	[ ! -e /usr/bin/$tool ] || mount --bind {dir}/$tool /usr/bin/$tool
done
if [ -d /etc/kernel ]; then
	mount -t tmpfs none /etc/kernel
	mkdir /etc/kernel/postrm.d
	cp {dir}/postrm /etc/kernel/postrm.d/own
fi
exec "$@"
"""


def name_space():
    """Why mounts of the agent's own cannot be made; None: they can."""
    done = subprocess.run(["unshare", "-m", "sh", "-ec", "mount -t tmpfs none /boot && "
                           "mount -t tmpfs none /lib/modules"], capture_output=True, check=False)
    return None if done.returncode == 0 else done.stderr.decode().strip() or "no unshare"


class OwnKernels(Board):
    """releases: kernels with an image, an initrd, a config and modules; packages: {release:
    the package that has it}."""

    def __init__(self, releases, packages=None, **fields):
        super().__init__(**fields)
        for name in ("own/boot", "own/modules", "packages"):
            (self.dir / name).mkdir(parents=True)
        for release in releases:
            for name in ("vmlinuz", "initrd.img", "config", "System.map"):
                (self.dir / f"own/boot/{name}-{release}").write_text(f"{name} {release}\n" * 999)
            (self.dir / f"own/modules/{release}").mkdir()
            (self.dir / f"own/modules/{release}/a.ko").write_text("module" * 999)
        for release, package in (packages or {}).items():
            (self.dir / "packages" / package).write_text(
                f"/boot/vmlinuz-{release}\n/boot/initrd.img-{release}\n")
        for name, text in (("dpkg", DPKG), ("dpkg-query", DPKG_QUERY), ("date", DATE),
                           ("kernel-install", KERNEL_INSTALL),
                           ("postrm", "#!/bin/sh\necho \"$*\" >> {dir}/postrm.calls\n")):
            (self.dir / name).write_text(text.format(dir=self.dir))
            (self.dir / name).chmod(0o755)
        self.wrap = ["unshare", "-m", "sh", "-ec", ENTER.format(dir=self.dir), "sh"]
        self.kill_agent()
        self.start_agent()

    def boot_files(self):
        return sorted(self.kferry("exec", "--", "ls", "/boot", check=0).out.split())

    def modules(self):
        return sorted(self.kferry("exec", "--", "ls", "/lib/modules", check=0).out.split())
