/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architectures that a source tree has. */
#include <fcntl.h>
#include <string.h>

#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/buf.h"
#include "proto/base/fs.h"
#include "proto/manifest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SHOWN_MAX 64

static bool has_arch(const char *src, const char *name)
{
	_free_ char *path = strf("%s/arch/%s/Kconfig", src, name);

	return path && fs_exists(AT_FDCWD, path);
}

static int order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Their names, blanks between. */
static void list(const char *src, struct buf *out)
{
	_free_ char *dir = strf("%s/arch", src);
	_closedir_ DIR *d = dir ? opendir(dir) : NULL;
	char *names[SHOWN_MAX];
	struct dirent *de;
	size_t n = 0;
	int r = 0;

	while (d && n < SHOWN_MAX && (de = readdir(d)))
		if (text_is_name(de->d_name) && has_arch(src, de->d_name) &&
		    (names[n] = strdup(de->d_name)))
			n++;
	qsort(names, n, sizeof(names[0]), order);
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = buf_printf(out, " %s", names[i]);
		free(names[i]);
	}
}

int tree_check_arch(const char *src, const char *arch, struct kf_error *err)
{
	const char *name = tree_make_arch(manifest_arch_of_machine(arch));
	_buf_ struct buf there = {.max = 512};

	if (text_is_name(arch) && has_arch(src, name))
		return 0;
	list(src, &there);
	return kf_err(
		err, -EINVAL, KF_REASON_USAGE, "%s has no arch/%s: it has%s", src, name,
		buf_len(&there) && buf_str(&there) ? buf_str(&there) : " none at all");
}
