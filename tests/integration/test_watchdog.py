#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The watchdog of a trial from hand to hand, with the real programs. The device is a file."""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from scratch import SCALE, Board, Package, agent  # noqa: E402


class Watchdog(unittest.TestCase):
    def test_the_keeper_hands_it_to_the_agent(self):
        board = Board(conf="watchdog = /dev/dog")
        self.addCleanup(board.close)
        dog, sock = board.root / "dev/dog", board.root / "run/kferry/watchkeeper.sock"
        dog.write_text("")
        early = []

        def boot(slot):
            if slot:
                # As its unit does, and it does not keep what waits for its output.
                done = subprocess.run(agent("--root", board.root, "early", "--keep"), check=True,
                                      capture_output=True, timeout=60 * SCALE)
                early.append((done.stderr.decode(), sock.is_socket(), dog.read_text()))

        board.on_boot = boot
        Package(seed="b").write(board.dir / "b.kferry")
        board.kferry("deploy", "--from", board.dir / "b.kferry", check=0)
        (said, kept, petted), = early
        self.assertIn("event=started", said)
        self.assertTrue(kept)
        self.assertNotIn("V", petted)
        log = board.agent_log()
        # The early step that came behind it left it alone; the agent did not.
        self.assertIn("petted already", log)
        gaps = re.findall(r"watchdog event=started .*gap_ms=(\d+)", log)
        self.assertEqual(len(gaps), 1, log)
        print("# nobody petted for", gaps[0], "ms")
        self.assertFalse(sock.exists())
        self.assertTrue(dog.read_text().endswith("V"), repr(dog.read_text()))


if __name__ == "__main__":
    tap.main()
