#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry import kw: what kw has becomes kferry's, all of it is told, and nothing is lost."""

import json
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from buildtree import CONFIG, BuildTree  # noqa: E402
from scratch import Board  # noqa: E402

USAGE = 64
BUILD = """\
# Specify the default architecture used by kw
arch=arm64
kernel_img_name=Image
cross_compile=aarch64-linux-gnu-
menu_config=menuconfig
doc_type=htmldocs
cpu_scaling_factor=50
enable_ccache=yes
use_llvm=no
warning_level=1
log_path=/tmp/kw.log
"""
DEPLOY = """\
deploy_default_compression=lzop
dtb_copy_pattern=broadcom,rockchip/*
default_deploy_target=remote
boot_into_new_kernel_once=yes
reboot_after_deploy=no
"""
REMOTE = """\
#kw-default=pi
Host pi
  Hostname 10.0.0.2
  Port 2222
  User root
Host desk
  Hostname desk.local
  IdentityFile ~/.ssh/lab
  ProxyJump gate
Host *
  User nobody
"""


class Import(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.tree = BuildTree(self.board.dir / "linux")
        self.kw = self.tree.dir / ".kw"
        self.user = self.board.home / ".config/kw"
        self.user_file = self.board.config_file
        self.tree_file = self.tree.dir / ".kferry/config.ini"

    def write(self, directory, **files):
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / f"{name}.config").write_text(text)

    def kferry(self, *args, check=0, cwd=None):
        return self.board.kferry(*args, check=check, cwd=cwd or self.tree.dir)

    def events(self, *args):
        done = self.kferry("--json", "import", "kw", *args)
        return [e for e in map(json.loads, done.out.splitlines()) if e["event"] == "import"]

    def get(self, *words):
        return self.kferry("config", "get", *words).out.strip()

    def test_a_tree(self):
        self.write(self.kw, build=BUILD, deploy=DEPLOY, remote=REMOTE)
        before = self.user_file.read_text()
        dry = self.events("--dry-run")
        self.assertFalse(self.tree_file.exists())
        done = self.events()
        self.assertEqual(dry, done)
        for key, value in (("build.arch", "arm64"), ("build.image", "Image"),
                           ("build.cross_compile", "aarch64-linux-gnu-"),
                           ("build.menu", "menuconfig"), ("build.doc", "htmldocs"),
                           ("build.cpus", "50"), ("build.ccache", "yes"),
                           ("build.warnings", "1"), ("build.log", "/tmp/kw.log"),
                           ("build.dtbs", "broadcom/*.dtb rockchip/*.dtb"),
                           ("deploy.after_pass", "once"), ("board.default", "pi")):
            self.assertEqual(self.get(key), value, key)
        self.assertEqual([self.get("-b", "pi", k) for k in ("board.host", "board.port",
                                                           "board.user")],
                         ["10.0.0.2", "2222", "root"])
        self.assertEqual(self.get("-b", "desk", "board.host"), "desk.local")
        self.assertEqual(self.get("-b", "desk", "board.identity"),
                         str(self.board.home / ".ssh/lab"))
        self.assertEqual(self.user_file.read_text(), before)
        # Nothing is dropped: each line of kw's is told, with a reason where it has no counterpart.
        lines = [line.strip() for text in (BUILD, DEPLOY) for line in text.splitlines()
                 if not line.startswith("#")]
        told = {e["kw"]: e for e in done}
        self.assertEqual([line for line in lines if line not in told], [])
        for line, why in (("use_llvm=no", "gcc"), ("deploy_default_compression=lzop", "zstd"),
                          ("reboot_after_deploy=no", "--no-reboot"),
                          ("default_deploy_target=remote", "board.default"),
                          ("desk: proxyjump gate", "~/.ssh/config"),
                          ("*: user nobody", "cannot be the name")):
            self.assertEqual(told[line]["does"], "nothing", line)
            self.assertIn(why, told[line]["value"], line)
        self.assertEqual(told["arch=arm64"]["from"], f"{self.kw}/build.config:2")

    def test_the_users_files_count_below_the_trees(self):
        self.write(self.user, kworkflow="arch=riscv\nssh_ip=10.0.0.9\ngui_on=true\nalert=vs\n",
                   build="arch=x86_64\n")
        self.write(self.kw, build="cross_compile=some-\n")
        done = {e["kw"]: e for e in self.events()}
        self.assertIn("build.config:1 counts", done["arch=riscv"]["value"])
        self.assertEqual(done["arch=x86_64"]["layer"], "user")
        self.assertEqual(done["ssh_ip=10.0.0.9"]["does"], "nothing")
        self.assertIn("kferry board add", done["ssh_ip=10.0.0.9"]["value"])
        self.assertIn("arch = x86_64", self.user_file.read_text())
        self.assertNotIn("arch", self.tree_file.read_text())
        self.assertEqual(self.get("build.cross_compile"), "some-")
        # Words, and a yes that is a no.
        self.write(self.user, kworkflow="disable_statistics_data_track=yes\n",
                   mail="blocked_emails=a@example.org,b@example.org\n")
        self.kferry("import", "kw", "--force")
        self.assertIn("blocked = a@example.org b@example.org", self.user_file.read_text())
        self.assertIn("record = no", self.user_file.read_text())
        # Outside of a tree it is the user's alone.
        self.write(self.user, build="arch=x86_64\nwarning_level=2\n")
        self.kferry("import", "kw", cwd=self.board.dir)
        self.assertIn("warnings = 2", self.user_file.read_text())

    def test_nothing_is_replaced_without_force(self):
        self.write(self.kw, build=BUILD, remote=REMOTE)
        self.kferry("config", "set", "--user", "build.jobs", "3")
        self.tree_file.parent.mkdir()
        self.tree_file.write_text("[build]\nimage = bzImage\n")
        done = self.kferry("import", "kw", check=2)
        self.assertIn("build.image is bzImage already", done.err)
        self.assertIn("--force", done.err)
        self.assertEqual(self.tree_file.read_text(), "[build]\nimage = bzImage\n")
        self.kferry("import", "kw", "--force")
        self.assertEqual(self.get("build.image"), "Image")
        # What is as kw has it is no matter.
        self.kferry("import", "kw")
        self.write(self.kw, remote=REMOTE.replace("10.0.0.2", "10.0.0.3"))
        self.assertIn("board.host is 10.0.0.2 already", self.kferry("import", "kw", check=2).err)

    def test_environments_and_the_one_in_use(self):
        envs = self.kw / "envs"
        self.write(envs / "pi", build=BUILD, deploy="boot_into_new_kernel_once=yes\n")
        self.write(envs / "pc", build="arch=x86_64\n")
        self.write(envs / "bad name", build="arch=x86_64\n")
        for name in ("build", "deploy"):
            (self.kw / f"{name}.config").symlink_to(envs / f"pi/{name}.config")
        (self.kw / "env.current").write_text("pi\n")
        objects = self.board.home / ".cache/kw/envs/pi"
        objects.mkdir(parents=True)
        (objects / ".config").write_text(self.tree.config)
        done = self.events()
        self.assertFalse(self.tree_file.exists())
        self.assertEqual(self.kferry("env", "prompt").out, "pi\n")
        self.assertEqual(self.get("build.output"), str(objects))
        self.assertEqual((self.get("build.arch"), self.get("deploy.after_pass")), ("arm64", "once"))
        self.assertIn("cannot have this name",
                      [e["value"] for e in done if e["kw"] == "bad name"][0])
        self.kferry("env", "use", "pc")
        self.assertEqual(self.get("build.arch"), "x86_64")
        self.assertIn("there is an environment pc already", self.kferry("import", "kw", check=2).err)
        self.kferry("import", "kw", "--force")
        self.assertEqual(self.kferry("env", "prompt").out, "pi\n")

    def test_kernel_configurations(self):
        store = self.board.home / ".local/share/kw/configs"
        store.mkdir(parents=True)
        good = CONFIG.format(arch="x86", word="X86_64")
        (store / "good").write_text(good)
        (store / "broken").write_text("no configuration\n")
        done = {e["kw"]: e for e in self.events()}
        self.assertEqual((done["good"]["does"], done["broken"]["does"]), ("kconfig", "nothing"))
        self.assertEqual(self.kferry("kconfig", "list", "--names").out, "good\n")
        self.kferry("import", "kw")
        (store / "good").write_text(good + "CONFIG_C=y\n")
        self.assertIn("another configuration called good", self.kferry("import", "kw", check=2).err)
        self.kferry("import", "kw", "--force")
        self.kferry("kconfig", "get", "good", "--force")
        self.assertIn("CONFIG_C=y", (self.tree.dir / ".config").read_text())
        # Where older versions of kw kept them.
        shutil.move(store / "good", store / "was")
        (store / "configs").mkdir()
        (store / "metadata").mkdir()
        shutil.move(store / "was", store / "configs/old")
        self.kferry("import", "kw")
        self.assertEqual(self.kferry("kconfig", "list", "--names").out, "good\nold\n")

    def test_what_cannot_be_taken_is_told(self):
        self.write(self.kw, build="cpu_scaling_factor=fast\nmenu_config=vi\nlog_path=" + "x" * 200
                   + "\nno setting\nmystery=1\n", vm="qemu_path_image=/x\n",
                   remote="Port 22\n#kw-default=nope\nHost a\n  Port 99999\n")
        (self.kw / "mail.config").write_bytes(b"send_opts=\xff\n")
        done = {e["kw"]: e for e in self.events()}
        self.assertFalse(self.tree_file.exists())
        for kw, why in (("cpu_scaling_factor=fast", "build.cpus"), ("menu_config=vi", "build.menu"),
                        ("no setting", "no setting"), ("mystery=1", "does not know"),
                        ("qemu_path_image=/x", "kferry vm create"), (": port 22", "before any Host"),
                        ("a: port 99999", "no port"), ("nope", "none that is here"),
                        ("", "no plain text")):
            self.assertEqual(done[kw]["does"], "nothing", kw)
            self.assertIn(why, done[kw]["value"])
        self.assertIn("longer than", done["log_path=" + "x" * 200]["value"])

    def test_refused(self):
        self.assertIn("kw has no configuration", self.kferry("import", "kw", check=2).err)
        for words in ([], ["make"], ["kw", "kw"], ["kw", "--fly"]):
            self.kferry("import", *words, check=USAGE)

    def test_its_commands_and_short_forms(self):
        for short, command in (("b", "build"), ("d", "deploy"), ("bd", "bd"), ("k", "kconfig"),
                               ("s", "shell"), ("m", "maintainers"), ("c", "checkpatch")):
            self.assertIn(f"usage: kferry {command} ", self.kferry("help", short).out)
            self.assertEqual(self.kferry("help", short).out, self.kferry(short, "--help").out)
        for name, ours in (("device", "kferry board info"), ("e", "git grep"),
                           ("explore", "git grep"), ("kernel-config-manager", "kferry kconfig")):
            self.assertIn(f"what kw calls so is {ours}", self.kferry(name, check=USAGE).err)


if __name__ == "__main__":
    tap.main()
