// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signals that end the program early.  Their state must be global: a handler has no
 * argument.  An eventfd that nobody reads stays readable, so that every poll wakes.
 */
#include "controller/cancel.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

static atomic_bool cancelled;
static atomic_int cancelled_by;
static int wake_fd = -1;
static int gentle_fd = -1;
static atomic_bool gentle;

static void wake(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

static void on_signal(int sig)
{
	int saved = errno;

	if (sig != SIGHUP && atomic_exchange(&gentle, false)) {
		wake(gentle_fd);
		errno = saved;
		return;
	}
	if (atomic_exchange(&cancelled, true)) {
		if (sig == SIGINT) {
			signal(SIGINT, SIG_DFL);
			raise(SIGINT);
		}
		errno = saved;
		return;
	}
	atomic_store(&cancelled_by, sig);
	wake(wake_fd);
	errno = saved;
}

int cancel_gently(void)
{
	if (gentle_fd < 0)
		gentle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (gentle_fd < 0)
		return -errno;
	atomic_store(&gentle, true);
	return gentle_fd;
}

int cancel_init(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_handler = on_signal}, old;

	if (wake_fd < 0)
		wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (sigaction(signals[i], NULL, &old) < 0)
			return -errno;
		/* nohup(1) ignores SIGHUP for us; that is the user's wish. */
		if (signals[i] == SIGHUP && old.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signals[i], &act, NULL) < 0)
			return -errno;
	}
	return 0;
}

const atomic_bool *cancel_flag(void)
{
	return &cancelled;
}

int cancel_fd(void)
{
	return wake_fd;
}

int cancel_signal(void)
{
	return atomic_load(&cancelled_by);
}
