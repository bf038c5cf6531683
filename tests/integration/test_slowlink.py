#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The slow line that figures are taken over: as slow as it says, and nothing gets lost."""

import os
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
from shaper import Shaper  # noqa: E402
from slowlink import Link  # noqa: E402

PROXY = pathlib.Path(__file__).resolve().parents[1] / "lib/proxy.py"


class Bucket(unittest.TestCase):
    """The arithmetic, without a clock."""

    def test_what_is_within_the_burst_leaves_at_once(self):
        shaper = Shaper(rate=1000, burst=500)
        self.assertEqual(shaper.leave(300, 0.0), 0.0)
        self.assertEqual(shaper.leave(200, 0.0), 0.0)
        self.assertAlmostEqual(shaper.leave(100, 0.0), 0.1)

    def test_a_long_stream_has_exactly_the_rate(self):
        shaper = Shaper(rate=1000, burst=500)
        for _ in range(1000):
            left = shaper.leave(100, 0.0)
        self.assertAlmostEqual(left, (1000 * 100 - 500) / 1000)

    def test_no_more_than_the_burst_is_saved(self):
        shaper = Shaper(rate=1000, burst=500)
        self.assertEqual(shaper.leave(500, 100.0), 100.0)
        self.assertAlmostEqual(shaper.leave(100, 100.0), 100.1)

    def test_never_more_than_burst_and_rate_in_any_time(self):
        """The definition of a token bucket, over all pairs of pieces of random traffic."""
        rng = random.Random(4711)
        rate, burst = 1000.0, 700
        shaper, now, left = Shaper(rate=rate, burst=burst), 0.0, []
        for _ in range(400):
            now += rng.choice((0, 0, 0, rng.random(), 3 * rng.random()))
            size = rng.randrange(1, burst + 1)
            at = shaper.leave(size, now)
            self.assertGreaterEqual(at, now)
            left.append((at, size))
        self.assertEqual(sorted(left, key=lambda x: x[0]), left)
        for i, (begin, _) in enumerate(left):
            total = 0
            for at, size in left[i:]:
                total += size
                self.assertLessEqual(total, burst + rate * (at - begin) + 1e-6)

    def test_the_late_sender_gets_what_it_missed(self):
        """Pieces offered with gaps shorter than their own time go out without a loss."""
        shaper = Shaper(rate=1000, burst=500)
        now = 0.0
        for _ in range(100):
            now = max(now, shaper.leave(100, now)) + 0.03  # sleeps 30 ms too long each time
        self.assertLess(now, (100 * 100 - 500) / 1000 + 0.2)

    def test_no_rate_is_no_limit(self):
        self.assertEqual(Shaper().leave(30000, 5.0), 5.0)
        self.assertEqual(Shaper(delay=2).arrive(5.0), 7.0)

    def test_a_piece_that_never_fits_is_refused(self):
        with self.assertRaises(ValueError):
            Shaper(rate=1000, burst=500).leave(501, 0.0)


class Echo:
    """Reads until the end, then sends all of it back, or `answer` instead."""

    def __init__(self, answer=None):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answer, self.got = answer, b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            with one:
                data = b"".join(iter(lambda: one.recv(65536), b""))
                one.sendall(data if self.answer is None else self.answer)


def talk(port, data):
    """Send data, end, read the answer; seconds and answer."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        answer = b"".join(iter(lambda: s.recv(65536), b""))
        sender.join()
    return time.monotonic() - began, answer


class Line(unittest.TestCase):
    """On the wire.  Lower bounds are the line's; upper ones would be the machine's."""

    def link(self, answer=None, **line):
        echo = Echo(answer)
        self.addCleanup(echo.socket.close)
        link = Link("127.0.0.1", echo.port, **line)
        self.addCleanup(link.close)
        return link

    def test_bytes_come_through_and_are_counted(self):
        link = self.link()
        data = os.urandom(1_000_000)
        self.assertEqual(talk(link.port, data)[1], data)
        link.settle()
        self.assertEqual((link.up, link.down), (len(data), len(data)))

    def test_the_rate_holds(self):
        rate = 1_000_000
        link = self.link(answer=b"x", rate=rate)
        took, _ = talk(link.port, bytes(500_000))
        self.assertGreaterEqual(took, (500_000 - 32768) / rate)

    def test_connections_share_the_rate(self):
        rate = 1_000_000
        link = self.link(answer=b"x", rate=rate)
        began = time.monotonic()
        threads = [threading.Thread(target=talk, args=(link.port, bytes(150_000)))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreaterEqual(time.monotonic() - began, (450_000 - 32768) / rate)
        link.settle()
        self.assertEqual((link.up, link.down), (450_000, 3))

    def test_the_delay_is_that_of_a_round_trip(self):
        """Connecting is one, question and answer another."""
        link = self.link(delay=0.05)
        took, answer = talk(link.port, b"hello")
        self.assertEqual(answer, b"hello")
        self.assertGreaterEqual(took, 0.2)

    def test_delay_does_not_add_up_over_pieces(self):
        """A line is a pipe: a hundred pieces under way take one delay, not a hundred."""
        link = self.link(answer=b"x", delay=0.05)
        took, _ = talk(link.port, bytes(100 * 16384))
        self.assertLess(took, 100 * 0.05)

    def test_whoever_sends_is_held_back(self):
        """Not all of it waits in the line: of 8 MB most is still with the sender."""
        link = self.link(answer=b"x", rate=1_000_000)
        with socket.create_connection(("127.0.0.1", link.port)) as s:
            s.setblocking(False)
            taken, end = 0, time.monotonic() + 0.5
            while time.monotonic() < end:
                try:
                    taken += s.send(bytes(65536))
                except BlockingIOError:
                    time.sleep(0.01)
        self.assertLess(taken, 8_000_000)

    def test_the_proxy_of_pipes_has_rate_and_latency(self):
        data = os.urandom(300_000)
        began = time.monotonic()
        done = subprocess.run([sys.executable, PROXY, "--rate", "8", "--latency", "20", "cat"],
                              input=data, capture_output=True, check=True)
        self.assertEqual(done.stdout, data)
        self.assertGreaterEqual(time.monotonic() - began, (300_000 - 32768) / 1e6 + 0.04)


if __name__ == "__main__":
    tap.main()
