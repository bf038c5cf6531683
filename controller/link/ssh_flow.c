// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that were measured: nothing is written while the window is shut or bytes are
 * pending inside the library; a write that takes nothing (a rekey) waits for the socket;
 * decrypted bytes may sit in the library while the socket is idle, so all is drained
 * before sleeping; packets are taken in always, also while our side is full, since window
 * updates for the other direction come with them.  Reading stderr does that last part:
 * its buffer is kept empty.
 */
#include "controller/link/ssh_flow.h"

#include <assert.h>
#include <libssh/libssh.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK	  (32 * 1024) /* what one SSH packet carries at most */
#define SHARE	  16	      /* blocks each way in one step: others want the line, too */
#define WORDS_MAX (64 * 1024)
#define STATUS_MS 10000 /* after the stream's end, for the exit status */

enum stage { OPENING, OPEN, ASKING, RUNNING, OVER };

struct ssh_flow {
	ssh_session session;
	ssh_channel channel;
	enum stage stage;
	char *command;	      /* NULL: not known yet */
	deadline_ms deadline; /* for the channel to open and the command to start */
	int fd;
	uint8_t *in, *out; /* a block each: to the channel, from it */
	size_t in_at, in_len, out_at, out_len;
	bool local_eof, sent_eof, remote_eof;
	bool gone; /* nobody is there to move bytes for */
	deadline_ms status_end;
	struct buf words;
	int status;
	char error[200];
};

static void fail(struct ssh_flow *f, const char *what)
{
	const char *said = ssh_get_error(f->session);

	if (!f->error[0])
		snprintf(f->error, sizeof(f->error), "%s%s%s", what, *said ? ": " : "",
			 said);
	f->stage = OVER;
}

/* Calls that say SSH_AGAIN are repeated.  true: something changed. */
static bool answered(struct ssh_flow *f, int rc, enum stage next, const char *what)
{
	if (rc == SSH_OK) {
		f->stage = next;
		return true;
	}
	if (rc != SSH_AGAIN)
		fail(f, what);
	else if (!deadline_left(f->deadline))
		fail(f, "no answer to the request for a channel");
	return false;
}

static bool open_channel(struct ssh_flow *f)
{
	bool changed = false;

	if (f->stage == OPENING)
		changed = answered(f, ssh_channel_open_session(f->channel), OPEN,
				   "no channel");
	if (f->stage == OPEN && (f->gone || ssh_channel_is_closed(f->channel)))
		f->stage = OVER;
	if (f->stage == OPEN && f->command)
		f->stage = ASKING;
	if (f->stage == ASKING)
		changed |= answered(f, ssh_channel_request_exec(f->channel, f->command),
				    RUNNING, "it runs no commands");
	return changed;
}

static void take_words(struct ssh_flow *f, bool *progress)
{
	uint8_t *room;
	int n;

	while (buf_reserve(&f->words, 4096, &room) == 0) {
		n = ssh_channel_read_nonblocking(f->channel, room, 4096, 1);
		if (n == SSH_ERROR)
			fail(f, "the connection was lost");
		if (n <= 0)
			return;
		buf_commit(&f->words, (size_t)n);
		if (buf_len(&f->words) > WORDS_MAX)
			buf_consume(&f->words, buf_len(&f->words) - WORDS_MAX);
		*progress = true;
	}
}

/* Give our side what it takes of the block. */
static void give(struct ssh_flow *f, bool *progress)
{
	while (f->out_len) {
		ssize_t n = send(f->fd, f->out + f->out_at, f->out_len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				f->stage = OVER;
			return;
		}
		f->out_at += (size_t)n;
		f->out_len -= (size_t)n;
		*progress = true;
	}
}

static void from_channel(struct ssh_flow *f, bool *progress)
{
	int blocks = 0;

	give(f, progress);
	while (f->stage != OVER && !f->out_len && !f->remote_eof && blocks++ < SHARE) {
		int n = ssh_channel_read_nonblocking(f->channel, f->out, BLOCK, 0);

		if (n == SSH_ERROR) {
			fail(f, "the connection was lost");
			return;
		}
		if (n > 0) {
			f->out_at = 0;
			f->out_len = (size_t)n;
			*progress = true;
			give(f, progress);
			continue;
		}
		if (ssh_channel_is_eof(f->channel) || ssh_channel_is_closed(f->channel)) {
			f->remote_eof = true;
			f->status_end = deadline_in(STATUS_MS);
			shutdown(f->fd, SHUT_WR);
		}
		return;
	}
}

/* The next block of our side. */
static bool fill(struct ssh_flow *f)
{
	ssize_t n;

	if (f->in_len || f->local_eof)
		return f->in_len > 0;
	n = recv(f->fd, f->in, BLOCK, MSG_DONTWAIT);
	if (n > 0) {
		f->in_at = 0;
		f->in_len = (size_t)n;
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		f->local_eof = true;
	return false;
}

static void to_channel(struct ssh_flow *f, bool *progress)
{
	int blocks = 0;

	while (f->stage != OVER && !f->remote_eof && blocks++ < SHARE && fill(f)) {
		uint32_t window = ssh_channel_window_size(f->channel);
		size_t n = f->in_len < window ? f->in_len : window;
		int written;

		if (!n || (ssh_get_poll_flags(f->session) & SSH_WRITE_PENDING))
			return;
		written = ssh_channel_write(f->channel, f->in + f->in_at, (uint32_t)n);
		if (written == SSH_ERROR)
			fail(f, "the connection was lost");
		if (written <= 0)
			return;
		f->in_at += (size_t)written;
		f->in_len -= (size_t)written;
		*progress = true;
	}
	if (f->stage != OVER && f->local_eof && !f->in_len && !f->sent_eof &&
	    !f->remote_eof) {
		ssh_channel_send_eof(f->channel);
		f->sent_eof = true;
		*progress = true;
	}
}

/* Behind the stream's end comes the status, if the far side sends one. */
static void take_status(struct ssh_flow *f)
{
	if (f->stage == OVER || !f->remote_eof || f->out_len)
		return;
	f->status = ssh_channel_get_exit_status(f->channel);
	if (f->status >= 0 || !deadline_left(f->status_end))
		f->stage = OVER;
}

bool ssh_flow_step(struct ssh_flow *f)
{
	bool progress = false;

	if (f->stage < RUNNING)
		progress = open_channel(f);
	if (f->stage < ASKING || f->stage == OVER)
		return false;
	take_words(f, &progress);
	if (f->stage != OVER)
		from_channel(f, &progress);
	to_channel(f, &progress);
	take_status(f);
	return progress && f->stage != OVER;
}

int ssh_flow_wants(const struct ssh_flow *f, struct pollfd *ret)
{
	short events = 0;

	if (f->stage > OPEN && !f->in_len && !f->local_eof && !f->remote_eof)
		events |= POLLIN;
	if (f->out_len)
		events |= POLLOUT;
	/* At the stream's end our side may have closed both ways and still wants the
	 * status. */
	*ret = (struct pollfd){.fd = f->gone || (f->remote_eof && !f->out_len) ? -1
									       : f->fd,
			       .events = events};
	if (f->stage == OPEN)
		return -1;
	if (f->stage < RUNNING)
		return deadline_left(f->deadline);
	return f->remote_eof && !f->out_len ? deadline_left(f->status_end) : -1;
}

void ssh_flow_woken(struct ssh_flow *f, short revents)
{
	/* Both directions closed by our side. */
	if (revents & (POLLHUP | POLLERR | POLLNVAL))
		ssh_flow_leave(f);
}

void ssh_flow_leave(struct ssh_flow *f)
{
	f->gone = true;
	if (f->stage != OPENING)
		f->stage = OVER;
}

bool ssh_flow_is_running(const struct ssh_flow *f)
{
	return f->stage == RUNNING;
}

bool ssh_flow_is_over(const struct ssh_flow *f)
{
	return f->stage == OVER;
}

int ssh_flow_status(const struct ssh_flow *f)
{
	return f->status;
}

struct buf *ssh_flow_stderr(struct ssh_flow *f)
{
	return &f->words;
}

const char *ssh_flow_error(const struct ssh_flow *f)
{
	return f->error;
}

void ssh_flow_free(struct ssh_flow *f)
{
	if (!f)
		return;
	if (f->channel) {
		ssh_channel_close(f->channel);
		ssh_channel_free(f->channel);
	}
	if (f->fd >= 0)
		close(f->fd);
	buf_fini(&f->words);
	free(f->in);
	free(f->out);
	free(f->command);
	free(f);
}

int ssh_flow_new(ssh_session session, deadline_ms deadline, struct ssh_flow **ret)
{
	struct ssh_flow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->session = session;
	f->deadline = deadline;
	f->status = -1;
	f->fd = -1;
	f->channel = ssh_channel_new(session);
	if (!f->channel) {
		ssh_flow_free(f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

int ssh_flow_begin(struct ssh_flow *f, const char *command, int fd, deadline_ms deadline)
{
	assert(!f->command && f->fd < 0);
	f->fd = fd;
	f->deadline = deadline;
	f->in = malloc(BLOCK);
	f->out = malloc(BLOCK);
	f->command = strdup(command);
	return f->in && f->out && f->command ? 0 : -ENOMEM;
}
