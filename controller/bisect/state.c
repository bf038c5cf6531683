/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kferry keeps of a bisect. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "controller/bisect/bisect_internal.h"
#include "controller/bisect/confbase.h"
#include "controller/git/git.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"

#define STATE_FILE "state.json"
#define STATE_MAX  (1u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static bool is_texts(const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)list, i, one)
	{
		if (!json_is_string(one))
			return false;
	}
	return json_is_array(list) && json_array_size(list) <= BISECT_WORDS;
}

static bool is_state(const json_t *j)
{
	const char *format = json_string_value(json_object_get(j, "format"));
	const char *bad = json_string_value(json_object_get(j, "bad"));
	const json_t *good = json_object_get(j, "good");

	return format && strcmp(format, STATE_FORMAT) == 0 && bad &&
	       text_is_hex(bad, strlen(bad), 32) && is_texts(good) &&
	       json_array_size(good) > 0 && is_texts(json_object_get(j, "paths"));
}

static int load_state(struct bisect *b, struct kf_error *err)
{
	_buf_ struct buf text = {.max = STATE_MAX};
	int rc = fs_read_file(b->dir_fd, STATE_FILE, STATE_MAX, &text);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s/" STATE_FILE ": %m",
			      b->dir);
	b->state = json_loadb(buf_len(&text) ? (const char *)buf_data(&text) : "",
			      buf_len(&text), 0, NULL);
	if (!b->state || !is_state(b->state))
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "%s/" STATE_FILE " is damaged: remove it, end git's bisect "
			      "(`git bisect reset`), and start again",
			      b->dir);
	if (bisect_number(b, "version") != STATE_VERSION)
		return kf_err(err, -EPROTO, KF_REASON_VERSION,
			      "%s/" STATE_FILE
			      " is of another version of kferry: end that "
			      "bisect with it",
			      b->dir);
	return 0;
}

/* One directory a tree, named as those of the cache are. */
static int make_dir(struct bisect *b, const struct config *cfg, struct kf_error *err)
{
	const char *name = strrchr(b->src, '/');
	char hex[DIGEST_HEX];
	struct digest d;
	int rc;

	digest_bytes(b->src, strlen(b->src), &d);
	digest_hex(&d, hex);
	b->dir = strf("%s/bisect/%.40s-%.16s", config_data_dir(cfg),
		      name && name[1] ? name + 1 : "tree", hex);
	if (!b->dir)
		return no_memory(err);
	rc = fs_mkdirs(AT_FDCWD, b->dir);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "make the directory %s: %m", b->dir);
	b->dir_fd = fs_open_dir(AT_FDCWD, b->dir);
	return b->dir_fd < 0 ? kf_err(err, b->dir_fd, KF_REASON_IO, "open %s: %m", b->dir)
			     : 0;
}

int bisect_open(const struct config *cfg, const char *board, struct bisect **ret,
		struct kf_error *err)
{
	_cleanup_(bisect_freep) struct bisect *b = calloc(1, sizeof(*b));
	struct tree *t = NULL;
	int rc;

	if (!b)
		return no_memory(err);
	b->dir_fd = b->lock_fd = -1;
	rc = tree_open(cfg, board, &t, err);
	if (rc < 0)
		return rc;
	b->src = TAKE_PTR(t->src);
	tree_free(t);
	rc = git_check_top(b->src, err);
	if (rc == 0)
		rc = make_dir(b, cfg, err);
	if (rc == 0)
		rc = load_state(b, err);
	if (rc == 0)
		rc = steps_load(b->dir_fd, &b->steps, err);
	if (rc == 0)
		*ret = TAKE_PTR(b);
	return rc;
}

void bisect_free(struct bisect *b)
{
	if (!b)
		return;
	steps_fini(&b->steps);
	json_decref(b->state);
	cleanup_close(&b->lock_fd);
	cleanup_close(&b->dir_fd);
	free(b->dir);
	free(b->src);
	free(b);
}

int bisect_lock(struct bisect *b, struct kf_error *err)
{
	b->lock_fd =
		fs_open_beneath(b->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (b->lock_fd < 0)
		return kf_err(err, b->lock_fd, KF_REASON_IO, "open %s/lock: %m", b->dir);
	if (flock(b->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return kf_err(err, -EBUSY, KF_REASON_INVALID,
			      "another kferry is at this tree's bisect: wait for it, or "
			      "end it with Ctrl-C");
	return kf_err(err, -errno, KF_REASON_IO, "lock %s/lock: %m", b->dir);
}

const char *bisect_text(const struct bisect *b, const char *key)
{
	const char *text = json_string_value(json_object_get(b->state, key));

	return text ? text : "";
}

unsigned bisect_number(const struct bisect *b, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(b->state, key));

	return n > 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

bool bisect_flag(const struct bisect *b, const char *key)
{
	return json_is_true(json_object_get(b->state, key));
}

json_t *bisect_time_now(void)
{
	char text[40];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, sizeof(text), "%FT%TZ", &tm))
		return json_null();
	return json_string(text);
}

static int save(struct bisect *b, struct kf_error *err)
{
	_free_ char *text = json_dumps(b->state, JSON_INDENT(2));
	int rc = text ? fs_replace(b->dir_fd, STATE_FILE, text, strlen(text), 0644)
		      : -ENOMEM;

	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s/" STATE_FILE ": %m",
			       b->dir)
		      : 0;
}

int bisect_set(struct bisect *b, const char *key, json_t *value, struct kf_error *err)
{
	if (json_object_set_new(b->state, key, value) < 0)
		return no_memory(err);
	return save(b, err);
}

int bisect_new_state(struct bisect *b, json_t *state, struct kf_error *err)
{
	int rc = fs_replace(b->dir_fd, STEPS_FILE, "", 0, 0644);

	if (rc < 0) {
		json_decref(state);
		return kf_err(err, rc, KF_REASON_IO, "write %s/" STEPS_FILE ": %m",
			      b->dir);
	}
	confbase_forget(b);
	steps_fini(&b->steps);
	b->steps.list = json_array();
	json_decref(b->state);
	b->state = state;
	return save(b, err);
}

int bisect_reset(struct bisect *b, struct kf_error *err)
{
	const char *const words[] = {"bisect", "reset", NULL};
	struct kf_error inner = {0};
	int rc = bisect_check_ours(b, &inner);

	if (rc == 0)
		rc = git_check(b->src, words, GIT_CHANGES, NULL, err);
	else if (rc == -ENOENT && b->state && !bisect_flag(b, "over"))
		rc = 0;
	else
		*err = inner;
	if (rc == 0)
		rc = confbase_restore(b, err);
	return rc < 0 ? rc : bisect_set(b, "over", json_true(), err);
}
