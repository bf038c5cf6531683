#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A link with faults: runs ARGV and passes stdin and stdout through.

    proxy.py [--dribble N] [--delay MS] [--cut-up N] [--cut-down N] [--once FILE] ARGV...
    proxy.py [--latency MS] [--rate MBIT] ARGV...

--dribble N   pass at most N bytes at a time
--delay MS    wait before each piece
--cut-up N    after N bytes towards ARGV: kill it and end
--cut-down N  the same for bytes coming back
--latency MS  what goes in comes out so much later, in each direction
--rate MBIT   and no faster than so many million bits a second, as tests/lib/shaper.py says
--once FILE   cut only if FILE exists, and remove it then (so a retry gets through)
"""

import argparse
import os
import subprocess
import sys
import threading
import time

import slowlink


class End:
    """A pipe's end as slowlink.Pump wants it."""

    def __init__(self, fd):
        self.fd = fd

    def recv(self, size):
        return os.read(self.fd, size)

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view):]

    def shutdown(self, _how):
        os.close(self.fd)


def slowed(child, latency, rate):
    """A line that is long or thin, and has no other faults."""
    ends = [(0, child.stdin.fileno()), (child.stdout.fileno(), 1)]
    pumps = [slowlink.Pump(slowlink.Way(latency, rate), End(source), End(sink))
             for source, sink in ends]
    for pump in pumps:
        pump.start()
    pumps[1].join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dribble", type=int, default=65536)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--latency", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--cut-up", type=int, default=-1)
    parser.add_argument("--cut-down", type=int, default=-1)
    parser.add_argument("--once")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    args = parser.parse_args()

    if args.once:
        try:
            os.unlink(args.once)
        except FileNotFoundError:
            args.cut_up = args.cut_down = -1

    child = subprocess.Popen(args.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    if args.latency or args.rate:
        slowed(child, args.latency / 1000, args.rate * 1e6 / 8)
        sys.exit(child.wait())

    def pump(source, sink, limit):
        passed = 0
        while True:
            data = os.read(source, args.dribble)
            if not data:
                os.close(sink)
                return
            if args.delay:
                time.sleep(args.delay / 1000)
            if 0 <= limit < passed + len(data):
                os.write(sink, data[:limit - passed])
                child.kill()
                os._exit(3)
            view = memoryview(data)
            while view:
                view = view[os.write(sink, view):]
            passed += len(data)

    up = threading.Thread(target=pump, args=(0, child.stdin.fileno(), args.cut_up), daemon=True)
    up.start()
    try:
        pump(child.stdout.fileno(), 1, args.cut_down)
    except OSError:
        child.kill()
    sys.exit(child.wait())


main()
