/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/kconfig/merge.h"

#include <string.h>

#include "controller/kconfig/depends.h"
#include "controller/kconfig/dotconfig.h"
#include "controller/kernel/require.h"
#include "proto/reason.h"

#define LINES_MAX  256
#define ROUNDS_MAX 16 /* tries of one line; each is a run of olddefconfig for all */

struct line {
	char *word, *purpose;
	unsigned turn;
};

struct merge {
	const struct tree *t;
	const struct config *cfg;
	const char *board;
	struct line lines[LINES_MAX];
	size_t n;
	struct buf *text;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int merge_try(const char *word, unsigned turn, char symbol[132], char value[64])
{
	for (const char *one = word; *one; turn--) {
		size_t n = strcspn(one, "|");
		const char *eq = memchr(one, '=', n);
		size_t name = eq ? (size_t)(eq - one) : n;
		bool module = eq && n - name == 2 && eq[1] == 'm';

		if (!kconf_is_symbol(one, name) ||
		    (eq && (n == name + 1 || n - name - 1 > 63)))
			return -EINVAL;
		if (turn == 0 || (module && turn == 1)) {
			snprintf(symbol, 132, "%.*s", (int)name, one);
			if (!eq || turn == 1)
				snprintf(value, 64, "y");
			else
				snprintf(value, 64, "%.*s", (int)(n - name - 1), eq + 1);
			return 0;
		}
		turn -= module;
		one += n + (one[n] == '|');
	}
	return -ENOENT;
}

/* --- the lines ------------------------------------------------------------------------
 */

static char *join(char *const words[])
{
	_buf_ struct buf b = BUF_INIT;
	int r = buf_printf(&b, "%s", "");

	for (size_t i = 0; words[i] && r == 0; i++)
		r = buf_printf(&b, "%s%s", i ? " " : "", words[i]);
	return r == 0 && buf_str(&b) ? strdup(buf_str(&b)) : NULL;
}

static int add_line(struct merge *m, const char *line, struct kf_error *err)
{
	_free_ char **words = NULL;
	char symbol[132], value[64];
	struct line *l;
	int r = config_words(line, &words);

	if (r == 0 && !words[0])
		return 0;
	for (unsigned turn = 0; r == 0; turn++)
		r = merge_try(words[0], turn, symbol, value);
	if (r != -ENOENT)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "kernel.require: \"%s\" does not begin with "
			      "CONFIG_NAME=VALUE",
			      line);
	if (m->n == LINES_MAX)
		return kf_err(err, -E2BIG, KF_REASON_CONFIG,
			      "kernel.require has more than %d lines", LINES_MAX);
	l = &m->lines[m->n];
	l->word = strdup(words[0]);
	l->purpose = join(words + 1);
	m->n++;
	return l->word && l->purpose ? 0 : no_memory(err);
}

static int add_lines(struct merge *m, const char *lines, struct kf_error *err)
{
	int r = 0;

	while (*lines && r == 0) {
		size_t n = strcspn(lines, "\n");
		_free_ char *line = strndup(lines, n);

		r = line ? add_line(m, line, err) : no_memory(err);
		lines += n + (lines[n] == '\n');
	}
	return r;
}

static void free_merge(struct merge **m)
{
	for (size_t i = 0; *m && i < (*m)->n; i++) {
		free((*m)->lines[i].word);
		free((*m)->lines[i].purpose);
	}
	free(*m);
}

/* --- rounds ---------------------------------------------------------------------------
 */

/* Set what does not hold and has something left to be tried.  *ret_set: how many. */
static int set_next(struct merge *m, size_t *ret_set)
{
	char symbol[132], value[64], why[200];
	int r = 0;

	*ret_set = 0;
	for (size_t i = 0; i < m->n && r == 0; i++) {
		_buf_ struct buf next = BUF_INIT;
		struct line *l = &m->lines[i];
		const char *now = buf_str(m->text);

		if (!now)
			return -ENOMEM;
		if (require_line(l->word, now, why) == 0 ||
		    merge_try(l->word, l->turn, symbol, value) < 0)
			continue;
		l->turn++;
		r = kconf_set(&next, now, buf_len(m->text), symbol, value);
		if (r == 0) {
			buf_fini(m->text);
			*m->text = next;
			next = (struct buf)BUF_INIT;
			++*ret_set;
		}
	}
	return r;
}

static int run_rounds(struct merge *m, struct kf_error *err)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		size_t set;
		int r = set_next(m, &set);

		if (r < 0)
			return no_memory(err);
		if (!set)
			return 0;
		r = dotconfig_make(m->t, m->cfg, m->board, "olddefconfig", m->text, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static size_t count_held(struct merge *m)
{
	const char *text = buf_str(m->text);
	char why[200];
	size_t held = 0;

	for (size_t i = 0; text && i < m->n; i++)
		held += require_line(m->lines[i].word, text, why) == 0;
	return held;
}

static int add_miss(struct merge *m, const struct line *l, const char *why,
		    const struct kconf *k, struct merge_result *ret)
{
	struct merge_miss *miss = &ret->miss[ret->n_miss];
	char symbol[132], value[64];

	*miss = (struct merge_miss){.want = strdup(l->word),
				    .why = strdup(why),
				    .purpose = strdup(l->purpose)};
	ret->n_miss++;
	if (!miss->want || !miss->why || !miss->purpose)
		return -ENOMEM;
	/* What is wanted not to be is there because another selects it. */
	if (merge_try(l->word, 0, symbol, value) == 0 && strcmp(value, "n") != 0)
		miss->cause = depends_find(m->t->src, tree_make_arch(m->t->arch), symbol,
					   strcmp(value, "m") ? 'y' : 'm', k);
	return 0;
}

static int look_again(struct merge *m, struct merge_result *ret, struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	const char *text = buf_str(m->text);
	int r = kconf_parse(buf_data(m->text), buf_len(m->text), "the configuration", &k,
			    err);

	if (r < 0)
		return r;
	ret->miss = calloc(m->n + 1, sizeof(*ret->miss));
	if (!ret->miss || !text)
		return no_memory(err);
	for (size_t i = 0; i < m->n; i++) {
		char why[200];

		if (require_line(m->lines[i].word, text, why) != -ENOENT)
			continue;
		if (add_miss(m, &m->lines[i], why, &k, ret) < 0)
			return no_memory(err);
	}
	return 0;
}

int merge_require(const struct tree *t, const struct config *cfg, const char *board,
		  struct buf *text, struct merge_result *ret, struct kf_error *err)
{
	_cleanup_(free_merge) struct merge *m = calloc(1, sizeof(*m));
	const char *lines = config_get(cfg, board, "kernel.require");
	struct merge_result result = {0};
	int r;

	if (!m)
		return no_memory(err);
	*m = (struct merge){.t = t, .cfg = cfg, .board = board, .text = text};
	r = lines ? add_lines(m, lines, err) : 0;
	if (r < 0)
		return r;
	result.wanted = m->n;
	result.held = count_held(m);
	r = run_rounds(m, err);
	if (r == 0)
		r = look_again(m, &result, err);
	if (r < 0) {
		merge_fini(&result);
		return r;
	}
	*ret = result;
	return 0;
}

void merge_fini(struct merge_result *m)
{
	for (size_t i = 0; i < m->n_miss; i++) {
		free(m->miss[i].want);
		free(m->miss[i].why);
		free(m->miss[i].purpose);
		free(m->miss[i].cause);
	}
	free(m->miss);
	*m = (struct merge_result){0};
}
