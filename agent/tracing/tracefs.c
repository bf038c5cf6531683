// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/tracefs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define PLACE	  "/sys/kernel/tracing"
#define WORDS_MAX (64 * 1024)
#define SAID_MAX  4096

static int no_tracefs(int r, struct kf_error *err)
{
	return kf_err(err, r, KF_REASON_NOT_FOUND,
		      "this kernel has no tracefs: it is built without CONFIG_FTRACE or "
		      "CONFIG_EVENT_TRACING");
}

int tracefs_open(const char *root, struct kf_error *err)
{
	_free_ char *path = NULL;
	_close_ int dir = -1;

	if (asprintf(&path, "%s" PLACE, root) < 0) {
		path = NULL;
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	}
	dir = fs_open_dir(AT_FDCWD, path);
	if (dir < 0)
		return no_tracefs(dir, err);
	if (fs_exists(dir, "current_tracer") || fs_exists(dir, "trace_pipe"))
		return TAKE_FD(dir);
	if (*root)
		return no_tracefs(-ENODEV, err);
	if (mount("tracefs", path, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return errno == ENODEV ? no_tracefs(-errno, err)
				       : oserr(err, -errno, "mount tracefs at " PLACE);
	close(dir);
	dir = fs_open_dir(AT_FDCWD, path);
	return dir < 0 ? oserr(err, dir, "open " PLACE) : TAKE_FD(dir);
}

int tracefs_write(int dir, const char *file, const char *text, bool add)
{
	_close_ int fd = fs_open_beneath(
		dir, file, O_WRONLY | O_CLOEXEC | (add ? O_APPEND : O_TRUNC), 0);
	size_t n = strlen(text);
	ssize_t done;

	if (fd < 0)
		return fd;
	do
		done = n ? write(fd, text, n) : 0;
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -EIO;
}

void tracefs_head(int dir, const char *file, char *dst, size_t n)
{
	_close_ int fd = fs_open_beneath(dir, file, O_RDONLY | O_CLOEXEC, 0);
	size_t have = 0;

	while (fd >= 0 && have < n - 1) {
		ssize_t got = read(fd, dst + have, n - 1 - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += (size_t)got;
	}
	dst[have] = '\0';
}

char *tracefs_line(int dir, const char *file)
{
	char *line = NULL;

	return fs_read_line(dir, file, &line) == 0 ? line : NULL;
}

bool tracefs_has_word(int dir, const char *file, const char *word)
{
	_buf_ struct buf b = BUF_INIT;
	size_t n = strlen(word);
	const char *s;

	if (fs_read_file(dir, file, WORDS_MAX, &b) < 0 || !(s = buf_str(&b)))
		return false;
	for (const char *p = s; (p = strstr(p, word)); p += n)
		if ((p == s || strchr(" \n", p[-1])) && strchr(" \n", p[n]))
			return true;
	return false;
}

/* --- what the kernel says --------------------------------------------------------- */

/* "error: TEXT" of the line, or what stands behind "parse_error: ", or NULL. */
static const char *find_error(const char *line, size_t n)
{
	static const char *const marks[] = {": error: ", "parse_error: "};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *at = memmem(line, n, marks[i], strlen(marks[i]));

		if (at)
			return at + strlen(marks[i]);
	}
	return NULL;
}

/* The column of a line with nothing but a caret; 0: it is another. */
static size_t caret(const char *line, size_t n)
{
	size_t at = strspn(line, " \t");

	return at < n && line[at] == '^' ? at + 1 : 0;
}

/*
 * An entry of error_log, and what a filter shows that was refused:
 *
 *	[  257.1] event filter parse error: error: Field not found	prio > > 1
 *	  Command: prio > > 1						     ^
 *	                  ^						parse_error: ...
 */
void tracefs_read_said(const char *log, char *dst, size_t n)
{
	static const char command[] = "  Command: ";
	const char *error = NULL, *text = NULL, *before = NULL;
	size_t error_n = 0, text_n = 0, before_n = 0, column = 0;

	for (const char *line = log; *line;) {
		size_t len = strcspn(line, "\n");
		const char *found = find_error(line, len);
		size_t at = caret(line, len);

		if (found) {
			error = found;
			error_n = len - (size_t)(found - line);
			if (*line == '[')
				text = NULL;
		}
		if (at) {
			text = before;
			text_n = before_n;
			column = at;
			if (text && !strncmp(text, command, strlen(command)) &&
			    text_n >= strlen(command) && at > strlen(command)) {
				text += strlen(command);
				text_n -= strlen(command);
				column -= strlen(command);
			}
		}
		before = line;
		before_n = len;
		line += len + (line[len] == '\n');
	}
	*dst = '\0';
	if (error && text)
		snprintf(dst, n, "%.*s, at character %zu of \"%.*s\"", (int)error_n,
			 error, column, (int)text_n, text);
	else if (error)
		snprintf(dst, n, "%.*s", (int)error_n, error);
}

void tracefs_said(int dir, const char *filter, char *dst, size_t n)
{
	char log[SAID_MAX];

	tracefs_head(dir, "error_log", log, sizeof(log));
	if (!*log)
		tracefs_head(dir, filter, log, sizeof(log));
	tracefs_read_said(log, dst, n);
}
