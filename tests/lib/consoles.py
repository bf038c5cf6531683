# SPDX-License-Identifier: GPL-2.0-or-later
"""The far ends of consoles: a serial line (a pseudo terminal), a TCP server, datagrams."""

import os
import pty
import select
import socket
import threading
import time
import tty


class Line:
    """A serial line; the board has the master, `spec` names the side of kferry."""

    def __init__(self, baud=115200):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.device = os.ttyname(self.slave)
        self.spec = f"serial:{self.device},{baud}"
        self.sent = b""

    def say(self, data):
        """What the board prints."""
        self.sent += data
        while data:
            data = data[os.write(self.master, data):]

    def hear(self, seconds=5.0, until=b"\n"):
        """What was typed, up to `until`."""
        got, end = b"", time.monotonic() + seconds
        while until not in got and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                got += os.read(self.master, 4096)
        return got

    def close(self):
        os.close(self.master)
        os.close(self.slave)


class Server:
    """A console server: one client at a time, what it types is kept in `typed`."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.spec = f"tcp:127.0.0.1:{self.port}"
        self.client = None
        self.clients = 0
        self.typed = b""
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.client = client
                self.clients += 1
                self.changed.notify_all()
            while True:
                try:
                    data = client.recv(4096)
                except OSError:
                    break
                if not data:
                    break
                with self.changed:
                    self.typed += data
                    self.changed.notify_all()

    def wait(self, what, check, seconds=20.0):
        with self.changed:
            if not self.changed.wait_for(check, seconds):
                raise AssertionError(f"the console server waited for {what}")

    def say(self, data):
        self.client.sendall(data)

    def hang_up(self):
        self.client.shutdown(socket.SHUT_RDWR)
        self.client.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.client:
            self.client.close()


def send_datagrams(port, datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for data in datagrams:
            s.sendto(data, ("127.0.0.1", port))


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("", 0))
        return s.getsockname()[1]


class Program:
    """A program whose terminal is the console, such as a hypervisor's."""

    def __init__(self, where):
        self.fifo = where / "console-fifo"
        self.fifo.unlink(missing_ok=True)
        os.mkfifo(self.fifo)
        # As reader and writer: the program's end of it does not end with a line.
        self.fd = os.open(self.fifo, os.O_RDWR)
        self.spec = f"exec:cat {self.fifo}"

    def say(self, data):
        while data:
            data = data[os.write(self.fd, data):]

    def close(self):
        os.close(self.fd)
