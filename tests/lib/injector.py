# SPDX-License-Identifier: GPL-2.0-or-later
"""Running a program under tests/fault/inject.c."""

import errno
import os
import pathlib
import subprocess

from scratch import TOP

PROGRAM = None


def build(where):
    """Build it; returns why it cannot work here, or None."""
    global PROGRAM
    PROGRAM = pathlib.Path(where) / "inject"
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-o", PROGRAM,
                    TOP / "tests/fault/inject.c"], check=True)
    log = pathlib.Path(where) / "probe"
    probe = subprocess.run([PROGRAM, "-r", where, "-l", log, "-n", "1", "-e", str(errno.EIO), "--",
                            "/bin/mkdir", f"{where}/made"], stderr=subprocess.PIPE, check=False)
    if probe.returncode != 1 or "injected" not in log.read_text():
        return "system calls cannot be injected here: " + probe.stderr.decode().strip()
    return None


def argv(root, log, at=0, how="kill", trace=None, sticky=False):
    """What goes in front of a program: `at` 0 only counts; sticky: all calls from there on
    fail.  What an earlier program wrote to the log is gone."""
    pathlib.Path(log).unlink(missing_ok=True)
    out = [PROGRAM, "-r", root, "-l", log]
    if trace:
        out += ["-t", trace]
    if at:
        out += ["-n", str(at)]
        out += ["-k"] if how == "kill" else ["-e", str(getattr(errno, how))]
        out += ["-s"] if sticky else []
    return [*out, "--"]


def lines(log):
    log = pathlib.Path(log)
    return log.read_text().splitlines() if log.exists() else []


def count(log):
    return sum(line != "injected" for line in lines(log))


def injected(log):
    """The call that was, or None."""
    said = lines(log)
    return said[said.index("injected") - 1] if "injected" in said else None
