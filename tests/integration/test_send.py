#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
kferry send, in a small tree with scripts of its own that answer as the kernel's do, to a mail server
on the loopback: who gets what, how mails hang together, and what is not sent.
"""

import json
import os
import pathlib
import pty
import subprocess
import sys
import tempfile
import shutil
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
import tap  # noqa: E402
from mailserver import MailServer, free_port  # noqa: E402
from scratch import KFERRY, SCALE  # noqa: E402

GET_MAINTAINER = r"""#!/usr/bin/perl
# Answers by the names in the patch.
my $text = join('', <STDIN>);
print "Ann Maintainer <ann\@example.org> (maintainer:DEMO)\n" if $text =~ m{b/demo/};
print "\"Lee, Rev\" <rev\@example.org> (reviewer:DEMO)\n" if $text =~ m{b/demo/};
print "demo\@lists.example.org (open list:DEMO)\n" if $text =~ m{b/demo/};
print "linux-kernel\@vger.example.org (open list)\n";
"""

CHECKPATCH = r"""#!/usr/bin/perl
my $text = join('', <STDIN>);
my $errors = () = $text =~ /^\+.*BAD/mg;
my $warnings = () = $text =~ /^\+.*ODD/mg;
print "ERROR: there is BAD in it\n" if $errors;
print "WARNING: that is ODD\n" if $warnings;
print "total: $errors errors, $warnings warnings, 7 lines checked\n";
exit($errors || $warnings ? 1 : 0);
"""

COVER = "demo: a series that does much\n\nWhat it is for.\n\nAnd how it was tested.\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kf-send-"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.tree = self.dir / "linux"
        for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "init/main.c", "demo/a.c"):
            self.write(name, "")
        self.write("Makefile", "VERSION = 6\nPATCHLEVEL = 9\nSUBLEVEL = 0\nEXTRAVERSION =\nNAME = x\n")
        self.write("scripts/get_maintainer.pl", GET_MAINTAINER)
        self.write("scripts/checkpatch.pl", CHECKPATCH)
        self.git("init", "-q", "-b", "main")
        for key, value in (("user.name", "Dev Eloper"), ("user.email", "dev@example.org")):
            self.git("config", "--global", key, value)
        self.git("add", ".")
        self.git("commit", "-qm", "first")

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "EMAIL"))}
        return dict(env, HOME=str(self.dir), XDG_CONFIG_HOME=str(self.dir / "config"),
                    KFERRY_CACHE=str(self.dir / "cache"), GIT_CONFIG_NOSYSTEM="1",
                    KF_PROFILE_PATH=str(TOP / "boards"), **more)

    def git(self, *args):
        return subprocess.run(["git", *map(str, args)], cwd=self.tree, check=True,
                              env=self.environment(), stdout=subprocess.PIPE).stdout.decode()

    def write(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, subject, line="int a;\n", trailers="", name="demo/a.c"):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)
        self.git("add", "-A")
        self.git("commit", "-qm", f"{subject}\n\nA body.\n\n{trailers}Signed-off-by: Dev Eloper <dev@example.org>")

    def kferry(self, *args, check=None, env=None):
        done = subprocess.run([KFERRY, *map(str, args)], env=self.environment(**(env or {})),
                              cwd=self.tree, capture_output=True, timeout=120 * SCALE, check=False,
                              stdin=subprocess.DEVNULL, start_new_session=True)
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        if check is not None:
            self.assertEqual(done.returncode, check, done.out + done.err)
        return done


class Sent(Case):
    def setUp(self):
        super().setUp()
        self.server = MailServer(self.dir / "mail")
        self.addCleanup(self.server.close)
        self.git("config", "--global", "sendemail.smtpserver", "127.0.0.1")
        self.git("config", "--global", "sendemail.smtpserverport", self.server.port)

    def addresses(self, mail, field):
        return [a.addr_spec for a in mail[field].addresses] if mail[field] else []

    def test_one_patch(self):
        self.commit("demo: one", trailers="Reported-by: Rep Orter <rep@example.org>\n"
                                          "Cc: stable@vger.example.org # v6.1+\n")
        done = self.kferry("send", "--yes", "HEAD", check=0)
        mail, = self.server.mails()
        self.assertEqual(mail["subject"], "[PATCH] demo: one")
        self.assertEqual(self.addresses(mail, "to"), ["ann@example.org", "rev@example.org"])
        self.assertEqual(set(self.addresses(mail, "cc")),
                         {"rep@example.org", "stable@vger.example.org", "demo@lists.example.org",
                          "linux-kernel@vger.example.org"})
        self.assertEqual(mail["from"].addresses[0].addr_spec, "dev@example.org")
        self.assertEqual(set(mail["x-rcptto"].split(", ")),
                         set(self.addresses(mail, "to") + self.addresses(mail, "cc")))
        self.assertIn("+int a;", mail.get_content())
        self.assertIn("Ann Maintainer", done.out)
        self.assertEqual(list((self.dir / "cache/scratch").glob("*")), [])

    def test_series_hangs_on_its_cover_letter(self):
        for i in range(3):
            self.commit(f"demo: part {i}")
        cover = self.write("../cover", COVER)
        self.kferry("send", "-v", "2", "--rfc", "--prefix", "PATCH demo-next", "--cover", cover,
                    "--in-reply-to", "<earlier@example.org>", "--yes", "HEAD~3..", check=0)
        mails = self.server.mails()
        self.assertEqual([m["subject"] for m in mails],
                         ["[RFC PATCH demo-next v2 0/3] demo: a series that does much"] +
                         [f"[RFC PATCH demo-next v2 {i + 1}/3] demo: part {i}" for i in range(3)])
        self.assertEqual(mails[0]["in-reply-to"], "<earlier@example.org>")
        for mail in mails[1:]:
            self.assertEqual(mail["in-reply-to"], mails[0]["message-id"])
            self.assertIn("<earlier@example.org>", mail["references"])
        text = mails[0].get_content()
        self.assertIn("What it is for.\n\nAnd how it was tested.\n", text)
        self.assertIn("demo: part 2", text)
        self.assertNotIn("***", text)
        self.assertEqual(len({str(m["to"]) for m in mails}), 1)

    def test_text_that_is_not_ascii(self):
        for i in range(2):
            self.commit(f"demo: größer {i}", "/* ü */\n")
        cover = self.write("../cover", "demo: Maße\n\nGröße zählt.\n")
        self.kferry("send", "--cover", cover, "--yes", "HEAD~2..", check=0)
        mails = self.server.mails()
        self.assertEqual(mails[0]["subject"], "[PATCH 0/2] demo: Maße")
        self.assertIn("Größe zählt.", mails[0].get_content())
        self.assertEqual(mails[2]["subject"], "[PATCH 2/2] demo: größer 1")
        self.assertIn("+/* ü */", mails[2].get_content())

    def test_blocked_addresses_get_nothing(self):
        self.commit("demo: one", trailers="Acked-by: Old Hand <gone@Example.org>\n"
                                          "Signed-off-by: Bot <bot@spam.example.net>\n")
        self.kferry("config", "set", "--user", "send.blocked", "GONE@example.org @spam.example.net",
                    check=0)
        # git would add them by itself.
        for key, value in (("suppresscc", ""), ("signedoffbycc", "true"), ("tocmd", "echo bot@spam.example.net;:"),
                           ("cccmd", "echo gone@example.org;:"), ("to", "gone@example.org"),
                           ("cc", "list@example.net"), ("bcc", "me@example.net")):
            if value:
                self.git("config", "--global", f"sendemail.{key}", value)
        self.git("config", "--global", "format.headers", "To: gone@example.org\n")
        done = self.kferry("send", "--yes", "--cc", "Bot <bot@spam.example.net>", "HEAD", check=0)
        mail, = self.server.mails()
        envelope = mail["x-rcptto"].split(", ")
        self.assertNotIn("gone", mail["x-rcptto"].lower())
        self.assertNotIn("spam", mail["x-rcptto"])
        self.assertIn("list@example.net", envelope)
        self.assertIn("me@example.net", envelope)
        self.assertNotIn("gone", f"{mail['to']} {mail['cc']}".lower())
        self.assertRegex(done.out, r"blocked +.*gone@")

    def test_header_command_of_the_configuration_adds_nothing(self):
        # Whatever git's version: what it would run is asked for by the same -c.
        real, bin_dir, asked = shutil.which("git"), self.dir / "bin", self.dir / "asked"
        bin_dir.mkdir()
        (bin_dir / "git").write_text(
            "#!/bin/bash\nfor ((i = 1; i <= $#; i++)); do\n"
            "  [ \"${!i}\" != send-email ] || "
            f"{real} \"${{@:1:i-1}}\" config --get \"$KEY\" >> {asked}\n"
            f"done\nexec {real} \"$@\"\n")
        (bin_dir / "git").chmod(0o755)
        self.commit("demo: one")
        for key in ("sendemail.headerCmd", "sendemail.work.headerCmd"):
            self.git("config", "--global", key, "echo Bcc: gone@example.org #")
            self.kferry("send", "--yes", "HEAD", check=0,
                        env={"PATH": f"{bin_dir}:{os.environ['PATH']}", "KEY": key})
            self.assertEqual(set(asked.read_text().split()), {"true"}, key)
            asked.unlink()
            # The identity's comes before the other.
            self.git("config", "--global", "sendemail.identity", "work")
        self.git("config", "--global", "sendemail.identity", "a=b")
        self.assertIn("has a =", self.kferry("send", "--yes", "HEAD", check=2).err)
        self.assertEqual(len(self.server.mails()), 2)

    def test_oneself_gets_no_copy(self):
        self.commit("demo: one")
        self.kferry("send", "--yes", "--to", "Dev@Example.org", "HEAD", check=0)
        self.assertNotIn("dev@", self.server.mails()[0]["x-rcptto"].lower())

    def test_files_that_are_mails(self):
        self.commit("demo: one")
        self.git("format-patch", "-q", "-o", self.dir / "out", "--to=own@example.org", "-1")
        patch, = (self.dir / "out").iterdir()
        before = patch.read_bytes()
        self.kferry("send", "--yes", patch, check=0)
        mail, = self.server.mails()
        self.assertIn("own@example.org", self.addresses(mail, "to"))
        self.assertEqual(patch.read_bytes(), before)

    def test_lists_alone_are_written_to(self):
        self.commit("other: one", name="other/b.c")
        self.kferry("send", "--yes", "HEAD", check=0)
        mail, = self.server.mails()
        self.assertEqual(self.addresses(mail, "to"), ["linux-kernel@vger.example.org"])
        self.assertIsNone(mail["cc"])

    def test_upstream_is_the_default(self):
        self.git("branch", "base")
        self.git("checkout", "-q", "-b", "work", "--track", "base")
        self.commit("demo: one")
        self.commit("demo: two")
        self.kferry("send", "--yes", check=0)
        self.assertEqual(len(self.server.mails()), 2)

    def test_json(self):
        self.commit("demo: one")
        done = self.kferry("--json", "send", "--yes", "HEAD", check=0)
        events = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual(events[-1]["event"], "send")
        self.assertEqual(events[-1]["sent"], True)
        self.assertEqual(events[-1]["mails"], ["[PATCH] demo: one"])
        self.assertEqual(events[-1]["to"][0], "Ann Maintainer <ann@example.org>")
        self.assertEqual(len(self.server.mails()), 1)

    # --- what is not sent --------------------------------------------------------------

    def refuse(self, *args, check, says):
        done = self.kferry("send", *args, check=check)
        self.assertIn(says, done.err)
        self.assertEqual(self.server.mails(), [])
        return done

    def test_simulate(self):
        self.commit("demo: one")
        done = self.refuse("--simulate", "HEAD", check=0, says="nothing was sent")
        for word in ("[PATCH] demo: one", "0001-demo-one.patch", "ann@example.org", "linux-kernel@"):
            self.assertIn(word, done.out)

    def test_simulate_keeps_the_mails_where_asked(self):
        self.commit("demo: one")
        out = self.dir / "out"
        self.refuse("--simulate", "-o", out, "HEAD", check=0, says="nothing was sent")
        self.assertEqual([p.name for p in out.iterdir()], ["0001-demo-one.patch"])
        self.refuse("--simulate", "-o", out, "HEAD", check=64, says="already")

    def test_errors_of_checkpatch(self):
        self.commit("demo: one", "int BAD;\n")
        done = self.refuse("--yes", "HEAD", check=2, says="finds 1 error")
        self.assertIn("ERROR: there is BAD in it", done.out)
        self.kferry("send", "--yes", "--no-checkpatch", "HEAD", check=0)
        self.assertEqual(len(self.server.mails()), 1)

    def test_warnings_are_shown_and_sent(self):
        self.commit("demo: one", "int ODD;\n")
        done = self.kferry("send", "--yes", "HEAD", check=0)
        self.assertIn("WARNING: that is ODD", done.out)
        self.assertEqual(len(self.server.mails()), 1)

    def test_nobody_is_asked_without_a_terminal(self):
        self.commit("demo: one")
        self.refuse("HEAD", check=64, says="--yes")

    def on_terminal(self, *args, answer):
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.tree)
            os.execve(KFERRY, ["kferry", *args], self.environment(TERM="dumb"))
        text = b""
        try:
            while chunk := os.read(master, 4096):
                text += chunk
                if answer and text.endswith(b"[yes/no] "):
                    os.write(master, answer)
        except OSError:
            pass
        os.close(master)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()

    def test_consent(self):
        self.commit("demo: one")
        status, text = self.on_terminal("send", "HEAD", answer=b"no\n")
        self.assertEqual(status, 2, text)
        self.assertIn("Send 1 mail to 4 addresses?", text)
        self.assertEqual(self.server.mails(), [])
        status, text = self.on_terminal("send", "HEAD", answer=b"yes\n")
        self.assertEqual(status, 0, text)
        self.assertEqual(len(self.server.mails()), 1)

    def test_editor_gets_the_trees_template(self):
        self.commit("demo: one")
        self.commit("demo: two")
        self.write(".kferry/cover-letter", "*** SUBJECT HERE ***\n\nTested-on: \n*** BLURB HERE ***\n")
        editor = self.write("../edit", "#!/bin/sh\ngrep -q Tested-on: \"$2\" || exit 9\n"
                            "[ \"$1\" = 'a word' ] || exit 8\ncp ../cover \"$2\"\n")
        editor.chmod(0o755)
        self.write("../cover", COVER)
        self.git("config", "--global", "core.editor", f"{editor} 'a word'")
        self.kferry("send", "--yes", "--cover-letter", "HEAD~2..", check=0)
        self.assertEqual(self.server.mails()[0]["subject"], "[PATCH 0/2] demo: a series that does much")

    def test_editor_of_many_words_is_whole_or_refused(self):
        self.commit("demo: one")
        self.commit("demo: two")
        self.write("../cover", COVER)
        editor = self.write("../edit", "#!/bin/sh\necho $# > ../words\n"
                            "for last do :; done; cp ../cover \"$last\"\n")
        editor.chmod(0o755)
        self.git("config", "--global", "core.editor", f"{editor} {'x ' * 32}")
        self.refuse("--yes", "--cover-letter", "HEAD~2..", check=2, says="more than 32 words")
        self.git("config", "--global", "core.editor", f"{editor} {'x ' * 31}")
        self.kferry("send", "--yes", "--cover-letter", "HEAD~2..", check=0)
        self.assertEqual((self.dir / "words").read_text(), "32\n")

    def test_cover_letter_that_nobody_wrote(self):
        self.commit("demo: one")
        self.commit("demo: two")
        for editor, says in (("true", "still has the places"), ("false", "ended with status 1"),
                             ("/no/such/editor", "run the editor")):
            self.git("config", "--global", "core.editor", editor)
            self.refuse("--yes", "--cover-letter", "HEAD~2..", check=2, says=says)
        for text, says in (("", "subject"), ("\n\nx", "subject"), ("a\x1bb\n", "no plain text"),
                           ("s\n\n*** BLURB HERE ***\n", "still has the places")):
            self.refuse("--yes", "--cover", self.write("../cover", text), "HEAD~2..", check=2, says=says)

    def test_a_server_that_is_not_there(self):
        self.commit("demo: one")
        self.git("config", "--global", "sendemail.smtpserverport", free_port())
        done = self.kferry("send", "--yes", "HEAD", check=2)
        self.assertIn("git send-email ended with status", done.err)

    def test_names_that_a_shell_would_take(self):
        self.commit("demo: one", name="demo/$(touch owned).c")
        self.refuse("--yes", "HEAD", check=2, says="hand this to a shell")
        self.assertFalse((self.tree / "owned").exists())

    def test_bad_words(self):
        self.commit("demo: one")
        patch = self.write("../raw.patch", self.git("diff", "HEAD~1"))
        for args, status, says in (
                (["-v", "0", "HEAD"], 64, "-v takes 1 to 999"),
                (["--to", "nobody", "HEAD"], 64, "no address"),
                (["--to", "a@b.org, c@d.org", "HEAD"], 64, "no address"),
                (["--prefix", "--x", "HEAD"], 64, "printable ASCII"),
                (["--cover", "x", "--cover-letter", "HEAD"], 64, "--cover"),
                (["--local", "HEAD"], 64, "--setup"),
                (["HEAD", "HEAD~1"], 64, "one range"),
                (["demo/a.c"], 64, "no patch"),
                (["no-such-commit"], 2, "no-such-commit"),
                ([str(patch)], 2, "no mail"),
                (["-v2", str(patch)], 64, "name commits"),
                (["HEAD..HEAD"], 64, "no commits"),
                ([], 2, "upstream")):
            self.refuse("--yes", *args, check=status, says=says)


class Settings(Case):
    def test_what_lacks(self):
        done = self.kferry("send", "--verify")
        self.assertIn("Dev Eloper", done.out)
        self.assertRegex(done.out, r"smtpserver +(missing|-)")

    def test_setup(self):
        done = self.kferry("send", "--setup", "smtpserver=mail.example.org", "smtpserverport=587",
                           "smtpuser=me", check=2)
        self.assertRegex(done.out, r"smtpencryption +missing: your password")
        done = self.kferry("send", "--setup", "smtpencryption=tls", check=0)
        self.assertRegex(done.out, r"smtpserver +mail\.example\.org")
        self.assertEqual(self.git("config", "--global", "sendemail.smtpserverport"), "587\n")
        self.kferry("send", "--setup", "--local", "from=Other <other@example.org>", check=0)
        self.assertEqual(self.git("config", "--local", "sendemail.from"), "Other <other@example.org>\n")
        self.kferry("send", "--verify", check=0)

    def test_password_is_neither_shown_nor_taken(self):
        self.git("config", "--global", "sendemail.smtppass", "hunter2")
        self.git("config", "--global", "sendemail.smtpserver", "localhost")
        for args in (["send", "--verify"], ["-v", "send", "--verify"], ["--json", "send", "--verify"]):
            done = self.kferry(*args, check=0)
            self.assertIn("not shown", done.out)
            self.assertNotIn("hunter2", done.out + done.err)
        done = self.kferry("send", "--setup", "smtppass=x", check=64)
        self.assertIn("not taken", done.err)

    def test_bad_settings_change_nothing(self):
        for word, says in (("smtpserverport=0", "its port"), ("smtpserverport=70000", "its port"),
                           ("smtpencryption=rot13", "tls"), ("email=me", "address"),
                           ("smtpsever=x", "nearest is smtpserver"), ("smtpserver", "host"),
                           ("smtpserver=-x", "host")):
            done = self.kferry("send", "--setup", "smtpuser=me", word, check=64)
            self.assertIn(says, done.err)
        done = subprocess.run(["git", "config", "sendemail.smtpuser"], cwd=self.tree, check=False,
                              env=self.environment(), capture_output=True)
        self.assertEqual(done.stdout, b"")

    def test_identity_comes_first(self):
        self.git("config", "--global", "sendemail.smtpserver", "localhost")
        self.git("config", "--global", "sendemail.identity", "work")
        self.git("config", "--global", "sendemail.work.smtpserver", "127.0.0.1")
        self.assertRegex(self.kferry("send", "--verify", check=0).out, r"smtpserver +127\.0\.0\.1")


if __name__ == "__main__":
    tap.main()
