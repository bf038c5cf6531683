/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/judge.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/reason.h"

#define STATUS_SKIP  125
#define STATUS_ABORT 255

static const char *const names[] = {
	[JUDGED_GOOD] = "good",	  [JUDGED_BAD] = "bad",		[JUDGED_SKIP] = "skip",
	[JUDGED_FAULT] = "fault", [JUDGED_STOPPED] = "stopped",
};

enum judged judge_reason(enum judge_part part, int reason)
{
	if (reason == KF_REASON_CANCELLED)
		return JUDGED_STOPPED;
	if (part == JUDGE_BUILD)
		return reason == KF_REASON_BUILD ? JUDGED_SKIP : JUDGED_FAULT;
	/* KF_REASON_WRONG_KERNEL is a FAIL of a deploy, but it tells of the boot chain:
	 * the commit's kernel did not run. */
	switch (reason) {
	case KF_REASON_FELL_BACK:
	case KF_REASON_UNHEALTHY:
	case KF_REASON_MODULE:
	case KF_REASON_TESTS:
		return JUDGED_BAD;
	default:
		return JUDGED_FAULT;
	}
}

enum judged judge_program(int status)
{
	if (status == 0)
		return JUDGED_GOOD;
	if (status == STATUS_SKIP)
		return JUDGED_SKIP;
	return status > 0 && status < STATUS_SKIP ? JUDGED_BAD : JUDGED_FAULT;
}

bool judge_is_final(int reason)
{
	static const int final[] = {
		KF_REASON_CONFIG,     KF_REASON_USAGE,	   KF_REASON_ARCH,
		KF_REASON_BOARD_KIND, KF_REASON_SIGNATURE, KF_REASON_HOST_KEY,
		KF_REASON_AUTH,	      KF_REASON_VERSION,   KF_REASON_UNSUPPORTED,
		KF_REASON_BOOT_CHAIN, KF_REASON_SPACE,	   KF_REASON_READ_ONLY,
		KF_REASON_PERMISSION, KF_REASON_EXEC,	   KF_REASON_NO_MEMORY,
		KF_REASON_QUARANTINE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(final); i++) {
		if (final[i] == reason)
			return true;
	}
	return false;
}

int judge_status(enum judged j)
{
	switch (j) {
	case JUDGED_GOOD:
		return 0;
	case JUDGED_BAD:
		return 1;
	case JUDGED_SKIP:
		return STATUS_SKIP;
	default:
		return STATUS_ABORT;
	}
}

const char *judge_name(enum judged j)
{
	return names[j];
}

bool judge_parse(const char *name, enum judged *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*ret = (enum judged)i;
		return true;
	}
	return false;
}
