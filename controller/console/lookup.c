// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/lookup.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>

#include "proto/base/thread.h"
#include "proto/reason.h"

/* Of the thread and of who waits for it; the last one frees it. */
struct lookup {
	char *host, *port;
	int done_fd; /* eventfd */
	pthread_mutex_t lock;
	/* Under the lock: */
	unsigned users;
	int rc; /* as of getaddrinfo() */
	struct addrinfo *list;
};

static void lookup_put(struct lookup *l)
{
	bool last;

	pthread_mutex_lock(&l->lock);
	last = --l->users == 0;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	if (l->list)
		freeaddrinfo(l->list);
	cleanup_close(&l->done_fd);
	pthread_mutex_destroy(&l->lock);
	free(l->host);
	free(l->port);
	free(l);
}

static struct lookup *lookup_new(const char *host, const char *port)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	l->users = 1;
	l->host = strdup(host);
	l->port = strdup(port);
	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->host && l->port && l->done_fd >= 0)
		return l;
	lookup_put(l);
	return NULL;
}

static void *run(void *arg)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
					      .ai_flags = AI_ADDRCONFIG};
	struct lookup *l = arg;
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(l->host, l->port, &hints, &list);
	uint64_t one = 1;

	pthread_mutex_lock(&l->lock);
	l->rc = rc;
	l->list = list;
	pthread_mutex_unlock(&l->lock);
	(void)!write(l->done_fd, &one, sizeof(one));
	lookup_put(l);
	return NULL;
}

static int start(struct lookup *l)
{
	pthread_t thread;
	int r;

	l->users++;
	r = thread_start(run, l, &thread);
	if (r < 0)
		l->users--;
	else
		pthread_detach(thread);
	return r;
}

static int await(const struct lookup *l, deadline_ms deadline, int stop_fd)
{
	struct pollfd p[2] = {{.fd = l->done_fd, .events = POLLIN},
			      {.fd = stop_fd, .events = POLLIN}};
	int r;

	do {
		r = poll(p, 2, deadline_left(deadline));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (p[1].revents)
		return -ECANCELED;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int take(struct lookup *l, struct addrinfo **ret, struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&l->lock);
	rc = l->rc;
	*ret = TAKE_PTR(l->list);
	pthread_mutex_unlock(&l->lock);
	return rc == 0 ? 0
		       : kf_err(err, -EHOSTUNREACH, KF_REASON_UNREACHABLE,
				"look up the console's host %s: %s", l->host,
				gai_strerror(rc));
}

int lookup_stream(const char *host, const char *port, deadline_ms deadline, int stop_fd,
		  struct addrinfo **ret, struct kf_error *err)
{
	struct lookup *l = lookup_new(host, port);
	int r;

	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = start(l);
	if (r == 0)
		r = await(l, deadline, stop_fd);
	if (r < 0)
		kf_err(err, r,
		       r == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_UNREACHABLE,
		       "look up the console's host %s: %m", host);
	else
		r = take(l, ret, err);
	lookup_put(l);
	return r;
}
