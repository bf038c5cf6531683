// SPDX-License-Identifier: GPL-2.0-or-later
/* Levenshtein's distance, one row at a time. */
#include "controller/near.h"

#include <string.h>

unsigned near_distance(const char *a, const char *b)
{
	unsigned row[65];
	size_t n = strnlen(b, 64);

	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[n];
}
