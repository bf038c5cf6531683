/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of deploy and bd, and the boards that are meant. */
#include "controller/cmd/deploy_args.h"

#include <getopt.h>
#include <string.h>

#include "controller/fleet/pick.h"
#include "controller/module/module_spec.h"
#include "proto/text.h"

enum {
	OPT_FROM = 256,
	OPT_NO_REBOOT,
	OPT_ONCE,
	OPT_FORCE,
	OPT_KEXEC,
	OPT_KEXEC_OK,
	OPT_CMDLINE,
	OPT_STRICT,
	OPT_MODULES,
	OPT_RELOAD
};

void deploy_args_fini(struct deploy_args *a)
{
	free(a->boards);
	free(a->opts.reload);
	a->boards = NULL;
	a->opts.reload = NULL;
}

static int add_reload(struct cmd_env *env, const char *name, const char *text,
		      struct deploy_opts *opts)
{
	_module_spec_ struct module_spec spec = {0};
	struct kf_error err = {0};
	const char **more;

	if (module_spec_parse(text, &spec, &err) < 0)
		return cmd_usage(env, name, "--reload: %s", err.msg);
	more = reallocarray(opts->reload, opts->n_reload + 1, sizeof(*more));
	if (!more)
		return STATUS_ERROR;
	opts->reload = more;
	more[opts->n_reload++] = text;
	return 0;
}

/* What does not go together. */
static int check_opts(struct cmd_env *env, const char *name, const struct deploy_opts *o)
{
	if (o->cmdline_extra && !text_is_line(o->cmdline_extra, 1024))
		return cmd_usage(env, name,
				 "--cmdline takes printable ASCII, at most 1024 bytes");
	if (o->kexec && o->no_reboot)
		return cmd_usage(env, name,
				 "--kexec is a way to reboot: it does not "
				 "go with --no-reboot");
	if (o->n_reload > 0 && !o->modules)
		return cmd_usage(env, name,
				 "--reload is for --modules: after a boot the new "
				 "ones are loaded anyway");
	if (o->modules && (o->kexec || o->no_reboot || o->once || o->cmdline_extra))
		return cmd_usage(env, name,
				 "--modules boots nothing: it does not go with --kexec, "
				 "--no-reboot, --once or --cmdline");
	return 0;
}

/* Words and -b together; none: the one given before the command, or the default. */
static int take_boards(struct cmd_env *env, int argc, char *argv[], struct pick *p,
		       struct deploy_args *a)
{
	int r = 0;

	for (int i = optind; r == 0 && i < argc; i++)
		r = pick_add(p, argv[i]);
	if (r < 0)
		return STATUS_ERROR;
	r = cmd_boards(env, argv[0], p);
	if (r)
		return r;
	a->boards = TAKE_PTR(p->names);
	a->n_boards = p->n;
	return 0;
}

int deploy_args_parse(struct cmd_env *env, int argc, char *argv[], bool bd,
		      struct deploy_args *ret)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"no-reboot", no_argument, NULL, OPT_NO_REBOOT},
		{"once", no_argument, NULL, OPT_ONCE},
		{"force", no_argument, NULL, OPT_FORCE},
		{"kexec", no_argument, NULL, OPT_KEXEC},
		{"kexec-ok", no_argument, NULL, OPT_KEXEC_OK},
		{"cmdline", required_argument, NULL, OPT_CMDLINE},
		{"from", required_argument, NULL, OPT_FROM},
		{"strict", no_argument, NULL, OPT_STRICT},
		{"modules", no_argument, NULL, OPT_MODULES},
		{"reload", required_argument, NULL, OPT_RELOAD},
		{0},
	};
	_pick_ struct pick pick = {0};
	int c, status = 0;

	while (!status && (c = getopt_long(argc, argv, ":b:l:", options, NULL)) != -1) {
		if ((c == 'b' && pick_add(&pick, optarg) < 0) ||
		    (c == 'l' && pick_add_label(&pick, optarg) < 0))
			return STATUS_ERROR;
		else if (c == 'b' || c == 'l')
			continue;
		else if (c == OPT_NO_REBOOT)
			ret->opts.no_reboot = true;
		else if (c == OPT_ONCE)
			ret->opts.once = true;
		else if (c == OPT_FORCE)
			ret->opts.force = true;
		else if (c == OPT_KEXEC)
			ret->opts.kexec = true;
		else if (c == OPT_KEXEC_OK)
			ret->opts.kexec = ret->opts.kexec_ok = true;
		else if (c == OPT_CMDLINE)
			ret->opts.cmdline_extra = optarg;
		else if (c == OPT_STRICT && !cmd_strict(env))
			return STATUS_ERROR;
		else if (c == OPT_STRICT)
			continue;
		else if (c == OPT_MODULES)
			ret->opts.modules = true;
		else if (c == OPT_RELOAD)
			status = add_reload(env, argv[0], optarg, &ret->opts);
		else if (c == OPT_FROM && !bd)
			ret->from = optarg;
		else if (c == OPT_FROM)
			return cmd_usage(env, argv[0],
					 "it builds the tree; for a package file use "
					 "`kferry deploy --from`");
		else
			return cmd_bad_option(env, argv[0], argv);
	}
	if (!status)
		status = check_opts(env, argv[0], &ret->opts);
	if (status)
		return status;
	ret->build = bd;
	return take_boards(env, argc, argv, &pick, ret);
}

int deploy_worse(int a, int b)
{
	static const int order[] = {STATUS_PASS, STATUS_NO_BOARD, STATUS_USAGE,
				    STATUS_ERROR, STATUS_FAIL};
	/* A program's own status is none of these, and no pass. */
	size_t at_a = a != STATUS_PASS, at_b = b != STATUS_PASS;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (order[i] == a)
			at_a = i;
		if (order[i] == b)
			at_b = i;
	}
	return at_a > at_b ? a : b;
}
