/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel from a file: what it is shows in its first bytes, never in its name.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/contents.h"
#include "controller/kernel/deb.h"
#include "controller/kernel/from.h"
#include "controller/kernel/image.h"
#include "controller/kernel/modules.h"
#include "controller/kernel/scratch.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define RPM_MAGIC  "\355\253\356\333"
#define MAX_CONFIG (4u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static ssize_t pull_fd(void *arg, void *data, size_t n)
{
	ssize_t got = read(*(int *)arg, data, n);

	return got < 0 ? -errno : got;
}

/* boot/NAME-REL below the scratch directory, as boot/TO in the package; may be absent. */
static int add_boot(struct kernel *k, struct contents *c, const char *name,
		    const char *to, char **ret_source, struct kf_error *err)
{
	_free_ char *source =
		strf("%s/boot/%s-%s", k->scratch, name, k->manifest.release);
	int r;

	if (!source)
		return no_memory(err);
	if (!fs_exists(AT_FDCWD, source))
		return 0;
	r = contents_add(c, to, source, err);
	if (r == 0 && ret_source)
		*ret_source = TAKE_PTR(source);
	return r;
}

static int read_image(struct kernel *k, const struct unpack *u, const char *path,
		      const char *arch, struct kf_error *err)
{
	struct manifest *m = &k->manifest;
	_image_info_ struct image_info info = {0};
	int r = image_read(path, &info, err);

	if (r < 0)
		return kf_err_wrap(err, "%s", u->file);
	if (info.release[0] && strcmp(info.release, m->release) != 0)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s: its image is of %s, its modules of %s: two kernels in "
			      "one",
			      u->file, info.release, m->release);
	if (arch && *arch && info.arch && strcmp(arch, info.arch) != 0)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s: it says it is for %s, and its image is for %s",
			      u->file, arch, info.arch);
	if (!info.arch && (!arch || !*arch))
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s: nothing in it says which architecture it is for",
			      u->file);
	m->arch = strdup(info.arch ? info.arch : arch);
	m->image = strdup("boot/image");
	if (info.build_id[0])
		m->build_id = strdup(info.build_id);
	m->banner = TAKE_PTR(info.banner);
	return m->arch && m->image ? 0 : no_memory(err);
}

/* A modular kernel without modules is a package that was split. */
static int check_config(struct kernel *k, const struct unpack *u, const char *path,
			struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text;
	int r = fs_read_file(AT_FDCWD, path, MAX_CONFIG, &b);

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", path);
	digest_bytes(buf_data(&b), buf_len(&b), &k->manifest.config_digest);
	k->manifest.has_config_digest = true;
	text = buf_str(&b);
	if (text && u->modules == 0 && strstr(text, "\nCONFIG_MODULES=y"))
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s: it has no modules, and its configuration wants some: "
			      "they are in another package",
			      u->file);
	return 0;
}

static int add_modules(struct kernel *k, const struct unpack *u, struct contents *c,
		       struct kf_error *err)
{
	_free_ char *dir = strf("%s/lib/modules/%s", k->scratch, u->release);
	_free_ char *prefix = strf("modules/%s", u->release);
	int r;

	if (!dir || !prefix)
		return no_memory(err);
	if (u->modules == 0)
		return 0;
	r = modules_depmod(k->scratch, u->release, err);
	if (r == 0)
		r = contents_add_tree(c, dir, prefix, NULL, err);
	return r;
}

/* What unpack left below the scratch directory becomes a kernel. */
static int from_unpacked(struct kernel *k, const struct unpack *u, const char *arch,
			 struct kf_error *err)
{
	_contents_ struct contents c = {0};
	_free_ char *image = NULL;
	_free_ char *config = NULL;
	_free_ char *dtbs = strf("%s/dtbs", k->scratch);
	int r;

	if (!u->image)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s: there is no kernel (boot/vmlinuz-RELEASE) in it",
			      u->file);
	k->manifest.release = strdup(u->release);
	if (!k->manifest.release || !dtbs)
		return no_memory(err);
	r = add_boot(k, &c, "vmlinuz", "boot/image", &image, err);
	if (r == 0)
		r = read_image(k, u, image, arch, err);
	if (r == 0)
		r = add_boot(k, &c, "config", "boot/config", &config, err);
	if (r == 0 && config)
		r = check_config(k, u, config, err);
	if (r == 0)
		r = add_boot(k, &c, "System.map", "boot/System.map", NULL, err);
	if (r == 0)
		r = add_modules(k, u, &c, err);
	if (r == 0 && u->dtbs > 0)
		r = contents_add_tree(&c, dtbs, "dtbs", NULL, err);
	if (r == 0)
		r = contents_seal(&c, k, err);
	return r;
}

static int from_deb(struct kernel *k, struct unpack *u, int fd, struct kf_error *err)
{
	struct deb_control control;
	int r = deb_unpack(u, fd, &control, err);

	if (r == 0)
		r = deb_check(u, &control, err);
	if (r == 0)
		r = from_unpacked(k, u, control.arch, err);
	return r;
}

static int from_archive(struct kernel *k, int fd, const char *file, struct kf_error *err)
{
	_close_ int dirfd = fs_open_dir(AT_FDCWD, k->scratch);
	struct unpack u = {.file = file, .dirfd = dirfd};
	char magic[8] = {0};
	bool ours = false;
	ssize_t n = pread(fd, magic, sizeof(magic), 0);
	int r;

	if (dirfd < 0)
		return kf_err(err, dirfd, KF_REASON_IO, "open %s: %m", k->scratch);
	if (n < 0)
		return kf_err(err, -errno, KF_REASON_IO, "read %s: %m", file);
	if (memcmp(magic, DEB_MAGIC, sizeof(magic)) == 0)
		return from_deb(k, &u, fd, err);
	if (memcmp(magic, RPM_MAGIC, 4) == 0)
		return kf_err(
			err, -EBADMSG, KF_REASON_PACKAGE,
			"%s is an RPM package, which this kferry cannot read: make a "
			"tarball of it with rpm2archive",
			file);
	r = from_package_is(fd, file, &ours, err);
	if (r < 0)
		return r;
	if (ours)
		return from_package(k, fd, file, err);
	r = unpack_tar(&u, pull_fd, &fd, err);
	return r < 0 ? r : from_unpacked(k, &u, NULL, err);
}

int kernel_from_file(const struct config *cfg, struct ui *ui, const char *file,
		     struct kernel **ret, struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
	struct kernel *k = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_NOT_FOUND, "open the package %s: %m",
			      file);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return kf_err(err, -EINVAL, KF_REASON_PACKAGE, "%s is not a file", file);
	ui_progress(ui, "pack", NULL, 0, 0, "unpacking");
	r = kernel_new(&k, err);
	if (r == 0)
		r = scratch_new(cfg, &k->scratch, err);
	if (r == 0)
		r = from_archive(k, fd, file, err);
	if (r < 0) {
		kernel_free(k);
		return r;
	}
	*ret = k;
	return 0;
}
