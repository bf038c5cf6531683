/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver around the peer engine.  Invariants: one uv_write at a time, of `sending`,
 * which nobody touches meanwhile; reading only while neither the owner nor a full queue
 * holds it back; memory is released in the close callbacks and nowhere else.
 */
#include "agent/session/stream.h"

#include <poll.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/reason.h"

#define READ_SIZE   (32 * 1024)
#define CLOSE_MS    5000 /* for writing out what is queued at the end */
#define WATCH_MS    1000 /* how often a paused stream looks for the other side's end */
#define KEEP_BUFFER (64 * 1024) /* bytes of an empty write buffer that are kept */

_Static_assert(STREAM_HIGH < LIMIT_OUT_QUEUE, "reading stops before the engine's limit");

struct stream {
	uv_pipe_t pipe;
	uv_timer_t timer;
	uv_write_t write;
	struct peer *peer;
	const struct stream_ops *ops;
	void *arg;
	struct buf sending;
	uint8_t *in;
	unsigned handles; /* not yet closed */
	bool paused;	  /* by the owner */
	bool reading;
	bool writing;
	bool was_full;
	bool room_is_wanted;
	bool want_flushed;
	bool pumping;
	bool eof;
	bool ended; /* ended() was called */
	bool closing;
	bool destroyed;
	struct kf_error broken; /* code 0: it is not */
};

static void update(struct stream *s);

static void handle_closed(uv_handle_t *h)
{
	struct stream *s = h->data;

	if (--s->handles > 0)
		return;
	s->ops->closed(s->arg);
	peer_free(s->peer);
	buf_fini(&s->sending);
	free(s->in);
	free(s);
}

static void destroy(struct stream *s)
{
	if (s->destroyed)
		return;
	s->destroyed = true;
	uv_close((uv_handle_t *)&s->timer, handle_closed);
	uv_close((uv_handle_t *)&s->pipe, handle_closed);
}

static size_t queued(const struct stream *s)
{
	return buf_len(peer_out(s->peer)) + buf_len(&s->sending);
}

bool stream_full(struct stream *s)
{
	bool full = queued(s) >= STREAM_HIGH;

	if (full)
		s->was_full = true;
	return full;
}

bool stream_enough(struct stream *s)
{
	bool enough = queued(s) >= STREAM_ENOUGH;

	if (enough)
		s->room_is_wanted = true;
	return enough;
}

/* Tell the owner of the end, once, and only when it has had all events before it. */
static void tell_ended(struct stream *s)
{
	if (s->ended || s->closing)
		return;
	s->ended = true;
	s->ops->ended(s->arg, s->broken.code ? &s->broken : NULL);
}

static void break_off(struct stream *s, int code, const char *what)
{
	if (!s->broken.code)
		kf_err(&s->broken, code, KF_REASON_CONNECTION, "%s: %s", what,
		       uv_strerror(code));
	if (s->closing)
		destroy(s);
	else
		tell_ended(s);
}

/* --- writing -------------------------------------------------------------------- */

static void written(uv_write_t *req, int status)
{
	struct stream *s = req->data;

	s->writing = false;
	buf_reset(&s->sending);
	if (s->sending.size > KEEP_BUFFER)
		buf_fini(&s->sending);
	if (s->destroyed)
		return;
	if (status < 0) {
		break_off(s, status, "writing to the connection");
		return;
	}
	stream_kick(s);
	if ((s->was_full || s->room_is_wanted) && queued(s) < STREAM_LOW && !s->closing) {
		s->was_full = s->room_is_wanted = false;
		s->ops->room(s->arg);
	}
	if (!s->destroyed)
		update(s);
}

static void start_write(struct stream *s)
{
	struct buf *out = peer_out(s->peer);
	struct buf empty = s->sending;
	uv_buf_t b;
	int r;

	empty.max = out->max;
	s->sending = *out;
	*out = empty;
	b = uv_buf_init((char *)s->sending.data + s->sending.start,
			(unsigned)buf_len(&s->sending));
	s->writing = true;
	s->write.data = s;
	r = uv_write(&s->write, (uv_stream_t *)&s->pipe, &b, 1, written);
	if (r < 0) {
		s->writing = false;
		buf_reset(&s->sending);
		break_off(s, r, "writing to the connection");
	}
}

void stream_kick(struct stream *s)
{
	if (s->destroyed || s->writing)
		return;
	if (s->broken.code) {
		buf_reset(peer_out(s->peer));
		return;
	}
	if (buf_len(peer_out(s->peer)) > 0) {
		start_write(s);
		return;
	}
	if (s->want_flushed && !s->closing) {
		s->want_flushed = false;
		s->ops->flushed(s->arg);
	}
	if (s->closing)
		destroy(s);
}

void stream_flush(struct stream *s)
{
	s->want_flushed = true;
	stream_kick(s);
}

/* --- reading -------------------------------------------------------------------- */

static bool held_back(struct stream *s)
{
	return stream_full(s) || s->was_full || s->paused || s->closing || s->ended;
}

/* Hand out events until there are none or the owner wants no more. */
static void pump(struct stream *s)
{
	struct peer_event ev;

	if (s->pumping)
		return;
	s->pumping = true;
	while (!held_back(s)) {
		int r = peer_next(s->peer, &ev);

		if (r < 0) {
			s->broken = *peer_error(s->peer);
			tell_ended(s);
			break;
		}
		if (ev.type == PEER_NOTHING) {
			if (s->eof)
				tell_ended(s);
			break;
		}
		s->ops->event(s->arg, &ev);
	}
	s->pumping = false;
	stream_kick(s);
}

static void alloc_in(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
	struct stream *s = h->data;

	(void)suggested;
	*b = uv_buf_init((char *)s->in, READ_SIZE);
}

static void on_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *b)
{
	struct stream *s = pipe->data;

	if (n == UV_EOF) {
		s->eof = true;
	} else if (n < 0) {
		break_off(s, (int)n, "reading from the connection");
		return;
	} else if (n > 0 && peer_feed(s->peer, b->base, (size_t)n) < 0) {
		s->broken = *peer_error(s->peer);
		tell_ended(s);
		return;
	}
	pump(s);
	if (!s->destroyed)
		update(s);
}

/* Reading is stopped, so only poll(2) tells that the other side has gone. */
static void on_timer(uv_timer_t *t)
{
	struct stream *s = t->data;
	struct pollfd p = {.events = POLLRDHUP};

	if (s->closing) {
		destroy(s);
		return;
	}
	if (s->reading || uv_fileno((uv_handle_t *)&s->pipe, &p.fd) < 0)
		return;
	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR))) {
		uv_timer_stop(t);
		tell_ended(s);
	}
}

/* Start or stop reading as the flags say. */
static void update(struct stream *s)
{
	bool want = !held_back(s) && !s->eof && !s->broken.code;

	if (s->destroyed || want == s->reading)
		return;
	s->reading = want;
	if (want) {
		uv_timer_stop(&s->timer);
		uv_read_start((uv_stream_t *)&s->pipe, alloc_in, on_read);
		return;
	}
	uv_read_stop((uv_stream_t *)&s->pipe);
	if (!s->eof && !s->ended && !s->closing)
		uv_timer_start(&s->timer, on_timer, WATCH_MS, WATCH_MS);
}

void stream_pause(struct stream *s)
{
	s->paused = true;
	update(s);
}

void stream_resume(struct stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	pump(s);
	if (!s->destroyed)
		update(s);
}

/* --- life ----------------------------------------------------------------------- */

struct peer *stream_peer(struct stream *s)
{
	return s->peer;
}

static int stream_alloc(const Kferry__Hello *hello, struct stream **ret)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->in = malloc(READ_SIZE);
	r = s->in ? peer_new(PEER_AGENT, hello, &s->peer) : -ENOMEM;
	if (r < 0) {
		free(s->in);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

static void never_opened(uv_handle_t *h)
{
	struct stream *s = h->data;

	if (--s->handles > 0)
		return;
	peer_free(s->peer);
	free(s->in);
	free(s);
}

int stream_new(uv_loop_t *loop, int fd, const Kferry__Hello *hello,
	       const struct stream_ops *ops, void *arg, struct stream **ret)
{
	struct stream *s;
	int r = stream_alloc(hello, &s);

	if (r < 0)
		return r;
	s->ops = ops;
	s->arg = arg;
	/* Neither of these two can fail on Linux. */
	uv_timer_init(loop, &s->timer);
	uv_pipe_init(loop, &s->pipe, 0);
	s->timer.data = s->pipe.data = s;
	s->handles = 2;
	r = uv_pipe_open(&s->pipe, fd);
	if (r < 0) {
		uv_close((uv_handle_t *)&s->timer, never_opened);
		uv_close((uv_handle_t *)&s->pipe, never_opened);
		return r;
	}
	*ret = s;
	update(s);
	stream_kick(s);
	return 0;
}

void stream_close(struct stream *s)
{
	if (s->closing)
		return;
	s->closing = true;
	update(s);
	if (s->broken.code && !s->writing)
		destroy(s);
	else
		uv_timer_start(&s->timer, on_timer, CLOSE_MS, 0);
	stream_kick(s);
}
