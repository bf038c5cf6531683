// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/shelf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define NEW  ".new-"
#define GONE ".gone-"

int shelf_check_name(const char *name, struct kf_error *err)
{
	if (text_is_name(name))
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_USAGE,
		      "\"%s\" cannot be a name: letters, digits and . _ + - ~, not "
		      "beginning with . or -, at most %d",
		      name, LIMIT_NAME);
}

bool shelf_has(const char *dir, const char *name)
{
	_free_ char *path = strf("%s/%s", dir, name);
	struct stat st;

	return path && text_is_name(name) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* --- making and removing ------------------------------------------------------------ */

int shelf_begin(const char *dir, char **ret_tmp)
{
	_free_ char *tmp = strf("%s/" NEW "XXXXXX", dir);
	int r = tmp ? fs_mkdirs(AT_FDCWD, dir) : -ENOMEM;

	if (r == 0 && !mkdtemp(tmp))
		r = -errno;
	if (r == 0)
		*ret_tmp = TAKE_PTR(tmp);
	return r;
}

int shelf_place(const char *dir, const char *tmp, const char *name, bool replace)
{
	_free_ char *to = strf("%s/%s", dir, name);

	if (!to)
		return -ENOMEM;
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, to, RENAME_NOREPLACE) < 0 &&
	    (errno != EEXIST || !replace ||
	     renameat2(AT_FDCWD, tmp, AT_FDCWD, to, RENAME_EXCHANGE) < 0))
		return -errno;
	return fs_sync_dir(AT_FDCWD, dir);
}

void shelf_drop(const char *tmp)
{
	(void)!fs_remove_tree(AT_FDCWD, tmp);
}

int shelf_remove(const char *dir, const char *name)
{
	_free_ char *path = strf("%s/%s", dir, name);
	_free_ char *gone = strf("%s/" GONE "XXXXXX", dir);
	int r = 0;

	if (!path || !gone)
		return -ENOMEM;
	/* An empty directory is replaced by the rename. */
	if (!mkdtemp(gone) || rename(path, gone) < 0)
		r = -errno;
	if (r == 0)
		r = fs_remove_tree(AT_FDCWD, gone);
	else
		rmdir(gone);
	return r < 0 ? r : fs_sync_dir(AT_FDCWD, dir);
}

/* --- listing ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(struct shelf_names *l, const char *name)
{
	char **more = reallocarray(l->names, l->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->names = more;
	more[l->n] = strdup(name);
	if (!more[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

int shelf_list(const char *dir, struct shelf_names *ret)
{
	_closedir_ DIR *d = opendir(dir);
	struct shelf_names l = {0};
	const char *name;
	int r = d || errno == ENOENT ? 0 : -errno;

	while (r == 0 && d && !l.cut && (r = fs_dir_next(d, &name)) == 0 && name) {
		l.cut = l.n == SHELF_MAX;
		if (!l.cut)
			r = add(&l, name);
	}
	if (r < 0) {
		shelf_names_fini(&l);
		return r;
	}
	if (l.n)
		qsort(l.names, l.n, sizeof(*l.names), by_name);
	*ret = l;
	return 0;
}

void shelf_names_fini(struct shelf_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct shelf_names){0};
}

const char *shelf_odd_name(const char *name)
{
	if (!strncmp(name, NEW, strlen(NEW)) || !strncmp(name, GONE, strlen(GONE)))
		return "left when making or removing one was interrupted";
	return text_is_name(name) ? NULL : "nothing that is kept there has such a name";
}
