// SPDX-License-Identifier: GPL-2.0-or-later
/* Every command, in the order in which one meets them. */
#include "controller/cmd/cmd.h"

const struct cmd cmds[] = {
	{
		.name = "init",
		.run = cmd_init,
		.args = "[--template PROFILE] [--list] [--force]",
		.help = "Prepare a kernel tree: write its .kferry/config.ini",
		.details =
			"  --template PROFILE  the kind of board; default: by this "
			"machine\n"
			"  --list              show the profiles there are\n"
			"  --force             replace a configuration that is there\n",
	},
	{
		.name = "board",
		.run = cmd_board,
		.args = "add|setup|list|info|default|rename|rm ...",
		.help = "Add boards, set them up, look at them",
		.details =
			"  board add NAME [USER@]HOST[:PORT] [--profile P] [--no-setup]\n"
			"  board add NAME --link LINK [--run PROGRAM] [--profile P]\n"
			"      LINK: exec:PROGRAM ARGS... or unix:/PATH\n"
			"  board setup [NAME]    put the agent there, or bring it up to "
			"date\n"
			"  board list            all boards\n"
			"  board info [NAME]     what a board is\n"
			"  board default [NAME]  show or choose the default board\n"
			"  board rename OLD NEW\n"
			"  board rm NAME         forget it here; nothing on it is "
			"touched\n\n"
			"  --accept-host-key SHA256:...  with add and setup: the key "
			"it has\n"
			"  --identity FILE               with add: the private key\n"
			"  --default                     with add: the default board "
			"from now on\n",
	},
	{
		.name = "build",
		.alias = "b",
		.run = cmd_build,
		.args = "[TARGET...]",
		.help = "Build the kernel of this tree as the profile says",
		.details = "Targets are added to those of build.targets. What make "
			   "prints is kept in a log\nfile; -v shows it as it comes.\n",
	},
	{
		.name = "pack",
		.run = cmd_pack,
		.args = "-o FILE [--from FILE]",
		.help = "Pack the built kernel into a file",
		.details = "  -o FILE      the package to write\n"
			   "  --from FILE  not the tree's kernel but a .deb's or a "
			   "tarball's\n",
	},
	{
		.name = "deploy",
		.alias = "d",
		.run = cmd_deploy,
		.args = "[BOARD...] [--from FILE] [--no-reboot] [--once] [--force] "
			"[--cmdline WORDS]",
		.help = "Send a kernel, boot it once, come back with a verdict",
		.details =
			"  --from FILE  a package, a kernel .deb, or a tarball of make "
			"tar*-pkg\n"
			"  --no-reboot  install only\n"
			"  --once       do not make it the default after a pass\n"
			"  --force      also when this very kernel runs already\n"
			"  --cmdline WORDS  added to this trial's kernel command "
			"line\n",
	},
	{
		.name = "bd",
		.run = cmd_bd,
		.args = "[BOARD...] [--no-reboot] [--once] [--force] [--cmdline WORDS]",
		.help = "Build and deploy",
		.details = "The options are deploy's. The board is asked first: nothing "
			   "is built for one\nthat cannot take it.\n",
	},
	{
		.name = "reboot",
		.run = cmd_reboot,
		.args = "[BOARD] [--force] [--no-wait]",
		.help = "Reboot a board and wait until it is back",
		.details = "  --force    at once: sync and reset, the init system is not "
			   "asked\n"
			   "  --no-wait  do not wait until it is back\n",
	},
	{
		.name = "dmesg",
		.run = cmd_dmesg,
		.args = "[BOARD] [-f] [--boot N] [--level L]",
		.help = "Show a board's kernel log, live or of earlier boots",
		.details = "  -f, --follow  go on until Ctrl-C\n"
			   "  --boot N      0 this boot, -1 the one before, ...\n"
			   "  --level L     this and worse: emerg alert crit err warn "
			   "notice info debug, or 0-7\n",
	},
	{
		.name = "kernels",
		.run = cmd_kernels,
		.args = "[list|rm SLOT...|confirm [SLOT]|rollback [SLOT]] [-b BOARD]",
		.help = "The kernels installed on a board",
		.details = "  kernels list            all slots\n"
			   "  kernels rm SLOT...      remove them; never what runs or is "
			   "known-good\n"
			   "  kernels confirm [SLOT]  good, and the default; without a "
			   "name: what runs\n"
			   "  kernels rollback [SLOT] back to the board's own kernel, or "
			   "to SLOT\n",
	},
	{
		.name = "exec",
		.run = cmd_exec,
		.args = "[-b BOARD] [--timeout TIME] -- PROGRAM [ARGUMENT...]",
		.help = "Run a program on a board; its exit status is kferry's",
		.details = "  --timeout TIME  end it after that time, such as 90s or 2m\n"
			   "\nStandard input is passed to it. No shell is between: name "
			   "one for what needs one.\n",
	},
	{
		.name = "vm",
		.run = cmd_vm,
		.args = "create|up|down|console|list|rm [NAME]",
		.help = "Virtual boards",
		.details = "  vm create NAME  make one: a disk, firmware, a board in the "
			   "configuration\n"
			   "  vm up NAME      start it and wait until it can be reached\n"
			   "  vm down NAME    shut it down\n"
			   "  vm console NAME its serial console\n"
			   "  vm list         all of them\n"
			   "  vm rm NAME      remove it with its disk\n",
	},
	{
		.name = "config",
		.run = cmd_config,
		.args = "get|set|unset|list ...",
		.help = "Read and change the configuration",
		.details = "  config get KEY [-b BOARD]\n"
			   "  config set KEY VALUE [-b BOARD] [--user|--tree]\n"
			   "  config unset KEY [-b BOARD] [--user|--tree]\n"
			   "  config list [-b BOARD] [--show-origin]\n"
			   "  config keys          every key there is\n\n"
			   "Without --user or --tree: the file that has the board, else "
			   "the tree's, else the\nuser's.\n",
	},
	{
		.name = "help",
		.run = cmd_help,
		.args = "[COMMAND|kw]",
		.help = "Show what there is",
		.no_config = true,
	},
	{
		.name = "version",
		.run = cmd_version,
		.args = "",
		.help = "Show which kferry this is",
		.no_config = true,
	},
	{0},
};
