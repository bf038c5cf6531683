/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By programs that each board has: cat and uname, run by the agent. */
#include "controller/kconfig/fetch.h"

#include <string.h>

#include "controller/copy/said.h"
#include "controller/kernel/inflate.h"
#include "controller/module/module_call.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define PROGRAM_S  60 /* a program's own limit on the board */
#define PACKED_MAX (1024u * 1024)
#define BLOCK	   (16 * 1024)
#define PROC	   "/proc/config.gz"

/* A file's bytes; -ENOENT: it is not there, or nothing is in it. */
static int get_file(struct client *c, const char *path, size_t max, deadline_ms deadline,
		    struct buf *out, struct kf_error *err)
{
	const char *const argv[] = {"cat", path, NULL};
	uint32_t status = 0;
	int r = said(c, argv, max, PROGRAM_S, deadline, out, NULL, &status, err);

	if (r < 0)
		return r;
	return status || !buf_len(out) ? -ENOENT : 0;
}

struct bytes {
	const uint8_t *at;
	size_t left;
};

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct bytes *b = arg;

	if (n > b->left)
		n = b->left;
	memcpy(data, b->at, n);
	b->at += n;
	b->left -= n;
	return (ssize_t)n;
}

int fetch_unpack(const void *data, size_t n, struct buf *text, struct kf_error *err)
{
	struct bytes from = {data, n};
	struct inflate *i = NULL;
	ssize_t got = 0;
	int r = inflate_new(pull, &from, &i);

	while (r == 0) {
		uint8_t *at;

		r = buf_reserve(text, BLOCK, &at);
		if (r < 0)
			break;
		got = inflate_read(i, at, BLOCK);
		if (got <= 0)
			break;
		buf_commit(text, (size_t)got);
		if (buf_len(text) > KCONF_MAX)
			r = -EFBIG;
	}
	if (r == -EFBIG)
		kf_err(err, r, KF_REASON_INVALID,
		       PROC " unpacks to more than %u MiB: no kernel configuration",
		       KCONF_MAX >> 20);
	else if (r < 0)
		kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
	else if (got < 0)
		r = kf_err(err, -EBADMSG, KF_REASON_INVALID,
			   PROC " cannot be unpacked: %s", inflate_why(i));
	inflate_free(i);
	return r;
}

static int check(struct buf *text, const char *from, char **ret_from,
		 struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	int r = kconf_parse(buf_data(text), buf_len(text), from, &k, err);

	if (r < 0)
		return r;
	*ret_from = strdup(from);
	return *ret_from ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int get_release(struct client *c, deadline_ms deadline, char **ret,
		       struct kf_error *err)
{
	static const char *const argv[] = {"uname", "-r", NULL};
	_buf_ struct buf out = BUF_INIT;
	uint32_t status = 0;
	int r = said(c, argv, 1024, PROGRAM_S, deadline, &out, NULL, &status, err);
	const char *text = r == 0 ? buf_str(&out) : NULL;
	_free_ char *line = text ? strndup(text, strcspn(text, "\n")) : NULL;

	if (r < 0)
		return r;
	if (!line)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (status || !text_is_release(line))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the board's uname -r gives \"%s\", which is no release",
			      line);
	*ret = TAKE_PTR(line);
	return 0;
}

int fetch_config(struct client *c, deadline_ms deadline, struct buf *text,
		 char **ret_from, struct kf_error *err)
{
	_buf_ struct buf packed = BUF_INIT;
	_free_ char *release = NULL, *path = NULL;
	int r = get_file(c, PROC, PACKED_MAX, deadline, &packed, err);

	if (r == 0)
		r = fetch_unpack(buf_data(&packed), buf_len(&packed), text, err);
	if (r == 0)
		return check(text, PROC, ret_from, err);
	if (r != -ENOENT)
		return r;
	r = get_release(c, deadline, &release, err);
	if (r < 0)
		return r;
	path = strf("/boot/config-%s", release);
	if (!path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = get_file(c, path, KCONF_MAX, deadline, text, err);
	return r < 0 ? r : check(text, path, ret_from, err);
}

int fetch_modules(struct client *c, const char *board, deadline_ms deadline,
		  struct buf *names, size_t *ret_n, struct kf_error *err)
{
	const Kferry__Modules *m = NULL;
	int r = module_call_check(c, board, err);

	if (r == 0)
		r = module_call_list(c, NULL, 0, deadline, &m, err);
	if (r < 0)
		return r;
	/* Without those, a module that the board needs could be left out. */
	if (m->left_out)
		return kf_err(err, -EFBIG, KF_REASON_INVALID,
			      "the board has more modules loaded than its agent can "
			      "tell at once (%u more)",
			      m->left_out);
	for (size_t i = 0; i < m->n_module; i++)
		if (buf_printf(names, "%s\n", m->module[i]->name) < 0)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	*ret_n = m->n_module;
	return 0;
}
