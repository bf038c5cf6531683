#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The profile steamdeck on a fast board that is laid out like SteamOS.  It is not SteamOS:
GRUB with a script of a few lines stands in for steamcl, busybox for the rest, and the
machine is QEMU's.  See docs/boards/steamdeck.md for what that shows and what it does not.
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import image  # noqa: E402
import lab  # noqa: E402
import tap  # noqa: E402
from fastboard import FastBoard, Trials, write  # noqa: E402
from image import Partition  # noqa: E402

GUEST = lab.LAB / "guest/steamlike"
KERNEL = "linux-lab"  # as a package's name, not a release: Arch's and SteamOS's way
DATA = "0700"  # the type of efi-A and efi-B: only esp is an EFI system partition
MODULES = ["part_gpt", "fat", "btrfs", "normal", "configfile", "linux", "chain", "boot", "test",
           "echo", "search"]

NOTHING_SENT = r"\b0 of \d+ files|nothing to send"

# For steamcl.efi, which chooses by SteamOS/conf/{A,B}.conf.
STAGE_1 = """source /SteamOS/conf/slot.cfg
set root=(hd0,gpt$efi)
chainloader /EFI/steamos/grubx64.efi
boot
"""

STAGE_2 = "configfile $cmdpath/grub.cfg\n"


def grub(out, script, prefix, directory):
    config = directory / "early.cfg"
    config.write_text(script)
    out.parent.mkdir(parents=True, exist_ok=True)
    image.run("grub-mkimage", "-O", "x86_64-efi", "-c", config, "-p", prefix, "-o", out, *MODULES)


class SteamDeckLike(Trials, FastBoard):
    NAME = "decklike"
    CHOSEN = "efi-bootnext"
    PROFILE = "steamdeck"
    FSTAB = """/dev/disk/by-partsets/shared/esp /esp vfat rw,umask=077 0 0
/dev/disk/by-partsets/self/efi /efi vfat ro,umask=077 0 0
/dev/disk/by-partsets/shared/home /home ext4 rw 0 0
"""
    SETTINGS = (("kernel.initramfs", "graft"),
                # QEMU's i6300esb, which is no wdat_wdt.
                ("watchdog.device", "/dev/watchdog0"))

    @classmethod
    def make_root(cls, root):
        super().make_root(root)
        for name in ("esp", "efi", "home", "usr/lib/lab", "etc/atomic-update.conf.d"):
            (root / name).mkdir(parents=True, exist_ok=True)
        write(root / "etc/ro-root", "")
        for name, place in (("partsets", "usr/lib/lab/partsets"), ("local", "etc/init.d/local"),
                            ("update", "usr/lib/lab/update"),
                            ("steamos-readonly", "usr/bin/steamos-readonly")):
            write(root / place, (GUEST / name).read_text(), 0o755)
        write(root / "usr/lib/lab/keep.conf",
              "/etc/atomic-update.conf.d/*.conf\n/etc/systemd/system/*.service\n")

    @classmethod
    def make_initramfs(cls, modules, out):
        """As small as can be, with a module that a graft must put in for another release."""
        tree = cls.dir / "initramfs"
        for name in ("bin", "sbin", "usr/bin", "usr/sbin", "proc", "sys", "dev", "new"):
            (tree / name).mkdir(parents=True)
        subprocess.run(["cp", cls.root / "bin/busybox", tree / "bin/busybox"], check=True)
        for name in ("sh", "mount", "umount", "sed", "dd", "hexdump", "cat", "ls", "mkdir", "ln",
                     "switch_root", "printf", "test", "["):
            (tree / "bin" / name).symlink_to("busybox")
        write(tree / "init", (GUEST / "init").read_text(), 0o755)
        write(tree / "bin/partsets", (GUEST / "partsets").read_text(), 0o755)
        dummy = next(modules.rglob("dummy.ko*"))
        place = tree / "usr/lib/modules" / modules.name / dummy.relative_to(modules)
        place.parent.mkdir(parents=True)
        subprocess.run(["cp", dummy, place], check=True)
        names = "\n".join(["."] + [str(p.relative_to(tree)) for p in sorted(tree.rglob("*"))])
        archive = image.run("cpio", "-o", "-H", "newc", "-R", "0:0", cwd=tree,
                            input=names.encode())
        out.write_bytes(archive)
        subprocess.run(["rm", "-rf", tree], check=True)

    @classmethod
    def make_image(cls, name, package, root):
        """The root file system of an image with this package's kernel as its own."""
        kernel = cls.dir / f"kernel-{name}"
        release = lab.unpack(cls.packages / f"{package}.kferry", kernel)
        subprocess.run(["rm", "-rf", root / "lib/modules"], check=True)
        subprocess.run(["cp", "-a", kernel / "modules", root / "lib"], check=True)
        subprocess.run(["cp", kernel / "boot/image", root / f"boot/vmlinuz-{KERNEL}"], check=True)
        cls.make_initramfs(root / "lib/modules" / release,
                           root / f"boot/initramfs-{KERNEL}.img")
        write(root / "etc/lab-image", f"{name}\n")
        return release

    @classmethod
    def disk(cls):
        trees = {name: cls.dir / name for name in ("esp", "efi-A", "efi-B", "B", "var")}
        for tree in trees.values():
            tree.mkdir()
        grub(trees["esp"] / "EFI/BOOT/BOOTX64.EFI", STAGE_1, "/EFI/BOOT", cls.dir)
        write(trees["esp"] / "SteamOS/conf/slot.cfg", "set efi=2\n")
        (trees["var"] / "lib/overlays/etc/upper").mkdir(parents=True)
        # cls.root is A's. B, the update, has another kernel.
        trees["B"].rmdir()
        subprocess.run(["cp", "-a", cls.root, trees["B"]], check=True)
        cls.make_image("A", "own", cls.root)
        cls.release_b = cls.make_image("B", "twin", trees["B"])
        parts = [Partition("vfat", 64, trees["esp"], name="esp"),
                 Partition("vfat", 32, trees["efi-A"], kind=DATA, name="efi-A"),
                 Partition("vfat", 32, trees["efi-B"], kind=DATA, name="efi-B"),
                 Partition("btrfs", 256, cls.root, name="rootfs-A"),
                 Partition("btrfs", 256, trees["B"], name="rootfs-B"),
                 Partition("ext4", 32, trees["var"], name="var-A"),
                 Partition("ext4", 32, trees["var"], name="var-B"),
                 Partition("ext4", 512, name="home")]
        cls.efi = {name: next(p.partuuid for p in parts if p.name == f"efi-{name}")
                   for name in "AB"}
        for name, root in (("A", 4), ("B", 5)):
            efi = trees[f"efi-{name}"] / "EFI/steamos"
            grub(efi / "grubx64.efi", STAGE_2, f"(hd0,gpt{root})/boot/grub", cls.dir)
            # steamenv_boot adds steamos.efi= there.
            write(efi / "grub.cfg",
                  f"linux /boot/vmlinuz-{KERNEL} console={cls.CONSOLE} rd.lab=1 panic=5 "
                  f"steamos.efi=PARTUUID={cls.efi[name]}\n"
                  f"initrd /boot/initramfs-{KERNEL}.img\nboot\n")
        return parts

    def boot_order(self):
        names = ("BootOrder", "BootNext")
        return [self.kferry("exec", "--", "cat", f"/sys/firmware/efi/efivars/{name}-"
                            "8be4df61-93ca-11d2-aa0d-00e098032b8c").stdout for name in names]

    def image(self):
        """The image that runs, by what is mounted and by the command line."""
        name = self.on_board("cat", "/etc/lab-image").out.strip()
        self.assertIn(f"steamos.efi=PARTUUID={self.efi[name]}",
                      self.on_board("cat", "/proc/cmdline").out)
        return name

    def assert_root_is_read_only(self):
        out = self.on_board("cat", "/proc/mounts").out
        self.assertTrue(re.search(r"^\S+ / btrfs ro,", out, re.M), out)

    def test_0_setup_keeps_away_from_the_root(self):
        self.assert_root_is_read_only()
        kept = self.on_board("cat", "/etc/atomic-update.conf.d/kferry.conf").out
        for place in ("/etc/kferry/agent.conf", "/etc/kferry/kferry-deadline",
                      "/etc/init.d/kferryd", "/etc/atomic-update.conf.d/kferry.conf"):
            self.assertIn(f"{place}\n", kept)
        self.assertIn("nothing to change", self.kferry("board", "setup", self.NAME, check=0).text)
        self.assertRegex(self.kferry("board", "info", check=0).out,
                         r"efi-bootnext +in use: .*/esp/EFI/kferry")

    def test_0_setup_onto_the_root_takes_force_and_leaves_it_read_only(self):
        self.desk.set("agent.path", "/usr/local/sbin/kferryd")
        try:
            done = self.kferry("board", "setup", self.NAME, check=2)
            self.assertIn("--force", done.text)
            self.assertIn("read-only", done.text)
            self.kferry("board", "setup", self.NAME, "--force", check=0)
            self.assert_root_is_read_only()
            # What fails half way leaves it so, too: /efi does not become writable.
            calls = self.on_board("cat", "/run/steamos-readonly").out.split()
            self.desk.set("agent.path", "/efi/kferryd")
            self.kferry("board", "setup", self.NAME, "--force", check=2)
        finally:
            self.desk.set("agent.path", "/home/kferry/kferryd")
        self.assertEqual(self.on_board("cat", "/run/steamos-readonly").out.split(),
                         [*calls, "disable", "enable"])
        self.assert_root_is_read_only()
        self.kferry("board", "setup", self.NAME, check=0)

    def slots(self):
        return [k for k in self.desk.kernels() if k["id"].startswith("k-")]

    def remove_slots(self, but=None):
        for slot in self.slots():
            if slot["id"] != but:
                self.kferry("kernels", "rm", slot["id"], check=0)

    def fill_esp(self, left):
        """All but so many MiB."""
        out = self.on_board("stat", "-f", "-c", "%a %S", "/esp").out.split()
        count = (int(out[0]) * int(out[1]) >> 20) - left
        self.on_board("dd", "if=/dev/zero", "of=/esp/firmware.cab", "bs=1M", f"count={count}")

    def test_3_a_full_esp_is_refused_before_anything_is_sent(self):
        self.remove_slots()
        self.fill_esp(3)
        try:
            done = self.deploy("trial", "--no-reboot", check=2)
            self.assertIn("/esp", done.text)
            self.assertIn("files that are not kferry's", done.text)
            self.assertEqual(self.on_board("ls", "/home/kferry/state/staging").out, "")
        finally:
            self.on_board("rm", "/esp/firmware.cab")

    def test_3_slots_that_nobody_needs_make_room_on_the_esp(self):
        def staged():
            return self.on_board("ls", "/esp/EFI/kferry").out.split()

        self.remove_slots()
        self.deploy("trial", "--no-reboot", check=0)
        trial = staged()
        self.fill_esp(6)
        try:
            self.deploy("twin", "--no-reboot", check=0)
            twin = staged()
            self.assertEqual(len(twin), 1)
            self.assertNotEqual(twin, trial)
            done = self.deploy("trial", "--no-reboot", check=0)
            self.assertEqual(staged(), trial)
            self.assertRegex(done.text, NOTHING_SENT)
        finally:
            self.on_board("rm", "/esp/firmware.cab")

    def test_4_good_once_and_a_second_reboot_returns(self):
        order = self.boot_order()[0]
        super().test_4_good_once_and_a_second_reboot_returns()
        self.assertEqual(self.boot_order(), [order, b""])
        self.assertEqual(self.image(), "A")

    @tap.level("long")
    def test_6_confirmed_is_the_default_until_it_is_rolled_back(self):
        order = self.boot_order()[0]
        self.desk.set("deploy.after_pass", "default")
        try:
            super().test_6_confirmed_is_the_default_until_it_is_rolled_back()
        finally:
            self.desk.set("deploy.after_pass", "once")
        self.assertEqual(self.boot_order(), [order, b""])

    def test_7_an_update_that_switches_the_slot(self):
        """Neither board nor state is lost, and no trial goes back to the old image."""
        trial = self.good_slot()
        # B's own kernel is the twin: it must not be taken for a slot.
        self.remove_slots(but=trial)
        before = self.on_board("ls", "/home/kferry/state/boots").out.split()
        self.on_board("/usr/lib/lab/update")
        self.kferry("reboot", check=0)
        self.assertEqual(self.image(), "B")
        self.assertIn(f"Linux version {self.release_b} ", self.desk.running()[0])
        self.assert_root_is_read_only()
        self.assertEqual([trial], [k["id"] for k in self.slots()])
        after = self.on_board("ls", "/home/kferry/state/boots").out.split()
        last = max(map(int, before))
        self.assertIn(str(last), after)
        # A boot takes two numbers, the first for one that the agent never saw: the numbers
        # go on, and the board came up at once.
        self.assertEqual(max(map(int, after)), last + 2)
        self.assertNotIn(str(last + 1), after)
        # Made under A, it would start A again.
        done = self.kferry("kernels", "rollback", trial, check=2)
        self.assertIn("another system image", done.text)
        self.assertIn(self.efi["A"], done.text)
        self.kferry("exec", "--", "modprobe", "veth", check=1)
        # The same package: nothing is sent, and it starts B. Its release is that of B's own
        # kernel, which has no veth.
        done = self.deploy("trial", "--once", check=0)
        self.assertRegex(done.text, NOTHING_SENT)
        self.assertEqual(self.image(), "B")
        self.on_board("modprobe", "veth")
        self.kferry("reboot", check=0)
        self.assertEqual(self.image(), "B")
        self.kferry("exec", "--", "modprobe", "veth", check=1)

    def good_slot(self):
        """One of A's that was confirmed; test_4's, where that is still there."""
        for again in (False, True):
            if again:
                self.deploy("trial", "--once", check=0)
                self.kferry("reboot", check=0)
            for slot in self.slots():
                if slot["state"] == "good":
                    return slot["id"]
        raise AssertionError("no slot is good")


if __name__ == "__main__":
    tap.main()
