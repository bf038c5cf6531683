/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/env/env.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define OUTPUT "obj"
#define TREE   ".tree"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int check_tree(const struct config *cfg, struct kf_error *err)
{
	if (*config_tree(cfg))
		return 0;
	return kf_err(err, -ENOENT, KF_REASON_CONFIG,
		      "this directory is not in a kernel source tree: an environment is "
		      "one of a tree");
}

static int check_there(const struct config *cfg, const char *name, struct kf_error *err)
{
	int r = check_tree(cfg, err);

	if (r == 0)
		r = shelf_check_name(name, err);
	if (r < 0 || shelf_has(config_env_dir(cfg), name))
		return r;
	return kf_err(
		err, -ENOENT, KF_REASON_NOT_FOUND,
		"there is no environment \"%s\" of %s; `kferry env list` shows those "
		"there are",
		name, config_tree(cfg));
}

/* --- listing --------------------------------------------------------------------------
 */

static void entry_fini(struct env_entry *e)
{
	free(e->name);
	free(e->trouble);
	free(e->board);
	free(e->arch);
	free(e->output);
}

void env_list_fini(struct env_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		entry_fini(&l->entries[i]);
	free(l->entries);
	free(l->current);
	*l = (struct env_list){0};
}

static char *value(const struct config *c, const char *key)
{
	const char *v = config_get(c, NULL, key);

	return v ? strdup(v) : NULL;
}

static void read_entry(const char *dir, struct env_entry *e)
{
	_free_ char *file = strf("%s/%s/" CONFIG_ENV_FILE, dir, e->name);
	_free_ char *own = strf("%s/%s/" OUTPUT, dir, e->name);
	struct kf_error err = {0};
	const char *odd = shelf_odd_name(e->name);
	struct config *c = NULL;

	if (odd)
		e->trouble = strdup(odd);
	else if (!file || !own || !fs_exists(AT_FDCWD, file))
		e->trouble = strdup("it has no " CONFIG_ENV_FILE);
	else if (config_env_open(file, &c, &err) < 0)
		e->trouble = strdup(err.msg);
	if (!c)
		return;
	e->board = value(c, "board.default");
	e->arch = value(c, "build.arch");
	e->output = value(c, "build.output");
	e->own_output = e->output && !strcmp(e->output, own);
	if (!e->output)
		e->trouble = strdup("it has no build.output");
	config_free(c);
}

static bool is_entry(const char *name)
{
	return strcmp(name, CONFIG_ENV_CURRENT) != 0 && strcmp(name, TREE) != 0;
}

static int fill_list(struct env_list *l, const char *dir, const struct shelf_names *names)
{
	l->cut = names->cut;
	l->entries = names->n ? calloc(names->n, sizeof(*l->entries)) : NULL;
	if (names->n && !l->entries)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		struct env_entry *e = &l->entries[l->n];

		if (!is_entry(names->names[i]))
			continue;
		e->name = strdup(names->names[i]);
		if (!e->name)
			return -ENOMEM;
		l->n++;
		read_entry(dir, e);
	}
	return config_env_current(dir, &l->current) == -ENOMEM ? -ENOMEM : 0;
}

int env_list(const struct config *cfg, struct env_list *ret, struct kf_error *err)
{
	_cleanup_(shelf_names_fini) struct shelf_names names = {0};
	struct env_list l = {0};
	int r = check_tree(cfg, err);

	if (r < 0)
		return r;
	r = shelf_list(config_env_dir(cfg), &names);
	if (r < 0 && r != -ENOMEM)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", config_env_dir(cfg));
	if (r == 0)
		r = fill_list(&l, config_env_dir(cfg), &names);
	if (r < 0) {
		env_list_fini(&l);
		return no_memory(err);
	}
	*ret = l;
	return 0;
}

/* --- making ---------------------------------------------------------------------------
 */

/* A directory given by the user: made, and its real path; not one of another's. */
static int take_output(const struct config *cfg, const char *output, char **ret,
		       struct kf_error *err)
{
	_cleanup_(env_list_fini) struct env_list l = {0};
	_free_ char *envs = strf("%s/envs", config_data_dir(cfg));
	_free_ char *real = NULL, *real_envs = NULL;
	size_t n;
	int r = fs_mkdirs(AT_FDCWD, output);

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make the directory %s: %m", output);
	real = realpath(output, NULL);
	real_envs = envs ? realpath(envs, NULL) : NULL;
	if (!real)
		return kf_err(err, -errno, KF_REASON_IO, "%s: %m", output);
	n = real_envs ? strlen(real_envs) : 0;
	if (n && !strncmp(real, real_envs, n) && (!real[n] || real[n] == '/'))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s is where kferry keeps environments: choose another "
			      "directory",
			      real);
	r = env_list(cfg, &l, err);
	for (size_t i = 0; i < l.n && r == 0; i++)
		if (l.entries[i].output && !strcmp(l.entries[i].output, real))
			r = kf_err(err, -EEXIST, KF_REASON_EXISTS,
				   "%s is the object directory of the environment %s",
				   real, l.entries[i].name);
	if (r == 0)
		*ret = TAKE_PTR(real);
	return r;
}

static int write_file(const char *dir, const struct env_spec *spec, const char *output,
		      struct kf_error *err)
{
	const char *const keys[][2] = {
		{"board.default", spec->board},
		{"build.arch", spec->arch},
		{"build.cross_compile", spec->cross_compile},
		{"build.llvm", spec->llvm},
		{"build.output", output},
	};
	_free_ char *file = strf("%s/" CONFIG_ENV_FILE, dir);
	struct config *c = NULL;
	int r = file ? config_env_open(file, &c, err) : no_memory(err);

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++)
		if (keys[i][1])
			r = config_write(c, CONFIG_ENV, NULL, keys[i][0], keys[i][1],
					 err);
	config_free(c);
	return r;
}

static int write_config(const char *obj, const struct buf *config, struct kf_error *err)
{
	_free_ char *path = strf("%s/.config", obj);
	int r;

	if (!path)
		return no_memory(err);
	if (fs_exists(AT_FDCWD, path))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s is there already: leave --kconfig out, or take another "
			      "directory",
			      path);
	r = fs_replace(AT_FDCWD, path, buf_data(config), buf_len(config), 0644);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s: %m", path) : 0;
}

/* All of it, in a directory that has not its name yet. */
static int fill(const char *tmp, const struct env_spec *spec, const char *output,
		bool own, struct kf_error *err)
{
	_free_ char *obj = own ? strf("%s/" OUTPUT, tmp) : strdup(output);
	int r = obj ? fs_mkdirs(AT_FDCWD, obj) : -ENOMEM;

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make a directory in %s: %m", tmp);
	r = write_file(tmp, spec, output, err);
	if (r == 0 && spec->config)
		r = write_config(obj, spec->config, err);
	return r;
}

/* Who looks into the data directory sees whose environments these are. */
static int write_tree(const struct config *cfg)
{
	_free_ char *path = strf("%s/" TREE, config_env_dir(cfg));
	_free_ char *text = strf("%s\n", config_tree(cfg));
	int r = path && text ? fs_mkdirs_parent(AT_FDCWD, path) : -ENOMEM;

	return r < 0 ? r : fs_replace(AT_FDCWD, path, text, strlen(text), 0644);
}

static int make(const struct config *cfg, const char *name, const struct env_spec *spec,
		const char *output, struct kf_error *err)
{
	const char *dir = config_env_dir(cfg);
	_free_ char *tmp = NULL;
	int r = write_tree(cfg);

	if (r == 0)
		r = shelf_begin(dir, &tmp);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "write into %s: %m", dir);
	r = fill(tmp, spec, output, !spec->output, err);
	if (r == 0) {
		r = shelf_place(dir, tmp, name, false);
		if (r < 0)
			kf_err(err, r, KF_REASON_IO, "make %s/%s: %m", dir, name);
	}
	shelf_drop(tmp);
	return r;
}

int env_create(const struct config *cfg, const char *name, const struct env_spec *spec,
	       struct kf_error *err)
{
	const char *dir = config_env_dir(cfg);
	_free_ char *final = strf("%s/%s", dir, name);
	_free_ char *output = NULL;
	int r = check_tree(cfg, err);

	if (r == 0)
		r = shelf_check_name(name, err);
	if (r == 0 && spec->arch)
		r = tree_check_arch(config_tree(cfg), spec->arch, err);
	if (r < 0)
		return r;
	if (!final)
		return no_memory(err);
	if (fs_exists(AT_FDCWD, final))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "there is an environment \"%s\" of %s already", name,
			      config_tree(cfg));
	if (spec->output)
		r = take_output(cfg, spec->output, &output, err);
	else
		output = strf("%s/" OUTPUT, final);
	if (r == 0 && !output)
		r = no_memory(err);
	return r < 0 ? r : make(cfg, name, spec, output, err);
}

/* --- in use ---------------------------------------------------------------------------
 */

int env_use(const struct config *cfg, const char *name, struct kf_error *err)
{
	_free_ char *path = strf("%s/" CONFIG_ENV_CURRENT, config_env_dir(cfg));
	_free_ char *line = strf("%s\n", name);
	_cleanup_(entry_fini) struct env_entry e = {0};
	int r = check_there(cfg, name, err);

	if (r < 0)
		return r;
	e.name = strdup(name);
	if (!path || !line || !e.name)
		return no_memory(err);
	read_entry(config_env_dir(cfg), &e);
	if (e.trouble)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "the environment %s cannot be used: %s; `kferry env rm %s` "
			      "removes it",
			      name, e.trouble, name);
	r = fs_replace(AT_FDCWD, path, line, strlen(line), 0644);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s: %m", path) : 0;
}

int env_exit(const struct config *cfg, struct kf_error *err)
{
	_free_ char *path = strf("%s/" CONFIG_ENV_CURRENT, config_env_dir(cfg));
	int r = check_tree(cfg, err);

	if (r < 0)
		return r;
	if (!path)
		return no_memory(err);
	if (!fs_exists(AT_FDCWD, path))
		return 1;
	r = fs_remove_flushed(AT_FDCWD, path);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s: %m", path) : 0;
}

int env_remove(const struct config *cfg, const char *name, struct kf_error *err)
{
	const char *dir = config_env_dir(cfg);
	_free_ char *current = NULL;
	int r = check_there(cfg, name, err);

	if (r < 0)
		return r;
	if (config_env_current(dir, &current) == 0 && !strcmp(current, name))
		return kf_err(err, -EBUSY, KF_REASON_INVALID,
			      "the environment %s is in use: `kferry env exit`, or use "
			      "another, first",
			      name);
	r = shelf_remove(dir, name);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", dir, name) : 0;
}
