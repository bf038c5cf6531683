// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every key there is: type, default, help.  kferry.ini(5) and boards/README.md tell
 * more; a key that is not here is an error in every file.
 */
#include "controller/config/config.h"

#define STRING(n, d, h)                                                                  \
	{                                                                                \
		n, CONFIG_STRING, d, NULL, h, false                                      \
	}
#define BOOL(n, d, h)                                                                    \
	{                                                                                \
		n, CONFIG_BOOL, d, NULL, h, false                                        \
	}
#define UINT(n, d, h)                                                                    \
	{                                                                                \
		n, CONFIG_UINT, d, NULL, h, false                                        \
	}
#define SECONDS(n, d, h)                                                                 \
	{                                                                                \
		n, CONFIG_SECONDS, d, NULL, h, false                                     \
	}
#define ARGV(n, d, h)                                                                    \
	{                                                                                \
		n, CONFIG_ARGV, d, NULL, h, false                                        \
	}
#define LINES(n, d, h)                                                                   \
	{                                                                                \
		n, CONFIG_LINES, d, NULL, h, false                                       \
	}
#define PATHNAME(n, d, h)                                                                \
	{                                                                                \
		n, CONFIG_PATH, d, NULL, h, false                                        \
	}
#define CHOICE(n, d, c, h)                                                               \
	{                                                                                \
		n, CONFIG_CHOICE, d, c, h, false                                         \
	}
#define OF_BOARD(n, t, d, c, h)                                                          \
	{                                                                                \
		n, t, d, c, h, true                                                      \
	}

const struct config_key config_keys[] = {
	STRING("board.default", NULL, "the board that commands mean when none is named"),
	STRING("board.profile", NULL,
	       "kind of board: a file of boards/, see `kferry init --list`"),
	OF_BOARD("board.link", CONFIG_STRING, "ssh", NULL,
		 "how its agent is reached: ssh, exec:PROGRAM ARGS..., unix:/PATH"),
	OF_BOARD("board.host", CONFIG_STRING, NULL, NULL,
		 "host name, address, or Host alias of ~/.ssh/config"),
	OF_BOARD("board.user", CONFIG_STRING, NULL, NULL, "login name"),
	OF_BOARD("board.port", CONFIG_UINT, NULL, NULL, "SSH port"),
	OF_BOARD("board.identity", CONFIG_PATH, NULL, NULL, "private key file"),
	OF_BOARD("board.known_hosts", CONFIG_PATH, NULL, NULL,
		 "known_hosts file instead of the user's"),
	OF_BOARD("board.host_key_sha256", CONFIG_STRING, NULL, NULL,
		 "the host key it must have (SHA256:...), instead of known_hosts"),
	OF_BOARD("board.run", CONFIG_ARGV, NULL, NULL,
		 "program that runs a command on the board, for links other than ssh"),
	OF_BOARD("board.sudo", CONFIG_CHOICE, "auto", "auto|yes|no",
		 "whether setup becomes root through sudo"),
	OF_BOARD("board.labels", CONFIG_ARGV, NULL, NULL,
		 "words that choose it with --label: rack=3 owner=lab"),
	OF_BOARD("board.console", CONFIG_STRING, NULL, NULL,
		 "where its console is: serial:/dev/ttyUSB0,115200, tcp:HOST:PORT, "
		 "exec:PROGRAM ARGS..., netconsole:PORT"),
	OF_BOARD("board.vm", CONFIG_STRING, NULL, NULL, "the virtual machine that it is"),

	STRING("build.arch", NULL, "ARCH of make"),
	STRING("build.cross_compile", NULL, "CROSS_COMPILE of make"),
	STRING("build.llvm", NULL, "LLVM of make: 1, or a suffix such as -18"),
	PATHNAME("build.output", NULL, "O= of make, relative to the tree"),
	UINT("build.jobs", "0", "-j of make; 0: one for each processor"),
	ARGV("build.targets", NULL, "targets of make; not set: make's own"),
	STRING("build.image", NULL, "the bootable image, relative to the output"),
	STRING("build.dtbs", "no",
	       "device trees to pack: no, yes (those built), or names such as "
	       "vendor/*.dtb"),
	ARGV("build.extra", NULL, "further words for make, such as V=1"),
	UINT("build.cpus", "100",
	     "percent of the processors that make uses, where build.jobs is 0"),
	STRING("build.warnings", NULL, "W= of make: 1, 2, 3, c, e, or several of them"),
	STRING("build.cflags", NULL, "KCFLAGS of make"),
	BOOL("build.ccache", "no", "compile through ccache"),
	PATHNAME("build.log", NULL, "a further copy of what the last build printed"),
	CHOICE("build.menu", "nconfig", "nconfig|menuconfig|config|xconfig|gconfig",
	       "what build --menu starts"),
	STRING("build.doc", "htmldocs", "what build --doc makes"),

	CHOICE("kernel.initramfs", "auto", "auto|graft|distro|none",
	       "how the board makes the initramfs"),
	BOOL("kernel.strip", "yes", "strip debug information from modules"),
	BOOL("kernel.incremental", "yes",
	     "pack only the modules that changed; no: all, by the tree's makefile"),
	CHOICE("kernel.modules", "installed", "installed|initramfs",
	       "where a slot's modules are: shown in /lib/modules, or all of them in "
	       "its grafted initramfs as well"),
	LINES("kernel.require", NULL,
	      "options the kernel must have, one a line: CONFIG_NAME=y and what for"),
	BOOL("kernel.require_strict", "no",
	     "an option that is missing is an error, not a warning"),

	STRING("boot.chain", NULL, "boot chain to use; not set: the board's choice"),
	BOOL("boot.kexec", "no",
	     "whether deploy --kexec may start a trial without a reset"),
	STRING("boot.cmdline_extra", NULL, "added to the kernel command line"),
	STRING("boot.trial_cmdline", NULL,
	       "added to a trial's command line, makes deaths into reboots; not set: the "
	       "agent's own"),
	ARGV("boot.hook", NULL, "program on the board that is the `hook` boot chain"),

	CHOICE("deploy.after_pass", "default", "default|once",
	       "after a pass: make it the default kernel, or leave the board's own"),
	UINT("deploy.parallel", "32", "boards served at once"),
	UINT("deploy.keep", "3", "slots kept on the board"),

	SECONDS("timeout.connect", "10s", "for a connection and the agent's greeting"),
	SECONDS("timeout.install", "10m", "for unpacking, initramfs and boot entry"),
	SECONDS("timeout.reboot", "5m", "until the board is back"),
	SECONDS("timeout.confirm", "3m", "the board's own deadline for a trial kernel"),
	SECONDS("timeout.health", "60s", "for each health check"),
	SECONDS("timeout.build", "3h", "for make"),
	SECONDS("timeout.power", "60s", "for each program that switches the power"),
	SECONDS("timeout.patches", "60s", "for each page of a mail archive"),
	SECONDS("timeout.clone", "2m", "for git to fetch templates (init)"),

	ARGV("power.on", NULL, "program on this machine that switches the board on"),
	ARGV("power.off", NULL, "program that switches it off"),
	ARGV("power.cycle", NULL,
	     "program that does both; not set: power.off, power.pause, power.on"),
	SECONDS("power.pause", "2s", "between off and on"),
	UINT("quarantine.after", "3",
	     "failures of the board itself in a row after which deploys refuse it; 0: "
	     "never"),

	LINES("health.checks", NULL,
	      "commands run on the board, one a line; all must exit 0"),

	SECONDS("session.idle", "30m",
		"a session (kferry session) ends when it was not used for so long; 0: "
		"never"),
	BOOL("session.auto", "no",
	     "the first command that needs a board starts a session for it"),
	LINES("log.ignore", NULL,
	      "texts in quotes, one a line: lines of the kernel's log that have one are "
	      "no "
	      "finding"),
	PATHNAME("log.patterns", NULL,
		 "a file of log patterns, or a directory of them, besides kferry's own; "
		 "kferry-patterns(5)"),
	BOOL("log.decode", "yes",
	     "a deploy's findings get the files and lines of their traces, where the "
	     "kernel's vmlinux is at hand"),

	STRING("patches.url", "https://lore.kernel.org",
	       "archive of mailing lists (public-inbox) that `kferry patches` reads"),
	STRING("patches.all", "all",
	       "its list with the mails of all lists, for a Message-ID without one"),
	ARGV("patches.pager", NULL,
	     "program that shows mails; not set: delta, bat, $PAGER or less"),
	UINT("patches.cache", "256", "MiB kept of what was fetched; 0: nothing"),
	STRING("agent.path", "/usr/local/sbin/kferryd",
	       "where the agent is on the board"),
	STRING("agent.state_dir", NULL, "its state; not set: /var/lib/kferry"),
	STRING("agent.boot_dir", NULL,
	       "the boot file system; not set: found by what is on it"),
	STRING("agent.reserve", NULL,
	       "left free on each file system, such as 4 MiB; not set: 32 MiB"),
	STRING("boot.image_words", NULL,
	       "words of the command line that name the running system image"),
	STRING("setup.save_pstore", NULL,
	       "units on the board that take crash records: they leave us a copy"),
	STRING("setup.keep_list", NULL,
	       "file on the board that says what an update of its system keeps of /etc"),
	STRING("setup.unlock", NULL,
	       "command that makes the board's root writable, for setup --force"),
	STRING("setup.lock", NULL, "command that makes it read-only again"),
	STRING("report.origin", "kferry",
	       "origin of KCIDB objects: small letters, digits, _"),
	PATHNAME("run.dir", NULL, "runs; not set: runs below ~/.local/share/kferry"),
	STRING("watchdog.device", NULL, "watchdog of the board; none: do not use one"),
	SECONDS("watchdog.timeout", NULL, "its time-out while a trial runs"),
	CHOICE("watchdog.starts", "early", "firmware|bootloader|early|none",
	       "who starts it: a hang before that is not ended"),
	ARGV("pstore.backend", NULL,
	     "what keeps the log of a dead kernel, any of: efi ramoops erst ..."),
	SECONDS("console.silence", "60s",
		"no byte from the console for so long, while a board is waited for, is a "
		"finding; 0: never"),
	UINT("console.limit", "64", "MiB kept of each file of a console's recording"),
	STRING("console.kernel", NULL,
	       "console= of the kernel, added to a slot's command line, such as "
	       "ttyS0,115200"),
	UINT("compress.level", "0", "zstd level of what is sent; 0: follows the link"),
	UINT("cache.versions", "2048",
	     "MiB of files kept that were sent: changed ones are sent as patches against "
	     "them; 0: none"),
	ARGV("send.blocked", NULL,
	     "addresses that kferry send mails nothing to: a@b.org, or all of @b.org"),
	ARGV("notify.command", NULL,
	     "program that tells of the end of a long command; two words are added: what "
	     "came of it, and how long it took"),
	SECONDS("notify.after", "30s", "commands that took less are not told of"),
	BOOL("history.record", "yes",
	     "builds, deploys, suites and bisects are written down for kferry report"),
	STRING("profile.description", NULL, "what a profile is for; in profiles"),
	{0},
};
