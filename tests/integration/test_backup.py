#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kferry backup, restore and clean: what is in a backup, what is not, and files that are no backup."""

import fcntl
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import failing  # noqa: E402
import tap  # noqa: E402
from scratch import KFERRY, SCALE, TOP, Board, Package, wait_for  # noqa: E402

CONFIG = "[board]\ndefault = pc\n\n[board pc]\nhost = pc.local\nidentity = ~/.ssh/lab\n"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


class Home(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="kf-backup-"))
        self.addCleanup(shutil.rmtree, self.top, True)
        self.use("home")
        self.file = self.top / "kferry.tar.zst"

    def use(self, name):
        """Another user's home, so to speak."""
        self.home = self.top / name
        self.config = self.home / ".config/kferry"
        self.data = self.home / ".local/share/kferry"
        self.cache = self.home / ".cache/kferry"
        self.home.mkdir(exist_ok=True)

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "KFERRY_"))}
        return dict(env, HOME=str(self.home), KF_PROFILE_PATH=str(TOP / "boards"))

    def kferry(self, *args, check=0, env=None):
        done = subprocess.run([KFERRY, *map(str, args)], cwd=self.top,
                              env={**self.environment(), **(env or {})},
                              capture_output=True, timeout=120 * SCALE, check=False,
                              stdin=subprocess.DEVNULL)
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, check, done.out + done.err)
        return done

    def put(self, path, text, mode=0o644):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def tree(self):
        """All that there is of the user, but for the history."""
        found = {}
        for top in (self.config, self.data):
            for path in top.rglob("*"):
                if path.is_file() and not path.name.startswith("history.db"):
                    found[str(path.relative_to(self.home))] = path.read_text()
        return found


class Backup(Home):
    def setUp(self):
        super().setUp()
        self.put(self.config / "config.ini", CONFIG)
        self.put(self.config / "patterns.d/mine.patterns", "# none\n")
        self.put(self.data / "kconfigs/good/config", "CONFIG_X=y\n")
        self.put(self.data / "kconfigs/good/info.json", "{}", 0o600)
        self.put(self.data / "envs/linux-1/pi/env.ini", "[build]\narch = arm64\n")
        self.put(self.data / "quarantine/pc.json", "{}")

    def history(self, rows):
        path = self.data / "history.db"
        if not path.exists():
            # As kferry makes it.
            board = Board()
            self.addCleanup(board.close)
            board.kferry("deploy", "--from", Package().write(board.dir / "a.kferry"), check=0)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(board.home / ".local/share/kferry/history.db", path)
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM events")
            for i in range(rows):
                db.execute("INSERT INTO events (kind, started, took_ms, booted, verdict)"
                           " VALUES ('build', ?, 1, 0, 'PASS')", (i,))

    def rows(self):
        with sqlite3.connect(self.data / "history.db") as db:
            return db.execute("SELECT count(*) FROM events").fetchone()[0]

    def names(self):
        raw = subprocess.run(["zstd", "-dcq", self.file], check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            return tar.getnames()

    def test_there_and_back(self):
        self.history(3)
        before = self.tree()
        self.kferry("backup", self.file)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.use("other")
        done = self.kferry("restore", self.file)
        self.assertEqual(self.tree(), before)
        self.assertEqual((self.data / "kconfigs/good/info.json").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.rows(), 3)
        self.assertIn("7 files restored, with the history; 0 were there already", done.out)
        self.assertEqual([p for p in self.home.rglob(".restore-*")], [])
        self.assertIn("pc.local", self.kferry("config", "list", "-b", "pc").out)

    def test_what_is_left_out(self):
        self.put(self.data / "runs/2026-11-21-1/pc/result.json", "{}")
        self.put(self.data / "vm/box/disk.qcow2", "x")
        self.put(self.data / "envs/linux-1/pi/obj/vmlinux", "x")
        self.put(self.data / "quarantine/pc.lock", "")
        self.put(self.config / "keys/lab", KEY)
        os.mkfifo(self.data / "fifo")
        done = self.kferry("backup", self.file)
        self.assertEqual(sorted(self.names()),
                         ["config/config.ini", "config/patterns.d/mine.patterns",
                          "data/envs/linux-1/pi/env.ini", "data/kconfigs/good/config",
                          "data/kconfigs/good/info.json", "data/quarantine/pc.json", "kferry-backup"])
        self.assertIn("left out: config/keys/lab: a private key", done.err)
        self.assertIn(".ssh/lab: the private key of pc", done.err)

    def test_broken_history_is_told_and_the_rest_kept(self):
        self.put(self.data / "history.db", "no database " * 100)
        done = self.kferry("backup", self.file)
        self.assertIn("left out: the history", done.err)
        self.assertIn("config/config.ini", self.names())

    def test_directory_that_is_read_in_part_is_told(self):
        for path in (self.config, self.data):
            done = self.kferry("backup", self.file, check=2,
                               env=failing.environment(self.top, "readdir", path))
            self.assertIn("read the directory", done.err)
            self.assertIn("Input/output error", done.err)
            self.assertFalse(self.file.exists())

    def test_links_are_taken_for_what_they_lead_to(self):
        (self.config / "config.ini").rename(self.top / "dotfile")
        (self.config / "config.ini").symlink_to(self.top / "dotfile")
        self.kferry("backup", self.file)
        self.use("other")
        self.kferry("restore", self.file)
        self.assertEqual((self.config / "config.ini").read_text(), CONFIG)

    def test_a_link_to_a_directory_is_told(self):
        self.put(self.top / "elsewhere/x", "x")
        (self.config / "more").symlink_to(self.top / "elsewhere")
        done = self.kferry("backup", self.file)
        self.assertIn("left out: config/more: a link to a directory", done.err)
        self.assertNotIn("config/more/x", self.names())

    def test_nothing_is_overwritten_unasked(self):
        self.kferry("backup", self.file)
        before = self.file.read_bytes()
        self.assertIn("--force", self.kferry("backup", self.file, check=2).err)
        self.assertEqual(self.file.read_bytes(), before)
        self.kferry("restore", self.file)
        self.put(self.data / "kconfigs/good/config", "CONFIG_X=n\n")
        self.put(self.data / "kconfigs/more/config", "mine\n")
        (self.data / "quarantine/pc.json").unlink()
        before = self.tree()
        done = self.kferry("restore", self.file, check=2)
        self.assertIn("kconfigs/good/config", done.err)
        self.assertEqual(self.tree(), before)
        self.kferry("restore", "--force", self.file)
        self.assertEqual((self.data / "kconfigs/good/config").read_text(), "CONFIG_X=y\n")
        self.assertEqual((self.data / "kconfigs/more/config").read_text(), "mine\n")
        self.assertTrue((self.data / "quarantine/pc.json").exists())
        self.kferry("backup", "--force", self.file)

    def test_history_of_both(self):
        self.history(3)
        self.kferry("backup", self.file)
        self.history(5)
        self.assertIn("history.db", self.kferry("restore", self.file, check=2).err)
        self.assertEqual(self.rows(), 5)
        self.kferry("restore", "--force", self.file)
        self.assertEqual(self.rows(), 3)

    def test_failure_takes_back_what_was_changed(self):
        self.history(3)
        self.kferry("backup", self.file)
        self.put(self.data / "kconfigs/good/config", "CONFIG_X=n\n")
        self.put(self.config / "config.ini", "# new\n")
        (self.data / "quarantine/pc.json").unlink()
        self.put(self.data / "history.db", "no database " * 100)
        before = self.tree()
        self.kferry("restore", "--force", self.file, check=2)
        self.assertEqual(self.tree(), before)
        self.assertEqual([p for p in self.home.rglob(".restore-*")], [])

    def test_links_in_the_way_lead_nowhere(self):
        self.kferry("backup", self.file)
        self.use("other")
        outside = self.top / "outside"
        outside.mkdir()
        self.data.mkdir(parents=True)
        (self.data / "kconfigs").symlink_to(outside)
        for force in ([], ["--force"]):
            done = self.kferry("restore", *force, self.file, check=2)
            self.assertIn("nothing was changed", done.err)
        self.assertEqual(list(outside.iterdir()), [])
        self.assertFalse((self.config / "config.ini").exists())

    def test_words(self):
        self.kferry("backup", check=64)
        self.kferry("backup", "a", "b", check=64)
        self.kferry("restore", "--bad", "a", check=64)
        self.kferry("restore", self.top / "none", check=2)
        self.kferry("backup", self.top / "no/where", check=2)


class Hostile(Home):
    """Archives that no backup makes."""

    def archive(self, entries, head=b"kferry-backup 1\n"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, data, fields in ([("kferry-backup", head, {})] if head is not None else []) + entries:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                for key, value in fields.items():
                    setattr(info, key, value)
                tar.addfile(info, io.BytesIO(data))
        subprocess.run(["zstd", "-q", "-f", "-o", self.file], input=out.getvalue(), check=True)

    def refuse(self, says):
        done = self.kferry("restore", "--force", self.file, check=2)
        self.assertIn(says, done.err)
        self.assertEqual(self.tree(), {})
        self.assertEqual({p.name for p in self.top.iterdir()}, {"home", self.file.name})
        self.assertEqual([p for p in self.home.rglob(".restore-*")], [])

    def test_paths_that_lead_out(self):
        for name in ("data/../../x", "/etc/x", "config/../x", "../x", "x", "data/./x", "data//x",
                     "data/a\\b", "data/a\nb", "data", "config/"):
            with self.subTest(name=name):
                self.archive([("config/good", b"x", {}), (name, b"x", {})])
                self.refuse("")

    def test_what_no_backup_has(self):
        for name in ("data/runs/x", "data/vm/x/disk.qcow2", "data/history.db-wal", "data/a/.kf-tmp-x",
                     "data/.restore-x/y", "data/envs/t/n/obj/x"):
            with self.subTest(name=name):
                self.archive([(name, b"x", {})])
                self.refuse("no backup has that")

    def test_kinds(self):
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            with self.subTest(kind=kind):
                self.archive([("config/a", b"x", {}), ("config/x", b"", {"type": kind, "linkname": "config/a"})])
                self.refuse("no plain file")

    def test_link_and_a_file_behind_it(self):
        self.archive([("data/k", b"", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}), ("data/k/x", b"x", {})])
        self.refuse("no plain file")

    def test_twice(self):
        self.archive([("config/x", b"1", {}), ("config/x", b"2", {})])
        self.refuse("twice")

    def test_file_that_is_a_directory_elsewhere(self):
        self.archive([("config/x", b"1", {}), ("config/x/y", b"2", {})])
        self.refuse("")

    def test_too_large(self):
        self.archive([("config/x", bytes((64 << 20) + 1), {})])
        self.refuse("too large")

    def test_not_one_of_ours(self):
        self.archive([("config/x", b"x", {})], head=None)
        self.refuse("no backup of kferry")
        self.archive([], head=b"something else")
        self.refuse("no backup of kferry")
        self.file.write_bytes(b"hello")
        self.refuse("no backup of kferry")
        self.file.write_bytes(b"")
        self.refuse("no backup of kferry")

    def test_newer(self):
        self.archive([], head=b"kferry-backup 2\n")
        self.refuse("newer kferry")

    def test_cut_off_anywhere(self):
        self.archive([("config/x", os.urandom(5000), {}), ("data/y", os.urandom(5000), {})])
        whole = self.file.read_bytes()
        for n in range(0, len(whole) - 1, 997):
            self.file.write_bytes(whole[:n])
            self.refuse("")

    def test_history_that_is_none(self):
        self.archive([("config/x", b"1", {}), ("history.db", b"no database at all " * 50, {})])
        self.refuse("broken")

    def test_setuid_does_not_come_back(self):
        self.archive([("config/x", b"1", {"mode": 0o6777})])
        self.kferry("restore", self.file)
        self.assertEqual((self.config / "x").stat().st_mode & 0o7777, 0o755)


class Clean(Home):
    def setUp(self):
        super().setUp()
        self.old = self.put(self.cache / "versions/aa", "x" * 5000)
        self.new = self.put(self.cache / "versions/bb", "x" * 5000)
        self.put(self.cache / "trees/linux-1/build.log", "x" * 100)
        self.put(self.cache / "scratch/1-abc/x", "x")
        self.put(self.cache / "parcels/x", "x")
        self.put(self.cache / "guest-debian-12-amd64-01234567.img", "x")
        self.put(self.cache / "mine/x", "x")
        self.put(self.data / "runs/2026-01-01-1/pc/result.json", "{}")
        week = time.time() - 7 * 86400
        os.utime(self.old, (week, week))

    def events(self, *args):
        done = self.kferry("--json", "clean", *args)
        return {e["kind"]: e for e in map(json.loads, done.out.splitlines()) if e["event"] == "clean"}

    def there(self):
        return {str(p.relative_to(self.home)) for p in self.home.rglob("*") if p.is_file()} - \
            {".cache/kferry/.in-use"}

    def test_without_words_it_only_looks(self):
        before = self.there()
        done = self.kferry("clean")
        self.assertIn("nothing was removed", done.err)
        self.assertEqual(self.there(), before)
        for args in (["--dry-run", "--all"], ["-n", "versions"], ["--dry-run", "runs"]):
            self.kferry("clean", *args)
            self.assertEqual(self.there(), before)
        found = self.events("--dry-run", "--all")
        self.assertEqual(found["versions"]["entries"], 2)
        self.assertGreaterEqual(found["versions"]["bytes"], 10000)
        self.assertFalse(found["versions"]["removed"])

    def test_all(self):
        found = self.events("--all")
        self.assertNotIn("runs", found)
        self.assertTrue(found["trees"]["removed"])
        self.assertEqual(self.there(), {".cache/kferry/mine/x",
                                        ".local/share/kferry/runs/2026-01-01-1/pc/result.json"})

    def test_one_kind_of_an_age(self):
        self.assertEqual(self.events("versions", "--older-than", "1d")["versions"]["kept"], 1)
        self.assertFalse(self.old.exists())
        self.assertTrue(self.new.exists())
        self.assertTrue((self.cache / "trees/linux-1/build.log").exists())

    def test_what_was_used_lately_is_young(self):
        os.utime(self.old, (time.time(), self.old.stat().st_mtime))
        self.events("versions", "--older-than", "1d")
        self.assertTrue(self.old.exists())

    def test_image_stays_while_a_virtual_board_is_made_of_it(self):
        self.put(self.data / "vm/box/disk.qcow2", "x")
        done = self.kferry("clean", "--all")
        self.assertIn("images stay", done.err)
        self.assertTrue((self.cache / "guest-debian-12-amd64-01234567.img").exists())

    def test_directory_that_is_read_in_part_is_told(self):
        env = failing.environment(self.top, "readdir", self.cache / "versions")
        done = self.kferry("clean", "versions", check=2, env=env)
        self.assertIn("versions: not all could be removed: Input/output error", done.err)
        # Where there may be a virtual board, its image stays.
        (self.data / "vm/.x").mkdir(parents=True)
        done = self.kferry("clean", "--all", env=failing.environment(self.top, "readdir", self.data / "vm"))
        self.assertIn("images stay", done.err)

    def test_runs_take_an_age(self):
        run = self.data / "runs/2026-01-01-1"
        self.kferry("clean", "runs", check=64)
        self.kferry("clean", "runs", "--older-than", "1h", check=64)
        self.kferry("clean", "runs", "--older-than", "1d")
        self.assertTrue(run.exists())
        week = time.time() - 7 * 86400
        other = self.put(self.data / "runs/2026-notes/a", "not of kferry")
        for path in (run / "pc/result.json", run / "pc", run, other, other.parent):
            os.utime(path, (week, week))
        self.kferry("clean", "runs", "--older-than", "1d")
        self.assertFalse(run.exists())
        self.assertTrue(other.exists())

    def test_links_are_not_followed(self):
        outside = self.put(self.top / "outside/x", "x")
        (self.cache / "trees/link").symlink_to(outside.parent)
        self.events("trees")
        self.assertTrue(outside.exists())
        self.assertFalse((self.cache / "trees/link").is_symlink())

    def test_not_while_somebody_uses_it(self):
        with open(self.cache / ".in-use", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            before = self.there()
            done = self.kferry("clean", "--all", check=75)
            self.assertIn("another kferry uses the cache", done.err)
            self.assertEqual(self.there(), before)
            self.kferry("clean", "--all", "--dry-run")
        self.kferry("clean", "--all")

    def test_empty_cache(self):
        shutil.rmtree(self.cache)
        self.assertEqual(self.events("--all")["versions"]["entries"], 0)

    def test_bad_words(self):
        for args in (["cake"], ["--all", "versions"], ["--older-than", "soon"], ["--older-than", "0d"],
                     ["--older-than", "99999w"], ["--older-than"], ["-x"]):
            self.kferry("clean", *args, check=64)


class InUse(unittest.TestCase):
    def test_a_deploy_has_the_cache(self):
        board = Board()
        self.addCleanup(board.close)
        package = Package().write(board.dir / "a.kferry")
        board.on_boot = lambda slot: time.sleep(3)
        process = board.start("deploy", "--from", package)
        wait_for("the lock", (board.dir / "cache/.in-use").exists)
        wait_for("the deploy's lock", lambda: board.kferry("clean", "leftovers").returncode == 75)
        self.assertEqual(process.wait(60 * SCALE), 0)
        process.stdout.close()
        process.stderr.close()
        board.kferry("clean", "--all", check=0)


if __name__ == "__main__":
    tap.main()
