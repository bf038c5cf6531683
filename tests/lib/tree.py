# SPDX-License-Identifier: GPL-2.0-or-later
"""
A board's files as a boot stage reads them: from a directory, or from memory.

Paths are relative, "boot/efi/loader/loader.conf".  What a boot stage writes (a flag that it
clears) is kept apart until keep() puts it where the files are, so that a test can ask what
would boot without booting it.
"""

import os
import pathlib


def clean(path):
    return "/".join(part for part in path.split("/") if part not in ("", "."))


class Tree:
    """Of a dictionary {path: bytes}; directories are where files are, and `dirs`."""

    def __init__(self, files=None, dirs=()):
        self.files = files if files is not None else {}
        self.dirs = set(dirs)
        self.changed = {}

    def _read(self, path):
        return self.files.get(path)

    def _names(self, path):
        at = path + "/" if path else ""
        return {p[len(at):].split("/")[0] for p in (*self.files, *self.dirs)
                if p.startswith(at) and p != path}

    def _store(self, path, data):
        if data is None:
            self.files.pop(path, None)
        else:
            self.files[path] = data

    def read(self, path):
        """The file's bytes, None when there is no such file."""
        path = clean(path)
        return self.changed[path] if path in self.changed else self._read(path)

    def text(self, path):
        data = self.read(path)
        return None if data is None else data.decode(errors="replace")

    def exists(self, path):
        return self.read(path) is not None

    def names(self, path):
        """What is in a directory, sorted."""
        path = clean(path)
        found = self._names(path)
        for name, data in self.changed.items():
            if name.rpartition("/")[0] == path:
                (found.discard if data is None else found.add)(name.rpartition("/")[2])
        return sorted(found)

    def find(self, path):
        """The name that a file system without case has for it, or None."""
        at = ""
        for part in clean(path).split("/"):
            for name in self.names(at):
                if name.lower() == part.lower():
                    at = f"{at}/{name}" if at else name
                    break
            else:
                return None
        return at

    def write(self, path, data):
        self.changed[clean(path)] = data

    def remove(self, path):
        self.changed[clean(path)] = None

    def keep(self):
        """Make what was written true."""
        for path, data in self.changed.items():
            self._store(path, data)
        self.changed = {}

    def below(self, path):
        return Below(self, clean(path))


class Below(Tree):
    """A part of another tree, such as a file system that is mounted there."""

    def __init__(self, tree, at):
        super().__init__()
        self.tree, self.at = tree, at

    def read(self, path):
        return self.tree.read(f"{self.at}/{path}")

    def names(self, path):
        return self.tree.names(f"{self.at}/{path}")

    def write(self, path, data):
        self.tree.write(f"{self.at}/{path}", data)

    def remove(self, path):
        self.tree.remove(f"{self.at}/{path}")

    def keep(self):
        self.tree.keep()


class NoCase(Below):
    """A FAT, which finds files whatever the case of their names."""

    def read(self, path):
        found = self.find(path)
        return None if found is None else super().read(found)

    def remove(self, path):
        found = self.find(path)
        if found is not None:
            super().remove(found)


class DirTree(Tree):
    """Of a directory.  Symbolic links are followed as long as they stay below it."""

    def __init__(self, root):
        super().__init__()
        self.root = pathlib.Path(root)

    def _read(self, path):
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def _names(self, path):
        try:
            return set(os.listdir(self.root / path))
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def _store(self, path, data):
        where = self.root / path
        if data is None:
            where.unlink(missing_ok=True)
            return
        # In place: boot stages write into the blocks that a file has.
        with open(where, "r+b" if where.exists() else "wb") as f:
            f.write(data)
            f.truncate()
