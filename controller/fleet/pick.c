// SPDX-License-Identifier: GPL-2.0-or-later
/* The boards that a command line means, found before anything is built or sent. */
#include "controller/fleet/pick.h"

#include <limits.h>
#include <string.h>

#include "controller/near.h"
#include "proto/base/cleanup.h"
#include "proto/reason.h"

void pick_fini(struct pick *p)
{
	free(p->names);
	free(p->lists);
	free(p->labels);
	*p = (struct pick){0};
}

static int add(const char ***all, size_t *n, const char *one)
{
	const char **more = reallocarray(*all, *n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*all = more;
	more[(*n)++] = one;
	return 0;
}

int pick_add(struct pick *p, const char *list)
{
	return add(&p->lists, &p->n_lists, list);
}

int pick_add_label(struct pick *p, const char *label)
{
	return add(&p->labels, &p->n_labels, label);
}

bool pick_is_named(const struct pick *p, const char *board)
{
	size_t n = strlen(board);

	for (size_t i = 0; i < p->n_lists; i++) {
		for (const char *at = p->lists[i]; at; at = strchr(at, ',')) {
			at += *at == ',';
			if (strncmp(at, board, n) == 0 && (!at[n] || at[n] == ','))
				return true;
		}
	}
	return false;
}

const char *pick_nearest(const struct config *cfg, const char *name)
{
	unsigned least = UINT_MAX;
	const char *near = NULL, *board;

	for (size_t i = 0; (board = config_board(cfg, i)); i++) {
		unsigned d = near_distance(name, board);

		if (d < least) {
			least = d;
			near = board;
		}
	}
	return near;
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* Does the label `have` answer what was asked for: the whole of it, or its key? */
static bool label_is(const char *have, const char *want)
{
	size_t n = strlen(want);

	if (strcmp(have, want) == 0)
		return true;
	return !strchr(want, '=') && strncmp(have, want, n) == 0 && have[n] == '=';
}

static int has_label(const struct config *cfg, const char *board, const char *want)
{
	const char *profile = config_get(cfg, board, "board.profile");
	const char *labels = config_get(cfg, board, "board.labels");
	_free_ char **words = NULL;

	if (strncmp(want, "profile=", 8) == 0 && profile &&
	    strcmp(profile, want + 8) == 0)
		return true;
	if (!labels)
		return false;
	words = config_argv(cfg, board, "board.labels");
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; words[i]; i++) {
		if (label_is(words[i], want))
			return true;
	}
	return false;
}

/* 1: it has all that were asked for. */
static int fits(const struct pick *p, const struct config *cfg, const char *board)
{
	for (size_t i = 0; i < p->n_labels; i++) {
		int r = has_label(cfg, board, p->labels[i]);

		if (r <= 0)
			return r;
	}
	return 1;
}

static int take(struct pick *p, const struct config *cfg, const char *board,
		struct kf_error *err)
{
	int r;

	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->names[i], board) == 0)
			return 0;
	}
	r = fits(p, cfg, board);
	if (r > 0)
		r = add(&p->names, &p->n, board);
	return r < 0 ? no_memory(err) : 0;
}

static int take_all(struct pick *p, const struct config *cfg, struct kf_error *err)
{
	const char *board;
	int r = 0;

	for (size_t i = 0; r == 0 && (board = config_board(cfg, i)); i++)
		r = take(p, cfg, board, err);
	return r;
}

static int no_boards(struct kf_error *err)
{
	return kf_err(err, -ENOENT, KF_REASON_USAGE,
		      "no board is known yet; add one with `kferry board add`");
}

static int unknown(const struct config *cfg, const char *name, struct kf_error *err)
{
	const char *near = pick_nearest(cfg, name);

	if (!near)
		return no_boards(err);
	return kf_err(err, -ENOENT, KF_REASON_USAGE,
		      "there is no board \"%s\"; the nearest is %s", name, near);
}

/* The string of the configuration, which lives longer than the command line's copy. */
static const char *known(const struct config *cfg, const char *name)
{
	const char *board;

	for (size_t i = 0; (board = config_board(cfg, i)); i++) {
		if (strcmp(board, name) == 0)
			return board;
	}
	return NULL;
}

static int take_list(struct pick *p, const struct config *cfg, const char *list,
		     struct kf_error *err)
{
	_free_ char *copy = strdup(list);
	char *rest = copy, *name;
	int r = copy ? 0 : no_memory(err);

	while (r == 0 && (name = strsep(&rest, ","))) {
		const char *board = known(cfg, name);

		if (board)
			r = take(p, cfg, board, err);
		else if (strcmp(name, "all") == 0 && config_board(cfg, 0))
			r = take_all(p, cfg, err);
		else
			r = unknown(cfg, name, err);
	}
	return r;
}

/* Keep the nearest of a board's labels to `want` in ret. */
static void nearest_of(const struct config *cfg, const char *board, const char *want,
		       unsigned *least, char ret[static 128])
{
	_free_ char **words = config_argv(cfg, board, "board.labels");

	for (size_t i = 0; words && words[i]; i++) {
		unsigned d = near_distance(want, words[i]);

		if (d < *least) {
			*least = d;
			snprintf(ret, 128, "%s", words[i]);
		}
	}
}

static int none_fits(const struct pick *p, const struct config *cfg, struct kf_error *err)
{
	const char *board;

	for (size_t i = 0; i < p->n_labels; i++) {
		unsigned least = UINT_MAX;
		char near[128] = "";
		bool had = false;

		for (size_t k = 0; (board = config_board(cfg, k)); k++) {
			had = had || has_label(cfg, board, p->labels[i]) > 0;
			nearest_of(cfg, board, p->labels[i], &least, near);
		}
		if (had)
			continue;
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "no board has the label \"%s\"%s%s", p->labels[i],
			      *near ? "; the nearest is " : " (board.labels)", near);
	}
	return kf_err(err, -ENOENT, KF_REASON_USAGE, "no board%s has all of these labels",
		      p->n_lists > 0 ? " of those named" : "");
}

int pick_boards(struct pick *p, const struct config *cfg, struct kf_error *err)
{
	int r = 0;

	p->n = 0;
	for (size_t i = 0; r == 0 && i < p->n_lists; i++)
		r = take_list(p, cfg, p->lists[i], err);
	if (r == 0 && p->n_lists == 0 && p->n_labels > 0)
		r = take_all(p, cfg, err);
	if (r == 0 && p->n == 0 && p->n_labels > 0)
		return none_fits(p, cfg, err);
	if (r == 0 && p->n == 0 && !config_board(cfg, 0))
		return no_boards(err);
	if (r == 0 && p->n == 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "which board? name one, or choose one with `kferry board "
			      "default`");
	return r;
}
