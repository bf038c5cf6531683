/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A .config is lines: "CONFIG_X=value", "# CONFIG_X is not set", other comments, nothing.
 * Anything else is no .config: a board may answer with whatever it likes.
 */
#include "controller/kconfig/kconf.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define PREFIX	   "CONFIG_"
#define SYMBOL_MAX 128
#define UNSET	   " is not set"

static bool is_symbol_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

bool kconf_is_symbol(const char *s, size_t n)
{
	if (n <= strlen(PREFIX) || n > SYMBOL_MAX || memcmp(s, PREFIX, strlen(PREFIX)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_symbol_char(s[i]))
			return false;
	return true;
}

/* What a line says: 1 and where the symbol and its value are (value NULL: not set), 0
 * when it says nothing, -EINVAL. */
static int split(const char *line, size_t n, const char **ret_name, size_t *ret_len,
		 const char **ret_value)
{
	size_t unset = strlen(UNSET);
	const char *eq;

	if (!n)
		return 0;
	if (line[0] == '#') {
		if (n < 2 + unset || line[1] != ' ' ||
		    memcmp(line + n - unset, UNSET, unset) ||
		    !kconf_is_symbol(line + 2, n - 2 - unset))
			return 0;
		*ret_name = line + 2;
		*ret_len = n - 2 - unset;
		*ret_value = NULL;
		return 1;
	}
	eq = memchr(line, '=', n);
	if (!eq || !kconf_is_symbol(line, (size_t)(eq - line)))
		return -EINVAL;
	*ret_name = line;
	*ret_len = (size_t)(eq - line);
	*ret_value = eq + 1;
	return 1;
}

/* kconfig's own: "# Linux/x86 6.1.0 Kernel Configuration". */
static void take_head(struct kconf *k, const char *line, size_t n)
{
	static const char begin[] = "# Linux/";
	const char *arch = line + strlen(begin), *blank, *end = line + n, *release;
	size_t len;

	if (k->arch[0] || n <= strlen(begin) || memcmp(line, begin, strlen(begin)))
		return;
	blank = memchr(arch, ' ', (size_t)(end - arch));
	if (!blank || blank == arch || (size_t)(blank - arch) >= sizeof(k->arch))
		return;
	snprintf(k->arch, sizeof(k->arch), "%.*s", (int)(blank - arch), arch);
	if (!text_is_name(k->arch)) {
		k->arch[0] = '\0';
		return;
	}
	release = blank + 1;
	blank = memchr(release, ' ', (size_t)(end - release));
	len = (size_t)((blank ? blank : end) - release);
	snprintf(k->release, sizeof(k->release), "%.*s", (int)len, release);
	if (len >= sizeof(k->release) || !text_is_release(k->release))
		k->release[0] = '\0';
}

static int by_name(const void *a, const void *b)
{
	const struct kconf_symbol *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	/* The later line last: both lie in the same text. */
	return order ? order : (x->name > y->name) - (x->name < y->name);
}

static void sort(struct kconf *k)
{
	size_t kept = 0;

	qsort(k->symbols, k->n, sizeof(*k->symbols), by_name);
	for (size_t i = 0; i < k->n; i++) {
		if (i + 1 < k->n && !strcmp(k->symbols[i].name, k->symbols[i + 1].name))
			continue;
		k->symbols[kept++] = k->symbols[i];
	}
	k->n = kept;
}

/* The lines of k->text, which is ours: they are terminated in place. */
static int take_lines(struct kconf *k, size_t n, size_t *ret_line)
{
	static const char not_set[] = "n";

	*ret_line = 0;
	for (char *at = k->text, *end = at + n; at < end; (*ret_line)++) {
		char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl ? nl : end) - at), name_len;
		const char *name, *value;
		int r;

		if (len && at[len - 1] == '\r')
			len--;
		if (!text_is_plain(at, len, true))
			return -EINVAL;
		take_head(k, at, len);
		r = split(at, len, &name, &name_len, &value);
		if (r < 0)
			return r;
		if (r) {
			at[len] = '\0';
			k->text[(size_t)(name - k->text) + name_len] = '\0';
			k->symbols[k->n++] =
				(struct kconf_symbol){name, value ? value : not_set};
		}
		at = nl ? nl + 1 : end;
	}
	return 0;
}

static size_t count_lines(const char *data, size_t n)
{
	size_t lines = 1;

	for (const char *at = data; n && (at = memchr(at, '\n', n - (size_t)(at - data)));
	     at++)
		lines++;
	return lines;
}

int kconf_parse(const void *data, size_t n, const char *from, struct kconf *ret,
		struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	size_t line;

	if (n > KCONF_MAX)
		return kf_err(err, -EFBIG, KF_REASON_INVALID,
			      "%s has more than %u MiB: no kernel configuration", from,
			      KCONF_MAX >> 20);
	k.text = malloc(n + 1);
	if (k.text)
		k.symbols = calloc(count_lines(data, n), sizeof(*k.symbols));
	if (!k.symbols)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (n)
		memcpy(k.text, data, n);
	k.text[n] = '\0';
	if (take_lines(&k, n, &line) < 0)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "%s is no kernel configuration: line %zu is neither "
			      "CONFIG_NAME=VALUE nor a comment",
			      from, line + 1);
	if (!k.n)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "%s is no kernel configuration: no line of it is about a "
			      "CONFIG_NAME",
			      from);
	sort(&k);
	*ret = k;
	k = (struct kconf){0};
	return 0;
}

void kconf_fini(struct kconf *k)
{
	free(k->text);
	free(k->symbols);
	*k = (struct kconf){0};
}

int kconf_read_file(const char *path, struct buf *text, struct kconf *ret,
		    struct kf_error *err)
{
	size_t before = buf_len(text);
	int r = fs_read_file(AT_FDCWD, path, KCONF_MAX, text);

	if (r == -EFBIG)
		return kf_err(err, r, KF_REASON_INVALID,
			      "%s has more than %u MiB: no kernel configuration", path,
			      KCONF_MAX >> 20);
	if (r < 0)
		return kf_err(err, r, r == -ENOENT ? KF_REASON_NOT_FOUND : KF_REASON_IO,
			      "read %s: %m", path);
	return kconf_parse(buf_data(text) + before, buf_len(text) - before, path, ret,
			   err);
}

const char *kconf_value(const struct kconf *k, const char *symbol)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t at = low + (high - low) / 2;
		int order = strcmp(k->symbols[at].name, symbol);

		if (order == 0)
			return k->symbols[at].value;
		if (order < 0)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

/* Differences of one kind, as the kernel's scripts/diffconfig calls them. */
static int diff_kind(const struct kconf *a, const struct kconf *b, char kind,
		     kconf_diff_fn fn, void *arg)
{
	const struct kconf *of = kind == '+' ? b : a, *other = kind == '+' ? a : b;
	int r = 0;

	for (size_t i = 0; i < of->n && r == 0; i++) {
		const struct kconf_symbol *s = &of->symbols[i];
		const char *there = kconf_value(other, s->name);
		const char *name = s->name + strlen(PREFIX);

		if (kind == '-' && !there)
			r = fn(arg, name, s->value, NULL);
		else if (kind == '+' && !there)
			r = fn(arg, name, NULL, s->value);
		else if (kind == ' ' && there && strcmp(there, s->value))
			r = fn(arg, name, s->value, there);
	}
	return r;
}

int kconf_diff(const struct kconf *a, const struct kconf *b, kconf_diff_fn fn, void *arg)
{
	static const char kinds[] = "- +";
	int r = 0;

	for (const char *kind = kinds; *kind && r == 0; kind++)
		r = diff_kind(a, b, *kind, fn, arg);
	return r;
}

int kconf_set(struct buf *out, const char *text, size_t n, const char *symbol,
	      const char *value)
{
	size_t symbol_len = strlen(symbol);
	int r = 0;

	for (const char *at = text, *end = text + n; at < end && r == 0;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at)), *name, *v;
		size_t len = (size_t)((nl ? nl : end) - at), name_len;
		bool about = split(at, len, &name, &name_len, &v) == 1 &&
			     name_len == symbol_len && !memcmp(name, symbol, name_len);

		if (!about)
			r = buf_append(out, at, len);
		if (!about && r == 0)
			r = buf_append(out, "\n", 1);
		at = nl ? nl + 1 : end;
	}
	if (r == 0 && !strcmp(value, "n"))
		return buf_printf(out, "# %s" UNSET "\n", symbol);
	return r < 0 ? r : buf_printf(out, "%s=%s\n", symbol, value);
}
