#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boards that do not come back: their power, what a deploy makes of it, and quarantine."""

import json
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from fleet import Fleet  # noqa: E402
from scratch import Board, Package, wait_for  # noqa: E402

# The lab's program: it notes what it was called for, and its board starts anew.
SUPPLY = """#!/bin/sh
echo "$KFERRY_POWER $KFERRY_BOARD" >> "{dir}/supply"
echo "outlet of $KFERRY_BOARD: $KFERRY_POWER"
if [ -e "{dir}/refuse-$KFERRY_POWER" ]; then
	cat "{dir}/refuse-$KFERRY_POWER"
	exit 3
fi
if [ -e "{dir}/hang-$KFERRY_POWER" ]; then
	sleep 60
fi
if [ "$KFERRY_POWER" != off ] && [ ! -e "{dir}/broken" ]; then
	echo power > "{root}/firmware/reset.new"
	mv "{root}/firmware/reset.new" "{root}/firmware/reset"
fi
"""
SOON = "timeout.reboot = 4\ntimeout.confirm = 4\n"
AT_ONCE = ("-o", "timeout.reboot=1", "-o", "timeout.confirm=1")


class Power(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.addCleanup(self.board.close)
        self.supply = self.board.dir / "outlet"
        self.supply.write_text(SUPPLY.format(dir=self.board.dir, root=self.board.root))
        self.supply.chmod(0o755)
        self.cycle = f"power.cycle = {self.supply}\n"
        self.on_off = f"power.off = {self.supply}\npower.on = {self.supply}\npower.pause = 100ms\n"

    def flag(self, name, text=""):
        (self.board.dir / name).write_text(text)

    def calls(self):
        path = self.board.dir / "supply"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []

    def package(self):
        package = Package()
        package.file = package.write(self.board.dir / "p.kferry")
        return package

    def hangs(self):
        self.board.on_boot = lambda slot: "hang" if slot else None

    def deploy(self, status, *options):
        """Of a kernel that hangs; its events and its result."""
        self.hangs()
        done = self.board.kferry("--json", "deploy", "--from", self.package().file, *options,
                                 check=status)
        return [json.loads(line) for line in done.out.splitlines()], self.board.runs()[-1]

    # --- the command ---------------------------------------------------------------------

    def test_on_off_and_cycle_by_hand(self):
        self.board.write_config(self.on_off)
        for verb, said in ("off", "switched off"), ("on", "switched on"), ("cycle", "off and on"):
            done = self.board.kferry("power", verb, check=0)
            self.assertIn(said, done.text)
        self.assertEqual(self.calls(), ["off", "on", "off", "on"])
        done = self.board.kferry("--json", "power", "off", self.board.name, check=0)
        event = json.loads(done.out)
        self.assertEqual((event["event"], event["board"], event["action"]),
                         ("power", self.board.name, "off"))

    def test_what_cannot_be_done_is_refused(self):
        self.assertIn("on, off or cycle", self.board.kferry("power", check=64).text)
        self.assertIn("on, off or cycle", self.board.kferry("power", "reset", check=64).text)
        self.assertIn("power.on is not configured", self.board.kferry("power", "on", check=2).text)
        self.board.write_config("power.on = /no/such/program\n")
        self.assertIn("/no/such/program", self.board.kferry("power", "on", check=2).text)
        self.board.write_config(self.cycle)
        self.flag("refuse-cycle", "no \x1b[31mroute\n")
        done = self.board.kferry("power", "cycle", check=2)
        self.assertIn("ended with status 3: no \\x1b[31mroute", done.text)
        self.assertIn("may be off", done.text)

    # --- a deploy ------------------------------------------------------------------------

    def test_a_hang_is_ended_by_a_cycle_and_fails(self):
        self.board.write_config(self.cycle + SOON)
        events, result = self.deploy(1)
        self.assertEqual(self.calls(), ["cycle"])
        self.assertEqual(self.board.boot_log[2:], ["foreign"])
        self.assertEqual((result["verdict"], result["reason"]), ("FAIL", "fell-back"))
        self.assertIn("it came back by a power cycle only", result["text"])
        step, = [s for s in result["steps"] if s["stage"] == "power"]
        self.assertEqual((step["action"], step["ok"], step["maybe_off"]), ("cycle", True, False))
        event, = [e for e in events if e["event"] == "power"]
        self.assertIn("did not come back: switched off and on", event["text"])
        log = (self.board.last_run_dir() / "power.log").read_text()
        self.assertIn(f"outlet of {self.board.name}: cycle\n= exit status 0", log)
        self.assertIn("power.log", [a["name"] for a in result["artifacts"]])

    def test_a_kernel_that_had_booted_leaves_its_log(self):
        """It runs, says something, and is gone during the checks."""
        gone = self.board.dir / "gone"
        self.board.write_config(self.on_off + SOON + "timeout.health = 30\n"
                                f"health.checks = /bin/sh -c 'touch {gone}; sleep 60'\n")
        package = self.package()
        process = self.board.start("deploy", "--from", package.file)
        wait_for("the check", gone.exists)
        self.board.kill_agent()
        out, err = process.communicate()
        self.assertEqual(process.returncode, 1, out + err)
        self.assertEqual(self.calls(), ["off", "on"])
        self.assertEqual(self.board.boot_log, ["foreign", package.slot(), "foreign"])
        result = self.board.runs()[-1]
        self.assertEqual(result["verdict"], "FAIL")
        kept = (self.board.last_run_dir() / result["log"]).read_text()
        self.assertIn(package.release, kept)
        self.assertIn("it came back by a power cycle only", out)

    def test_a_panic_that_needs_a_cycle_is_named(self):
        def panic(slot):
            if slot:
                (self.board.root / "sys/fs/pstore/dmesg-efi-170000000001001").write_text(
                    "Panic#1 Part1\n<0>[ 1.000000] Kernel panic - not syncing: stays dead\n")
                return "hang"
            return None
        self.board.write_config(self.cycle + SOON)
        self.board.on_boot = panic
        done = self.board.kferry("deploy", "--from", self.package().file, check=1)
        self.assertIn('panic: "stays dead"', done.text)
        self.assertTrue(list((self.board.last_run_dir() / "pstore").iterdir()))

    def test_a_board_that_never_rebooted_is_started_by_the_cycle(self):
        """Then the trial comes up, and it is what is judged."""
        self.board.write_config(self.cycle + "timeout.reboot = 1\ntimeout.confirm = 20\n")
        (self.board.dir / "reboot").write_text("#!/bin/sh\nexit 0\n")
        package = self.package()
        done = self.board.kferry("deploy", "--from", package.file, check=0)
        self.assertIn("it came back by a power cycle only", done.text)
        self.assertEqual(self.board.boot_log, ["foreign", package.slot()])

    def test_lost_for_good_is_an_error(self):
        self.board.write_config(self.cycle + "timeout.reboot = 2\ntimeout.confirm = 2\n")
        self.flag("broken")
        _, result = self.deploy(2)
        self.assertEqual(self.calls(), ["cycle"])
        self.assertEqual((result["verdict"], result["reason"]), ("ERROR", "board-lost"))
        self.assertIn("board lost: the board did not come back", result["text"])
        self.assertIn("after a power cycle: it was not back after", result["text"])
        self.assertIn("see to its power, its console and its network", result["text"])

    def test_without_power_control_it_is_as_before(self):
        self.board.write_config("timeout.reboot = 1\ntimeout.confirm = 1\n")
        _, result = self.deploy(2)
        self.assertEqual((result["verdict"], result["reason"]), ("ERROR", "timeout"))
        self.assertFalse((self.board.last_run_dir() / "power.log").exists())

    def failing(self, config, said):
        self.board.write_config(config + "timeout.reboot = 1\ntimeout.confirm = 1\n")
        events, result = self.deploy(2)
        self.assertEqual((result["verdict"], result["reason"]), ("ERROR", "board-lost"))
        self.assertIn("it could not be power cycled: power.", result["text"])
        self.assertIn(said, result["text"])
        event, = [e for e in events if e["event"] == "power"]
        self.assertFalse(event["ok"])
        self.assertIn(said, (self.board.last_run_dir() / "power.log").read_text())
        return event

    def test_a_program_that_fails(self):
        self.flag("refuse-cycle", "no route to the outlet\n")
        event = self.failing(self.cycle, "ended with status 3: no route to the outlet")
        self.assertTrue(event["maybe_off"])

    def test_a_program_that_is_missing(self):
        event = self.failing("power.cycle = /no/such/program\n",
                             "there is no program /no/such/program")
        self.assertFalse(event["maybe_off"])

    def test_a_program_that_hangs(self):
        self.flag("hang-off")
        self.flag("broken")
        event = self.failing(self.on_off + "timeout.power = 1\n",
                             "did not end within 1.0s (timeout.power)")
        self.assertEqual(self.calls(), ["off", "on"])
        self.assertFalse(event["maybe_off"])

    def interrupt(self, config, reached):
        self.board.write_config(config + "timeout.reboot = 1\ntimeout.confirm = 1\n")
        self.hangs()
        process = self.board.start("deploy", "--from", self.package().file)
        wait_for("the program", lambda: reached in self.calls())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual(process.returncode, -signal.SIGINT, out + err)
        return out + err

    def test_interrupted_while_off_it_is_switched_on(self):
        text = self.interrupt(self.on_off.replace("100ms", "60"), "off")
        self.assertIn("it was switched on again", text)
        self.assertEqual(self.calls(), ["off", "on"])
        self.assertEqual(self.board.runs()[-1]["reason"], "cancelled")

    def test_interrupted_in_a_cycle_it_may_be_off(self):
        self.flag("hang-cycle")
        text = self.interrupt(self.cycle, "cycle")
        self.assertIn(f"the board may be off: `kferry power cycle {self.board.name}`", text)


class Quarantine(unittest.TestCase):
    def fleet(self, *names, **how):
        fleet = Fleet(names, **how)
        self.addCleanup(fleet.close)
        return fleet

    def put(self, fleet, package, board="dead"):
        """It hangs, and is away for two more; the events of the third."""
        fleet[board].on_boot = lambda slot: "hang" if slot else None
        for _ in range(2):
            events = fleet.events(*AT_ONCE, "deploy", "-b", board, "--from", package.file, check=2)
            self.assertNotIn("quarantine", [e["event"] for e in events])
        events = fleet.events("deploy", "-b", board, "--from", package.file, check=2)
        event, = [e for e in events if e["event"] == "quarantine"]
        self.assertEqual((event["failures"], event["skipped"]), (3, False))
        return events

    def test_three_in_a_row_and_back(self):
        fleet = self.fleet("good", "dead")
        package = fleet.package()
        self.put(fleet, package)
        # By name it is refused, and nothing is tried.
        done = fleet.kferry("deploy", "-b", "dead", "--from", package.file, check=2)
        self.assertIn("it is in quarantine since", done.text)
        self.assertIn("kferry board revive dead", done.text)
        self.assertEqual(fleet.results()["dead"]["reason"], "quarantine")
        # Not by name it is skipped, and counted.
        events = fleet.events("deploy", "-b", "all", "--from", package.file, check=0)
        skipped, = [e for e in events if e["event"] == "quarantine"]
        self.assertEqual((skipped["board"], skipped["skipped"]), ("dead", True))
        self.assertEqual(events[-1]["event"], "summary")
        self.assertEqual((events[-1]["boards"], events[-1]["skipped"]), (1, ["dead"]))
        done = fleet.kferry("deploy", "-b", "all", "--from", package.file, check=0)
        self.assertIn("1 of 1 boards passed, 1 in quarantine skipped", done.text)
        self.assertRegex(done.out, r"dead +SKIP +in quarantine")
        # It is shown.
        self.assertRegex(fleet.kferry("board", "list", check=0).out,
                         r"dead .*in quarantine since 20\d\d-")
        rows = {e["board"]: e for e in fleet.events("board", "list", check=0)}
        self.assertEqual(rows["dead"]["quarantine"]["failures"], 3)
        self.assertNotIn("quarantine", rows["good"])
        # It does not answer: it stays.
        done = fleet.kferry("board", "revive", "dead", check=2)
        self.assertIn("it stays in quarantine", done.text)
        # It does again.
        fleet["dead"].on_boot = None
        fleet["dead"].press_reset()
        done = fleet.kferry("board", "revive", "dead", check=0)
        self.assertIn("out of quarantine; it runs", done.text)
        fleet.kferry("deploy", "-b", "dead", "--from", package.file, check=0)

    def test_without_a_look(self):
        fleet = self.fleet("good", "dead")
        self.put(fleet, fleet.package())
        done = fleet.kferry("board", "revive", "dead", "--force", check=0)
        self.assertIn("out of quarantine; not looked at", done.text)
        self.assertNotIn("quarantine", fleet.kferry("board", "list", check=0).out)

    def test_all_in_quarantine_is_no_pass(self):
        fleet = self.fleet("dead")
        package = fleet.package()
        self.put(fleet, package)
        done = fleet.kferry("deploy", "-b", "all", "--from", package.file, check=2)
        self.assertIn("all boards that are meant are in quarantine", done.text)

    def test_a_board_that_is_switched_off_is_not_put_there(self):
        fleet = self.fleet("off", extra={"off": "quarantine.after = 1"},
                           link={"off": "exec:/bin/false"})
        package = fleet.package()
        for words in (["deploy", "off", "--from", package.file], ["test", "off", "cmd:true"]):
            fleet.kferry(*words, check=2)
            self.assertNotIn("quarantine", fleet.kferry("board", "list", check=0).out)
        self.assertFalse((fleet.first.home / ".local/share/kferry/quarantine").exists())

    def test_a_kernel_that_fails_is_no_failure_of_the_board(self):
        fleet = self.fleet("bad", extra={"bad": "quarantine.after = 2"})
        board = fleet["bad"]
        package = fleet.package()
        for command, status in ((["deploy", "--from", package.file, "bad"], 1),
                                (["test", "bad", "cmd:true"], 0),
                                (["test", "bad", "cmd:false"], 1)):
            board.on_boot = lambda slot: "hang" if slot else None
            fleet.kferry(*AT_ONCE, "deploy", "--from", package.file, "bad", check=2)
            # In between it does its work: the row is broken.
            board.on_boot = lambda slot: "panic" if slot else None
            board.press_reset()
            fleet.kferry(*command, check=status)
        self.assertNotIn("quarantine", fleet.kferry("board", "list", check=0).out)

    def test_a_board_that_a_test_takes_down_is_counted(self):
        fleet = self.fleet("bad", extra={"bad": "quarantine.after = 1"})
        board = fleet["bad"]
        board.on_boot = lambda slot: "hang" if board.boots > 1 else None
        reset = board.firmware / "reset"
        done = fleet.kferry(*AT_ONCE, "test", "bad", f"cmd:sh -c 'echo x > {reset}; sleep 30'",
                            check=1)
        self.assertIn("1 failure of the board itself in a row: in quarantine until", done.text)

    def test_lost_boards_are_counted(self):
        board = Board()
        self.addCleanup(board.close)
        board.write_config("power.cycle = /bin/true\nquarantine.after = 1\n"
                           "timeout.reboot = 1\ntimeout.confirm = 1\n")
        board.on_boot = lambda slot: "hang" if slot else None
        package = Package()
        done = board.kferry("deploy", "--from", package.write(board.dir / "p.kferry"), check=2)
        self.assertIn("1 failure of the board itself in a row: in quarantine until", done.text)

    def test_a_damaged_count_is_told_and_hinders_nothing(self):
        fleet = self.fleet("good")
        package = fleet.package()
        where = fleet.first.home / ".local/share/kferry/quarantine"
        where.mkdir(parents=True)
        (where / "good.json").write_text('{"format": "kferry-quar')
        done = fleet.kferry("deploy", "--from", package.file, "good", check=0)
        self.assertIn("good.json is damaged, and counts as none", done.text)
        self.assertFalse((where / "good.json").exists())

    def test_the_name_goes_and_the_count_with_it(self):
        fleet = self.fleet("good", "dead")
        self.put(fleet, fleet.package())
        fleet.kferry("board", "rename", "dead", "old", check=0)
        self.assertRegex(fleet.kferry("board", "list", check=0).out, r"old .*in quarantine")
        fleet.kferry("board", "rm", "old", check=0)
        self.assertFalse((fleet.first.home / ".local/share/kferry/quarantine/old.json").exists())


if __name__ == "__main__":
    tap.main()
