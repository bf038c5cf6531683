/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a .deb as a chain: ar, then the member's own compression and tar.  Maintainer
 * scripts are never looked at: the board's own agent does what they would.
 */
#include "controller/kernel/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/kernel/inflate.h"
#include "proto/manifest.h"
#include "proto/reason.h"

#define BLOCK	    (64 * 1024)
#define MAX_CONTROL (256 * 1024)

#define BAD(u, err, fmt, ...)                                                            \
	kf_err(err, -EBADMSG, KF_REASON_PACKAGE, "%s: " fmt, (u)->file, ##__VA_ARGS__)

static void take_field(const char *line, size_t n, const char *name, char *ret,
		       size_t size)
{
	size_t head = strlen(name);

	if (n <= head || strncmp(line, name, head) != 0 || line[head] != ':')
		return;
	line += head + 1;
	n -= head + 1;
	while (n > 0 && isblank((unsigned char)*line)) {
		line++;
		n--;
	}
	snprintf(ret, size, "%.*s", (int)(n < size ? n : size - 1), line);
}

void deb_parse_control(const char *text, struct deb_control *ret)
{
	static const struct {
		const char *deb, *manifest;
	} arches[] = {{"amd64", "x86_64"}, {"armhf", "arm"}, {"armel", "arm"}};

	*ret = (struct deb_control){0};
	while (*text) {
		size_t n = strcspn(text, "\n");

		take_field(text, n, "Package", ret->package, sizeof(ret->package));
		take_field(text, n, "Architecture", ret->arch, sizeof(ret->arch));
		take_field(text, n, "Depends", ret->depends, sizeof(ret->depends));
		text += n + (text[n] == '\n');
	}
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (strcmp(ret->arch, arches[i].deb) == 0)
			snprintf(ret->arch, sizeof(ret->arch), "%s", arches[i].manifest);
	}
}

static ssize_t pull_member(void *arg, void *data, size_t n)
{
	la_ssize_t got = archive_read_data(arg, data, n);

	if (atomic_load(cancel_flag()))
		return -ECANCELED;
	return got < 0 ? -EBADMSG : got;
}

struct inner {
	struct inflate *in;
	uint8_t *block;
};

static la_ssize_t on_inner(struct archive *a, void *arg, const void **ret)
{
	struct inner *s = arg;
	ssize_t n = inflate_read(s->in, s->block, BLOCK);

	if (n < 0)
		archive_set_error(a, EIO, "its compressed data is damaged");
	*ret = s->block;
	return n < 0 ? -1 : n;
}

/* The file "control" of a control.tar, into text. */
static int read_control(struct archive *ar, struct buf *text)
{
	struct inner s = {NULL, malloc(BLOCK)};
	struct archive *tar = archive_read_new();
	struct archive_entry *e;
	int r = -EBADMSG;

	text->max = MAX_CONTROL;
	if (!s.block || !tar || inflate_new(pull_member, ar, &s.in) < 0) {
		r = -ENOMEM;
		goto out;
	}
	if (archive_read_support_format_tar(tar) < ARCHIVE_WARN ||
	    archive_read_open(tar, &s, NULL, on_inner, NULL) != ARCHIVE_OK)
		goto out;
	while (archive_read_next_header(tar, &e) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(e);
		la_int64_t size = archive_entry_size(e);
		uint8_t *room;

		if (!path || (strcmp(path, "./control") && strcmp(path, "control")))
			continue;
		if (size < 0 || size > MAX_CONTROL)
			break;
		r = buf_reserve(text, (size_t)size + 1, &room);
		if (r == 0 && archive_read_data(tar, room, (size_t)size) != size)
			r = -EBADMSG;
		if (r == 0)
			buf_commit(text, (size_t)size);
		break;
	}
out:
	archive_read_free(tar);
	inflate_free(s.in);
	free(s.block);
	return r;
}

static int take_control(struct unpack *u, struct archive *ar, struct deb_control *ret,
			struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	const char *s;
	int r = read_control(ar, &text);

	if (r == -ENOMEM || !(s = buf_str(&text)))
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (r < 0)
		return BAD(u, err,
			   "it is truncated or altered: its control file cannot "
			   "be read");
	deb_parse_control(s, ret);
	return 0;
}

static bool is_member(const char *name, const char *what)
{
	size_t n = strlen(what);

	return name && strncmp(name, what, n) == 0 && (name[n] == '.' || !name[n]);
}

static int read_members(struct unpack *u, struct archive *ar, struct deb_control *ret,
			struct kf_error *err)
{
	struct archive_entry *e;
	bool data = false;
	int r, last;

	while ((last = archive_read_next_header(ar, &e)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(e);

		if (is_member(name, "control.tar")) {
			r = take_control(u, ar, ret, err);
		} else if (is_member(name, "data.tar")) {
			if (data)
				return BAD(u, err, "it has two data members");
			data = true;
			r = unpack_tar(u, pull_member, ar, err);
		} else {
			continue;
		}
		if (r < 0)
			return r;
	}
	if (last != ARCHIVE_EOF)
		return BAD(u, err, "it is truncated or altered: %s",
			   archive_error_string(ar) ? archive_error_string(ar)
						    : "damaged");
	if (!data || !ret->package[0])
		return BAD(u, err, "it is truncated or no Debian package: %s is missing",
			   data ? "its control file" : "its data");
	return 0;
}

int deb_unpack(struct unpack *u, int fd, struct deb_control *ret, struct kf_error *err)
{
	struct archive *ar = archive_read_new();
	int r;

	*ret = (struct deb_control){0};
	if (!ar || archive_read_support_format_ar(ar) < ARCHIVE_WARN)
		r = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	else if (archive_read_open_fd(ar, fd, BLOCK) != ARCHIVE_OK)
		r = BAD(u, err, "it is truncated or altered: %s",
			archive_error_string(ar) ? archive_error_string(ar) : "damaged");
	else
		r = read_members(u, ar, ret, err);
	archive_read_free(ar);
	return r;
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

int deb_check(const struct unpack *u, const struct deb_control *c, struct kf_error *err)
{
	const char *what = NULL;

	if (strncmp(c->package, "linux-headers", 13) == 0)
		what = "kernel headers";
	else if (ends(c->package, "-dbg") || ends(c->package, "-dbgsym"))
		what = "debug information";
	else if (strncmp(c->package, "linux-source", 12) == 0)
		what = "kernel sources";
	else if (strcmp(c->package, "linux-libc-dev") == 0)
		what = "headers of the C library";
	if (what)
		return BAD(u, err,
			   "%s holds %s, no kernel: take the linux-image package beside "
			   "it",
			   c->package, what);
	if (!u->image && !u->modules && strstr(c->depends, "linux-image-"))
		return BAD(u, err,
			   "%s is a metapackage without a kernel: take the package it "
			   "depends on (%s)",
			   c->package, c->depends);
	if (!u->image)
		return BAD(u, err,
			   "there is no kernel (boot/vmlinuz-RELEASE) in %s: take the "
			   "linux-image package",
			   c->package);
	return 0;
}
