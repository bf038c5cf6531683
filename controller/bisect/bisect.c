/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bisect under way: what git knows of it, and what is told to git. */
#include "controller/bisect/bisect.h"

#include <stdlib.h>
#include <string.h>

#include "controller/bisect/bisect_internal.h"
#include "controller/git/git.h"
#include "proto/digest.h"
#include "proto/reason.h"

#define LOG_MAX (4u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* git's log of the bisect; 1: none is under way. */
static int read_log(const struct bisect *b, struct buf *log, struct kf_error *err)
{
	struct kf_error inner = {0};
	int rc = git_read_own(b->src, "BISECT_LOG", log, &inner);

	if (rc == -ENOENT)
		return 1;
	if (rc < 0)
		*err = inner;
	return rc;
}

static void digest_of(const void *data, size_t n, char hex[static DIGEST_HEX])
{
	struct digest d;

	digest_bytes(data, n, &d);
	digest_hex(&d, hex);
}

static bool is_ours(const struct bisect *b, const struct buf *log)
{
	unsigned n = bisect_number(b, "log_bytes");
	char hex[DIGEST_HEX];

	if (!b->state || n == 0 || n > buf_len(log))
		return false;
	digest_of(buf_data(log), n, hex);
	return strcmp(hex, bisect_text(b, "log_digest")) == 0;
}

int bisect_check_ours(struct bisect *b, struct kf_error *err)
{
	_buf_ struct buf log = {.max = LOG_MAX};
	int rc = read_log(b, &log, err);

	if (rc < 0)
		return rc;
	if (rc == 1 && (!b->state || bisect_flag(b, "over")))
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "no bisect of %s is under way: `kferry bisect start BAD "
			      "GOOD` begins one",
			      b->src);
	if (rc == 1)
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "the bisect of %s was ended from outside (`git bisect "
			      "reset`): `kferry bisect reset` puts its .config back, "
			      "`kferry bisect start BAD GOOD` begins another",
			      b->src);
	if (!is_ours(b, &log))
		return kf_err(
			err, -EBUSY, KF_REASON_USAGE,
			"a bisect of %s is under way that kferry did not start: end "
			"it (`git bisect reset`), or go on with it by `git bisect "
			"run kferry bisect step`",
			b->src);
	return 0;
}

static int remember_log(struct bisect *b, struct kf_error *err)
{
	_buf_ struct buf log = {.max = LOG_MAX};
	char hex[DIGEST_HEX];
	int rc = read_log(b, &log, err);

	if (rc != 0)
		return rc < 0 ? rc
			      : kf_err(err, -EIO, KF_REASON_IO,
				       "git began no bisect of %s", b->src);
	digest_of(buf_data(&log), buf_len(&log), hex);
	json_object_set_new(b->state, "log_bytes",
			    json_integer((json_int_t)buf_len(&log)));
	return bisect_set(b, "log_digest", json_string(hex), err);
}

/* Good commits by git's references; "bad" is one, too. */
static int take_ends(struct bisect *b, json_t *state, struct kf_error *err)
{
	const char *const words[] = {"for-each-ref", "--format=%(objectname)",
				     "refs/bisect/good-*", NULL};
	_buf_ struct buf out = {.max = LOG_MAX};
	json_t *good = json_object_get(state, "good");
	_free_ char *bad = NULL;
	char *at;
	int rc = git_commit(b->src, "refs/bisect/bad", &bad, err);

	if (rc == 0)
		rc = git_check(b->src, words, GIT_READS, &out, err);
	if (rc < 0)
		return rc;
	json_object_set_new(state, "bad", json_string(bad));
	at = buf_len(&out) ? (char *)buf_str(&out) : NULL;
	for (char *line; at && (line = strsep(&at, "\n"));) {
		if (*line && json_array_size(good) < BISECT_WORDS)
			json_array_append_new(good, json_string(line));
	}
	return json_array_size(good)
		       ? 0
		       : kf_err(err, -ENOENT, KF_REASON_INVALID,
				"git's bisect of %s knows no good commit yet", b->src);
}

static void forget_state(struct bisect *b)
{
	json_decref(b->state);
	b->state = NULL;
}

int bisect_adopt(struct bisect *b, struct kf_error *err)
{
	_buf_ struct buf log = {.max = LOG_MAX};
	struct kf_error inner = {0};
	json_t *state;
	int rc = read_log(b, &log, err);

	if (rc < 0 || (rc == 0 && is_ours(b, &log)))
		return rc;
	if (rc == 1) {
		forget_state(b);
		return 0;
	}
	state = json_pack("{s:s, s:i, s:s, s:[], s:[], s:o*}", "format", STATE_FORMAT,
			  "version", STATE_VERSION, "tree", b->src, "good", "paths",
			  "started", bisect_time_now());
	if (!state)
		return no_memory(err);
	rc = take_ends(b, state, &inner);
	/* One with other words than good and bad, or of which none is known yet. */
	if (rc < 0 && inner.reason != KF_REASON_CANCELLED) {
		json_decref(state);
		forget_state(b);
		return 0;
	}
	if (rc < 0) {
		json_decref(state);
		*err = inner;
		return rc;
	}
	rc = bisect_new_state(b, state, err);
	return rc < 0 ? rc : remember_log(b, err);
}

/* --- start -------------------------------------------------------------------------- */

static int check_none(struct bisect *b, struct kf_error *err)
{
	_buf_ struct buf log = {.max = LOG_MAX};
	int rc = read_log(b, &log, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (is_ours(b, &log))
		return kf_err(err, -EBUSY, KF_REASON_USAGE,
			      "a bisect of %s is under way: `kferry bisect run` goes on "
			      "with it, `kferry bisect reset` ends it",
			      b->src);
	return kf_err(err, -EBUSY, KF_REASON_USAGE,
		      "a bisect of %s is under way that kferry did not start: end it "
		      "first (`git bisect reset`)",
		      b->src);
}

/* A good commit that is no ancestor would have git test merge bases, of which none of the
 * two says anything. */
static int check_good(struct bisect *b, const char *name, const char *good,
		      const char *bad, struct kf_error *err)
{
	int rc;

	if (strcmp(good, bad) == 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s is the same commit as the bad one (%.12s)", name, bad);
	rc = git_is_ancestor(b->src, good, bad, err);
	if (rc < 0 || rc == 1)
		return rc < 0 ? rc : 0;
	return kf_err(
		err, -EINVAL, KF_REASON_USAGE,
		"%s (%.12s) is no ancestor of the bad commit (%.12s): name one that "
		"is, such as what `git merge-base` says (and are they the right way "
		"round? The bad one stands first)",
		name, good, bad);
}

/* A path that was left out would have the bisect be of all commits. */
static int words_json(const char *const words[], size_t n, json_t **ret,
		      struct kf_error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(list, json_string(words[i])) == 0)
			continue;
		json_decref(list);
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "the path %s is not in UTF-8, and cannot be kept",
			      words[i]);
	}
	*ret = list;
	return 0;
}

static int resolve(struct bisect *b, const struct bisect_range *range, json_t **ret,
		   struct kf_error *err)
{
	_free_ char *bad = NULL;
	json_t *good = json_array(), *paths = NULL;
	int rc = git_commit(b->src, range->bad, &bad, err);

	for (size_t i = 0; rc == 0 && i < range->n_good; i++) {
		_free_ char *one = NULL;

		rc = git_commit(b->src, range->good[i], &one, err);
		if (rc == 0)
			rc = check_good(b, range->good[i], one, bad, err);
		if (rc == 0)
			json_array_append_new(good, json_string(one));
	}
	if (rc == 0)
		rc = words_json(range->paths, range->n_paths, &paths, err);
	if (rc == 0) {
		*ret = json_pack("{s:s, s:i, s:s, s:s, s:O, s:o*, s:o*}", "format",
				 STATE_FORMAT, "version", STATE_VERSION, "tree", b->src,
				 "bad", bad, "good", good, "paths", paths, "started",
				 bisect_time_now());
		rc = *ret ? 0 : no_memory(err);
	}
	json_decref(good);
	return rc;
}

/* "bisect start BAD GOOD... -- PATH...", by the state. */
static int git_start(struct bisect *b, struct kf_error *err)
{
	const json_t *good = json_object_get(b->state, "good");
	const json_t *paths = json_object_get(b->state, "paths");
	const char *words[GIT_WORDS] = {"bisect", "start", bisect_text(b, "bad")};
	const json_t *one;
	size_t n = 3, i;

	json_array_foreach((json_t *)good, i, one) words[n++] = json_string_value(one);
	words[n++] = "--";
	json_array_foreach((json_t *)paths, i, one) words[n++] = json_string_value(one);
	return git_check(b->src, words, GIT_CHANGES, NULL, err);
}

int bisect_start(struct bisect *b, const struct bisect_range *range, struct kf_error *err)
{
	unsigned steps, commits;
	json_t *state = NULL;
	int rc;

	if (range->n_good + range->n_paths > BISECT_WORDS)
		return kf_err(err, -E2BIG, KF_REASON_USAGE,
			      "more than %u good commits and paths", BISECT_WORDS);
	rc = git_check_idle(b->src, err);
	if (rc == 0)
		rc = check_none(b, err);
	if (rc == 0)
		rc = git_check_clean(b->src, err);
	if (rc == 0)
		rc = resolve(b, range, &state, err);
	if (rc < 0)
		return rc;
	rc = bisect_new_state(b, state, err);
	if (rc == 0)
		rc = git_start(b, err);
	if (rc == 0)
		rc = remember_log(b, err);
	if (rc == 0)
		rc = bisect_left(b, &steps, &commits, err);
	if (rc == 0)
		rc = bisect_set(b, "steps", json_integer(steps), err);
	return rc;
}

/* --- under way ---------------------------------------------------------------------- */

int bisect_ending(struct bisect *b, struct ending *ret, struct kf_error *err)
{
	_buf_ struct buf log = {.max = LOG_MAX};
	int rc = read_log(b, &log, err);

	if (rc == 0)
		rc = ending_read((const char *)buf_data(&log), buf_len(&log), ret);
	else if (rc == 1)
		return bisect_check_ours(b, err);
	else
		return rc;
	return rc < 0 ? kf_err(err, rc, KF_REASON_INVALID,
			       "git's log of the bisect cannot be read: %s",
			       rc == -ENOMEM ? "no memory" : "it is too long")
		      : 0;
}

int bisect_next(struct bisect *b, char **ret, struct kf_error *err)
{
	_buf_ struct buf expected = {.max = LOG_MAX};
	_free_ char *want = NULL;
	_free_ char *head = NULL;
	const char *text;
	int rc = git_check_idle(b->src, err);

	if (rc == 0)
		rc = git_check_clean(b->src, err);
	if (rc == 0)
		rc = git_read_own(b->src, "BISECT_EXPECTED_REV", &expected, err);
	if (rc < 0)
		return rc;
	text = buf_len(&expected) ? buf_str(&expected) : "";
	want = text ? strndup(text, strcspn(text, "\n")) : NULL;
	if (!want)
		return no_memory(err);
	rc = git_commit(b->src, "HEAD", &head, err);
	/* Somebody looked at another commit meanwhile; or the ends were being checked. */
	if (rc == 0 && strcmp(head, want) != 0)
		rc = git_checkout(b->src, want, err);
	if (rc == 0)
		*ret = TAKE_PTR(want);
	return rc;
}

/* "bisect_steps=2" of `git rev-list --bisect-vars`. */
static unsigned number_in(const char *text, const char *key)
{
	const char *at = text ? strstr(text, key) : NULL;

	return at ? (unsigned)strtoul(at + strlen(key), NULL, 10) : 0;
}

int bisect_left(struct bisect *b, unsigned *ret_steps, unsigned *ret_commits,
		struct kf_error *err)
{
	const char *words[GIT_WORDS] = {"rev-list",
					"--bisect-vars",
					"refs/bisect/bad",
					"--not",
					"--glob=refs/bisect/good-*",
					"--"};
	_buf_ struct buf out = {.max = LOG_MAX};
	const json_t *one;
	size_t n = 6, i;
	int rc;

	json_array_foreach(json_object_get(b->state, "paths"), i, one)
	{
		if (n < GIT_WORDS - 1)
			words[n++] = json_string_value(one);
	}
	rc = git_check(b->src, words, GIT_READS, &out, err);
	if (rc < 0)
		return rc;
	*ret_steps = number_in(buf_str(&out), "\nbisect_steps=") + 1;
	*ret_commits = number_in(buf_str(&out), "\nbisect_all=");
	return 0;
}

int bisect_tell(struct bisect *b, const char *commit, enum judged verdict,
		struct kf_error *err)
{
	const char *const words[] = {"bisect", judge_name(verdict), commit, NULL};
	_ending_ struct ending end = {0};
	struct kf_error said = {0}, inner = {0};
	int rc = git_check(b->src, words, GIT_CHANGES, NULL, &said);

	/* When nothing but skipped commits is left, it has a status of its own. */
	if (rc == 0 || (said.reason == KF_REASON_EXEC &&
			bisect_ending(b, &end, &inner) == 0 && end.n > 0))
		return 0;
	*err = said;
	return rc;
}
