# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a board would boot: a model of each boot stage's documented choice.

Written from the boot stages' documentation and not from kferry's code.  Each takes a Tree
of the whole board, consumes the one-shot as the stage does, and returns a Boot; Dead is
raised where the board would stand still.

systemd-boot: systemd-boot(7), loader.conf(5), UAPI.1 Boot Loader Specification.
GRUB: its manual (grubscript.py).  UEFI: UEFI 2.10, 3.1.  U-Boot: doc/develop/distro.rst and
the extlinux.conf of pxe_utils.  Raspberry Pi: rpifw.py, a model of documented behaviour.
"""

import dataclasses
import fnmatch
import struct
import zlib

import grubscript
import rpifw
from tree import NoCase

VARS = "sys/firmware/efi/efivars/"
GLOBAL = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
LOADER = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


class Dead(Exception):
    """Neither an old nor a new kernel starts."""


@dataclasses.dataclass
class Boot:
    kernel: bytes
    initrd: bytes  # None: none
    cmdline: str
    dtb: bytes = None
    path: str = ""
    proc: str = ""  # what stands in front of the command line in /proc/cmdline


# --- EFI variables ------------------------------------------------------------------------


def get_var(tree, name):
    data = tree.read(VARS + name)
    return None if data is None or len(data) <= 4 else data[4:]


def get_string(tree, name):
    data = get_var(tree, name)
    return None if data is None else data.decode("utf-16-le", "replace").split("\0")[0]


def is_efi_program(data):
    return data is not None and data[:2] == b"MZ"


# --- systemd-boot -------------------------------------------------------------------------


def compare(a, b):
    """UAPI.10 version comparison: negative, 0, positive."""
    def valid(c):
        return c.isascii() and (c.isalnum() or c in "~-^.")
    while True:
        a, b = a.lstrip("".join(c for c in set(a) if not valid(c))), \
            b.lstrip("".join(c for c in set(b) if not valid(c)))
        for mark, low in (("~", True), (None, True), ("-", True), ("^", True), (".", True)):
            if mark is None:
                if not a or not b:
                    return bool(a) - bool(b)
                continue
            x, y = a[:1] == mark, b[:1] == mark
            if x or y:
                if x != y:
                    return -1 if x == low else 1
                a, b = a[1:], b[1:]
                break
        else:
            digits = a[:1].isdigit() or b[:1].isdigit()
            n = [0, 0]
            for i, s in enumerate((a, b)):
                while n[i] < len(s) and valid(s[n[i]]) and s[n[i]] not in "~-^." and \
                        s[n[i]].isdigit() == digits:
                    n[i] += 1
            x, y = a[:n[0]], b[:n[1]]
            if digits:
                x, y = int(x or 0), int(y or 0)
            if x != y:
                return -1 if x < y else 1
            a, b = a[n[0]:], b[n[1]:]


class SdEntry:
    def __init__(self, esp, name):
        self.id, self.fields, self.initrd, self.options = name.lower(), {}, [], []
        for line in esp.text("loader/entries/" + name).splitlines():
            key, _, value = line.strip().partition(" ")
            value = value.strip()
            if not value or key.startswith("#"):
                continue
            if key == "initrd":
                self.initrd.append(value)
            elif key == "options":
                self.options.append(value)
            else:
                self.fields[key] = value

    def key(self):
        return self.fields.get("sort-key")

    def before(self, other):
        """Does it stand above the other in the menu?"""
        if (self.key() is None) != (other.key() is None):
            return self.key() is not None
        if self.key() is not None:
            for mine, theirs in ((self.key(), other.key()), (self.fields.get("machine-id", ""),
                                 other.fields.get("machine-id", ""))):
                if mine != theirs:
                    return mine < theirs
            c = compare(self.fields.get("version", ""), other.fields.get("version", ""))
            if c:
                return c > 0
        return compare(self.id, other.id) > 0


def sd_entries(esp):
    out = []
    for name in esp.names("loader/entries"):
        if not name.lower().endswith(".conf") or name.startswith("."):
            continue
        entry = SdEntry(esp, name)
        # An entry whose kernel cannot be opened is left out of the menu.
        if "linux" not in entry.fields or not esp.exists(entry.fields["linux"]):
            continue
        at = 0
        while at < len(out) and not entry.before(out[at]):
            at += 1
        out.insert(at, entry)
    return out


def sd_default(tree, esp):
    pattern = get_string(tree, "LoaderEntryDefault" + LOADER)
    if pattern:
        return pattern
    for line in (esp.text("loader/loader.conf") or "").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == "default":
            return words[1]
    return None


def systemd_boot(tree):
    esp = NoCase(tree, "boot/efi")
    entries = sd_entries(esp)
    chosen = None
    once = get_string(tree, "LoaderEntryOneShot" + LOADER)
    if once is not None:
        tree.remove(VARS + "LoaderEntryOneShot" + LOADER)
        chosen = next((e for e in entries if e.id == once.lower()), None)
    pattern = sd_default(tree, esp)
    if not chosen and pattern:
        chosen = next((e for e in entries if fnmatch.fnmatch(e.id, pattern.lower())), None)
    chosen = chosen or (entries[0] if entries else None)
    if not chosen:
        raise Dead("systemd-boot has no entry")
    kernel = esp.read(chosen.fields["linux"])
    if not is_efi_program(kernel):
        raise Dead(f"systemd-boot: {chosen.id} has no kernel that starts")
    initrd = [esp.read(path) for path in chosen.initrd]
    if None in initrd:
        raise Dead(f"systemd-boot: {chosen.id} has no initrd")
    return Boot(kernel, b"".join(initrd) if initrd else None, " ".join(chosen.options),
                path=chosen.id)


# --- GRUB ---------------------------------------------------------------------------------


def grub(tree):
    try:
        path, kernel, initrd, cmdline = grubscript.boot(tree, "boot/grub")
    except grubscript.Stuck as error:
        raise Dead(f"GRUB: {error}") from error
    return Boot(kernel, initrd, cmdline, path=path, proc=f"BOOT_IMAGE=(hd0,gpt2){path} ")


# --- UEFI ---------------------------------------------------------------------------------


def load_option(data):
    """(active, PARTUUID bytes, file, optional data) of an EFI_LOAD_OPTION, or None."""
    if data is None or len(data) < 8:
        return None
    attributes, n = struct.unpack_from("<IH", data)
    at = 6
    while data[at:at + 2] != b"\0\0":
        at += 2
        if at + 2 > len(data):
            return None
    at += 2
    path, rest = data[at:at + n], data[at + n:]
    part, name = None, ""
    while len(path) >= 4:
        kind, sub, size = struct.unpack_from("<BBH", path)
        if size < 4 or size > len(path):
            return None
        if (kind, sub) == (4, 1):
            part = path[24:40]
        elif (kind, sub) == (4, 4):
            name += path[4:size].decode("utf-16-le", "replace").rstrip("\0")
        path = path[size:]
    return attributes & 1, part, name, rest


PART_GUID = bytes.fromhex("4433221166558877" "99aabbccddeeff00")


def try_option(tree, number):
    esp = NoCase(tree, "boot/efi")
    option = load_option(get_var(tree, f"Boot{number:04X}" + GLOBAL))
    if not option or option[1] != PART_GUID:
        return None
    path = option[2].replace("\\", "/")
    kernel = esp.read(path)
    if not is_efi_program(kernel):
        return None
    cmdline = option[3].decode("utf-16-le", "replace").split("\0")[0]
    initrd = None
    words = []
    for word in cmdline.split(" "):
        words.append(word)
        if word.startswith("initrd="):
            part = esp.read(word[len("initrd="):].replace("\\", "/"))
            if part is None:
                return None  # the stub ends with an error, and the next option is tried
            initrd = (initrd or b"") + part
    return Boot(kernel, initrd, cmdline, path=path)


def efi(tree):
    nxt = get_var(tree, "BootNext" + GLOBAL)
    numbers = []
    if nxt is not None:
        tree.remove(VARS + "BootNext" + GLOBAL)
        numbers.append(struct.unpack("<H", nxt[:2])[0])
    order = get_var(tree, "BootOrder" + GLOBAL) or b""
    numbers += [n for (n,) in struct.iter_unpack("<H", order[:len(order) // 2 * 2])]
    for number in numbers:
        found = try_option(tree, number)
        if found:
            return found
    raise Dead("the firmware has nothing to start")


# --- Raspberry Pi -------------------------------------------------------------------------


def rpi(tree):
    fat = NoCase(tree, "boot/firmware")
    flag = (tree.read("dev/vcio") or b"0")[:1] == b"1"
    if flag:
        tree.write("dev/vcio", b"0\n")
    try:
        start = rpifw.choose({1: fat}, rpifw.PI4, flag)
    except rpifw.Dead as error:
        raise Dead(f"model of the Raspberry Pi: {error}") from error
    return Boot(start.kernel, start.initramfs, start.cmdline, start.dtb, start.kernel_path)


# --- U-Boot -------------------------------------------------------------------------------


def script_of(image):
    """The text of a boot.scr whose checksums are right, else None."""
    if image is None or len(image) < 72 or image[:4] != b"\x27\x05\x19\x56" or image[30] != 6:
        return None
    head = image[:4] + b"\0\0\0\0" + image[8:64]
    size = struct.unpack_from(">I", image, 12)[0]
    data = image[64:64 + size]
    if zlib.crc32(head) != struct.unpack_from(">I", image, 4)[0] or len(data) != size or \
            zlib.crc32(data) != struct.unpack_from(">I", image, 24)[0]:
        return None
    n = struct.unpack_from(">I", data)[0]
    return data[8:8 + n].decode()


class Sysboot(Exception):
    pass


def sysboot(files, path):
    """What `sysboot` starts; None when it comes back."""
    text = files.text(path)
    if text is None:
        return None
    labels, default, label = {}, None, None
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        key, value = key.lower(), value.strip()
        if key == "default":
            default = value
        elif key == "label":
            label = labels.setdefault(value, {})
        elif label is not None and value:
            label[{"kernel": "linux"}.get(key, key)] = value
    label = labels.get(default) or next(iter(labels.values()), None)
    if not label or not files.exists(label.get("linux", "?")):
        return None
    kernel = files.read(label["linux"])
    if kernel[56:60] != b"ARM\x64":
        return None  # booti refuses it
    initrd = files.read(label["initrd"]) if "initrd" in label else None
    if "initrd" in label and initrd is None:
        return None
    dtb = None
    if "fdtdir" in label:
        dtb = files.read(label["fdtdir"].rstrip("/") + "/" + FDTFILE)
    return Boot(kernel, initrd, label.get("append", ""), dtb, label["linux"])


FDTFILE = "allwinner/board.dtb"


def hush(lines, fat):
    """Run the words of a boot script; returns when it ends, raises Sysboot on a start."""
    stack = []  # of [condition held, in its branch]
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line == "fi":
            stack.pop()
            continue
        if line == "else":
            stack[-1] = not stack[-1]
            continue
        active = all(s is True for s in stack)
        if line.startswith("if "):
            condition = line[3:].removesuffix("; then")
            stack.append(command(condition.split(), fat) if active else None)
        elif active:
            command(line.split(), fat)


def command(w, fat):
    if w[:2] == ["test", "-e"]:
        return fat.exists(w[4])
    if w[0] == "fatrm":
        if not fat.exists(w[3]):
            return False
        fat.remove(w[3])
        return True
    if w[0] == "sysboot":
        found = sysboot(fat, w[5])
        if found:
            raise Sysboot(found)
        return False
    if w[0] == "echo":
        return True
    raise AssertionError(f"the model does not know the command {w[0]}")


def uboot(tree):
    fat = NoCase(tree, "boot/efi")
    found = sysboot(fat, "extlinux/extlinux.conf")
    if found:
        return found
    text = script_of(fat.read("boot.scr"))
    if text is not None:
        try:
            hush(text.splitlines(), fat)
        except Sysboot as start:
            return start.args[0]
    # The second partition, the board's own.
    found = sysboot(tree, "boot/extlinux/extlinux.conf")
    if not found:
        raise Dead("U-Boot finds nothing to start")
    return found


STAGES = {"systemd-boot": systemd_boot, "grub": grub, "efi-bootnext": efi, "rpi-firmware": rpi,
          "uboot-extlinux": uboot}


def boot(chain, tree, keep=True):
    """What the chain's stage starts next.  keep: it did, so what it consumed is gone."""
    tree.changed = {}
    try:
        return STAGES[chain](tree)
    finally:
        if keep:
            tree.keep()
        tree.changed = {}
