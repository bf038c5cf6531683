/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One option of a kernel's configuration. */
#include "agent/slot/kconfig.h"

#include <string.h>

#include "proto/base/fs.h"

#define CONFIG_FILE "boot/config"
#define CONFIG_MAX  (4u * 1024 * 1024) /* a full one has 0.3 MiB */

int kconfig_builtin(int slot_fd, const char *option)
{
	_buf_ struct buf b = BUF_INIT;
	size_t n = strlen(option);
	const char *p;
	int r;

	r = fs_read_file(slot_fd, CONFIG_FILE, CONFIG_MAX, &b);
	if (r < 0)
		return r;
	p = buf_str(&b);
	if (!p)
		return -ENOMEM;
	for (; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, option, n) == 0 && strncmp(p + n, "=y", 2) == 0 &&
		    (p[n + 2] == '\n' || p[n + 2] == '\0'))
			return 1;
	return 0;
}
