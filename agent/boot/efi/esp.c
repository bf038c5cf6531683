/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the mounted EFI system partition. */
#include "agent/boot/efi/esp.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/mountinfo.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static const char *const places[] = {"/boot/efi", "/efi", "/esp", "/boot"};

void esp_close(struct esp *e)
{
	free(e->path);
	e->path = NULL;
	cleanup_close(&e->fd);
	e->fd = -1;
}

static int locate(const struct agent *a, const struct mountinfo *m, struct esp *e,
		  struct kf_error *err)
{
	const char *layer = blockdev_layer(a, m->major, m->minor);
	int r;

	if (layer)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s is on %s (%s): a boot entry cannot name a partition "
			      "there",
			      m->point, layer, m->source);
	r = blockdev_partition(a, m->major, m->minor, &e->partition);
	if (r == -ENODATA)
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"neither udev nor the kernel nor the disk tells the "
			"partition's id of %s (%s), which a boot entry needs: is udev "
			"running?",
			m->source, m->point);
	if (r == -EBADMSG)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "the partition table of the disk that holds %s (%s) is "
			      "damaged, or not the one that the kernel has read",
			      m->source, m->point);
	if (r < 0)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s (%s) is not a partition of a disk: %m", m->source,
			      m->point);
	e->read_only = m->read_only;
	return 0;
}

static int look_at(const struct agent *a, const char *place, struct esp *ret,
		   struct kf_error *err)
{
	_free_ char *full = agent_path(a, place);
	_mountinfo_ struct mountinfo m = {0};
	_esp_ struct esp e = {.fd = -1, .path = strdup(place)};
	size_t n = strlen(place);
	int r;

	if (!full || !e.path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "look at %s: %m", place);
	while (n > 1 && e.path[n - 1] == '/')
		e.path[--n] = '\0';
	/* Opening it makes an automount happen. */
	e.fd = fs_open_dir(AT_FDCWD, full);
	if (e.fd < 0)
		return kf_err(err, e.fd, KF_REASON_BOOT_CHAIN, "open %s: %m", place);
	r = mountinfo_find(a, e.path, &m);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "find the file system of %s: %m", place);
	if (strcmp(m.point, e.path) != 0 ||
	    (strcmp(m.type, "vfat") != 0 && strcmp(m.type, "msdos") != 0))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "no vfat is mounted at %s", e.path);
	if (!fs_exists(e.fd, "EFI"))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s has no directory EFI", e.path);
	r = locate(a, &m, &e, err);
	if (r < 0)
		return r;
	*ret = e;
	e = (struct esp){.fd = -1};
	return 0;
}

int esp_find(const struct agent *a, struct esp *ret, struct kf_error *err)
{
	struct kf_error why = {0};

	if (a->conf.boot_dir) {
		int r = look_at(a, a->conf.boot_dir, ret, err);

		return r < 0 && err ? kf_err_wrap(err, "boot_dir of agent.conf") : r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_esp_ struct esp e = {.fd = -1};
		struct kf_error this = {0};
		int r = look_at(a, places[i], &e, &this);

		if (r == 0 && e.partition.esp) {
			*ret = e;
			e = (struct esp){.fd = -1};
			return 0;
		}
		/* The one that comes closest tells most. */
		if (r < 0 && r != -ENOENT && why.code == 0)
			why = this;
	}
	if (why.code < 0)
		return kf_err(err, why.code, why.reason, "%s", why.msg);
	return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
		      "no EFI system partition is mounted at /boot/efi, /efi, /esp or "
		      "/boot: mount it, or set boot_dir in agent.conf");
}

int esp_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err)
{
	_esp_ struct esp esp = {.fd = -1};
	int r;

	r = esp_find(a, &esp, err);
	if (r < 0)
		return r;
	r = fs_free_bytes(esp.fd, ret_free);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask %s for its free space: %m",
			      esp.path);
	return 0;
}

int esp_size(const struct agent *a, uint64_t *ret_bytes, char **ret_where)
{
	_esp_ struct esp esp = {.fd = -1};
	int r = esp_find(a, &esp, NULL);

	if (r == 0)
		r = fs_total_bytes(esp.fd, ret_bytes);
	if (r == 0)
		*ret_where = TAKE_PTR(esp.path);
	return r;
}
