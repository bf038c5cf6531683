#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# level: full
"""What the static agent costs a board: its size, its memory idle and while installing 400 MB."""

import json
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import tap  # noqa: E402
import scratch  # noqa: E402
from scratch import TOP, Board, Package  # noqa: E402

# With an emulator in front it is another processor's; the emulator's memory says nothing.
STATIC = scratch.KFERRYD if scratch.EMULATOR else TOP / "build/static/kferryd"
MIB = 1 << 20


class Footprint(unittest.TestCase):
    def setUp(self):
        scratch.KFERRYD = STATIC
        self.board = Board(profile="x86-64")
        self.addCleanup(self.board.close)

    def memory(self, field):
        """KiB of the agent's VmRSS or VmHWM."""
        status = pathlib.Path(f"/proc/{self.board.agent.pid}/status").read_text()
        return int(next(line for line in status.splitlines()
                        if line.startswith(field)).split()[1])

    def test_size(self):
        size = STATIC.stat().st_size
        print(f"# size: {size} bytes")
        self.assertLessEqual(size, 2_500_000)

    def test_idle_memory(self):
        self.board.kferry("dmesg", check=0)
        idle = self.memory("VmRSS")
        print(f"# idle: {idle} KiB")
        self.assertLessEqual(idle * 1024, 4_000_000)

    def test_peak_memory_installing_400_mb(self):
        rng = random.Random(1)
        block = rng.randbytes(MIB)
        release = "6.9.0-big"
        files = {}
        for i in range(4000):
            at = rng.randrange(MIB // 2)
            # Half noise, half zeroes: compresses as modules do.
            files[f"modules/{release}/kernel/m{i}.ko"] = \
                i.to_bytes(4, "little") + block[at:at + 50000] + bytes(50000)
        package = Package(release=release, files=files, modules=0)
        package.file = package.write(self.board.dir / "big.kferry")
        self.board.kferry("deploy", "--from", package.file, "--no-reboot", check=0, timeout=600)
        peak = self.memory("VmHWM")
        print(f"# peak: {peak} KiB for {sum(map(len, files.values())) // 1000000} MB")
        self.assertEqual(self.board.slots(), [package.slot()])
        self.assertLessEqual(peak * 1024, 32_000_000)

    def test_peak_memory_of_a_patched_image(self):
        rng = random.Random(1)
        image = bytearray(rng.randbytes(MIB) * 60)
        for name in ("a", "b"):
            package = Package(files={"boot/image": bytes(image)}, seed=name)
            package.file = package.write(self.board.dir / f"{name}.kferry")
            done = self.board.kferry("--json", "deploy", "--from", package.file, "--no-reboot",
                                     check=0, timeout=600)
            if name == "a":
                for at in range(0, len(image), 50000):
                    image[at] ^= 1
                # The peak of the first is not the one that is asked for.
                self.board.kill_agent()
                self.board.start_agent()
        push = [json.loads(line) for line in done.out.splitlines() if '"push"' in line][-1]
        peak = self.memory("VmHWM")
        print(f"# peak: {peak} KiB for a patch of {push['patch_bytes']} bytes")
        self.assertEqual(push["patches"], 1)
        self.assertLessEqual(peak * 1024, 32_000_000)


if __name__ == "__main__":
    if not STATIC.exists():
        print("build/static/kferryd is not there: make agent-static")
        sys.exit(77)
    tap.main()
