# SPDX-License-Identifier: GPL-2.0-or-later
"""
A model of GRUB's scripts, as far as grub.cfg and custom.cfg of a test board use them:
set, if, [ ], load_env, save_env, source, menuentry, linux, initrd, boot, reboot.

Words are split and quoted as GRUB's manual says ("Writing full configuration files
directly"); a command that is not known here is an error of the test, not of the board.
"""

import re

TOKEN = re.compile(r"""(?P<blank>(?:[ \t]|\\\n)+)|(?P<comment>\#[^\n]*)|(?P<end>[\n;])|
                       (?P<brace>[{}](?=[\s;]|$))|(?P<word>(?:[^\s;{}'"\\]|\$\{\w+\}|\\.|'[^']*'|
                       "(?:[^"\\]|\\.)*"|[{}](?![\s;]|$))+)""", re.VERBOSE)
PART = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\$\{(\w+)\}|\$(\w+)|\\(.)|([^'"$\\]+)""")
VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
ENV_HEAD = b"# GRUB Environment Block\n"
ENV_SIZE = 1024


class Stuck(Exception):
    """The modelled GRUB waits at its menu or prompt for somebody."""


class Reboot(Exception):
    pass


class Booted(Exception):
    """`boot` with a kernel loaded."""


def tokens(text):
    at, out = 0, []
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise Stuck(f"syntax error at {text[at:at + 40]!r}")
        at = m.end()
        if m.lastgroup in ("end", "brace", "word"):
            out.append((m.lastgroup, m.group()))
    out.append(("end", "\n"))
    return out


class Parser:
    """Tokens to statements: ("cmd", words), ("if", [(condition, body)...], else_body),
    ("menuentry", words, body)."""

    def __init__(self, text):
        self.t, self.at = tokens(text), 0

    def words(self):
        out = []
        while self.t[self.at][0] == "word":
            out.append(self.t[self.at][1])
            self.at += 1
        return out

    def skip_ends(self):
        while self.at < len(self.t) and self.t[self.at][0] == "end":
            self.at += 1

    def block(self, stops):
        """Statements up to one of the words in stops, which is taken."""
        out = []
        while True:
            self.skip_ends()
            if self.at >= len(self.t):
                if "" in stops:
                    return out, ""
                raise Stuck("the script ends too early")
            kind, text = self.t[self.at]
            if text in stops:
                self.at += 1
                return out, text
            if kind == "brace":
                raise Stuck("a brace that does not belong here")
            out.append(self.statement())

    def statement(self):
        if self.t[self.at][1] == "if":
            return self.branch()
        words = self.words()
        if words and words[0] in ("menuentry", "submenu", "function"):
            if self.t[self.at] != ("brace", "{"):
                raise Stuck(f"{words[0]} without a body")
            self.at += 1
            return (words[0], words[1:], self.block(("}",))[0])
        return ("cmd", words)

    def branch(self):
        arms, rest = [], []
        while True:
            self.at += 1
            condition, _ = self.block(("then",))
            body, stop = self.block(("elif", "else", "fi"))
            arms.append((condition, body))
            if stop == "elif":
                self.at -= 1
                continue
            if stop == "else":
                rest, _ = self.block(("fi",))
            return ("if", arms, rest)


class Grub:
    """files: what GRUB reads and writes, a Tree of the root file system; prefix: the
    directory of grub.cfg in it."""

    def __init__(self, files, prefix):
        self.files = files
        self.vars = {"prefix": "/" + prefix, "config_directory": "/" + prefix,
                     "feature_menuentry_id": "y", "feature_all_video_module": "y"}
        self.entries = []
        self.kernel = self.initrd = None

    def expand(self, word):
        out = []
        for single, double, v1, v2, escaped, plain in PART.findall(word):
            if double:
                double = VARIABLE.sub(lambda m: self.vars.get(m[1] or m[2], ""), double)
                out.append(re.sub(r'\\(["$\\])', r"\1", double))
            elif v1 or v2:
                out.append(self.vars.get(v1 or v2, ""))
            else:
                out.append(single + escaped + plain)
        return "".join(out)

    def run(self, statements):
        """The status of the last one: True is success."""
        ok = True
        for s in statements:
            if s[0] == "if":
                ok = self.branch(s)
            elif s[0] in ("menuentry", "submenu"):
                words = [self.expand(w) for w in s[1]]
                ident = words[words.index("--id") + 1] if "--id" in words else words[0]
                for i, w in enumerate(words):
                    if w == "menuentry_id_option":
                        ident = words[i + 1]
                self.entries.append((words[0], ident, s[2]))
            elif s[0] == "function":
                pass
            else:
                # A variable that is empty and stands alone gives no word.
                words = [e for w in s[1] for e in [self.expand(w)] if e or w[0] in "'\""]
                ok = self.command(words) if words else True
        return ok

    def branch(self, s):
        for condition, body in s[1]:
            if self.run(condition):
                return self.run(body)
        return self.run(s[2])

    def script(self, path):
        text = self.files.text(path)
        if text is None:
            return False
        try:
            statements, _ = Parser(text).block(("",))
        except Stuck:
            return False
        return self.run(statements)

    def test(self, w):
        if "-a" in w:
            i = w.index("-a")
            return self.test(w[:i]) and self.test(w[i + 1:])
        if len(w) == 2 and w[0] in ("-s", "-f", "-e"):
            data = self.files.read(w[1])
            return data is not None and (w[0] != "-s" or len(data) > 0)
        if len(w) <= 2 and w and w[0] in ("-n", "-z"):
            value = w[1] if len(w) == 2 else ""
            return bool(value) == (w[0] == "-n")
        if len(w) == 3 and w[1] in ("=", "==", "!="):
            return (w[0] == w[2]) == (w[1] != "!=")
        if len(w) == 1:
            return bool(w[0])
        if not w:
            return False
        raise AssertionError(f"the model does not know [ {' '.join(w)} ]")

    def command(self, w):
        name, args = w[0], w[1:]
        if name == "[" and args and args[-1] == "]":
            return self.test(args[:-1])
        run = getattr(self, "do_" + name, None)
        if run is None:
            if not name.isprintable():
                return False  # not a script but other bytes: "can't find command", and on
            raise AssertionError(f"the model does not know the command {name}")
        return run(args)

    def do_set(self, args):
        key, _, value = args[0].partition("=")
        self.vars[key] = value
        return True

    def do_nothing(self, _args):
        return True

    do_insmod = do_echo = do_true = do_terminal_output = do_export = do_search = do_nothing

    def do_source(self, args):
        return self.script(args[0])

    def env(self, path):
        data = self.files.read(path)
        if data is None or len(data) != ENV_SIZE or not data.startswith(ENV_HEAD):
            return None
        out = {}
        for line in data[len(ENV_HEAD):].decode(errors="replace").split("\n"):
            if "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                out[key] = value
        return out

    def do_load_env(self, args):
        path = self.vars["prefix"] + "/grubenv"
        if args[:1] == ["--file"]:
            path, args = args[1], args[2:]
        env = self.env(path)
        if env is None:
            return False
        self.vars.update({k: v for k, v in env.items() if not args or k in args})
        return True

    def do_save_env(self, args):
        path = self.vars["prefix"] + "/grubenv"
        if args[:1] == ["--file"]:
            path, args = args[1], args[2:]
        env = self.env(path)
        if env is None:
            return False
        env.update({k: self.vars.get(k, "") for k in args})
        body = ENV_HEAD + "".join(f"{k}={v}\n" for k, v in env.items()).encode()
        if len(body) > ENV_SIZE:
            return False
        self.files.write(path, body.ljust(ENV_SIZE, b"#"))
        return True

    def do_linux(self, args):
        data = self.files.read(args[0])
        if not data or not (data[:2] == b"MZ" or data[0x202:0x206] == b"HdrS"):
            return False
        # GRUB puts "..." around a word that has a blank; the kernel takes them off.
        words = [f'"{a}"' if " " in a else a for a in args[1:]]
        self.kernel = (args[0], data, " ".join(words))
        return True

    def do_initrd(self, args):
        parts = [self.files.read(a) for a in args]
        if not self.kernel or None in parts:
            return False
        self.initrd = b"".join(parts)
        return True

    def do_boot(self, _args):
        if self.kernel:
            raise Booted
        return False

    def do_reboot(self, _args):
        raise Reboot

    def once(self):
        """One start of GRUB."""
        if not self.files.exists(self.vars["prefix"] + "/grub.cfg"):
            raise Stuck("no grub.cfg")
        self.script(self.vars["prefix"] + "/grub.cfg")
        default = self.vars.get("default", "0")
        chosen = None
        for i, (title, ident, body) in enumerate(self.entries):
            if default in (str(i), ident, title):
                chosen = body
        if chosen is None:
            # The manual: an entry that does not exist is taken for the first.
            if not self.entries:
                raise Stuck("no menu entry")
            chosen = self.entries[0][2]
        self.run(chosen)
        if self.kernel:
            raise Booted
        raise Stuck("the entry started nothing")


def boot(files, prefix, tries=4):
    """What GRUB starts: (path, kernel, initrd or None, command line)."""
    for _ in range(tries):
        grub = Grub(files, prefix)
        try:
            grub.once()
        except Reboot:
            continue
        except Booted:
            path, data, cmdline = grub.kernel
            return path, data, grub.initrd, cmdline
    raise Stuck("it resets again and again")
