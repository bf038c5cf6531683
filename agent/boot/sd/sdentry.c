/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A slot's files and entry on a boot file system of systemd-boot's. */
#include "agent/boot/sd/sdentry.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "agent/boot/bootfile.h"
#include "agent/boot/bootslot.h"
#include "agent/boot/sd/bls.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define ENTRIES "loader/entries"
#define OURS	"kferry"
#define REL_MAX 64 /* of a path made of the above, a slot and a file's name */

static const struct bootslot_names file_names = {"linux", "initrd"};

int sdentry_name(const char *slot, char dst[static SDENTRY_NAME])
{
	if (!text_is_slot(slot))
		return -EINVAL;
	snprintf(dst, SDENTRY_NAME, SDENTRY_PREFIX "%s.conf", slot);
	return 0;
}

bool sdentry_is_ours(const char *id)
{
	return strncasecmp(id, SDENTRY_PREFIX "k-", strlen(SDENTRY_PREFIX "k-")) == 0;
}

/* entry: of loader/entries; dir: of the slot's files. */
struct names {
	char entry[REL_MAX], dir[REL_MAX];
};

static int names_of(const char *slot, struct names *n, struct kf_error *err)
{
	char entry[SDENTRY_NAME];
	int r = sdentry_name(slot, entry);

	if (r < 0)
		return kf_err(err, r, KF_REASON_INVALID, "\"%s\" is not a slot's name",
			      slot);
	snprintf(n->entry, REL_MAX, ENTRIES "/%s", entry);
	snprintf(n->dir, REL_MAX, OURS "/%s", slot);
	return 0;
}

static int check_image(const struct slot *s, int fd, struct kf_error *err)
{
	char magic[2];

	if (pread(fd, magic, 2, 0) != 2 || memcmp(magic, "MZ", 2) != 0)
		return kf_err(err, -ENOEXEC, KF_REASON_BOOT_CHAIN,
			      "%s is not an EFI program, which is all that systemd-boot "
			      "starts: build the kernel with CONFIG_EFI_STUB=y and send "
			      "bzImage, Image or vmlinuz.efi",
			      s->manifest.image);
	return 0;
}

static int remove_entry(const struct bootdir *d, const char *entry, struct kf_error *err)
{
	int r = fs_remove_flushed(d->fd, entry);

	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", d->path, entry)
		     : 0;
}

static int make_entry(const struct slot *s, const struct names *n, bool initrd,
		      struct buf *out)
{
	char title[SLOT_ID_SIZE + LIMIT_RELEASE + 16];
	char image[REL_MAX + 16], initramfs[REL_MAX + 16];
	const struct bls_entry e = {
		.title = title,
		.version = s->manifest.release,
		.linux_path = image,
		.initrd = {initramfs},
		.n_initrd = initrd ? 1 : 0,
		.options = s->conf.cmdline,
	};

	snprintf(title, sizeof(title), "kferry %s (%s)", s->id, s->manifest.release);
	snprintf(image, sizeof(image), "/%s/linux", n->dir);
	snprintf(initramfs, sizeof(initramfs), "/%s/initrd", n->dir);
	return bls_emit(&e, out);
}

int sdentry_stage(const struct bootdir *d, const struct slot *s, int initrd_fd,
		  struct kf_error *err)
{
	_bootslot_ struct bootslot files = {.image = -1};
	_buf_ struct buf entry = BUF_INIT;
	struct digest digest;
	struct names n;
	const struct bootslot_place place = {d->fd, d->path, n.dir, n.entry, &file_names};
	int r;

	r = names_of(s->id, &n, err);
	if (r < 0)
		return r;
	r = make_entry(s, &n, initrd_fd >= 0, &entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_INVALID,
			      "the boot entry of %s cannot be written: its command line "
			      "is empty or has line breaks",
			      s->id);
	r = bootslot_open(s, initrd_fd, &files, err);
	if (r == 0)
		r = check_image(s, files.image, err);
	if (r < 0)
		return r;
	bootfile_tidy(d->fd, ENTRIES);
	bootfile_tidy(d->fd, n.dir);
	r = bootslot_stage(&files, &place, err);
	if (r < 0)
		return r;
	digest_bytes(buf_data(&entry), buf_len(&entry), &digest);
	if (bootfile_has(d->fd, n.entry, &digest) > 0)
		return 0;
	r = bootfile_write(d->fd, n.entry, buf_data(&entry), buf_len(&entry), 0644);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "write %s/%s: %m", d->path, n.entry);
	return 0;
}

static int read_entry(const struct bootdir *d, const char *rel, struct bls_entry *ret)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = fs_read_file(d->fd, rel, BLS_ENTRY_MAX, &b);
	return r < 0 ? r : bls_parse(buf_data(&b), buf_len(&b), ret);
}

/* A file that an entry names: "/kferry/k-.../linux". */
static bool has_file(const struct bootdir *d, const char *path)
{
	path += strspn(path, "/");
	return text_is_path(path, strlen(path)) && bootfile_there(d->fd, path);
}

int sdentry_check(const struct bootdir *d, const char *slot, struct kf_error *err)
{
	_bls_entry_ struct bls_entry e = {0};
	struct names n;
	bool whole;
	int r;

	r = names_of(slot, &n, err);
	if (r < 0)
		return r;
	r = read_entry(d, n.entry, &e);
	if (r == -ENOENT)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "%s/%s is not there: deploy slot %s again", d->path,
			      n.entry, slot);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "read %s/%s: %m", d->path,
			      n.entry);
	whole = e.linux_path && has_file(d, e.linux_path);
	for (size_t i = 0; i < e.n_initrd; i++)
		whole = whole && has_file(d, e.initrd[i]);
	if (!whole)
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s/%s names files that are not there: deploy slot %s "
			      "again",
			      d->path, n.entry, slot);
	return 0;
}

int sdentry_remove(const struct bootdir *d, const char *slot, struct kf_error *err)
{
	struct names n;
	int r;

	r = names_of(slot, &n, err);
	if (r < 0)
		return r;
	bootfile_tidy(d->fd, ENTRIES);
	r = remove_entry(d, n.entry, err);
	if (r < 0)
		return r;
	r = fs_remove_tree(d->fd, n.dir);
	/* The last slot takes the directory along. */
	if (r == 0)
		r = bootfile_drop_empty(d->fd, OURS);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", d->path, n.dir);
	/* All of it, at once: a FAT that loses power between a file's clusters and its
	 * name has names that lead nowhere. */
	r = fs_sync_fs(d->fd);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "flush %s: %m", d->path);
	return 0;
}

/* The file in loader/entries whose id this is; older systemd-boots say it without
 * ".conf". */
static int find_file(const struct bootdir *d, const char *id, char **ret_rel)
{
	_closedir_ DIR *dir = NULL;
	struct dirent *e;
	char *rel;
	int r;

	r = fs_dir_stream(fs_open_dir(d->fd, ENTRIES), &dir);
	if (r < 0)
		return r;
	while ((e = readdir(dir))) {
		char found[NAME_MAX + 1];

		if (bls_file_id(e->d_name, found, NULL) < 0)
			continue;
		if (strcasecmp(e->d_name, id) != 0 && strcasecmp(found, id) != 0) {
			found[strlen(found) - strlen(".conf")] = '\0';
			if (strcasecmp(found, id) != 0)
				continue;
		}
		if (asprintf(&rel, ENTRIES "/%s", e->d_name) < 0)
			return -ENOMEM;
		*ret_rel = rel;
		return 0;
	}
	return -ENOENT;
}

int sdentry_initrd(const struct bootdir *d, const char *id, char **ret_path)
{
	_bls_entry_ struct bls_entry e = {0};
	_free_ char *rel = NULL;
	const char *initrd;
	char *path;
	int r;

	r = find_file(d, id, &rel);
	if (r == 0)
		r = read_entry(d, rel, &e);
	if (r < 0)
		return r;
	if (e.n_initrd == 0)
		return -ENOENT;
	initrd = e.initrd[e.n_initrd - 1];
	if (!has_file(d, initrd))
		return -ENOENT;
	initrd += strspn(initrd, "/");
	if (asprintf(&path, "%s/%s", d->path, initrd) < 0)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}
