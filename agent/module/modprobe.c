/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/module/modprobe.h"

#include <string.h>

#include "agent/outside/outside.h"
#include "proto/reason.h"

#define TIMEOUT_MS 60000

static int run(const struct agent *a, const char **argv, struct kf_error *err)
{
	_free_ char *own = a->scratch ? agent_path(a, "/sbin/modprobe") : NULL;
	const struct outside_program p = {.argv = argv};
	const struct proc_opts opts = {.timeout_ms = TIMEOUT_MS,
				       .reason = KF_REASON_MODULE};
	int rc;

	if (a->scratch && !own)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	argv[0] = own ? own : "modprobe";
	rc = outside_check(a, &p, &opts, err);
	if (rc == -ENOENT)
		return kf_err(
			err, rc, KF_REASON_EXEC,
			"the board has no modprobe: install kmod, or busybox with it");
	if (rc == -ETIMEDOUT || rc == -ECONNREFUSED || rc == -ECONNRESET)
		err->reason = KF_REASON_EXEC;
	else if (rc < 0 && strstr(err->msg, " not found"))
		err->reason = KF_REASON_NOT_FOUND;
	return rc;
}

int modprobe_load(const struct agent *a, const char *name, char *const params[],
		  size_t n_params, struct kf_error *err)
{
	_free_ const char **argv = calloc(n_params + 3, sizeof(*argv));

	if (!argv)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	argv[1] = name;
	for (size_t i = 0; i < n_params; i++)
		argv[i + 2] = params[i];
	return run(a, argv, err);
}

int modprobe_unload(const struct agent *a, const char *name, struct kf_error *err)
{
	const char *argv[] = {NULL, "-r", name, NULL};

	return run(a, argv, err);
}
