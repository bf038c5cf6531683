/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configurations are made in .new-XXXXXX and removed in .gone-XXXXXX: what a crash leaves
 * there has no name that anybody asks for.
 */
#include "controller/kconfig/store.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define INFO_MAX    (16 * 1024)
#define NEW	    ".new-"
#define GONE	    ".gone-"
#define TEXT_CONFIG "config"
#define TEXT_INFO   "info.json"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int store_check_name(const char *name, struct kf_error *err)
{
	if (text_is_name(name))
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_USAGE,
		      "\"%s\" cannot be a name: letters, digits and . _ + - ~, not "
		      "beginning with . or -, at most %d",
		      name, LIMIT_NAME);
}

int store_check_description(const char *text, struct kf_error *err)
{
	if (strlen(text) <= STORE_DESCRIPTION_MAX &&
	    text_is_plain(text, strlen(text), false))
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_USAGE,
		      "a description is one line of text, at most %d bytes",
		      STORE_DESCRIPTION_MAX);
}

/* --- writing --------------------------------------------------------------------------
 */

static int write_info(const char *dir, const char *description, const char *origin,
		      const struct kconf *k, const struct buf *text)
{
	_free_ char *path = strf("%s/" TEXT_INFO, dir);
	_free_ char *dump = NULL;
	char hex[DIGEST_HEX];
	struct digest d;
	json_t *info;

	digest_bytes(buf_data(text), buf_len(text), &d);
	digest_hex(&d, hex);
	info = json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "version", 1,
			 "description", description ? description : "", "origin",
			 origin ? origin : "", "arch", k->arch, "release", k->release,
			 "saved", (json_int_t)time(NULL), "bytes",
			 (json_int_t)buf_len(text), "digest", hex);
	dump = info ? json_dumps(info, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
	json_decref(info);
	if (!dump || !path)
		return -ENOMEM;
	return fs_replace(AT_FDCWD, path, dump, strlen(dump), 0644);
}

static int write_config(const char *dir, const struct buf *text)
{
	_free_ char *path = strf("%s/" TEXT_CONFIG, dir);

	if (!path)
		return -ENOMEM;
	return fs_replace(AT_FDCWD, path, buf_data(text), buf_len(text), 0644);
}

/* Give from the name to.  What has it already is left under the name of from. */
static int put_in_place(const char *from, const char *to, bool replace)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST && replace)
		return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) < 0
			       ? -errno
			       : 0;
	return -errno;
}

int store_save(const char *dir, const char *name, const char *description,
	       const char *origin, const struct kconf *k, const struct buf *text,
	       bool replace, struct kf_error *err)
{
	_free_ char *tmp = strf("%s/" NEW "XXXXXX", dir);
	_free_ char *final = strf("%s/%s", dir, name);
	int r = store_check_name(name, err);

	if (r == 0 && description)
		r = store_check_description(description, err);
	if (r < 0)
		return r;
	if (!tmp || !final)
		return no_memory(err);
	r = fs_mkdirs(AT_FDCWD, dir);
	if (r == 0 && !mkdtemp(tmp))
		r = -errno;
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make a directory in %s: %m", dir);
	r = write_config(tmp, text);
	if (r == 0)
		r = write_info(tmp, description, origin, k, text);
	if (r == 0)
		r = put_in_place(tmp, final, replace);
	/* The place of one that was replaced; nothing, if none was. */
	(void)!fs_remove_tree(AT_FDCWD, tmp);
	if (r == 0)
		r = fs_sync_dir(AT_FDCWD, dir);
	if (r == -EEXIST)
		return kf_err(err, r, KF_REASON_EXISTS,
			      "there is a configuration \"%s\" already; --force replaces "
			      "it",
			      name);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s: %m", final) : 0;
}

/* --- reading --------------------------------------------------------------------------
 */

static bool is_kind(const char *dir, const char *name, mode_t kind)
{
	_free_ char *path = strf("%s/%s", dir, name);
	struct stat st;

	return path && lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static char *text_field(json_t *info, const char *key)
{
	const char *value = json_string_value(json_object_get(info, key));

	return strdup(value ? value : "");
}

/* e's fields from its info; digest_hex "" when there is none.  NULL: fine. */
static const char *read_info(const char *dir, struct store_entry *e,
			     char digest[DIGEST_HEX])
{
	_free_ char *path = strf("%s/" TEXT_INFO, dir);
	_buf_ struct buf b = BUF_INIT;
	const char *hex;
	json_t *info;

	if (!is_kind(dir, TEXT_INFO, S_IFREG))
		return "it has no " TEXT_INFO;
	if (!path || fs_read_file(AT_FDCWD, path, INFO_MAX, &b) < 0)
		return "its " TEXT_INFO " cannot be read";
	info = json_loadb((const char *)buf_data(&b), buf_len(&b), 0, NULL);
	hex = json_string_value(json_object_get(info, "digest"));
	if (!hex || json_integer_value(json_object_get(info, "version")) != 1 ||
	    strlen(hex) != DIGEST_HEX - 1) {
		json_decref(info);
		return "its " TEXT_INFO " is not one of this store, or only half there";
	}
	memcpy(digest, hex, DIGEST_HEX);
	e->description = text_field(info, "description");
	e->origin = text_field(info, "origin");
	e->arch = text_field(info, "arch");
	e->release = text_field(info, "release");
	e->saved = json_integer_value(json_object_get(info, "saved"));
	json_decref(info);
	return e->description && e->origin && e->arch && e->release ? NULL : "no memory";
}

/* Is it what was saved?  NULL: yes, and its bytes are appended to text. */
static const char *read_entry(const char *dir, struct store_entry *e, struct buf *text)
{
	_free_ char *path = strf("%s/%s", dir, e->name);
	_free_ char *config = path ? strf("%s/" TEXT_CONFIG, path) : NULL;
	char want[DIGEST_HEX], is[DIGEST_HEX];
	const char *trouble;
	struct digest d;

	if (!config)
		return "no memory";
	if (!is_kind(dir, e->name, S_IFDIR))
		return "it is no directory";
	trouble = read_info(path, e, want);
	if (trouble)
		return trouble;
	if (!is_kind(path, TEXT_CONFIG, S_IFREG))
		return "it has no file config";
	if (fs_read_file(AT_FDCWD, config, KCONF_MAX, text) < 0)
		return "its config cannot be read";
	digest_bytes(buf_data(text), buf_len(text), &d);
	digest_hex(&d, is);
	e->bytes = buf_len(text);
	return strcmp(want, is) ? "its config is not the one that was saved" : NULL;
}

static void entry_fini(struct store_entry *e)
{
	free(e->name);
	free(e->trouble);
	free(e->description);
	free(e->arch);
	free(e->release);
	free(e->origin);
	*e = (struct store_entry){0};
}

bool store_has(const char *dir, const char *name)
{
	return text_is_name(name) && is_kind(dir, name, S_IFDIR);
}

char *store_path(const char *dir, const char *name)
{
	return strf("%s/%s/" TEXT_CONFIG, dir, name);
}

/* Is there anything of that name? */
static int check_there(const char *dir, const char *name, struct kf_error *err)
{
	int r = store_check_name(name, err);

	if (r < 0 || store_has(dir, name))
		return r;
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
		      "there is no configuration \"%s\"; `kferry kconfig list` shows "
		      "those there are",
		      name);
}

int store_get(const char *dir, const char *name, struct buf *text, struct kf_error *err)
{
	struct store_entry e = {0};
	const char *trouble;
	int r = check_there(dir, name, err);

	if (r < 0)
		return r;
	e.name = strdup(name);
	trouble = e.name ? read_entry(dir, &e, text) : "no memory";
	entry_fini(&e);
	if (trouble)
		return kf_err(err, -EBADMSG, KF_REASON_INVALID,
			      "the configuration %s/%s cannot be used: %s; `kferry "
			      "kconfig rm %s` removes it",
			      dir, name, trouble, name);
	return 0;
}

int store_remove(const char *dir, const char *name, struct kf_error *err)
{
	_free_ char *path = strf("%s/%s", dir, name);
	_free_ char *gone = strf("%s/" GONE "XXXXXX", dir);
	int r = check_there(dir, name, err);

	if (r < 0)
		return r;
	if (!path || !gone)
		return no_memory(err);
	/* An empty directory is replaced by the rename. */
	if (!mkdtemp(gone) || rename(path, gone) < 0)
		r = -errno;
	if (r == 0)
		r = fs_remove_tree(AT_FDCWD, gone);
	else
		rmdir(gone);
	if (r == 0)
		r = fs_sync_dir(AT_FDCWD, dir);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s: %m", path) : 0;
}

/* --- listing --------------------------------------------------------------------------
 */

static const char *odd_name(const char *name)
{
	if (!strncmp(name, NEW, strlen(NEW)) || !strncmp(name, GONE, strlen(GONE)))
		return "left when saving or removing one was interrupted";
	return text_is_name(name) ? NULL : "no configuration has such a name";
}

static int add(struct store_list *l, const char *dir, const char *name)
{
	struct store_entry *more, *e;
	_buf_ struct buf text = BUF_INIT;
	const char *trouble = odd_name(name);

	more = reallocarray(l->entries, l->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->entries = more;
	e = &more[l->n];
	*e = (struct store_entry){.name = strdup(name)};
	if (!e->name)
		return -ENOMEM;
	l->n++;
	if (!trouble)
		trouble = read_entry(dir, e, &text);
	if (trouble && !(e->trouble = strdup(trouble)))
		return -ENOMEM;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->name,
		      ((const struct store_entry *)b)->name);
}

int store_list(const char *dir, struct store_list *ret, struct kf_error *err)
{
	_closedir_ DIR *d = opendir(dir);
	struct store_list l = {0};
	struct dirent *de;
	int r = 0;

	if (!d && errno == ENOENT) {
		*ret = l;
		return 0;
	}
	if (!d)
		return kf_err(err, -errno, KF_REASON_IO, "read %s: %m", dir);
	while (r == 0 && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		l.cut = l.n == STORE_ENTRIES_MAX;
		if (l.cut)
			break;
		r = add(&l, dir, de->d_name);
	}
	if (r < 0) {
		store_list_fini(&l);
		return no_memory(err);
	}
	if (l.n)
		qsort(l.entries, l.n, sizeof(*l.entries), by_name);
	*ret = l;
	return 0;
}

void store_list_fini(struct store_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		entry_fini(&l->entries[i]);
	free(l->entries);
	*l = (struct store_list){0};
}
