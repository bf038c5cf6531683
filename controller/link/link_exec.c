// SPDX-License-Identifier: GPL-2.0-or-later
/* The exec link: a program whose stdin and stdout are the stream.  It stays in our
 * process group, so that an ssh that asks for a passphrase may read from the terminal. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/child.h"
#include "controller/link/link_impl.h"
#include "controller/strf.h"
#include "proto/reason.h"

struct link_exec {
	struct child child;
	char *name;
};

/* *ret_fd, our end of the stream, does not block. */
static int start(char *const argv[], struct child *ret, int *ret_fd)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = child_start(argv, pair[1], NULL, ret);
	close(pair[1]);
	if (r < 0)
		close(pair[0]);
	else
		*ret_fd = pair[0];
	return r;
}

static int exec_open(const struct config *cfg, const char *board, const char *rest,
		     deadline_ms deadline, void **ret, int *ret_fd, char **ret_describe,
		     struct kf_error *err)
{
	struct link_exec *l = calloc(1, sizeof(*l));
	_free_ char **argv = NULL;
	_free_ char *describe = NULL;
	int rc;

	(void)cfg;
	(void)board;
	(void)deadline; /* starting a program does not wait; HELLO's wait follows */
	if (!l)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	rc = config_words(rest, &argv);
	if (rc == 0 && !argv[0])
		rc = -EINVAL;
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_CONFIG, "board.link exec:%s: no words", rest);
		goto fail;
	}
	l->name = strdup(argv[0]);
	describe = strf("exec %s", rest);
	if (!l->name || !describe) {
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		goto fail;
	}
	rc = start(argv, &l->child, ret_fd);
	if (rc < 0) {
		kf_err(err, rc, KF_REASON_EXEC, "start %s: %m", argv[0]);
		goto fail;
	}
	*ret = l;
	*ret_describe = TAKE_PTR(describe);
	return 0;
fail:
	free(l->name);
	free(l);
	return rc;
}

static int exec_failure(void *impl, struct kf_error *err)
{
	struct link_exec *l = impl;
	int status = child_wait(&l->child, CHILD_LAST_MS) ? l->child.status : -1;
	char line[400];
	int reason;

	child_last_words(&l->child, line, sizeof(line));
	reason = link_means_no_agent(status, line) ? KF_REASON_NO_AGENT
						   : KF_REASON_CONNECTION;
	if (status < 0)
		return kf_err(err, -ECONNRESET, reason, "%s closed the stream%s%s",
			      l->name, line[0] ? ": " : "", line);
	return kf_err(err, -ECONNRESET, reason, "%s ended with exit status %d%s%s",
		      l->name, status, line[0] ? ": " : "", line);
}

static void exec_close(void *impl, int fd)
{
	struct link_exec *l = impl;

	/* That its stream has ended ends it. */
	close(fd);
	child_end(&l->child, 0);
	free(l->name);
	free(l);
}

const struct link_kind link_exec = {
	.prefix = "exec:",
	.open = exec_open,
	.failure = exec_failure,
	.close = exec_close,
};
