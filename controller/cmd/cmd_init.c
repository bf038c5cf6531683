// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry init: the configuration of a kernel tree, from a profile. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/utsname.h>

#include "controller/cmd/cmd.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static int list(struct cmd_env *env)
{
	_free_ char **names = NULL;
	struct kf_error err = {0};
	int rc = config_profiles(env->cfg, &names);

	if (rc == 0 && !names[0])
		rc = -ENOENT;
	if (rc < 0) {
		kf_err(&err, rc, KF_REASON_CONFIG,
		       "profiles: %m; KF_PROFILE_PATH names directories that have some");
		return cmd_fail(env, NULL, &err);
	}
	for (size_t i = 0; names[i]; i++) {
		_free_ char *text =
			config_profile_value(env->cfg, names[i], "profile.description");

		ui_out(env->ui, "%-16s %s\n", names[i], text ? text : "");
		ui_json(env->ui, json_pack("{s:s, s:s, s:s*}", "event", "profile",
					   "profile", names[i], "description", text));
	}
	return STATUS_PASS;
}

/* The profile of boards like this machine. */
static const char *own_profile(void)
{
	struct utsname uts;

	if (uname(&uts) == 0 && !strcmp(uts.machine, "x86_64"))
		return "x86-64";
	return NULL;
}

static int write_file(struct cmd_env *env, const char *profile, bool force,
		      struct kf_error *err)
{
	const char *path = config_file(env->cfg, CONFIG_TREE);
	_buf_ struct buf text = BUF_INIT;
	int rc;

	if (!path)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "this directory is not in a kernel source tree: go into "
			      "one; for all trees, `kferry config set --user "
			      "board.profile %s`",
			      profile);
	if (!force && fs_exists(AT_FDCWD, path))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s is there already; --force replaces it", path);
	rc = buf_printf(&text,
			"# kferry's configuration of this kernel tree; see "
			"kferry.ini(5) and\n"
			"# `kferry config list --show-origin`. It wins over the user's "
			"and the profile's.\n"
			"\n"
			"[board]\n"
			"profile = %s\n",
			profile);
	if (rc == 0)
		rc = fs_mkdirs_parent(AT_FDCWD, path);
	if (rc == 0)
		rc = fs_replace(AT_FDCWD, path, buf_data(&text), buf_len(&text), 0644);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s: %m", path) : 0;
}

int cmd_init(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"template", required_argument, NULL, 't'},
		{"list", no_argument, NULL, 'l'},
		{"force", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	const char *profile = own_profile();
	_free_ char *path = NULL;
	struct kf_error err = {0};
	bool force = false;
	int c;

	while ((c = getopt_long(argc, argv, ":t:f", options, NULL)) != -1) {
		if (c == 't')
			profile = optarg;
		else if (c == 'l')
			return list(env);
		else if (c == 'f')
			force = true;
		else
			return cmd_bad_option(env, "init", argv);
	}
	if (optind < argc)
		return cmd_usage(env, "init", "%s: it takes options only", argv[optind]);
	if (!profile)
		return cmd_usage(env, "init", "which kind of board? --template PROFILE");
	path = config_profile_path(env->cfg, profile);
	if (!path)
		return cmd_usage(env, "init",
				 "there is no profile \"%s\"; `kferry init --list` shows "
				 "those there are",
				 profile);
	if (write_file(env, profile, force, &err) < 0)
		return cmd_fail(env, NULL, &err);
	ui_step(env->ui, "init", NULL, -1, json_pack("{s:s}", "profile", profile),
		"%s with profile %s", config_file(env->cfg, CONFIG_TREE), profile);
	return STATUS_PASS;
}
