/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State tables: the moves are logged, and a move outside the table is fatal.
 */
#include "proto/base/sm.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/base/log.h"

void sm_init(struct sm *sm, const char *what, const struct sm_state *table,
	     unsigned count, unsigned first)
{
	assert(count > 0 && count <= 32 && first < count);
	for (unsigned i = 0; i < count; i++) {
		assert(table[i].name);
		assert(!table[i].final || table[i].next == 0);
		assert(count == 32 || (table[i].next >> count) == 0);
	}
	sm->what = what;
	sm->table = table;
	sm->count = count;
	sm->now = first;
}

bool sm_may(const struct sm *sm, unsigned to)
{
	return to < sm->count && (sm->table[sm->now].next & SM_TO(to)) != 0;
}

void sm_move(struct sm *sm, unsigned to)
{
	if (!sm_may(sm, to)) {
		log_err("illegal-move what=%s from=%s to=%s", sm->what, sm_name(sm),
			to < sm->count ? sm->table[to].name : "?");
		abort();
	}
	log_debug("state what=%s from=%s to=%s", sm->what, sm_name(sm),
		  sm->table[to].name);
	sm->now = to;
}

const char *sm_name(const struct sm *sm)
{
	return sm->table[sm->now].name;
}
