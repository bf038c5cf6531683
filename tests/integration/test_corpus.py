#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The corpus: logs of real kernels with faults to order (tests/corpus). All that kferry log finds
in each of them is what tests/corpus/expected.json says, and in those of clean boots nothing.
"""

import concurrent.futures
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRY, TOP  # noqa: E402

CORPUS = TOP / "tests/corpus"
EXPECTED = json.loads((CORPUS / "expected.json").read_text(encoding="utf-8"))
# A finding's fields that stand there; one that is not told, or is as most are, does not.
FIELDS = {"severity": None, "class": None, "title": None, "function": None, "file": None,
          "line": None, "modules": None, "taint": None, "boot": 1, "count": 1, "cause": False,
          "later": False}


class Corpus(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        home = tempfile.TemporaryDirectory(prefix="kf-corpus-")
        cls.addClassCleanup(home.cleanup)
        cls.environment = dict(os.environ, HOME=home.name, XDG_CONFIG_HOME=f"{home.name}/config",
                               XDG_DATA_HOME=f"{home.name}/data")

    def kferry(self, *args, stdin=None):
        done = subprocess.run([KFERRY, "--json", *args], input=stdin, env=self.environment,
                              capture_output=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def found(self, path, stdin=None):
        """Of each finding what is told, and the number of the one that it follows from."""
        *events, total = self.kferry("log", path, stdin=stdin)
        signatures = [e["signature"] for e in events]
        out = []
        for event in events:
            one = {k: event[k] for k, usual in FIELDS.items()
                   if event.get(k) is not None and event[k] != usual}
            if "follows" in event:
                one["follows"] = signatures.index(event["follows"])
            out.append(one)
        self.assertEqual(sum(total[s] for s in ("fatal", "error", "warn", "info")), len(out))
        return out

    def each(self, paths, want):
        """Of every log all that is found is what want(its name) says; how many these were."""
        paths = sorted(paths)
        wrong = []
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for path, got in zip(paths, pool.map(self.found, paths)):
                should = want(f"{path.parent.name}/{path.stem}")
                wrong += [f"{path.relative_to(CORPUS)}\n  found    {json.dumps(a)}\n"
                          f"  expected {json.dumps(b)}"
                          for a, b in itertools.zip_longest(got, should) if a != b]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))
        return len(paths)

    def test_all_that_is_found_in_each_log(self):
        logs = list(CORPUS.glob("logs/*/*.log"))
        self.assertEqual({f"{p.parent.name}/{p.stem}" for p in logs}, set(EXPECTED))
        self.each(logs, lambda name: EXPECTED[name]["findings"])

    def test_the_kernels_own_log_tells_the_same_as_the_console(self):
        self.assertGreater(self.each(CORPUS.glob("logs/*/*.dmesg"),
                                     lambda name: EXPECTED[name]["findings"]), 5)

    def test_nothing_is_found_in_clean_boots(self):
        self.assertGreater(self.each(CORPUS.glob("clean/*.log"), lambda name: []), 3)

    def test_through_a_pipe(self):
        for path in sorted(CORPUS.glob("logs/*/*.log"))[::10]:
            self.assertEqual(self.found("-", stdin=path.read_bytes()), self.found(path), path)


if __name__ == "__main__":
    tap.main()
