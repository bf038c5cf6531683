# SPDX-License-Identifier: GPL-2.0-or-later
"""
A small kernel tree in git, whose `make` yields an image that a scratch board boots.

Each commit has a file "kernel" with the words of what that kernel does: "good"; "panic";
"hang" (it falls back without a trace); "broken" (it does not build).  The image is an
ELF of this machine as far as kferry looks: a build-id of the commit's content, a banner.
"""

import hashlib
import os
import pathlib
import subprocess

MAKEFILE = """\
all: boot/Image
boot/Image: kernel
\t@if grep -q broken kernel; then echo "init/main.c:1:2: error: no"; exit 1; fi
\tpython3 image.py
olddefconfig:
\t@echo "# options of $$(cat kernel)" >> .config
kernelrelease:
\t@echo 6.9.0-bisect
image_name:
\t@echo Image
"""

IMAGE = """\
import hashlib, os, struct
text = open("kernel", "rb").read()
machine = 183 if os.uname().machine == "aarch64" else 62
note = struct.pack("<III", 4, 20, 3) + b"GNU\\0" + hashlib.sha1(text).digest()
banner = b"Linux version 6.9.0-bisect (me@desk) (gcc 12) #7 SMP " + \\
    hashlib.sha1(text).hexdigest()[:8].encode() + b"\\n\\0"
ident = b"\\177ELF" + bytes([2, 1, 1]) + bytes(9)
header = ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4)
os.makedirs("boot", exist_ok=True)
open("boot/Image", "wb").write(header + segment + note + banner + text * 100)
"""

CONFIG = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/{arch} 6.9.0 Kernel Configuration
#
CONFIG_{word}=y
CONFIG_EFI_VARS_PSTORE=y
CONFIG_I6300ESB_WDT=y
# CONFIG_MODULES is not set
"""


# Of a board that gets it.
BOARD = "build.image = boot/Image"


class BisectTree:
    """kinds: one word for each commit, oldest first; subjects: by the commit's number."""

    def __init__(self, where, kinds, subjects=None, makefile=MAKEFILE):
        self.dir = pathlib.Path(where)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        self.env.update(GIT_AUTHOR_NAME="me", GIT_AUTHOR_EMAIL="me@desk",
                        GIT_COMMITTER_NAME="me", GIT_COMMITTER_EMAIL="me@desk",
                        GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
        for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "init/main.c"):
            self.write(name, "")
        self.write("Makefile", makefile)
        self.write("image.py", IMAGE)
        self.write(".gitignore", "boot\nout\n.config\nSystem.map\n__pycache__\n")
        arm = os.uname().machine == "aarch64"
        self.write(".config", CONFIG.format(arch="arm64" if arm else "x86",
                                            word="ARM64" if arm else "X86_64"))
        self.git("init", "-q", "-b", "main")
        self.commits = []
        for i, kind in enumerate(kinds):
            self.write("kernel", f"{i} {kind}\n")
            self.git("add", "-A")
            self.git("commit", "-q", "-m", (subjects or {}).get(i, f"change {i}"))
            self.commits.append(self.git("rev-parse", "HEAD").strip())

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *words, check=True):
        done = subprocess.run(["git", "-C", self.dir, *words], env=self.env, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = done.stdout.decode(errors="replace")
        if check and done.returncode:
            raise AssertionError(f"git {words}: {done.returncode}\n{text}")
        return text

    def head(self):
        return self.git("rev-parse", "HEAD").strip()

    def number(self, build_id):
        """Of the commit whose kernel has that build-id, and what it does."""
        for commit in self.commits:
            text = subprocess.run(["git", "-C", self.dir, "show", f"{commit}:kernel"],
                                  env=self.env, check=True, capture_output=True).stdout
            if hashlib.sha1(text).hexdigest() == build_id:
                return int(text.split()[0]), text.split()[1].decode()
        raise AssertionError(f"no commit has the build-id {build_id}")
