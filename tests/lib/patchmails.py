# SPDX-License-Identifier: GPL-2.0-or-later
"""The mails of patch sets: made by git format-patch in a clone of a tree, and by hand."""

import os
import pathlib
import subprocess


class PatchMails:
    """Writes series on the tree's HEAD; the tree itself is left alone."""

    def __init__(self, tree, where):
        self.dir = pathlib.Path(where)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        self.env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
                        GIT_AUTHOR_NAME="Ada Lovelace", GIT_AUTHOR_EMAIL="ada@example.org",
                        GIT_COMMITTER_NAME="Ada Lovelace",
                        GIT_COMMITTER_EMAIL="ada@example.org")
        subprocess.run(["git", "clone", "-q", tree, self.dir], env=self.env, check=True)
        self.base = self.git("rev-parse", "HEAD").strip()
        self.number = 0

    def git(self, *words, **env):
        return subprocess.run(["git", "-C", self.dir, *map(str, words)], check=True,
                              env={**self.env, **env}, stdout=subprocess.PIPE).stdout.decode()

    def series(self, changes, title=None, version=1, date="2026-11-20T10:00:00Z", prefix=None,
               author=None):
        """
        changes: (subject, {file: text}) for each patch.  With a title there is a cover
        letter.  What comes back are the mails' files, the cover letter first.
        """
        env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        if author:
            env.update(GIT_AUTHOR_NAME=author[0], GIT_AUTHOR_EMAIL=author[1],
                       GIT_COMMITTER_NAME=author[0], GIT_COMMITTER_EMAIL=author[1])
        self.git("checkout", "-q", "--detach", self.base)
        for subject, files in changes:
            for name, text in files.items():
                path = self.dir / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            self.git("add", "-A")
            self.git("commit", "-q", "-m",
                     f"{subject}\n\nWhy it is good to have: {subject}.", "-s", **env)
        self.number += 1
        out = self.dir.parent / f"{self.dir.name}-{self.number}"
        options = ["--thread=shallow", "-o", out, "--to=demo@lists.example",
                   "--cc=Grace Hopper <grace@example.org>", f"--reroll-count={version}",
                   f"--base={self.base}", "--from=" + (f"{author[0]} <{author[1]}>" if author
                                                      else "Ada Lovelace <ada@example.org>")]
        if title:
            options.append("--cover-letter")
        if prefix:
            options.append("--subject-prefix=" + prefix)
        self.git("format-patch", "-q", *options, self.base, **env)
        files = sorted(out.iterdir())
        for file in files:
            text = file.read_text().replace("*** SUBJECT HERE ***", title or "")
            text = text.replace("*** BLURB HERE ***", "What all of it is for.")
            # git makes them of the time: those of one second would be the same.
            text = text.replace(".git.ada@", f".{self.number}.git.ada@")
            text = text.replace(".git.juergen@", f".{self.number}.git.juergen@")
            file.write_text(text)
        return files

    @staticmethod
    def id(file):
        for line in pathlib.Path(file).read_text().splitlines():
            if line.lower().startswith("message-id:"):
                return line.split("<")[1].split(">")[0]
        raise AssertionError(f"{file} has no Message-ID")


def mail(subject, text, name="Ada Lovelace <ada@example.org>", ident="x@example.org",
         date="Fri, 20 Nov 2026 12:00:00 +0000", **fields):
    """fields: more of the header, as in_reply_to="<...>"."""
    more = "".join(f"{k.replace('_', '-').title()}: {v}\n" for k, v in fields.items())
    return (f"From: {name}\nTo: demo@lists.example\nSubject: {subject}\nDate: {date}\n"
            f"Message-ID: <{ident}>\n{more}\n{text}").encode()
