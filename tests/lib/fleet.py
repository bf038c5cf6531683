# SPDX-License-Identifier: GPL-2.0-or-later
"""Several scratch boards, and one configuration that knows them all."""

import json
import subprocess
import time

from scratch import KFERRY, Board, Package


class Fleet:
    """boards: names; extra: lines for a board's section, by its name; link: what replaces
    its link, by its name, with {} for the real one's program."""

    def __init__(self, names, extra=None, link=None, general=""):
        self.boards = {name: Board(name) for name in names}
        self.first = next(iter(self.boards.values()))
        self.dir = self.first.dir
        self.write_config(extra or {}, link or {}, general)

    def write_config(self, extra, link, general="", phantoms=()):
        """phantoms: boards of the configuration that are not there."""
        text = f"[run]\ndir = {self.dir}/runs\n{general}\n"
        for name in [*self.boards, *phantoms]:
            real = self.boards[name].link if name in self.boards else "exec:/bin/false"
            keys = {"link": link.get(name, real).format(real.removeprefix("exec:")),
                    "profile": "x86-64", "kernel.initramfs": "none", "timeout.reboot": 30,
                    "timeout.confirm": 60}
            keys.update(line.split(" = ", 1) for line in extra.get(name, "").splitlines())
            text += f"\n[board {name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
        self.first.config_file.write_text(text)

    def __getitem__(self, name):
        return self.boards[name]

    def close(self):
        return [board.close() for board in self.boards.values()]

    def package(self, name="p.kferry", **fields):
        package = Package(**fields)
        package.file = package.write(self.dir / name)
        return package

    def kferry(self, *args, **run):
        return self.first.kferry(*args, **run)

    def events(self, *args, check=None):
        """The events of kferry --json; each line must be one."""
        done = self.kferry("--json", *args, check=check)
        return [json.loads(line) for line in done.out.splitlines()]

    def measured(self, *args, kferry=KFERRY):
        """Run kferry; its exit status, the most memory that it had (KiB), its output."""
        with open(self.dir / "measured", "w+b") as out:
            process = subprocess.Popen([kferry, *map(str, args)], cwd=self.dir, stdout=out,
                                       env=self.first.environment(), stderr=out,
                                       stdin=subprocess.DEVNULL)
            peak = 0
            # wait4()'s figure would begin with this program's, from before the exec.
            while process.poll() is None:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    peak = max([peak, *(int(line.split()[1]) for line in status
                                        if line.startswith("VmHWM:"))])
                time.sleep(0.01)
            out.seek(0)
            return process.returncode, peak, out.read().decode(errors="replace")

    def results(self):
        """result.json of the newest run of each board."""
        found = sorted((self.dir / "runs").glob("*/*/result.json"),
                       key=lambda p: p.stat().st_mtime_ns)
        return {p.parent.name: json.loads(p.read_text()) for p in found}
