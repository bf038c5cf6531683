#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The models of boot stages that the sweeps believe: each rule of theirs, from the boot
stages' documentation.  rpifw is a model of the Raspberry Pi firmware's documented
behaviour; nothing here ran on one."""

import dataclasses
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
import bootmodel  # noqa: E402
import chainboard  # noqa: E402
import grubscript  # noqa: E402
import rpifw  # noqa: E402
from rpifw import PI3, PI4, PI400, PI5  # noqa: E402
from tree import DirTree, NoCase, Tree  # noqa: E402


def fat(config="", **more):
    """A FAT as Raspberry Pi OS has it."""
    files = {"start4.elf": b"e", "start.elf": b"e", "config.txt": config.encode(),
             "cmdline.txt": b"root=/dev/mmcblk0p2 rw\n", "kernel8.img": b"k8",
             "kernel7l.img": b"k7l", "initramfs8": b"i8", "initramfs7l": b"i7l",
             "bcm2711-rpi-4-b.dtb": b"dtb4", "bcm2711-rpi-400.dtb": b"dtb400",
             "bcm2712-rpi-5-b.dtb": b"dtb5", "bcm2710-rpi-3-b.dtb": b"dtb3",
             "overlays/README": b"", "overlays/a.dtbo": b"a"}
    files.update({k.replace("__", "/").replace("_txt", ".txt"): v for k, v in more.items()})
    return Tree(files)


def with_prefix(config, at="new/", drop=(), extra=None):
    t = fat(config)
    t.files.update({at + "kernel8.img": b"K", at + "bcm2711-rpi-4-b.dtb": b"D",
                    at + "cmdline.txt": b"root=new\n", at + "initramfs8": b"I"})
    t.files.update(extra or {})
    for name in drop:
        del t.files[name]
    return t


def start(tree, pi=PI4, flag=False, partitions=None):
    return rpifw.choose(partitions or {1: tree}, pi, flag)


class ModelOfRpiFirmware(unittest.TestCase):
    def test_defaults(self):
        s = start(fat())
        self.assertEqual((s.kernel, s.dtb, s.initramfs, s.cmdline, s.prefix, s.config),
                         (b"k8", b"dtb4", None, "root=/dev/mmcblk0p2 rw", "", "config.txt"))
        self.assertEqual(start(fat("auto_initramfs=1")).initramfs, b"i8")
        self.assertEqual(start(fat("auto_initramfs=1\narm_64bit=0")).initramfs, b"i7l")
        self.assertEqual(start(fat("arm_64bit=0")).kernel, b"k7l")
        self.assertEqual(start(fat(), PI5).kernel, b"k8")
        five = fat()
        five.files["kernel_2712.img"] = b"k2712"
        self.assertEqual(start(five, PI5).kernel, b"k2712")
        three = fat()
        three.files["kernel7.img"] = b"k7"
        self.assertEqual(start(three, PI3).kernel, b"k7")
        self.assertEqual(start(three, PI3).dtb, b"dtb3")

    def test_the_last_wins_and_spaces_do_not_count(self):
        self.assertEqual(start(fat("kernel=x\n kernel = kernel7l.img \n#kernel=no")).kernel, b"k7l")

    def test_names_have_no_case(self):
        upper = Tree({k.upper(): v for k, v in fat().files.items()})
        self.assertEqual(start(NoCase(upper, "")).kernel, b"k8")

    def test_filters(self):
        k7 = "kernel=kernel7l.img\n"
        holds = ("[all]", "[pi4]", "[PI4]", "[board-type=0x11]", "[0xABCDEF01]", "[pi3]\n[pi4]",
                 "[none]\n[all]", "[gpio4=0]", "[HDMI:0]", "[partition=1]",
                 "[board-type=0x11]\n[pi4]")
        for lines in holds:
            self.assertEqual(start(fat(f"{lines}\n{k7}")).kernel, b"k7l", lines)
        for lines in ("[none]", "[pi5]", "[pi400]", "[tryboot]", "[board-type=0x13]", "[0x1234]",
                      "[gpio4=1]", "[EDID=x]", "[pi4]\n[none]", "[none]\n[pi4]",
                      "[board-type=0x13]\n[pi4]", "[pi4]\n[gpio4=1]", "[what]", "[partition=2]"):
            self.assertEqual(start(fat(f"{lines}\n{k7}")).kernel, b"k8", lines)
        self.assertEqual(start(fat("[pi4]\n" + k7), PI400).kernel, b"k7l")
        self.assertEqual(start(fat("[pi400]\n" + k7), PI400).kernel, b"k7l")
        high = dataclasses.replace(PI4, gpios=(4,), edid="VSC-TD2220")
        self.assertEqual(start(fat("[gpio4=1]\n[EDID=VSC-TD2220]\n" + k7), high).kernel, b"k7l")

    def test_include(self):
        t = fat("[pi5]\ninclude no.txt\n[all]\ninclude yes.txt\n", no_txt=b"kernel=nothing\n",
                yes_txt=b"[pi4]\nkernel=kernel7l.img\n")
        self.assertEqual(start(t).kernel, b"k7l")
        self.assertIn("not there", start(fat("include gone.txt")).notes[0])
        # A file that includes itself ends somewhere.
        self.assertEqual(start(fat("include config.txt")).kernel, b"k8")

    def test_lines_are_cut(self):
        self.assertEqual(start(fat("#" * 200 + "\nkernel=kernel7l.img" + " " * 100 + "x")).kernel,
                         b"k7l")

    def test_tryboot(self):
        t = fat("kernel=kernel8.img", tryboot_txt=b"[tryboot]\nkernel=kernel7l.img\n")
        self.assertEqual(start(t).kernel, b"k8")
        s = start(t, flag=True)
        self.assertEqual((s.kernel, s.config, s.tryboot), (b"k7l", "tryboot.txt", True))
        # Instead of config.txt, not besides it.
        t = fat("cmdline=other.txt", tryboot_txt=b"", other_txt=b"other\n")
        self.assertEqual(start(t, flag=True).cmdline, "root=/dev/mmcblk0p2 rw")
        self.assertEqual(start(fat(), flag=True).config, "config.txt")

    def test_tryboot_between_partitions(self):
        one = fat("kernel=kernel7l.img", autoboot_txt=b"[all]\ntryboot_a_b=1\nboot_partition=2\n"
                  b"[tryboot]\nboot_partition=3\n")
        two, three = fat(), fat("arm_64bit=0")
        three.files["tryboot.txt"] = b"kernel=nothing\n"
        parts = {1: one, 2: two, 3: three}
        self.assertEqual((start(None, partitions=parts).partition), 2)
        s = start(None, flag=True, partitions=parts)
        self.assertEqual((s.partition, s.config, s.kernel), (3, "config.txt", b"k7l"))

    def test_os_prefix(self):
        s = start(with_prefix("os_prefix=new/\ninitramfs initramfs8 followkernel"))
        self.assertEqual((s.kernel, s.dtb, s.initramfs, s.cmdline, s.prefix),
                         (b"K", b"D", b"I", "root=new", "new/"))
        self.assertEqual(start(with_prefix("os_prefix=new/\nauto_initramfs=1")).initramfs, b"I")

    def test_a_prefix_that_is_not_viable_is_passed_over(self):
        for gone in ("new/kernel8.img", "new/bcm2711-rpi-4-b.dtb"):
            s = start(with_prefix("os_prefix=new/", drop=[gone]))
            self.assertEqual((s.kernel, s.dtb, s.prefix), (b"k8", b"dtb4", ""), gone)
            self.assertIn("not viable", s.notes[0])
        # Without its slash it is put in front of the names all the same.
        self.assertEqual(start(with_prefix("os_prefix=new")).prefix, "")
        self.assertEqual(start(with_prefix("os_prefix=new/\ndevice_tree=other.dtb")).prefix, "")

    def test_leading_slash_leaves_the_prefix_out(self):
        s = start(with_prefix("os_prefix=new/\ncmdline=/cmdline.txt\ninitramfs /initramfs7l x"))
        self.assertEqual((s.kernel, s.cmdline, s.initramfs), (b"K", "root=/dev/mmcblk0p2 rw",
                                                              b"i7l"))

    def test_overlays(self):
        s = start(fat("dtoverlay=a,x=1\ndtoverlay=b\ndtoverlay="))
        self.assertEqual((s.overlays, s.missing_overlays), (("overlays/a.dtbo",),
                                                            ("overlays/b.dtbo",)))
        # Those of the prefix count only where a README is.
        own = {"new/overlays/a.dtbo": b"A"}
        s = start(with_prefix("os_prefix=new/\ndtoverlay=a", extra=own))
        self.assertEqual(s.overlays, ("overlays/a.dtbo",))
        own["new/overlays/README"] = b""
        s = start(with_prefix("os_prefix=new/\ndtoverlay=a", extra=own))
        self.assertEqual(s.overlays, ("new/overlays/a.dtbo",))
        s = start(with_prefix("os_prefix=new/\noverlay_prefix=ov/\ndtoverlay=a", extra={
            "new/ov/README": b"", "new/ov/a.dtbo": b""}))
        self.assertEqual(s.overlays, ("new/ov/a.dtbo",))

    def test_upstream_kernel(self):
        t = with_prefix("upstream_kernel=1", at="upstream/")
        self.assertEqual(start(t).prefix, "upstream/")
        three = fat("upstream_kernel=1\narm_64bit=1")
        three.files["bcm2837-rpi-3-b.dtb"] = b"up"
        self.assertEqual(start(three, PI3).dtb, b"up")

    def test_several_initramfs_files(self):
        self.assertEqual(start(fat("initramfs initramfs8,initramfs7l followkernel")).initramfs,
                         b"i8i7l")
        self.assertEqual(start(fat("ramfsfile=initramfs7l\nauto_initramfs=1")).initramfs, b"i7l")
        s = start(fat("initramfs gone followkernel"))
        self.assertIsNone(s.initramfs)
        self.assertIn("gone", s.notes[0])

    def test_stops(self):
        for t in (fat("kernel=gone"), Tree({"config.txt": b"", "kernel8.img": b"k"}),
                  fat(autoboot_txt=b"boot_partition=7\n")):
            with self.assertRaises(rpifw.Dead):
                start(t)
        self.assertEqual(start(Tree({"kernel8.img": b"k"}), PI5).cmdline, "")

    def test_watchdog(self):
        self.assertEqual(start(fat("kernel_watchdog_timeout=60")).watchdog, 60)


class Grub(unittest.TestCase):
    def run_script(self, text, files=None):
        grub = grubscript.Grub(Tree({"boot/grub/x.cfg": text.encode(), **(files or {})}),
                               "boot/grub")
        return grub, grub.script("boot/grub/x.cfg")

    def test_words_and_branches(self):
        grub, _ = self.run_script('set a="x y"; set b=\'$a\'\nset c="${a}z"\n'
                                  'if [ -n "$q" ]; then set d=1; elif [ "$a" = "x y" -a -z "" ]; '
                                  'then\n set d=2\nelse\n set d=3\nfi # the end\n')
        self.assertEqual([grub.vars[k] for k in "abcd"], ["x y", "$a", "x yz", "2"])

    def test_environment(self):
        env = b"# GRUB Environment Block\na=1\nb=2\n".ljust(1024, b"#")
        grub, ok = self.run_script("load_env --file /e a\nset b=3\nsave_env --file /e b\n",
                                   {"e": env})
        self.assertTrue(ok)
        self.assertEqual(grub.vars["a"], "1")
        self.assertEqual(grub.env("/e"), {"a": "1", "b": "3"})
        self.assertEqual(len(grub.files.read("e")), 1024)
        self.assertFalse(self.run_script("save_env --file /e b\n", {"e": env + b"#"})[1])

    def test_a_menu_without_what_it_names_stands_still(self):
        with self.assertRaises(grubscript.Stuck):
            grubscript.boot(Tree({"g/grub.cfg": b"menuentry 'x' {\n linux /gone\n}\n"}), "g")


class Others(unittest.TestCase):
    def test_version_order(self):
        # The examples of UAPI.10.
        for a, b in (("11", "11"), ("bar-123", "foo-123"), ("123-3", "123a"), ("123.a-1", "123a-1"),
                     ("12.3", "123a-1"), ("123.a", "123a"), ("1~", "1"), ("~1", "1"),
                     ("-kferry-k-01234567.conf", "m-6.1.0.conf"), ("", "1"), ("9", "10")):
            want = 0 if a == b else -1
            self.assertEqual(bootmodel.compare(a, b), want, (a, b))
            self.assertEqual(bootmodel.compare(b, a), -want, (b, a))

    def test_boards_boot_their_own_kernel(self):
        for chain in chainboard.CHAINS:
            files = chainboard.own_files(chain)
            boot = bootmodel.boot(chain, Tree(dict(files)))
            self.assertEqual(boot.cmdline, chainboard.BASE, chain)
            self.assertIn(b"the board's own kernel", boot.kernel)

    def test_nothing_to_start_is_dead(self):
        for chain in chainboard.CHAINS:
            files = chainboard.own_files(chain)
            own = [k for k, v in files.items() if b"the board's own kernel" in v]
            self.assertEqual(len(own), 1, chain)
            del files[own[0]]
            with self.assertRaises(bootmodel.Dead):
                bootmodel.boot(chain, Tree(files))

    def test_looking_consumes_nothing(self):
        var = bootmodel.VARS + "LoaderEntryOneShot" + bootmodel.LOADER
        files = chainboard.own_files("systemd-boot")
        files[var] = chainboard.var(chainboard.utf16("m-6.1.0.conf"))
        tree = Tree(files)
        bootmodel.boot("systemd-boot", tree, keep=False)
        self.assertIn(var, files)
        bootmodel.boot("systemd-boot", tree)
        self.assertNotIn(var, files)

    def test_trees_agree(self):
        with tempfile.TemporaryDirectory() as room:
            (pathlib.Path(room) / "A").mkdir()
            (pathlib.Path(room) / "A/b").write_bytes(b"1")
            for tree in (DirTree(room), Tree({"A/b": b"1"})):
                nocase = NoCase(tree, "")
                self.assertEqual((nocase.read("/a//B"), tree.read("a/b"), tree.names("")),
                                 (b"1", None, ["A"]))
                nocase.remove("a/B")
                self.assertEqual((tree.read("A/b"), tree.names("A")), (None, []))

    @unittest.skipUnless(shutil.which("grub-script-check"), "no grub-script-check")
    def test_the_grub_board_is_one_for_grub(self):
        files = chainboard.own_files("grub")
        for name in ("boot/grub/grub.cfg", "boot/grub/custom.cfg"):
            done = subprocess.run(["grub-script-check"], input=files[name], check=False)
            self.assertEqual(done.returncode, 0, name)


if __name__ == "__main__":
    tap.main()
