/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Run /sbin/init as init process" is the kernel's own word for the end of its part
 * (init/main.c, since 4.20); with an initramfs the first such line is that one's /init.
 * /proc/1/stat would not tell: the process is older than the program in it.
 */
#include "agent/log/boottimes.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/efi/efivar.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/kmsg.h"

#define LOG_MAX	  (4u << 20)   /* bytes looked through for the line */
#define USEC_MAX  86400000000u /* a day: more is no time of a boot */
#define VARIABLES "/sys/firmware/efi/efivars"

static bool is_first_program(const struct kmsg_record *r)
{
	static const char head[] = "Run /", tail[] = " as init process";
	size_t n = strlen(tail);

	return r->facility == 0 && r->text_len > strlen(head) + n &&
	       memcmp(r->text, head, strlen(head)) == 0 &&
	       memcmp(r->text + r->text_len - n, tail, n) == 0;
}

/* Look through the records in b that are whole; 1: found. */
static int look(struct buf *b, bool end, uint64_t *ret_usec)
{
	struct kmsg_record r;
	size_t n;

	while (buf_len(b) > 0 &&
	       (n = kmsg_record_len((const char *)buf_data(b), buf_len(b), end)) > 0) {
		bool found = kmsg_parse((const char *)buf_data(b), n, &r) == 0 &&
			     is_first_program(&r);

		if (found)
			*ret_usec = r.usec;
		buf_consume(b, n);
		if (found)
			return 1;
	}
	return 0;
}

/* /dev/kmsg gives a record a read; a scratch root's is a plain file. */
static uint64_t first_program_usec(const struct agent *a)
{
	_free_ char *path = agent_path(a, "/dev/kmsg"), *step = malloc(LIMIT_KMSG_RECORD);
	_buf_ struct buf b = {.max = 4 * LIMIT_KMSG_RECORD};
	uint64_t usec = 0;
	_close_ int fd = -1;

	if (!path || !step)
		return 0;
	fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	for (size_t total = 0; fd >= 0 && total < LOG_MAX;) {
		ssize_t n = read(fd, step, LIMIT_KMSG_RECORD);

		/* EPIPE: records were overwritten while we read; it goes on behind them.
		 */
		if (n < 0 && (errno == EINTR || errno == EPIPE))
			continue;
		if (n > 0 && buf_append(&b, step, (size_t)n) < 0)
			return 0;
		if (look(&b, n <= 0, &usec) || n <= 0)
			return usec;
		total += (size_t)n;
	}
	return 0;
}

/* A variable that holds microseconds as text; 0: none. */
static uint64_t read_usec(int dir, const char *name)
{
	_free_ char *text = NULL;
	uint64_t usec;
	char *end;

	if (efivar_read_string(dir, name, &text) < 0 || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	usec = strtoull(text, &end, 10);
	return errno || *end || usec > USEC_MAX ? 0 : usec;
}

static void find_loader(struct agent *a)
{
	_free_ char *path = agent_path(a, VARIABLES);
	_close_ int dir = path ? fs_open_dir(AT_FDCWD, path) : -1;
	uint64_t init, exec;

	if (dir < 0)
		return;
	init = read_usec(dir, EFIVAR_LOADER("LoaderTimeInitUSec"));
	exec = read_usec(dir, EFIVAR_LOADER("LoaderTimeExecUSec"));
	if (init == 0 || exec < init)
		return;
	a->times.firmware_ms = init / 1000;
	a->times.loader_ms = (exec - init) / 1000;
}

void boottimes_find(struct agent *a)
{
	int64_t now = clock_now_ms() - a->boot.start_ms;

	a->times.agent_ms = now > 0 ? (uint64_t)now : 0;
	a->times.init_ms = first_program_usec(a) / 1000;
	/* The variables are of the last boot that the firmware made. */
	if (!a->boot.kexec)
		find_loader(a);
}
