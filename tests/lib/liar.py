#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
An agent that lies: runs ARGV, and changes what it says on its way to the controller.

    liar.py [--drop BODY:FIELD[,FIELD...]] [--empty-log] [--other-log]
            [--reset-at BODY:FILE] ARGV...

--drop       leave these fields of that Envelope body (a number of kferry.proto) out
--empty-log  no records in the log
--other-log  the log is one of another boot
--reset-at   no lie: this request of the controller's is lost, for FILE says that the board is reset
"""

import argparse
import os
import struct
import subprocess
import sys
import threading

CONTROL, DATA, END = 1, 2, 1
LOG_START = 41


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def fields(data):
    """(number, wire type, value, its bytes with the tag) of each field."""
    at = 0
    while at < len(data):
        begin = at
        tag, at = varint(data, at)
        value = None
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {tag & 7}")
        yield tag >> 3, tag & 7, value, data[begin:at]


class Liar:
    def __init__(self, args):
        self.args = args
        self.drop = {}
        for text in args.drop:
            body, names = text.split(":")
            self.drop[int(body)] = {int(n) for n in names.split(",")}
        self.in_log = False

    def body(self, body, value):
        kept = b"".join(raw for n, _, _, raw in fields(value)
                        if n not in self.drop.get(body, ()))
        if body == LOG_START:
            self.in_log = True
            if self.args.other_log:
                other = b"00000000-0000-4000-8000-000000000000"
                kept = b"\x0a" + number(len(other)) + other
        return kept

    def control(self, payload):
        out = b""
        for n, kind, value, raw in fields(payload):
            if kind == 2:
                value = self.body(n, value)
                raw = number(n << 3 | 2) + number(len(value)) + value
            out += raw
        return out

    def frame(self, kind, flags, payload):
        if kind == CONTROL:
            return self.control(payload)
        if self.in_log and self.args.empty_log:
            payload = b""
        if flags & END:
            self.in_log = False
        return payload


def read_all(fd, size, close=None):
    """close: what reads on is told that this is the end; without it so are we all."""
    data = b""
    while len(data) < size:
        more = os.read(fd, size - len(data))
        if not more and close:
            close.close()
        if not more:
            sys.exit(0)
        data += more
    return data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--drop", action="append", default=[])
    parser.add_argument("--empty-log", action="store_true")
    parser.add_argument("--other-log", action="store_true")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    parser.add_argument("--reset-at")
    args = parser.parse_args()
    at, _, reset = (args.reset_at or "0:").partition(":")
    child = subprocess.Popen(args.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def forward():
        while head := read_all(0, 8, child.stdin):
            size, kind, _, _ = struct.unpack("<IBBH", head)
            payload = read_all(0, size, child.stdin)
            if kind == CONTROL and int(at) in (n for n, *_ in fields(payload)):
                with open(reset + ".new", "w", encoding="ascii") as file:
                    file.write("normal\n")
                os.rename(reset + ".new", reset)
                continue
            child.stdin.write(head + payload)
            child.stdin.flush()

    threading.Thread(target=forward, daemon=True).start()
    liar = Liar(args)
    out = child.stdout.fileno()
    while True:
        size, kind, flags, rest = struct.unpack("<IBBH", read_all(out, 8))
        payload = liar.frame(kind, flags, read_all(out, size))
        os.write(1, struct.pack("<IBBH", len(payload), kind, flags, rest) + payload)


main()
