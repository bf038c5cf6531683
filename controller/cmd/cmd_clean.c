// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry clean: what is in the cache, and removing it. */
#include <getopt.h>
#include <string.h>

#include "controller/clean/cachelock.h"
#include "controller/clean/clean.h"
#include "controller/cmd/cmd.h"
#include "proto/text.h"

enum { OPT_ALL = 256, OPT_OLDER, OPT_DRY };

#define DAY_S	  (24 * 3600)
#define YEARS_MAX 50

struct clean_args {
	bool kinds[CLEAN_KINDS];
	bool any, all, dry;
	int64_t older_s;
};

/* 90m, 36h, 10d, 2w. */
static int take_age(struct cmd_env *env, struct clean_args *a)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'m', 60}, {'h', 3600}, {'d', DAY_S}, {'w', 7 * DAY_S}};
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (*optarg < '0' || *optarg > '9' || *end != units[i].unit || end[1] ||
		    n == 0 ||
		    n > (unsigned long)(YEARS_MAX * 365 * DAY_S / units[i].seconds))
			continue;
		a->older_s = (int64_t)n * units[i].seconds;
		return 0;
	}
	return cmd_usage(env, "clean",
			 "--older-than takes 90m, 36h, 10d or 2w, not \"%s\"", optarg);
}

static int take_kinds(struct cmd_env *env, char *argv[], struct clean_args *a)
{
	for (; *argv; argv++) {
		int kind = clean_find(*argv);

		if (kind < 0)
			return cmd_usage(env, "clean",
					 "there is no kind \"%s\": `kferry clean` shows "
					 "those there are",
					 *argv);
		a->kinds[kind] = a->any = true;
	}
	if (a->any && a->all)
		return cmd_usage(env, "clean", "--all is all kinds: name none");
	for (int i = 0; i < CLEAN_KINDS; i++)
		a->kinds[i] = a->any ? a->kinds[i] : i != CLEAN_RUNS;
	/* What is nowhere else is not lost by a word too few. */
	if (a->kinds[CLEAN_RUNS] && a->any && a->older_s < DAY_S && !a->dry)
		return cmd_usage(env, "clean",
				 "runs are results, and made by nothing again: they take "
				 "--older-than, of a day at least");
	return 0;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct clean_args *a)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, OPT_ALL},
		{"older-than", required_argument, NULL, OPT_OLDER},
		{"dry-run", no_argument, NULL, OPT_DRY},
		{0},
	};
	int c, rc = 0;

	while (!rc && (c = getopt_long(argc, argv, ":n", options, NULL)) != -1) {
		if (c == OPT_ALL)
			a->all = true;
		else if (c == OPT_DRY || c == 'n')
			a->dry = true;
		else if (c == OPT_OLDER)
			rc = take_age(env, a);
		else
			rc = cmd_bad_option(env, "clean", argv);
	}
	return rc ? rc : take_kinds(env, argv + optind, a);
}

static void show(struct cmd_env *env, enum clean_kind kind, const struct clean_found *f,
		 bool dry)
{
	char size[16];

	ui_out(env->ui, "%-10s %10s  %6llu %s  %s\n", clean_kinds[kind].name,
	       text_bytes(f->bytes, size), (unsigned long long)f->entries,
	       dry ? "there" : "gone ", clean_kinds[kind].help);
	if (f->why)
		ui_note(env->ui, "%s stay: %s", clean_kinds[kind].name, f->why);
	if (f->error)
		ui_warn(env->ui, "%s: not all could be %s: %s", clean_kinds[kind].name,
			dry ? "looked at" : "removed", strerror(-f->error));
	ui_json(env->ui, json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "event", "clean",
				   "kind", clean_kinds[kind].name, "removed", (int)!dry,
				   "entries", (json_int_t)f->entries, "bytes",
				   (json_int_t)f->bytes, "kept", (json_int_t)f->kept));
}

int cmd_clean(struct cmd_env *env, int argc, char *argv[])
{
	struct clean_args a = {.older_s = 0};
	struct kf_error err = {0};
	_close_ int lock = -1;
	int rc = parse(env, argc, argv, &a), status = STATUS_PASS;
	bool dry = a.dry || (!a.any && !a.all);
	uint64_t bytes = 0;
	char size[16];

	if (rc)
		return rc;
	if (!dry) {
		lock = cachelock_take(env->cfg, &err);
		if (lock < 0)
			return cmd_fail(env, NULL, &err);
	}
	for (int i = 0; i < CLEAN_KINDS && !atomic_load(cancel_flag()); i++) {
		struct clean_found f;

		if (!a.kinds[i])
			continue;
		clean_one(env->cfg, i, a.older_s, dry, &f);
		show(env, i, &f, dry);
		bytes += f.bytes;
		if (f.error)
			status = STATUS_ERROR;
	}
	ui_out(env->ui, "%-10s %10s\n", "in all", text_bytes(bytes, size));
	if (dry && !a.dry)
		ui_note(env->ui, "nothing was removed: name kinds, or --all");
	return status;
}
