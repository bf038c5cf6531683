/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the boot file systems among the mounts. */
#include "agent/boot/sd/bootdir.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/mountinfo.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static const char *const places[] = {"/boot", "/efi", "/boot/efi"};

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
	_free_ char *full = agent_path(a, place);
	_mountinfo_ struct mountinfo m = {0};
	_close_ int fd = -1;

	if (!full)
		return false;
	/* Opening it makes an automount happen. */
	fd = fs_open_dir(AT_FDCWD, full);
	if (fd < 0 || mountinfo_at(a, place, &m) < 0)
		return false;
	*ret_read_only = m.read_only;
	return strcmp(m.type, "vfat") == 0 || strcmp(m.type, "msdos") == 0;
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
	_mountinfo_ struct mountinfo holder = {0};
	const char *conf = a->conf.boot_dir;
	int r;

	if (conf) {
		r = add(&d, a, conf,
			mountinfo_find(a, conf, &holder) == 0 && holder.read_only);
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
