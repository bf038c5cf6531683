#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
make bench: the figures of issue and README, measured on this machine.

    bench.py [ROW...]      all rows, or these (make bench ROWS=push,agent)
    bench.py --list        the rows

KF_BENCH_N=5        how often each is measured; medians are shown
KF_BENCH_VM=0       leave out the row that needs a virtual machine
KF_BENCH_DELAY_MS, KF_BENCH_MBIT, KF_BENCH_BOARDS   20, 100, 16

The table goes to standard output, everything measured to build/bench/bench.json.  Nothing
here fails because a bar is not reached; a row that could not be measured says why, and
the exit status is then 1.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = TOP / "build/bench"
RELEASE = TOP / "build/release"
STATIC = TOP / "build/static/kferryd"
os.environ["KF_BUILD"] = str(RELEASE)
os.environ["KFERRYD"] = str(STATIC)
os.environ["KFERRY"] = str(RELEASE / "kferry")
sys.path.insert(0, str(TOP / "tests/lib"))
import figure  # noqa: E402
import kernels  # noqa: E402
import rows  # noqa: E402
import rows_vm  # noqa: E402
import scratch  # noqa: E402
from dock import Dock, Failed  # noqa: E402

ALL = [*rows.ALL, *rows_vm.ALL]


class Bench:
    """What rows share: the number of repeats, the kernels, the dock."""

    def __init__(self):
        self.n = int(os.environ.get("KF_BENCH_N", "5"))
        self.kernels = {}
        self.dock = None

    def full(self):
        if "full" not in self.kernels:
            self.kernels["full"] = kernels.Full(self.n + 1)
        return self.kernels["full"]

    def small(self, arch):
        if arch not in self.kernels:
            self.kernels[arch] = kernels.Small(arch, self.n + 1)
        return self.kernels[arch]

    def as_arm64(self):
        """A library to preload; only the agent that is linked with libraries can take it."""
        scratch.KFERRYD = RELEASE / "kferryd"
        out = OUT / "as_arm64.so"
        kernels.run("cc", "-shared", "-fPIC", "-o", out, TOP / "tests/bench/as_arm64.c")
        return out

    @staticmethod
    def progress(row, name, value):
        print(f"#   {row}: {name} {value:.2f}", flush=True)

    def run(self, kind):
        """The lines of one row, on a dock of its own."""
        began = time.monotonic()
        load = os.getloadavg()[0]
        print(f"# {kind.name}: {kind.case}", flush=True)
        scratch.KFERRYD = STATIC
        row = None
        try:
            self.dock = Dock()
            try:
                row = kind(self)
                lines = row.measure()
            finally:
                self.dock.close()
        except (Failed, AssertionError, RuntimeError, OSError,
                subprocess.SubprocessError) as error:
            if not isinstance(error, Failed):
                traceback.print_exc()
            lines = [figure.not_run(kind, f"could not be measured: {str(error)[-400:]}")]
            lines[0].failed = True
            lines[0].samples = row.samples.values if row else {}
        took = time.monotonic() - began
        for line in lines:
            line.load = load
        print(f"#   {kind.name} took {took:.0f} s, load {load:.1f} when it began", flush=True)
        return lines


def chosen(words):
    names = [name for word in words for name in word.replace(",", " ").split()]
    known = {kind.name: kind for kind in ALL}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"bench: there is no row {', '.join(unknown)}; there are {', '.join(known)}",
              file=sys.stderr)
        sys.exit(64)
    return [known[name] for name in names]


def machine():
    model = next((line.split(":")[1].strip() for line in
                  pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", TOP, "rev-parse", "--short", "HEAD"],
                            capture_output=True, check=False).stdout.decode().strip()
    return {"processors": os.cpu_count(), "model": model, "kernel": platform.release(),
            "commit": commit, "date": time.strftime("%Y-%m-%d", time.gmtime())}


def write(lines, bench, path):
    data = {"machine": machine(), "repeats": bench.n,
            "lines": [dict(line.as_json(), load=getattr(line, "load", None)) for line in lines]}
    path.write_text(json.dumps(data, indent=1) + "\n")


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    if sys.argv[1:] == ["--list"]:
        for kind in ALL:
            print(f"{kind.name:20} {kind.case}")
        return 0
    wanted = chosen(sys.argv[1:])
    for path in (RELEASE / "kferry", STATIC):
        if not path.exists():
            print(f"bench: {path.relative_to(TOP)} is not there: make all agent-static",
                  file=sys.stderr)
            return 1
    OUT.mkdir(parents=True, exist_ok=True)
    bench = Bench()
    lines = []
    for kind in ALL:
        if wanted and kind not in wanted:
            lines.append(figure.not_run(kind, "not asked for (ROWS)"))
        elif not wanted and (why := getattr(kind, "why_not", lambda: None)()):
            lines.append(figure.not_run(kind, why))
        else:
            lines += bench.run(kind)
        write(lines, bench, OUT / "bench.json")
    where = machine()
    shown = [line for line in lines if line.note != "not asked for (ROWS)"]
    print(f"\n{where['processors']} x {where['model']}, Linux {where['kernel']}, "
          f"{where['commit']}, {where['date']}, medians of {bench.n}\n")
    print(figure.table(shown))
    reached = [line.reached for line in lines]
    print(f"\n{reached.count(True)} reached, {reached.count(False)} not reached, "
          f"{reached.count(None)} not run; all samples: {(OUT / 'bench.json').relative_to(TOP)}")
    return 1 if any(getattr(line, "failed", False) for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
