#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deploys to a scratch board with a console: what it said is recorded, and judged with the rest."""

import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from consoles import Line, Program, Server, free_udp_port, send_datagrams  # noqa: E402
from scratch import FOREIGN_BANNER, SCALE, Board, Package, wait_for  # noqa: E402

DEATH = "Kernel panic - not syncing: only the console knows"
OOPS = """BUG: kernel NULL pointer dereference, address: 0000000000000010
Oops: 0000 [#1] PREEMPT SMP NOPTI
CPU: 0 PID: 1 Comm: x Not tainted 6.9.0-test #1
RIP: 0010:broken_probe+0x10/0x20
Call Trace:
 <TASK>
 really_probe+0x1/0x2
 </TASK>
---[ end trace 0000000000000000 ]---""".splitlines()


def lines(texts, at=1.0):
    return "".join(f"[{at + i / 1000:12.6f}] {text}\r\n" for i, text in enumerate(texts)).encode()


def start(banner):
    return lines([banner, "Command line: quiet=no"], 0.0)


class Case(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.package = Package()
        self.file = self.package.write(self.board.dir / "p.kferry")
        self.closing = []

    def tearDown(self):
        self.board.close()
        for thing in self.closing:
            thing.close()

    def use(self, thing, *more):
        self.closing.append(thing)
        self.console(thing.spec, *more)
        return thing

    def console(self, spec, *more):
        self.board.write_config("\n".join([f"console = {spec}", *more]))

    def deploy(self, status):
        done = self.board.kferry("deploy", "--from", self.file, check=status)
        self.result = self.board.runs()[-1]
        self.run_dir = self.board.last_run_dir()
        self.assertEqual(self.result["status"], status)
        return done

    def findings(self, name):
        return [f for f in self.result.get("findings", []) if f["class"] == name]

    def one(self, name):
        found = self.findings(name)
        self.assertEqual(len(found), 1, self.result.get("findings"))
        return found[0]


class Recorded(Case):
    def test_a_panic_that_only_the_console_tells(self):
        line = self.use(Line())

        def boot(slot):
            line.say(start(self.package.banner if slot else FOREIGN_BANNER))
            if slot:
                line.say(lines([DEATH]))
                return "death"
            return None
        self.board.on_boot = boot
        done = self.deploy(1)
        self.assertIn(f"scratch: panic on the console: {DEATH}", done.err)
        self.assertIn('panic: "only the console knows"', done.text)
        found = self.one("panic")
        self.assertEqual(found["source"], "console")
        self.assertEqual(found["sources"], ["console"])
        self.assertEqual(self.result["log"], "console.log")
        console = self.result["console"]
        self.assertEqual((self.run_dir / "console.raw").read_bytes(), line.sent)
        self.assertEqual(console["bytes"], len(line.sent))
        self.assertEqual((console["dropped"], console["lost"]), (0, 0))
        self.assertNotIn("warning", console)
        begin, end = console["trial"]
        part = line.sent[begin:end]
        self.assertTrue(part.startswith(lines([self.package.banner], 0.0)))
        self.assertTrue(part.endswith(lines([DEATH])))
        log = (self.run_dir / "console.log").read_text().splitlines()
        self.assertEqual(len(log), line.sent.count(b"\n"))
        self.assertRegex(log[-3], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[    1\.000000\] Kernel")
        names = [a["name"] for a in self.result["artifacts"]]
        self.assertLessEqual({"console.raw", "console.log"}, set(names))
        # Both read the same of it, later.
        for log in (self.run_dir, self.run_dir / "console.log"):
            done = self.board.kferry("log", log, check=0)
            self.assertEqual(done.out.count(DEATH), 1, done.out)

    def test_what_pstore_tells_as_well_is_one_finding(self):
        line = self.use(Line())

        def boot(slot):
            if slot:
                line.say(start(self.package.banner) +
                         lines(["Kernel panic - not syncing: scratch test"]))
                return "panic"
            return None
        self.board.on_boot = boot
        self.deploy(1)
        found = self.one("panic")
        *pstore, last = found["sources"]
        self.assertEqual({name.split("/")[0] for name in pstore}, {"pstore"})
        self.assertEqual(last, "console")

    def test_an_oops_on_the_console_and_in_dmesg_is_one(self):
        line = self.use(Line())

        def boot(slot):
            if slot:
                line.say(start(self.package.banner) + lines(OOPS))
                kmsg = self.board.root / "dev/kmsg"
                kmsg.write_text(f"6,0,100,-;{self.package.banner}\n" + "".join(
                    f"1,{i + 1},{1000000 + i * 1000},-;{text}\n" for i, text in enumerate(OOPS)))
        self.board.on_boot = boot
        self.deploy(1)
        found = self.one("oops")
        self.assertEqual(found["sources"], ["dmesg", "console"])
        self.assertEqual(found["function"], "broken_probe")
        self.assertEqual(self.result["reason"], "unhealthy")

    def test_a_healthy_kernel_passes_whatever_the_old_one_said(self):
        line = self.use(Line())

        def boot(slot):
            if slot:
                line.say(lines(["WARNING: CPU: 0 PID: 1 at a.c:1 old+0x1/0x2",
                                "reboot: Restarting system"], 900.0))
                line.say(start(self.package.banner) + lines(["all is well"]))
        self.board.on_boot = boot
        done = self.deploy(0)
        self.assertIn("no new kernel findings", done.text)
        self.assertEqual(self.result["findings"], [])

    def told_by(self, console, said, outcome):
        """A deploy of a kernel that says this to its console, and nothing elsewhere."""
        def boot(slot):
            if not slot:
                return None
            if isinstance(console, Server):
                console.wait("a client", lambda: console.clients == 1)
            console.say(start(self.package.banner) + lines(said))
            return outcome
        self.use(console)
        self.board.on_boot = boot
        done = self.deploy(1)
        self.assertIn(f"FAIL  {self.result['text']}", done.out)
        self.assertIn('" on the console', self.result["text"])
        self.assertEqual(self.result["log"], "console.log")
        self.assertIn(said[0], (self.run_dir / "console.log").read_text())
        wait_for("the known-good kernel", lambda: self.board.boot_log[-1] == "foreign")

    def test_what_only_a_console_by_tcp_or_of_a_program_tells(self):
        for make in Server, lambda: Program(self.board.dir):
            console = make()
            with self.subTest(console=console.spec, says="a panic"):
                self.told_by(console, [DEATH], "death")
                self.assertEqual(self.one("panic")["sources"], ["console"])
                self.assertEqual(self.result["reason"], "fell-back")
                self.assertIn("only the console knows", self.result["text"])
            console = make()
            with self.subTest(console=console.spec, says="an oops, and runs on"):
                self.told_by(console, OOPS, None)
                self.assertEqual(self.one("oops")["sources"], ["console"])
                self.assertEqual(self.result["reason"], "unhealthy")
                self.assertIn("broken_probe", self.one("oops")["function"])

    def test_datagrams_of_netconsole(self):
        port = free_udp_port()
        self.console(f"netconsole:{port}")

        def boot(slot):
            if slot:
                send_datagrams(port, [
                    f"6,0,0,-;{self.package.banner}\n".encode(),
                    f"0,1,1000000,-,ncfrag=0/{len(DEATH)};{DEATH[:20]}".encode(),
                    f"0,1,1000000,-,ncfrag=20/{len(DEATH)};{DEATH[20:]}".encode()])
                return "death"
            return None
        self.board.on_boot = boot
        self.deploy(1)
        self.assertEqual(self.one("panic")["title"], DEATH)
        self.assertIn(b"ncfrag=20/", (self.run_dir / "console.raw").read_bytes())
        self.assertIn(f"<0>[    1.000000] {DEATH}\n", (self.run_dir / "console.txt").read_text())

    def test_a_second_start_in_one_trial(self):
        line = self.use(Line())

        def boot(slot):
            if slot:
                line.say(start(self.package.banner) * 2)
                return "death"
            line.say(start(FOREIGN_BANNER))
            return None
        self.board.on_boot = boot
        self.deploy(1)
        self.assertIn("1 time more", self.one("reboot")["title"])

    def test_the_way_back_is_no_second_start(self):
        line = self.use(Line())

        def boot(slot):
            line.say(start(self.package.banner if slot else FOREIGN_BANNER))
            return "death" if slot else None
        self.board.on_boot = boot
        done = self.deploy(1)
        self.assertEqual(self.result["findings"], [])
        self.assertIn("no panic and no oops", done.text)

    def test_silence(self):
        line = self.use(Line(), "console.silence = 1s")

        def boot(slot):
            if slot:
                line.say(start(self.package.banner) + b"\x1b[1mthe last words\r\n")
                time.sleep(2.5)
                return "death"
            return None
        self.board.on_boot = boot
        done = self.deploy(1)
        found = self.one("silence")
        self.assertEqual((found["severity"], found["source"]), ("error", "console"))
        self.assertIn("the last words", found["title"])
        self.assertIn("the console is silent", done.err)
        self.assertNotIn("\x1b", done.text)
        self.assertGreaterEqual(self.result["console"]["silent_ms"], 1000)

    def test_a_quiet_kernel_that_comes_up_is_healthy(self):
        self.use(Line(), "console.silence = 1s")

        def boot(slot):
            if slot:
                time.sleep(2.5)
        self.board.on_boot = boot
        self.deploy(0)
        self.assertEqual(self.one("silence")["severity"], "info")

    def test_a_board_that_never_comes_back_has_died_of_it(self):
        line = self.use(Line(), "timeout.reboot = 2", "timeout.confirm = 1")

        given_up = threading.Event()

        def boot(slot):
            if slot:
                line.say(start(self.package.banner) + lines([DEATH]))
                given_up.wait(60 * SCALE)
                return "death"
            return None
        self.board.on_boot = boot
        done = self.deploy(1)
        given_up.set()
        self.assertEqual(self.result["verdict"], "FAIL")
        self.assertEqual(self.one("panic")["source"], "console")
        self.assertIn("did not come back", done.text)


class Troubled(Case):
    def test_one_that_cannot_be_opened_costs_no_deploy(self):
        self.console("serial:/nonexistent/ttyUSB9")
        done = self.deploy(0)
        self.assertEqual(done.err.count("/nonexistent/ttyUSB9: No such file"), 1)
        console = self.result["console"]
        self.assertFalse(console["opened"])
        self.assertIn("No such file", console["warning"])

    def test_one_that_is_lost_is_opened_again(self):
        server = self.use(Server())

        def boot(slot):
            if slot:
                server.wait("a client", lambda: server.clients == 1)
                server.say(start(self.package.banner))
                server.hang_up()
                server.wait("it again", lambda: server.clients == 2)
                server.say(lines([DEATH]))
                return "death"
            return None
        self.board.on_boot = boot
        done = self.deploy(1)
        self.assertEqual(self.one("panic")["title"], DEATH)
        self.assertEqual(self.result["console"]["lost"], 1)
        self.assertIn("closed tcp 127.0.0.1", self.result["console"]["warning"])
        self.assertIn("the console is there again", done.err)

    def test_one_that_somebody_has(self):
        line = self.use(Line())
        holder = self.board.start("console", "--read-only", "scratch")
        line.say(b"hello\r\n")
        self.assertEqual(holder.stdout.readline(), "hello\n")
        done = self.deploy(0)
        self.assertIn("is in use by kferry console scratch (pid ", done.err)
        holder.terminate()
        holder.communicate(timeout=20 * SCALE)

    def test_what_is_no_console_is_told_before_anything_is_sent(self):
        for spec, why in (("tcp:host:70000", "1 to 65535"), ("telnet:x:1", "it takes serial:"),
                          ("serial:/dev/ttyS0,1234", "speed")):
            self.console(spec)
            done = self.deploy(2)
            self.assertIn(why, done.err)
        self.assertEqual(self.board.slots(), [])

    def test_garbage_without_end_is_bounded(self):
        self.console("exec:cat /dev/zero", "console.limit = 1")

        def boot(slot):
            if slot:
                raw = self.board.last_run_dir() / "console.raw"
                wait_for("more than is kept", lambda: raw.stat().st_size == 1 << 20)
                time.sleep(0.5)
        self.board.on_boot = boot
        done = self.deploy(0)
        self.assertEqual(done.err.count("console.limit"), 1)
        for name in ("console.raw", "console.log"):
            self.assertEqual((self.run_dir / name).stat().st_size, 1 << 20, name)
        console = self.result["console"]
        self.assertTrue(console["full"])
        self.assertEqual(console["dropped"], console["bytes"] - (1 << 20))

    def test_a_long_line_and_escapes(self):
        server = self.use(Server())
        said = b"a" * 10_000_000 + b"\x1b]0;evil\x07\0\n"

        def boot(slot):
            if slot:
                server.wait("a client", lambda: server.clients == 1)
                server.say(start(self.package.banner) + said)
                raw = self.board.last_run_dir() / "console.raw"
                wait_for("all of it", lambda: raw.stat().st_size > len(said))
        self.board.on_boot = boot
        self.deploy(0)
        log = (self.run_dir / "console.log").read_bytes()
        self.assertIn(b"\\x1b]0;evil\\x07\\x00\n", log)
        self.assertNotRegex(log.decode(), "[\x00-\x09\x0b-\x1f]")

    def test_a_program_that_ends_is_started_again(self):
        starts = self.board.dir / "starts"
        self.console(f"exec:sh -c 'echo one >>{starts}; echo words; echo why >&2; exit 3'")
        self.board.on_boot = lambda slot: time.sleep(1.5) if slot else None
        self.deploy(0)
        count = starts.read_text().count("one")
        self.assertGreaterEqual(count, 2)
        self.assertLess(count, 12)  # bounded backoff
        self.assertIn("exit status 3: why", self.result["console"]["warning"])


if __name__ == "__main__":
    tap.main()
