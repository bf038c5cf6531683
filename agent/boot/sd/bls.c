/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing type 1 boot entries.
 *
 * The reader follows systemd-boot's: blanks and tabs around key and value do not count, a
 * value that begins and ends with '"' is stripped of both.  The writer adds a pair where
 * the reader would strip one that belongs to the value.
 */
#include "agent/boot/sd/bls.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/boot/keyline.h"
#include "proto/text.h"

struct key {
	const char *name;
	size_t offset; /* of a char * in struct bls_entry */
};

static const struct key keys[] = {
	{"title", offsetof(struct bls_entry, title)},
	{"version", offsetof(struct bls_entry, version)},
	{"machine-id", offsetof(struct bls_entry, machine_id)},
	{"sort-key", offsetof(struct bls_entry, sort_key)},
	{"architecture", offsetof(struct bls_entry, architecture)},
	{"linux", offsetof(struct bls_entry, linux_path)},
	{"efi", offsetof(struct bls_entry, efi_path)},
	{"devicetree", offsetof(struct bls_entry, devicetree)},
};

static char **field(struct bls_entry *e, const struct key *k)
{
	return (char **)((char *)e + k->offset);
}

void bls_entry_fini(struct bls_entry *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		free(*field(e, &keys[i]));
	free(e->options);
	for (size_t i = 0; i < e->n_initrd; i++)
		free(e->initrd[i]);
	memset(e, 0, sizeof(*e));
}

static int join_options(struct bls_entry *e, const struct keyline *l)
{
	size_t old = e->options ? strlen(e->options) : 0;
	char *s = realloc(e->options, old + l->value_len + 2);

	if (!s)
		return -ENOMEM;
	e->options = s;
	if (old > 0)
		s[old++] = ' ';
	memcpy(s + old, l->value, l->value_len);
	s[old + l->value_len] = '\0';
	return 0;
}

static int set_value(struct bls_entry *e, const struct keyline *l)
{
	char *copy;

	if (keyline_is(l, "options"))
		return join_options(e, l);
	if (keyline_is(l, "initrd")) {
		if (e->n_initrd == BLS_INITRD_MAX)
			return -EBADMSG;
		copy = strndup(l->value, l->value_len);
		if (!copy)
			return -ENOMEM;
		e->initrd[e->n_initrd++] = copy;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!keyline_is(l, keys[i].name))
			continue;
		copy = strndup(l->value, l->value_len);
		if (!copy)
			return -ENOMEM;
		free(*field(e, &keys[i]));
		*field(e, &keys[i]) = copy;
	}
	return 0;
}

int bls_parse(const void *data, size_t n, struct bls_entry *ret)
{
	_bls_entry_ struct bls_entry e = {0};
	const char *p = n > 0 ? data : "", *end = p + n;
	struct keyline l;

	if (n > BLS_ENTRY_MAX || memchr(p, '\0', n))
		return -EBADMSG;
	while (keyline_next(&p, end, &l)) {
		int r;

		keyline_unquote(&l);
		r = l.value_len > 0 ? set_value(&e, &l) : 0;
		if (r < 0)
			return r;
	}
	*ret = e;
	memset(&e, 0, sizeof(e));
	return 0;
}

static int emit_line(struct buf *out, const char *key, const char *value)
{
	size_t n = strlen(value);
	bool quote;

	if (n == 0 || strpbrk(value, "\n\r"))
		return -EINVAL;
	quote = text_is_blank(value[0]) || text_is_blank(value[n - 1]) ||
		(value[0] == '"' && value[n - 1] == '"');
	return buf_printf(out, quote ? "%s \"%s\"\n" : "%s %s\n", key, value);
}

int bls_emit(const struct bls_entry *e, struct buf *out)
{
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++) {
		const char *v = *field((struct bls_entry *)e, &keys[i]);

		if (v)
			r = emit_line(&b, keys[i].name, v);
	}
	for (size_t i = 0; r == 0 && i < e->n_initrd; i++)
		r = emit_line(&b, "initrd", e->initrd[i]);
	if (r == 0 && e->options)
		r = emit_line(&b, "options", e->options);
	if (r == 0 && buf_len(&b) > BLS_ENTRY_MAX)
		r = -EINVAL;
	return r < 0 ? r : buf_append(out, buf_data(&b), buf_len(&b));
}

/* "+LEFT" or "+LEFT-DONE" at the end of s[0..n): where it begins, else n. */
static size_t counters_at(const char *s, size_t n, int *ret_left)
{
	size_t i = n, plus;
	int left = 0;

	while (i > 0 && isdigit((unsigned char)s[i - 1]))
		i--;
	if (i == n || i == 0)
		return n;
	if (s[i - 1] == '-') {
		size_t j = --i;

		while (i > 0 && isdigit((unsigned char)s[i - 1]))
			i--;
		if (i == j || i == 0)
			return n;
	}
	if (s[i - 1] != '+')
		return n;
	plus = i - 1;
	for (; isdigit((unsigned char)s[i]); i++)
		left = left < 1000000 ? left * 10 + (s[i] - '0') : left;
	*ret_left = left;
	return plus;
}

int bls_file_id(const char *name, char *dst, int *ret_tries)
{
	size_t n = strlen(name), keep;
	int tries = -1;

	if (n <= 5 || name[0] == '.' || strcasecmp(name + n - 5, ".conf") != 0)
		return -EINVAL;
	keep = counters_at(name, n - 5, &tries);
	if (keep == 0)
		return -EINVAL;
	for (size_t i = 0; i < keep; i++)
		dst[i] = (char)tolower((unsigned char)name[i]);
	memcpy(dst + keep, ".conf", 6);
	if (ret_tries)
		*ret_tries = tries;
	return 0;
}
