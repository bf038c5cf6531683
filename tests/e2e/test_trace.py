#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Tracing a real kernel over SSH: a fast board with systemd-boot, whose kernel (6.1) has
function_graph at the top of tracefs only, and all else in instances.
"""

import json
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import KFERRY, SCALE, wait_for  # noqa: E402
from sdboot import SdBoot  # noqa: E402

TRACING = "/sys/kernel/tracing"
SETTINGS = ("current_tracer", "set_ftrace_filter", "set_event", "tracing_on")


class Trace(SdBoot):
    NAME = "trace"

    def trace(self, *args, **more):
        return self.kferry("trace", *args, **more)

    def instances(self):
        return self.on_board("ls", f"{TRACING}/instances").out.split()

    def settings(self):
        return self.on_board("sh", "-c", f"[ -e {TRACING}/trace ] || mount -t tracefs tracefs "
                             f"{TRACING}; cd {TRACING}; head -n 3 {' '.join(SETTINGS)}").out

    def begin(self, *args):
        """A trace that goes on, seen to be on."""
        kferry = subprocess.Popen([KFERRY, "trace", *map(str, args)], env=self.desk.environment(),
                                  cwd=self.dir, stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  start_new_session=True)
        self.addCleanup(kferry.kill)
        wait_for("an instance", self.instances, 60)
        name = self.instances()[0]
        wait_for("the trace to be on", lambda: self.on_board(
            "sh", "-c", f"cd {TRACING}/instances/{name}; cat set_event tracing_on").out.split()
            == ["sched:sched_process_exec", "1"], 60)
        return kferry

    def test_1_tracefs_is_mounted_and_events_are_listed(self):
        self.on_board("sh", "-c", f"umount {TRACING}; true")
        done = self.trace("event", "--list", "sched:sched_process_ex*", check=0)
        self.assertEqual(sorted(done.out.split()),
                         ["sched:sched_process_exec", "sched:sched_process_exit"])
        self.assertIn("function_graph", self.trace("ftrace", "--list", check=0).out.split())
        self.assertEqual(self.trace("ftrace", "--list", "vfs_open", check=0).out, "vfs_open\n")

    def test_2_events_while_a_command_runs(self):
        before = self.settings()
        done = self.trace("event", "sched:sched_process_exec[filename ~ \"*uname\"]", "--cmd",
                          "/bin/uname -s; exit 7", check=7)
        self.assertIn("Linux", done.err)
        self.assertRegex(done.out, r"\d+\.\d{6}: sched_process_exec: filename=\S*/uname ")
        self.assertTrue(done.out.startswith("# tracer: nop\n"))
        self.assertEqual(self.instances(), [])
        self.assertEqual(self.settings(), before)

    def test_3_functions_in_an_instance(self):
        before = self.settings()
        done = self.trace("ftrace", "function:vfs_open", "--cmd", "cat /proc/version", check=0)
        self.assertRegex(done.out, r"\d+\.\d{6}: vfs_open <-")
        self.assertEqual(self.settings(), before)
        self.assertEqual(self.instances(), [])

    def test_4_a_graph_at_the_top_puts_back_what_was_set(self):
        self.on_board("sh", "-c", f"cd {TRACING}; echo vfs_read > set_ftrace_filter;"
                      "echo function > current_tracer; echo sched:sched_switch > set_event")
        before = self.settings()
        done = self.trace("ftrace", "function_graph:vfs_open", "--cmd", "cat /proc/version",
                          check=0)
        self.assertIn("# tracer: function_graph\n", done.out)
        self.assertRegex(done.out, r"us +\| +vfs_open\(")
        self.assertEqual(self.settings(), before)

    def test_5_reset_switches_it_off(self):
        done = self.trace("reset", check=0)
        self.assertIn("the tracer function", done.err)
        self.assertIn("1 entry in set_event", done.err)
        now = self.settings()
        self.assertIn("nop", now)
        self.assertNotIn("vfs_read", now)
        self.assertNotIn("sched_switch", now)
        self.assertIn("nothing was on", self.trace("reset", check=0).err)

    def test_6_ctrl_c_ends_it_with_all_that_was(self):
        out = self.dir / "trace.txt"
        kferry = self.begin("event", "sched:sched_process_exec", "-o", out)
        self.on_board("uname", "-r")
        kferry.send_signal(signal.SIGINT)
        err = kferry.communicate(timeout=60 * SCALE)[1]
        self.assertEqual(kferry.returncode, 0, err)
        self.assertRegex(out.read_text(), r"sched_process_exec: filename=\S*uname ")
        self.assertEqual(self.instances(), [])

    def test_7_a_lost_connection_leaves_nothing_set(self):
        kferry = self.begin("event", "sched:sched_process_exec", "--cmd", "sleep 1000")
        kferry.kill()
        kferry.communicate()
        wait_for("the instance to be gone", lambda: not self.instances(), 60)
        self.assertNotIn("sleep 1000", self.on_board("ps").out)

    def test_8_what_the_kernel_refuses(self):
        done = self.trace("event", "sched:sched_process_exec[nosuch == 1]", check=2)
        self.assertIn("the kernel says: Field not found, at character", done.err)
        self.assertIn("no function of this kernel that can be traced fits nosuch_x",
                      self.trace("ftrace", "function:nosuch_x", check=2).err)
        self.assertIn("no tracer irqsoff", self.trace("ftrace", "irqsoff", check=2).err)

    def test_9_the_log_around_a_command(self):
        done = self.kferry("--json", "dmesg", "--cmd", "echo said by a test > /dev/kmsg; exit 3",
                           check=3)
        records = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([r["text"] for r in records if r["event"] == "record"],
                         ["said by a test"])


if __name__ == "__main__":
    tap.main()
