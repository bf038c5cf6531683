// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/console.h"

#include <string.h>

#include "controller/console/console_impl.h"
#include "controller/console/console_lock.h"
#include "proto/reason.h"

struct console {
	const struct console_ops *ops;
	void *impl;
	int fd, lock;
	char *name;
	struct buf text;
	uint8_t block[CONSOLE_BLOCK];
};

static const struct console_ops *const kinds[] = {
	[CONSOLE_SERIAL] = &console_serial,
	[CONSOLE_TCP] = &console_tcp,
	[CONSOLE_EXEC] = &console_exec,
	[CONSOLE_NETCONSOLE] = &console_netconsole,
};

int console_open(const struct console_spec *spec, const char *who, deadline_ms deadline,
		 int stop_fd, struct console **ret, struct kf_error *err)
{
	struct console *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	c->ops = kinds[spec->kind];
	c->fd = c->lock = -1;
	c->name = console_spec_describe(spec);
	r = c->name ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (r == 0)
		r = c->lock = console_lock(spec, who, err);
	if (r >= 0)
		r = c->ops->open(spec, deadline, stop_fd, &c->impl, &c->fd, err);
	if (r < 0) {
		console_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

void console_close(struct console *c)
{
	if (!c)
		return;
	if (c->ops->close && c->fd >= 0)
		c->ops->close(c->impl, c->fd);
	cleanup_close(&c->fd);
	cleanup_close(&c->lock);
	buf_fini(&c->text);
	free(c->name);
	free(c);
}

int console_fd(const struct console *c)
{
	return c->fd;
}

int console_read(struct console *c, struct console_data *ret)
{
	ssize_t n = read(c->fd, c->block, sizeof(c->block));
	int r = 0;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	/* An empty datagram is no end. */
	if (n == 0)
		return c->ops->text ? -EAGAIN : 0;
	*ret = (struct console_data){.raw = c->block,
				     .raw_n = (size_t)n,
				     .text = (const char *)c->block,
				     .text_n = (size_t)n};
	if (!c->ops->text)
		return 1;
	buf_reset(&c->text);
	r = c->ops->text(c->impl, c->block, (size_t)n, &c->text);
	ret->text = (const char *)buf_data(&c->text);
	ret->text_n = buf_len(&c->text);
	return r < 0 ? r : 1;
}

bool console_is_written(const struct console *c)
{
	return !c->ops->read_only;
}

ssize_t console_write(struct console *c, const void *data, size_t n)
{
	ssize_t done;

	if (c->ops->read_only)
		return -EOPNOTSUPP;
	done = write(c->fd, data, n);
	if (done < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return done;
}

int console_break(struct console *c)
{
	return c->ops->send_break ? c->ops->send_break(c->fd) : -EOPNOTSUPP;
}

int console_failure(struct console *c, int code, struct kf_error *err)
{
	if (c->ops->failure)
		return c->ops->failure(c->impl, err);
	if (code == 0)
		return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			      "the far side closed %s", c->name);
	kf_err(err, code, KF_REASON_CONNECTION, "%s was lost: %m", c->name);
	/* -EPIPE is what callers know a closed output of their own by. */
	if (code == -EPIPE)
		code = -ECONNRESET;
	if (err)
		err->code = code;
	return code;
}
