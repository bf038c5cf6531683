/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The automaton.  Bytes that occur in no literal share one column, so that the table
 * stays small; states in which a literal ends have the highest numbers, so that the inner
 * loop asks one question for each byte.  A state is kept as the offset of its row.
 */
#include "controller/log/literals.h"

#include <string.h>

#define STATES_MAX (LITERALS_BYTES_MAX + 1)

struct literal {
	char *s;
	size_t n;
};

struct literals {
	struct literal list[LITERALS_MAX];
	unsigned n;
	size_t bytes;

	uint8_t column[256];
	unsigned columns;
	uint32_t *next;	    /* [state * columns + column]: offset of the next row */
	uint32_t first_end; /* rows from here on end a literal */
	uint32_t *ends;	    /* of those states: index into ids */
	uint16_t *ids;	    /* literals that end there; each list ends with NO_ID */
};

#define NO_ID UINT16_MAX

int literals_new(struct literals **ret)
{
	struct literals *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*ret = l;
	return 0;
}

void literals_free(struct literals *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->n; i++)
		free(l->list[i].s);
	free(l->next);
	free(l->ends);
	free(l->ids);
	free(l);
}

int literals_add(struct literals *l, const char *s, size_t n, unsigned *ret_id)
{
	char *copy;

	for (unsigned i = 0; i < l->n; i++) {
		if (l->list[i].n == n && memcmp(l->list[i].s, s, n) == 0) {
			*ret_id = i;
			return 0;
		}
	}
	if (l->n >= LITERALS_MAX || n > LITERALS_BYTES_MAX - l->bytes)
		return -E2BIG;
	copy = strndup(s, n);
	if (!copy)
		return -ENOMEM;
	l->list[l->n] = (struct literal){copy, n};
	l->bytes += n;
	*ret_id = l->n++;
	return 0;
}

/* --- building ------------------------------------------------------------------- */

/* While it is built, states are numbers and 0 is "none yet" but for the root. */
struct trie {
	uint32_t *next;
	uint32_t *fail;	  /* the state of the longest proper suffix */
	uint32_t *order;  /* breadth first */
	uint32_t *link;	  /* the nearest suffix in which a literal ends; 0: none */
	uint16_t *id;	  /* the literal that ends here, or NO_ID */
	uint32_t *number; /* the state's number in the table */
	uint32_t n;
};

static void trie_fini(struct trie *t)
{
	free(t->next);
	free(t->fail);
	free(t->order);
	free(t->link);
	free(t->id);
	free(t->number);
}

static void choose_columns(struct literals *l)
{
	memset(l->column, 0, sizeof(l->column));
	l->columns = 1;
	for (unsigned i = 0; i < l->n; i++) {
		for (size_t at = 0; at < l->list[i].n; at++) {
			uint8_t *c = &l->column[(uint8_t)l->list[i].s[at]];

			if (*c == 0)
				*c = (uint8_t)l->columns++;
		}
	}
}

static void insert(const struct literals *l, struct trie *t, unsigned id)
{
	uint32_t state = 0;

	for (size_t at = 0; at < l->list[id].n; at++) {
		uint32_t *to = &t->next[state * l->columns +
					l->column[(uint8_t)l->list[id].s[at]]];

		if (*to == 0)
			*to = t->n++;
		state = *to;
	}
	t->id[state] = (uint16_t)id;
}

/* Breadth first, so that a state's suffix is complete before the state is. */
static void complete(const struct literals *l, struct trie *t)
{
	uint32_t head = 0, tail = 0;

	for (unsigned c = 0; c < l->columns; c++) {
		if (t->next[c])
			t->order[tail++] = t->next[c];
	}
	while (head < tail) {
		uint32_t s = t->order[head++], f = t->fail[s];

		t->link[s] = t->id[f] != NO_ID ? f : t->link[f];
		for (unsigned c = 0; c < l->columns; c++) {
			uint32_t *to = &t->next[s * l->columns + c];

			if (*to) {
				t->fail[*to] = t->next[f * l->columns + c];
				t->order[tail++] = *to;
			} else {
				*to = t->next[f * l->columns + c];
			}
		}
	}
}

static bool ends_here(const struct trie *t, uint32_t s)
{
	return t->id[s] != NO_ID || t->link[s];
}

/* Numbers for the table: first those in which nothing ends. */
static uint32_t number(struct trie *t)
{
	uint32_t next = 0, first;

	for (uint32_t s = 0; s < t->n; s++) {
		if (!ends_here(t, s))
			t->number[s] = next++;
	}
	first = next;
	for (uint32_t s = 0; s < t->n; s++) {
		if (ends_here(t, s))
			t->number[s] = next++;
	}
	return first;
}

static size_t list_ids(const struct trie *t, uint32_t s, uint16_t *to)
{
	size_t n = 0;

	for (; s; s = t->link[s]) {
		if (t->id[s] == NO_ID)
			continue;
		if (to)
			to[n] = t->id[s];
		n++;
	}
	if (to)
		to[n] = NO_ID;
	return n + 1;
}

static int lay_out(struct literals *l, struct trie *t)
{
	uint32_t first = number(t);
	size_t total = 0;

	for (uint32_t s = 0; s < t->n; s++)
		total += ends_here(t, s) ? list_ids(t, s, NULL) : 0;
	l->next = calloc((size_t)t->n * l->columns, sizeof(*l->next));
	l->ends = calloc(t->n - first + 1, sizeof(*l->ends));
	l->ids = calloc(total + 1, sizeof(*l->ids));
	if (!l->next || !l->ends || !l->ids)
		return -ENOMEM;
	l->first_end = first * l->columns;
	total = 0;
	for (uint32_t s = 0; s < t->n; s++) {
		uint32_t row = t->number[s] * l->columns;

		for (unsigned c = 0; c < l->columns; c++)
			l->next[row + c] =
				t->number[t->next[s * l->columns + c]] * l->columns;
		if (ends_here(t, s)) {
			l->ends[t->number[s] - first] = (uint32_t)total;
			total += list_ids(t, s, l->ids + total);
		}
	}
	return 0;
}

int literals_build(struct literals *l)
{
	_cleanup_(trie_fini) struct trie t = {.n = 1};
	size_t states = l->bytes + 1;

	choose_columns(l);
	t.next = calloc(states * l->columns, sizeof(*t.next));
	t.fail = calloc(states, sizeof(*t.fail));
	t.order = calloc(states, sizeof(*t.order));
	t.link = calloc(states, sizeof(*t.link));
	t.number = calloc(states, sizeof(*t.number));
	t.id = malloc(states * sizeof(*t.id));
	if (!t.next || !t.fail || !t.order || !t.link || !t.number || !t.id)
		return -ENOMEM;
	memset(t.id, 0xff, states * sizeof(*t.id));
	for (unsigned i = 0; i < l->n; i++)
		insert(l, &t, i);
	complete(l, &t);
	return lay_out(l, &t);
}

/* --- scanning ------------------------------------------------------------------- */

static void note(const struct literals *l, uint32_t row, struct literal_set *set)
{
	const uint16_t *id = l->ids + l->ends[(row - l->first_end) / l->columns];

	if (!set->any)
		*set = (struct literal_set){.any = true};
	for (; *id != NO_ID; id++)
		set->bits[*id / 64] |= UINT64_C(1) << (*id % 64);
}

void literals_scan(const struct literals *l, const char *s, size_t n,
		   struct literal_set *set)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + n;
	const uint32_t *next = l->next;
	uint32_t row = 0;

	set->any = false;
	for (; p < end; p++) {
		row = next[row + l->column[*p]];
		if (row >= l->first_end)
			note(l, row, set);
	}
}
