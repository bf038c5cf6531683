/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two clocks put together, with doubt. */
#include "controller/deploy/timeline.h"

#include <string.h>

#define SLACK                                                                            \
	250 /* ms that two clocks may be apart: a round trip, and what is rounded        \
	     */

/* a, or 0 for what is only rounded below it; false: it makes no sense. */
static bool share(int64_t a, int64_t *ret)
{
	if (a < -SLACK)
		return false;
	*ret = a > 0 ? a : 0;
	return true;
}

/* The firmware's own word, if it fits; else what lies between the last answer of the old
 * boot and the new kernel. */
static void find_before(const struct wait_boot *b, const Kferry__Status *s,
			int64_t kernel, struct timeline *t)
{
	int64_t before = (int64_t)(s->firmware_ms + s->loader_ms);

	if (s->firmware_ms > 0 && share(kernel - before - b->asked, &t->down_ms)) {
		t->firmware_ms = (int64_t)s->firmware_ms;
		t->loader_ms = (int64_t)s->loader_ms;
	} else if (b->down >= b->asked && b->down <= kernel) {
		t->down_ms = b->down - b->asked;
		t->firmware_ms = kernel - b->down;
	}
}

static void find_since(const struct wait_boot *b, const Kferry__Status *s, int64_t kernel,
		       struct timeline *t)
{
	int64_t init = (int64_t)s->init_start_ms, agent = (int64_t)s->agent_start_ms;

	/* An agent that was started anew tells of that. */
	if (agent <= 0 || !share(b->back - kernel - agent, &t->agent_ms))
		return;
	if (init > 0 && init <= agent) {
		t->kernel_ms = init;
		t->user_ms = agent - init;
	} else {
		t->start_ms = agent;
	}
}

void timeline_find(const struct wait_boot *b, const Kferry__Status *s, int64_t now,
		   struct timeline *ret)
{
	int64_t kernel = now - (int64_t)s->uptime_ms;

	*ret = (struct timeline){-1, -1, -1, -1, -1, -1, -1};
	/* A day is more than any boot takes, and keeps the sums small. */
	if (!b->asked || !b->back || s->uptime_ms > 86400000 ||
	    s->firmware_ms > 86400000 || s->loader_ms > 86400000 ||
	    s->agent_start_ms > 86400000 || s->init_start_ms > 86400000)
		return;
	if (kernel < b->asked - SLACK || kernel > b->back + SLACK)
		return;
	find_before(b, s, kernel, ret);
	find_since(b, s, kernel, ret);
}

struct part {
	const char *name, *key;
	int64_t ms;
};

#define PARTS 7
static void list(const struct timeline *t, struct part ret[static PARTS])
{
	const struct part all[PARTS] = {
		{"down", "down_ms", t->down_ms},
		{"firmware", "firmware_ms", t->firmware_ms},
		{"loader", "loader_ms", t->loader_ms},
		{"kernel", "kernel_ms", t->kernel_ms},
		{"user space", "userspace_ms", t->user_ms},
		{"kernel and user space", "start_ms", t->start_ms},
		{"agent", "agent_ms", t->agent_ms}};

	memcpy(ret, all, sizeof(all));
}

void timeline_text(const struct timeline *t, char text[static TIMELINE_TEXT])
{
	struct part all[PARTS];
	size_t n = 0;

	text[0] = '\0';
	list(t, all);
	for (size_t i = 0; i < PARTS && n < TIMELINE_TEXT; i++) {
		/* What is not known, and what nobody would notice. */
		if (all[i].ms < 50)
			continue;
		n += (size_t)snprintf(text + n, TIMELINE_TEXT - n, "%s%s %.*f",
				      n ? ", " : " (", all[i].name,
				      all[i].ms < 9950 ? 1 : 0, (double)all[i].ms / 1000);
	}
	if (n > 0 && n < TIMELINE_TEXT)
		snprintf(text + n, TIMELINE_TEXT - n, ")");
}

json_t *timeline_json(const struct timeline *t)
{
	json_t *j = json_object();
	struct part all[PARTS];

	list(t, all);
	for (size_t i = 0; i < PARTS; i++) {
		if (all[i].ms >= 0)
			json_object_set_new(j, all[i].key, json_integer(all[i].ms));
	}
	if (json_object_size(j) > 0)
		return j;
	json_decref(j);
	return NULL;
}
