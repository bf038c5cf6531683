// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/bookmarks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define FORMAT	 "kferry-patches"
#define VERSION	 1
#define FILE_MAX (8u << 20)
#define LOCK_MS	 8000 /* others hold it for the time of a file's replacement */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static char *path_of(const struct config *cfg)
{
	return strf("%s/patches.json", config_data_dir(cfg));
}

static bool is_entry(const json_t *e)
{
	const char *id = json_string_value(json_object_get(e, "id"));
	const char *slash = id ? strchr(id, '/') : NULL;

	return slash && msgid_is_id(slash + 1) &&
	       json_is_string(json_object_get(e, "title")) &&
	       json_is_string(json_object_get(e, "author")) &&
	       json_is_integer(json_object_get(e, "added"));
}

static bool is_file(const json_t *file)
{
	const json_t *all = json_object_get(file, "bookmarks"), *e;
	const char *format = json_string_value(json_object_get(file, "format"));
	size_t i;

	if (!format || strcmp(format, FORMAT) != 0 || !json_is_array(all) ||
	    json_integer_value(json_object_get(file, "version")) != VERSION ||
	    json_array_size(all) > BOOKMARKS_MAX)
		return false;
	json_array_foreach(all, i, e)
	{
		if (!is_entry(e))
			return false;
	}
	return true;
}

int bookmarks_load(const struct config *cfg, json_t **ret, struct kf_error *err)
{
	_free_ char *path = path_of(cfg);
	_buf_ struct buf text = BUF_INIT;
	json_t *file, *all;
	int rc = path ? fs_read_file(AT_FDCWD, path, FILE_MAX, &text) : -ENOMEM;

	if (rc == -ENOENT) {
		*ret = json_array();
		return *ret ? 0 : no_memory(err);
	}
	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s: %m", path);
	file = json_loadb((const char *)buf_data(&text), buf_len(&text), 0, NULL);
	if (!is_file(file)) {
		json_decref(file);
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the bookmarks in %s are damaged: mend the file, or remove "
			      "it to begin anew",
			      path);
	}
	all = json_incref(json_object_get(file, "bookmarks"));
	json_decref(file);
	*ret = all;
	return 0;
}

/* A descriptor; closing it lets go.  Two that change the bookmarks at once would leave
 * those of one. */
static int take_lock(const struct config *cfg, struct kf_error *err)
{
	_free_ char *path = strf("%s/patches.lock", config_data_dir(cfg));
	_close_ int fd = -1;
	int rc = path ? fs_mkdirs_parent(AT_FDCWD, path) : -ENOMEM;

	if (rc == 0)
		fd = fs_open_beneath(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc < 0 || fd < 0)
		return kf_err(err, rc < 0 ? rc : fd, KF_REASON_IO, "open %s: %m", path);
	rc = fs_lock(fd, LOCK_EX, LOCK_MS);
	if (rc == -ETIMEDOUT)
		return kf_err(err, -EBUSY, KF_REASON_BUSY,
			      "another kferry has the bookmarks (%s): try again when it "
			      "has ended",
			      path);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "lock %s: %m", path) : TAKE_FD(fd);
}

/* Under the lock. */
static int store(const struct config *cfg, json_t *all, struct kf_error *err)
{
	_free_ char *path = path_of(cfg);
	json_t *file = json_pack("{s:s, s:i, s:O}", "format", FORMAT, "version", VERSION,
				 "bookmarks", all);
	_free_ char *text = file ? json_dumps(file, JSON_INDENT(2)) : NULL;
	_free_ char *whole = text ? strf("%s\n", text) : NULL;
	int rc;

	json_decref(file);
	if (!whole || !path)
		return no_memory(err);
	rc = fs_mkdirs_parent(AT_FDCWD, path);
	if (rc == 0)
		rc = fs_replace(AT_FDCWD, path, whole, strlen(whole), 0600);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s: %m", path) : 0;
}

static const char *id_of(const json_t *e)
{
	return strchr(json_string_value(json_object_get(e, "id")), '/') + 1;
}

bool bookmarks_has(const json_t *all, const char *id)
{
	const json_t *e;
	size_t i;

	json_array_foreach(all, i, e)
	{
		if (strcmp(id_of(e), id) == 0)
			return true;
	}
	return false;
}

/* What is kept is fit to be shown. */
static json_t *plain(const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, text, strlen(text), false) < 0)
		return NULL;
	return json_string(buf_len(&b) ? buf_str(&b) : "");
}

int bookmarks_add(const struct config *cfg, const char *list, const char *id,
		  const char *title, const char *author, struct kf_error *err)
{
	_free_ char *whole = strf("%s/%s", list, id);
	_close_ int lock = whole ? take_lock(cfg, err) : no_memory(err);
	json_t *all = NULL, *e = NULL;
	int rc = lock < 0 ? lock : bookmarks_load(cfg, &all, err);

	if (rc == 0 && bookmarks_has(all, id))
		rc = kf_err(err, -EEXIST, KF_REASON_EXISTS, "%s has a bookmark already",
			    whole);
	else if (rc == 0 && json_array_size(all) == BOOKMARKS_MAX)
		rc = kf_err(err, -E2BIG, KF_REASON_INVALID,
			    "there are %d bookmarks, which is the most that is kept",
			    BOOKMARKS_MAX);
	if (rc == 0) {
		e = json_pack("{s:s, s:o, s:o, s:I}", "id", whole, "title", plain(title),
			      "author", plain(author), "added", (json_int_t)time(NULL));
		if (!e || json_array_insert_new(all, 0, e) < 0)
			rc = no_memory(err);
	}
	if (rc == 0)
		rc = store(cfg, all, err);
	json_decref(all);
	return rc;
}

int bookmarks_remove(const struct config *cfg, const struct msgid *id,
		     struct kf_error *err)
{
	_free_ char *whole = id->list ? strf("%s/%s", id->list, id->id) : NULL;
	_close_ int lock = take_lock(cfg, err);
	json_t *all = NULL;
	const json_t *e;
	size_t i;
	int rc = lock < 0 ? lock : bookmarks_load(cfg, &all, err);

	if (rc < 0)
		return rc;
	rc = kf_err(
		err, -ENOENT, KF_REASON_NOT_FOUND,
		"%s has no bookmark; `kferry patches bookmark list` shows those there "
		"are",
		whole ? whole : id->id);
	json_array_foreach(all, i, e)
	{
		if (strcmp(id_of(e), id->id) != 0 ||
		    (whole && strcmp(json_string_value(json_object_get(e, "id")), whole)))
			continue;
		json_array_remove(all, i);
		rc = store(cfg, all, err);
		break;
	}
	json_decref(all);
	return rc;
}
