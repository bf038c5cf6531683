// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling files, patches and commits apart. */
#include "controller/patch/target.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/near.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define PEEK_MAX (64 * 1024)
#define WORD_MAX 4096
#define FAR	 3 /* letters that make another word of it */

void target_fini(struct target *t)
{
	free(t->path);
	t->path = NULL;
}

/* --- patches ------------------------------------------------------------------------
 */

static bool begins(const char *line, size_t n, const char *word)
{
	return n >= strlen(word) && !memcmp(line, word, strlen(word));
}

/* "Subject: ..." and the like. */
static bool is_field(const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && (isalnum((unsigned char)line[i]) || line[i] == '-'))
		i++;
	return i && i < n && line[i] == ':' && isalpha((unsigned char)line[0]);
}

static size_t line_length(const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n);

	return end ? (size_t)(end - text) : n;
}

static bool starts_diff(const char *line, size_t n)
{
	return begins(line, n, "diff --git ") || begins(line, n, "--- ") ||
	       begins(line, n, "Index: ") || begins(line, n, "diff -");
}

bool target_is_patch(const char *text, size_t n)
{
	bool first = true, old = false;

	for (size_t at = 0; at < n;) {
		const char *line = text + at;
		size_t len = line_length(line, n - at);

		at += len + 1;
		if (first && !len)
			continue;
		if (first && !starts_diff(line, len) && !begins(line, len, "From ") &&
		    !is_field(line, len))
			return false;
		first = false;
		if (begins(line, len, "diff --git ") ||
		    (old && begins(line, len, "+++ ")))
			return true;
		old = begins(line, len, "--- ");
	}
	return false;
}

static bool has_tail(const char *word, const char *tail)
{
	size_t n = strlen(word), m = strlen(tail);

	return n > m && !strcmp(word + n - m, tail);
}

static int peek(const char *path, bool *ret)
{
	_free_ char *text = malloc(PEEK_MAX);
	size_t n = 0;
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);

	if (!text)
		return -ENOMEM;
	if (fd < 0)
		return fd;
	while (n < PEEK_MAX) {
		ssize_t got = read(fd, text + n, PEEK_MAX - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret = target_is_patch(text, n);
	return 0;
}

/* --- names --------------------------------------------------------------------------
 */

/* The part of full below src; NULL: it is not there. */
static const char *below(const char *src, const char *full)
{
	size_t n = strlen(src);

	if (strncmp(full, src, n) || (full[n] && full[n] != '/'))
		return NULL;
	return full[n] ? full + n + 1 : ".";
}

static int find_file(const char *src, const char *word, const struct stat *st,
		     struct target *ret, struct kf_error *err)
{
	_free_ char *full = realpath(word, NULL);
	const char *rel = full ? below(src, full) : NULL;
	bool patch = has_tail(word, ".patch") || has_tail(word, ".diff");
	int rc = 0;

	if (!full)
		return kf_err(err, -errno, KF_REASON_IO, "%s: %m", word);
	if (S_ISREG(st->st_mode) && !patch)
		rc = peek(full, &patch);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s: %m", word);
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s is neither a file nor a directory", word);
	if (!patch && !rel)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s is no patch, and not in the tree %s", word, src);
	*ret = (struct target){.word = word};
	ret->kind = S_ISDIR(st->st_mode) ? TARGET_DIR
		    : patch		 ? TARGET_PATCH
					 : TARGET_FILE;
	ret->path = patch ? TAKE_PTR(full) : strdup(rel);
	return ret->path ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* What git would not take for an option, and a terminal would show. */
static bool may_be_commit(const char *word)
{
	if (!*word || *word == '-')
		return false;
	for (const char *p = word; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\\?*[:", *p))
			return false;
	return true;
}

int target_find(const char *src, const char *word, struct target *ret,
		struct kf_error *err)
{
	struct stat st;

	if (!word) {
		*ret = (struct target){.kind = TARGET_CHANGE};
		return 0;
	}
	if (strlen(word) > WORD_MAX)
		return kf_err(err, -ENAMETOOLONG, KF_REASON_USAGE,
			      "a target has at most %d bytes", WORD_MAX);
	if (stat(word, &st) == 0)
		return find_file(src, word, &st, ret, err);
	if (!may_be_commit(word)) {
		_free_ char *near = target_near(word);

		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "there is no file \"%s\"%s%s", word,
			      near ? "; the nearest is " : "", near ? near : "");
	}
	*ret = (struct target){.word = word,
			       .kind = strstr(word, "..") ? TARGET_RANGE : TARGET_COMMIT};
	return 0;
}

char *target_near(const char *word)
{
	const char *slash = strrchr(word, '/');
	const char *last = slash ? slash + 1 : word;
	_free_ char *dir =
		slash ? strndup(word, (size_t)(slash - word + 1)) : strdup(".");
	_closedir_ DIR *d = dir ? opendir(dir) : NULL;
	unsigned least = strlen(last) > FAR ? FAR + 1 : 2;
	char *best = NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		unsigned far = near_distance(last, e->d_name);
		char *name = NULL;

		if (far >= least || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (asprintf(&name, "%s%s", slash ? dir : "", e->d_name) < 0)
			continue;
		free(best);
		best = name;
		least = far;
	}
	return best;
}
