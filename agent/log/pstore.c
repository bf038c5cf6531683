/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a dead kernel left in pstore, or in the agent's directory for what somebody else
 * took from there.
 *
 * Records of a dump are files `dmesg-<backend>-<id>`; each begins with a line
 * "<why>#<count> Part<n>".  The efi backend splits a dump in parts of less than 2 KB, and
 * the parts count backwards: Part1 is the newest text.  Its ids are time * 100000 + part
 * * 1000 + count.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "agent/log/boots.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/text.h"

#define PSTORE_DIR "/sys/fs/pstore"
#define SPOOL_DIR  "pstore" /* in the state directory */
#define JOINED	   "dmesg.txt"
#define SAME_DUMP  120 /* seconds that the parts of one dump may be apart */

struct part {
	char name[LIMIT_NAME + 1];
	uint64_t time; /* seconds */
	unsigned part, count, dump;
};

/* --- the directory -------------------------------------------------------------- */

/* Nothing is mounted there on a board whose init does not do it. */
static void mount_pstore(const struct agent *a, const char *path)
{
	struct statfs st;

	if (a->scratch || (statfs(path, &st) == 0 && st.f_type == PSTOREFS_MAGIC))
		return;
	if (mount("pstore", path, "pstore", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		log_debug("pstore-not-mounted error=\"%s\"", strerror(errno));
}

static DIR *open_names(int dir_fd, const char *rel)
{
	int fd = fs_open_beneath(dir_fd, rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *d;

	return fs_dir_stream(fd, &d) < 0 ? NULL : d;
}

/* The next entry whose name may be kept; NULL at the end. */
static const char *next_name(DIR *d)
{
	struct dirent *e;

	while ((e = readdir(d)))
		if (text_is_name(e->d_name) && strcmp(e->d_name, JOINED) != 0)
			return e->d_name;
	return NULL;
}

/* name is one of next_name()'s, so it fits. */
static void copy_name(char dst[static LIMIT_NAME + 1], const char *name)
{
	size_t n = strnlen(name, LIMIT_NAME);

	memcpy(dst, name, n);
	dst[n] = '\0';
}

static int open_pstore(const struct agent *a)
{
	_free_ char *path = agent_path(a, PSTORE_DIR);

	if (!path)
		return -ENOMEM;
	mount_pstore(a, path);
	return fs_open_dir(AT_FDCWD, path);
}

static int open_spool(const struct agent *a)
{
	return fs_open_beneath(a->state_fd, SPOOL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			       0);
}

static bool has_records(int fd)
{
	_closedir_ DIR *d = fd < 0 ? NULL : open_names(fd, ".");

	return d && next_name(d);
}

bool pstore_pending(const struct agent *a)
{
	_close_ int fd = open_pstore(a), spool = open_spool(a);

	return has_records(fd) || has_records(spool);
}

/* --- joining -------------------------------------------------------------------- */

static bool is_dump(const char *name)
{
	size_t n = strlen(name);

	return strncmp(name, "dmesg-", 6) == 0 &&
	       !(n > 6 && strcmp(name + n - 6, ".enc.z") == 0);
}

/* "Panic#1 Part3\n": length of the line, 0 if there is none. */
static size_t parse_head(const char *text, size_t n, unsigned *ret_count,
			 unsigned *ret_part)
{
	const char *end = memchr(text, '\n', n < 80 ? n : 80);
	char line[80], why[24];
	unsigned count, part;

	if (!end)
		return 0;
	memcpy(line, text, (size_t)(end - text));
	line[end - text] = '\0';
	if (sscanf(line, "%23[A-Za-z ]#%u Part%u", why, &count, &part) != 3)
		return 0;
	*ret_count = count;
	*ret_part = part;
	return (size_t)(end - text) + 1;
}

static void describe(int dir_fd, struct part *p, const struct buf *text)
{
	const char *id = strrchr(p->name, '-');
	uint64_t n = id ? strtoull(id + 1, NULL, 10) : 0;
	struct stat st;

	if (strncmp(p->name, "dmesg-efi", 9) == 0) {
		p->time = n / 100000;
		p->part = (unsigned)(n / 1000 % 100);
		p->count = (unsigned)(n % 1000);
	} else {
		if (fstatat(dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			p->time = (uint64_t)st.st_mtime;
		p->part = 1;
		p->count = (unsigned)n;
	}
	if (buf_len(text) > 0)
		parse_head((const char *)buf_data(text), buf_len(text), &p->count,
			   &p->part);
}

static int by_time(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->count < y->count ? -1 : x->count > y->count;
}

/* Dumps in the order of their time, in each the oldest text (the highest part) first. */
static int reading_order(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->dump != y->dump)
		return x->dump < y->dump ? -1 : 1;
	if (x->part != y->part)
		return x->part > y->part ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void number_dumps(struct part *parts, size_t n)
{
	qsort(parts, n, sizeof(*parts), by_time);
	for (size_t i = 1; i < n; i++) {
		bool same = parts[i].count == parts[i - 1].count &&
			    parts[i].time - parts[i - 1].time <= SAME_DUMP;

		parts[i].dump = parts[i - 1].dump + !same;
	}
	qsort(parts, n, sizeof(*parts), reading_order);
}

static int append_part(int dir_fd, const struct part *p, struct buf *out)
{
	_buf_ struct buf text = BUF_INIT;
	unsigned count, part;
	size_t head;
	int r = fs_read_file(dir_fd, p->name, LIMIT_COLLECT_FILE, &text);

	if (r < 0)
		return r;
	if (buf_len(&text) == 0)
		return 0;
	head = parse_head((const char *)buf_data(&text), buf_len(&text), &count, &part);
	r = buf_append(out, buf_data(&text) + head, buf_len(&text) - head);
	if (r == 0 && buf_len(out) > 0 && buf_data(out)[buf_len(out) - 1] != '\n')
		r = buf_append(out, "\n", 1);
	return r;
}

static int find_parts(int dir_fd, struct part *parts, size_t max, size_t *ret_n)
{
	_closedir_ DIR *d = open_names(dir_fd, ".");
	const char *name;
	size_t n = 0;

	if (!d)
		return -EIO;
	while (n < max && (name = next_name(d))) {
		_buf_ struct buf text = BUF_INIT;

		if (!is_dump(name))
			continue;
		copy_name(parts[n].name, name);
		if (fs_read_file(dir_fd, name, LIMIT_COLLECT_FILE, &text) < 0)
			continue;
		describe(dir_fd, &parts[n++], &text);
	}
	*ret_n = n;
	return 0;
}

/* All dumps of dir_fd in reading order in one text. */
static int join(int dir_fd)
{
	_free_ struct part *parts = calloc(LIMIT_COLLECT_FILES, sizeof(*parts));
	_buf_ struct buf out = {.max = LIMIT_COLLECT_FILE};
	size_t n = 0;
	int r = parts ? find_parts(dir_fd, parts, LIMIT_COLLECT_FILES, &n) : -ENOMEM;

	if (r < 0 || n == 0)
		return r;
	number_dumps(parts, n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = append_part(dir_fd, &parts[i], &out);
	if (r < 0 && r != -EMSGSIZE)
		return r;
	return fs_replace(dir_fd, JOINED, buf_data(&out), buf_len(&out), 0600);
}

/* --- collecting ----------------------------------------------------------------- */

static int save(int from, const char *name, int to)
{
	_buf_ struct buf b = BUF_INIT;
	int r = fs_read_file(from, name, LIMIT_COLLECT_FILE, &b);

	if (r < 0)
		return r;
	return fs_replace(to, name, buf_data(&b), buf_len(&b), 0600);
}

/* Names first: unlinking while reading a directory may skip some. */
static int list_records(int fd, char (*names)[LIMIT_NAME + 1], size_t max, size_t *ret_n)
{
	_closedir_ DIR *d = open_names(fd, ".");
	const char *name;
	size_t n = 0;

	if (!d)
		return -errno;
	while (n < max && (name = next_name(d)))
		copy_name(names[n++], name);
	*ret_n = n;
	return 0;
}

/* Adds to *taken.  One record that cannot be saved does not keep the others: it stays,
 * and the first such error is returned. */
static int take_all(int from, int to, unsigned *taken)
{
	_free_ char(*names)[LIMIT_NAME + 1] = calloc(LIMIT_COLLECT_FILES, sizeof(*names));
	size_t n = 0;
	int r, failed;

	if (!names)
		return -ENOMEM;
	failed = list_records(from, names, LIMIT_COLLECT_FILES, &n);
	for (size_t i = 0; i < n; i++) {
		r = save(from, names[i], to);
		if (r < 0) {
			log_warn("pstore-not-saved name=%s error=\"%s\"", names[i],
				 strerror(-r));
			failed = failed ? failed : r;
			continue;
		}
		++*taken;
		if (unlinkat(from, names[i], 0) < 0)
			log_warn("pstore-not-freed name=%s error=\"%s\"", names[i],
				 strerror(errno));
	}
	return failed;
}

int pstore_collect(const struct agent *a, int dir_fd, unsigned *ret_n)
{
	_close_ int from = open_pstore(a), spool = open_spool(a), to = -1;
	unsigned taken = 0;
	int r;

	if (from < 0 && spool < 0)
		return from;
	r = fs_mkdirs(dir_fd, "pstore");
	if (r < 0)
		return r;
	to = fs_open_beneath(dir_fd, "pstore", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (to < 0)
		return to;
	r = from < 0 ? 0 : take_all(from, to, &taken);
	if (spool >= 0) {
		int also = take_all(spool, to, &taken);

		r = r < 0 ? r : also;
	}
	*ret_n = taken;
	if (taken > 0 && join(to) < 0)
		log_warn("pstore-not-joined");
	/* What was saved can be judged; the rest stays pending. */
	return taken > 0 ? 0 : r;
}

/* --- what it says --------------------------------------------------------------- */

/* A dump may be of an orderly reboot too (printk.always_kmsg_dump): the head tells. */
static bool tells_crash(const char *name, const char *text, size_t n)
{
	if (strncmp(name, "dmesg-", 6) == 0 &&
	    (strncmp(text, "Panic#", 6) == 0 || strncmp(text, "Oops#", 5) == 0))
		return true;
	return memmem(text, n, "Kernel panic - not syncing", 26);
}

bool pstore_has_crash(int dir_fd)
{
	_closedir_ DIR *d = open_names(dir_fd, "pstore");
	const char *name;

	while (d && (name = next_name(d))) {
		_buf_ struct buf b = BUF_INIT;
		const char *text;

		if (fs_read_file(dirfd(d), name, LIMIT_COLLECT_FILE, &b) < 0)
			continue;
		text = buf_str(&b);
		if (text && tells_crash(name, text, buf_len(&b)))
			return true;
	}
	return false;
}
