/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/confbase.h"

#include <fcntl.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"

#define CONFIG_MAX  (4u << 20)
#define MAKE_MS	    600000 /* kconfig itself may have to be built */
#define CONFIGS_KEY "configs"

/* Keep what is there now as the base of these objects. */
static int keep(struct bisect *b, const char *obj, const char *name,
		const struct buf *now, struct kf_error *err)
{
	json_t *configs = json_object_get(b->state, CONFIGS_KEY);
	int rc = fs_replace(b->dir_fd, name, buf_data(now), buf_len(now), 0644);

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "keep %s/.config in %s: %m", obj,
			      b->dir);
	configs = configs ? json_copy(configs) : json_object();
	json_object_set_new(configs, obj, json_string(name));
	return bisect_set(b, CONFIGS_KEY, configs, err);
}

static int put(const char *obj, const struct buf *config, struct kf_error *err)
{
	_free_ char *path = strf("%s/.config", obj);
	int rc =
		path ? fs_replace(AT_FDCWD, path, buf_data(config), buf_len(config), 0644)
		     : -ENOMEM;

	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s/.config: %m", obj) : 0;
}

static int set_base(struct bisect *b, const struct tree *t, struct kf_error *err)
{
	const json_t *configs = json_object_get(b->state, CONFIGS_KEY);
	const char *kept = json_string_value(json_object_get(configs, t->obj));
	_buf_ struct buf now = {.max = CONFIG_MAX};
	_buf_ struct buf base = {.max = CONFIG_MAX};
	_free_ char *path = tree_path(t, ".config");
	char hex[DIGEST_HEX], name[32];
	struct digest d;
	int rc = path ? fs_read_file(AT_FDCWD, path, CONFIG_MAX, &now) : -ENOMEM;

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONFIG, "read %s/.config: %m", t->obj);
	if (!kept) {
		digest_bytes(t->obj, strlen(t->obj), &d);
		digest_hex(&d, hex);
		snprintf(name, sizeof(name), "config-%.16s", hex);
		return keep(b, t->obj, name, &now, err);
	}
	rc = fs_read_file(b->dir_fd, kept, CONFIG_MAX, &base);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO,
			      "read the .config of the start, %s/%s: %m", b->dir, kept);
	if (buf_len(&now) == buf_len(&base) &&
	    (buf_len(&now) == 0 ||
	     memcmp(buf_data(&now), buf_data(&base), buf_len(&now)) == 0))
		return 0;
	return put(t->obj, &base, err);
}

int confbase_apply(struct bisect *b, const struct tree *t, struct kf_error *err)
{
	const char *const words[] = {"-s", "olddefconfig", NULL};
	_buf_ struct buf out = {.max = CONFIG_MAX};
	int rc = tree_check_config(t, err);

	if (rc == 0 && b->state)
		rc = set_base(b, t, err);
	return rc < 0 ? rc : tree_make(t, words, MAKE_MS, &out, err);
}

int confbase_restore(struct bisect *b, struct kf_error *err)
{
	json_t *configs = json_object_get(b->state, CONFIGS_KEY), *name;
	const char *obj;

	json_object_foreach(configs, obj, name)
	{
		_buf_ struct buf base = {.max = CONFIG_MAX};
		const char *kept = json_string_value(name);
		int rc =
			kept ? fs_read_file(b->dir_fd, kept, CONFIG_MAX, &base) : -ENOENT;

		if (rc < 0)
			return kf_err(err, rc, KF_REASON_IO,
				      "read the .config that %s had: %m", obj);
		/* Objects that somebody has removed need none. */
		if (fs_exists(AT_FDCWD, obj))
			rc = put(obj, &base, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void confbase_forget(struct bisect *b)
{
	json_t *configs = json_object_get(b->state, CONFIGS_KEY), *name;
	const char *obj;

	json_object_foreach(configs, obj, name)
	{
		const char *kept = json_string_value(name);

		(void)obj;
		if (kept && strncmp(kept, "config-", 7) == 0 && !strchr(kept, '/'))
			unlinkat(b->dir_fd, kept, 0);
	}
}
