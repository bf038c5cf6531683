// SPDX-License-Identifier: GPL-2.0-or-later
/* Every command, in the order in which one meets them. */
#include "controller/cmd/build_args.h"
#include "controller/cmd/cmd.h"

const struct cmd cmds[] = {
	{
		.name = "init",
		.run = cmd_init,
		.caches = true,
		.args = "[--template PROFILE] [--template-from DIR|URL] [--arch ARCH] "
			"[--list] [--force]",
		.help = "Prepare a kernel tree: write its .kferry/config.ini",
		.details =
			"  --template PROFILE  the kind of board; default: by this "
			"machine\n"
			"  --template-from DIR|URL  templates of your own: a directory, "
			"or "
			"a git repository\n"
			"  --arch ARCH         build for this architecture of the "
			"tree's\n"
			"  --list              show the profiles, or templates, there "
			"are\n"
			"  --force             replace a configuration that is there\n",
		.examples = "kferry init --list\n"
			    "kferry init --template x86-64\n"
			    "kferry init --template-from git@lab:templates --list\n",
	},
	{
		.name = "board",
		.run = cmd_board,
		.args = "add|setup|list|info|revive|default|rename|rm ...",
		.help = "Add boards, set them up, look at them",
		.details = cmd_board_details,
		.verbs = "add setup list info revive default rename rm",
		.words = WORDS_BOARD,
		.examples =
			"kferry board add pc root@pc.local\n"
			"kferry board add pc root@10.0.0.7:2222 --identity ~/.ssh/lab\n"
			"kferry board info pc\n",
	},
	{
		.name = "build",
		.alias = "b",
		.run = cmd_build,
		.caches = true,
		.notifies = true,
		.args = "[TARGET...] | --menu | --info | --doc [DIR...] | --clean | "
			"--full-cleanup | --from-sha SHA",
		.help = "Build the kernel of this tree as the profile says",
		.details =
			"Targets are added to those of build.targets. What make prints "
			"is kept in a log\nfile; -v shows it as it comes. Warnings that "
			"the last build had too are only counted.\n"
			"\n" BUILD_ARGS_HELP
			"  --strict                an option that kernel.require wants "
			"and the .config lacks\n"
			"                          is an error\n"
			"\n"
			"  -n, --menu              change the .config: build.menu, such "
			"as nconfig\n"
			"  -i, --info              name, release, sizes of image and "
			"modules\n"
			"  -d, --doc               documents (build.doc), of these "
			"directories below Documentation/\n"
			"  -c, --clean             make clean\n"
			"  -f, --full-cleanup      make distclean: the .config, too; "
			"asks "
			"first\n"
			"  --force                 ... does not ask\n"
			"  --from-sha SHA          each commit behind SHA up to HEAD, "
			"checked out and built\n",
		.examples = "kferry build\n"
			    "kferry -b pc build modules\n"
			    "kferry build -w 1 --ccache\n"
			    "kferry build --doc dev-tools process\n"
			    "kferry build --from-sha v6.12\n",
	},
	{
		.name = "env",
		.run = cmd_env,
		.args = "create NAME|use NAME|list|exit|rm NAME|prompt",
		.help = "Named sets of toolchain, board and object directory of a tree",
		.details =
			"  env create NAME  make one, with an object directory of its "
			"own\n"
			"  env use NAME     build, kconfig, pack and deploy do as it "
			"says, "
			"in this tree\n"
			"  env list         all of this tree; the one in use is marked\n"
			"  env exit         use none\n"
			"  env rm NAME      remove it; an --output directory stays\n"
			"  env prompt       the name of the one in use, or nothing\n"
			"\n"
			"  -b, --board BOARD       create: the board that is meant where "
			"none is named\n"
			"  --arch ARCH             create: ARCH of make\n"
			"  --cross-compile PREFIX  create: CROSS_COMPILE of make\n"
			"  --llvm VALUE            create: LLVM of make\n"
			"  -o, --output DIR        create: this object directory\n"
			"  --kconfig NAME          create: begin with this configuration "
			"(kferry kconfig), or file\n"
			"  --names                 list: nothing but names\n",
		.verbs = "create use list exit rm prompt",
		.words = WORDS_ENV,
		.examples = "kferry env create pi -b pi4 --arch arm64 --cross-compile "
			    "aarch64-linux-gnu- --kconfig good\n"
			    "kferry env use pi\n"
			    "kferry env exit\n"
			    "PS1='$(kferry env prompt) \\w \\$ '\n",
		.no_config = true,
	},
	{
		.name = "kconfig",
		.alias = "k",
		.run = cmd_kconfig,
		.caches = true,
		.args = "save NAME|list|get NAME|rm NAME...|fetch|require|diff [A] [B]",
		.help = "Kernel configurations: saved ones, a board's, what it needs",
		.details = cmd_kconfig_details,
		.verbs = "save list get rm fetch require diff",
		.words = WORDS_KCONFIG,
		.examples = "kferry kconfig save good -d 'boots the Pi, with KASAN'\n"
			    "kferry kconfig get good\n"
			    "kferry kconfig fetch -b pc --optimize\n"
			    "kferry kconfig require -b pc\n"
			    "kferry kconfig diff good .config\n",
	},
	{
		.name = "pack",
		.run = cmd_pack,
		.caches = true,
		.notifies = true,
		.args = "-o FILE [--from FILE] [--full] [--strict]",
		.help = "Pack the built kernel into a file",
		.details = "  -o, --output FILE  the package to write\n"
			   "  --from FILE        not the tree's kernel but a .deb's or a "
			   "tarball's\n"
			   "  --full             use nothing that earlier packs left\n"
			   "  --strict           an option that kernel.require wants and "
			   "the kernel lacks is an error\n",
		.examples = "kferry pack -o linux.kferry\n"
			    "kferry pack -o linux.kferry --from "
			    "linux-image-6.1.0-40-amd64.deb\n",
	},
	{
		.name = "deploy",
		.alias = "d",
		.run = cmd_deploy,
		.caches = true,
		.notifies = true,
		.args = "[BOARD...] [-l KEY=VALUE] [--from FILE] [--no-reboot] [--once] "
			"[--force] [--strict] [--kexec] [--cmdline WORDS] [--modules "
			"[--reload NAME]...] [--test SUITE [--retries N] [--expect "
			"FILE]]... "
			"[--junit FILE] [--ktap FILE] [--kcidb FILE] "
			"[--summary FILE] [--artifacts DIR] [--annotations]",
		.help = "Send a kernel, boot it once, come back with a verdict",
		.details = cmd_deploy_details,
		.words = WORDS_BOARD,
		.examples =
			"kferry deploy pc\n"
			"kferry deploy -b pc,laptop --from linux.kferry --once\n"
			"kferry deploy -l rack=3\n"
			"kferry deploy pc --cmdline 'initcall_debug ignore_loglevel'\n"
			"kferry deploy pc --modules --reload 'e1000e debug=16'\n",
	},
	{
		.name = "bd",
		.run = cmd_bd,
		.caches = true,
		.notifies = true,
		.args = "[BOARD...] [-l KEY=VALUE] [--no-reboot] [--once] [--force] "
			"[--strict] [--kexec] [--cmdline WORDS] [--modules [--reload "
			"NAME]...] [--test SUITE [--retries N] [--expect FILE]]... "
			"[--junit FILE] [--ktap FILE] [--kcidb FILE] "
			"[--summary FILE] [--artifacts DIR] [--annotations]",
		.help = "Build and deploy",
		.details = cmd_bd_details,
		.words = WORDS_BOARD,
		.examples = "kferry bd\n"
			    "kferry bd -b all --once\n"
			    "kferry bd --test kselftest:timers --retries 1\n"
			    "kferry bd --modules --reload e1000e\n",
	},
	{
		.name = "bisect",
		.run = cmd_bisect,
		.status = cmd_bisect_status,
		.caches = true,
		.notifies = true,
		.args = "start BAD GOOD... [-- PATH...]|run [BOARD...]|step "
			"[BOARD...]|log|status|reset",
		.help = "Find the commit that broke a kernel, by booting",
		.details = cmd_bisect_details,
		.verbs = "start run step log status reset",
		.words = WORDS_BOARD,
		.examples = "kferry bisect start HEAD v6.12 -- drivers/net\n"
			    "kferry bisect run pc --exec 'ping -c 1 10.0.0.1'\n"
			    "git bisect run kferry bisect step pc\n",
	},
	{
		.name = "reboot",
		.run = cmd_reboot,
		.notifies = true,
		.args = "[BOARD...] [-l KEY=VALUE] [-f] [--no-wait]",
		.help = "Reboot boards and wait until they are back",
		.details =
			"  -b, --board LIST  boards: names, joined by commas or each "
			"with its -b; or all\n"
			"  -l, --label KEY=VALUE  boards with that word in board.labels; "
			"several: all of them\n"
			"  -f, --force  at once: sync and reset, the init system is "
			"not asked\n"
			"  --no-wait    do not wait until it is back\n",
		.words = WORDS_BOARD,
		.examples = "kferry reboot pc\n",
	},
	{
		.name = "power",
		.run = cmd_power,
		.args = "on|off|cycle [BOARD...] [-l KEY=VALUE]",
		.help = "Switch boards on and off by the lab's own programs",
		.details =
			"  power on [BOARD...]     run power.on\n"
			"  power off [BOARD...]    run power.off\n"
			"  power cycle [BOARD...]  run power.cycle; where there is none, "
			"power.off,\n"
			"                          power.pause and power.on\n"
			"\n"
			"  -b, --board LIST  boards: names, joined by commas or each "
			"with its -b; or all\n"
			"  -l, --label KEY=VALUE  boards with that word in board.labels; "
			"several: all of them\n"
			"\nA program gets KFERRY_BOARD and KFERRY_POWER in its "
			"environment, and timeout.power\nto end in. A deploy cycles a "
			"board by itself that does not come back.\n",
		.verbs = "on off cycle",
		.words = WORDS_BOARD,
		.examples = "kferry config set -b pc power.cycle 'uhubctl -l 1-1 -p 2 -a "
			    "cycle'\n"
			    "kferry power cycle pc\n"
			    "kferry power off -l rack=3\n",
	},
	{
		.name = "dmesg",
		.run = cmd_dmesg,
		.args = "[BOARD...] [--label KEY=VALUE] [-f|--cmd CMD] [--boot N] "
			"[--level L] [--history] [--list]",
		.help = "Show a board's kernel log, live or of earlier boots",
		.details =
			"  -f, --follow     go on until Ctrl-C\n"
			"  -c, --cmd CMD    while CMD runs on the board, by its sh; its "
			"exit status is kferry's\n"
			"  --history        keep it, too, in a directory that is told\n"
			"  --boot N         0 this boot, -1 the one before, ...\n"
			"  -l, --level L    this and worse: emerg alert crit err warn "
			"notice info debug, or 0-7\n"
			"  --list           the boots that --boot may name\n"
			"  --label KEY=VALUE  boards with that word in "
			"board.labels\n",
		.words = WORDS_BOARD,
		.examples = "kferry dmesg -f\n"
			    "kferry dmesg --cmd 'modprobe -r vc4; modprobe vc4'\n"
			    "kferry dmesg pc --boot -1 --level warn\n",
	},
	{
		.name = "console",
		.run = cmd_console,
		.args = "[BOARD] [--read-only] [--safe] [--log FILE]",
		.help = "A board's console on this terminal",
		.details =
			"  -r, --read-only  only show it; on a terminal it is escaped\n"
			"  --safe           escape what comes, also while you type\n"
			"  --log FILE       append a copy of what comes to a file\n"
			"\n"
			"board.console says where it is. Ctrl-] and then q leaves it, "
			"Ctrl-] ? shows more keys.\nStandard input may be a pipe. While "
			"a "
			"deploy records the console, nobody else has it.\n",
		.words = WORDS_BOARD,
		.examples = "kferry config set board.console "
			    "serial:/dev/ttyUSB0,115200 -b pc\n"
			    "kferry console pc\n"
			    "kferry console pc --read-only --log pc.log\n",
	},
	{
		.name = "log",
		.run = cmd_log,
		.args = "[RUN|FILE|-] [-b BOARD] [--boot N] [--fail-on LEVEL] "
			"[--new-since "
			"LOG] [--full] [--all] [--decode] [--vmlinux FILE]",
		.help = "The findings of a run, of a boot, or of any kernel log",
		.details = cmd_log_details,
		.words = WORDS_FILE,
		.examples = "kferry log\n"
			    "kferry log 2026-11-21-17 --full\n"
			    "kferry log --full --decode\n"
			    "kferry log serial.log --fail-on error\n"
			    "kferry log --boot -1 -b pc\n"
			    "journalctl -k | kferry log - --new-since good.log\n",
	},
	{
		.name = "kernels",
		.run = cmd_kernels,
		.args = "[list|rm NAME...|confirm [SLOT]|rollback [SLOT]] [-b BOARD] [-l "
			"KEY=VALUE]",
		.help = "The kernels installed on a board",
		.details =
			"  kernels list            all slots, and the board's own "
			"kernels\n"
			"  kernels rm NAME...      remove slots, by slot, release, or a "
			"pattern such as '6.9*';\n"
			"                          never what runs or is known-good\n"
			"  kernels confirm [SLOT]  good, and the default; without a "
			"name: what runs\n"
			"  kernels rollback [SLOT] back to the board's own kernel, or "
			"to SLOT\n"
			"\n"
			"  -b, --board LIST  boards: names, joined by commas; or all\n"
			"  -l, --label KEY=VALUE  boards with that word in "
			"board.labels\n"
			"  -f, --force  confirm: also a slot that does not run; rm: "
			"also the board's own\n"
			"  --all        rm: every one that may be removed\n"
			"  --regex      rm: names are extended regular expressions\n"
			"  -n, --dry-run  rm: only show what would go\n"
			"  -y, --yes    rm: do not ask about a pattern, or --all\n"
			"  --kexec-ok   confirm: also one that runs by kexec only\n",
		.verbs = "list rm confirm rollback",
		.examples = "kferry kernels\n"
			    "kferry kernels rm k-3f9a1c2b 6.9.0-rc3\n"
			    "kferry kernels rm '6.9.0-rc*' --dry-run\n"
			    "kferry kernels rollback && kferry reboot\n",
	},
	{
		.name = "module",
		.run = cmd_module,
		.args = "[list [NAME...]|load|unload|reload NAME [PARAM=VALUE]... "
			"...|restore] [-b BOARD]",
		.help = "The modules of a board's running kernel",
		.details =
			"  module list [NAME...]  what is loaded, and from which slot\n"
			"  module load NAME       with what it needs, by the board's "
			"modprobe\n"
			"  module unload NAME     refused with the reason when it is in "
			"use\n"
			"  module reload NAME     unload it and all that use it, load "
			"them "
			"again\n"
			"  module restore         show the running slot's own modules "
			"again "
			"(deploy --modules)\n"
			"\nParameters stand behind the name they are for. What the "
			"kernel "
			"says then is shown, and a\nfault in it is exit status 1.\n",
		.verbs = "list load unload reload restore",
		.examples = "kferry module list\n"
			    "kferry module reload e1000e debug=16\n"
			    "kferry module load dummy numdummies=2 tun -b pc\n",
	},
	{
		.name = "trace",
		.run = cmd_trace,
		.args = "event SYSTEM[:EVENT[[FILTER]],...][;...] | ftrace "
			"TRACER[:FUNCTION,...] | reset [OPTION...]",
		.help = "Trace a board's kernel: events, functions",
		.details = cmd_trace_details,
		.verbs = "event ftrace reset",
		.examples =
			"kferry trace event 'sched:sched_switch[prev_prio < 100];irq' "
			"--cmd 'sleep 5'\n"
			"kferry trace ftrace 'function_graph:ext4_*' -o trace.txt\n"
			"kferry trace event --list 'gpio*'\n",
	},
	{
		.name = "drm",
		.run = cmd_drm,
		.args = "connectors|modes [NAME...] [-b BOARD]",
		.help = "The displays of a board, as its kernel sees them",
		.details = cmd_drm_details,
		.verbs = "connectors modes",
		.examples = "kferry drm connectors\nkferry drm modes HDMI-A-1 -b pc\n",
	},
	{
		.name = "gui",
		.run = cmd_gui,
		.args = "[on|off [--after-reboot]] [-b BOARD]",
		.help = "A board's graphical session on or off",
		.details = cmd_gui_details,
		.verbs = "on off",
		.examples = "kferry gui off\nkferry gui on --after-reboot -b pc\n",
	},
	{
		.name = "test",
		.run = cmd_test,
		.caches = true,
		.notifies = true,
		.args = "[BOARD] SUITE[:COLLECTION]... [OPTION...] [-- ARGUMENT...]",
		.help = "Run test suites on a board, and judge them and its kernel",
		.details = cmd_test_details,
		.words = WORDS_BOARD,
		.examples = "kferry test rpi4 kselftest:timers kunit\n"
			    "kferry test pc cmd:'sh -c \"dmesg | wc -l\"' --timeout 1m\n"
			    "kferry test pc ltp:syscalls --retries 2 --expect known "
			    "--junit ltp.xml\n",
	},
	{
		.name = "results",
		.run = cmd_results,
		.args = "FILE [--format FORMAT] [--name SUITE] [--expect FILE] [--junit "
			"FILE] "
			"[--ktap FILE] [--summary FILE] [--annotations]",
		.help = "Read what a test suite printed, and judge it",
		.details =
			"FILE is output, a console's or a kernel's log with it, or - for "
			"standard input. A test\nwithout a result line never passes. "
			"Exit status: 0 all is as it should be, 1 a test\nfailed, 2 the "
			"output is broken or cut, or nothing was tested.\n"
			"\n"
			"  --format FORMAT  ktap (also TAP, KUnit, kselftest), ltp, "
			"xfstests; default: auto\n"
			"  --name SUITE     what the suite is called in reports\n"
			"  --expect FILE    failures that are expected: a pattern of "
			"names "
			"and a reason a line\n"
			"  --junit FILE     the results as JUnit XML\n"
			"  --ktap FILE      as KTAP\n"
			"  --summary FILE   a summary in Markdown, appended\n"
			"  --annotations    what is wrong as GitHub's workflow "
			"commands\n",
		.examples = "kferry results kselftest.log --expect known-failures\n"
			    "kferry exec -- dmesg | kferry results -\n",
	},
	{
		.name = "report",
		.run = cmd_report,
		.args = "[BOARD...] [--day|--week|--month|--since WHEN] [--html FILE]",
		.help = "Builds, deploys, boots and verdicts, by the history",
		.details =
			"How many there were, how many passed, and how long they took; "
			"a chart of them, and what\ndid not pass last. "
			"Without a time: the last seven days.\n"
			"\n"
			"  -b, --board LIST  only these boards: names, joined by commas\n"
			"  --day          today, by the hour\n"
			"  --week         today and the six days before\n"
			"  --month        today and the 29 days before\n"
			"  --since WHEN   2026-11-21, '2026-11-21 14:30', or 36h, 10d, "
			"2w "
			"ago\n"
			"  --html FILE    the same as a page of HTML, too, which needs "
			"no "
			"other file\n",
		.words = WORDS_BOARD,
		.examples = "kferry report\n"
			    "kferry report --month --html report.html\n"
			    "kferry report rpi4 --since 2026-11-01\n",
	},
	{
		.name = "exec",
		.run = cmd_exec,
		.args = "[-b BOARD] [-l KEY=VALUE] [--timeout TIME] [--script FILE] -- "
			"PROGRAM [ARGUMENT...]",
		.help = "Run a program on a board; its exit status is kferry's",
		.details = "  -b, --board LIST  boards: names, joined by commas; or all\n"
			   "  -l, --label KEY=VALUE  boards with that word in "
			   "board.labels\n"
			   "  --script FILE   run this file of this machine, with the "
			   "words after -- as its arguments\n"
			   "  --timeout TIME  end it after that time, such as 90s or 2m\n"
			   "\nStandard input is passed to it, but not of several boards. "
			   "No shell is between: name "
			   "one for what needs one.\n",
		.examples = "kferry exec -- uname -a\n"
			    "kferry exec -b pc,laptop --script check.sh -- --quick\n"
			    "kferry exec -b pc --timeout 2m -- sh -c 'dmesg | tail'\n",
	},
	{
		.name = "put",
		.run = cmd_put,
		.args = "FILE|DIRECTORY... [BOARD:]/PATH",
		.help = "Send files and directories to a board",
		.details = "Into PATH where that is a directory, else as PATH. What is "
			   "there is replaced file by\nfile, when all has arrived; modes "
			   "and times are kept. Files that the board has with the\nsame "
			   "size, time and mode are not sent. The board needs tar and "
			   "mktemp.\n"
			   "\n"
			   "  -b, --board BOARD  the board, where PATH names none\n"
			   "  -c, --checksum     compare contents, not times\n",
		.words = WORDS_FILE,
		.examples = "kferry put demo.ko pc:/tmp\n"
			    "kferry put tools/testing/selftests/kselftest_install "
			    "/opt/kselftest\n",
	},
	{
		.name = "get",
		.run = cmd_get,
		.args = "[BOARD:]/PATH... FILE|DIRECTORY",
		.help = "Fetch files and directories from a board",
		.details =
			"Into DIRECTORY where that is there, else as FILE. A file gets "
			"its name when it is whole;\nmodes and times are kept. Files "
			"that are here with the same size, time and mode are\nnot "
			"fetched. The board needs tar, and what it sends is believed "
			"nothing: a path or a\nlink that leads out is refused.\n"
			"\n"
			"  -b, --board BOARD  the board, where PATH names none\n"
			"  -c, --checksum     compare contents, not times\n",
		.words = WORDS_FILE,
		.examples = "kferry get pc:/var/log/syslog .\n"
			    "kferry get -b pc /var/log /etc/fstab logs\n",
	},
	{
		.name = "maintainers",
		.alias = "m",
		.run = cmd_maintainers,
		.args = "[TARGET...]",
		.help = "Whom to tell of a change, by the tree's get_maintainer.pl",
		.details =
			"A target is a file or a directory of the tree, a patch (a diff "
			"or a mail), a commit\nor a range of commits. Without one: what "
			"differs from HEAD.\n\n"
			"One line an address with all its roles; mailing lists come "
			"last.\n",
		.words = WORDS_FILE,
		.examples = "kferry maintainers\n"
			    "kferry maintainers drivers/gpio 0001-fix.patch\n"
			    "kferry maintainers HEAD~3..\n",
	},
	{
		.name = "checkpatch",
		.alias = "c",
		.run = cmd_checkpatch,
		.args = "[TARGET...] [--strict]",
		.help = "Check patches and sources by the tree's checkpatch.pl",
		.details =
			"A target is a file or a directory of the tree (all its tracked "
			"files), a patch (a\ndiff or a mail), a commit or a range of "
			"commits. Without one: what differs from HEAD.\nExit status: 0 "
			"clean, 1 errors or warnings, 2 something could not be "
			"checked.\n\n"
			"  --strict  more checks\n",
		.words = WORDS_FILE,
		.examples = "kferry checkpatch\n"
			    "kferry checkpatch --strict HEAD~3..\n"
			    "kferry checkpatch drivers/gpio 0001-fix.patch\n",
	},
	{
		.name = "send",
		.run = cmd_send,
		.caches = true,
		.args = "[COMMIT|RANGE|PATCH...] [-v N] [--rfc] [--cover "
			"FILE|--cover-letter] "
			"[--to ADDRESS]... [--cc ADDRESS]... [--simulate] [--yes]",
		.help = "Mail patches to whom the tree's get_maintainer.pl names",
		.details = cmd_send_details,
		.words = WORDS_FILE,
		.examples = "kferry send --setup smtpserver=mail.example.org "
			    "smtpserverport=587 smtpencryption=tls smtpuser=me\n"
			    "kferry send --simulate HEAD~3..\n"
			    "kferry send -v 2 --cover cover.txt HEAD~3..\n",
	},
	{
		.name = "patches",
		.run = cmd_patches,
		.args = "[lists|list LIST|search LIST QUERY|show ID|bookmark ...|apply "
			"ID|reply ID|try ID]",
		.help = "Patch sets of mailing lists: read, apply, try, answer them",
		.details =
			"Without a verb, on a terminal: a screen with all of that.\n"
			"\n"
			"  patches lists               the lists of the archive\n"
			"  patches list LIST           its newest patch sets\n"
			"  patches search LIST QUERY   those that public-inbox finds\n"
			"  patches show ID             read one\n"
			"  patches bookmark add ID|rm ID|list  remember some\n"
			"  patches apply ID            onto a new branch of this tree\n"
			"  patches reply ID            say that it was reviewed or "
			"tested\n"
			"  patches try ID [-- OPTION...]  apply, build, deploy, verdict; "
			"options of bd\n"
			"\n"
			"  -n N           list, search: at most so many sets (30)\n"
			"  --all          show: the whole thread\n"
			"  --offline      only what the cache has\n"
			"  --branch NAME  apply, try: call it so\n"
			"  -b, --board LIST  try: boards: names, joined by commas; or "
			"all\n"
			"  -l, --label KEY=VALUE  try: boards with that word in "
			"board.labels\n"
			"  --keep         try: stay on the branch\n"
			"  --reply        try: send a Tested-by after a pass\n"
			"  --reviewed-by, --tested-by, --acked-by  reply: what it says\n"
			"  --remark TEXT  reply, try: in front of that\n"
			"  --dry-run      reply, try: only show the mail\n"
			"  --yes          reply, try: send it without asking\n"
			"\nAn ID is LIST/MESSAGE-ID as list prints it, a Message-ID, or "
			"its page's address. The\narchive is patches.url.\n",
		.verbs = "lists list search show bookmark apply reply try",
		.examples =
			"kferry patches list linux-gpio\n"
			"kferry patches search linux-gpio 'f:ada dfn:gpio-sim.c'\n"
			"kferry patches apply linux-gpio/20261121.4711-1@example.org\n"
			"kferry patches try linux-gpio/20261121.4711-1@example.org -b "
			"pc --reply\n",
	},
	{
		.name = "shell",
		.alias = "s",
		.run = cmd_shell,
		.args = "[BOARD] [-- PROGRAM [ARGUMENT...]]",
		.help = "A login shell on a board, with a terminal",
		.details =
			"As the agent (root), over whatever link the board has. Its exit "
			"status is kferry's.\n"
			"\n"
			"  -b, --board BOARD  the board\n",
		.words = WORDS_BOARD,
		.examples = "kferry shell pc\n"
			    "kferry shell pc -- top\n",
	},
	{
		.name = "session",
		.run = cmd_session,
		.args = "start|list|status|stop [BOARD...] [-l KEY=VALUE] [--all]",
		.help = "Keep the SSH connection to a board open",
		.details =
			"  session start [BOARD...]   log in, and stay connected in the "
			"background\n"
			"  session list               all of them: state, time, "
			"channels\n"
			"  session status [BOARD...]  of these boards\n"
			"  session stop [BOARD...]    close the connection\n"
			"\n"
			"  -b, --board LIST  boards: names, joined by commas; or all\n"
			"  -l, --label KEY=VALUE  boards with that word in "
			"board.labels\n"
			"  --all             stop: every session there is\n"
			"\nOther commands use it by themselves, and skip the login. It "
			"ends "
			"when it was idle for\nsession.idle. With session.auto a "
			"command starts it where there is none.\n",
		.verbs = "start list status stop",
		.words = WORDS_BOARD,
		.examples = "kferry session start pc\n"
			    "kferry session list\n"
			    "kferry session stop --all\n",
	},
	{
		.name = "vm",
		.run = cmd_vm,
		.caches = true,
		.args = "create|up|down|reset|console|list|rm [NAME]",
		.help = "Virtual boards",
		.details = cmd_vm_details,
		.verbs = "create up down reset console list rm",
		.words = WORDS_BOARD,
		.examples = "kferry vm create box\n"
			    "kferry vm up box && kferry board setup box\n"
			    "kferry vm console box\n",
	},
	{
		.name = "config",
		.run = cmd_config,
		.args = "get|set|unset|list ...",
		.help = "Read and change the configuration",
		.details = "  config get KEY [-b BOARD]\n"
			   "  config set KEY VALUE [-b BOARD] [--user|--tree|--env]\n"
			   "  config unset KEY [-b BOARD] [--user|--tree|--env]\n"
			   "  config list [-b BOARD] [--show-origin]\n"
			   "  config keys          every key there is\n\n"
			   "Without --user or --tree: the file that has the board, else "
			   "the tree's, else the\nuser's.\n",
		.verbs = "get set unset list keys",
		.words = WORDS_KEY,
		.examples = "kferry config set --user board.default pc\n"
			    "kferry config list -b pc --show-origin\n"
			    "kferry -o timeout.reboot=10m bd pc\n",
	},
	{
		.name = "import",
		.run = cmd_import,
		.args = "kw [--dry-run] [--force]",
		.help = "Take over the configuration of kw",
		.details =
			"What kw has in ~/.config/kw, in .kw of this tree, and of kernel "
			"configurations.\nRemotes become boards. What has no counterpart "
			"is listed, with the reason.\n"
			"\n"
			"  -n, --dry-run  show what would be set, and set nothing\n"
			"  --force        replace what is there already\n",
		.verbs = "kw",
		.examples = "kferry import kw --dry-run\n"
			    "kferry import kw\n",
	},
	{
		.name = "backup",
		.run = cmd_backup,
		.args = "FILE [--force]",
		.help = "Keep configuration and state in one file",
		.details =
			"A tar, compressed with zstd: the user's config.ini and what is "
			"beside it, kernel\nconfigurations, environments, quarantine, "
			"bisects, the history. Left out are runs, virtual\nboards, "
			"object "
			"directories, the cache, and private keys; those are told.\n"
			"\n"
			"  -f, --force  replace a file that is there\n",
		.words = WORDS_FILE,
		.examples = "kferry backup ~/kferry.tar.zst\n",
	},
	{
		.name = "restore",
		.run = cmd_restore,
		.args = "FILE [--force]",
		.help = "Bring back what a backup has",
		.details =
			"All of it, or nothing: where a file that is there differs from "
			"the backup's, it is refused.\nWhat the backup does not have "
			"stays as it is.\n"
			"\n"
			"  -f, --force  replace such files, and the history\n",
		.words = WORDS_FILE,
		.examples = "kferry restore ~/kferry.tar.zst\n",
	},
	{
		.name = "clean",
		.run = cmd_clean,
		.args = "[KIND...] [--all] [--older-than TIME] [--dry-run]",
		.help = "Show what the cache has, and remove it",
		.details =
			"Without a kind and --all it only shows. What is removed is made "
			"again when it is needed.\nNot while another kferry uses the "
			"cache.\n"
			"\n"
			"  versions    files and packages that were sent: changed ones "
			"go "
			"as patches against them\n"
			"  trees       build logs and packed modules of trees\n"
			"  suites      test suites that were built\n"
			"  templates   clones of init --template-from\n"
			"  leftovers   what killed calls left\n"
			"  images      images of virtual boards; kept while there is "
			"such a "
			"board\n"
			"  runs        results and logs of runs: no cache, so only with "
			"--older-than\n"
			"\n"
			"  --all              all kinds but runs\n"
			"  --older-than TIME  only what was not used for so long: 36h, "
			"10d, "
			"2w\n"
			"  -n, --dry-run      only show what would go\n",
		.verbs = "versions trees suites templates leftovers images runs",
		.examples = "kferry clean\n"
			    "kferry clean versions trees --older-than 2w\n"
			    "kferry clean runs --older-than 30d --dry-run\n",
	},
	{
		.name = "completion",
		.run = cmd_completion,
		.args = "bash|zsh|fish",
		.help = "Print the completions for a shell",
		.details = "`make install` puts them where the shells look.\n",
		.verbs = "bash zsh fish",
		.examples = "source <(kferry completion bash)\n",
		.no_config = true,
	},
	{
		.name = "help",
		.run = cmd_help,
		.args = "[COMMAND|kw]",
		.help = "Show what there is",
		.no_config = true,
		.words = WORDS_COMMAND,
		.examples = "kferry help deploy\n"
			    "kferry help kw\n",
	},
	{
		.name = "version",
		.run = cmd_version,
		.args = "",
		.help = "Show which kferry this is",
		.no_config = true,
		.examples = "kferry version\n",
	},
	{0},
};
