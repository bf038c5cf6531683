#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Traces with files and lines: from an ELF with debug information that is built here as a
kernel's vmlinux, and a module of it; and never from another kernel's.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from bisecttree import BOARD, BisectTree  # noqa: E402
from scratch import Board  # noqa: E402

# Where what is looked for stands, by line.
SOURCE = """\
#define OUT __attribute__((noinline, noclone))
volatile int sink;
OUT int demo_fault(int x)
{
	sink = x;
	return x + sink;
}

static inline __attribute__((always_inline)) int demo_inline(int x)
{
	return demo_fault(x) + 1;	/* line 11 */
}

OUT int demo_read(int x)
{
	return demo_inline(x) + 2;	/* line 16 */
}

OUT int demo_caller(int x)
{
	return demo_read(x) + 3;	/* line 21 */
}
"""
KERNEL = SOURCE + """
const char banner[] = "%s\\n";
void _start(void) { sink = demo_caller(banner[1]); }
"""
MODULE = SOURCE.replace("demo_", "mod_")


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.PIPE,
                          **options).stdout.decode()


def frame(elf, function, calls=None):
    """function+0xOFFSET/0xSIZE, of what follows on its call of another one."""
    size = next(int(line.split()[1], 16) for line in run("nm", "-S", elf).splitlines()
                if line.split()[-1] == function)
    code = run("objdump", "-dr", elf).split(f"<{function}>:\n", 1)[1].split("\n\n")[0]
    lines = [line for line in code.splitlines() if re.match(r"\s*[0-9a-f]+:\t[0-9a-f]", line)]
    begin = int(lines[0].split(":")[0], 16)
    if not calls:
        return f"{function}+0x0/{size:#x}"
    at = next(i for i, line in enumerate(code.splitlines()) if calls in line)
    after = next(line for line in code.splitlines()[at + 1:]
                 if re.match(r"\s*[0-9a-f]+:\t[0-9a-f]", line))
    return f"{function}+{int(after.split(':')[0], 16) - begin:#x}/{size:#x}"


class Decode(unittest.TestCase):
    def setUp(self):
        self.board = Board(config=BOARD)
        self.tree = BisectTree(self.board.dir / "linux", ["good"])
        self.dir = self.tree.dir
        self.tree.git("checkout", "-q", "main")
        text = (self.dir / "kernel").read_bytes()
        self.build_id = hashlib.sha1(text).hexdigest()
        self.banner = ("Linux version 6.9.0-bisect (me@desk) (gcc 12) #7 SMP "
                       + self.build_id[:8])
        self.vmlinux = self.build("vmlinux", self.build_id, self.banner)
        self.module()
        self.log = self.board.dir / "log"

    def tearDown(self):
        self.board.close()

    def build(self, name, build_id, banner):
        source = self.dir / "drivers/demo.c"
        source.parent.mkdir(exist_ok=True)
        source.write_text(KERNEL % banner)
        out = self.dir / name
        run("gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "-nostdlib", "-static", "-no-pie",
            "-fno-stack-protector", f"-Wl,--build-id=0x{build_id}", "-o", out, source)
        return out

    def module(self):
        source = self.dir / "drivers/mod-x.c"
        source.write_text(MODULE)
        self.ko = self.dir / "drivers/mod-x.ko"
        run("gcc", "-g", "-O1", "-fno-optimize-sibling-calls", "-fno-stack-protector", "-c", "-o",
            self.dir / "drivers/mod-x.o", source)
        run("ld", "-r", "--build-id=sha1", "-o", self.ko, self.dir / "drivers/mod-x.o")
        (self.dir / "modules.order").write_text("drivers/other.o\ndrivers/mod-x.o\n")
        old = time.time() - 1000
        os.utime(self.ko, (old, old))

    def oops(self, banner=True, module=""):
        read, caller = (frame(self.vmlinux, "demo_read", "<demo_fault>"),
                        frame(self.vmlinux, "demo_caller", "<demo_read>"))
        mod = frame(self.ko, "mod_caller", "mod_read")
        lines = [
            *([self.banner] if banner else []),
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "Oops: 0000 [#1] SMP",
            "CPU: 0 PID: 1 Comm: init Not tainted 6.9.0-bisect #7",
            f"RIP: 0010:{frame(self.vmlinux, 'demo_fault')}",
            "Call Trace:",
            " <TASK>",
            f" {read}",
            f" ? {caller}",
            f" {mod} [mod_x{module}]",
            " not_there+0x1/0x2",
            " </TASK>",
            "---[ end trace 0000000000000000 ]---",
        ]
        return "".join(f"[    1.{i:06}] {line}\n" for i, line in enumerate(lines))

    def show(self, *args, check=0, cwd=None, what=None, **run_options):
        return self.board.kferry("log", what or self.log, *args, check=check,
                                 cwd=cwd or self.dir, **run_options)

    def run_dir(self, **fields):
        """A run as deploy leaves it."""
        where = self.board.dir / "runs/2026-11-30-1/scratch"
        where.mkdir(parents=True, exist_ok=True)
        (where / "dmesg").write_text(self.oops(banner=False))
        result = {"format": "kferry-result", "version": 1, "board": "scratch",
                  "build_id": self.build_id, "release": "6.9.0-bisect",
                  "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **fields}
        (where / "result.json").write_text(json.dumps(result))
        return where

    def test_frames_get_their_lines(self):
        self.log.write_text(self.oops())
        text = self.show("--full", "--decode").out
        self.assertRegex(text, r"RIP: 0010:demo_fault\+0x0/0x\w+ \(drivers/demo.c:[45]\)")
        self.assertRegex(text, r" demo_read\+0x\w+/0x\w+ \(drivers/demo.c:11, inlined at "
                               r"drivers/demo.c:16\)\n")
        self.assertRegex(text, r" \? demo_caller\+0x\w+/0x\w+ \(drivers/demo.c:21\)\n")
        self.assertIn(" not_there+0x1/0x2\n", text)
        self.assertRegex(text, "in demo_fault, drivers/demo.c:[45]")
        # A module of unknown age is none of this kernel's.
        self.assertRegex(text, r" mod_caller\+0x\w+/0x\w+ \[mod_x\]\n")
        self.assertNotIn("drivers/demo.c", self.show("--full").out)

    def test_json_has_the_frames(self):
        self.log.write_text(self.oops())
        done = self.board.kferry("--json", "log", self.log, "--decode", check=0, cwd=self.dir)
        finding = json.loads(done.out.splitlines()[0])
        frames = {f["function"]: f for f in finding["trace"]}
        self.assertEqual([p["line"] for p in frames["demo_read"]["places"]], [11, 16])
        self.assertEqual([p["function"] for p in frames["demo_read"]["places"]],
                         ["demo_inline", "demo_read"])
        self.assertTrue(frames["demo_caller"]["unsure"])
        self.assertEqual(frames["mod_caller"]["module"], "mod_x")
        self.assertEqual(frames["not_there"]["places"], [])
        # The lines themselves are as they were.
        self.assertIn(frames["demo_read"]["raw"], finding["body"])
        self.assertNotIn("drivers/demo.c", "".join(finding["body"]))

    def test_module_by_its_build_id(self):
        notes = run("readelf", "-n", self.ko)
        build_id = re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)
        self.log.write_text(self.oops(module=f" {build_id}"))
        self.assertRegex(self.show("--full", "--decode").out,
                         r"\[mod_x " + build_id + r"\] \(drivers/mod-x.c:21\)\n")
        self.log.write_text(self.oops(module=" " + "ab" * 20))
        self.assertNotIn("mod-x.c", self.show("--full", "--decode").out)

    def test_run_by_its_build_id(self):
        where = self.run_dir()
        text = self.show("--full", "--decode", what=where).out
        self.assertIn("(drivers/demo.c:21)", text)
        self.assertIn("(drivers/mod-x.c:21)", text)
        # Built again since then: it may be another.
        later = time.time() + 1000
        os.utime(self.ko, (later, later))
        text = self.show("--full", "--decode", what=where).out
        self.assertIn("(drivers/demo.c:21)", text)
        self.assertNotIn("mod-x.c", text)

    def test_another_kernels_vmlinux_is_not_used(self):
        where = self.run_dir(build_id="cd" * 20)
        done = self.show("--full", "--decode", what=where)
        self.assertNotIn("demo.c", done.out)
        self.assertEqual(done.err.count("another kernel's"), 1)
        self.log.write_text(self.oops().replace("#7 SMP", "#8 SMP"))
        done = self.show("--full", "--decode")
        self.assertNotIn("demo.c", done.out)
        self.assertIn("another kernel's than the log is of", done.err)
        other = self.build("other", "ef" * 20, self.banner.replace("#7", "#8"))
        self.log.write_text(self.oops())
        done = self.show("--full", "--vmlinux", other)
        self.assertNotIn("demo.c", done.out)
        self.assertIn("another kernel's", done.err)

    def test_log_that_does_not_say_of_which_kernel(self):
        self.log.write_text(self.oops(banner=False))
        self.assertIn("is not told", self.show("--decode", "--full").err)
        self.log.write_text(self.oops() + self.oops().replace("#7 SMP", "#8 SMP"))
        done = self.show("--decode", "--full")
        self.assertIn("several kernels", done.err)
        self.assertNotIn("demo.c", done.out)

    def test_no_vmlinux(self):
        self.log.write_text(self.oops())
        self.vmlinux.rename(self.board.dir / "away")
        done = self.show("--decode")
        self.assertIn("there is no vmlinux of it", done.err)
        self.assertIn("there is no file", self.show("--vmlinux", "/no/file").err)
        text = self.show("--full", "--vmlinux", self.board.dir / "away").out
        self.assertIn("demo.c:21)", text)
        text = self.show("--full", "--vmlinux", self.board.dir / "away", cwd=self.board.dir).out
        self.assertIn("demo.c:21)", text)

    def test_vmlinux_that_is_none_and_one_without_lines(self):
        self.log.write_text(self.oops())
        run("strip", "--strip-debug", self.vmlinux)
        self.assertIn("CONFIG_DEBUG_INFO", self.show("--decode").err)
        self.vmlinux.write_bytes(b"\x7fELF" + bytes(200))
        self.assertIn("traces are not decoded", self.show("--decode").err)

    def test_log_without_traces_needs_nothing(self):
        self.log.write_text("[    1.000000] hello\n")
        self.vmlinux.unlink()
        self.assertEqual(self.show("--decode").err, "")

    def test_deploy_decodes_its_findings(self):
        def boots(slot):
            if slot:
                with open(self.board.root / "dev/kmsg", "a", encoding="ascii") as kmsg:
                    for i, line in enumerate(self.oops(banner=False).splitlines()):
                        kmsg.write(f"0,{10 + i},{300 + i},-;{line.split('] ', 1)[1]}\n")
        self.board.on_boot = boots
        self.board.kferry("bd", "--once", check=1, cwd=self.dir)
        findings = json.loads((self.board.last_run_dir() / "findings.json").read_text())
        trace = {f["function"]: f["places"] for f in findings[0]["trace"]}
        self.assertEqual([(p["file"], p["line"]) for p in trace["demo_read"]],
                         [("drivers/demo.c", 11), ("drivers/demo.c", 16)])
        self.assertEqual([p["line"] for p in trace["mod_caller"]], [21])
        self.board.kferry("-o", "log.decode=no", "bd", "--once", "--force", check=1,
                          cwd=self.dir)
        findings = json.loads((self.board.last_run_dir() / "findings.json").read_text())
        self.assertNotIn("trace", findings[0])


if __name__ == "__main__":
    tap.main()
