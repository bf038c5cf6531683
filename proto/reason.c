// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of reasons, looked up by number. */
#include "proto/reason.h"

#include "proto/base/cleanup.h"

struct reason {
	const char *name;
	const char *text;
};

#define ENTRY(n, id, name, text) [n] = {name, text},
static const struct reason reasons[] = {KF_REASONS(ENTRY)};
#undef ENTRY

/* A newer other side may send numbers that this one has not heard of. */
static const struct reason unknown = {"unknown",
				      "for a reason this version does not know"};

static const struct reason *find(int reason)
{
	if (reason < 0 || (size_t)reason >= ARRAY_SIZE(reasons) || !reasons[reason].name)
		return &unknown;
	return &reasons[reason];
}

const char *reason_name(int reason)
{
	return find(reason)->name;
}

const char *reason_text(int reason)
{
	return find(reason)->text;
}
