#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
make bench-check: instructions of the hot paths, by callgrind, against the baseline.

    check.py PROGRAM...              compare; fails when one grew by more than 10 %
    check.py --baseline PROGRAM...   write tests/bench/baseline.json

Instructions do not depend on how busy the machine is, but on the compiler, the libraries
and the processor's features.  These stand in the baseline; where they are others, the
counts are shown and not compared; the lines at the end say why, and how many were skipped.
The exit status is 77 when that were all.
"""

import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BASELINE = TOP / "tests/bench/baseline.json"
GROWTH = 1.10
LIBRARIES = ["libsodium", "libzstd", "libarchive", "jansson", "libpcre2-8", "libuv", "libprotobuf-c"]
MODULES = 1200
RELEASE = "6.9.0-bench"
MAKEFILE = f"""\
to = $(INSTALL_MOD_PATH)/lib/modules/{RELEASE}
kernelrelease:
	@echo {RELEASE}
image_name:
	@echo arch/x86/boot/bzImage
modules_install:
	@mkdir -p $(to)/kernel
	@sed 's:^:kernel/:' modules.order > $(to)/modules.order
	@cp modules.builtin modules.builtin.modinfo $(to)
	@cp -r drivers $(to)/kernel
dtbs_install:
"""


def said(*argv):
    done = subprocess.run(argv, capture_output=True, check=True)
    return done.stdout.decode().strip()


def compiler(program):
    """Which one made it, as it says itself."""
    words = said("readelf", "-p", ".comment", program)
    return " and ".join(sorted(set(re.findall(r"\]\s+(.*)", words))))


def surroundings(program):
    """All that instruction counts depend on, and that is not ours."""
    flags = next((line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("flags")), "").split()
    # valgrind's processor has no AVX-512, whatever the machine's has.
    return {"machine": platform.machine(), "compiler": compiler(program),
            "libc": platform.libc_ver()[1], "valgrind": said("valgrind", "--version"),
            "features": " ".join(f for f in ("sse4_2", "avx2") if f in flags),
            **{name: said("pkg-config", "--modversion", name) for name in LIBRARIES}}


def elf_image():
    """The least that a bzImage is: enough for release, banner and build-id to be read."""
    image = bytearray(4096)
    image[0x1fe:0x200] = b"\x55\xaa"
    image[0x202:0x206] = b"HdrS"
    image[0x206:0x208] = (0x020f).to_bytes(2, "little")
    image[0x20e:0x210] = (0x200).to_bytes(2, "little")
    text = f"{RELEASE} (me@desk) #1 SMP".encode() + b"\0"
    image[0x400:0x400 + len(text)] = text
    return bytes(image)


def make_tree(top):
    """A small kernel's tree with many modules and a makefile that installs them."""
    for name in ("Kbuild", "Kconfig", "scripts/Makefile.build", "scripts/Makefile.modinst",
                 "init/main.c", "modules.builtin", "modules.builtin.modinfo", "System.map"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("")
    (top / "Makefile").write_text(MAKEFILE)
    (top / ".config").write_text("#\n# Automatically generated file; DO NOT EDIT.\n"
                                 f"# Linux/x86 {RELEASE} Kernel Configuration\n#\n"
                                 "CONFIG_X86_64=y\nCONFIG_MODULES=y\n")
    (top / "include/config").mkdir(parents=True)
    (top / "include/config/kernel.release").write_text(RELEASE + "\n")
    (top / "arch/x86/boot").mkdir(parents=True)
    (top / "arch/x86/boot/bzImage").write_bytes(elf_image())
    source = top / "module.c"
    source.write_text('static const char info[] __attribute__((section(".modinfo"), used)) = '
                      '"license=GPL";\n')
    subprocess.run(["cc", "-c", "-o", top / "module.o", source], check=True)
    # As vmlinux: it has what a bzImage that holds no kernel cannot tell.
    banner = f'"Linux version {RELEASE} (me@desk) (gcc) #1 SMP\\n"'
    source.write_text(f"const char linux_banner[] = {banner};\n")
    subprocess.run(["cc", "-shared", "-nostdlib", "-Wl,--build-id=0x" + "ab" * 20, "-o",
                    top / "vmlinux", source], check=True)
    data = (top / "module.o").read_bytes()
    names = [f"drivers/d{i % 40}/mod_{i}.ko" for i in range(MODULES)]
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    (top / "modules.order").write_text("".join(f"{name}\n" for name in names))


def count(program, place):
    """Instructions in measured(), in the thread that calls it."""
    home, tree = place / "home", place / "linux"
    out = place / "callgrind.out"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C",
           "KFERRY_CACHE": str(place / "cache"), "KF_PROFILE_PATH": str(TOP / "boards")}
    done = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=measured",
                           f"--callgrind-out-file={out}", program.resolve()], cwd=tree, env=env,
                          capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    found = re.search(r"Collected : (\d+)", text)
    if done.returncode or not found or int(found.group(1)) == 0:
        raise SystemExit(f"bench-check: {program.name}: exit status {done.returncode}, "
                         f"no count:\n{text[-3000:]}")
    return int(found.group(1))


def compare(counts, around):
    """The exit status."""
    try:
        kept = json.loads(BASELINE.read_text())
    except FileNotFoundError:
        print("bench-check: there is no baseline: make bench-baseline")
        return 1
    strange = [f"{key} {kept['surroundings'].get(key)} there, {value} here"
               for key, value in around.items() if kept["surroundings"].get(key) != value]
    failed = skipped = 0
    for name, now in counts.items():
        then = kept["instructions"].get(name)
        if strange or then is None:
            verdict, skipped = "skipped", skipped + 1
        elif now > then * GROWTH:
            verdict, failed = "GREW", failed + 1
        else:
            verdict = "ok"
            if now < then / GROWTH:
                verdict += ", much less than the baseline: make bench-baseline"
        ratio = f"{100 * (now / then - 1):+.1f} %" if then else "not in the baseline"
        print(f"{name:12} {now:14,} instructions, baseline {then or 0:14,}  {ratio:10} {verdict}")
    if strange:
        print("SKIP counts of other surroundings are not compared: " + "; ".join(strange))
    print(f"bench-check: {len(counts) - failed - skipped} ok, {failed} grew by more than "
          f"{100 * (GROWTH - 1):.0f} %, {skipped} skipped")
    return 1 if failed else 77 if skipped == len(counts) else 0


def main():
    baseline = sys.argv[1:2] == ["--baseline"]
    programs = [pathlib.Path(word) for word in sys.argv[2 if baseline else 1:]]
    if shutil.which("valgrind") is None:
        raise SystemExit("bench-check: valgrind is not installed: tests/lab/deps.sh bench")
    with tempfile.TemporaryDirectory(prefix="kf-bench-check-") as name:
        place = pathlib.Path(name)
        for sub in ("home", "linux"):
            (place / sub).mkdir()
        make_tree(place / "linux")
        counts = {program.name: count(program, place) for program in programs}
    around = surroundings(programs[0])
    if not baseline:
        return compare(counts, around)
    BASELINE.write_text(json.dumps({"surroundings": around, "instructions": counts},
                                   indent=1) + "\n")
    for program, number in counts.items():
        print(f"{program:12} {number:14,} instructions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
