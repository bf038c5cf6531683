#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry patches against a real public-inbox, and against servers that answer wrongly."""

import base64
import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from bisecttree import BOARD, BisectTree  # noqa: E402
from inbox import Inbox, Liar, bomb, missing  # noqa: E402
from patchmails import PatchMails, mail  # noqa: E402
from scratch import KFERRY, SCALE, Board, wait_for  # noqa: E402

LINES = "".join(f"line {i}\n" for i in range(1, 30))


def changed(*lines):
    return "".join(f"line {i}{' changed' if i in lines else ''}\n" for i in range(1, 30))


class Case(unittest.TestCase):
    """A tree, a scratch board, and the inbox of the class."""

    @classmethod
    def setUpClass(cls):
        why = missing()
        if why:
            raise unittest.SkipTest(why)
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="kf-patches-"))
        cls.addClassCleanup(shutil.rmtree, cls.top, True)
        cls.first = BisectTree(cls.top / "first", ["good"])
        cls.first.write("notes", LINES)
        cls.first.git("add", "-A")
        cls.first.git("commit", "-q", "-m", "notes")
        cls.inbox = Inbox(cls.top / "inbox", ["demo", "other.list"])
        cls.addClassCleanup(cls.inbox.stop)
        cls.fill(PatchMails(cls.first.dir, cls.top / "author"))
        cls.inbox.start()

    @classmethod
    def fill(cls, mails):
        """The mails that the tests look at."""
        cls.v1 = mails.series([("notes: change three", {"notes": changed(3)}),
                               ("notes: change nine", {"notes": changed(3, 9)})],
                              title="notes: change lines", date="2026-11-20T10:00:00Z")
        cls.v2 = mails.series([("notes: change three", {"notes": changed(3)}),
                               ("notes: change nine", {"notes": changed(3, 9)}),
                               ("kernel: be better", {"kernel": "7 good\n"})],
                              title="notes: change lines", version=2,
                              date="2026-11-21T10:00:00Z")
        cls.v2_ids = [PatchMails.id(f) for f in cls.v2]
        cls.panic = mails.series([("kernel: panic", {"kernel": "8 panic\n"})],
                                 date="2026-11-22T10:00:00Z",
                                 author=("Jürgen Groß", "juergen@example.org"))
        mails.git("checkout", "-q", "--detach", mails.base)
        (mails.dir / "notes").write_text("something else\n")
        mails.git("commit", "-qam", "elsewhere")
        base, mails.base = mails.base, mails.git("rev-parse", "HEAD").strip()
        cls.bad = mails.series([("more: is good", {"more": "more\n"}),
                                ("notes: cannot be", {"notes": "something more\n"})],
                               title="more: does not apply", date="2026-11-23T10:00:00Z")
        mails.base = base
        whole = mails.series([(f"hole: part {i}", {f"part{i}": f"{i}\n"}) for i in (1, 2, 3)],
                             title="hole: one is missing", date="2026-11-24T10:00:00Z")
        cls.hole = [whole[0], whole[1], whole[3]]
        packed = mails.series([("packed: by base64", {"packed": "pack\n"})],
                              date="2026-11-25T10:00:00Z")[0].read_text()
        head, _, text = packed.partition("\n\n")
        cls.packed = (head + "\nContent-Transfer-Encoding: base64\n"
                      "Content-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\n\n" +
                      base64.encodebytes(text.encode()).decode()).encode()
        cls.packed_id = re.search(r"Message-I[dD]: <(.*)>", head).group(1)
        evil = "=?utf-8?q?=5BPATCH=5D_evil=1B=5B2J=E2=80=AEred?="
        cls.inbox.add("demo", *cls.v1, *cls.v2, *cls.panic, *cls.bad, *cls.hole, cls.packed,
                      mail(evil, "a\x1b]0;title\x07b\n---\n", ident="evil@example.org",
                           name="=?utf-8?q?Ev=1Bil?= <evil@example.org>",
                           date="Thu, 26 Nov 2026 12:00:00 +0000"),
                      mail("Re: [PATCH v2 1/3] notes: change three",
                           "It is good.\n\nReviewed-by: Grace Hopper <grace@example.org>\n",
                           name="Grace Hopper <grace@example.org>", ident="review@example.org",
                           in_reply_to=f"<{cls.v2_ids[1]}>",
                           references=f"<{cls.v2_ids[0]}> <{cls.v2_ids[1]}>"),
                      mail("a question", "no patch\n", ident="question@example.org"))
        cls.inbox.add("other.list", mail("[PATCH] other: thing", "text\n---\n",
                                         ident="other@example.org"))

    def setUp(self):
        self.board = Board(config=BOARD)
        self.addCleanup(self.board.close)
        self.board.on_boot = self.boots
        self.tree = self.board.dir / "linux"
        shutil.copytree(self.first.dir, self.tree, symlinks=True)
        self.url = self.inbox.url
        self.path = None
        self.env = {"GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CONFIG_GLOBAL": str(self.board.dir / "gitconfig"),
                    "PAGER": "cat"}
        (self.board.dir / "gitconfig").write_text(
            "[user]\n\tname = Tess Ter\n\temail = tess@example.org\n")

    def boots(self, slot):
        """The kernel's second word is what it does."""
        if not slot:
            return None
        text = (self.board.root / f"var/lib/kferry/slots/{slot}/manifest").read_text()
        build_id = text.split("build-id ", 1)[1].split("\n", 1)[0]
        for word in ("good", "panic"):
            for i in range(10):
                if hashlib.sha1(f"{i} {word}\n".encode()).hexdigest() == build_id:
                    return word if word == "panic" else None
        raise AssertionError(build_id)

    def kferry(self, *args, check=0, options=(), env=None, **run):
        return self.board.kferry("-o", f"patches.url={self.url}", "-o", "patches.all=demo",
                                 *options, "patches", *args, check=check, cwd=self.tree,
                                 env={**self.env, **(env or {})}, **run)

    def json(self, *args, **more):
        done = self.board.kferry("-o", f"patches.url={self.url}", "-o", "patches.all=demo",
                                 "--json", "patches", *args, check=0, cwd=self.tree,
                                 env=self.env, **more)
        return [json.loads(line) for line in done.out.splitlines()]

    def git(self, *words):
        return subprocess.run(["git", "-C", self.tree, *map(str, words)], check=True,
                              env={**os.environ, **self.env},
                              stdout=subprocess.PIPE).stdout.decode().strip()

    def state(self):
        return (self.git("rev-parse", "HEAD"), self.git("symbolic-ref", "HEAD"),
                self.git("status", "--porcelain"), self.git("branch", "--format=%(refname)"))

    @classmethod
    def without(cls, *programs):
        """A PATH in which these are not."""
        where = cls.top / ("without-" + "-".join(programs))
        if not where.exists():
            where.mkdir()
            for directory in os.environ["PATH"].split(":"):
                for name in os.listdir(directory) if os.path.isdir(directory) else ():
                    if name not in programs and not (where / name).is_symlink():
                        (where / name).symlink_to(f"{directory}/{name}")
        return {"PATH": str(where)}


class Reading(Case):
    def test_lists(self):
        out = self.kferry("lists").out.split("\n")
        self.assertEqual([line.split()[0] for line in out if line], ["demo", "other.list"])

    def test_lists_of_the_first_page_where_there_is_no_manifest(self):
        inbox = Inbox(self.board.dir / "plain", ["alpha", "beta"], manifest=False)
        self.addCleanup(inbox.stop)
        inbox.add("alpha", mail("[PATCH] a", "b\n", ident="a@example.org"))
        self.url = inbox.start().url
        names = {e["list"] for e in self.json("lists")}
        self.assertIn("alpha", names)

    def test_list_groups_versions_newest_first(self):
        sets = [e for e in self.json("list", "demo") if e["event"] == "patch-set"]
        titles = [s["title"] for s in sets]
        self.assertEqual(titles[1:], ["packed: by base64", "hole: one is missing",
                                      "more: does not apply", "kernel: panic",
                                      "notes: change lines"])
        lines = sets[-1]
        self.assertEqual(lines["id"], "demo/" + self.v2_ids[0])
        self.assertEqual([(v["version"], v["patches"]) for v in lines["versions"]],
                         [(2, 3), (1, 2)])
        self.assertEqual(sets[-2]["author"], "Jürgen Groß")
        text = self.kferry("list", "demo").out
        self.assertRegex(text, r"2026-11-21 +3 patches  Ada Lovelace +v2 notes: change lines")
        self.assertIn(f"demo/{self.v2_ids[0]}  (also v1)", text)
        self.assertNotIn("a question", text)
        self.assertNotIn("\x1b", text)
        # public-inbox has replaced the one, and we escape the other.
        self.assertIn("evil^[[2J\\xe2\\x80\\xaered", text)
        self.assertRegex(text, r"Jürgen Groß {15}v1 kernel: panic")
        one = self.json("list", "demo", "-n", "1")
        self.assertEqual(len(one), 1)

    def test_search(self):
        found = self.json("search", "demo", 's:"change lines"')
        self.assertEqual([s["title"] for s in found if "title" in s], ["notes: change lines"])
        found = self.json("search", "demo", "f:juergen@example.org")
        self.assertEqual([s["title"] for s in found if "title" in s], ["kernel: panic"])
        self.assertIn("no patches", self.kferry("search", "demo", "s:nowherefound").err)

    def test_a_list_that_is_not_there(self):
        err = self.kferry("list", "nosuch", check=2).err
        self.assertIn("nosuch", err)
        self.assertIn("kferry patches lists", err)
        self.kferry("list", "../etc", check=64)
        self.kferry("list", "demo", "-n", "0", check=64)
        self.kferry("show", "nothing", check=64)
        self.kferry(check=64)
        self.kferry("frobnicate", check=64)

    def test_show_a_set_by_any_of_its_names(self):
        for name in (f"demo/{self.v2_ids[0]}", f"<{self.v2_ids[2]}>",
                     f"{self.url}/demo/{self.v2_ids[1]}/T/#u", "demo/review@example.org"):
            out = self.kferry("show", name).out
            self.assertIn("Subject: [PATCH v2 0/3] notes: change lines", out, name)
            self.assertIn("+line 9 changed", out)
            self.assertIn("Cc: Grace Hopper <grace@example.org>", out)
            self.assertNotIn("It is good.", out)
            self.assertLess(out.index("[PATCH v2 1/3]"), out.index("[PATCH v2 3/3]"))
        self.assertIn("It is good.", self.kferry("show", "--all", f"demo/{self.v2_ids[0]}").out)
        mails = self.json("show", f"demo/{self.v2_ids[0]}")
        self.assertEqual([m["id"] for m in mails], self.v2_ids)
        self.assertIn("+pack", self.kferry("show", self.packed_id).out)
        err = self.kferry("show", "demo/nothere@example.org", check=2).err
        self.assertIn("nothere@example.org", err)

    def test_what_comes_from_outside_is_escaped(self):
        out = self.kferry("show", "demo/evil@example.org").out
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)
        self.assertIn("a\\x1b]0;title\\x07b", out)
        self.kferry("bookmark", "add", "demo/evil@example.org")
        self.assertNotIn("\x1b", self.kferry("bookmark", "list").out)

    def on_terminal(self, *args, env=None, typed=b""):
        """What it shows, and its status."""
        master, slave = pty.openpty()
        child = subprocess.Popen(
            [str(KFERRY), "-o", f"patches.url={self.url}", *args],
            env={**self.board.environment(), **self.env, **(env or {})}, cwd=self.tree,
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        out, end = b"", time.monotonic() + 60 * SCALE
        while time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    piece = os.read(master, 65536)
                except OSError:
                    break
                if not piece:
                    break
                out += piece
            # What is typed before it asks is thrown away.
            if typed and b"[yes/no]" in out:
                os.write(master, typed)
                typed = b""
        child.wait(30 * SCALE)
        os.close(master)
        return out.decode(errors="replace"), child.returncode

    def test_a_terminal_gets_a_pager_that_is_given_escaped_text(self):
        seen = self.board.dir / "seen"
        pager = self.board.dir / "pager"
        pager.write_text(f"#!/bin/sh\necho \"$0 $*\" > {seen}\ncat >> {seen}\n")
        pager.chmod(0o755)
        _, status = self.on_terminal("-o", f"patches.pager={pager} --one", "patches", "show",
                                     "demo/evil@example.org")
        self.assertEqual(status, 0)
        text = seen.read_text()
        self.assertIn("pager --one", text)
        self.assertIn("a\\x1b]0;title", text)
        self.assertNotIn("\x1b", text)
        # A program for diffs comes before $PAGER.
        path = self.without("delta", "bat", "batcat")["PATH"]
        _, status = self.on_terminal("patches", "show", "demo/evil@example.org",
                                     env={"PATH": path, "PAGER": f"{pager} --two"})
        self.assertIn("pager --two", seen.read_text())
        shutil.copy(pager, pathlib.Path(path) / "delta")
        _, status = self.on_terminal("patches", "show", "demo/evil@example.org",
                                     env={"PATH": path, "PAGER": f"{pager} --two"})
        self.assertIn("delta --paging=always", seen.read_text())

    def test_bookmarks(self):
        self.assertEqual(self.kferry("bookmark", "list").out, "")
        self.kferry("bookmark", "add", f"demo/{self.v2_ids[2]}")
        err = self.kferry("bookmark", "add", self.v2_ids[0], check=2).err
        self.assertIn("already", err)
        self.kferry("bookmark", "add", "demo/" + PatchMails.id(self.panic[0]))
        marks = self.json("bookmark", "list")
        self.assertEqual([m["id"] for m in marks],
                         ["demo/" + PatchMails.id(self.panic[0]), "demo/" + self.v2_ids[0]])
        text = self.kferry("list", "demo").out
        self.assertEqual(text.count("\n* ") + text.startswith("* "), 2)
        self.kferry("bookmark", "rm", self.v2_ids[0])
        self.assertIn("no bookmark", self.kferry("bookmark", "rm", self.v2_ids[0], check=2).err)
        self.assertEqual(len(self.json("bookmark", "list")), 1)
        (self.board.dir / "data").mkdir(exist_ok=True)
        file = next(self.board.dir.rglob("patches.json"))
        file.write_text("{")
        self.assertIn("damaged", self.kferry("bookmark", "list", check=2).err)


    def test_bookmarks_of_two_at_once_are_both_kept(self):
        self.kferry("bookmark", "add", f"demo/{self.v2_ids[0]}")
        file = next(self.board.dir.rglob("patches.json"))
        whole = json.loads(file.read_text())
        with open(file.with_name("patches.lock"), "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kferry = self.board.start("-o", f"patches.url={self.url}", "-o", "patches.all=demo",
                                      "patches", "bookmark", "rm", self.v2_ids[0])
            self.addCleanup(kferry.kill)
            wait_for("kferry to want the lock", lambda: any(
                os.path.realpath(fd) == os.path.realpath(lock.name)
                for fd in pathlib.Path(f"/proc/{kferry.pid}/fd").glob("*")))
            other = dict(whole["bookmarks"][0], id="demo/other@example.org")
            file.write_text(json.dumps({**whole, "bookmarks": [other, *whole["bookmarks"]]}))
        self.assertEqual(kferry.wait(timeout=30 * SCALE), 0)
        self.assertEqual([m["id"] for m in self.json("bookmark", "list")], [other["id"]])


class Applying(Case):
    def test_apply_makes_a_branch_of_the_patches(self):
        self.git("config", "user.name", "Me")
        head = self.git("rev-parse", "HEAD")
        env = self.without("b4")
        self.kferry("apply", f"demo/{self.v2_ids[0]}", env=env)
        self.assertEqual(self.git("symbolic-ref", "--short", "HEAD"),
                         "patches/notes-change-lines-v2")
        log = self.git("log", "--reverse", "--format=%an %s", f"{head}..HEAD").splitlines()
        self.assertEqual(log, ["Ada Lovelace notes: change three",
                               "Ada Lovelace notes: change nine",
                               "Ada Lovelace kernel: be better"])
        err = self.kferry("apply", f"demo/{self.v2_ids[0]}", "--branch",
                          "patches/notes-change-lines-v2", check=2, env=env).err
        self.assertIn("already", err)
        self.git("checkout", "-q", "main")
        self.kferry("apply", PatchMails.id(self.v1[1]), "--branch", "one", env=env)
        self.assertEqual(self.git("rev-list", "--count", f"{head}..one"), "2")
        self.git("checkout", "-q", "main")
        self.kferry("apply", self.packed_id, env=env)
        self.assertEqual((self.tree / "packed").read_text(), "pack\n")
        self.git("checkout", "-q", "main")
        self.kferry("apply", "demo/" + PatchMails.id(self.panic[0]), env=env)
        self.assertEqual(self.git("log", "-1", "--format=%an <%ae>"),
                         "Jürgen Groß <juergen@example.org>")

    @unittest.skipUnless(shutil.which("b4"), "b4 is not installed")
    def test_apply_by_b4_adds_what_reviewers_said(self):
        done = self.kferry("apply", f"demo/{self.v2_ids[0]}")
        self.assertIn("by b4", done.err + done.out)
        text = self.git("log", "-1", "--format=%B", "HEAD~2")
        self.assertIn("Reviewed-by: Grace Hopper <grace@example.org>", text)
        self.assertEqual(self.git("rev-list", "--count", "main..HEAD"), "3")

    def test_apply_takes_a_failure_back(self):
        before = self.state()
        for env in ({}, self.without("b4")):
            err = self.kferry("apply", "demo/" + PatchMails.id(self.bad[0]), check=2,
                              env=env).err
            self.assertIn("patch 2/2 (notes: cannot be) does not apply", err)
            self.assertEqual(self.state(), before)
            self.assertFalse((self.tree / "more").exists())
            self.assertFalse((self.tree / ".git/rebase-apply").exists())

    def hook(self, text):
        path = self.tree / ".git/hooks/post-checkout"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def test_a_post_checkout_hook_that_fails_is_told_and_the_tree_as_it_was(self):
        before = self.state()
        self.hook("[ $(git symbolic-ref --short HEAD) = main ] || { echo no luck >&2; exit 1; }")
        err = self.kferry("apply", f"demo/{self.v2_ids[0]}", check=2).err
        self.assertIn("the post-checkout hook failed", err)
        self.assertIn("no luck", err)
        self.assertIn("the tree is as it was", err)
        self.assertEqual(self.state(), before)
        self.hook("echo no luck >&2; exit 1")
        err = self.kferry("apply", f"demo/{self.v2_ids[0]}", check=2).err
        self.assertIn("the tree is back on main, but", err)
        self.assertEqual(self.state(), before)

    def test_git_that_does_not_take_back_is_told(self):
        bin_dir = self.board.dir / "bin"
        bin_dir.mkdir()
        (bin_dir / "git").write_text(
            "#!/bin/sh\ncase \"$*\" in *'am --abort'*) echo 'fatal: no luck' >&2; exit 128;; esac\n"
            f"exec {shutil.which('git')} \"$@\"\n")
        (bin_dir / "git").chmod(0o755)
        err = self.kferry("apply", "demo/" + PatchMails.id(self.bad[0]), check=2,
                          env={"PATH": f"{bin_dir}:{os.environ['PATH']}"}).err
        for text in ("patch 2/2", "no luck", "in the middle of git am", "git checkout main",
                     "patches/more-does-not-apply-v1"):
            self.assertIn(text, err)
        self.assertNotIn("as it was", err)
        self.assertTrue((self.tree / ".git/rebase-apply").exists())
        self.assertEqual(self.git("symbolic-ref", "--short", "HEAD"),
                         "patches/more-does-not-apply-v1")

    def test_apply_takes_whole_sets_only(self):
        before = self.state()
        err = self.kferry("apply", "demo/" + PatchMails.id(self.hole[0]), check=2).err
        self.assertIn("2/3", err)
        err = self.kferry("apply", "demo/question@example.org", check=2).err
        self.assertIn("no patch", err)
        self.assertEqual(self.state(), before)

    def test_apply_refuses_a_tree_that_is_not_ready(self):
        (self.tree / "notes").write_text("mine\n")
        self.assertIn("notes", self.kferry("apply", self.v2_ids[0], check=2).err)
        self.assertEqual((self.tree / "notes").read_text(), "mine\n")
        self.git("checkout", "-q", "notes")
        for name, what in (("MERGE_HEAD", "merge"), ("rebase-apply", "rebase"),
                           ("rebase-merge", "rebase"), ("CHERRY_PICK_HEAD", "cherry-pick")):
            path = self.tree / ".git" / name
            if name.endswith("HEAD"):
                path.write_text(self.git("rev-parse", "HEAD") + "\n")
            else:
                path.mkdir()
            self.assertIn(what, self.kferry("apply", self.v2_ids[0], check=2).err)
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
        err = self.kferry("apply", self.v2_ids[0], "--branch", "a..b", check=64).err
        self.assertIn("no name for a branch", err)
        done = self.board.kferry("-o", f"patches.url={self.url}", "patches", "apply",
                                 f"demo/{self.v2_ids[0]}", check=2, cwd=self.board.dir,
                                 env=self.env)
        self.assertIn("no work tree of git", done.err)

    def test_apply_with_a_detached_head_goes_back_to_it(self):
        self.git("checkout", "-q", "--detach")
        head = self.git("rev-parse", "HEAD")
        self.kferry("apply", "demo/" + PatchMails.id(self.bad[0]), check=2)
        self.assertEqual(self.git("rev-parse", "HEAD"), head)
        self.assertEqual(self.git("rev-parse", "--abbrev-ref", "HEAD"), "HEAD")


class Trying(Case):
    """From the archive to a verdict, on a scratch board."""

    def try_it(self, name, *args, check=0):
        return self.kferry("try", name, *args, check=check, env=self.without("b4"))

    def test_try_passes_and_the_tree_is_as_it_was(self):
        before = self.state()
        done = self.try_it(f"demo/{self.v2_ids[0]}")
        self.assertRegex(done.text, r"apply +v2 of \"notes: change lines\", 3 patches, by Ada")
        self.assertIn("PASS", done.out)
        self.assertEqual(self.state(), before)
        self.assertFalse((self.board.firmware / "default").exists())

    def test_try_of_a_kernel_that_panics_fails(self):
        before = self.state()
        done = self.try_it("demo/" + PatchMails.id(self.panic[0]), "--reply", "--dry-run",
                           check=1)
        self.assertIn("FAIL", done.out)
        self.assertNotIn("Tested-by", done.out)
        self.assertIn("only a pass is told", done.err)
        self.assertEqual(self.state(), before)

    def test_try_keeps_the_branch(self):
        self.try_it(f"demo/{self.v2_ids[0]}", "--keep", "--branch", "mine")
        self.assertEqual(self.git("symbolic-ref", "--short", "HEAD"), "mine")

    def test_try_hands_options_to_bd(self):
        summary = self.board.dir / "summary.md"
        self.try_it(f"demo/{self.v2_ids[0]}", "-b", self.board.name, "--", "--summary", summary)
        self.assertIn("PASS", summary.read_text())
        before = self.state()
        err = self.try_it(f"demo/{self.v2_ids[0]}", "--", "--no-reboot", check=64).err
        self.assertIn("--no-reboot", err)
        self.try_it(f"demo/{self.v2_ids[0]}", "-b", "nosuch", check=64)
        self.assertEqual(self.state(), before)

    def test_try_of_what_does_not_apply_builds_nothing(self):
        before = self.state()
        done = self.try_it("demo/" + PatchMails.id(self.bad[0]), check=2)
        self.assertNotIn("build", done.out)
        self.assertEqual(self.state(), before)

    def test_try_tells_of_a_pass(self):
        done = self.try_it(f"demo/{self.v2_ids[0]}", "--reply", "--dry-run")
        self.assertIn("To: Ada Lovelace <ada@example.org>", done.out)
        self.assertIn(f"In-Reply-To: <{self.v2_ids[0]}>", done.out)
        self.assertRegex(done.out, rf"Booted on {self.board.name}, 6.9.0-bisect: PASS, ")
        self.assertIn("Tested-by: Tess Ter <tess@example.org>", done.out)


@unittest.skipUnless(shutil.which("git") and
                     pathlib.Path(subprocess.run(["git", "--exec-path"], check=True,
                                                 stdout=subprocess.PIPE).stdout.decode().strip(),
                                  "git-send-email").exists(), "git-email is not installed")
class Replying(Case):
    def setUp(self):
        super().setUp()
        self.sent = self.board.dir / "sent"
        server = self.board.dir / "sendmail"
        server.write_text(f"#!/bin/sh\necho \"$@\" > {self.sent}\ncat >> {self.sent}\n")
        server.chmod(0o755)
        with open(self.board.dir / "gitconfig", "a", encoding="utf-8") as f:
            f.write(f"[sendemail]\n\tsmtpserver = {server}\n\tto = more@example.org\n"
                    '\ttoCmd = "echo more@example.org #"\n\tannotate = true\n')

    def test_dry_run_shows_it_and_sends_nothing(self):
        out = self.kferry("reply", f"demo/{self.v2_ids[1]}", "--reviewed-by", "--dry-run").out
        self.assertIn("Subject: Re: [PATCH v2 1/3] notes: change three", out)
        self.assertIn(f"In-Reply-To: <{self.v2_ids[1]}>", out)
        self.assertRegex(out, rf"References: <{re.escape(self.v2_ids[0])}>\s+"
                              rf"<{re.escape(self.v2_ids[1])}>")
        self.assertIn("> Why it is good to have", out)
        self.assertNotIn("diff --git", out)
        self.assertIn("Reviewed-by: Tess Ter <tess@example.org>", out)
        self.assertFalse(self.sent.exists())

    def test_nothing_is_sent_without_consent(self):
        _, status = Reading.on_terminal(self, "patches", "reply", f"demo/{self.v2_ids[1]}",
                                        "--tested-by", typed=b"no\n")
        self.assertEqual(status, 0)
        self.assertFalse(self.sent.exists())
        self.kferry("reply", f"demo/{self.v2_ids[1]}", check=64)

    def test_sent_after_a_yes(self):
        text, status = Reading.on_terminal(self, "patches", "reply", f"demo/{self.v2_ids[1]}",
                                           "--tested-by", "--remark", "On a real board.",
                                           typed=b"yes\n")
        self.assertEqual(status, 0, text)
        self.assertIn("Send this mail?", text)
        mail_sent = self.sent.read_text()
        envelope = mail_sent.splitlines()[0]
        for address in ("ada@example.org", "demo@lists.example", "grace@example.org"):
            self.assertIn(address, envelope)
        self.assertNotIn("more@example.org", mail_sent)
        self.assertIn("From: Tess Ter <tess@example.org>", mail_sent)
        self.assertIn(f"In-Reply-To: <{self.v2_ids[1]}>", mail_sent)
        self.assertIn("Grace Hopper <grace@example.org>", mail_sent)
        self.assertIn("\nOn a real board.\n\nTested-by: Tess Ter <tess@example.org>\n",
                      mail_sent)

    def test_who_one_is_must_be_known(self):
        (self.board.dir / "gitconfig").write_text("")
        err = self.kferry("reply", f"demo/{self.v2_ids[1]}", "--tested-by", "--yes",
                          check=2).err
        self.assertIn("user.name", err)


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Screen(Case):
    """What a person sees, in tmux."""

    def setUp(self):
        super().setUp()
        self.socket = self.board.dir / "tmux"
        self.addCleanup(lambda: subprocess.run(["tmux", "-S", self.socket, "kill-server"],
                                               check=False, capture_output=True))
        # LC_ALL, so that the screen has UTF-8 whoever runs this.
        self.terminal = {**self.board.environment(), **self.env, **self.without("b4"),
                         "TERM": "xterm", "LC_ALL": "C.UTF-8"}

    def tmux(self, *args):
        return subprocess.run(["tmux", "-f", "/dev/null", "-S", str(self.socket), *args],
                              env=self.terminal, check=True, capture_output=True,
                              cwd=self.tree).stdout.decode(errors="replace")

    def seen(self):
        return self.tmux("capture-pane", "-p", "-t", "t")

    def wait(self, text):
        end = time.monotonic() + 60 * SCALE
        while not re.search(text, self.seen()):
            if time.monotonic() > end:
                raise AssertionError(f"not seen: {text}\n{self.seen()}")
            time.sleep(0.2)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def begin(self):
        # The shell is not to end by the signal that ends kferry.
        command = (f"trap : INT; stty -a | tail -n +2 > before; {KFERRY} -o patches.url={self.url} patches; "
                   "echo left with $?; stty -a | tail -n +2 > after; cat")
        self.tmux("new-session", "-d", "-s", "t", "-x", "100", "-y", "20", command)
        self.wait("Enter open")

    def assert_as_it_was(self):
        end = time.monotonic() + 30 * SCALE
        while not (self.tree / "after").exists() or not (self.tree / "after").read_text():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        self.assertEqual((self.tree / "before").read_text(), (self.tree / "after").read_text())

    def open_demo(self):
        self.begin()
        self.wait(r"\* bookmarks\n +demo")
        self.keys("Down")
        self.keys("Enter")
        self.wait("demo: 6 patch sets")

    def test_from_lists_to_a_mail_and_back(self):
        self.open_demo()
        self.assertIn("evil^[[2J\\xe2\\x80\\xaered", self.seen())
        self.wait("Jürgen Groß")
        self.keys("G")
        self.keys("b")
        self.wait("bookmark added")
        self.wait(r"\n\* 11-21 Ada Lovelace +v2 +3  notes: change lines")
        self.keys("Enter")
        self.wait("Space more")
        self.wait(r"Subject: \[PATCH v2 0/3\] notes: change lines")
        self.keys("G")
        self.wait("kernel: be better|7 good")
        self.keys("Escape")
        self.wait("demo: 6 patch sets")
        self.keys("/")
        self.wait("search:")
        self.keys("-l", "s:panic")
        self.keys("Enter")
        self.wait("demo: 1 patch sets for s:panic")
        self.keys("Escape")
        self.keys("Up")
        self.keys("Enter")
        self.wait("1 bookmark")
        self.keys("q")
        self.wait("left with 0")
        self.assert_as_it_was()

    def test_apply_and_a_smaller_window(self):
        self.open_demo()
        self.keys("G")
        self.keys("a")
        self.wait("exit status 0; press a key")
        self.assertEqual(self.git("symbolic-ref", "--short", "HEAD"),
                         "patches/notes-change-lines-v2")
        self.keys("Space")
        self.wait("demo: 6 patch sets")
        self.tmux("resize-window", "-t", "t", "-x", "40", "-y", "8")
        self.wait(r"v2 +3  no\n")
        self.keys("q")
        self.wait("left with 0")
        self.assert_as_it_was()

    def test_ctrl_c_gives_the_terminal_back(self):
        self.open_demo()
        self.keys("C-c")
        self.wait("left with 130")
        self.assert_as_it_was()

    def test_an_archive_that_goes_away_is_told_on_the_screen(self):
        self.begin()
        self.inbox.stop()
        try:
            self.keys("Down", "Enter")
            self.wait("fetch http|not in the cache")
            self.keys("q")
            self.wait("left with 0")
        finally:
            self.inbox.start()

    def test_no_terminal(self):
        err = self.kferry(check=64).err
        self.assertIn("list LIST", err)
        text, status = Reading.on_terminal(self, "patches", env={"TERM": "nosuch"})
        self.assertEqual(status, 64, text)
        self.assertIn("TERM", text)


class Offline(Case):
    def test_what_was_read_can_be_read_without_the_archive(self):
        self.kferry("list", "demo")
        self.kferry("show", f"demo/{self.v2_ids[0]}")
        online = self.kferry("list", "demo", "--offline")
        self.assertRegex(online.err, r"this is the cache's, from 20\d\d-")
        err = self.kferry("show", "demo/evil@example.org", "--offline", check=2).err
        self.assertIn("not in the cache", err)
        self.inbox.stop()
        try:
            done = self.kferry("list", "demo")
            self.assertIn("notes: change lines", done.out)
            self.assertRegex(done.err, r"this is the cache's, from 20\d\d-\d\d-\d\d \d\d:\d\d")
            self.kferry("apply", f"demo/{self.v2_ids[0]}")
            err = self.kferry("show", "demo/evil@example.org", check=2).err
            self.assertIn(self.url, err)
            self.assertIn("not in the cache either", err)
        finally:
            self.inbox.start()
        self.url = self.inbox.url

    def test_the_cache_has_a_limit(self):
        self.kferry("list", "demo", options=("-o", "patches.cache=0"))
        self.assertFalse((self.board.dir / "cache/mail").exists())


class Liars(Case):
    @classmethod
    def fill(cls, mails):
        cls.inbox.add("demo", mail("[PATCH] a", "b\n", ident="a@example.org"))

    def lie(self, answer):
        liar = Liar(answer)
        self.addCleanup(liar.stop)
        self.url = liar.url
        return liar

    def test_status(self):
        for status, text in ((404, "404"), (403, "403"), (500, "500")):
            self.lie(lambda path, status=status: (status, {}, []))
            self.assertIn(text, self.kferry("show", "demo/a@example.org", check=2).err)

    def test_no_server(self):
        liar = self.lie(lambda path: (200, {}, []))
        liar.stop()
        err = self.kferry("list", "demo", check=2).err
        self.assertIn(self.url, err)
        self.url = "ftp://example.org"
        self.assertIn("https://", self.kferry("list", "demo", check=2).err)

    def test_a_redirection_leads_to_no_file(self):
        secret = self.board.dir / "secret"
        secret.write_text("From x\nMessage-ID: <a@example.org>\n\nsecret\n")
        self.lie(lambda path: (302, {"Location": f"file://{secret}"}, []))
        done = self.kferry("show", "demo/a@example.org", check=2)
        self.assertNotIn("secret", done.out)

    def test_https_leads_to_no_http(self):
        key, cert = self.board.dir / "key.pem", self.board.dir / "cert.pem"
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                               "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                               "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                               "subjectAltName=IP:127.0.0.1"], capture_output=True, check=False) \
            if shutil.which("openssl") else None
        bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        trust = ["unshare", "-m", "sh", "-ec", f'mount --bind {cert} {bundle}; exec "$@"', "sh"]
        if not made or made.returncode or not bundle.exists() or \
                subprocess.run([*trust, "true"], capture_output=True, check=False).returncode:
            self.skipTest("no certificate that libcurl would trust can be made here")
        asked = []
        plain = self.lie(lambda path: (asked.append(path), (404, {}, []))[1])
        safe = Liar(lambda path: (302, {"Location": plain.url + path}, []), (cert, key))
        self.addCleanup(safe.stop)
        for url, says in ((safe.url, 'Protocol "http"'), (plain.url, "404")):
            done = subprocess.run(
                [*trust, KFERRY, "-o", f"patches.url={url}", "patches", "show", "demo/a@example.org"],
                env=self.board.environment(self.env), cwd=self.tree, capture_output=True, text=True,
                timeout=60 * SCALE, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertEqual(bool(asked), url == plain.url)
        # The other way it goes.
        self.lie(lambda path: (302, {"Location": safe.url + path}, []))
        done = subprocess.run(
            [*trust, KFERRY, "-o", f"patches.url={self.url}", "patches", "show", "demo/a@example.org"],
            env=self.board.environment(self.env), cwd=self.tree, capture_output=True, text=True,
            timeout=60 * SCALE, check=False)
        self.assertNotIn('Protocol "https"', done.stderr)

    def test_a_bomb_is_no_mail(self):
        body = bomb(200)
        for headers in ({}, {"Content-Encoding": "gzip"}):
            self.lie(lambda path, headers=headers: (200, headers, [body]))
            done = self.board.kferry(
                "-o", f"patches.url={self.url}", "patches", "show", "demo/a@example.org",
                check=2, cwd=self.tree, env=self.env)
            self.assertIn("64 MiB", done.err)

    def test_a_body_without_end_is_cut(self):
        liar = self.lie(lambda path: (200, {}, (bytes(1 << 20) for _ in range(400))))
        self.assertIn("larger than", self.kferry("list", "demo", check=2).err)
        self.assertLess(liar.sent, 100 << 20)

    def test_a_server_that_says_nothing(self):
        self.lie(lambda path: (time.sleep(20 * SCALE), (200, {}, []))[1])
        done = self.kferry("list", "demo", check=2, options=("-o", "timeout.patches=2s"))
        self.assertIn("timeout.patches", done.err)

    def test_what_is_no_feed(self):
        for body in (b"", b"<feed", b"<html><body/></html>", b"\x00\xff" * 50,
                     b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 1000 + b'">]><a>&b;</a>',
                     b'<feed xmlns="http://www.w3.org/2005/Atom"><entry></feed>'):
            self.lie(lambda path, body=body: (200, {}, [body]))
            self.assertIn("no Atom feed", self.kferry("list", "demo", check=2).err, body)

    def test_what_is_no_thread(self):
        whole = gzip.compress(b"From x\nMessage-ID: <a@example.org>\n\ntext\n" * 100)
        for body, text in ((b"", "gzip"), (b"From x\n\n", "gzip"), (whole[:40], "gzip"),
                           (gzip.compress(b""), "no mail|gzip"), (gzip.compress(b"x"), "no mail"),
                           (gzip.compress(b"From x\nMessage-ID: <b@example.org>\n\n"),
                            "lacks that mail")):
            self.lie(lambda path, body=body: (200, {}, [body]))
            self.assertRegex(self.kferry("show", "demo/a@example.org", check=2).err, text)

    def test_lists_of_no_manifest(self):
        self.lie(lambda path: (200, {}, [gzip.compress(b"[1]")]))
        self.assertIn("manifest", self.kferry("lists", check=2).err)
        self.lie(lambda path: (404, {}, []) if "manifest" in path
                 else (200, {}, [b'<a href="one/">x</a><a href="../">', b'<a href="b/c/">']))
        self.assertEqual(self.kferry("lists").out, "one\n")

    def test_an_archive_that_cannot_search(self):
        feed = (b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>[PATCH] b</title>'
                b'<link href="http://x/demo/b@example.org/"/><author><name>B</name></author>'
                b"</entry></feed>")
        self.lie(lambda path: (200, {}, [feed]) if "new.atom" in path else (501, {}, []))
        self.assertIn("demo/b@example.org", self.kferry("list", "demo").out)
        self.kferry("search", "demo", "b", check=2)


if __name__ == "__main__":
    tap.main()
