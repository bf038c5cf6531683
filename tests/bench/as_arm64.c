/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the agent of a scratch board, it makes this machine say that it is an
 * arm64 one: the agent refuses kernels for other processors, and what a deploy of arm64's
 * Image costs is to be measured without an emulator's share.
 */
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

int uname(struct utsname *ret)
{
	int r = (int)syscall(SYS_uname, ret);

	if (r == 0)
		memcpy(ret->machine, "aarch64", sizeof("aarch64"));
	return r;
}
