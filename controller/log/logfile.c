/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libarchive reads plain and compressed files alike, and knows when a compressed one is
 * not whole.  Only its built-in filters: no program is run for a file.
 */
#include "controller/log/logfile.h"

#include <archive.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define BLOCK	     (256u * 1024)
#define ENTRIES_MAX  4096
#define PSTORE_DIR   "pstore"
#define CONSOLE	     "console"
#define BOARDS_MIXED "has runs of several boards; name one of them, such as %s/%s"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static void close_archive(struct archive **a)
{
	archive_read_free(*a);
}

static struct archive *open_archive(void)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	return a;
}

static int cannot_read(struct archive *a, const char *path, struct kf_error *err)
{
	const char *why = archive_error_string(a);

	return kf_err(
		err, -EIO, KF_REASON_IO,
		"%s cannot be read to its end (%s): what is behind could be anything",
		path, why ? why : "no reason was given");
}

static int read_blocks(struct archive *a, struct classifier *c, const char *path,
		       bool *ret_empty, struct kf_error *err)
{
	const void *data;
	size_t n;
	la_int64_t at;
	int r;

	*ret_empty = true;
	while ((r = archive_read_data_block(a, &data, &n, &at)) == ARCHIVE_OK) {
		*ret_empty = *ret_empty && n == 0;
		if (classifier_text(c, data, n) < 0)
			return no_memory(err);
	}
	return r == ARCHIVE_EOF ? 0 : cannot_read(a, path, err);
}

static int read_fd(struct classifier *c, int fd, const char *path, struct kf_error *err)
{
	_cleanup_(close_archive) struct archive *a = open_archive();
	struct archive_entry *entry;
	bool empty = true;
	int r;

	if (!a)
		return no_memory(err);
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
		return cannot_read(a, path, err);
	r = archive_read_next_header(a, &entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
		return cannot_read(a, path, err);
	if (r == ARCHIVE_OK) {
		r = read_blocks(a, c, path, &empty, err);
		if (r < 0)
			return r;
	}
	/* No fault in no log is no sign of health. */
	if (empty)
		return kf_err(err, -ENODATA, KF_REASON_INVALID,
			      "%s is empty: there is no log to look at", path);
	return 0;
}

int logfile_read(struct classifier *c, const char *path, const char *name,
		 uint64_t *lines, struct kf_error *err)
{
	bool standard = strcmp(path, "-") == 0;
	_close_ int own =
		standard ? -1 : fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	int fd = standard ? STDIN_FILENO : own;
	int r;

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_NOT_FOUND, "open the log %s: %m", path);
	if (classifier_source(c, name, NULL) < 0)
		return no_memory(err);
	r = read_fd(c, fd, standard ? "standard input" : path, err);
	if (classifier_end(c) < 0 && r == 0)
		r = no_memory(err);
	*lines += classifier_lines(c);
	return r;
}

int logfile_part(struct classifier *c, int fd, uint64_t from, uint64_t to)
{
	_free_ char *block = malloc(BLOCK);
	int r = block ? 0 : -ENOMEM;

	while (r == 0 && from < to) {
		size_t want = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
		ssize_t n = pread(fd, block, want, (off_t)from);

		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		r = classifier_text(c, block, (size_t)n);
		from += (uint64_t)n;
	}
	return r < 0 ? r : classifier_end(c);
}

/* --- runs ------------------------------------------------------------------------ */

static bool has_file(const char *dir, const char *name)
{
	_free_ char *path = strf("%s/%s", dir, name);

	return path && fs_exists(AT_FDCWD, path);
}

static bool is_run(const char *dir)
{
	return has_file(dir, "result.json");
}

static int visible(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

/* Names in a directory, sorted; freed with free_names(). */
static int names_in(const char *dir, struct dirent ***ret)
{
	int n = scandir(dir, ret, visible, versionsort);

	if (n < 0)
		*ret = NULL;
	return n < 0 ? 0 : n;
}

static void free_names(struct dirent **list, int n)
{
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

/* A run's directory has one for each of its boards. */
static int only_board(const char *dir, char **ret, struct kf_error *err)
{
	struct dirent **list;
	int n = names_in(dir, &list), r = 0;
	_free_ char *found = NULL;

	for (int i = 0; i < n && r == 0; i++) {
		_free_ char *sub = strf("%s/%s", dir, list[i]->d_name);

		if (!sub || !is_run(sub))
			continue;
		if (found)
			r = kf_err(err, -EINVAL, KF_REASON_USAGE, "%s " BOARDS_MIXED, dir,
				   dir, list[i]->d_name);
		else
			found = TAKE_PTR(sub);
	}
	free_names(list, n);
	if (r == 0 && !found)
		r = kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			   "%s is a directory, and no run: it has no result.json", dir);
	if (r == 0)
		*ret = TAKE_PTR(found);
	return r;
}

static int run_in(const char *dir, char **ret, struct kf_error *err)
{
	if (!is_run(dir))
		return only_board(dir, ret, err);
	*ret = strdup(dir);
	return *ret ? 0 : no_memory(err);
}

int logfile_find(const char *base, const char *name, char **ret, bool *ret_run,
		 struct kf_error *err)
{
	_free_ char *below = strf("%s/%s", base, name);
	struct stat st;

	if (!below)
		return no_memory(err);
	*ret_run = false;
	if (strcmp(name, "-") != 0 && stat(name, &st) < 0) {
		if (!text_is_path(name, strlen(name)) || stat(below, &st) < 0)
			return kf_err(
				err, -ENOENT, KF_REASON_NOT_FOUND,
				"there is no file \"%s\", and no run of that name in "
				"%s",
				name, base);
		name = below;
	}
	if (strcmp(name, "-") != 0 && S_ISDIR(st.st_mode)) {
		*ret_run = true;
		return run_in(name, ret, err);
	}
	*ret = strdup(name);
	return *ret ? 0 : no_memory(err);
}

int logfile_newest(const char *base, const char *board, char **ret, struct kf_error *err)
{
	struct dirent **list;
	int n = names_in(base, &list), r = -ENOENT;

	for (int i = n - 1; i >= 0 && r == -ENOENT; i--) {
		_free_ char *dir = board ? strf("%s/%s/%s", base, list[i]->d_name, board)
					 : strf("%s/%s", base, list[i]->d_name);
		struct kf_error inner = {0};

		if (!dir)
			r = no_memory(err);
		else if (board ? is_run(dir) : fs_exists(AT_FDCWD, dir))
			r = run_in(dir, ret, board ? &inner : err);
	}
	free_names(list, n);
	if (r == -ENOENT)
		return kf_err(
			err, r, KF_REASON_NOT_FOUND,
			"there is no run%s%s in %s yet: name a file, or `kferry deploy`",
			board ? " of " : "", board ? board : "", base);
	return r;
}

char *logfile_board(const char *run)
{
	_free_ char *path = strf("%s/result.json", run);
	json_t *j = path ? json_load_file(path, 0, NULL) : NULL;
	const char *board = json_string_value(json_object_get(j, "board"));
	char *copy = board && text_is_name(board) ? strdup(board) : NULL;

	json_decref(j);
	return copy;
}

static int read_pstore(struct classifier *c, const char *run, uint64_t *lines,
		       unsigned *files, struct kf_error *err)
{
	_free_ char *dir = strf("%s/" PSTORE_DIR, run);
	struct dirent **list = NULL;
	int n = dir ? names_in(dir, &list) : 0, r = dir ? 0 : no_memory(err);

	for (int i = 0; i < n && i < ENTRIES_MAX && r == 0; i++) {
		_free_ char *path = strf("%s/%s", dir, list[i]->d_name);
		_free_ char *name = strf(PSTORE_DIR "/%s", list[i]->d_name);
		struct stat st;

		if (!path || !name) {
			r = no_memory(err);
		} else if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
			   st.st_size > 0) {
			r = logfile_read(c, path, name, lines, err);
			(*files)++;
		}
	}
	free_names(list, n);
	return r;
}

/* The trial's part of its console, where result.json tells one. */
static int read_console(struct classifier *c, const char *run, uint64_t *lines,
			unsigned *files, struct kf_error *err)
{
	_free_ char *result = strf("%s/result.json", run);
	_free_ char *text = strf("%s/console.txt", run),
		    *raw = strf("%s/console.raw", run);
	_close_ int fd = -1;
	json_int_t from = 0, to = 0;
	json_t *j;
	int r;

	if (!result || !text || !raw)
		return no_memory(err);
	j = json_load_file(result, 0, NULL);
	r = json_unpack(j, "{s:{s:[I,I]}}", "console", "trial", &from, &to);
	json_decref(j);
	if (r < 0 || from < 0 || to <= from)
		return 0;
	fd = fs_open_beneath(AT_FDCWD, fs_exists(AT_FDCWD, text) ? text : raw,
			     O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_NOT_FOUND, "open %s: %m", raw);
	r = classifier_source(c, CONSOLE, NULL);
	if (r == 0)
		r = logfile_part(c, fd, (uint64_t)from, (uint64_t)to);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", raw);
	*lines += classifier_lines(c);
	(*files)++;
	return 0;
}

int logfile_read_run(struct classifier *c, const char *run, uint64_t *lines,
		     struct kf_error *err)
{
	_free_ char *dmesg = strf("%s/dmesg", run);
	unsigned files = 0;
	struct stat st;
	int r = dmesg ? 0 : no_memory(err);

	if (r == 0 && stat(dmesg, &st) == 0 && st.st_size > 0) {
		r = logfile_read(c, dmesg, "dmesg", lines, err);
		files++;
	}
	if (r == 0)
		r = read_pstore(c, run, lines, &files, err);
	if (r == 0)
		r = read_console(c, run, lines, &files, err);
	if (r == 0 && files == 0)
		r = kf_err(err, -ENODATA, KF_REASON_NOT_FOUND,
			   "the run %s has no log: nothing was heard of that kernel",
			   run);
	return r;
}
