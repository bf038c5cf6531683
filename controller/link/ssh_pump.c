// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pump.  Rules that were measured: nothing is written while the window is shut or
 * bytes are pending inside the library; a write that takes nothing (a rekey) waits for
 * the socket; decrypted bytes may sit in the library while the socket is idle, so all is
 * drained before sleeping; packets are taken in always, also while our side is full,
 * since window updates for the other direction come with them.  Reading stderr does that
 * last part: its buffer is kept empty.
 */
#include "controller/link/ssh_pump.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define BLOCK	   (32 * 1024) /* what one SSH packet carries at most */
#define WORDS_MAX  (64 * 1024)
#define STATUS_MS  10000 /* after the stream's end, for the exit status */
#define TICK_MS	   30000
#define STACK_SIZE (512 * 1024)

struct ssh_pump {
	ssh_session session;
	ssh_channel channel;
	pthread_t thread;
	char *command;
	deadline_ms deadline; /* for the channel to open */
	int fd;
	int stop_fd, done_fd;
	bool stop;
	uint8_t *in, *out; /* a block each: to the channel, from it */
	size_t in_at, in_len, out_at, out_len;
	bool local_eof, sent_eof, remote_eof;
	deadline_ms status_end;
	struct buf words;
	int status;
	char error[200];
};

static void fail(struct ssh_pump *p, const char *what)
{
	const char *said = ssh_get_error(p->session);

	if (!p->error[0])
		snprintf(p->error, sizeof(p->error), "%s%s%s", what, *said ? ": " : "",
			 said);
}

/* Wait for the session's socket, ours, or the order to stop. */
static void wait_for(struct ssh_pump *p, short ours, int timeout)
{
	short theirs = POLLIN;
	struct pollfd fds[3];

	if (ssh_get_poll_flags(p->session) & SSH_WRITE_PENDING)
		theirs |= POLLOUT;
	fds[0] = (struct pollfd){.fd = ssh_get_fd(p->session), .events = theirs};
	fds[1] = (struct pollfd){.fd = p->stop_fd, .events = POLLIN};
	/* At the stream's end our side may have closed both ways and still wants the
	 * status. */
	fds[2] = (struct pollfd){.fd = p->remote_eof && !p->out_len ? -1 : p->fd,
				 .events = ours};
	if (poll(fds, 3, timeout) <= 0)
		return;
	/* Both directions closed by our side: nobody is there to pump for. */
	if (fds[1].revents || (fds[2].revents & (POLLHUP | POLLERR)))
		p->stop = true;
}

/* Open the channel and start the command: calls that say SSH_AGAIN are repeated. */
static bool open_channel(struct ssh_pump *p)
{
	bool opened = false;

	p->channel = ssh_channel_new(p->session);
	if (!p->channel) {
		fail(p, "no channel");
		return false;
	}
	while (!p->stop) {
		int left = deadline_left(p->deadline);
		int rc = opened ? ssh_channel_request_exec(p->channel, p->command)
				: ssh_channel_open_session(p->channel);

		if (rc == SSH_OK && opened)
			return true;
		if (rc == SSH_OK) {
			opened = true;
			continue;
		}
		if (rc != SSH_AGAIN) {
			fail(p, opened ? "it runs no commands" : "no channel");
			return false;
		}
		if (left == 0) {
			fail(p, "no answer to the request for a channel");
			return false;
		}
		wait_for(p, 0, left);
	}
	return false;
}

static void take_words(struct ssh_pump *p, bool *progress)
{
	uint8_t *room;
	int n;

	while (buf_reserve(&p->words, 4096, &room) == 0) {
		n = ssh_channel_read_nonblocking(p->channel, room, 4096, 1);
		if (n == SSH_ERROR) {
			fail(p, "the connection was lost");
			p->stop = true;
		}
		if (n <= 0)
			return;
		buf_commit(&p->words, (size_t)n);
		if (buf_len(&p->words) > WORDS_MAX)
			buf_consume(&p->words, buf_len(&p->words) - WORDS_MAX);
		*progress = true;
	}
}

/* Give our side what it takes of the block. */
static void give(struct ssh_pump *p, bool *progress)
{
	while (p->out_len) {
		ssize_t n = send(p->fd, p->out + p->out_at, p->out_len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			p->stop = p->stop || (errno != EAGAIN && errno != EWOULDBLOCK);
			return;
		}
		p->out_at += (size_t)n;
		p->out_len -= (size_t)n;
		*progress = true;
	}
}

static void from_channel(struct ssh_pump *p, bool *progress)
{
	give(p, progress);
	while (!p->stop && !p->out_len && !p->remote_eof) {
		int n = ssh_channel_read_nonblocking(p->channel, p->out, BLOCK, 0);

		if (n == SSH_ERROR) {
			fail(p, "the connection was lost");
			p->stop = true;
			return;
		}
		if (n > 0) {
			p->out_at = 0;
			p->out_len = (size_t)n;
			*progress = true;
			give(p, progress);
			continue;
		}
		if (ssh_channel_is_eof(p->channel) || ssh_channel_is_closed(p->channel)) {
			p->remote_eof = true;
			p->status_end = deadline_in(STATUS_MS);
			shutdown(p->fd, SHUT_WR);
		}
		return;
	}
}

/* The next block of our side. */
static bool fill(struct ssh_pump *p)
{
	ssize_t n;

	if (p->in_len || p->local_eof)
		return p->in_len > 0;
	n = recv(p->fd, p->in, BLOCK, 0);
	if (n > 0) {
		p->in_at = 0;
		p->in_len = (size_t)n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		p->local_eof = true;
	return false;
}

static void to_channel(struct ssh_pump *p, bool *progress)
{
	while (!p->stop && !p->remote_eof && fill(p)) {
		uint32_t window = ssh_channel_window_size(p->channel);
		size_t n = p->in_len < window ? p->in_len : window;
		int written;

		if (!n || (ssh_get_poll_flags(p->session) & SSH_WRITE_PENDING))
			return;
		written = ssh_channel_write(p->channel, p->in + p->in_at, (uint32_t)n);
		if (written == SSH_ERROR) {
			fail(p, "the connection was lost");
			p->stop = true;
		}
		if (written <= 0)
			return;
		p->in_at += (size_t)written;
		p->in_len -= (size_t)written;
		*progress = true;
	}
	if (p->local_eof && !p->in_len && !p->sent_eof && !p->remote_eof) {
		ssh_channel_send_eof(p->channel);
		p->sent_eof = true;
		*progress = true;
	}
}

static void pump(struct ssh_pump *p)
{
	while (!p->stop) {
		bool progress = false;
		int timeout = TICK_MS;
		short ours = 0;

		take_words(p, &progress);
		from_channel(p, &progress);
		to_channel(p, &progress);
		if (p->remote_eof && !p->out_len) {
			p->status = ssh_channel_get_exit_status(p->channel);
			if (p->status >= 0 || !deadline_left(p->status_end))
				break;
			timeout = deadline_left(p->status_end);
		}
		if (progress || p->stop)
			continue;
		if (!p->in_len && !p->local_eof && !p->remote_eof)
			ours |= POLLIN;
		if (p->out_len)
			ours |= POLLOUT;
		wait_for(p, ours, timeout);
	}
}

static void *pump_thread(void *arg)
{
	struct ssh_pump *p = arg;
	uint64_t one = 1;
	ssize_t n;

	ssh_set_blocking(p->session, 0);
	if (open_channel(p))
		pump(p);
	if (p->channel) {
		ssh_channel_close(p->channel);
		ssh_channel_free(p->channel);
		ssh_blocking_flush(p->session, 200);
	}
	shutdown(p->fd, SHUT_RDWR);
	n = write(p->done_fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

static void pump_free(struct ssh_pump *p)
{
	if (p->fd >= 0)
		close(p->fd);
	if (p->stop_fd >= 0)
		close(p->stop_fd);
	if (p->done_fd >= 0)
		close(p->done_fd);
	buf_fini(&p->words);
	free(p->in);
	free(p->out);
	free(p->command);
	free(p);
}

static int start_thread(struct ssh_pump *p)
{
	pthread_attr_t attr;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&p->thread, &attr, pump_thread, p);
	pthread_attr_destroy(&attr);
	return -rc;
}

int ssh_pump_start(ssh_session session, const char *command, deadline_ms deadline,
		   struct ssh_pump **ret, int *ret_fd)
{
	struct ssh_pump *p = calloc(1, sizeof(*p));
	int pair[2], rc = -ENOMEM;

	if (!p)
		return -ENOMEM;
	p->session = session;
	p->deadline = deadline;
	p->status = -1;
	p->fd = -1;
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	p->done_fd = eventfd(0, EFD_CLOEXEC);
	p->in = malloc(BLOCK);
	p->out = malloc(BLOCK);
	p->command = strdup(command);
	if (p->stop_fd < 0 || p->done_fd < 0 || !p->in || !p->out || !p->command)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) <
	    0) {
		rc = -errno;
		goto fail;
	}
	p->fd = pair[1];
	rc = start_thread(p);
	if (rc < 0) {
		close(pair[0]);
		goto fail;
	}
	*ret_fd = pair[0];
	*ret = p;
	return 0;
fail:
	pump_free(p);
	return rc;
}

bool ssh_pump_wait(struct ssh_pump *p, int ms)
{
	struct pollfd fd = {.fd = p->done_fd, .events = POLLIN};
	deadline_ms end = deadline_in(ms);
	int n;

	do
		n = poll(&fd, 1, deadline_left(end));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

int ssh_pump_status(const struct ssh_pump *p)
{
	return p->status;
}

struct buf *ssh_pump_stderr(struct ssh_pump *p)
{
	return &p->words;
}

const char *ssh_pump_error(const struct ssh_pump *p)
{
	return p->error;
}

void ssh_pump_end(struct ssh_pump *p)
{
	uint64_t one = 1;
	ssize_t n;

	if (!p)
		return;
	n = write(p->stop_fd, &one, sizeof(one));
	(void)n;
	pthread_join(p->thread, NULL);
	pump_free(p);
}
