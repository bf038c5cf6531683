// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The layer between the tree's file and the command line: the environment that is in use
 * in a tree (kferry env).  The environments of a tree are in the data directory, in one
 * that its canonical path names:
 *
 *	envs/<name>-<16 hex digits>/.current	  the name of the one in use
 *	envs/<name>-<16 hex digits>/NAME/env.ini  a file of this layer
 */
#include <fcntl.h>
#include <string.h>

#include "controller/config/config_internal.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CURRENT_MAX 128

int config_env_place(const char *data_dir, const char *tree, char **ret)
{
	_free_ char *real = realpath(tree, NULL);
	const char *path = real ? real : tree, *name = strrchr(path, '/');
	char hex[DIGEST_HEX];
	struct digest d;

	digest_bytes(path, strlen(path), &d);
	digest_hex(&d, hex);
	if (asprintf(ret, "%s/envs/%.40s-%.16s", data_dir,
		     name && name[1] ? name + 1 : "tree", hex) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

int config_env_current(const char *dir, char **ret)
{
	_buf_ struct buf b = BUF_INIT;
	_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/" CONFIG_ENV_CURRENT, dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = fs_read_file(AT_FDCWD, path, CURRENT_MAX, &b);
	if (r < 0)
		return r;
	*ret = strndup(buf_len(&b) ? (const char *)buf_data(&b) : "", buf_len(&b));
	if (!*ret)
		return -ENOMEM;
	(*ret)[strcspn(*ret, "\n")] = '\0';
	if (text_is_name(*ret))
		return 0;
	free(*ret);
	*ret = NULL;
	return -EINVAL;
}

int config_env_here(char **ret)
{
	_free_ char *tree = NULL, *data = NULL, *dir = NULL, *name = NULL;
	int r = config_find_dirs(&tree, &data);

	if (r == 0 && !*tree)
		r = -ENOENT;
	if (r == 0)
		r = config_env_place(data, tree, &dir);
	if (r == 0)
		r = config_env_current(dir, &name);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(name);
	return 0;
}

int config_env_load(struct config *c, struct kf_error *err)
{
	int r = config_env_current(c->env_dir, &c->env);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0 &&
	    asprintf(&c->env_file, "%s/%s/" CONFIG_ENV_FILE, c->env_dir, c->env) < 0) {
		c->env_file = NULL;
		r = -ENOMEM;
	}
	if (r == 0 && !fs_exists(AT_FDCWD, c->env_file))
		r = kf_err(err, -ENOENT, KF_REASON_CONFIG, "%s is not there",
			   c->env_file);
	else if (r == 0)
		r = config_parse_file(c, CONFIG_ENV, NULL, c->env_file, err);
	else
		kf_err(err, r, KF_REASON_CONFIG, "read %s/" CONFIG_ENV_CURRENT ": %m",
		       c->env_dir);
	if (r < 0)
		return kf_err_wrap(err,
				   "the environment in use in %s cannot be used "
				   "(`kferry env exit` leaves it)",
				   c->tree);
	return 0;
}

int config_env_open(const char *path, struct config **ret, struct kf_error *err)
{
	_cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));
	int r;

	if (c)
		c->env_file = strdup(path);
	if (!c || !c->env_file)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = config_parse_file(c, CONFIG_ENV, NULL, path, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}
