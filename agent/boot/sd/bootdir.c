/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the boot file systems among the mounts. */
#include "agent/boot/sd/bootdir.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

#define MOUNTS_MAX (4u * 1024 * 1024) /* bytes of /proc/mounts */

static const char *const places[] = {"/boot", "/efi", "/boot/efi"};

/* A field of /proc/mounts has blanks, tabs, newlines and backslashes as \ooo. */
static bool field_is(const char *s, size_t n, const char *want)
{
	size_t i = 0;

	while (i < n && *want) {
		char c = s[i++];

		if (c == '\\' && n - i >= 3) {
			c = (char)((s[i] - '0') << 6 | (s[i + 1] - '0') << 3 |
				   (s[i + 2] - '0'));
			i += 3;
		}
		if (c != *want++)
			return false;
	}
	return i == n && *want == '\0';
}

static bool has_option(const char *s, size_t n, const char *want)
{
	size_t len = strlen(want);

	for (size_t i = 0; i < n;) {
		const char *comma = memchr(s + i, ',', n - i);
		size_t end = comma ? (size_t)(comma - s) : n;

		if (end - i == len && memcmp(s + i, want, len) == 0)
			return true;
		i = end + 1;
	}
	return false;
}

struct mount {
	const char *type, *options;
	size_t type_len, options_len;
};

static bool parse_line(const char *line, size_t n, const char *path, struct mount *ret)
{
	const char *at[4];
	size_t len[4];

	for (size_t i = 0; i < 4; i++) {
		const char *blank = memchr(line, ' ', n);

		if (!blank)
			return false;
		at[i] = line;
		len[i] = (size_t)(blank - line);
		n -= len[i] + 1;
		line = blank + 1;
	}
	if (!field_is(at[1], len[1], path))
		return false;
	*ret = (struct mount){at[2], at[3], len[2], len[3]};
	return true;
}

int bootdir_mount(const struct agent *a, const char *path, char **ret_type,
		  bool *ret_read_only)
{
	_free_ char *type = NULL;
	_buf_ struct buf b = BUF_INIT;
	struct mount m = {0};
	bool found = false;
	const char *p, *end;
	int r;

	r = agent_read_file(a, "/proc/mounts", MOUNTS_MAX, &b);
	if (r < 0)
		return r;
	p = (const char *)buf_data(&b);
	end = p + buf_len(&b);
	/* The last one that is mounted at a place hides those before it. */
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (parse_line(p, n, path, &m))
			found = true;
		p += n + 1;
	}
	if (!found)
		return -ENOENT;
	type = strndup(m.type, m.type_len);
	if (!type)
		return -ENOMEM;
	if (ret_read_only)
		*ret_read_only = has_option(m.options, m.options_len, "ro");
	if (ret_type)
		*ret_type = TAKE_PTR(type);
	return 0;
}

/* Is the file system that holds path read-only: that of the nearest mount above it. */
static bool holder_read_only(const struct agent *a, const char *path)
{
	_free_ char *s = strdup(path);
	bool ro = false;

	while (s && *s) {
		char *slash = strrchr(s, '/');

		if (bootdir_mount(a, s, NULL, &ro) == 0)
			return ro;
		if (!slash)
			break;
		*slash = '\0';
	}
	return bootdir_mount(a, "/", NULL, &ro) == 0 && ro;
}

static int add(struct bootdirs *d, const struct agent *a, const char *path,
	       bool read_only)
{
	struct bootdir *v = &d->v[d->n];
	_free_ char *full = agent_path(a, path), *copy = strdup(path);
	size_t n = strlen(path);

	if (!full || !copy || d->n == BOOTDIR_MAX)
		return -ENOMEM;
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	v->fd = fs_open_dir(AT_FDCWD, full);
	if (v->fd < 0)
		return v->fd;
	v->path = TAKE_PTR(copy);
	v->read_only = read_only;
	d->n++;
	return 0;
}

static bool is_vfat(const struct agent *a, const char *place, bool *ret_read_only)
{
	_free_ char *full = agent_path(a, place), *type = NULL;
	_close_ int fd = -1;

	if (!full)
		return false;
	/* Opening it makes an automount happen. */
	fd = fs_open_dir(AT_FDCWD, full);
	if (fd < 0 || bootdir_mount(a, place, &type, ret_read_only) < 0)
		return false;
	return strcmp(type, "vfat") == 0 || strcmp(type, "msdos") == 0;
}

/* The others stay: their loader.conf and entries count as well. */
static bool move_first_with_entries(struct bootdirs *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct bootdir v = d->v[i];

		if (!fs_exists(v.fd, "loader/entries"))
			continue;
		memmove(&d->v[1], &d->v[0], i * sizeof(v));
		d->v[0] = v;
		return true;
	}
	return false;
}

int bootdirs_find(const struct agent *a, struct bootdirs *ret, struct kf_error *err)
{
	_bootdirs_ struct bootdirs d = {.n = 0};
	const char *conf = a->conf.boot_dir;
	int r;

	if (conf) {
		r = add(&d, a, conf, holder_read_only(a, conf));
		if (r < 0)
			return kf_err(err, r, KF_REASON_CONFIG,
				      "open boot_dir %s of agent.conf: %m", conf);
		if (!fs_exists(d.v[0].fd, "loader/entries"))
			return kf_err(err, -ENOENT, KF_REASON_CONFIG,
				      "boot_dir %s of agent.conf has no loader/entries: "
				      "name the directory where the ESP or XBOOTLDR "
				      "partition is mounted",
				      conf);
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		bool ro = false;

		if (conf && strcmp(conf, places[i]) == 0)
			continue;
		if (!is_vfat(a, places[i], &ro))
			continue;
		r = add(&d, a, places[i], ro);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "open %s: %m", places[i]);
	}
	if (!conf && !move_first_with_entries(&d))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "no vfat with loader/entries is mounted at /boot, /efi or "
			      "/boot/efi: mount the ESP, or set boot_dir in agent.conf");
	*ret = d;
	d.n = 0;
	return 0;
}

void bootdirs_fini(struct bootdirs *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].path);
		close(d->v[i].fd);
	}
	d->n = 0;
}
