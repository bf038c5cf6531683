# SPDX-License-Identifier: GPL-2.0-or-later
"""
The rows of the table that need no virtual machine.  A row is a class: what it is called,
its bar, and measure(), which returns lines.  docs/PERFORMANCE.md says for each what is
timed from when to when.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import time

import kernels
import scratch
from dock import Failed, bytes_of, memory, nice_sync, sent
from figure import Line, Samples
from others import Others, install_modules, patch_size, zstd_size

MIB = 1 << 20
DELAY = float(os.environ.get("KF_BENCH_DELAY_MS", "20")) / 1000  # in each direction
RATE = int(float(os.environ.get("KF_BENCH_MBIT", "100")) * 1e6 / 8)  # bytes a second
ROUND_TRIPS = 6


class Row:
    name = case = ""
    bar = limit = None

    def __init__(self, bench):
        self.bench, self.dock, self.n = bench, bench.dock, bench.n
        self.samples = Samples()

    def line(self, case, unit, ours, theirs, against, bar=None, **more):
        """ours, theirs: names of samples, or values."""
        def value(of):
            return self.samples.median(of) if isinstance(of, str) else of
        line = Line(self.name, case, unit, value(ours), value(theirs), against,
                    bar if bar is not None else self.bar, **more)
        line.samples = self.samples.values
        return line

    def take(self, name, *value):
        self.samples.add(name, *value)
        self.bench.progress(self.name, name, value[0])

    def medians(self, *names):
        return ", ".join(f"{name} {self.samples.median(name):.2f} s" for name in names
                         if self.samples.has(name))


class Push(Row):
    """A board that has nothing gets Debian's full kernel."""

    name, case, bar = "push", "first push of the full kernel, push + install", 1.0

    def prepare(self, full):
        """Returns how to deploy to a board: keywords of Dock.deploy, configuration."""
        return {"source": full.package(self.dock.kferry)}, ""

    def measure(self):
        full = self.bench.full()
        how, config = self.prepare(full)
        others, files = Others(self.dock), 0
        for i in range(self.n):
            board = self.dock.board(config=config)
            nice_sync()
            took, events, peak = self.dock.deploy(board, **how)
            self.take("kferry", took)
            self.samples.add("controller KiB", peak)
            files, _ = sent(events)
            ways = [("rsync", others.rsync), ("tar+zstd+ssh", others.tar)]
            if i == 0 or self.n <= 5:
                ways.append(("scp -r", others.scp))
            for name, way in ways:
                target = self.dock.dir / f"{self.name}-{i}-{way.__name__}"
                target.mkdir()
                nice_sync()
                self.take(name, way(full.root, target))
                began = time.monotonic()
                nice_sync()
                self.samples.add(f"{name}: then sync", time.monotonic() - began)
        best = min(("rsync", "tar+zstd+ssh"), key=self.samples.median)
        line = self.line(self.case, "s", "kferry", best, best,
                         note=f"{files} files, {full.size / 1e6:.0f} MB; "
                         + self.medians("rsync", "tar+zstd+ssh", "scp -r") + ". Ours ends when "
                         "every file is on the disk and read back; a sync after rsync took "
                         f"{self.samples.median('rsync: then sync'):.2f} s more")
        return [line]


class PushTree(Push):
    """The same from the object tree, packed before (another board has it)."""

    name, case = "push-tree", "first push from the object tree, packed before"

    def prepare(self, full):
        config = full.tree.config()
        how = {"cwd": full.src}
        first = self.dock.board(config=config)
        took = self.dock.deploy(first, **how)[0]
        self.samples.add("packing and the first board", took)
        return how, config


class Unchanged(Row):
    name, case, bar = "unchanged", "nothing changed, full kernel's tree", 1.3

    def tree(self):
        full = self.bench.full()
        return full, full.root

    def measure(self):
        kernel, root = self.tree()
        board = self.dock.board(config=kernel.tree.config())
        others = Others(self.dock)
        target = self.dock.dir / f"{self.name}-rsync"
        target.mkdir()
        self.dock.deploy(board, cwd=kernel.src)
        others.rsync(root, target)
        nice_sync()
        for _ in range(self.n):
            took, events, _ = self.dock.deploy(board, cwd=kernel.src)
            if sent(events)[0]:
                raise Failed(f"nothing was changed, and kferry sent {sent(events)[0]} files")
            self.take("kferry", took)
            self.take("ssh host true", others.true())
            self.take("rsync", others.rsync(root, target))
        return [self.line(self.case, "s", "kferry", "ssh host true", "ssh host true"),
                self.line(f"{self.case}, against rsync", "s", "kferry", "rsync",
                          "rsync, no modules_install", bar=1.0)]


class UnchangedSmall(Unchanged):
    name, case = "unchanged-small", "nothing changed, small tree"

    def tree(self):
        small = self.bench.small("x86_64")
        staging = self.dock.dir / f"{self.name}-staging"
        install_modules(small.tree, small.src, staging)
        return small, staging


class Module(Row):
    """One line changed in veth, from the end of make until it is installed on the board."""

    name, case, bar = "module", "one module changed, full kernel's tree, end of make to installed", 0.2

    def kernel(self):
        return self.bench.full()

    def measure(self):
        kernel = self.kernel()
        tree = kernel.tree
        board = self.dock.board(config=tree.config())
        others = Others(self.dock)
        staging, target = (self.dock.dir / f"{self.name}-{what}" for what in ("staging", "rsync"))
        target.mkdir()
        tree.put(0)
        self.dock.deploy(board, cwd=kernel.src)
        install_modules(tree, kernel.src, staging)
        others.rsync(staging, target)
        for i in range(self.n):
            tree.put(i + 1)
            nice_sync()
            self.take("kferry", self.dock.deploy(board, cwd=kernel.src)[0])
            nice_sync()
            install = install_modules(tree, kernel.src, staging)
            push = others.rsync(staging, target)
            self.samples.add("modules_install", install)
            self.samples.add("rsync", push)
            self.take("modules_install + rsync", install + push)
        return [self.line(self.case, "s", "kferry", "modules_install + rsync",
                          "modules_install + rsync",
                          note=self.medians("modules_install", "rsync"))]


class ModuleSmall(Module):
    name, case = "module-small", "one module changed, small tree, end of make to installed"

    def kernel(self):
        return self.bench.small("x86_64")


class ModuleBytes(Row):
    """What goes over the connection for it, both ways, SSH's own bytes among them."""

    name, case, bar = "module-bytes", "one module changed, full kernel, bytes on the wire", 1.2
    allowance = 8192

    def kernel(self):
        return self.bench.full()

    def stripped(self, tree, number):
        out = self.dock.dir / f"{self.name}-{number}.ko"
        subprocess.run(["strip", "--strip-debug", "-o", out, tree.file(number, tree.outputs[0])],
                       check=True)
        return out

    def measure(self):
        kernel = self.kernel()
        tree, link = kernel.tree, self.dock.link()
        board = self.dock.board(link, config=tree.config())
        tree.put(0)
        self.dock.deploy(board, cwd=kernel.src)
        up = down = 0
        for i in range(self.n):
            tree.put(i + 1)
            (up, down), (_, events, _) = bytes_of(
                link, lambda: self.dock.deploy(board, cwd=kernel.src))
            self.take("kferry", up + down)
            self.samples.add("kferry says", sent(events)[1])
            self.samples.add("up", up)
            self.samples.add("down", down)
            old, new = self.stripped(tree, i), self.stripped(tree, i + 1)
            self.take("zstd --patch-from", patch_size(old, new))
            self.samples.add("zstd -19", zstd_size(new, 19))
            true = bytes_of(link, lambda: Others(self.dock, link).true())[0]
            self.samples.add("ssh host true", sum(true))
        patch = self.samples.median("zstd --patch-from")
        note = (f"to the board {self.samples.median('up'):.0f}, back "
                f"{self.samples.median('down'):.0f} bytes, of which kferry counts "
                f"{self.samples.median('kferry says'):.0f}; `ssh host true` alone "
                f"{self.samples.median('ssh host true'):.0f}; the whole module, zstd -19, "
                f"{self.samples.median('zstd -19'):.0f}")
        return [self.line(self.case, "B", "kferry", "zstd --patch-from", "zstd -19 --patch-from",
                          limit=self.bar * patch + self.allowance,
                          words="1.2 x patch + 8 KiB", note=note)]


class ModuleBytesSmall(ModuleBytes):
    name, case = "module-bytes-small", "one module changed, small tree, bytes on the wire"

    def kernel(self):
        return self.bench.small("x86_64")


class Image(Row):
    """arm64's Image, not compressed, after one more line in a driver that is built in."""

    name, case, bar = "image-bytes", "image rebuilt after a one-line change (arm64), bytes", 0.25

    def first(self, link):
        """A board that has variant 0, and the way to deploy the others."""
        kernel = self.bench.small("arm64")
        board = self.dock.board(link, config=kernel.tree.config(),
                                preload=self.bench.as_arm64())
        kernel.tree.put(0)
        self.dock.deploy(board, cwd=kernel.src)
        return kernel, board

    def measure(self):
        link = self.dock.link()
        kernel, board = self.first(link)
        for i in range(self.n):
            kernel.tree.put(i + 1)
            (up, down), (_, events, _) = bytes_of(
                link, lambda: self.dock.deploy(board, cwd=kernel.src))
            self.take("kferry", up + down)
            self.samples.add("kferry says", sent(events)[1])
            image = kernel.tree.file(i + 1, kernel.image)
            self.take("zstd -3", zstd_size(image, 3))
            self.samples.add("zstd -19", zstd_size(image, 19))
            self.samples.add("zstd --patch-from",
                             patch_size(kernel.tree.file(i, kernel.image), image))
        return [self.line(self.case, "B", "kferry", "zstd -3", "zstd -3 of Image",
                          note=f"Image is {image.stat().st_size} bytes, zstd -19 of it "
                          f"{self.samples.median('zstd -19'):.0f}, zstd -19 --patch-from "
                          f"{self.samples.median('zstd --patch-from'):.0f}; ours is all that the "
                          "deploy sends and receives, System.map among it")]


class ImageSlow(Image):
    name = "image-slow"
    case = f"the same over {RATE * 8 / 1e6:g} Mbit/s with {DELAY * 1000:g} ms each way"
    bar = 1.2

    def measure(self):
        slow, fast = self.dock.link(delay=DELAY, rate=RATE), self.dock.link()
        kernel, board = self.first(slow)
        others = Others(self.dock, slow)
        target = self.dock.dir / f"{self.name}-rsync"
        target.mkdir()
        staging = self.dock.dir / f"{self.name}-staging"
        (staging / "boot").mkdir(parents=True)

        def stage(i):
            for name in (kernel.image, "System.map"):
                shutil.copy(kernel.tree.file(i, name), staging / "boot" / pathlib.Path(name).name)
        stage(0)
        others.rsync(staging, target)
        _, near = self.first(fast)
        _, warm = self.first(slow)
        self.dock.kferry("session", "start", warm)
        for i in range(self.n):
            kernel.tree.put(i + 1)
            for who, name, size in ((board, "kferry", "bytes"),
                                    (warm, "with a session", "bytes with it")):
                (up, down), (took, _, _) = bytes_of(
                    slow, lambda who=who: self.dock.deploy(who, cwd=kernel.src))
                self.take(name, took)
                # One direction at a time is what a deploy uses.
                self.samples.add(size, up + down)
            self.take("not slowed", self.dock.deploy(near, cwd=kernel.src)[0])
            self.samples.add("the line's share", self.samples.values["kferry"][-1]
                             - self.samples.values["not slowed"][-1])
            stage(i + 1)
            self.take("rsync", others.rsync(staging, target))
            self.take("ssh host true", others.true())
        self.dock.kferry("session", "stop", "--all")

        def over_it(case, name, size, note):
            limit = self.bar * self.samples.median(size) / RATE + ROUND_TRIPS * 2 * DELAY
            return self.line(case, "s", name, "rsync", "rsync of Image and System.map",
                             limit=limit, words="1.2 x bytes / bandwidth + 6 round trips",
                             note=f"{self.samples.median(size):.0f} bytes; {note}")
        return [over_it(self.case, "kferry", "bytes",
                        "the same deploy without the slow line: "
                        + self.medians("not slowed", "the line's share")
                        + f"; over it {self.medians('ssh host true')}"),
                over_it(f"{self.case}, with `kferry session`", "with a session",
                        "bytes with it", "the login was made before, rsync makes its own")]


class Boards(Row):
    """Sixteen boards that have nothing, in one command, against a command for each."""

    name, case, bar = "boards", "16 boards at once, small tree, against one by one", 0.5
    count = int(os.environ.get("KF_BENCH_BOARDS", "16"))
    memory = 64 * MIB

    def kernel(self):
        return self.bench.small("x86_64")

    def measure(self):
        kernel = self.kernel()
        config = kernel.tree.config()
        for _ in range(self.n):
            boards = [self.dock.board(config=config) for _ in range(2 * self.count)]
            together, alone = boards[:self.count], boards[self.count:]
            nice_sync()
            took, _, peak = self.dock.deploy(*together, cwd=kernel.src)
            self.take("at once", took)
            self.samples.add("controller MiB", peak / 1024)
            nice_sync()
            self.take("one by one", sum(self.dock.deploy(board, cwd=kernel.src)[0]
                                        for board in alone))
            for board in boards:
                self.dock.remove(board)
        return [self.line(self.case, "s", "at once", "one by one",
                          f"{self.count} deploys one by one"),
                self.line("controller's memory meanwhile", "MiB", "controller MiB", None, "",
                          limit=self.memory / MIB)]


class BoardsFull(Boards):
    """Asked for by name only: sixteen times 390 MB on one disk."""

    name, case = "boards-full", "16 boards at once, full kernel, against one by one"

    @staticmethod
    def why_not():
        return "only when asked for: make bench ROWS=boards-full"

    def kernel(self):
        return self.bench.full()


class Agent(Row):
    name, case, bar = "agent", "the agent on a board", None
    size, idle, peak = 2_500_000, 4_000_000, 32_000_000

    def measure(self):
        full = self.bench.full()
        package = full.package(self.dock.kferry)
        for _ in range(self.n):
            board = self.dock.board()
            pid = self.dock.boards[board].agent.pid
            self.dock.kferry("dmesg", board)
            self.take("idle", memory(pid, "VmRSS") * 1024)
            self.dock.deploy(board, source=package)
            self.take("peak", memory(pid, "VmHWM") * 1024)
            self.samples.add("after", memory(pid, "VmRSS") * 1024)
        size = scratch.KFERRYD.stat().st_size
        return [self.line("agent's memory, idle", "B", "idle", None, "", limit=self.idle),
                self.line(f"agent's peak while installing {full.size / 1e6:.0f} MB", "B", "peak",
                          None, "", limit=self.peak),
                self.line("static agent's size", "B", size, None, "", limit=self.size)]


class Classify(Row):
    """A log without a fault, as most are: what looking at it costs."""

    name, case = "classify", "kferry log of 100 MB without a finding, processor's time"
    size, limit = 100_000_000, 1.0
    lines = ["usb 1-1: new high-speed USB device number 2 using xhci_hcd",
             "pci 0000:00:1f.2: reg 0x24: [mem 0xfea10000-0xfea10fff]",
             "EXT4-fs (vda2): mounted filesystem with ordered data mode. Quota mode: none.",
             "audit: type=1400 audit(1700000000.123:45): apparmor=\"STATUS\" operation=\"load\"",
             "nvme nvme0: 8/0/0 default/read/poll queues",
             "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
             "BUGFIX level 3 of the firmware is loaded, no warning was given"]
    heads = "BUG:|WARNING:|Oops|Kernel panic|Unable to handle|protection fault|stall|INFO: task"

    def log(self):
        path = self.dock.dir / "clean.log"
        lines = (f"[{i // 1000:5}.{i % 1000:03}000] {self.lines[i * 31 % 7]}\r\n"
                 for i in range(10000))
        block = "".join(lines).encode()
        with path.open("wb") as f:
            for _ in range(self.size // len(block) + 1):
                f.write(block)
        os.truncate(path, self.size)
        return path

    @staticmethod
    def processor(action):
        """Seconds of the processor in programs that it runs, and what it returns."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = action()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, result

    def measure(self):
        path = self.log()
        for _ in range(self.n):
            took, (_, events, _) = self.processor(lambda: self.dock.kferry("log", path))
            if [e["event"] for e in events] != ["findings"]:
                raise Failed(f"a log without a fault has findings: {events[:3]}")
            self.take("kferry", took)
            self.take("grep", self.processor(lambda: subprocess.run(
                ["grep", "-cE", self.heads, path], stdout=subprocess.DEVNULL, check=False,
                env={**os.environ, "LC_ALL": "C"}))[0])
        speed = self.size / 1e6 / self.samples.median("kferry")
        return [self.line(self.case, "s", "kferry", "grep", "grep -cE of 8 heads",
                          limit=self.limit, words="100 MB/s",
                          note=f"{speed:.0f} MB/s on one processor, the start of the program "
                          "included")]


ALL = [Push, PushTree, Unchanged, UnchangedSmall, Module, ModuleSmall, ModuleBytes,
       ModuleBytesSmall, Image, ImageSlow, Boards, BoardsFull, Agent,
       Classify]
