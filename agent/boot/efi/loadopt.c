/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing EFI load options. */
#include "agent/boot/efi/loadopt.h"

#include <string.h>

#include "agent/boot/efi/efivar.h"
#include "proto/base/le.h"

#define HEAD_SIZE	6 /* attributes and the length of the paths */
#define NODE_HEAD	4 /* type, subtype, length */
#define TYPE_MEDIA	0x04
#define SUB_PARTITION	0x01
#define SUB_FILE	0x04
#define TYPE_END	0x7f
#define PARTITION_SIZE	42
#define FORMAT_MBR	0x01
#define FORMAT_GPT	0x02
#define SIGNATURE_MBR	0x01
#define SIGNATURE_GUID	0x02
#define SIGNATURE_BYTES 16

void loadopt_fini(struct loadopt *o)
{
	free(o->description);
	free(o->file);
	free(o->data);
	memset(o, 0, sizeof(*o));
}

static int put_le(struct buf *out, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	return buf_append(out, b, n);
}

/* Bytes of the string at p with its terminator, 0 when it has none. */
static size_t utf16_size(const uint8_t *p, size_t n)
{
	for (size_t i = 0; n - i >= 2; i += 2)
		if (p[i] == 0 && p[i + 1] == 0)
			return i + 2;
	return 0;
}

static void decode_partition(const uint8_t *p, struct loadopt *o)
{
	uint8_t format = p[40], kind = p[41];

	if ((format != FORMAT_GPT || kind != SIGNATURE_GUID) &&
	    (format != FORMAT_MBR || kind != SIGNATURE_MBR))
		return;
	o->partition.number = (uint32_t)le_get(p + 4, 4);
	o->partition.start = le_get(p + 8, 8);
	o->partition.size = le_get(p + 16, 8);
	o->partition.gpt = format == FORMAT_GPT;
	memcpy(o->partition.id, p + 24, SIGNATURE_BYTES);
	o->has_partition = true;
}

/* A path may be cut into several nodes. */
static int join_file(struct loadopt *o, const uint8_t *p, size_t n)
{
	_free_ char *part = NULL;
	char *whole;
	int r;

	r = efivar_utf16_decode(p, n, &part);
	if (r < 0)
		return r;
	if (asprintf(&whole, "%s%s", o->file ? o->file : "", part) < 0)
		return -ENOMEM;
	free(o->file);
	o->file = whole;
	return 0;
}

static int decode_path(const uint8_t *p, size_t n, struct loadopt *o)
{
	while (n > 0) {
		size_t len = n < NODE_HEAD ? 0 : (size_t)le_get(p + 2, 2);
		int r = 0;

		if (len < NODE_HEAD || len > n)
			return -EBADMSG;
		if (p[0] == TYPE_END)
			return 0;
		if (p[0] == TYPE_MEDIA && p[1] == SUB_PARTITION && len == PARTITION_SIZE)
			decode_partition(p, o);
		else if (p[0] == TYPE_MEDIA && p[1] == SUB_FILE)
			r = join_file(o, p + NODE_HEAD, len - NODE_HEAD);
		if (r < 0)
			return r;
		p += len;
		n -= len;
	}
	return 0;
}

int loadopt_decode(const void *data, size_t n, struct loadopt *ret)
{
	_loadopt_ struct loadopt o = {0};
	const uint8_t *p = data;
	size_t path, text;
	int r;

	if (n < HEAD_SIZE || n > LOADOPT_MAX)
		return -EBADMSG;
	o.attributes = (uint32_t)le_get(p, 4);
	path = (size_t)le_get(p + 4, 2);
	p += HEAD_SIZE;
	n -= HEAD_SIZE;
	text = utf16_size(p, n);
	if (text == 0 || path > n - text)
		return -EBADMSG;
	r = efivar_utf16_decode(p, text, &o.description);
	if (r == 0)
		r = decode_path(p + text, path, &o);
	if (r < 0)
		return r;
	o.n_data = n - text - path;
	if (o.n_data > 0) {
		o.data = malloc(o.n_data);
		if (!o.data)
			return -ENOMEM;
		memcpy(o.data, p + text + path, o.n_data);
	}
	*ret = o;
	memset(&o, 0, sizeof(o));
	return 0;
}

static int encode_path(const struct loadopt *o, struct buf *out)
{
	const struct partition *p = &o->partition;
	_buf_ struct buf file = BUF_INIT;
	int r;

	r = efivar_utf16_encode(o->file, &file);
	if (r < 0)
		return r;
	if (buf_len(&file) > LOADOPT_MAX)
		return -EINVAL;
	r = buf_append(out, (uint8_t[]){TYPE_MEDIA, SUB_PARTITION, PARTITION_SIZE, 0}, 4);
	if (r == 0)
		r = put_le(out, p->number, 4);
	if (r == 0)
		r = put_le(out, p->start, 8);
	if (r == 0)
		r = put_le(out, p->size, 8);
	if (r == 0)
		r = buf_append(out, p->id, SIGNATURE_BYTES);
	if (r == 0)
		r = put_le(out, p->gpt ? FORMAT_GPT : FORMAT_MBR, 1);
	if (r == 0)
		r = put_le(out, p->gpt ? SIGNATURE_GUID : SIGNATURE_MBR, 1);
	if (r == 0)
		r = buf_append(out, (uint8_t[]){TYPE_MEDIA, SUB_FILE}, 2);
	if (r == 0)
		r = put_le(out, NODE_HEAD + buf_len(&file), 2);
	if (r == 0)
		r = buf_append(out, buf_data(&file), buf_len(&file));
	if (r == 0)
		r = buf_append(out, (uint8_t[]){TYPE_END, 0xff, NODE_HEAD, 0}, 4);
	return r;
}

int loadopt_encode(const struct loadopt *o, struct buf *out)
{
	_buf_ struct buf path = BUF_INIT, b = BUF_INIT;
	int r;

	if (!o->file || !o->description || !o->has_partition)
		return -EINVAL;
	r = encode_path(o, &path);
	if (r == 0)
		r = put_le(&b, o->attributes, 4);
	if (r == 0)
		r = put_le(&b, buf_len(&path), 2);
	if (r == 0)
		r = efivar_utf16_encode(o->description, &b);
	if (r == 0)
		r = buf_append(&b, buf_data(&path), buf_len(&path));
	if (r == 0 && o->n_data > 0)
		r = buf_append(&b, o->data, o->n_data);
	if (r == 0 && buf_len(&b) > LOADOPT_MAX)
		r = -EINVAL;
	return r < 0 ? r : buf_append(out, buf_data(&b), buf_len(&b));
}

bool loadopt_same_partition(const struct partition *a, const struct partition *b)
{
	return a->gpt == b->gpt && memcmp(a->id, b->id, SIGNATURE_BYTES) == 0 &&
	       (a->gpt || a->number == b->number);
}
