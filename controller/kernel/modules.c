/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * depmod, which an ordinary user's PATH does not have.
 */
#include "controller/kernel/modules.h"

#include "controller/cancel.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define DEPMOD_TIMEOUT_MS 300000

int modules_find_depmod(char **ret)
{
	static const char *const places[] = {"depmod", "/usr/sbin/depmod",
					     "/sbin/depmod"};
	int r = -ENOENT;

	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(places); i++)
		r = proc_find(places[i], ret);
	return r;
}

int modules_depmod(const char *base, const char *release, struct kf_error *err)
{
	_buf_ struct buf out = {.max = 1u << 20};
	struct proc_opts opts = {
		.timeout_ms = DEPMOD_TIMEOUT_MS,
		.cancel = cancel_flag(),
		.out = &out,
	};
	_free_ char *depmod = NULL;
	int r = modules_find_depmod(&depmod);

	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC,
			      "depmod is not installed: it comes with the package kmod");
	const char *const argv[] = {depmod, "-b", base, release, NULL};

	r = proc_check(argv, &opts, err);
	if (r < 0)
		return kf_err_wrap(err, "depmod of %s/lib/modules/%s", base, release);
	return 0;
}
