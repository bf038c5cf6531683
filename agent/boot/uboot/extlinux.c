/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing extlinux.conf. */
#include "agent/boot/uboot/extlinux.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "agent/boot/keyline.h"
#include "proto/text.h"

#define PROMPTLESS "timeout 0\nprompt 0\n"

struct key {
	const char *name;
	size_t offset; /* of a char * in struct extlinux_label */
};

/* The names that are written come first. */
static const struct key keys[] = {
	{"linux", offsetof(struct extlinux_label, linux_path)},
	{"initrd", offsetof(struct extlinux_label, initrd)},
	{"fdt", offsetof(struct extlinux_label, fdt)},
	{"fdtdir", offsetof(struct extlinux_label, fdtdir)},
	{"append", offsetof(struct extlinux_label, append)},
	{"kernel", offsetof(struct extlinux_label, linux_path)},
	{"devicetree", offsetof(struct extlinux_label, fdt)},
	{"devicetreedir", offsetof(struct extlinux_label, fdtdir)},
};
#define KEYS_WRITTEN 5

static char **field(struct extlinux_label *l, const struct key *k)
{
	return (char **)((char *)l + k->offset);
}

void extlinux_fini(struct extlinux *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->label[i].name);
		for (size_t k = 0; k < KEYS_WRITTEN; k++)
			free(*field(&e->label[i], &keys[k]));
	}
	free(e->dflt);
	memset(e, 0, sizeof(*e));
}

static bool is_key(const struct keyline *l, const char *name)
{
	return l->key_len == strlen(name) && strncasecmp(l->key, name, l->key_len) == 0;
}

static int set(char **at, const struct keyline *l)
{
	char *copy = strndup(l->value, l->value_len);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int set_value(struct extlinux *e, const struct keyline *l)
{
	if (is_key(l, "default"))
		return set(&e->dflt, l);
	if (is_key(l, "label")) {
		if (e->n == EXTLINUX_LABELS)
			return -EBADMSG;
		return set(&e->label[e->n++].name, l);
	}
	for (size_t i = 0; e->n > 0 && i < ARRAY_SIZE(keys); i++)
		if (is_key(l, keys[i].name))
			return set(field(&e->label[e->n - 1], &keys[i]), l);
	return 0;
}

int extlinux_parse(const void *data, size_t n, struct extlinux *ret)
{
	_extlinux_ struct extlinux e = {.n = 0};
	const char *p = n > 0 ? data : "", *end = p + n;
	struct keyline l;

	if (n > EXTLINUX_MAX || memchr(p, '\0', n))
		return -EBADMSG;
	while (keyline_next(&p, end, &l)) {
		int r = set_value(&e, &l);

		if (r < 0)
			return r;
	}
	*ret = e;
	memset(&e, 0, sizeof(e));
	return 0;
}

const struct extlinux_label *extlinux_default(const struct extlinux *e)
{
	for (size_t i = 0; e->dflt && i < e->n; i++)
		if (strcmp(e->label[i].name, e->dflt) == 0)
			return &e->label[i];
	return e->n > 0 ? &e->label[0] : NULL;
}

static int emit_line(struct buf *out, const char *indent, const char *key,
		     const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || strpbrk(value, "\n\r") || text_is_blank(value[0]) ||
	    text_is_blank(value[n - 1]))
		return -EINVAL;
	return buf_printf(out, "%s%s %s\n", indent, key, value);
}

static int emit_label(const struct extlinux_label *l, struct buf *out)
{
	int r;

	if (!l->name || (l->append && strpbrk(l->append, "$\\")))
		return -EINVAL;
	r = emit_line(out, "", "label", l->name);
	for (size_t k = 0; r == 0 && k < KEYS_WRITTEN; k++) {
		const char *v = *field((struct extlinux_label *)l, &keys[k]);

		if (v)
			r = emit_line(out, "\t", keys[k].name, v);
	}
	return r;
}

int extlinux_emit(const struct extlinux *e, struct buf *out)
{
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	if (e->dflt)
		r = emit_line(&b, "", "default", e->dflt);
	if (r == 0)
		r = buf_printf(&b, PROMPTLESS);
	for (size_t i = 0; r == 0 && i < e->n; i++)
		r = emit_label(&e->label[i], &b);
	if (r == 0 && buf_len(&b) > EXTLINUX_MAX)
		r = -EINVAL;
	return r < 0 ? r : buf_append(out, buf_data(&b), buf_len(&b));
}
