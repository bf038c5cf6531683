/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of deploy and bd, and the boards that are meant. */
#include "controller/cmd/deploy_args.h"

#include <getopt.h>
#include <string.h>

#include "controller/cmd/build_args.h"
#include "controller/cmd/file_args.h"
#include "controller/fleet/sift.h"
#include "controller/module/module_spec.h"
#include "proto/reason.h"
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
	OPT_RELOAD,
	OPT_TEST,
	OPT_RETRIES,
	OPT_EXPECT
};

void deploy_args_fini(struct deploy_args *a)
{
	free(a->boards);
	free(a->skipped);
	free(a->opts.reload);
	testplan_fini(&a->plan);
	a->boards = a->skipped = NULL;
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

/* What is to be passed before the kernel is confirmed.  -1: it is none of them. */
static int take_test(struct cmd_env *env, const char *name, int c, struct testplan *p)
{
	struct kf_error err = {0};

	if (c == OPT_RETRIES)
		return file_args_retries(env, name, optarg, &p->retries);
	if (c == OPT_TEST && testplan_add(p, env->cfg, optarg, &err) < 0)
		return err.reason == KF_REASON_USAGE
			       ? cmd_usage(env, name, "--test: %s", err.msg)
			       : cmd_fail(env, NULL, &err);
	if (c == OPT_EXPECT && testplan_expect(p, optarg, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return c == OPT_TEST || c == OPT_EXPECT ? 0 : -1;
}

/* Those that say what is done: a status.  -1: it is none of them. */
static int take_option(struct cmd_env *env, const char *name, int c, bool bd,
		       struct deploy_args *ret)
{
	struct deploy_opts *o = &ret->opts;

	if (c == OPT_NO_REBOOT)
		o->no_reboot = true;
	else if (c == OPT_ONCE)
		o->once = true;
	else if (c == OPT_FORCE)
		o->force = true;
	else if (c == OPT_KEXEC)
		o->kexec = true;
	else if (c == OPT_KEXEC_OK)
		o->kexec = o->kexec_ok = true;
	else if (c == OPT_CMDLINE)
		o->cmdline_extra = optarg;
	else if (c == OPT_STRICT)
		return cmd_strict(env) ? 0 : STATUS_ERROR;
	else if (c == OPT_MODULES)
		o->modules = true;
	else if (c == OPT_RELOAD)
		return add_reload(env, name, optarg, o);
	else if (c == OPT_FROM && !bd)
		ret->from = optarg;
	else if (c == OPT_FROM)
		return cmd_usage(env, name,
				 "it builds the tree; for a package file use "
				 "`kferry deploy --from`");
	else
		return file_args_take(env, c, &ret->files)
			       ? 0
			       : take_test(env, name, c, &ret->plan);
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
	if (o->tests && (o->modules || o->no_reboot))
		return cmd_usage(env, name,
				 "--test tests the kernel that was booted: it does not "
				 "go with --no-reboot or --modules (`kferry test` tests "
				 "what runs)");
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
	a->skipped = calloc(p->n + 1, sizeof(*a->skipped));
	if (!a->skipped)
		return STATUS_ERROR;
	a->n_skipped = sift_boards(env, p, a->skipped);
	a->boards = TAKE_PTR(p->names);
	a->n_boards = p->n;
	return 0;
}

int deploy_args_parse(struct cmd_env *env, int argc, char *argv[], bool bd,
		      struct deploy_args *ret)
{
	static const struct option options[] = {
		BUILD_ARGS,
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
		FILE_OPTIONS,
		{"test", required_argument, NULL, OPT_TEST},
		{"retries", required_argument, NULL, OPT_RETRIES},
		{"expect", required_argument, NULL, OPT_EXPECT},
		{0},
	};
	const struct option *known = bd ? options : options + BUILD_ARGS_N;
	const char *letters = bd ? ":b:l:" BUILD_LETTERS : ":b:l:";
	_pick_ struct pick pick = {0};
	int c, status = 0;

	testplan_init(&ret->plan);
	while (!status && (c = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		if ((c == 'b' && pick_add(&pick, optarg) < 0) ||
		    (c == 'l' && pick_add_label(&pick, optarg) < 0))
			return STATUS_ERROR;
		if (c == 'b' || c == 'l')
			continue;
		status = bd ? build_arg_take(env, argv[0], c) : -1;
		if (status < 0)
			status = take_option(env, argv[0], c, bd, ret);
		if (status < 0)
			return cmd_bad_option(env, argv[0], argv);
	}
	ret->opts.tests = ret->plan.n > 0 ? &ret->plan : NULL;
	if (!status && !ret->opts.tests && (ret->plan.retries || ret->plan.expect))
		return cmd_usage(env, argv[0], "--retries and --expect go with --test");
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
