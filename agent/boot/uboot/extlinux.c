/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing extlinux.conf. */
#include "agent/boot/uboot/extlinux.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

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

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **s, size_t *n)
{
	while (*n > 0 && is_blank(**s)) {
		(*s)++;
		(*n)--;
	}
	while (*n > 0 && is_blank((*s)[*n - 1]))
		(*n)--;
}

static bool is_key(const char *s, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(s, name, n) == 0;
}

static int set(char **at, const char *value, size_t n)
{
	char *copy = strndup(value, n);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int parse_line(struct extlinux *e, const char *line, size_t n)
{
	const char *value;
	size_t key_len = 0, value_len;

	trim(&line, &n);
	if (n == 0 || *line == '#')
		return 0;
	while (key_len < n && !is_blank(line[key_len]))
		key_len++;
	value = line + key_len;
	value_len = n - key_len;
	trim(&value, &value_len);
	if (value_len == 0)
		return 0;
	if (is_key(line, key_len, "default"))
		return set(&e->dflt, value, value_len);
	if (is_key(line, key_len, "label")) {
		if (e->n == EXTLINUX_LABELS)
			return -EBADMSG;
		return set(&e->label[e->n++].name, value, value_len);
	}
	for (size_t i = 0; e->n > 0 && i < ARRAY_SIZE(keys); i++)
		if (is_key(line, key_len, keys[i].name))
			return set(field(&e->label[e->n - 1], &keys[i]), value,
				   value_len);
	return 0;
}

int extlinux_parse(const void *data, size_t n, struct extlinux *ret)
{
	_extlinux_ struct extlinux e = {.n = 0};
	const char *p = n > 0 ? data : "", *end = p + n;

	if (n > EXTLINUX_MAX || memchr(p, '\0', n))
		return -EBADMSG;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		int r = parse_line(&e, p, len);

		if (r < 0)
			return r;
		p += len + (nl ? 1 : 0);
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

	if (n == 0 || strpbrk(value, "\n\r") || is_blank(value[0]) ||
	    is_blank(value[n - 1]))
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
