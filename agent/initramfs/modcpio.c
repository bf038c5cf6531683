/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing the archive of modules, with libarchive, streamed from the slot's files. */
#include "agent/initramfs/modcpio.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define STEP (64u * 1024)
/* Half the time of level 3 for a twelfth more bytes, and of the whole file that is less:
 * the base is as it is. */
#define ZSTD_LEVEL "1"

static const char *const depmod_files[] = {
	"modules.alias",       "modules.alias.bin",
	"modules.builtin",     "modules.builtin.alias.bin",
	"modules.builtin.bin", "modules.builtin.modinfo",
	"modules.dep",	       "modules.dep.bin",
	"modules.devname",     "modules.order",
	"modules.softdep",     "modules.symbols",
	"modules.symbols.bin",
};

struct writer {
	struct archive *a;
	int modules_fd, out_fd;
	const char *root; /* "usr/lib/modules/6.1.0" */
	const atomic_bool *cancel;
	uint8_t *step;
	char last[LIMIT_PATH + 1]; /* directory whose parents are all written */
	int failed; /* errno of writing the output, which libarchive loses */
};

static la_ssize_t write_out(struct archive *a, void *arg, const void *data, size_t n)
{
	struct writer *w = arg;
	int r = fs_write_all(w->out_fd, data, n);

	if (r < 0) {
		w->failed = r;
		archive_set_error(a, -r, "write");
		return -1;
	}
	return (la_ssize_t)n;
}

static int archive_failed(const struct writer *w)
{
	int e = archive_errno(w->a);

	if (w->failed < 0)
		return w->failed;
	return e > 0 ? -e : -EIO;
}

static int put_head(struct writer *w, const char *path, mode_t mode, uint64_t size)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	if (!e)
		return -ENOMEM;
	archive_entry_set_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_nlink(e, 1);
	archive_entry_set_size(e, (la_int64_t)size);
	/* A time that is not set is written as 0: the same bytes for the same slot. */
	r = archive_write_header(w->a, e) == ARCHIVE_OK ? 0 : archive_failed(w);
	archive_entry_free(e);
	return r;
}

/* The directories above path that were not written for the path before. */
static int put_parents(struct writer *w, const char *path)
{
	size_t same = 0, n = 0;
	int r;

	while (path[same] && path[same] == w->last[same])
		same++;
	for (const char *p = path; (p = strchr(p, '/')); p++) {
		char dir[LIMIT_PATH + 1];

		n = (size_t)(p - path);
		if (n < same)
			continue;
		memcpy(dir, path, n);
		dir[n] = '\0';
		r = put_head(w, dir, S_IFDIR | 0755, 0);
		if (r < 0)
			return r;
	}
	snprintf(w->last, sizeof(w->last), "%.*s/", (int)n, path);
	return 0;
}

static int put_bytes(struct writer *w, int fd, uint64_t size)
{
	while (size > 0) {
		ssize_t n = read(fd, w->step, size < STEP ? (size_t)size : STEP);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (w->cancel && atomic_load(w->cancel))
			return -ECANCELED;
		if (archive_write_data(w->a, w->step, (size_t)n) != n)
			return archive_failed(w);
		size -= (uint64_t)n;
	}
	return 0;
}

/* One file; -ENOENT when it is not there. */
static int put_file(struct writer *w, const char *rel)
{
	_close_ int fd = fs_open_beneath(w->modules_fd, rel, O_RDONLY, 0);
	char path[LIMIT_PATH + 1];
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", w->root, rel) >= sizeof(path))
		return -ENAMETOOLONG;
	r = put_parents(w, path);
	if (r == 0)
		r = put_head(w, path, S_IFREG | 0644, (uint64_t)st.st_size);
	return r < 0 ? r : put_bytes(w, fd, (uint64_t)st.st_size);
}

static int open_archive(struct writer *w, bool zstd)
{
	w->a = archive_write_new();
	if (!w->a)
		return -ENOMEM;
	if (archive_write_set_format_cpio_newc(w->a) != ARCHIVE_OK)
		return archive_failed(w);
	/* A build of libarchive without zstd leaves the archive plain. */
	if (zstd && (archive_write_add_filter_zstd(w->a) != ARCHIVE_OK ||
		     archive_write_set_filter_option(w->a, "zstd", "compression-level",
						     ZSTD_LEVEL) != ARCHIVE_OK))
		return -ENOTSUP;
	archive_write_set_bytes_in_last_block(w->a, 1);
	if (archive_write_open(w->a, w, NULL, write_out, NULL) != ARCHIVE_OK)
		return archive_failed(w);
	return 0;
}

static int put_all(struct writer *w, const struct moddep *deps, struct kf_error *err)
{
	const char *rel;
	size_t i = 0;
	int r = 0;

	for (size_t f = 0; f < ARRAY_SIZE(depmod_files); f++) {
		rel = depmod_files[f];
		r = put_file(w, rel);
		if (r < 0 && r != -ENOENT)
			goto failed;
	}
	while ((rel = moddep_next(deps, &i))) {
		r = put_file(w, rel);
		if (r < 0)
			goto failed;
	}
	rel = "its end";
	r = archive_write_close(w->a) == ARCHIVE_OK ? 0 : archive_failed(w);
	if (r == 0)
		return 0;
failed:
	return kf_err(err, r,
		      r == -ENOSPC	? KF_REASON_SPACE
		      : r == -ECANCELED ? KF_REASON_CANCELLED
					: KF_REASON_INITRAMFS,
		      "put %s into the initramfs: %m", rel);
}

static bool compressed(const struct moddep *deps)
{
	size_t i = 0;
	const char *first = moddep_next(deps, &i);
	size_t n = first ? strlen(first) : 0;

	return n > 3 && strcmp(first + n - 3, ".ko") != 0;
}

int modcpio_write(int modules_fd, const char *release, const struct moddep *deps,
		  const char *prefix, bool zstd, int out_fd, const atomic_bool *cancel,
		  struct kf_error *err)
{
	_free_ struct writer *w = calloc(1, sizeof(*w));
	_free_ uint8_t *step = malloc(STEP);
	_free_ char *root = NULL;
	int r;

	if (asprintf(&root, "%s/%s", prefix, release) < 0)
		root = NULL;
	if (!w || !step || !root)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
			      "write an initramfs: %m");
	w->modules_fd = modules_fd;
	w->out_fd = out_fd;
	w->root = root;
	w->cancel = cancel;
	w->step = step;
	r = open_archive(w, zstd && !compressed(deps));
	if (r < 0)
		r = kf_err(err, r, KF_REASON_INITRAMFS,
			   "begin the archive of modules: %m");
	else
		r = put_all(w, deps, err);
	archive_write_free(w->a);
	return r;
}
