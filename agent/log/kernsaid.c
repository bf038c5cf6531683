/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searching the ring, and the log that is kept. */
#include "agent/log/kernsaid.h"

#include <fcntl.h>
#include <string.h>

#include "agent/log/boots.h"
#include "agent/log/kernlog.h"
#include "proto/base/fs.h"

#define STEP	    (64u * 1024)
#define RECORDS_MAX (1u << 14) /* more than any ring buffer holds */

/* "6,0,0,-;Linux version ...": number 0 is the first record of the boot. */
static bool is_first(const char *record, size_t n)
{
	const char *comma = memchr(record, ',', n);
	size_t left = comma ? n - (size_t)(comma - record) : 0;

	return left >= 3 && memcmp(comma, ",0,", 3) == 0;
}

/* 1, 0, or -EAGAIN: not in what the ring has, and that is not all. */
static int in_ring(const struct agent *a, const char *text, char *step)
{
	_free_ char *path = agent_path(a, "/dev/kmsg");
	_close_ int fd = -1;
	bool whole = false;

	if (path)
		fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
	for (unsigned i = 0; fd >= 0 && i < RECORDS_MAX; i++) {
		ssize_t got = read(fd, step, STEP);

		if (got < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (got <= 0)
			break;
		if (i == 0)
			whole = is_first(step, (size_t)got);
		if (memmem(step, (size_t)got, text, strlen(text)))
			return 1;
	}
	return whole ? 0 : -EAGAIN;
}

/* What was found of text at the end of one piece stays in front of the next. */
static bool in_file(struct kernlog_file *f, const char *text, char *step)
{
	const size_t n = strlen(text);
	size_t have = 0;
	ssize_t got;

	while ((got = kernlog_file_read(f, step + have, STEP - have)) > 0) {
		have += (size_t)got;
		if (memmem(step, have, text, n))
			return true;
		if (have >= n) {
			memmove(step, step + have - (n - 1), n - 1);
			have = n - 1;
		}
	}
	return false;
}

static bool in_kept(const struct agent *a, const char *text, char *step)
{
	struct kernlog_file *f = NULL;
	struct boot_record record;
	_close_ int dir = -1;
	bool found;

	if (!a->boot.boot_id[0] || boots_dir(a, a->boot.boot_id, 0, &record, &dir) < 0 ||
	    kernlog_file_open(dir, &f) < 0)
		return false;
	found = in_file(f, text, step);
	kernlog_file_close(f);
	return found;
}

bool kernsaid(const struct agent *a, const char *text)
{
	_free_ char *step = malloc(STEP);
	int r;

	if (!step || !*text || strlen(text) >= STEP)
		return false;
	r = in_ring(a, text, step);
	return r == -EAGAIN ? in_kept(a, text, step) : r;
}
