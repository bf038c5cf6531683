# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a power cut leaves of a trace of file operations (tests/fault/inject.c -t).

Two kinds of file systems:

ext4 (and btrfs, xfs, f2fs): a rename is one thing; a change of a directory is lost until
that directory or the whole file system is flushed, each for itself and in any order
("loose", weaker than any of them gives), or all of them behind some instant ("journal",
what ext4 does); an fsync of a file there also takes along the directories' changes before
it ("journal" only).  Bytes of a file that was not flushed are missing, half there, or other
bytes.  Overwriting bytes in place leaves each sector old or new.

FAT, as Linux's vfat writes it: no journal, and what was not flushed may be lost in any order.
A rename is a new name and an old name less, each for itself, so that both or neither may be
there.  A new name is there empty at first: where its file begins, and how long it is, comes
with an fsync of the file, and so does the change of a name that a rename replaces.  A new
name may be there without its long form, and then is one that nobody looks for.  The clusters
of a removed file, once nobody has it open, may be gone before its name is.  An fsync of a
directory flushes the names in it.

EFI variables change at once and last.  The Raspberry Pi's tryboot flag is lost, as power is.

GRUB reads the disk without replaying the journal: see grub_view().
"""

import os
import stat

from tree import Tree

FAT_PLACES = ("boot/efi", "boot/firmware")
INSTANT = ("sys/firmware/efi/efivars", "dev")
LOST = b"\0" * 16  # what a file has whose clusters are gone


class Node:
    def __init__(self, kind, data=b""):
        self.kind, self.data = kind, data  # "f", "d", "l"


def fs_of(path):
    for place in (*FAT_PLACES, *INSTANT):
        if path == place or path.startswith(place + "/"):
            return place
    return "root"


class Effect:
    """One thing that is on the disk or not: names (a list of (directory, name, inode or
    None)), bytes of a file, or the clusters of a file that go."""

    def __init__(self, at, fs, kind, ino=None, names=(), change=None):
        self.at, self.fs, self.kind, self.ino = at, fs, kind, ino
        self.names, self.change = names, change
        self.with_file = False  # a name that an fsync of the file flushes, not one of the directory
        self.durable = None  # the operation that flushed it
        self.journal = None  # the same, where a flush takes all before it along


class Snapshot:
    """A directory as it is before the trace begins, by inodes.  They must not be used again
    for other files, which tmpfs never does."""

    def __init__(self, root):
        self.nodes, self.entries = {}, {}
        self.dirs = {"": os.stat(root).st_ino}
        self.root_ino = self.dirs[""]
        self.nodes[self.root_ino] = Node("d")
        self.scan(root)

    def scan(self, root):
        for at, dirs, files in os.walk(root):
            rel = os.path.relpath(at, root)
            ino = self.dirs["" if rel == "." else rel]
            for name in dirs + files:
                full = os.path.join(at, name)
                st = os.lstat(full)
                path = os.path.relpath(full, root)
                if stat.S_ISLNK(st.st_mode):
                    node = Node("l", os.readlink(full))
                elif stat.S_ISDIR(st.st_mode):
                    node, self.dirs[path] = Node("d"), st.st_ino
                else:
                    with open(full, "rb") as f:
                        node = Node("f", f.read())
                self.nodes[st.st_ino] = node
                self.entries[(ino, name)] = st.st_ino


class Trace:
    """The files at the beginning, and effects in their order."""

    def __init__(self, before, path):
        self.nodes, self.entries, self.root_ino = before.nodes, before.entries, before.root_ino
        # As the program saw them: all that was done is done.
        self.now = dict(self.entries)
        self.new_nodes, self.paths_fs = {}, {}
        for full, ino in self.all_paths():
            self.paths_fs.setdefault(ino, fs_of(full))
        self.effects = []
        self.ops, self.checkpoints = [], []
        with open(path, encoding="ascii") as f:
            for line in f:
                self.op(line.rstrip("\n").split("\t"))

    def find(self, path):
        """Inode of a path as it is now."""
        ino = self.root_ino
        for part in path.split("/") if path else []:
            ino = self.now.get((ino, part))
            if ino is None:
                return None
        return ino

    def place(self, path):
        at, _, name = path.rpartition("/")
        ino = self.find(at)
        assert ino is not None, f"{at} is not there"
        return ino, name

    def add(self, kind, fs, **more):
        self.effects.append(Effect(len(self.ops), fs, kind, **more))
        return self.effects[-1]

    def names(self, fs, *changes):
        """A change of directories: one thing, but on a FAT each for itself."""
        for where, name, ino in changes:
            if ino is None:
                self.now.pop((where, name), None)
            else:
                self.now[(where, name)] = ino
        groups = [[c] for c in changes] if fs in FAT_PLACES else [list(changes)]
        for group in groups:
            self.add("names", fs, names=group)

    def flush(self, which):
        here = len(self.ops)
        for e in self.effects:
            if e.durable is None and which(e):
                e.durable = here

    def commit(self, fs):
        """A flush of whatever kind commits the journal, and all before it with it."""
        for e in self.effects:
            if e.fs == fs and e.journal is None and e.kind == "names":
                e.journal = len(self.ops)

    def new(self, ino, kind, data=b""):
        self.new_nodes[ino] = Node(kind, data)

    def op(self, f):
        self.ops.append(f)
        getattr(self, "op_" + f[0])(*f[1:])
        here = len(self.ops)
        for e in self.effects:
            if e.fs in INSTANT and e.durable is None:
                e.durable = e.journal = here

    def op_create(self, path, ino):
        where, name = self.place(path)
        self.new(int(ino), "f")
        self.paths_fs[int(ino)] = fs_of(path)
        self.names(fs_of(path), (where, name, int(ino)))

    def op_mkdir(self, path, ino):
        where, name = self.place(path)
        self.new(int(ino), "d")
        self.paths_fs[int(ino)] = fs_of(path)
        self.names(fs_of(path), (where, name, int(ino)))

    def op_symlink(self, path, target):
        where, name = self.place(path)
        ino = -len(self.ops)
        self.new(ino, "l", target)
        self.names(fs_of(path), (where, name, ino))

    def op_link(self, old, path):
        where, name = self.place(path)
        self.names(fs_of(path), (where, name, self.find(old)))

    def op_rename(self, old, path):
        (d1, n1), (d2, n2) = self.place(old), self.place(path)
        ino, replaced = self.find(old), (d2, n2) in self.now
        fs = fs_of(path)
        self.names(fs, (d2, n2, ino), (d1, n1, None))
        if fs in FAT_PLACES:
            self.effects[-2].with_file, self.effects[-2].ino = replaced, ino
            if not replaced:
                self.add("place", fs, ino=ino, names=[(d2, n2, ino)])

    def op_unlink(self, path):
        where, name = self.place(path)
        self.names(fs_of(path), (where, name, None))

    def op_freed(self, ino):
        fs = self.fs_of_ino(int(ino))
        if fs in FAT_PLACES:
            self.add("freed", fs, ino=int(ino))

    def op_rmdir(self, path):
        where, name = self.place(path)
        self.names(fs_of(path), (where, name, None))

    def fs_of_ino(self, ino):
        return self.paths_fs.get(ino, "root")

    def all_paths(self):
        out, todo = [], [("", self.root_ino)]
        below = {}
        for (where, name), ino in self.now.items():
            below.setdefault(where, []).append((name, ino))
        while todo:
            path, at = todo.pop()
            out.append((path, at))
            todo += [(f"{path}/{n}" if path else n, i) for n, i in below.get(at, [])]
        return out

    def op_write(self, ino, offset, data):
        ino, fs = int(ino), self.fs_of_ino(int(ino))
        self.add("bytes", fs, ino=ino, change=("write", int(offset), bytes.fromhex(data)))

    def op_truncate(self, ino, size):
        ino, fs = int(ino), self.fs_of_ino(int(ino))
        self.add("bytes", fs, ino=ino, change=("truncate", int(size), b""))

    def op_fsync(self, ino):
        ino, fs = int(ino), self.fs_of_ino(int(ino))
        self.flush(lambda e: ((e.kind != "names" or e.with_file) and e.ino == ino) or
                   (e.kind == "names" and not e.with_file and
                    any(where == ino for where, _, _ in e.names)))
        self.commit(fs)

    def op_syncfs(self, path):
        fs = fs_of(path)
        self.flush(lambda e: e.fs == fs)
        self.commit(fs)

    def op_checkpoint(self, _path):
        """The journal is written back."""
        self.checkpoints.append(len(self.ops))

    def checkpoint(self, k):
        """The last before operation k: 0 is the last mount."""
        return max([c for c in self.checkpoints if c <= k], default=0)

    # --- states ---------------------------------------------------------------------------

    def open_effects(self, k):
        """Of the first k operations, what is not known to be on the disk."""
        return [e for e in self.effects if e.at <= k and (e.durable is None or e.durable > k)]

    def node(self, ino):
        return self.new_nodes.get(ino) or self.nodes.get(ino)

    def state(self, k, drop=frozenset(), how="none"):
        """The disk when the first k operations were made, without the effects in drop; of
        bytes that are dropped `how` tells more."""
        names, data, gone, empty = dict(self.entries), {}, set(), set()
        for e in self.effects:
            if e.at > k:
                break
            if e.kind == "place":
                if e in drop:
                    empty.add(e.names[0])
            elif e.kind == "names":
                if e in drop:
                    if how == "short" and e.fs in FAT_PLACES and e.names[0][2] is not None:
                        where, name, ino = e.names[0]
                        names[(where, name[:6].upper() + "~1")] = ino
                    continue
                for where, name, ino in e.names:
                    if ino is None:
                        names.pop((where, name), None)
                    else:
                        names[(where, name)] = ino
            elif e.kind == "freed":
                if e not in drop:
                    gone.add(e.ino)
            else:
                old = data.get(e.ino)
                if old is None:
                    old = self.node(e.ino).data
                data[e.ino] = changed(old, e.change, how if e in drop else "full")
        return State(self, names, data, gone, empty)

    def grub_view(self, j, k, reused):
        """What GRUB sees after the first k operations of an ext4 whose journal was written
        back up to operation j: directories and sizes as of j, bytes that were overwritten
        in place as of k.  reused: the blocks of files that went since have other bytes."""
        names, data, gone = dict(self.entries), {}, set()
        before = set()
        for e in self.effects:
            if e.at > k or e.fs != "root":
                continue
            if e.kind == "names" and e.at <= j:
                for where, name, ino in e.names:
                    if ino is None:
                        names.pop((where, name), None)
                    else:
                        names[(where, name)] = ino
            if e.kind == "bytes":
                old = data.get(e.ino)
                if old is None:
                    old = self.node(e.ino).data
                inside = e.change[0] == "write" and e.change[1] + len(e.change[2]) <= len(old)
                if e.at <= j or (inside and e.durable is not None and e.durable <= k):
                    data[e.ino] = changed(old, e.change, "full")
        if reused:
            for e in self.effects:
                if j < e.at <= k and e.kind == "names":
                    before |= {names[(w, n)] for w, n, i in e.names if (w, n) in names and
                               names[(w, n)] != i}
            gone = {i for i in before if self.node(i) and self.node(i).kind == "f" and
                    i not in self.names_at(k).values()}
        return State(self, names, data, gone)

    def grub_partial(self, k, rng):
        """The same with some of the journal's blocks written back, and some not, in any order:
        also what was flushed is only in the journal."""
        lost = {e for e in self.effects if self.checkpoint(k) < e.at <= k and e.fs == "root" and
                rng.random() < 0.5}
        names, data = dict(self.entries), {}
        for e in self.effects:
            if e.at > k or e.fs != "root":
                continue
            if e.kind == "names" and e not in lost:
                for where, name, ino in e.names:
                    if ino is None:
                        names.pop((where, name), None)
                    else:
                        names[(where, name)] = ino
            if e.kind == "bytes":
                old = data.get(e.ino)
                if old is None:
                    old = self.node(e.ino).data
                inside = e.change[0] == "write" and e.change[1] + len(e.change[2]) <= len(old)
                if inside or e not in lost:
                    data[e.ino] = changed(old, e.change, "full")
        return State(self, names, data, set())

    def names_at(self, k):
        names = dict(self.entries)
        for e in self.effects:
            if e.at > k:
                break
            if e.kind == "names":
                for where, name, ino in e.names:
                    if ino is None:
                        names.pop((where, name), None)
                    else:
                        names[(where, name)] = ino
        return names


def changed(old, change, how):
    """Bytes of a file after a change that the disk has all of ("full"), or not."""
    kind, at, data = change
    if kind == "truncate":
        return (old[:at] + b"\0" * (at - len(old))) if how == "full" else old
    if how == "none" or how == "short":
        return old
    whole = old[:at].ljust(at, b"\0") + data + old[at + len(data):]
    if how == "full":
        return whole
    if at + len(data) <= len(old):
        # In place: whole sectors, the first ones or the last ones.
        cut = (at + max(512, len(data) // 2)) // 512 * 512
        cut = min(max(cut, at), at + len(data))
        return whole[:cut] + old[cut:] if how == "half" else old[:cut] + whole[cut:]
    if how == "half":
        return whole[:at + len(data) // 2]
    return whole[:at] + b"\0" * (len(whole) - at)  # "other": the size, and not the bytes


class State:
    """One disk."""

    def __init__(self, trace, names, data, gone, empty=()):
        self.trace, self.names, self.data, self.gone = trace, names, data, gone
        self.empty = empty  # names of files on a FAT that do not say yet where these are

    def walk(self):
        """(path, Node kind, content) of all that can be reached."""
        below = {}
        for (where, name), ino in self.names.items():
            below.setdefault(where, []).append((name, ino))
        todo, seen = [("", self.trace.root_ino)], set()
        while todo:
            path, at = todo.pop()
            if at in seen:
                continue  # a directory with two names, halfway through a rename on a FAT
            seen.add(at)
            for name, ino in below.get(at, []):
                node = self.trace.node(ino)
                full = f"{path}/{name}" if path else name
                if node.kind == "d":
                    yield full, "d", None
                    todo.append((full, ino))
                elif node.kind == "l":
                    yield full, "l", node.data
                elif (at, name, ino) in self.empty:
                    yield full, "f", b""
                elif ino in self.gone:
                    yield full, "f", LOST
                else:
                    yield full, "f", self.data.get(ino, node.data)

    def tree(self):
        files, dirs = {}, []
        for path, kind, data in self.walk():
            if kind == "f":
                files[path] = data
            elif kind == "d":
                dirs.append(path)
        return Tree(files, dirs)

    def write(self, root):
        """Make it a directory."""
        for path, kind, data in sorted(self.walk()):
            full = os.path.join(root, path)
            if kind == "d":
                os.makedirs(full, exist_ok=True)
            elif kind == "l":
                os.symlink(data, full)
            else:
                with open(full, "wb") as f:
                    f.write(data)


def states(trace, k, rng, many):
    """(what is lost, State) for a cut after operation k: all that is not flushed, nothing,
    each alone, each alone kept, all behind an instant, and `many` at random."""
    left = trace.open_effects(k)
    yield "nothing", trace.state(k)
    if not left:
        return
    yield "all", trace.state(k, frozenset(left))
    for e in left:
        for how in ("none",) if e.kind in ("freed", "place") else ("none", "short") if e.kind == "names" \
                else ("none", "half", "other"):
            if how == "short" and e.fs not in FAT_PLACES:
                continue
            yield f"{e.kind} of {e.at} ({how})", trace.state(k, frozenset([e]), how)
    for e in left:
        yield f"all but {e.kind} of {e.at}", trace.state(k, frozenset(left) - {e})
    for how in ("half", "other"):
        yield f"bytes ({how})", trace.state(k, frozenset(e for e in left if e.kind == "bytes"), how)
    # The journal: directories of the other file systems as of an earlier instant.
    late = [e for e in left if e.fs == "root" and (e.journal is None or e.journal > k)]
    for e in late:
        drop = frozenset(x for x in late if x.at >= e.at)
        yield f"all from {e.at}", trace.state(k, drop)
    for _ in range(many):
        drop = frozenset(e for e in left if rng.random() < 0.5)
        yield "some", trace.state(k, drop, rng.choice(("none", "half", "other", "short")))
