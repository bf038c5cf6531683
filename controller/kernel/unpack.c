/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacking foreign kernel archives.  libarchive only parses; files are written here,
 * below a directory descriptor, as new regular files.  It takes a stream that stops
 * between entries for whole, so the zeros that end a tar are looked for here.
 */
#include "controller/kernel/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cancel.h"
#include "controller/kernel/inflate.h"
#include "proto/base/ahead.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define BLOCK	    (64 * 1024)
#define BLOCKS	    16	 /* uncompressed ahead of who writes them */
#define END_ZEROS   1024 /* two tar blocks */
#define MAX_ENTRIES (4 * LIMIT_FILES)

#define BAD(u, err, fmt, ...)                                                            \
	kf_err(err, -EBADMSG, KF_REASON_PACKAGE, "%s: " fmt, (u)->file, ##__VA_ARGS__)

struct source {
	struct inflate *in;
	struct ahead *ahead; /* its thread uncompresses, which takes longest */
	uint64_t zeros;	     /* at the end of what was read so far */
	int fault;
	const uint8_t *block;
};

static ssize_t pull_block(struct source *s)
{
	const void *block = NULL;
	ssize_t n = ahead_next(s->ahead, &block), end = n;

	s->block = block;
	if (n < 0)
		s->fault = (int)n;
	while (end > 0 && s->block[end - 1] == 0)
		end--;
	if (n > 0)
		s->zeros = end > 0 ? (uint64_t)(n - end) : s->zeros + (uint64_t)n;
	return n;
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
	struct source *s = arg;
	ssize_t n = pull_block(s);

	if (n < 0)
		archive_set_error(a, (int)-n, "the source failed");
	*ret = s->block;
	return n < 0 ? -1 : n;
}

static int read_failed(struct unpack *u, struct source *s, struct archive *a,
		       const char *path, struct kf_error *err)
{
	const char *why = s->fault ? inflate_why(s->in) : archive_error_string(a);

	if (s->fault == -ECANCELED)
		return kf_err(err, s->fault, KF_REASON_CANCELLED, "it was cancelled");
	return BAD(u, err, "it is truncated or altered%s%s: %s", path ? " at " : "",
		   path ? path : "", why ? why : "damaged");
}

/* Releases seen in paths must all be one. */
static int take_release(struct unpack *u, const char *rel, size_t n, struct kf_error *err)
{
	char release[LIMIT_RELEASE + 1];

	if (n >= sizeof(release))
		return BAD(u, err, "\"%.*s\" is too long for a kernel release",
			   (int)(n < 200 ? n : 200), rel);
	memcpy(release, rel, n);
	release[n] = '\0';
	if (!text_is_release(release))
		return BAD(u, err, "\"%s\" cannot be a kernel release", release);
	if (u->release[0] && strcmp(u->release, release) != 0)
		return BAD(u, err,
			   "two kernels are in it, %s and %s: a package holds one",
			   u->release, release);
	memcpy(u->release, release, sizeof(release));
	return 0;
}

static const char *after(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

static int place(char *ret, const char *where, const char *rest)
{
	int n = snprintf(ret, LIMIT_PATH + 1, "%s%s", where, rest);

	return n > LIMIT_PATH ? -ENAMETOOLONG : 0;
}

/* boot/vmlinuz-REL and its two companions. */
static int place_boot(struct unpack *u, const char *rest, char *ret, struct kf_error *err)
{
	static const char *const heads[] = {"vmlinuz-", "config-", "System.map-"};
	bool *seen[] = {&u->image, &u->config, &u->map};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		const char *rel = after(rest, heads[i]);

		if (!rel || strchr(rel, '/'))
			continue;
		*seen[i] = true;
		if (place(ret, "boot/", rest) < 0)
			return BAD(u, err, "%s: the name is too long", rest);
		return take_release(u, rel, strlen(rel), err);
	}
	return 0;
}

/* lib/modules/REL/...; some distributions keep the image and its companions there. */
static int place_module(struct unpack *u, const char *rest, char *ret,
			struct kf_error *err)
{
	static const char *const names[] = {"vmlinuz", "config", "System.map"};
	bool *seen[] = {&u->image, &u->config, &u->map};
	const char *slash = strchr(rest, '/');
	int r;

	if (!slash)
		return 0;
	r = take_release(u, rest, (size_t)(slash - rest), err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(slash + 1, names[i]) != 0)
			continue;
		if (!*seen[i])
			snprintf(ret, LIMIT_PATH + 1, "boot/%s-%s", names[i], u->release);
		*seen[i] = true;
		return 0;
	}
	if (after(slash + 1, "build/") || after(slash + 1, "source/"))
		return 0;
	if (place(ret, "lib/modules/", rest) < 0)
		return BAD(u, err, "%s: the name is too long", rest);
	if (strstr(slash, ".ko") && (ends(slash, ".ko") || ends(slash, ".ko.xz") ||
				     ends(slash, ".ko.gz") || ends(slash, ".ko.zst")))
		u->modules++;
	return 0;
}

/* REL/vendor/board.dtb */
static int place_dtb(struct unpack *u, const char *rest, char *ret, struct kf_error *err)
{
	const char *slash = strchr(rest, '/');
	int r;

	if (!slash || !(ends(rest, ".dtb") || ends(rest, ".dtbo")))
		return 0;
	r = take_release(u, rest, (size_t)(slash - rest), err);
	if (r < 0)
		return r;
	u->dtbs++;
	return place(ret, "dtbs", slash) < 0
		       ? BAD(u, err, "%s: the name is too long", rest)
		       : 0;
}

int unpack_place(struct unpack *u, const char *path, char *ret, struct kf_error *err)
{
	const char *rest;

	*ret = '\0';
	if ((rest = after(path, "boot/dtbs/")) ||
	    (rest = after(path, "usr/lib/linux-image-")))
		return place_dtb(u, rest, ret, err);
	if ((rest = after(path, "boot/")))
		return place_boot(u, rest, ret, err);
	if ((rest = after(path, "lib/modules/")) ||
	    (rest = after(path, "usr/lib/modules/")))
		return place_module(u, rest, ret, err);
	return 0;
}

/* The entry's path without what tar programs put around it.  NULL: not a good one. */
static const char *clean_path(struct archive_entry *e, char copy[static LIMIT_PATH + 3])
{
	const char *path = archive_entry_pathname(e);
	size_t n;

	if (!path)
		return NULL;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	n = strlen(path);
	if (n > LIMIT_PATH + 1)
		return NULL;
	memcpy(copy, path, n + 1);
	if (n > 0 && archive_entry_filetype(e) == AE_IFDIR && copy[n - 1] == '/')
		copy[--n] = '\0';
	if (n == 0 || strcmp(copy, ".") == 0)
		return archive_entry_filetype(e) == AE_IFDIR ? "" : NULL;
	return text_is_path(copy, n) ? copy : NULL;
}

/* 1: a file to look at; 0: passed over. */
static int check_entry(struct unpack *u, struct archive_entry *e, const char *path,
		       struct kf_error *err)
{
	mode_t type = archive_entry_filetype(e);
	uint64_t size = (uint64_t)archive_entry_size(e);

	if (++u->entries > MAX_ENTRIES)
		return BAD(u, err, "it has more than %u entries", MAX_ENTRIES);
	if (!path) {
		const char *raw = archive_entry_pathname(e);

		return BAD(u, err,
			   "its entry \"%.200s\" has a path that is not allowed "
			   "(absolute, with \"..\", or unprintable)",
			   raw ? raw : "");
	}
	if (archive_entry_hardlink(e))
		return BAD(u, err, "its entry %s is a hard link", path);
	if (type == AE_IFDIR || type == AE_IFLNK)
		return 0;
	if (type != AE_IFREG)
		return BAD(u, err, "its entry %s is a device or another special file",
			   path);
	if (archive_entry_perm(e) & (S_ISUID | S_ISGID))
		return BAD(u, err, "its entry %s is setuid or setgid", path);
	if (size > LIMIT_FILE_SIZE || (u->total += size) > LIMIT_PACKAGE_SIZE)
		return BAD(u, err, "its entry %s is too large", path);
	return 1;
}

static int write_entry(struct unpack *u, struct source *s, struct archive *a,
		       const char *path, const char *to, struct kf_error *err)
{
	_close_ int fd = -1;
	_free_ uint8_t *data = malloc(BLOCK);
	la_ssize_t n;
	int r = fs_mkdirs_parent(u->dirfd, to);

	if (!data)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (r == 0) {
		fd = fs_open_beneath(u->dirfd, to,
				     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		r = fd < 0 ? fd : 0;
	}
	if (r == -EEXIST || r == -ENOTDIR || r == -EISDIR)
		return BAD(u, err, "its entry %s is there twice", path);
	while (r == 0 && (n = archive_read_data(a, data, BLOCK)) != 0) {
		if (n < 0)
			return read_failed(u, s, a, path, err);
		if (atomic_load(cancel_flag()))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				      "it was cancelled");
		r = fs_write_all(fd, data, (size_t)n);
	}
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "unpack %s of %s: %m", path, u->file);
	return 0;
}

static int take_entry(struct unpack *u, struct source *s, struct archive *a,
		      struct archive_entry *e, struct kf_error *err)
{
	char copy[LIMIT_PATH + 3], to[LIMIT_PATH + 1];
	const char *path = clean_path(e, copy);
	int r = check_entry(u, e, path, err);

	if (r <= 0)
		return r;
	r = unpack_place(u, path, to, err);
	if (r < 0 || !to[0])
		return r;
	return write_entry(u, s, a, path, to, err);
}

static int read_all(struct unpack *u, struct source *s, struct archive *a,
		    struct kf_error *err)
{
	struct archive_entry *e;
	ssize_t n;
	int r;

	if (archive_read_open(a, s, NULL, on_read, NULL) != ARCHIVE_OK)
		return read_failed(u, s, a, NULL, err);
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		r = take_entry(u, s, a, e, err);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return read_failed(u, s, a, NULL, err);
	while ((n = pull_block(s)) > 0)
		;
	if (n < 0)
		return read_failed(u, s, a, NULL, err);
	if (s->zeros < END_ZEROS)
		return BAD(u, err, "it is truncated: the archive's end is missing");
	return 0;
}

int unpack_tar(struct unpack *u, package_pull_fn pull, void *arg, struct kf_error *err)
{
	struct source *s = calloc(1, sizeof(*s));
	struct archive *a = archive_read_new();
	int r = -ENOMEM;

	if (s && a && inflate_new(pull, arg, &s->in) == 0 &&
	    archive_read_support_format_tar(a) >= ARCHIVE_WARN &&
	    ahead_new(inflate_read, s->in, BLOCK, BLOCKS, &s->ahead) == 0)
		r = read_all(u, s, a, err);
	else
		kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
	if (s) {
		ahead_free(s->ahead);
		inflate_free(s->in);
	}
	archive_read_free(a);
	free(s);
	return r;
}
