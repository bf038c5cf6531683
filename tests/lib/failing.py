# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs in which a function of the C library fails, by tests/fault/failing.c."""

import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def environment(where, function, path):
    """Of a program for which `function` fails on `path`; the library is built in `where`."""
    library = pathlib.Path(where) / "failing.so"
    if not library.exists():
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Werror", "-fPIC",
                        "-shared", "-o", library, TOP / "tests/fault/failing.c"], check=True)
    # The sanitizer's library wants to be the first one.
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": str(library), "KF_FAIL": f"{function} {pathlib.Path(path).resolve()}",
            "ASAN_OPTIONS": options}
