#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
An agent that lies: runs ARGV, and changes what it says on its way to the controller.

    liar.py [--drop BODY:FIELD[,FIELD...]] [--empty-log] [--other-log] [--bases HOW]
            [--reset-at BODY:FILE] ARGV...

--drop       leave these fields of that Envelope body (a number of kferry.proto) out
--empty-log  no records in the log
--other-log  the log is one of another boot
--reset-at   no lie: this request of the controller's is lost, for FILE says that the board is reset
--bases HOW  the table of older versions, after Need, is: beyond (a file that there is not),
             unwanted (one that was not asked for), unsorted, odd (a byte too long), endless,
             or FROM=TO: has another digest in place of one
"""

import argparse
import os
import struct
import subprocess
import sys
import threading

CONTROL, DATA, END = 1, 2, 1
NEED, LOG_START = 22, 41
ROW = 36
MAX_DATA = 262144


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
        self.in_bases = False
        self.unwanted = None

    def need(self, value):
        """The table follows; a file of the manifest that is not wanted."""
        got = {n: v for n, _, v, _ in fields(value)}
        self.in_bases = bool(got.get(4))
        self.unwanted = next((i for i in range(got[2]) if not got[1][i // 8] >> i % 8 & 1), None)

    def bases(self, table):
        how = self.args.bases
        first, rest = table[:ROW], table[ROW:]
        if how == "beyond":
            return struct.pack("<I", 1 << 30) + first[4:] + rest
        if how == "unwanted":
            return struct.pack("<I", self.unwanted) + first[4:]
        if how == "unsorted":
            return first + first + rest
        if how == "odd":
            return table + b"x"
        if how == "endless":
            return table + bytes(1000000)
        wrong, right = map(bytes.fromhex, how.split("="))
        return table.replace(wrong, right)

    def body(self, body, value):
        kept = b"".join(raw for n, _, _, raw in fields(value)
                        if n not in self.drop.get(body, ()))
        if body == NEED and self.args.bases:
            self.need(value)
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
        if self.in_bases:
            payload = self.bases(payload)
        if flags & END:
            self.in_log = self.in_bases = False
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


def write_all(data):
    while data:
        data = data[os.write(1, data):]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--drop", action="append", default=[])
    parser.add_argument("--empty-log", action="store_true")
    parser.add_argument("--other-log", action="store_true")
    parser.add_argument("--bases")
    parser.add_argument("--reset-at")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
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
        while len(payload) > MAX_DATA:
            write_all(struct.pack("<IBBH", MAX_DATA, kind, 0, rest) + payload[:MAX_DATA])
            payload = payload[MAX_DATA:]
        write_all(struct.pack("<IBBH", len(payload), kind, flags, rest) + payload)


main()
