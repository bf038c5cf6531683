// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry init: the configuration of a kernel tree, from a profile. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/utsname.h>

#include "controller/cmd/cmd.h"
#include "controller/config/template.h"
#include "controller/kernel/tree.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct args {
	const char *template, *from, *arch;
	bool list, force;
};

static void show(struct cmd_env *env, const char *name, const char *text)
{
	ui_out(env->ui, "%-16s %s\n", name, text ? text : "");
	ui_json(env->ui, json_pack("{s:s, s:s, s:s*}", "event", "profile", "profile",
				   name, "description", text));
}

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

		show(env, names[i], text);
	}
	return STATUS_PASS;
}

/* Those of a lab: the directory is told by template_place(). */
static int list_templates(struct cmd_env *env, const struct template_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct template *t = &l->list[i];

		if (t->trouble)
			ui_warn(env->ui, "%s", t->trouble);
		else
			show(env, t->name, t->description);
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

static const char head[] =
	"# kferry's configuration of this kernel tree; see kferry.ini(5) and\n"
	"# `kferry config list --show-origin`. It wins over the user's and the "
	"profile's.\n"
	"\n";

/* May the tree's file be written? */
static int check_file(struct cmd_env *env, const struct args *a, struct kf_error *err)
{
	const char *path = config_file(env->cfg, CONFIG_TREE);

	if (!path)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "this directory is not in a kernel source tree: go into "
			      "one; for all trees, `kferry config set --user "
			      "board.profile %s`",
			      a->template ? a->template : "PROFILE");
	if (!a->force && fs_exists(AT_FDCWD, path))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s is there already; --force replaces it", path);
	return a->arch ? tree_check_arch(config_tree(env->cfg), a->arch, err) : 0;
}

static int write_file(struct cmd_env *env, const struct args *a, struct buf *text,
		      struct kf_error *err)
{
	const char *path = config_file(env->cfg, CONFIG_TREE);
	int rc = fs_mkdirs_parent(AT_FDCWD, path);

	if (rc == 0)
		rc = fs_replace(AT_FDCWD, path, buf_data(text), buf_len(text), 0644);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s: %m", path);
	return a->arch ? config_write(env->cfg, CONFIG_TREE, NULL, "build.arch", a->arch,
				      err)
		       : 0;
}

static int from_profile(struct cmd_env *env, const struct args *a, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = check_file(env, a, err);

	if (rc == 0)
		rc = buf_printf(&text, "%s[board]\nprofile = %s\n", head, a->template);
	return rc < 0 ? rc : write_file(env, a, &text, err);
}

/* A template is copied: what it was taken from may change, or go. */
static int from_template(struct cmd_env *env, const struct args *a,
			 const struct template_list *l, const char **ret_name,
			 struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT, own = BUF_INIT;
	const struct template *t = NULL;
	int rc = check_file(env, a, err);

	if (rc == 0)
		rc = template_read(l, a->template, &own, &t, err);
	if (rc < 0)
		return rc;
	rc = buf_printf(&text, "%s# The template %s.\n\n", head, t->name);
	if (rc == 0)
		rc = buf_append(&text, buf_data(&own), buf_len(&own));
	*ret_name = t->name;
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory")
		      : write_file(env, a, &text, err);
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct args *ret)
{
	static const struct option options[] = {
		{"template", required_argument, NULL, 't'},
		{"template-from", required_argument, NULL, 'T'},
		{"arch", required_argument, NULL, 'a'},
		{"list", no_argument, NULL, 'l'},
		{"force", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":t:f", options, NULL)) != -1) {
		if (c == 't')
			ret->template = optarg;
		else if (c == 'T')
			ret->from = optarg;
		else if (c == 'a')
			ret->arch = optarg;
		else if (c == 'l')
			ret->list = true;
		else if (c == 'f')
			ret->force = true;
		else
			return cmd_bad_option(env, "init", argv);
	}
	if (optind < argc)
		return cmd_usage(env, "init", "%s: it takes options only", argv[optind]);
	return 0;
}

static int done(struct cmd_env *env, const char *name)
{
	ui_step(env->ui, "init", NULL, -1, json_pack("{s:s}", "profile", name),
		"%s with profile %s", config_file(env->cfg, CONFIG_TREE), name);
	return STATUS_PASS;
}

static int use_templates(struct cmd_env *env, const struct args *a)
{
	_cleanup_(template_list_fini) struct template_list l = {0};
	_free_ char *dir = NULL;
	const char *name = NULL;
	struct kf_error err = {0};

	if (template_place(env->cfg, a->from, &dir, &err) < 0 ||
	    template_find_all(dir, &l, &err) < 0)
		return cmd_fail(env, NULL, &err);
	if (a->list)
		return list_templates(env, &l);
	if (from_template(env, a, &l, &name, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return done(env, name);
}

int cmd_init(struct cmd_env *env, int argc, char *argv[])
{
	_free_ char *path = NULL;
	struct kf_error err = {0};
	struct args a = {0};
	int rc = parse(env, argc, argv, &a);

	if (rc)
		return rc;
	if (a.from)
		return use_templates(env, &a);
	if (a.list)
		return list(env);
	if (!a.template)
		a.template = own_profile();
	if (!a.template)
		return cmd_usage(env, "init", "which kind of board? --template PROFILE");
	path = config_profile_path(env->cfg, a.template);
	if (!path)
		return cmd_usage(env, "init",
				 "there is no profile \"%s\"; `kferry init --list` shows "
				 "those there are",
				 a.template);
	if (from_profile(env, &a, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return done(env, a.template);
}
