# SPDX-License-Identifier: GPL-2.0-or-later
"""
A line to a TCP server: forwards connections to it, with a delay and a rate of its own in
each direction, and counts the bytes and the connections.

All connections share the line.  What has left and not yet arrived, and what waits, is
bounded as a router's queue is, so that whoever sends notices how slow the line is.
"""

import collections
import socket
import threading
import time

from shaper import Shaper

PIECE = 16384
QUEUE = 65536  # beyond what is under way


class Way:
    """One of a line's two directions; shared by its connections."""

    def __init__(self, delay, rate):
        self.shaper = Shaper(rate, delay, now=time.monotonic())
        self.lock = threading.Lock()
        self.room = QUEUE + int(2 * delay * rate) if rate else 1 << 20
        self.bytes = 0

    def leave(self, length):
        with self.lock:
            self.bytes += length
            return self.shaper.leave(length, time.monotonic())


class Pump:
    """One direction of one connection: a thread reads, another delivers in time.

    source and sink are sockets, or have recv(), sendall() and shutdown() as those.
    """

    def __init__(self, way, source, sink):
        self.way, self.source, self.sink = way, source, sink
        self.queue, self.queued = collections.deque(), 0
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=t, daemon=True)
                        for t in (self._read, self._deliver)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join()

    def busy(self):
        return self.queued > 0

    def _read(self):
        data = b"?"
        while data:
            try:
                data = self.source.recv(PIECE)
            except OSError:
                data = b""
            left = self.way.leave(len(data)) if data else time.monotonic()
            with self.changed:
                self.changed.wait_for(lambda: self.queued <= self.way.room)
                self.queue.append((self.way.shaper.arrive(left), data))
                self.queued += len(data)
                self.changed.notify_all()

    def _deliver(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.queue)
                due, data = self.queue[0]
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            try:
                if data:
                    self.sink.sendall(data)
                else:
                    self.sink.shutdown(socket.SHUT_WR)
            except OSError:
                self._shut()
            with self.changed:
                self.queue.popleft()
                self.queued -= len(data)
                self.changed.notify_all()
            if not data:
                return

    def _shut(self):
        """The reader gave up: let the writer know, and go on to the end of what comes."""
        try:
            self.source.shutdown(socket.SHUT_RD)
        except OSError:
            pass


class Link:
    """delay: seconds in each direction; rate: bytes a second in each, 0 for no limit."""

    def __init__(self, host, port, delay=0.0, rate=0):
        self.target = host, port
        self.ways = Way(delay, rate), Way(delay, rate)
        self.delay, self.rate = delay, rate
        self.pumps = []
        self.connections = 0  # that were ever made
        self.listener = socket.socket()
        if rate:
            # Or the kernel would take megabytes before anybody noticed.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def up(self):
        """Bytes that came from those who connected."""
        return self.ways[0].bytes

    @property
    def down(self):
        return self.ways[1].bytes

    def close(self):
        self.listener.close()

    def settle(self, seconds=5.0):
        """Wait until nothing is under way."""
        end = time.monotonic() + seconds
        while any(pump.busy() for pump in self.pumps) and time.monotonic() < end:
            time.sleep(0.005)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        # The handshake of TCP itself crosses the line, too: the way there and back.
        time.sleep(2 * self.delay)
        far = socket.socket()
        if self.rate:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE)
        try:
            far.connect(self.target)
        except OSError:
            near.close()
            far.close()
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pumps = [Pump(self.ways[0], near, far), Pump(self.ways[1], far, near)]
        self.pumps = [p for p in self.pumps if any(t.is_alive() for t in p.threads)] + pumps
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        near.close()
        far.close()
