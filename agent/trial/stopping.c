/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd says it by name; sysvinit and its kin leave the run level in utmp.
 */
#include "agent/trial/stopping.h"

#include <fcntl.h>
#include <string.h>
#include <utmp.h>

#include "proto/base/fs.h"
#include "proto/base/proc.h"

#define ASK_MS 2000

static bool systemd_stops(void)
{
	static const char *const argv[] = {"systemctl", "is-system-running", NULL};
	_buf_ struct buf out = {.max = 4096};
	struct proc_opts opts = {.timeout_ms = ASK_MS, .out = &out};
	const char *text;
	int status;

	if (proc_run(argv, &opts, &status) < 0)
		return false;
	text = buf_str(&out);
	return text && strncmp(text, "stopping", 8) == 0;
}

/* The last run level written is 0 (halt) or 6 (reboot). */
static bool utmp_stops(void)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, "/run/utmp", O_RDONLY | O_CLOEXEC, 0);
	struct utmp u;
	char level = 0;

	while (fd >= 0 && read(fd, &u, sizeof(u)) == (ssize_t)sizeof(u))
		if (u.ut_type == RUN_LVL)
			level = (char)(u.ut_pid % 256);
	return level == '0' || level == '6';
}

bool stopping_system(void)
{
	return fs_exists(AT_FDCWD, "/run/systemd/system") ? systemd_stops()
							  : utmp_stops();
}
