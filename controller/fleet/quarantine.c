// SPDX-License-Identifier: GPL-2.0-or-later
/* The files that count failures, and the lock beside each. */
#include "controller/fleet/quarantine.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define FORMAT	     "kferry-quarantine"
#define VERSION	     1
#define FILE_MAX     4000
#define WHY_MAX	     159 /* bytes taken; escaped they are four times that, at most */
#define FAILURES_MAX 1000000
#define LOCK_MS	     8000 /* others hold it for the time of a file's replacement */

bool quarantine_is_fault(const char *reason)
{
	static const int faults[] = {KF_REASON_UNREACHABLE, KF_REASON_NO_AGENT,
				     KF_REASON_CONNECTION,  KF_REASON_TIMEOUT,
				     KF_REASON_NOT_TRIED,   KF_REASON_BOARD_LOST};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(reason, reason_name(faults[i])) == 0)
			return true;
	}
	return false;
}

/* --- the file ------------------------------------------------------------------------
 */

static int open_dir(const struct config *cfg, bool make)
{
	_free_ char *path = strf("%s/quarantine", config_data_dir(cfg));
	int r = path ? 0 : -ENOMEM;

	if (r == 0 && make)
		r = fs_mkdirs(AT_FDCWD, path);
	return r < 0 ? r : fs_open_dir(AT_FDCWD, path);
}

/* -EBADMSG: it is none of ours. */
static int parse(const struct buf *b, struct quarantine *ret)
{
	json_t *j = json_loadb((const char *)buf_data(b), buf_len(b),
			       JSON_REJECT_DUPLICATES, NULL);
	const char *format, *why;
	json_int_t version, failures, since;
	int r = -EBADMSG;

	if (j &&
	    json_unpack(j, "{s:s, s:I, s:I, s:I, s:s}", "format", &format, "version",
			&version, "failures", &failures, "since", &since, "why",
			&why) == 0 &&
	    strcmp(format, FORMAT) == 0 && version == VERSION && failures > 0 &&
	    failures <= FAILURES_MAX && since >= 0 &&
	    text_is_plain(why, strlen(why), false)) {
		*ret = (struct quarantine){.failures = (unsigned)failures,
					   .since = since};
		snprintf(ret->why, sizeof(ret->why), "%s", why);
		r = 0;
	}
	json_decref(j);
	return r;
}

/* Without one: zero. */
static int load(int dir, const char *name, struct quarantine *ret)
{
	_close_ int fd = fs_open_beneath(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	_buf_ struct buf b = BUF_INIT;
	struct stat st;
	char block[FILE_MAX + 1];
	ssize_t n;

	*ret = (struct quarantine){0};
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return -EBADMSG;
	if (st.st_uid != geteuid())
		return -EPERM;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		if (buf_len(&b) + (size_t)n > FILE_MAX)
			return -EBADMSG;
		if (buf_append(&b, block, (size_t)n) < 0)
			return -ENOMEM;
	}
	return n < 0 ? -errno : parse(&b, ret);
}

static int store(int dir, const char *name, const struct quarantine *q)
{
	json_t *j = json_pack("{s:s, s:i, s:i, s:I, s:s}", "format", FORMAT, "version",
			      VERSION, "failures", (int)q->failures, "since",
			      (json_int_t)q->since, "why", q->why);
	_free_ char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
	_free_ char *whole = text ? strf("%s\n", text) : NULL;

	json_decref(j);
	return whole ? fs_replace(dir, name, whole, strlen(whole), 0600) : -ENOMEM;
}

/* A descriptor; closing it lets go. */
static int take_lock(int dir, const char *board)
{
	_free_ char *name = strf("%s.lock", board);
	_close_ int fd =
		name ? fs_open_beneath(dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)
		     : -ENOMEM;
	int r = fd < 0 ? fd : fs_lock(fd, LOCK_EX, LOCK_MS);

	return r < 0 ? r : TAKE_FD(fd);
}

static int failed(int r, const struct config *cfg, const char *board,
		  struct kf_error *err)
{
	const char *dir = config_data_dir(cfg);

	if (r == -EBADMSG)
		return kf_err(err, r, KF_REASON_STATE,
			      "%s/quarantine/%s.json is damaged, and counts as none", dir,
			      board);
	if (r == -EPERM)
		return kf_err(
			err, r, KF_REASON_STATE,
			"%s/quarantine/%s.json is another user's, and counts as none",
			dir, board);
	return kf_err(err, r, KF_REASON_IO,
		      "the count of failures, %s/quarantine/%s.json: "
		      "%m",
		      dir, board);
}

/* --- what is done with it --------------------------------------------------------------
 */

int quarantine_get(const struct config *cfg, const char *board, struct quarantine *ret,
		   struct kf_error *err)
{
	_free_ char *name = strf("%s.json", board);
	_close_ int dir = name ? open_dir(cfg, false) : -ENOMEM;
	int r = dir;

	*ret = (struct quarantine){0};
	if (!config_uint(cfg, board, "quarantine.after") || dir == -ENOENT)
		return 0;
	if (dir >= 0)
		r = load(dir, name, ret);
	return r < 0 ? failed(r, cfg, board, err) : 0;
}

static int count(int dir, const char *name, uint64_t after, const char *why, bool begins,
		 struct quarantine *ret, bool *ret_new)
{
	_buf_ struct buf plain = BUF_INIT;
	struct quarantine q;
	int r = load(dir, name, &q);

	if (r < 0 && r != -EBADMSG && r != -EPERM && r != -ELOOP)
		return r;
	if (q.failures == 0 && !begins)
		return 0;
	if (q.failures < FAILURES_MAX)
		q.failures++;
	*ret_new = !q.since && q.failures >= after;
	if (*ret_new)
		q.since = time(NULL);
	/* Of a board, perhaps: what is kept is text that may be shown. */
	r = text_escape(&plain, why, strnlen(why, WHY_MAX), false);
	if (r < 0)
		return r;
	snprintf(q.why, sizeof(q.why), "%s", buf_len(&plain) ? buf_str(&plain) : "");
	*ret = q;
	return store(dir, name, &q);
}

int quarantine_failed(const struct config *cfg, const char *board, const char *why,
		      bool begins, struct quarantine *ret, bool *ret_new,
		      struct kf_error *err)
{
	uint64_t after = config_uint(cfg, board, "quarantine.after");
	_free_ char *name = strf("%s.json", board);
	_close_ int dir = -1;
	_close_ int lock = -1;
	int r = name ? 0 : -ENOMEM;

	*ret = (struct quarantine){0};
	*ret_new = false;
	if (!after)
		return 0;
	dir = r < 0 ? r : open_dir(cfg, begins);
	/* Nothing was ever counted. */
	if (dir == -ENOENT && !begins)
		return 0;
	lock = dir < 0 ? dir : take_lock(dir, board);
	r = lock < 0 ? lock : count(dir, name, after, why, begins, ret, ret_new);
	return r < 0 ? failed(r, cfg, board, err) : 0;
}

int quarantine_clear(const struct config *cfg, const char *board, struct kf_error *err)
{
	_free_ char *name = strf("%s.json", board);
	_close_ int dir = name ? open_dir(cfg, false) : -ENOMEM;
	_close_ int lock = -1;
	int r = dir;

	if (dir == -ENOENT || (dir >= 0 && !fs_exists(dir, name)))
		return 0;
	if (dir >= 0)
		r = lock = take_lock(dir, board);
	if (r >= 0)
		r = fs_remove_flushed(dir, name);
	return r < 0 ? failed(r, cfg, board, err) : 0;
}

int quarantine_rename(const struct config *cfg, const char *from, const char *to,
		      struct kf_error *err)
{
	_free_ char *old = strf("%s.json", from), *new = strf("%s.json", to);
	_close_ int dir = old && new ? open_dir(cfg, false) : -ENOMEM;
	_close_ int lock = -1;
	int r = dir;

	if (dir == -ENOENT || (dir >= 0 && !fs_exists(dir, old)))
		return 0;
	if (dir >= 0)
		r = lock = take_lock(dir, from);
	if (r >= 0 && renameat(dir, old, dir, new) < 0)
		r = -errno;
	return r < 0 ? failed(r, cfg, from, err) : 0;
}

const char *quarantine_since(const struct quarantine *q, char text[static 32])
{
	time_t t = (time_t)q->since;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(text, 32, "%Y-%m-%d %H:%M", &tm))
		snprintf(text, 32, "?");
	return text;
}

int quarantine_refuse(const struct quarantine *q, const char *board, struct kf_error *err)
{
	char since[32];

	if (!q->since)
		return 0;
	return kf_err(
		err, -EHOSTDOWN, KF_REASON_QUARANTINE,
		"it is in quarantine since %s, after %u failure%s in a row; the last: "
		"%.300s; when it was seen to: `kferry board revive %s`",
		quarantine_since(q, since), q->failures, q->failures == 1 ? "" : "s",
		q->why, board);
}
