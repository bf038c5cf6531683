/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bisect of a tree.  git does the bisecting and keeps what is good, bad and skipped;
 * kferry keeps beside it, in <data>/bisect/<tree>/:
 *
 *	state.json    what was started, and how commits are tested
 *	steps.jsonl   what was tested, steps.h
 *	config-<hex>  the .config of the start, confbase.h
 *	lock          held by who drives it
 *
 * Where the two disagree git is right.  A bisect of git's that kferry did not start is
 * never driven: it is known by the first bytes of its log.
 */
#ifndef KF_BISECT_H
#define KF_BISECT_H

#include "controller/bisect/ending.h"
#include "controller/bisect/steps.h"
#include "controller/config/config.h"

struct bisect {
	char *src; /* the tree; its git's top */
	char *dir; /* where the files above are */
	int dir_fd, lock_fd;
	json_t *state; /* NULL: there is none */
	struct steps steps;
};

/* Of the configuration's tree.  Nothing is asked of git yet but whether src is its top.
 */
int bisect_open(const struct config *cfg, const char *board, struct bisect **ret,
		struct kf_error *err) _must_check_;
void bisect_free(struct bisect *b);
static inline void bisect_freep(struct bisect **b)
{
	bisect_free(*b);
}
/* Nobody else may drive it until bisect_free(). */
int bisect_lock(struct bisect *b, struct kf_error *err) _must_check_;

struct bisect_range {
	const char *bad;
	const char *const *good;
	size_t n_good;
	const char *const *paths; /* only commits that touch these */
	size_t n_paths;
};
#define BISECT_WORDS 56u /* good commits and paths */

/* Check the tree and the ends, and have git begin. */
int bisect_start(struct bisect *b, const struct bisect_range *range,
		 struct kf_error *err) _must_check_;
/* Is a bisect of git's under way that kferry started?  An error says what is so instead.
 */
int bisect_check_ours(struct bisect *b, struct kf_error *err) _must_check_;
/* Of one that somebody else drives: from now on it is kept as if kferry had started it.
 * Where git bisects nothing, or by other words than good and bad, b has no state
 * afterwards. */
int bisect_adopt(struct bisect *b, struct kf_error *err) _must_check_;
/* Has it ended, and how? */
int bisect_ending(struct bisect *b, struct ending *ret,
		  struct kf_error *err) _must_check_;
/* The commit to test next, checked out; the caller's. */
int bisect_next(struct bisect *b, char **ret, struct kf_error *err) _must_check_;
/* Steps that are left with that one, and commits that may be to blame; as git estimates
 * it. */
int bisect_left(struct bisect *b, unsigned *ret_steps, unsigned *ret_commits,
		struct kf_error *err) _must_check_;
/* Tell git: good, bad or skip. */
int bisect_tell(struct bisect *b, const char *commit, enum judged verdict,
		struct kf_error *err) _must_check_;
/* End it: the tree is where it was before, and so is its .config, also when git's part
 * was ended from outside.  Its steps stay, to be shown. */
int bisect_reset(struct bisect *b, struct kf_error *err) _must_check_;

/* The state's fields; "" or 0 when not set.  bisect_set() takes the reference, and keeps
 * it at once. */
const char *bisect_text(const struct bisect *b, const char *key);
unsigned bisect_number(const struct bisect *b, const char *key);
bool bisect_flag(const struct bisect *b, const char *key);
int bisect_set(struct bisect *b, const char *key, json_t *value,
	       struct kf_error *err) _must_check_;

#endif
