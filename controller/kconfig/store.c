/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#define TEXT_CONFIG "config"
#define TEXT_INFO   "info.json"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
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

int store_save(const char *dir, const char *name, const char *description,
	       const char *origin, const struct kconf *k, const struct buf *text,
	       bool replace, struct kf_error *err)
{
	_free_ char *tmp = NULL;
	int r = shelf_check_name(name, err);

	if (r == 0 && description)
		r = store_check_description(description, err);
	if (r < 0)
		return r;
	r = shelf_begin(dir, &tmp);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make a directory in %s: %m", dir);
	r = write_config(tmp, text);
	if (r == 0)
		r = write_info(tmp, description, origin, k, text);
	if (r == 0)
		r = shelf_place(dir, tmp, name, replace);
	shelf_drop(tmp);
	if (r == -EEXIST)
		return kf_err(err, r, KF_REASON_EXISTS,
			      "there is a configuration \"%s\" already; --force replaces "
			      "it",
			      name);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "write %s/%s: %m", dir, name) : 0;
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

char *store_path(const char *dir, const char *name)
{
	return strf("%s/%s/" TEXT_CONFIG, dir, name);
}

/* Is there anything of that name? */
static int check_there(const char *dir, const char *name, struct kf_error *err)
{
	int r = shelf_check_name(name, err);

	if (r < 0 || shelf_has(dir, name))
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
	int r = check_there(dir, name, err);

	if (r < 0)
		return r;
	r = shelf_remove(dir, name);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", dir, name) : 0;
}

/* --- listing --------------------------------------------------------------------------
 */

static int look(const char *dir, const char *name, struct store_entry *e)
{
	const char *trouble = shelf_odd_name(name);
	_buf_ struct buf text = BUF_INIT;

	e->name = strdup(name);
	if (!e->name)
		return -ENOMEM;
	if (!trouble)
		trouble = read_entry(dir, e, &text);
	if (trouble)
		e->trouble = strdup(trouble);
	return trouble && !e->trouble ? -ENOMEM : 0;
}

int store_list(const char *dir, struct store_list *ret, struct kf_error *err)
{
	_cleanup_(shelf_names_fini) struct shelf_names names = {0};
	struct store_list l = {0};
	int r = shelf_list(dir, &names);

	if (r < 0 && r != -ENOMEM)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", dir);
	l.cut = names.cut;
	if (r == 0 && names.n) {
		l.entries = calloc(names.n, sizeof(*l.entries));
		r = l.entries ? 0 : -ENOMEM;
	}
	for (; r == 0 && l.n < names.n; l.n++)
		r = look(dir, names.names[l.n], &l.entries[l.n]);
	if (r < 0) {
		store_list_fini(&l);
		return no_memory(err);
	}
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
