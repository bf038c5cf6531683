#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry build: what make is told, what is said of its warnings, and each commit of a series."""

import json
import os
import pathlib
import pty
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import bisecttree  # noqa: E402
import tap  # noqa: E402
from bisecttree import BOARD, BisectTree  # noqa: E402
from buildtree import BuildTree  # noqa: E402
from scratch import KFERRY, Board, wait_for  # noqa: E402
from terminal import Terminal  # noqa: E402

USAGE = 64
# Its olddefconfig changes the file that it is told to.
MAKEFILE = bisecttree.MAKEFILE.replace(">> .config", ">> $(or $(KCONFIG_CONFIG),.config)")
MAKEFILE = MAKEFILE.replace("\tpython3 image.py\n", "\tpython3 image.py\n"
                            "\tcp .config boot/config\n")
SLOW = MAKEFILE.replace("\tpython3 image.py",
                        "\t@if grep -q slow kernel; then touch boot.started; sleep 60; fi\n"
                        "\tpython3 image.py")


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=BOARD)
        self.addCleanup(self.board.close)

    def kferry(self, *args, check=0, cwd=None, **options):
        return self.board.kferry(*args, check=check, cwd=cwd or self.tree.dir, **options)

    def event(self, name, *args, **options):
        done = self.kferry("--json", *args, **options)
        return [e for e in map(json.loads, done.out.splitlines()) if e["event"] == name][-1]

    def on_terminal(self, *args, answer=b""):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.tree.dir)
            os.execve(KFERRY, [str(KFERRY), *args], self.board.environment())
        said = b""
        while True:
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            if not data:
                break
            said += data
            if answer and b"[yes/no]" in said:
                os.write(fd, answer)
                answer = b""
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return status, said.decode(errors="replace")


class Build(Case):
    def setUp(self):
        super().setUp()
        self.tree = BuildTree(self.board.dir / "linux")

    def env(self, *args):
        self.kferry("env", "create", *args)
        self.kferry("env", "use", args[0])
        obj = next((self.board.home / ".local/share/kferry/envs").glob(f"*/{args[0]}/obj"))
        (obj / ".config").write_text(self.tree.config)
        return obj

    # --- warnings ------------------------------------------------------------------------

    def test_new_warnings_are_listed_and_fixed_ones_counted(self):
        self.tree.source("drivers/a", "one", "two")
        done = self.kferry("build")
        self.assertIn("drivers/a.c:10:13: warning: unused variable 'one'", done.err)
        self.assertRegex(done.err, r"6\.9\.0-build, 2 warnings +[\d.]+s")
        # One is fixed, one stays with another line, one is new, in another file.
        self.tree.source("drivers/a", "two", head="\n\n")
        self.tree.source("drivers/b", "three")
        done = self.kferry("build")
        self.assertIn("2 warnings, 1 new, 1 fixed", done.err)
        self.assertIn("drivers/b.c:10:13: warning: unused variable 'three'", done.err)
        self.assertNotIn("'two'", done.err)
        self.assertNotIn("'one'", done.err)
        self.tree.source("drivers/b", "three", "four")
        event = self.event("build", "build")
        self.assertEqual((event["warnings"], event["fixed_warnings"]), (2, 0))
        self.assertEqual(len(event["new_warnings"]), 1)
        self.assertIn("drivers/b.c:17:13", event["new_warnings"][0])

    def test_a_warning_of_what_was_not_compiled_again_is_not_fixed(self):
        self.tree.source("drivers/a", "one")
        self.kferry("build")
        self.tree.source("drivers/b")
        done = self.kferry("build")
        self.assertNotIn("fixed", done.err)
        # It is known still, and not new when it is told again.
        self.tree.source("drivers/a", "one")
        self.assertIn("1 warning, 0 new", self.kferry("build").err)
        # Nor by a part of it after a clean, ...
        self.kferry("build", "--clean")
        self.assertNotIn("fixed", self.kferry("-o", "build.targets=init/main.o", "build").err)
        # ... but then by all: all is made, and what is not told then is gone, whatever it was of.
        self.kferry("build", "--clean")
        (self.tree.dir / "Makefile").write_text(
            (self.tree.dir / "Makefile").read_text().replace("-Wall", ""))
        self.assertIn("1 fixed", self.kferry("build").err)

    def test_a_headers_warning_is_of_the_source_that_includes_it(self):
        self.tree.write("include/some.h", "static inline int some(void)\n{\n\tint x = 0;\n"
                        "\treturn 0;\n}\n")
        head = '#include <some.h>\n'
        self.tree.source("drivers/a", head=head)
        self.assertIn("include/some.h:3:13: warning", self.kferry("build").err)
        self.tree.write("include/some.h", "")
        self.tree.source("drivers/b")
        self.assertNotIn("fixed", self.kferry("build").err)
        self.tree.source("drivers/a", head=head)
        self.assertIn("1 fixed", self.kferry("build").err)

    def test_what_a_failed_build_warned_of_is_known(self):
        self.tree.source("drivers/a", "one")
        self.tree.write("drivers/b.c", "error!\n")
        done = self.kferry("build", check=1)
        self.assertIn("'one'", done.err)
        self.assertIn("drivers/b.c:1", done.err)
        self.tree.source("drivers/b")
        self.tree.source("drivers/a", "one")
        self.assertIn("1 warning, 0 new", self.kferry("build").err)

    def test_records_that_are_damaged_cost_nothing_else(self):
        self.tree.source("drivers/a", "one")
        self.kferry("build")
        trees = next((self.board.dir / "cache/trees").iterdir())
        for name in ("warnings.json", "builds.json"):
            self.assertTrue((trees / name).exists())
            (trees / name).write_text('{"version": 1, "builds": [3], "warnings": "x"}')
        self.tree.source("drivers/a", "one")
        done = self.kferry("build", "-v")
        self.assertIn("begun anew", done.err)
        self.tree.source("drivers/a", "one")
        self.assertIn("1 warning, 0 new", self.kferry("build").err)

    # --- what make is told -----------------------------------------------------------------

    def test_options_reach_make(self):
        self.kferry("build", "-w", "12", "--cflags", "-DX=1 -DY", "--save-log-to", "my.log",
                    cwd=self.tree.dir / "init")
        said = self.tree.said()
        self.assertEqual((said["W"], said["KCFLAGS"], said["CC"]), ("12", "-DX=1 -DY", "gcc"))
        log = (self.tree.dir / "init/my.log").read_text()
        self.assertIn("  CC      drivers/a.o\n", log)
        self.assertEqual(log, next((self.board.dir / "cache/trees").glob("*/build.log")).read_text())
        self.kferry("-o", "build.jobs=7", "build")
        self.assertIn("-j7", self.tree.said()["flags"])
        self.kferry("-o", "build.jobs=7", "build", "--cpu-scaling", "200")
        self.assertIn(f"-j{2 * os.cpu_count()}", self.tree.said()["flags"])
        self.kferry("build", "-S", "1")
        self.assertIn("-j1", self.tree.said()["flags"])

    def test_llvm_and_ccache_choose_the_compiler(self):
        programs = self.board.dir / "bin"
        programs.mkdir()
        (programs / "ccache").write_text('#!/bin/sh\nexec "$@"\n')
        (programs / "ccache").chmod(0o755)
        path = {"PATH": f"{programs}:{os.environ['PATH']}"}
        for words, cc, llvm in ((["--ccache"], "ccache gcc", ""),
                                (["--ccache", "--llvm"], "ccache clang", "1"),
                                (["--llvm"], "gcc", "1")):
            self.kferry("build", *words, env=path)
            said = self.tree.said()
            self.assertEqual((said["CC"], said["LLVM"]), (cc, llvm))
        # A version that the configuration chooses stays.
        self.kferry("-o", "build.llvm=-18", "build", "--ccache", "--llvm", env=path)
        self.assertEqual((self.tree.said()["CC"], self.tree.said()["LLVM"]),
                         ("ccache clang-18", "-18"))
        (programs / "ccache").unlink()
        for name in ("make", "gcc", "sh", "git"):
            (programs / name).symlink_to("/usr/bin/" + name)
        done = self.kferry("build", "--ccache", check=2, env={"PATH": str(programs)})
        self.assertIn("ccache is not installed", done.err)

    def test_environment_counts_for_all_that_make_does(self):
        obj = self.env("pi", "--arch", "x86_64", "--cross-compile", "some-")
        want = {"ARCH": "x86", "CROSS_COMPILE": "some-", "O": str(obj)}
        for words in (["build"], ["build", "--doc"], ["build", "--clean"]):
            self.kferry(*words)
            self.assertEqual({k: self.tree.said()[k] for k in want}, want, words)
        status, said = self.on_terminal("build", "--menu")
        self.assertEqual(status, 0, said)
        self.assertEqual({k: self.tree.said()[k] for k in want}, want)
        self.kferry("build", "--full-cleanup", "--force")
        self.assertFalse((obj / ".config").exists())
        self.assertTrue((self.tree.dir / ".config").exists())

    def test_bd_takes_the_options_of_build(self):
        say = '\techo "W=$(W) KCFLAGS=$(KCFLAGS)" > boot/said\n'
        self.tree = BisectTree(self.board.dir / "git", ["good"], makefile=MAKEFILE.replace(
            "\tpython3 image.py\n", "\tpython3 image.py\n" + say))
        self.kferry("bd", "-w", "1", "--cflags", "-DX", "--no-reboot")
        self.assertEqual((self.tree.dir / "boot/said").read_text(), "W=1 KCFLAGS=-DX\n")
        self.kferry("deploy", "-w", "1", check=USAGE)
        self.kferry("deploy", "--llvm", check=USAGE)

    def test_two_in_one_tree_take_turns(self):
        go = self.tree.dir / "go"
        self.tree.write("Makefile", (self.tree.dir / "Makefile").read_text() + (
            "turns:\n\t@mkdir inside\n"
            "\t@for i in $$(seq 1200); do [ -e go ] && break; sleep 0.05; done\n"
            "\t@rmdir inside\n"))
        first = self.board.start("-o", "build.targets=turns", "build", cwd=self.tree.dir)
        self.addCleanup(first.wait)
        self.addCleanup(first.terminate)
        wait_for("the first to be at it", (self.tree.dir / "inside").exists)
        second, third, pack = (Terminal(self.board, "-o", "build.targets=turns", *words,
                                        cwd=self.tree.dir)
                               for words in (["build"], ["build"], ["pack", "-o", "x.kferry"]))
        for terminal in (second, third, pack):
            self.addCleanup(terminal.close)
            terminal.until("waiting for another kferry that builds in this tree")
        for terminal in (third, pack):
            terminal.type("\x03")
            self.assertEqual(terminal.end()[0], -signal.SIGINT)
        go.touch()
        self.assertEqual(second.end()[0], 0)
        first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0)

    def test_refused(self):
        for words, says in ((["-w", "4"], "1, 2, 3, c, e"), (["-w", "111111"], "1, 2, 3"),
                            (["-S", "0"], "1 to 400"), (["-S", "401"], "1 to 400"),
                            (["-S", "x"], "build.cpus"), (["--clean", "--info"], "does not go"),
                            (["--from-sha", "HEAD", "--doc"], "does not go"),
                            (["--clean", "vmlinux"], "no further words"),
                            (["--force"], "--full-cleanup"), (["-s", ""], "takes a file"),
                            (["--doc", "../x"], "there is no Documentation/../x"),
                            (["--doc", "nope"], "there is no Documentation/nope"),
                            (["--doc", "/etc"], "there is no Documentation//etc"),
                            (["--menu"], "takes a terminal")):
            done = self.kferry("build", *words, check=USAGE)
            self.assertIn(says, done.err, words)
        done = self.kferry("build", "--save-log-to", ".", check=2)
        self.assertIn("create the log", done.err)

    # --- what else -------------------------------------------------------------------------

    def test_info_tells_name_release_and_sizes(self):
        event = self.event("build-info", "build", "--info")
        self.assertEqual((event["name"], event["release"], event["modules_configured"]),
                         ("Small Tree", "6.9.0-build", 2))
        self.assertNotIn("image", event)
        self.assertFalse(event["modules_built"])
        self.assertIn("not built yet", self.kferry("build", "-i").out)
        self.tree.write("boot/Image", "x" * 2048)
        self.tree.write("modules.order", "drivers/m.o\ndrivers/n.o\n")
        self.tree.write("drivers/m.ko", "y" * 1000)
        event = self.event("build-info", "build", "--info")
        self.assertEqual([event[k] for k in ("image_bytes", "modules", "module_bytes")],
                         [2048, 1, 1000])
        out = self.kferry("build", "--info").out
        self.assertIn("image     2.0 KiB, ", out)
        self.assertIn("modules   1, 1000 B\n", out)

    def test_menu_is_the_one_that_is_chosen(self):
        status, said = self.on_terminal("build", "--menu")
        self.assertEqual((status, "the menu of nconfig" in said), (0, True), said)
        status, said = self.on_terminal("-o", "build.menu=menuconfig", "build", "-n")
        self.assertIn("the menu of menuconfig", said)
        self.tree.write("Makefile", (self.tree.dir / "Makefile").read_text().replace(
            '"the menu of $@"', '"no curses"; exit 1'))
        status, said = self.on_terminal("build", "--menu")
        self.assertEqual(status, 1)
        self.assertIn("make nconfig ended with status 2", said)

    def test_doc_passes_the_directories_on(self):
        event = self.event("doc", "build", "--doc", "Documentation/process", "dev-tools", "V=1")
        self.assertEqual(self.tree.said()["SPHINXDIRS"], "process dev-tools")
        self.assertEqual(self.tree.said()["goals"], "htmldocs")
        self.assertEqual((event["warnings"], event["target"]), (1, "htmldocs"))
        (self.tree.dir / ".config").unlink()
        self.assertIn("1 warning", self.kferry("build", "-d").err)
        self.assertEqual(self.tree.said()["SPHINXDIRS"], "")

    def test_full_cleanup_asks_first(self):
        self.kferry("build")
        done = self.kferry("build", "--full-cleanup", check=USAGE)
        self.assertIn("--force", done.err)
        status, said = self.on_terminal("build", "-f", answer=b"no\n")
        self.assertEqual(status, 2, said)
        self.assertTrue((self.tree.dir / "vmlinux").exists())
        self.kferry("build", "-c")
        self.assertFalse((self.tree.dir / "vmlinux").exists())
        self.assertTrue((self.tree.dir / ".config").exists())
        status, said = self.on_terminal("build", "-f", answer=b"yes\n")
        self.assertEqual(status, 0, said)
        self.assertFalse((self.tree.dir / ".config").exists())

    def test_what_is_left_is_told_from_the_builds_before(self):
        slow = ("-o", "build.extra=PAUSE=0.4", "-o", "build.jobs=1")
        status, said = self.on_terminal(*slow, "build")
        self.assertEqual(status, 0, said)
        self.assertNotIn(" left", said)
        self.kferry(*slow, "build", "--clean")
        status, said = self.on_terminal(*slow, "build")
        self.assertRegex(said, r"[01]\.\ds left, 2  drivers/a\.o")
        # Of another kind nothing is known.
        self.kferry(*slow, "build", "--clean")
        status, said = self.on_terminal(*slow, "build", "--cflags", "-DX")
        self.assertNotIn(" left", said)


class FromSha(Case):
    def make(self, kinds, makefile=MAKEFILE):
        self.tree = BisectTree(self.board.dir / "linux", kinds, makefile=makefile)
        self.config = (self.tree.dir / ".config").read_text()
        return self.tree

    def at_home(self, branch="main"):
        self.assertEqual(self.tree.git("symbolic-ref", "--short", "HEAD").strip(), branch)
        self.assertEqual(self.tree.git("status", "--porcelain"), "")
        self.assertEqual((self.tree.dir / ".config").read_text(), self.config)

    def test_every_commit_is_built_and_the_branch_is_back(self):
        tree = self.make(["good", "good", "broken", "good"])
        tree.git("checkout", "-q", "-b", "topic", tree.commits[1])
        done = self.kferry("build", "--from-sha", tree.commits[0][:10])
        self.assertIn("1 of 1 builds", done.err)
        self.assertIn("change 1", done.err)
        self.at_home("topic")
        # Its configuration was that of the beginning, brought to it.
        self.assertEqual((tree.dir / "boot/config").read_text(),
                         self.config + "# options of 1 good\n")
        tree.git("checkout", "-q", tree.commits[1])
        self.kferry("build", "--from-sha", tree.commits[0])
        self.assertEqual(tree.head(), tree.commits[1])

    def test_the_first_that_does_not_build_is_named(self):
        tree = self.make(["good", "good", "broken", "broken", "good"])
        done = self.kferry("build", "--from-sha", "HEAD~4", check=1)
        self.assertIn(f'{tree.commits[2][:12]} "change 2" (2 of 4) does not build', done.err)
        self.assertIn("init/main.c:1:2: error: no", done.err)
        self.assertNotIn("change 3", done.err)
        self.at_home()
        events = [json.loads(line) for line in
                  self.kferry("--json", "build", "--from-sha", "HEAD~4", check=1).out.splitlines()]
        self.assertEqual([(e["number"], e["of"], e["commit"]) for e in events
                          if e["event"] == "commit"], [(1, 4, tree.commits[1])])

    def test_interrupted_it_is_back_on_its_branch(self):
        tree = self.make(["good", "slow", "good"], SLOW)
        tree.git("config", "core.excludesFile", str(self.board.dir / "ignore"))
        (self.board.dir / "ignore").write_text("boot.started\n")
        for sig in (signal.SIGINT, signal.SIGTERM):
            (tree.dir / "boot.started").unlink(missing_ok=True)
            process = self.board.start("-q", "build", "--from-sha", "HEAD~2", cwd=tree.dir)
            wait_for("the build of the slow commit", (tree.dir / "boot.started").exists)
            self.assertEqual(tree.head(), tree.commits[1])
            process.send_signal(sig)
            _, err = process.communicate(timeout=60)
            self.assertIn("cancelled", err)
            self.assertNotEqual(process.returncode, 0)
            self.at_home()

    def test_refused_in_the_middle_of_something(self):
        tree = self.make(["good", "good", "good"])
        git = tree.dir / ".git"
        for name, says in (("MERGE_HEAD", "a merge"), ("rebase-merge/x", "a rebase"),
                           ("rebase-apply/x", "a rebase"), ("rebase-apply/applying", "git am"),
                           ("CHERRY_PICK_HEAD", "a cherry-pick"), ("BISECT_LOG", "a bisect")):
            (git / name).parent.mkdir(exist_ok=True)
            (git / name).touch()
            done = self.kferry("build", "--from-sha", "HEAD~2", check=2)
            self.assertIn(f"in the middle of {says}", done.err)
            (git / name).unlink()
            if "/" in name:
                (git / name).parent.rmdir()
        (tree.dir / "kernel").write_text("2 changed\n")
        self.assertIn("has changes", self.kferry("build", "--from-sha", "HEAD~2", check=2).err)
        tree.git("checkout", "-q", "kernel")
        self.assertIn("there is no commit", self.kferry("build", "--from-sha", "HEAD",
                                                        check=USAGE).err)
        self.assertIn("no commit \"nope\"", self.kferry("build", "--from-sha", "nope",
                                                        check=USAGE).err)
        tree.git("checkout", "-q", "-b", "side", tree.commits[0])
        self.assertIn("no ancestor", self.kferry("build", "--from-sha", tree.commits[2],
                                                 check=USAGE).err)
        self.at_home("side")


if __name__ == "__main__":
    tap.main()
