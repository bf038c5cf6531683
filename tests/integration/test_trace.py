#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
kferry trace.  Where this machine lets its tracefs be mounted it is the scratch board's: real
events of a real kernel, in instances that are gone afterwards.  What is set at the top of
tracefs, which is everybody's, is only tried on files that stand for it.
"""

import json
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import failing  # noqa: E402
import tap  # noqa: E402
from scratch import SCALE, Board, wait_for  # noqa: E402


class Trace(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.tracing = self.board.root / "sys/kernel/tracing"
        self.tracing.mkdir()

    def trace(self, *args, **more):
        return self.board.kferry("trace", *args, **more)

    def events(self, done, kind):
        found = [json.loads(line) for line in done.out.splitlines()]
        return [e for e in found if e["event"] == kind]


class Real(Trace):
    """With this machine's kernel."""

    def setUp(self):
        super().setUp()
        done = subprocess.run(["mount", "-t", "tracefs", "tracefs", self.tracing], check=False,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            self.skipTest(f"tracefs cannot be mounted here: {done.stderr.strip()}")
        # Before the board's directory is removed with all that is in it.
        self.addCleanup(wait_for, "tracefs to be unmounted", self.unmount)
        self.others = set(self.instances())
        self.addCleanup(wait_for, "the instances to be gone", self.is_clean)

    def unmount(self):
        """A guard that has undone everything may have it open for a moment yet."""
        return subprocess.run(["umount", self.tracing], check=False,
                              stderr=subprocess.DEVNULL).returncode == 0

    def instances(self):
        return [p.name for p in (self.tracing / "instances").glob("kferry-*")]

    def mine(self):
        return sorted(set(self.instances()) - self.others)

    def is_clean(self):
        return not self.mine()

    def begin(self, *args):
        """A trace that goes on, seen to be on."""
        kferry = self.board.start("trace", *args)
        self.addCleanup(kferry.kill)
        name = wait_for("an instance", self.mine)[0]
        on = self.tracing / "instances" / name / "tracing_on"

        def is_on():
            # It is on before it is set up, too.
            return kferry.poll() is not None or (
                (on.parent / "events/sched/sched_process_exec/enable").read_text()[0] == "1"
                and on.read_text() == "1\n")
        wait_for("the trace to be on", is_on)
        return kferry

    def test_events_while_a_command_runs(self):
        done = self.trace("event", "sched:sched_process_exec[filename ~ \"*/env\"]", "--cmd",
                          "echo out; echo err >&2; env true; sleep 0.2; exit 7", check=7)
        lines = [line for line in done.out.splitlines() if line[:1] != "#"]
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"-\d+ +\[\d+\] \S+ +\d+\.\d{6}: sched_process_exec: "
                                   r"filename=\S*/env ")
        self.assertIn("# tracer: nop\n", done.out)
        self.assertIn("TASK-PID", done.out)
        self.assertNotIn("entries-in-buffer", done.out)
        self.assertIn("out\n", done.err)
        self.assertIn("err\n", done.err)
        self.assertTrue(self.is_clean())

    def test_json_has_a_line_each_and_the_end(self):
        done = self.trace("--json", "event", "sched:sched_process_exec", "--cmd", "env true",
                          check=0)
        lines = self.events(done, "trace-line")
        self.assertIn("sched_process_exec", [line["name"] for line in lines])
        self.assertGreater(lines[0]["usec"], 0)
        self.assertGreaterEqual(lines[0]["pid"], 0)
        end = self.events(done, "trace")[0]
        self.assertEqual((end["status"], end["lost"], end["whole"], end["command"]),
                         (0, 0, True, "env true"))
        self.assertEqual(end["events"], len(lines))

    def test_ctrl_c_ends_it_and_nothing_is_missing(self):
        out = self.board.dir / "trace.txt"
        kferry = self.begin("event", "sched:sched_process_exec", "-o", str(out))
        subprocess.run(["env", "true"], check=True)
        kferry.send_signal(signal.SIGINT)
        err = kferry.communicate(timeout=30 * SCALE)[1]
        self.assertEqual(kferry.returncode, 0, err)
        self.assertTrue(self.is_clean())
        text = out.read_text()
        self.assertTrue(text.startswith("# tracer: nop\n#\n"), text[:200])
        self.assertRegex(text, r"sched_process_exec: filename=\S*/env ")
        self.assertIn(f"lines in {out}", err)

    def test_a_dead_controller_leaves_nothing_set(self):
        kferry = self.begin("event", "sched:sched_process_exec")
        kferry.kill()
        kferry.communicate()
        wait_for("the instance to be gone", self.is_clean)

    def test_a_dead_agent_leaves_nothing_set(self):
        kferry = self.begin("event", "sched:sched_process_exec", "--cmd", "sleep 1000")
        self.board.kill_agent()
        wait_for("the instance to be gone", self.is_clean)
        kferry.communicate(timeout=30 * SCALE)
        self.assertEqual(kferry.returncode, 2)

    def test_a_killed_tracer_leaves_nothing_set(self):
        kferry = self.begin("event", "sched:sched_process_exec")
        found = subprocess.run(["pgrep", "-f", "-x", r"/proc/self/exe trace run .*"],
                               stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        mine = [pid for pid in found if self.is_of_board(pid)]
        tracer = mine[0]  # the older one; the other is its guard
        subprocess.run(["kill", "-KILL", tracer], check=True)
        wait_for("the instance to be gone", self.is_clean)
        kferry.communicate(timeout=30 * SCALE)
        self.assertEqual(kferry.returncode, 2)

    def is_of_board(self, pid):
        environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        return f"KFERRY_ROOT={self.board.root}".encode() in environ.split(b"\0")

    def test_the_top_is_left_alone(self):
        def state():
            return [(self.tracing / name).read_text() for name in
                    ("current_tracer", "set_event", "tracing_on", "buffer_size_kb")]
        before = state()
        kferry = self.begin("event", "sched:sched_process_exec", "--buffer", "128")
        self.assertEqual(state(), before)
        kferry.send_signal(signal.SIGINT)
        kferry.communicate(timeout=30 * SCALE)
        self.assertEqual(state(), before)

    def test_what_is_not_there_is_named(self):
        done = self.trace("event", "nosuch:x", check=2)
        self.assertIn("this kernel has no event nosuch:x", done.err)
        done = self.trace("event", "sched:nosuch*", check=2)
        self.assertIn("no event sched:nosuch*", done.err)
        done = self.trace("ftrace", "nosuch", check=2)
        self.assertRegex(done.err, r"no tracer nosuch; it has .*nop")
        self.assertTrue(self.is_clean())

    def test_the_kernels_word_on_a_filter(self):
        done = self.trace("event", "sched:sched_process_exec[nosuch == 1]", check=2)
        self.assertRegex(done.err, r"the filter of sched:sched_process_exec is refused: the "
                                   r"kernel says: Field not found, at character \d+ of "
                                   r"\"nosuch == 1\"")

    def test_lost_events_are_told(self):
        load = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); : < /dev/null; done"
        done = self.trace("--json", "event", "raw_syscalls", "--buffer", "4", "--cmd", load,
                          "-o", self.board.dir / "t", check=0)
        end = self.events(done, "trace")[0]
        if not end["lost"]:
            self.skipTest("this machine was fast enough to lose nothing")
        self.assertIn(f"no room for {end['lost']} events more", done.err + done.out)
        text = (self.board.dir / "t").read_text()
        self.assertNotRegex(text, r"(?m)^CPU:\d+ \[LOST")
        self.assertRegex(text, r"(?m)^# CPU:\d+ \[LOST")

    def test_lists(self):
        done = self.trace("event", "--list", "sched:sched_process_e*", check=0)
        self.assertEqual(sorted(done.out.split()),
                         ["sched:sched_process_exec", "sched:sched_process_exit"])
        done = self.trace("--json", "ftrace", "--list", check=0)
        self.assertIn("nop", self.events(done, "trace-list")[0]["names"])
        done = self.trace("event", "--list", "nosuch*", check=2)
        self.assertIn("none of its events fits", done.err)

    def test_functions(self):
        have = (self.tracing / "available_tracers").read_text().split()
        if "function" not in have:
            self.skipTest("this kernel traces no functions")
        try:
            with open(self.tracing / "set_ftrace_filter", encoding="ascii"):
                pass
        except OSError as error:
            self.skipTest(f"functions cannot be chosen here: {error.strerror}")
        done = self.trace("ftrace", "function:vfs_open,vfs_nosuch_x*", check=2)
        self.assertIn("fits vfs_nosuch_x*", done.err)
        done = self.trace("ftrace", "function:vfs_open", "--cmd", "cat /dev/null", check=0)
        self.assertIn("# tracer: function\n", done.out)
        self.assertRegex(done.out, r"\d+\.\d{6}: vfs_open <-")
        self.assertTrue(self.is_clean())

    def test_history_keeps_it(self):
        for number in (1, 2):
            done = self.trace("event", "sched:sched_process_exec", "--history", "--cmd",
                              "env true; exit 3", check=3)
            where = self.board.home / ".local/share/kferry/history/scratch/trace" / str(number)
            self.assertIn(str(where), done.err)
            self.assertEqual((where / "trace").read_text(), done.out)
            info = json.loads((where / "info.json").read_text())
            self.assertEqual((info["what"], info["status"]), ("sched:sched_process_exec", 3))


class Fake(Trace):
    """A top of tracefs in files: there are no instances, and nothing happens."""

    FILES = {"current_tracer": "function\n", "available_tracers": "function irqsoff nop\n",
             "tracing_on": "1\n", "buffer_size_kb": "1408\n", "set_event": "irq:irq_x\n",
             "set_ftrace_filter": "vfs_read\n", "set_ftrace_notrace": "", "set_ftrace_pid": "",
             "set_event_pid": "", "set_graph_function": "", "set_graph_notrace": "",
             "set_ftrace_notrace_pid": "", "set_event_notrace_pid": "",
             "trace": "# tracer: irqsoff\n#\n# entries-in-buffer/entries-written: 0/0   #P:2\n#"
                      "           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n",
             "trace_pipe": " x-1 [000] d.... 1.000000: a <-b\n",
             "available_events": "irq:irq_x\nirq:irq_y\n", "events/irq/filter": "none\n",
             "per_cpu/cpu0/stats": "entries: 0\noverrun: 5\ndropped events: 2\n"}

    def setUp(self):
        super().setUp()
        for name, text in self.FILES.items():
            path = self.tracing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def text(self, name):
        return (self.tracing / name).read_text()

    def test_a_tracer_at_the_top_is_put_back(self):
        done = self.trace("ftrace", "irqsoff", "--cmd", f"cat {self.tracing}/current_tracer",
                          check=0)
        self.assertIn("irqsoff", done.err)
        self.assertIn(" x-1 [000] d.... 1.000000: a <-b\n", done.out)
        # The fake's file was emptied, as the kernel's is.
        self.assertEqual(self.text("trace"), "")
        self.assertEqual(self.text("current_tracer"), "function")
        self.assertEqual(self.text("set_ftrace_filter"), "vfs_read")
        self.assertEqual(self.text("tracing_on"), "1")
        self.assertEqual(self.text("set_event"), "irq:irq_x\n")
        self.assertIn("no room for 7 events more", done.err)

    def test_reset_says_what_was_on(self):
        done = self.trace("reset", check=0)
        self.assertIn("switched off: the tracer function, 1 entry in set_event, 1 entry in "
                      "set_ftrace_filter", done.err)
        for name, text in (("current_tracer", "nop"), ("set_event", ""),
                           ("set_ftrace_filter", ""), ("events/irq/filter", "0")):
            self.assertEqual(self.text(name), text)
        self.assertIn("nothing was on", self.trace("event", "--reset", check=0).err)

    def test_a_file_that_is_not_written_is_told(self):
        for function in ("fsync", "close"):
            out = self.board.dir / f"{function}.txt"
            done = self.trace("ftrace", "irqsoff", "--cmd", "true", "-o", out, check=2,
                              env=failing.environment(self.board.dir, function, out))
            self.assertIn(f"write {out}: Input/output error", done.err)
            self.assertNotIn("lines in", done.err)
        # What cannot be flushed is no error.
        self.trace("ftrace", "irqsoff", "--cmd", "true", "-o", "/dev/null", check=0)
        self.trace("ftrace", "irqsoff", "--cmd", "true", "-o", "/dev/full", check=2)

    def test_a_board_without_tracefs(self):
        (self.tracing / "current_tracer").unlink()
        (self.tracing / "trace_pipe").unlink()
        self.assertIn("this kernel has no tracefs", self.trace("event", "x", check=2).err)

    def test_wrong_words_are_told_before_anything_is_done(self):
        self.board.kill_agent()
        for words, text in (
                (["event", "a:b["], "this filter has no ] at its end"),
                (["event", "a:,b"], "the name of an event is missing, at character 3: \",b\""),
                (["event"], "event of what?"),
                (["event", "a", "b"], "takes one word"),
                (["ftrace", "function a"], "expected is a : before functions"),
                (["event", "a", "--cmd", "x", "-f"], "one of them"),
                (["event", "a", "--cmd", ""], "--cmd of nothing"),
                (["event", "a", "-o", "x", "--history"], "not both"),
                (["event", "a", "--buffer", "0"], "--buffer takes KiB"),
                (["event", "--list", "--cmd", "x"], "--list stands alone"),
                (["reset", "x"], "takes no words"),
                (["what"], "event, ftrace or reset")):
            with self.subTest(words=words):
                self.assertIn(text, self.trace(*words, check=64).err)


if __name__ == "__main__":
    tap.main()
