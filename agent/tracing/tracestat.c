// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/tracestat.h"

#include <string.h>

#include "agent/tracing/tracefs.h"
#include "proto/base/fs.h"

#define STATS_MAX 1024

/* Overwritten before they were read, and those that no room was made for. */
static uint64_t lost_in(const char *stats)
{
	static const char *const counts[] = {"overrun: ", "dropped events: "};
	uint64_t sum = 0;

	for (const char *line = stats; *line;) {
		for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
			if (!strncmp(line, counts[i], strlen(counts[i])))
				sum += strtoull(line + strlen(counts[i]), NULL, 10);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return sum;
}

int tracestat_lost(int dir, uint64_t *ret)
{
	_closedir_ DIR *d = NULL;
	struct dirent *de;
	bool found = false;
	uint64_t sum = 0;
	int r = fs_dir_stream(fs_open_dir(dir, "per_cpu"), &d);

	while (r == 0 && (de = readdir(d))) {
		char file[300], stats[STATS_MAX];

		if (strncmp(de->d_name, "cpu", 3) != 0)
			continue;
		snprintf(file, sizeof(file), "per_cpu/%s/stats", de->d_name);
		tracefs_head(dir, file, stats, sizeof(stats));
		sum += lost_in(stats);
		found = found || *stats;
	}
	if (r < 0)
		return r;
	if (!found)
		return -ENOENT;
	*ret = sum;
	return 0;
}
