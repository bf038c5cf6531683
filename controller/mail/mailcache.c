// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/mailcache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/digest.h"

#define FILES_MAX 10000 /* of which the oldest is looked for */

static int open_dir(const struct config *cfg, bool make)
{
	_free_ char *path = strf("%s/mail", config_cache_dir(cfg));
	int r = path ? 0 : -ENOMEM;

	if (r == 0 && make)
		r = fs_mkdirs(AT_FDCWD, path);
	return r < 0 ? r : fs_open_dir(AT_FDCWD, path);
}

static void name_of(const char *url, char name[static DIGEST_HEX])
{
	struct digest d;

	digest_bytes(url, strlen(url), &d);
	digest_hex(&d, name);
}

int mailcache_read(const struct config *cfg, const char *url, size_t max, struct buf *out,
		   int64_t *ret_since)
{
	_close_ int dir = open_dir(cfg, false);
	char name[DIGEST_HEX];
	struct stat st;

	if (dir < 0)
		return dir;
	name_of(url, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	*ret_since = st.st_mtime;
	return fs_read_file(dir, name, max, out);
}

struct kept {
	char name[DIGEST_HEX];
	int64_t since;
	uint64_t size;
};

static int oldest_first(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->since == y->since  ? strcmp(x->name, y->name)
	       : x->since < y->since ? -1
				     : 1;
}

static size_t list(int dir, struct kept *all, uint64_t *ret_size)
{
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	struct stat st;
	size_t n = 0;

	if (fs_dir_stream(fcntl(dir, F_DUPFD_CLOEXEC, 3), &d) < 0)
		return 0;
	rewinddir(d);
	while (n < FILES_MAX && (e = readdir(d))) {
		if (strlen(e->d_name) != DIGEST_HEX - 1 ||
		    fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		snprintf(all[n].name, sizeof(all[n].name), "%.*s", DIGEST_HEX - 1,
			 e->d_name);
		all[n].since = st.st_mtime;
		all[n].size = (uint64_t)st.st_size;
		*ret_size += all[n++].size;
	}
	return n;
}

static void forget_oldest(int dir, uint64_t most)
{
	_free_ struct kept *all = calloc(FILES_MAX, sizeof(*all));
	uint64_t size = 0;
	size_t n = all ? list(dir, all, &size) : 0;

	if (size <= most)
		return;
	qsort(all, n, sizeof(*all), oldest_first);
	for (size_t i = 0; i < n && size > most; i++) {
		if (unlinkat(dir, all[i].name, 0) == 0)
			size -= all[i].size;
	}
}

int mailcache_write(const struct config *cfg, const char *url, const struct buf *data)
{
	uint64_t most = config_uint(cfg, NULL, "patches.cache") << 20;
	_close_ int dir = -1;
	char name[DIGEST_HEX];
	int r;

	if (most == 0)
		return 0;
	dir = open_dir(cfg, true);
	if (dir < 0)
		return dir;
	name_of(url, name);
	r = fs_replace(dir, name, buf_data(data), buf_len(data), 0600);
	if (r == 0)
		forget_oldest(dir, most);
	return r;
}
