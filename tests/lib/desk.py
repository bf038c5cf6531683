# SPDX-License-Identifier: GPL-2.0-or-later
"""A developer's desk: a home of its own, kferry with its configuration, and the runs."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time

from lab import CACHE, KFERRY
from scratch import SCALE


class Desk:
    def __init__(self, board):
        self.board = board
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"kf-{board}-"))
        self.home = self.dir / "home"
        config = self.home / ".config/kferry/config.ini"
        config.parent.mkdir(parents=True)
        config.write_text(f"[run]\ndir = {self.dir}/runs\n")

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self):
        return dict(os.environ, HOME=str(self.home), KFERRY_CACHE=str(CACHE),
                    XDG_CONFIG_HOME=str(self.home / ".config"),
                    XDG_DATA_HOME=str(self.dir / "data"))

    def kferry(self, *args, check=None, timeout=900, cwd=None, stdin=None):
        began = time.monotonic()
        done = subprocess.run([KFERRY, *map(str, args)], env=self.environment(),
                              cwd=cwd or self.dir, capture_output=True,
                              timeout=timeout * SCALE, input=stdin, check=False)
        done.out = done.stdout.decode(errors="replace")
        done.err = done.stderr.decode(errors="replace")
        done.text = done.out + done.err
        print(f"# kferry {shlex.join(map(str, args))}: {done.returncode}, "
              f"{time.monotonic() - began:.0f} s", flush=True)
        for line in done.text.splitlines()[-12:]:
            print(f"#   {line}", flush=True)
        if check is not None and done.returncode != check:
            raise AssertionError(f"exit status {done.returncode}, not {check}\n{done.text}")
        return done

    def set(self, key, value, general=False):
        where = () if general else ("-b", self.board)
        self.kferry(*where, "config", "set", key, str(value), check=0)

    def on_board(self, *argv, stdin=None):
        return self.kferry("exec", "--", *argv, check=0, stdin=stdin)

    def running(self):
        """The banner of the kernel that runs, and the boot's id."""
        return self.on_board("cat", "/proc/version",
                             "/proc/sys/kernel/random/boot_id").out.splitlines()

    def kernels(self):
        out = self.kferry("--json", "kernels", "list", check=0).out
        return json.loads(out.splitlines()[0])["kernels"]

    def last_run(self):
        result = sorted((self.dir / "runs").glob("*/*/result.json"))[-1]
        return result.parent, json.loads(result.read_text())
