# SPDX-License-Identifier: GPL-2.0-or-later
"""The row that needs a virtual board: Debian's guest of the lab, with its own initramfs."""

import os
import re

import debkernel
from desk import Desk
from dock import Failed
from rows import Row

NAME = "bench"
TIMED = ("b=$(date +%s%N); update-initramfs -u -k $(uname -r) >/dev/null; e=$(date +%s%N); "
         "echo $((e - b))")


class Graft(Row):
    """The initramfs of a kernel that is new to the board, against Debian's generator."""

    name, case, bar = "graft", "graft, against update-initramfs in the same guest", 0.1

    @staticmethod
    def why_not():
        if os.environ.get("KF_BENCH_VM", "1") == "0":
            return "KF_BENCH_VM=0: no virtual machine was to be started"
        return None

    def graft(self, desk, deb):
        """Install a slot with a grafted initramfs; seconds that the agent says it took."""
        desk.kferry("-o", "kernel.initramfs=graft", "deploy", "--no-reboot", "--from", deb,
                    check=0, timeout=1800)
        log = desk.on_board("journalctl", "-u", "kferryd", "--no-pager", "-o", "cat").out
        told = re.findall(r"deploy id=(\S+) event=initramfs how=(\S+) took_ms=(\d+)", log)
        if not told or told[-1][1] != "graft":
            raise Failed("the agent did not graft: "
                         f"{told[-1] if told else 'its log has no such line'}")
        desk.kferry("kernels", "rm", told[-1][0], check=0)
        return int(told[-1][2]) / 1000

    def measure(self):
        deb = debkernel.newest("amd64", "cloud-amd64")
        desk = Desk(NAME)
        try:
            desk.kferry("vm", "create", NAME, check=0, timeout=1800)
            desk.kferry("vm", "up", NAME, check=0, timeout=600)
            desk.kferry("board", "setup", NAME, check=0, timeout=300)
            desk.set("board.default", NAME, general=True)
            for _ in range(self.n):
                self.take("graft", self.graft(desk, deb))
                out = desk.kferry("exec", "--", "sh", "-c", TIMED, check=0, timeout=3600).out
                self.take("update-initramfs", int(out.split()[-1]) / 1e9)
        finally:
            desk.kferry("vm", "rm", NAME)
            desk.remove()
        return [self.line(self.case, "s", "graft", "update-initramfs", "update-initramfs -u",
                          note=f"first graft {self.samples.values['graft'][0]:.2f} s")]


ALL = [Graft]
