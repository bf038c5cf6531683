/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry vm: make, start, stop and look at virtual boards. */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/vm/vm.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

const char cmd_vm_details[] =
	"  vm create NAME   make one: a disk, firmware, a board in the "
	"configuration\n"
	"  vm up NAME       start it and wait until it can be reached\n"
	"  vm down NAME     shut it down\n"
	"  vm reset NAME    pull its reset line\n"
	"  vm console NAME  its serial console, until Ctrl-]\n"
	"  vm list          all of them\n"
	"  vm rm NAME       remove it with its disk\n"
	"\n"
	"  -m, --memory MIB  create: memory (1024)\n"
	"  --cpus N          create: processors\n"
	"  --image FILE      create: this disk image, not the Debian "
	"guest\n"
	"  --timeout S       up, down: seconds to wait (300 and 90)\n"
	"  --no-wait         up: do not wait\n"
	"  -f, --force       down: at once\n";

#define UP_TIMEOUT_S   300
#define DOWN_TIMEOUT_S 90

struct vm_args {
	unsigned memory, cpus, timeout_s;
	const char *image;
	bool force, no_wait;
};

static int parse_uint(const char *text, unsigned *ret)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || v == 0 || v > INT32_MAX)
		return -EINVAL;
	*ret = (unsigned)v;
	return 0;
}

static int parse_args(const struct cmd_env *env, int argc, char *argv[],
		      struct vm_args *ret)
{
	static const struct option options[] = {
		{"memory", required_argument, NULL, 'm'},
		{"cpus", required_argument, NULL, 'c'},
		{"image", required_argument, NULL, 'i'},
		{"timeout", required_argument, NULL, 't'},
		{"force", no_argument, NULL, 'f'},
		{"no-wait", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	int c, rc = 0;

	optind = 0;
	while (rc == 0 && (c = getopt_long(argc, argv, ":fm:", options, NULL)) != -1) {
		if (c == 'm')
			rc = parse_uint(optarg, &ret->memory);
		else if (c == 'c')
			rc = parse_uint(optarg, &ret->cpus);
		else if (c == 't')
			rc = parse_uint(optarg, &ret->timeout_s);
		else if (c == 'i')
			ret->image = optarg;
		else if (c == 'f')
			ret->force = true;
		else if (c == 'n')
			ret->no_wait = true;
		else
			return cmd_bad_option(env, "vm", argv);
		if (rc < 0)
			return cmd_usage(env, "vm", "\"%s\" is no number above 0",
					 optarg);
	}
	return 0;
}

static int vm_cmd_create(struct cmd_env *env, const char *name,
			 const struct vm_args *args, struct kf_error *err)
{
	struct vm_create_opts opts = {
		.memory_mib = args->memory, .cpus = args->cpus, .image = args->image};
	int rc = vm_create(env->cfg, env->ui, name, &opts, err);

	if (rc == 0)
		ui_step(env->ui, "create", name, -1, NULL,
			"a board like any other; `kferry vm up %s` starts it", name);
	return rc;
}

static int vm_cmd_up(struct cmd_env *env, const char *name, const struct vm_args *args,
		     struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	int64_t start = clock_now_ms();
	int rc = vm_open(env->cfg, name, &vm, err);

	if (rc == 0)
		rc = vm_up(env->cfg, env->ui, &vm, err);
	if (rc == 0 && !args->no_wait)
		rc = vm_wait_ssh(env->ui, &vm,
				 deadline_in(1000LL * (args->timeout_s ? args->timeout_s
								       : UP_TIMEOUT_S)),
				 err);
	if (rc == 0)
		ui_step(env->ui, "up", name, clock_now_ms() - start, NULL,
			args->no_wait ? "started" : "its sshd answers");
	return rc;
}

static int vm_cmd_down(struct cmd_env *env, const char *name, const struct vm_args *args,
		       struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	int64_t start = clock_now_ms();
	int rc = vm_open(env->cfg, name, &vm, err);

	if (rc == 0)
		rc = vm_down(env->ui, &vm, args->force,
			     deadline_in(1000LL * (args->timeout_s ? args->timeout_s
								   : DOWN_TIMEOUT_S)),
			     err);
	if (rc == 0)
		ui_step(env->ui, "down", name, clock_now_ms() - start, NULL, "off");
	return rc;
}

static int vm_cmd_reset(struct cmd_env *env, const char *name, const struct vm_args *args,
			struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	int rc = vm_open(env->cfg, name, &vm, err);

	(void)args;
	if (rc == 0)
		rc = vm_reset(&vm, err);
	if (rc == 0)
		ui_step(env->ui, "reset", name, -1, NULL, "the reset line was pulled");
	return rc;
}

static int vm_cmd_console(struct cmd_env *env, const char *name,
			  const struct vm_args *args, struct kf_error *err)
{
	_vm_ struct vm vm = {0};
	int rc = vm_open(env->cfg, name, &vm, err);

	(void)args;
	return rc < 0 ? rc : vm_console(env->ui, &vm, err);
}

static int vm_cmd_rm(struct cmd_env *env, const char *name, const struct vm_args *args,
		     struct kf_error *err)
{
	int rc = vm_remove(env->cfg, env->ui, name, err);

	(void)args;
	if (rc == 0)
		ui_step(env->ui, "rm", name, -1, NULL, "removed");
	return rc;
}

static void show(struct cmd_env *env, const char *name)
{
	_vm_ struct vm vm = {0};
	struct kf_error err = {0};
	pid_t pid;

	if (vm_open(env->cfg, name, &vm, &err) < 0) {
		ui_warn(env->ui, "%s is damaged: %s", name, err.msg);
		return;
	}
	pid = vm_pid(&vm);
	ui_out(env->ui, "%-16s %-7s %5u MiB  ssh 127.0.0.1:%u\n", name,
	       pid ? "running" : "off", vm.memory_mib, vm.port);
	ui_json(env->ui,
		json_pack("{s:s, s:s, s:b, s:i, s:i, s:i}", "event", "vm", "name", name,
			  "running", pid != 0, "memory_mib", (int)vm.memory_mib, "cpus",
			  (int)vm.cpus, "port", (int)vm.port));
}

static int vm_list(struct cmd_env *env)
{
	_free_ char *dir = NULL;
	_closedir_ DIR *d = NULL;
	struct dirent *e;

	if (asprintf(&dir, "%s/vm", config_data_dir(env->cfg)) < 0)
		return STATUS_ERROR;
	d = opendir(dir);
	if (!d) {
		ui_note(env->ui, "no virtual boards: `kferry vm create NAME` makes one");
		return STATUS_PASS;
	}
	while ((e = readdir(d)))
		if (text_is_name(e->d_name))
			show(env, e->d_name);
	return STATUS_PASS;
}

int cmd_vm(struct cmd_env *env, int argc, char *argv[])
{
	static const struct {
		const char *verb;
		int (*run)(struct cmd_env *env, const char *name,
			   const struct vm_args *args, struct kf_error *err);
	} verbs[] = {
		{"create", vm_cmd_create},   {"up", vm_cmd_up},
		{"down", vm_cmd_down},	     {"reset", vm_cmd_reset},
		{"console", vm_cmd_console}, {"rm", vm_cmd_rm},
	};
	struct vm_args args = {0};
	struct kf_error err = {0};
	int rc = parse_args(env, argc, argv, &args);

	if (rc)
		return rc;
	if (optind >= argc)
		return cmd_usage(env, "vm",
				 "create, up, down, reset, console or rm NAME, or list");
	if (strcmp(argv[optind], "list") == 0 && optind + 1 == argc)
		return vm_list(env);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[optind], verbs[i].verb))
			continue;
		if (optind + 2 != argc)
			return cmd_usage(env, "vm",
					 "%s takes the name of one virtual board",
					 verbs[i].verb);
		rc = verbs[i].run(env, argv[optind + 1], &args, &err);
		return rc < 0 ? cmd_fail(env, argv[optind + 1], &err) : STATUS_PASS;
	}
	return cmd_usage(
		env, "vm",
		"create, up, down, reset, console or rm NAME, or list; not \"%s\"",
		argv[optind]);
}
