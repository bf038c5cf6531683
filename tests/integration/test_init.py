#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry init with an architecture, and with a lab's own templates."""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import Board  # noqa: E402

USAGE = 64


class Init(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.tree = self.board.dir / "linux"
        for name in ("Kbuild", "Kconfig", "Makefile", "scripts/Kbuild.include", "arch/Kconfig",
                     "arch/arm64/Kconfig", "arch/x86/Kconfig"):
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / name).touch()
        self.file = self.tree / ".kferry/config.ini"
        self.lab = self.board.dir / "lab"
        self.put("rpi4/arm64/debug.ini", "[profile]\ndescription = with KASAN\n"
                 "[build]\narch = arm64\nextra = W=1\n")
        self.put("rpi4/arm64/plain.ini", "[build]\narch = arm64\n")
        self.put("rpi4/arm/plain.ini", "[build]\narch = arm\n")

    def put(self, name, text):
        path = self.lab / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def init(self, *args, check=0, **env):
        return self.board.kferry("init", *args, check=check, cwd=self.tree, env=env)

    def value(self, key):
        return self.board.kferry("config", "get", key, check=0, cwd=self.tree).out.strip()

    def test_arch_is_one_that_the_tree_has(self):
        done = self.init("--arch", "vax", check=USAGE)
        self.assertIn("no arch/vax: it has arm64 x86", done.err)
        self.init("--arch", "../arch/x86", check=USAGE)
        self.assertFalse(self.file.exists())
        self.init("--template", "x86-64", "--arch", "aarch64")
        self.assertEqual(self.value("build.arch"), "aarch64")
        self.init("--template", "x86-64", "--arch", "x86_64", "--force")
        self.assertEqual(self.value("build.arch"), "x86_64")

    def test_templates_of_a_directory(self):
        said = self.init("--list", "--template-from", self.lab).out
        self.assertIn("rpi4/arm64/debug with KASAN", said)
        self.assertEqual(len(said.splitlines()), 3)
        done = self.init("--template-from", self.lab, "--template", "plain", check=USAGE)
        self.assertIn("rpi4/arm/plain or rpi4/arm64/plain", done.err)
        self.init("--template-from", self.lab, check=USAGE)
        self.init("--template-from", self.lab, "--template", "nope", check=USAGE)
        self.assertFalse(self.file.exists())
        self.init("--template-from", self.lab, "--template", "debug")
        self.assertEqual(self.value("build.extra"), "W=1")
        self.init("--template-from", self.lab, "--template", "debug", check=2)
        self.init("--template-from", self.lab, "--template", "arm64/plain", "--arch", "x86",
                  "--force")
        self.assertEqual(self.value("build.arch"), "x86")

    def test_what_is_no_template(self):
        self.put("bad/board.ini", "[board x]\nlink = exec:/bin/true\n")
        self.put("bad/key.ini", "[build]\narhc = x\n")
        self.put("bad/.hidden.ini", "")
        self.put("a/b/c/deep.ini", "")
        self.put("bad/large.ini", "# " + "x" * 100 + "\n" * (1 << 21))
        (self.lab / "bad/link.ini").symlink_to("../rpi4/arm/plain.ini")
        done = self.init("--list", "--template-from", self.lab)
        self.assertEqual(len(done.out.splitlines()), 3)
        self.assertIn("a profile cannot have boards", done.err)
        self.assertIn("there is no key build.arhc", done.err)
        self.assertNotIn("hidden", done.text)
        self.assertNotIn("deep", done.text)
        self.assertNotIn("link.ini", done.text)
        self.init("--template-from", self.lab, "--template", "bad/board", check=2)
        self.init("--template-from", self.lab, "--template", "bad/large", check=2)
        self.init("--template-from", self.board.dir / "nope", check=USAGE)
        for i in range(257):
            self.put(f"many/{i}.ini", "")
        done = self.init("--list", "--template-from", self.lab, check=USAGE)
        self.assertIn("more than 256 templates", done.err)
        self.assertFalse(self.file.exists())

    def git(self, *args):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", self.lab, *args],
                       check=True, capture_output=True)

    def test_templates_of_a_repository(self):
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-qm", "one")
        url = f"file://{self.lab}"
        self.init("--template-from", url, "--template", "debug")
        self.assertEqual(self.value("build.extra"), "W=1")
        # What is there now counts, not what was cloned before.
        self.put("rpi4/arm64/debug.ini", "[build]\nextra = W=2\n")
        self.git("commit", "-qam", "two")
        self.init("--template-from", url, "--template", "debug", "--force")
        self.assertEqual(self.value("build.extra"), "W=2")
        clones = list((self.board.dir / "cache/templates").iterdir())
        self.assertEqual(len(clones), 1)
        self.assertEqual(subprocess.run(["git", "-C", clones[0], "rev-list", "--count", "HEAD"],
                                        capture_output=True, check=True).stdout, b"1\n")
        # A clone that fails leaves nothing, and the one before.
        self.init("--template-from", f"file://{self.board.dir}/nope", "--list", check=2)
        self.assertEqual(list((self.board.dir / "cache/templates").iterdir()), clones)

    def test_url_that_runs_a_program_is_refused(self):
        mark = self.board.dir / "ran"
        self.init("--list", "--template-from", f"ext::touch://{mark}", check=2)
        self.init("--list", "--template-from", f"ext::sh -c touch% {mark} x://y", check=2)
        self.init("--list", "--template-from=--upload-pack=x://y", check=2)
        self.assertFalse(mark.exists())

    def test_clone_has_a_deadline(self):
        # ssh is what hangs: git runs what GIT_SSH_COMMAND says.
        done = self.board.kferry("-o", "timeout.clone=1s", "init", "--list", "--template-from",
                                 "git@lab:templates", check=2, cwd=self.tree,
                                 env={"GIT_SSH_COMMAND": "sleep 600;"})
        self.assertIn("timeout.clone", done.err)


if __name__ == "__main__":
    tap.main()
