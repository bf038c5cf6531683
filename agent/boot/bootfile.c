/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies onto a boot file system that are known to have arrived. */
#include "agent/boot/bootfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define COPY_STEP (128u * 1024)

int bootfile_digest(int fd, struct digest *ret)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return digest_fd(fd, ret, NULL);
}

int bootfile_has(int dirfd, const char *name, const struct digest *want)
{
	_close_ int fd = fs_open_beneath(dirfd, name, O_RDONLY, 0);
	struct digest found;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	/* Advice only: on a file system that ignores it the cache is compared. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	r = digest_fd(fd, &found, NULL);
	if (r < 0)
		return r;
	return digest_equal(&found, want);
}

static int copy_digesting(int src, int dst, struct digest *ret)
{
	_free_ uint8_t *step = malloc(COPY_STEP);
	struct digest_ctx c;

	if (!step)
		return -ENOMEM;
	if (lseek(src, 0, SEEK_SET) < 0)
		return -errno;
	digest_init(&c);
	for (;;) {
		ssize_t n = read(src, step, COPY_STEP);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		digest_update(&c, step, (size_t)n);
		r = fs_write_all(dst, step, (size_t)n);
		if (r < 0)
			return r;
	}
	digest_final(&c, ret);
	return 0;
}

static int fill(int dirfd, const char *tmp, int src_fd, const struct digest *want,
		int *ret_fd, struct kf_error *err)
{
	_close_ int fd = -1;
	struct digest written;
	int r;

	/* A crash may have left one behind; it is nobody's. */
	if (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove %s: %m", tmp);
	fd = fs_open_beneath(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "make %s: %m", tmp);
	r = copy_digesting(src_fd, fd, &written);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "write %s: %m", tmp);
	if (!digest_equal(&written, want))
		return kf_err(err, -EBADMSG, KF_REASON_DIGEST,
			      "what was read for %s is not what was verified", tmp);
	if (fsync(fd) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "flush %s: %m", tmp);
	r = fs_sync_fs(fd);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "flush the file system of %s: %m",
			      tmp);
	r = bootfile_has(dirfd, tmp, want);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s back: %m", tmp);
	if (r == 0)
		return kf_err(err, -EIO, KF_REASON_DIGEST,
			      "%s reads back different from what was written: the boot "
			      "file system's medium may be failing",
			      tmp);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int bootfile_put(int dirfd, const char *name, int src_fd, const struct digest *want,
		 struct kf_error *err)
{
	_close_ int fd = -1;
	char tmp[64];
	int r;

	if ((size_t)snprintf(tmp, sizeof(tmp), FS_TMP_PREFIX "%s", name) >= sizeof(tmp))
		return kf_err(err, -ENAMETOOLONG, KF_REASON_INVALID, "write %s: %m",
			      name);
	r = fill(dirfd, tmp, src_fd, want, &fd, err);
	if (r == 0) {
		r = fs_rename_flushed(dirfd, fd, tmp, name);
		if (r < 0)
			kf_err(err, r, KF_REASON_IO, "rename %s to %s: %m", tmp, name);
	}
	if (r < 0)
		unlinkat(dirfd, tmp, 0);
	return r;
}

int bootfile_write(int dirfd, const char *name, const void *data, size_t n, mode_t mode)
{
	struct digest want;
	int r;

	r = fs_replace(dirfd, name, data, n, mode);
	if (r == 0)
		r = fs_sync_fs(dirfd);
	if (r < 0)
		return r;
	digest_bytes(data, n, &want);
	r = bootfile_has(dirfd, name, &want);
	if (r < 0)
		return r;
	return r == 1 ? 0 : -EIO;
}

bool bootfile_there(int dirfd, const char *name)
{
	_close_ int fd = fs_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* Flush the directories that dir is in, up to dirfd itself. */
static int sync_parents(int dirfd, const char *dir)
{
	_free_ char *parent = strdup(dir);
	char *slash;
	int r = 0;

	if (!parent)
		return -ENOMEM;
	while (r == 0 && (slash = strrchr(parent, '/'))) {
		*slash = '\0';
		r = fs_sync_dir(dirfd, parent);
	}
	return r == 0 ? fs_sync_dir(dirfd, ".") : r;
}

int bootfile_dir(int dirfd, const char *where, const char *dir, struct kf_error *err)
{
	int fd, r;

	r = fs_mkdirs(dirfd, dir);
	if (r == 0)
		r = sync_parents(dirfd, dir);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "make %s/%s: %m", where, dir);
	fd = fs_open_dir(dirfd, dir);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s/%s: %m", where, dir);
	return fd;
}

void bootfile_tidy(int dirfd, const char *dir)
{
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	int fd = fs_open_beneath(dirfd, dir, O_RDONLY | O_DIRECTORY, 0);

	if (fs_dir_stream(fd, &d) < 0)
		return;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, FS_TMP_PREFIX, strlen(FS_TMP_PREFIX)) == 0 &&
		    unlinkat(fd, e->d_name, 0) < 0)
			log_warn("tidy name=%s error=\"%s\"", e->d_name, strerror(errno));
}

int bootfile_drop_empty(int dirfd, const char *dir)
{
	if (unlinkat(dirfd, dir, AT_REMOVEDIR) == 0 || errno == ENOENT ||
	    errno == ENOTEMPTY || errno == EEXIST)
		return 0;
	return -errno;
}
