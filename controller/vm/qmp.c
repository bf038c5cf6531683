/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QMP client: lines in a bounded buffer, answers told from events by their keys. */
#include "controller/vm/qmp.h"

#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/base/buf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define QMP_LINE_MAX (64u * 1024)

struct qmp {
	int fd;
	struct buf in;
};

static int qmp_connect(int dir_fd, const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* The directory's own path may be longer than sun_path. */
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", dir_fd,
		     name) >= (int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* The next line as JSON; the caller's reference. */
static int qmp_read(struct qmp *q, deadline_ms deadline, json_t **ret)
{
	for (;;) {
		const uint8_t *data = buf_data(&q->in);
		const uint8_t *nl =
			buf_len(&q->in) ? memchr(data, '\n', buf_len(&q->in)) : NULL;
		struct pollfd p = {.fd = q->fd, .events = POLLIN};
		uint8_t *at;
		ssize_t n;
		int rc;

		if (nl) {
			size_t len = (size_t)(nl - data) + 1;
			json_t *json = json_loadb((const char *)data, len, 0, NULL);

			buf_consume(&q->in, len);
			if (!json)
				return -EBADMSG;
			*ret = json;
			return 0;
		}
		rc = poll(&p, 1, deadline_left(deadline));
		if (rc == 0)
			return -ETIMEDOUT;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc < 0)
			continue;
		rc = buf_reserve(&q->in, 4096, &at);
		if (rc < 0)
			return rc;
		n = read(q->fd, at, 4096);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		buf_commit(&q->in, (size_t)n);
	}
}

static int qmp_call(struct qmp *q, const char *command, deadline_ms deadline)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"execute\":\"%s\"}\n", command);
	int rc = fs_write_all(q->fd, line, (size_t)n);

	while (rc >= 0) {
		json_t *answer = NULL;
		bool good, bad;

		rc = qmp_read(q, deadline, &answer);
		if (rc < 0)
			break;
		good = json_object_get(answer, "return") != NULL;
		bad = json_object_get(answer, "error") != NULL;
		json_decref(answer);
		if (good)
			return 0;
		if (bad)
			return -EPROTO;
	}
	return rc;
}

int qmp_open(int dir_fd, const char *name, deadline_ms deadline, struct qmp **ret,
	     struct kf_error *err)
{
	struct qmp *q = calloc(1, sizeof(*q));
	json_t *greeting = NULL;
	int rc;

	if (!q)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	q->in.max = QMP_LINE_MAX;
	q->fd = qmp_connect(dir_fd, name);
	rc = q->fd < 0 ? q->fd : qmp_read(q, deadline, &greeting);
	json_decref(greeting);
	if (rc == 0)
		rc = qmp_call(q, "qmp_capabilities", deadline);
	if (rc < 0) {
		qmp_close(q);
		return kf_err(err, rc, KF_REASON_CONNECTION,
			      "talk to QEMU over its monitor socket %s: %s", name,
			      strerror(-rc));
	}
	*ret = q;
	return 0;
}

int qmp_command(struct qmp *q, const char *command, deadline_ms deadline,
		struct kf_error *err)
{
	int rc = qmp_call(q, command, deadline);

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONNECTION, "QEMU monitor: %s: %s",
			      command, strerror(-rc));
	return 0;
}

void qmp_close(struct qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	buf_fini(&q->in);
	free(q);
}
