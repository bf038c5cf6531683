#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
kferry maintainers and checkpatch, with the scripts, some sources and what MAINTAINERS says of
them of the lab's kernel, in a git repository that each test changes.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
import tap  # noqa: E402
from lab import LAB  # noqa: E402
from scratch import KFERRY, SCALE  # noqa: E402

FILES = ["COPYING", "CREDITS", "Kbuild", "Kconfig", "Makefile", "README",
         "scripts/Makefile.build", "scripts/checkpatch.pl", "scripts/get_maintainer.pl",
         "scripts/spelling.txt", "scripts/const_structs.checkpatch", "init/main.c",
         "drivers/gpio/gpio-sim.c", "fs/ext4/acl.h"]
DIRS = ["Documentation", "arch", "include", "drivers", "fs", "init", "ipc", "kernel", "lib"]
BAD_LINE = "static int  bad(int a){ return(a) ; }\n"


def lab_source():
    done = subprocess.run([LAB / "kernel.sh", "--print", "src"], capture_output=True, check=False)
    return pathlib.Path(done.stdout.decode().strip()) if done.returncode == 0 else None


class Patch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        source = lab_source()
        if not source or not shutil.which("perl"):
            raise unittest.SkipTest("no kernel source of the lab, or no perl")
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-patch-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.first = cls.dir / "first"
        for name in DIRS:
            (cls.first / name).mkdir(parents=True)
        for name in FILES:
            (cls.first / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, cls.first / name)
        # All of it takes the scripts half a second each time.
        sections = (source / "MAINTAINERS").read_text().split("\n\n")
        (cls.first / "MAINTAINERS").write_text("\n\n".join(
            s for s in sections if "gpio-sim" in s or "\nF:\tdrivers/gpio/\n" in s or
            "\nF:\tfs/ext4/\n" in s or s.startswith("THE REST")))
        cls.git_in(cls.first, "init", "-q", "-b", "main")
        cls.git_in(cls.first, "add", ".")
        cls.git_in(cls.first, "commit", "-qm", "first")

    @staticmethod
    def git_in(where, *args):
        return subprocess.run(["git", "-c", "user.name=Dev", "-c", "user.email=dev@example.org",
                               *map(str, args)], cwd=where, check=True,
                              stdout=subprocess.PIPE).stdout.decode()

    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp(prefix="tree-", dir=self.dir))
        self.tree.rmdir()
        shutil.copytree(self.first, self.tree)

    def git(self, *args):
        return self.git_in(self.tree, *args)

    def write(self, name, text):
        path = self.tree / name
        path.write_text(text)
        return path

    def append(self, name, text):
        return self.write(name, (self.tree / name).read_text() + text)

    def commit(self, subject):
        self.git("add", "-A")
        self.git("commit", "-qm", f"{subject}\n\nA body that says what it is for.\n\n"
                 "Signed-off-by: Dev <dev@example.org>")

    def kferry(self, *args, check=None, cwd=None, env=None):
        full = dict(os.environ, HOME=str(self.dir), XDG_CONFIG_HOME=str(self.dir / "config"),
                    KF_PROFILE_PATH=str(TOP / "boards"), **(env or {}))
        done = subprocess.run([KFERRY, *map(str, args)], env=full, cwd=cwd or self.tree,
                              capture_output=True, timeout=120 * SCALE, check=False,
                              stdin=subprocess.DEVNULL)
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        if check is not None:
            self.assertEqual(done.returncode, check, done.out + done.err)
        return done

    # --- maintainers -------------------------------------------------------------------

    def test_maintainers_of_a_file_lists_last(self):
        out = self.kferry("maintainers", "drivers/gpio/gpio-sim.c", check=0).out.splitlines()
        self.assertRegex(out[0], r"^.+ <.+@.+> \((maintainer|supporter):.*GPIO")
        lists = ["list:" in line or "list)" in line for line in out]
        self.assertTrue(any(lists))
        self.assertEqual(lists, sorted(lists))
        self.assertTrue(any("linux-gpio@vger.kernel.org" in line for line in out))

    def test_maintainers_are_merged_over_targets(self):
        one = self.kferry("m", "drivers/gpio/gpio-sim.c", check=0).out
        two = self.kferry("m", "fs/ext4", check=0).out
        both = self.kferry("m", "drivers/gpio/gpio-sim.c", "fs/ext4", check=0).out
        mails = [line.split("(")[0] for line in both.splitlines()]
        self.assertEqual(len(mails), len(set(mails)))
        self.assertEqual(set(mails), {line.split("(")[0] for line in (one + two).splitlines()})

    def test_maintainers_of_the_change(self):
        done = self.kferry("maintainers", check=0)
        self.assertEqual(done.out, "")
        self.assertIn("nothing differs from HEAD", done.err)
        self.append("drivers/gpio/gpio-sim.c", "/* more */\n")
        self.assertIn("linux-gpio@", self.kferry("maintainers", check=0).out)

    def test_maintainers_of_commits_and_patches(self):
        self.append("drivers/gpio/gpio-sim.c", "/* more */\n")
        self.commit("gpio: sim: more")
        self.append("fs/ext4/acl.h", "/* more */\n")
        self.commit("ext4: more")
        self.assertNotIn("linux-gpio@", self.kferry("maintainers", "HEAD", check=0).out)
        out = self.kferry("maintainers", "HEAD~2..", check=0).out
        self.assertIn("linux-gpio@", out)
        self.assertIn("linux-ext4@", out)
        mail = self.dir / "-a mail"
        mail.write_text(self.git("format-patch", "--stdout", "-1", "HEAD~1"))
        out = self.kferry("maintainers", "--", "-a mail", cwd=self.in_tree(mail), check=0).out
        self.assertIn("linux-gpio@", out)

    def in_tree(self, mail):
        shutil.copy2(mail, self.tree / mail.name)
        return self.tree

    def test_maintainers_as_json(self):
        out = self.kferry("--json", "maintainers", "fs/ext4/acl.h", check=0).out
        events = [json.loads(line) for line in out.splitlines()]
        self.assertEqual({e["event"] for e in events}, {"maintainer"})
        ext4 = [e for e in events if e["email"] == "linux-ext4@vger.kernel.org"]
        self.assertTrue(ext4[0]["list"] and "EXT4" in ext4[0]["roles"][0])

    def test_a_name_with_a_leading_dash(self):
        self.write("-dash.c", "// SPDX-License-Identifier: GPL-2.0\nint x;\n")
        self.commit("dash")
        self.assertIn("@", self.kferry("maintainers", "--", "-dash.c", check=0).out)
        self.kferry("checkpatch", "--", "-dash.c", check=0)
        self.kferry("checkpatch", "-dash.c", check=64)

    # --- checkpatch --------------------------------------------------------------------

    def test_a_clean_change_is_0_and_a_bad_one_1(self):
        self.assertIn("nothing differs", self.kferry("checkpatch", check=0).err)
        self.append("fs/ext4/acl.h", BAD_LINE)
        out = self.kferry("checkpatch", check=1).out
        self.assertIn("ERROR: space required before the open brace", out)

    def test_commits_are_checked_one_by_one(self):
        self.append("fs/ext4/acl.h", "struct ext4_one;\n")
        self.commit("ext4: declare one")
        self.append("fs/ext4/acl.h", BAD_LINE)
        self.commit("ext4: write a bad line")
        self.kferry("checkpatch", "HEAD~1", check=0)
        self.kferry("c", "HEAD", check=1)
        out = self.kferry("checkpatch", "HEAD~2..", check=1).out
        self.assertRegex(out, r"(?m)^[0-9a-f]{12} ext4: declare one:$")
        self.assertLess(out.index("declare one"), out.index("write a bad line"))
        self.assertRegex(out, r"(?m)^all: [1-9][0-9]* errors, [0-9]+ warnings in [0-9]+ lines$")

    def test_strict_checks_more(self):
        self.append("fs/ext4/acl.h", "extern int ext4_f(int a,\n\tint b);\n")
        self.commit("ext4: break a line")
        self.assertNotIn("CHECK:", self.kferry("checkpatch", "HEAD").out)
        self.assertIn("CHECK:", self.kferry("checkpatch", "--strict", "HEAD", check=1).out)

    def test_a_directory_is_all_that_git_tracks(self):
        for i in range(66):  # more than one batch
            self.write(f"lib/f{i}.c", "// SPDX-License-Identifier: GPL-2.0\nint x;\n")
        self.commit("many")
        self.write("lib/untracked.c", BAD_LINE)
        out = self.kferry("--json", "checkpatch", "lib").out
        total = json.loads(out.splitlines()[-1])
        self.assertEqual((total["event"], total["lines"]), ("checkpatch-total", 132))
        self.assertNotIn("untracked", out)
        self.assertIn("git tracks no file", self.kferry("checkpatch", "ipc", check=2).err)

    def test_the_next_target_is_checked_after_a_wrong_one(self):
        self.append("fs/ext4/acl.h", BAD_LINE)
        self.commit("ext4: bad")
        done = self.kferry("checkpatch", "fs/ext4/acl.x", "HEAD", check=2)
        self.assertIn('no file and no commit "fs/ext4/acl.x"; the nearest file is fs/ext4/acl.h',
                      done.err)
        self.assertIn("ERROR:", done.out)

    def test_a_patch_that_is_none(self):
        self.write("empty.patch", "")
        self.assertIn("judged nothing", self.kferry("checkpatch", "empty.patch", check=2).err)
        self.kferry("checkpatch", "/etc/passwd", check=2)

    # --- bad input ---------------------------------------------------------------------

    def test_names_never_reach_a_shell(self):
        for name in ("a$(touch pwned).c", "a b.c", "a\nb.c", "a;touch pwned;.c", "`touch pwned`.c"):
            self.write(name, "int x;\n")
            for command in ("maintainers", "checkpatch"):
                done = self.kferry(command, f"./{name}", check=2)
                self.assertIn("split", done.err)
        self.assertFalse((self.tree / "pwned").exists())

    def test_names_in_patches_never_reach_a_shell(self):
        for path in ("b/$(touch${IFS}pwned)", "b/a;touch${IFS}pwned"):
            self.write("evil.patch", f"--- a/a.c\n+++ {path}\n@@ -0,0 +1 @@\n+int x;\n")
            for command in ("maintainers", "checkpatch"):
                done = self.kferry(command, "evil.patch", check=2)
                self.assertIn("to a shell: " + path, done.err)
        self.write("evil.patch", "--- a/a.c\n+++ b/a.c\n@@ -0,0 +1 @@\n"
                   "+// SPDX-License-Identifier: $(touch pwned)\n")
        self.kferry("checkpatch", "evil.patch", check=2)
        self.assertFalse((self.tree / "pwned").exists())

    def test_one_bad_name_does_not_keep_a_directory_from_being_checked(self):
        self.write("lib/a b.c", "int x;\n")
        self.write("lib/good.c", BAD_LINE)
        self.commit("two")
        done = self.kferry("checkpatch", "lib", check=2)
        self.assertIn("good.c", done.out)
        self.assertIn('"lib/a b.c"', done.err)

    def test_what_is_missing_is_told(self):
        done = self.kferry("checkpatch", cwd="/", check=2)
        self.assertIn("not in a kernel source tree", done.err)
        (self.tree / "scripts/checkpatch.pl").unlink()
        self.assertIn("has no scripts/checkpatch.pl", self.kferry("checkpatch", check=2).err)
        done = self.kferry("maintainers", check=2, env={"PATH": str(self.tree)})
        self.assertIn("needs perl", done.err)

    def test_a_name_that_is_nothing(self):
        for word in ("no-such", "nosuch..alsonot", "--", "-x", ""):
            words = ["--", word] if word != "--" else ["--", "--"]
            done = self.kferry("maintainers", *words, check=64)
            self.assertIn("there is no file", done.err)

    def test_escapes_and_a_narrow_terminal(self):
        self.append("fs/ext4/acl.h", "int \x1b[31mred;\n")
        done = self.kferry("checkpatch", env={"COLUMNS": "20", "TERM": "dumb"})
        self.assertNotIn("\x1b", done.out + done.err)


if __name__ == "__main__":
    tap.main()
