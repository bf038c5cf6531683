// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An entry's age is that of the newest thing in it: when something was written, or, of a
 * file of versions/, when it was last used (its time of access, which versions.c sets).
 */
#include "controller/clean/clean.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/deploy/run.h"
#include "controller/strf.h"
#include "proto/base/fs.h"

const struct clean_kind_info clean_kinds[CLEAN_KINDS] = {
	[CLEAN_VERSIONS] = {"versions", "files and packages that were sent"},
	[CLEAN_TREES] = {"trees", "build logs and packed modules of trees"},
	[CLEAN_SUITES] = {"suites", "test suites that were built"},
	[CLEAN_TEMPLATES] = {"templates", "clones of templates"},
	[CLEAN_LEFTOVERS] = {"leftovers", "what killed calls left"},
	[CLEAN_IMAGES] = {"images", "images of virtual boards"},
	[CLEAN_RUNS] = {"runs", "results and logs of runs (no cache)"},
};

int clean_find(const char *name)
{
	for (int i = 0; i < CLEAN_KINDS; i++) {
		if (strcmp(name, clean_kinds[i].name) == 0)
			return i;
	}
	return -1;
}

struct sweep {
	enum clean_kind kind;
	int64_t before; /* entries that are younger stay */
	bool dry;
	struct clean_found *found;
};

struct measure {
	bool by_use;
	uint64_t bytes;
	int64_t newest;
};

static void measure_one(struct measure *m, const struct stat *st)
{
	int64_t t =
		m->by_use && st->st_atime > st->st_mtime ? st->st_atime : st->st_mtime;

	if (S_ISREG(st->st_mode))
		m->bytes += (uint64_t)st->st_blocks * 512;
	if (t > m->newest)
		m->newest = t;
}

static int measure_below(void *arg, int dirfd, const char *name, const char *path,
			 const struct stat *st)
{
	(void)dirfd;
	(void)name;
	(void)path;
	measure_one(arg, st);
	return 0;
}

static int measure(int dir, const char *name, bool by_use, struct measure *ret)
{
	struct measure m = {.by_use = by_use};
	struct stat st;
	int rc = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	measure_one(&m, &st);
	if (S_ISDIR(st.st_mode))
		rc = fs_walk(dir, name, measure_below, &m);
	if (rc == 0)
		*ret = m;
	return rc;
}

static void entry(const struct sweep *s, int dir, const char *name)
{
	struct clean_found *f = s->found;
	struct measure m = {.bytes = 0};
	int rc = measure(dir, name, s->kind == CLEAN_VERSIONS, &m);

	if (rc == -ENOENT)
		return;
	if (rc == 0 && m.newest > s->before) {
		f->kept++;
		return;
	}
	if (rc == 0 && !s->dry)
		rc = fs_remove_tree(dir, name);
	if (rc < 0) {
		f->error = rc;
		return;
	}
	f->entries++;
	f->bytes += m.bytes;
}

/* "2026-11-21-17": run.dir may be a directory that has other things, too. */
static bool is_run(const char *name)
{
	static const char form[] = "0000-00-00-";
	size_t n = strlen(form);

	for (size_t i = 0; i < n; i++) {
		if (form[i] == '-' ? name[i] != '-' : name[i] < '0' || name[i] > '9')
			return false;
	}
	return name[n] && !name[n + strspn(name + n, "0123456789")];
}

/* Is it of this kind? */
static bool fits(const struct sweep *s, const char *name)
{
	static const char image[] = "guest-debian-";

	/* Locks of others, who may hold them open. */
	if (s->kind == CLEAN_VERSIONS && strcmp(name, ".lock") == 0)
		return false;
	if (s->kind == CLEAN_RUNS)
		return is_run(name);
	return s->kind != CLEAN_IMAGES || strncmp(name, image, strlen(image)) == 0;
}

static void sweep_dir(const struct sweep *s, const char *path)
{
	_closedir_ DIR *d = NULL;
	const char *name;
	int rc = path ? fs_dir_stream(fs_open_dir(AT_FDCWD, path), &d) : -ENOMEM;

	if (rc == -ENOENT)
		return;
	while (rc == 0 && (rc = fs_dir_next(d, &name)) == 0 && name) {
		if (fits(s, name))
			entry(s, dirfd(d), name);
	}
	if (rc < 0)
		s->found->error = rc;
}

static void sweep_cache(const struct sweep *s, const struct config *cfg,
			const char *below)
{
	_free_ char *path =
		strf("%s%s%s", config_cache_dir(cfg), *below ? "/" : "", below);

	sweep_dir(s, path);
}

/* Their disks say only what differs from the image. */
static bool has_virtual_boards(const struct config *cfg)
{
	_free_ char *path = strf("%s/vm", config_data_dir(cfg));
	_closedir_ DIR *d = path ? opendir(path) : NULL;
	const char *name = NULL;
	int rc;

	/* Where they cannot be looked for, there may be some. */
	if (!d)
		return !path || errno != ENOENT;
	do
		rc = fs_dir_next(d, &name);
	while (rc == 0 && name && *name == '.');
	return rc < 0 || name;
}

static void sweep_runs(const struct sweep *s, const struct config *cfg)
{
	_free_ char *path = run_base(cfg, NULL);

	sweep_dir(s, path);
}

void clean_one(const struct config *cfg, enum clean_kind kind, int64_t older_s, bool dry,
	       struct clean_found *ret)
{
	const struct sweep s = {.kind = kind,
				.before = older_s ? (int64_t)time(NULL) - older_s
						  : INT64_MAX,
				.dry = dry,
				.found = ret};

	*ret = (struct clean_found){0};
	switch (kind) {
	case CLEAN_LEFTOVERS:
		sweep_cache(&s, cfg, "scratch");
		sweep_cache(&s, cfg, "parcels");
		return;
	case CLEAN_IMAGES:
		if (has_virtual_boards(cfg))
			ret->why = "a virtual board (kferry vm list) is made of it";
		else
			sweep_cache(&s, cfg, "");
		return;
	case CLEAN_RUNS:
		sweep_runs(&s, cfg);
		return;
	default:
		sweep_cache(&s, cfg, clean_kinds[kind].name);
	}
}
