/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A push parser for newc archives, fed from the file itself and from decompressed
 * members.  Between archives, in the file, it hands back to find out what follows.
 */
#include "agent/initramfs/cpio_scan.h"

#include <stdbool.h>
#include <string.h>

#include "agent/initramfs/decomp.h"

#define HEADER_SIZE 110 /* "070701" and 13 fields of 8 hex digits */
#define STEP	    (64u * 1024)

enum at { AT_GAP, AT_HEADER, AT_NAME, AT_SKIP };

struct scan {
	cpio_scan_fn fn;
	void *arg;
	const atomic_bool *cancel;
	uint64_t total;
	enum at at;
	uint64_t skip;	     /* bytes to pass over, then what follows is a gap */
	uint64_t after_name; /* AT_NAME: the skip that comes next */
	size_t have, want;   /* of header or name */
	bool trailer;	     /* an archive has just ended */
	char header[HEADER_SIZE];
	char name[CPIO_NAME_MAX];
};

static int hex_field(const char *p, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		char c = p[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (unsigned)(c - 'A') + 10;
		else
			return -EBADMSG;
		v = v << 4 | digit;
	}
	*ret = v;
	return 0;
}

static uint64_t pad4(uint64_t n)
{
	return (4 - n % 4) % 4;
}

static int take_header(struct scan *s)
{
	uint32_t size, name_size;

	if (memcmp(s->header, "070701", 6) != 0 && memcmp(s->header, "070702", 6) != 0)
		return -EBADMSG;
	/* Fields: ino mode uid gid nlink mtime filesize major minor rmajor rminor
	 * namesize check. */
	if (hex_field(s->header + 6 + 6 * 8, &size) < 0 ||
	    hex_field(s->header + 6 + 11 * 8, &name_size) < 0)
		return -EBADMSG;
	if (name_size == 0 || name_size > CPIO_NAME_MAX)
		return -EBADMSG;
	s->at = AT_NAME;
	s->have = 0;
	s->want = name_size;
	s->after_name = pad4(HEADER_SIZE + (uint64_t)name_size) + size + pad4(size);
	return 0;
}

static int take_name(struct scan *s)
{
	const char *name = s->name;

	if (s->name[s->want - 1] != '\0')
		return -EBADMSG;
	s->skip = s->after_name;
	s->at = s->skip ? AT_SKIP : AT_GAP;
	if (strcmp(name, "TRAILER!!!") == 0) {
		s->trailer = true;
		return 0;
	}
	while (name[0] == '.' && name[1] == '/')
		name += 2 + strspn(name + 2, "/");
	return s->fn(s->arg, name);
}

/* Collect s->want bytes; returns how many were taken. */
static size_t collect(struct scan *s, char *dst, const uint8_t *p, size_t n)
{
	size_t take = s->want - s->have < n ? s->want - s->have : n;

	memcpy(dst + s->have, p, take);
	s->have += take;
	return take;
}

/* Bytes of an archive.  Stops early, with *ret_used < n, where a gap ends in something
 * that is no header. */
static int feed(struct scan *s, const uint8_t *p, size_t n, size_t *ret_used)
{
	size_t i = 0;
	int r = 0;

	while (i < n && r == 0) {
		size_t left = n - i;

		switch (s->at) {
		case AT_GAP:
			if (p[i] == 0) {
				i++;
				break;
			}
			if (p[i] != '0') {
				*ret_used = i;
				return 0;
			}
			s->at = AT_HEADER;
			s->have = 0;
			s->want = HEADER_SIZE;
			s->trailer = false;
			break;
		case AT_HEADER:
			i += collect(s, s->header, p + i, left);
			if (s->have == s->want)
				r = take_header(s);
			break;
		case AT_NAME:
			i += collect(s, s->name, p + i, left);
			if (s->have == s->want)
				r = take_name(s);
			break;
		case AT_SKIP:
			left = s->skip < left ? (size_t)s->skip : left;
			i += left;
			s->skip -= left;
			if (s->skip == 0)
				s->at = AT_GAP;
			break;
		}
	}
	*ret_used = i;
	return r;
}

static int count(struct scan *s, size_t n)
{
	s->total += n;
	if (s->total > CPIO_SCAN_MAX)
		return -EFBIG;
	if (s->cancel && atomic_load(s->cancel))
		return -ECANCELED;
	return 0;
}

static int from_member(void *arg, const uint8_t *data, size_t n)
{
	struct scan *s = arg;
	size_t used;
	int r = count(s, n);

	if (r == 0)
		r = feed(s, data, n, &used);
	if (r == 0 && used < n)
		r = -EBADMSG;
	return r;
}

static int scan_member(struct scan *s, int fd, uint64_t at, uint64_t len,
		       const uint8_t *magic, size_t n, unsigned *formats,
		       uint64_t *ret_used)
{
	enum decomp_format f = decomp_detect(magic, n);

	if (f == DECOMP_NONE)
		return -EBADMSG;
	*formats |= 1u << f;
	return decomp_member(fd, at, len, f, from_member, s, ret_used);
}

static int scan_file(struct scan *s, int fd, uint64_t len, uint8_t *step,
		     unsigned *formats)
{
	uint64_t at = 0;

	while (at < len) {
		size_t want = len - at < STEP ? (size_t)(len - at) : STEP, used;
		ssize_t n = pread(fd, step, want, (off_t)at);
		uint64_t member;
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		r = count(s, (size_t)n);
		if (r == 0)
			r = feed(s, step, (size_t)n, &used);
		if (r != 0)
			return r;
		at += used;
		if (used == (size_t)n)
			continue;
		n = pread(fd, step,
			  len - at < DECOMP_MAGIC ? (size_t)(len - at) : DECOMP_MAGIC,
			  (off_t)at);
		r = scan_member(s, fd, at, len, step, n < 0 ? 0 : (size_t)n, formats,
				&member);
		if (r != 0)
			return r;
		at += member;
	}
	return s->at == AT_GAP ? 0 : -EBADMSG;
}

int cpio_scan(int fd, uint64_t len, const atomic_bool *cancel, cpio_scan_fn fn, void *arg,
	      unsigned *ret_formats)
{
	_free_ struct scan *s = calloc(1, sizeof(*s));
	_free_ uint8_t *step = malloc(STEP);
	unsigned formats = 0;
	int r;

	if (!s || !step)
		return -ENOMEM;
	s->fn = fn;
	s->arg = arg;
	s->cancel = cancel;
	r = scan_file(s, fd, len, step, &formats);
	if (ret_formats)
		*ret_formats = formats;
	return r;
}
