# SPDX-License-Identifier: GPL-2.0-or-later
"""
Run unittest cases and print TAP: one `ok`/`not ok` line a test, skips with their reason.

A test marked @level("long") runs in `make check-long` (KF_LEVEL=long) or when it is asked
for by name; else a line says that it is left to it, and it is not counted.
"""

import os
import sys
import time
import traceback
import unittest


class _Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0
        self.failed = 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def _line(self, ok, test, tail=""):
        self.number += 1
        took = time.monotonic() - self.began
        name = test.id().split(".", 1)[-1]
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name} ({took:.1f}s){tail}", flush=True)

    def addSuccess(self, test):
        self._line(True, test)

    def addSkip(self, test, reason):
        if not hasattr(self, "began"):
            self.began = time.monotonic()
        self._line(True, test, f" # SKIP {reason}")

    def _bad(self, test, err):
        if not hasattr(self, "began"):
            self.began = time.monotonic()
        self.failed += 1
        self._line(False, test)
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print(f"#   {line}", flush=True)

    addError = _bad
    addFailure = _bad

    def addSubTest(self, test, subtest, err):
        """Of a test with a part that failed nothing else is told."""
        if err is not None:
            self._bad(subtest, err)


def level(name):
    def mark(test):
        test.kf_level = name
        return test
    return mark


def _left_out(test):
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    return getattr(method, "kf_level", None) == "long" and os.environ.get("KF_LEVEL") != "long"


def main():
    """Run the cases of the calling module; arguments select tests by a part of their name."""
    module = sys.modules["__main__"]
    suite = unittest.TestSuite()
    left_out = False
    loader = unittest.TestLoader()
    for test in _flatten(loader.loadTestsFromModule(module)):
        if sys.argv[1:]:
            if any(word in test.id() for word in sys.argv[1:]):
                suite.addTest(test)
        elif _left_out(test):
            print(f"# {test.id().split('.', 1)[-1]} is left to make check-long")
            left_out = True
        else:
            suite.addTest(test)
    if left_out and not suite.countTestCases():
        print("all of it is left to make check-long")
        sys.exit(77)
    result = _Result()
    suite.run(result)
    print(f"1..{result.number}", flush=True)
    sys.exit(1 if result.failed or not result.number else 0)


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item
