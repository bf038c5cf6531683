/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/log/severity.h"

#include <errno.h>
#include <string.h>

static const char *const names[SEVERITIES] = {"info", "warn", "error", "fatal"};

const char *severity_name(enum severity s)
{
	return names[s];
}

int severity_parse(const char *s, enum severity *ret)
{
	for (int i = 0; i < SEVERITIES; i++) {
		if (strcmp(s, names[i]) == 0) {
			*ret = (enum severity)i;
			return 0;
		}
	}
	return -EINVAL;
}
