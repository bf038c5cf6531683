/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver of a patch reader.  It does not judge what comes out: whoever takes the
 * bytes holds their digest against a manifest.
 */
#include "agent/deploy/patch_in.h"

#include "agent/oserr.h"
#include "proto/reason.h"

#define PULL_BYTES ((size_t)64 * 1024)

struct run {
	const struct patch_in *in;
	struct patch_reader *reader;
	int base_fd;
	uint8_t *room;
	size_t n, used;
};

static int bad(const struct patch_in *in, const char *why, struct kf_error *err)
{
	return kf_err(err, -EBADMSG, KF_REASON_PACKAGE, "the patch of %s is refused: %s",
		      in->what, why);
}

static int begin(struct run *r, const struct patch_head *head, struct kf_error *err)
{
	if (head->size != r->in->size)
		return bad(r->in, "it makes a file of another size", err);
	if (head->base_size == 0)
		return 0;
	r->base_fd = r->in->base(r->in->arg, head, err);
	return r->base_fd < 0 ? r->base_fd : 0;
}

static int read_base(struct run *r, const struct patch_event *ev, struct kf_error *err)
{
	size_t have = 0;

	while (have < ev->len) {
		ssize_t n = pread(r->base_fd, ev->room + have, ev->len - have,
				  (off_t)(ev->at + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return oserr(err, -errno, "read the older version of %s",
				     r->in->what);
		if (n == 0)
			return kf_err(err, -EIO, KF_REASON_DIGEST,
				      "the older version of %s ends too early",
				      r->in->what);
		have += (size_t)n;
	}
	return 0;
}

static int pull_more(struct run *r, struct kf_error *err)
{
	ssize_t n = r->in->pull(r->in->arg, r->room, PULL_BYTES, err);

	if (n < 0)
		return (int)n;
	if (n == 0)
		return bad(r->in, "it is cut off", err);
	r->n = (size_t)n;
	r->used = 0;
	return 0;
}

/* After its end nothing may follow. */
static int check_end(struct run *r, struct kf_error *err)
{
	ssize_t n = r->in->pull(r->in->arg, r->room, PULL_BYTES, err);

	if (n < 0)
		return (int)n;
	return n == 0 ? 0 : bad(r->in, "bytes follow its end", err);
}

static int apply(struct run *r, struct kf_error *err)
{
	for (;;) {
		struct patch_event ev;
		int rc = patch_reader_step(r->reader, r->room, r->n, &r->used, &ev);

		if (rc == -ENOMEM)
			return oserr(err, rc, "apply the patch of %s", r->in->what);
		if (rc < 0)
			return bad(r->in, "it is damaged", err);
		switch (ev.type) {
		case PATCH_MORE:
			rc = pull_more(r, err);
			break;
		case PATCH_BEGIN:
			rc = begin(r, ev.head, err);
			break;
		case PATCH_BASE:
			rc = read_base(r, &ev, err);
			break;
		case PATCH_DATA:
			rc = r->in->put(r->in->arg, ev.data, ev.len, err);
			break;
		case PATCH_END:
			return check_end(r, err);
		}
		if (rc < 0)
			return rc;
	}
}

int patch_in(const struct patch_in *in, struct kf_error *err)
{
	_free_ uint8_t *room = malloc(PULL_BYTES);
	struct run r = {.in = in, .base_fd = -1, .room = room};
	int rc = room ? patch_reader_new(&r.reader) : -ENOMEM;

	if (rc < 0)
		return oserr(err, rc, "apply the patch of %s", in->what);
	rc = apply(&r, err);
	patch_reader_free(r.reader);
	cleanup_close(&r.base_fd);
	return rc;
}
