# SPDX-License-Identifier: GPL-2.0-or-later
"""
Mailing lists of a test: a real public-inbox with the mails that it writes, served on this
machine; and a server that answers as it should not.
"""

import contextlib
import gzip
import http.server
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from scratch import SCALE

# What public-inbox-mda does with one mail, for all of them in one process.
IMPORT = """
use PublicInbox::Config; use PublicInbox::InboxWritable; use PublicInbox::Eml;
my $ibx = PublicInbox::Config->new->lookup_name(shift) or die "no such inbox\\n";
my $im = PublicInbox::InboxWritable->new($ibx)->importer(0);
for my $file (@ARGV) {
    open my $fh, '<:raw', $file or die "$file: $!\\n";
    my $raw = do { local $/; <$fh> };
    $im->add(PublicInbox::Eml->new(\\$raw)) or die "$file was not taken\\n";
}
$im->done;
"""


def missing():
    """Why there can be none here; None: all is there."""
    for program in ("public-inbox-init", "public-inbox-httpd", "perl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return None


def wait_until(what, ready, seconds=30):
    end = time.monotonic() + seconds * SCALE
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.1)


class Inbox:
    """lists: names; each has an address NAME@lists.example."""

    def __init__(self, where, lists, manifest=True):
        self.dir = pathlib.Path(where)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.config = self.dir / "config"
        self.env = dict(os.environ, PI_CONFIG=str(self.config), HOME=str(self.dir),
                        GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1",
                        PERL_INLINE_DIRECTORY="/nonexistent")
        self.number = 0
        self.server = None
        for name in lists:
            self.run("public-inbox-init", "-V2", "-L", "full", name, self.dir / name,
                     f"http://lists.example/{name}", f"{name}@lists.example")
        with open(self.config, "a", encoding="utf-8") as f:
            f.write("[publicinbox]\n\twwwlisting = all\n"
                    f"\tgrokmanifest = {'all' if manifest else '404'}\n")

    def run(self, *argv):
        done = subprocess.run([*map(str, argv)], env=self.env, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=120 * SCALE)
        if done.returncode:
            raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout.decode()}")

    def add(self, name, *mails):
        """Each is bytes, or a file."""
        files = []
        for mail in mails:
            if isinstance(mail, bytes):
                self.number += 1
                path = self.dir / f"mail-{self.number}"
                path.write_bytes(mail)
                mail = path
            files.append(mail)
        self.run("perl", "-e", IMPORT, name, *files)

    def start(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.log = open(self.dir / "httpd.log", "wb")
        self.server = subprocess.Popen(
            ["public-inbox-httpd", "-W0", "-l", f"http://127.0.0.1:{self.port}"],
            env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            wait_until("public-inbox-httpd", self.answers)
        except AssertionError:
            self.stop()
            raise
        return self

    def answers(self):
        if self.server.poll() is not None:
            raise AssertionError((self.dir / "httpd.log").read_text())
        try:
            urllib.request.urlopen(self.url + "/", timeout=10).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait(30 * SCALE)
            self.log.close()
            self.server = None


class Liar:
    """Answers each request by what answer(path) gives: (status, headers, pieces of a body).
    identity: by https, of this certificate and key."""

    def __init__(self, answer, identity=None):
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = answer(self.path)
                liar.sent = 0
                # Whoever asked may have had enough.
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    for piece in body:
                        self.wfile.write(piece)
                        liar.sent += len(piece)

            def log_message(self, *args):
                pass

        self.sent = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http{'s' if identity else ''}://127.0.0.1:{self.server.server_address[1]}"
        if identity:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*identity)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def bomb(mib):
    """That many MiB of nothing, in gzip."""
    return gzip.compress(bytes(1 << 20) * mib, 9)
