/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/import/kwmap.h"

#include <string.h>
#include <strings.h>

#include "controller/config/config.h"
#include "controller/strf.h"
#include "proto/text.h"

/* How a value of kw's becomes one of ours: *ret is the caller's, or NULL and *why. */
typedef int (*convert_fn)(const char *value, char **ret, const char **why);

static int copy(const char *value, char **ret, const char **why)
{
	(void)why;
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

static int answer(const char *text, char **ret)
{
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int said(const char **why, const char *text)
{
	*why = text;
	return 0;
}

static bool is_yes(const char *v)
{
	return strcasecmp(v, "yes") == 0 || strcasecmp(v, "true") == 0 ||
	       strcmp(v, "1") == 0;
}

static int yes_no(const char *value, char **ret, const char **why)
{
	(void)why;
	return answer(is_yes(value) ? "yes" : "no", ret);
}

static int llvm(const char *value, char **ret, const char **why)
{
	return is_yes(value) ? answer("1", ret)
			     : said(why, "gcc is what is taken without build.llvm");
}

static int once(const char *value, char **ret, const char **why)
{
	(void)why;
	return answer(is_yes(value) ? "once" : "default", ret);
}

static int reboots(const char *value, char **ret, const char **why)
{
	(void)ret;
	return said(why, is_yes(value) ? "a deploy always reboots, to see the kernel run"
				       : "a deploy reboots, to see the kernel run; "
					 "--no-reboot installs only");
}

static int target(const char *value, char **ret, const char **why)
{
	(void)ret;
	if (strcmp(value, "remote") == 0)
		return said(why, "every board is remote; board.default says which");
	if (strcmp(value, "vm") == 0)
		return said(why, "make a virtual board with `kferry vm create`");
	return said(why,
		    "this machine is a board when it has an agent: `kferry board add "
		    "NAME localhost`");
}

/* "broadcom,rockchip/rk3399*": directories, and patterns. */
static int dtbs(const char *value, char **ret, const char **why)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text;

	(void)why;
	if (!*value)
		return answer("yes", ret);
	while (*value) {
		size_t n = strcspn(value, ", ");
		bool is_file = n > 4 && memcmp(value + n - 4, ".dtb", 4) == 0;
		bool has_star = n > 0 && memchr(value, '*', n);

		if (n > 0 &&
		    buf_printf(&b, "%s%.*s%s", buf_len(&b) ? " " : "", (int)n, value,
			       is_file	  ? ""
			       : has_star ? ".dtb"
					  : "/*.dtb") < 0)
			return -ENOMEM;
		value += n;
		value += *value != '\0';
	}
	text = buf_len(&b) ? buf_str(&b) : "yes";
	return text ? answer(text, ret) : -ENOMEM;
}

/* "a@b.org, c@d.org" */
static int addresses(const char *value, char **ret, const char **why)
{
	(void)why;
	*ret = strdup(value);
	if (!*ret)
		return -ENOMEM;
	for (char *c = *ret; *c; c++)
		if (*c == ',')
			*c = ' ';
	return 0;
}

static int unless(const char *value, char **ret, const char **why)
{
	(void)why;
	return answer(is_yes(value) ? "no" : "yes", ret);
}

static const struct {
	const char *file; /* NULL: whichever */
	const char *kw;
	const char *key;
	convert_fn convert;
	const char *why; /* without a key: why there is none */
} settings[] = {
	{NULL, "arch", "build.arch", copy, NULL},
	{NULL, "kernel_img_name", "build.image", copy, NULL},
	{NULL, "cross_compile", "build.cross_compile", copy, NULL},
	{NULL, "menu_config", "build.menu", copy, NULL},
	{NULL, "doc_type", "build.doc", copy, NULL},
	{NULL, "cpu_scaling_factor", "build.cpus", copy, NULL},
	{NULL, "enable_ccache", "build.ccache", yes_no, NULL},
	{NULL, "ccache", "build.ccache", yes_no, NULL},
	{NULL, "use_llvm", "build.llvm", llvm, NULL},
	{NULL, "warning_level", "build.warnings", copy, NULL},
	{NULL, "log_path", "build.log", copy, NULL},
	{NULL, "cflags", "build.cflags", copy, NULL},

	{NULL, "strip_modules_debug_option", "kernel.strip", yes_no, NULL},
	{NULL, "dtb_copy_pattern", "build.dtbs", dtbs, NULL},
	{NULL, "boot_into_new_kernel_once", "deploy.after_pass", once, NULL},
	{NULL, "reboot_after_deploy", NULL, reboots, NULL},
	{NULL, "default_deploy_target", NULL, target, NULL},
	{NULL, "deploy_default_compression", NULL, NULL,
	 "what is sent is compressed by zstd, as strongly as the link wants it"},
	{NULL, "kw_files_remote_path", NULL, NULL,
	 "the agent has its own place on a board (agent.path)"},
	{NULL, "deploy_temporary_files_path", NULL, NULL,
	 "nothing is copied to a temporary place"},
	{NULL, "previous_kernel_backup", NULL, NULL,
	 "every kernel has a slot of its own, and none is replaced"},

	{NULL, "ssh_user", NULL, NULL,
	 "belongs to a board: `kferry board add NAME USER@HOST`"},
	{NULL, "ssh_ip", NULL, NULL,
	 "belongs to a board: `kferry board add NAME USER@HOST`"},
	{NULL, "ssh_port", NULL, NULL,
	 "belongs to a board: `kferry board add NAME USER@HOST:PORT`"},
	{NULL, "ssh_configfile", NULL, NULL, "~/.ssh/config is read"},
	{NULL, "hostname", NULL, NULL, "board.host may be a Host of ~/.ssh/config"},
	{NULL, "remote_user", NULL, NULL, "belongs to a board"},
	{NULL, "remote_port", NULL, NULL, "belongs to a board"},

	{NULL, "virtualizer", NULL, NULL, "`kferry vm create` makes a virtual board"},
	{NULL, "mount_point", NULL, NULL,
	 "a virtual board is not mounted: kferry put and get copy files"},
	{NULL, "qemu_hw_options", NULL, NULL,
	 "`kferry vm create NAME --memory MIB --cpus N`"},
	{NULL, "qemu_net_options", NULL, NULL, "a virtual board's network is kferry's"},
	{NULL, "qemu_path_image", NULL, NULL, "`kferry vm create NAME --image FILE`"},

	{NULL, "disable_statistics_data_track", "history.record", unless, NULL},
	{"lore", "default_ui", NULL, NULL, "there is one user interface"},
	{"lore", "dialog_layout", NULL, NULL, "NO_COLOR turns colours off"},
	{NULL, "lists", NULL, NULL, "lists are named when they are read"},
	{NULL, "save_patches_to", NULL, NULL, "patches are kept in the cache"},
	{NULL, "kernel_tree_path", NULL, NULL,
	 "the tree is the one around the working directory"},
	{NULL, "kernel_tree_branch", NULL, NULL,
	 "the branch is the one that is checked out"},

	{NULL, "blocked_emails", "send.blocked", addresses, NULL},
	{NULL, "send_opts", NULL, NULL,
	 "options of git send-email: set sendemail.* of git"},
	{NULL, "default_to_recipients", NULL, NULL, "set sendemail.to of git"},
	{NULL, "default_cc_recipients", NULL, NULL, "set sendemail.cc of git"},

	{NULL, "alert", NULL, NULL,
	 "long commands notify by notify.command, any by --notify"},
	{NULL, "sound_alert_command", NULL, NULL,
	 "a line for a shell: notify.command is a program"},
	{NULL, "visual_alert_command", NULL, NULL,
	 "a line for a shell: notify.command is a program"},
	{NULL, "gui_on", NULL, NULL, "`kferry gui on`: a board's target is systemd's"},
	{NULL, "gui_off", NULL, NULL, "`kferry gui off`: a board's target is systemd's"},
};

int kwmap_setting(const char *file, const char *key, const char *value,
		  struct kwmeaning *ret)
{
	*ret = (struct kwmeaning){0};
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].kw, key) != 0 ||
		    (settings[i].file && strcmp(settings[i].file, file) != 0))
			continue;
		if (!settings[i].convert) {
			ret->why = settings[i].why;
			return 0;
		}
		if (!*value && settings[i].convert != dtbs) {
			ret->why = "it is empty";
			return 0;
		}
		if (settings[i].convert(value, &ret->value, &ret->why) < 0)
			return -ENOMEM;
		ret->key = ret->value ? settings[i].key : NULL;
		return 0;
	}
	ret->why = "kferry does not know this key";
	return 0;
}

int kwmap_remote(const char *key, const char *value, struct kwmeaning *ret)
{
	static const struct {
		const char *kw, *key;
	} remotes[] = {
		{"hostname", "board.host"},
		{"port", "board.port"},
		{"user", "board.user"},
		{"identityfile", "board.identity"},
		{"userknownhostsfile", "board.known_hosts"},
	};

	*ret = (struct kwmeaning){0};
	for (size_t i = 0; i < ARRAY_SIZE(remotes); i++) {
		if (strcmp(remotes[i].kw, key) != 0)
			continue;
		ret->key = remotes[i].key;
		return copy(value, &ret->value, &ret->why);
	}
	ret->why = "set it in ~/.ssh/config, which is read";
	return 0;
}

/* --- commands -------------------------------------------------------------------------
 */

const struct kwcommand kwmap_commands[] = {
	{"kw init --template T", "init --template T"},
	{"kw config [--show]", "config get, set, unset, list"},
	{"kw remote --add/--remove/...", "board add, rm, rename, default, list"},
	{"kw device", "board info"},
	{"kw env --create, --use, --exit-env", "env create, use, list, exit, rm"},
	{"kw kernel-config-manager (k) --save, ...", "kconfig save, get, list, rm, diff"},
	{"kw kernel-config-manager --fetch", "kconfig fetch [--optimize]"},
	{"kw build (b)", "build (b)"},
	{"kw build --menu, --info, --doc", "build --menu, --info, --doc [DIR...]"},
	{"kw build --cpu-scaling, --warnings", "build --cpu-scaling, --warnings"},
	{"kw build --ccache, --llvm, --cflags", "build --ccache, --llvm, --cflags"},
	{"kw build --save-log-to", "build --save-log-to"},
	{"kw build --clean, --full-cleanup", "build --clean, --full-cleanup"},
	{"kw build --from-sha SHA", "build --from-sha SHA"},
	{"kw deploy (d)", "deploy (d)"},
	{"kw deploy --setup", "board setup"},
	{"kw deploy --create-package", "pack -o FILE"},
	{"kw deploy --from-package F", "deploy --from F"},
	{"kw deploy --list, --list-all", "kernels list"},
	{"kw deploy --uninstall K [--force]", "kernels rm K [--force]"},
	{"kw deploy --boot-into-new-kernel-once", "deploy --once"},
	{"kw deploy --no-reboot", "deploy --no-reboot"},
	{"kw deploy --modules", "deploy --modules"},
	{"kw bd", "bd"},
	{"kw ssh (s)", "shell (s)"},
	{"kw ssh -c CMD", "exec -- CMD"},
	{"kw ssh -s SCRIPT", "exec --script SCRIPT"},
	{"kw ssh --send, --get", "put, get"},
	{"kw debug --dmesg [--follow]", "dmesg [-f]"},
	{"kw debug --dmesg --cmd CMD", "dmesg --cmd CMD"},
	{"kw debug --event E", "trace event E"},
	{"kw debug --ftrace F", "trace ftrace F"},
	{"kw debug --history, --list, --reset", "trace, dmesg with the same"},
	{"kw drm --gui-on, --gui-off", "gui on, off"},
	{"kw drm --gui-on-after-reboot, ...", "gui on, off --after-reboot"},
	{"kw drm --conn-available, --modes", "drm connectors, modes"},
	{"kw drm --load-module, --unload-module", "module load, unload, reload"},
	{"kw vm --up", "vm create, up, down; then as any board"},
	{"kw maintainers (m)", "maintainers (m)"},
	{"kw codestyle (c)", "checkpatch (c)"},
	{"kw patch-hub", "patches"},
	{"kw send-patch --send [--simulate]", "send [--simulate]"},
	{"kw send-patch --setup, --verify", "send --setup, --verify"},
	{"kw report", "report"},
	{"kw backup, --restore", "backup, restore"},
	{"kw clear-cache", "clean"},
	{"kw's configuration", "import kw"},
	{"kw version", "version"},
	{NULL, NULL},
};

const char *kwmap_hint(const char *command)
{
	static const struct kwcommand hints[] = {
		{"remote", "kferry board"},
		{"device", "kferry board info"},
		{"kernel-config-manager", "kferry kconfig"},
		{"ssh", "kferry shell, exec, put and get"},
		{"debug", "kferry dmesg, and kferry trace"},
		{"drm", "kferry module, gui and drm"},
		{"codestyle", "kferry checkpatch"},
		{"patch-hub", "kferry patches"},
		{"send-patch", "kferry send"},
		{"mail", "kferry send"},
		{"explore", "git grep"},
		{"e", "git grep"},
		{"diff", "git diff"},
		{"clear-cache", "kferry clean"},
		{"statistics", "kferry report"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (strcmp(hints[i].kw, command) == 0)
			return hints[i].kferry;
	}
	return NULL;
}
