/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of 4,000 files one has another digest: no reason to send 400 KB. */
#include "agent/deploy/manifest_in.h"

#include <string.h>

#include "agent/deploy/patch_in.h"
#include "agent/oserr.h"
#include "proto/reason.h"

struct source {
	const struct bases *bases;
	const uint8_t *data;
	size_t left;
	struct buf *made;
};

static ssize_t pull(void *arg, void *data, size_t n, struct kf_error *err)
{
	struct source *s = arg;

	(void)err;
	if (n > s->left)
		n = s->left;
	memcpy(data, s->data, n);
	s->data += n;
	s->left -= n;
	return (ssize_t)n;
}

static int open_base(void *arg, const struct patch_head *head, struct kf_error *err)
{
	const struct source *s = arg;
	const struct digest *is = bases_manifest(s->bases);
	int fd = -ENOENT;

	if (is && digest_equal(is, &head->base))
		fd = bases_open_manifest(s->bases);
	if (fd == -ENOENT)
		return kf_err(err, fd, KF_REASON_DIGEST,
			      "the manifest came as a patch against one that the board "
			      "does not have");
	return fd < 0 ? oserr(err, fd, "open the manifest of a slot") : fd;
}

static int put(void *arg, const void *data, size_t n, struct kf_error *err)
{
	struct source *s = arg;
	int rc = buf_append(s->made, data, n);

	return rc < 0 ? oserr(err, rc, "take the manifest") : 0;
}

int manifest_in(const struct bases *bases, uint64_t size, const void **data, size_t *n,
		struct buf *made, struct kf_error *err)
{
	struct source s = {bases, *data, *n, made};
	const struct patch_in in = {.pull = pull,
				    .base = open_base,
				    .put = put,
				    .arg = &s,
				    .what = "the manifest",
				    .size = size};
	int rc;

	if (!bases || !patch_is(*data, *n))
		return 0;
	rc = patch_in(&in, err);
	if (rc < 0)
		return rc;
	*data = buf_data(made);
	*n = buf_len(made);
	return 0;
}
