/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of config.txt, filters, and our block. */
#include "agent/boot/rpi/rpicfg.h"

#include <string.h>
#include <strings.h>

#include "proto/text.h"

#define BEGIN	     "# kferry: begin"
#define BEGIN_JOINED BEGIN ", the line above had no end" /* we gave it one */
#define END	     "# kferry: end"
#define PREFIX	     "os_prefix=kferry/"

static bool is_word(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* "word value ...": the value up to the next blank. */
static bool is_command(const char *s, size_t n, const char *word, struct rpicfg_line *l)
{
	size_t len = strlen(word), i = len;

	if (n <= len || memcmp(s, word, len) != 0 || !text_is_blank(s[len]))
		return false;
	while (i < n && text_is_blank(s[i]))
		i++;
	l->key = s;
	l->key_len = len;
	l->value = s + i;
	while (i < n && !text_is_blank(s[i]))
		i++;
	l->value_len = (size_t)(s + i - l->value);
	return true;
}

static void classify(struct rpicfg_line *l)
{
	const char *s = l->text, *equals;
	size_t n = l->n;

	text_trim(&s, &n);
	if (n == 0 || *s == '#')
		return;
	if (*s == '[') {
		const char *close = memchr(s, ']', n);

		l->value = s + 1;
		l->value_len = close ? (size_t)(close - s - 1) : n - 1;
		l->kind = RPICFG_FILTER;
		return;
	}
	if (is_command(s, n, "initramfs", l)) {
		l->kind = RPICFG_INITRAMFS;
		return;
	}
	if (is_command(s, n, "include", l)) {
		l->kind = RPICFG_INCLUDE;
		return;
	}
	equals = memchr(s, '=', n);
	if (!equals)
		return;
	l->kind = RPICFG_SETTING;
	l->key = s;
	l->key_len = (size_t)(equals - s);
	l->value = equals + 1;
	l->value_len = n - l->key_len - 1;
	text_trim(&l->key, &l->key_len);
	text_trim(&l->value, &l->value_len);
}

bool rpicfg_next(const char **at, const char *end, struct rpicfg_line *ret)
{
	const char *nl;

	if (*at >= end)
		return false;
	nl = memchr(*at, '\n', (size_t)(end - *at));
	*ret = (struct rpicfg_line){
		.kind = RPICFG_OTHER,
		.text = *at,
		.n = (size_t)((nl ? nl + 1 : end) - *at),
	};
	classify(ret);
	*at += ret->n;
	return true;
}

bool rpicfg_has(const void *data, size_t n, enum rpicfg_kind kind, const char *key,
		const char *value)
{
	const char *at = n > 0 ? data : "", *end = at + n;
	struct rpicfg_line l;

	while (rpicfg_next(&at, end, &l))
		if (l.kind == kind &&
		    (kind != RPICFG_SETTING || is_word(l.key, l.key_len, key)) &&
		    (!value || is_word(l.value, l.value_len, value)))
			return true;
	return false;
}

/* Is the line exactly this text, but for blanks at its end? */
static bool line_is(const struct rpicfg_line *l, const char *text)
{
	size_t n = l->n;

	while (n > 0 && text_is_blank(l->text[n - 1]))
		n--;
	return is_word(l->text, n, text);
}

static size_t marks(const struct rpicfg_line *l)
{
	const size_t len = strlen(RPICFG_MARK);
	size_t n = 0;

	while (l->n - n >= len && memcmp(l->text + n, RPICFG_MARK, len) == 0)
		n += len;
	return n;
}

static int skip_block(const char **at, const char *end)
{
	struct rpicfg_line l;

	while (rpicfg_next(at, end, &l))
		if (line_is(&l, END))
			return 0;
	return -EBADMSG;
}

static void drop_last(struct buf *b)
{
	if (buf_len(b) > 0 && b->data[b->end - 1] == '\n')
		b->end--;
}

/* One pass; *ret_changed: there was something to take away. */
static int strip_once(const char *at, size_t n, struct buf *out, bool *ret_changed)
{
	const char *end = at + n;
	struct rpicfg_line l;
	int r = 0;

	while (r == 0 && rpicfg_next(&at, end, &l)) {
		const bool joined = line_is(&l, BEGIN_JOINED);
		size_t skip;

		if (joined || line_is(&l, BEGIN)) {
			*ret_changed = true;
			/* Lines that came behind the block need the end that it gave. */
			r = skip_block(&at, end);
			if (r == 0 && joined && at == end)
				drop_last(out);
			continue;
		}
		skip = marks(&l);
		*ret_changed = *ret_changed || skip > 0;
		r = buf_append(out, l.text + skip, l.n - skip);
	}
	return r;
}

int rpicfg_strip(const void *data, size_t n, struct buf *out)
{
	_buf_ struct buf now = BUF_INIT;
	bool changed = true;
	int r;

	if (n > 0 && memchr(data, '\0', n))
		return -EBADMSG;
	r = buf_append(&now, data, n);
	/* What is under a mark may look like one of our lines; each pass is shorter. */
	while (r == 0 && changed) {
		_buf_ struct buf next = BUF_INIT;

		changed = false;
		r = strip_once(buf_len(&now) ? (const char *)buf_data(&now) : "",
			       buf_len(&now), &next, &changed);
		if (r == 0) {
			struct buf swap = now;

			now = next;
			next = swap;
		}
	}
	return r < 0 ? r : buf_append(out, buf_data(&now), buf_len(&now));
}

static bool names_initramfs(const struct rpicfg_line *l)
{
	return l->kind == RPICFG_INITRAMFS ||
	       (l->kind == RPICFG_SETTING && (is_word(l->key, l->key_len, "ramfsfile") ||
					      is_word(l->key, l->key_len, "ramfsaddr")));
}

static int copy_marked(const struct buf *plain, struct buf *out)
{
	const char *at = buf_len(plain) ? (const char *)buf_data(plain) : "";
	const char *end = at + buf_len(plain);
	struct rpicfg_line l;
	int r = 0;

	while (r == 0 && rpicfg_next(&at, end, &l)) {
		if (names_initramfs(&l))
			r = buf_append(out, RPICFG_MARK, strlen(RPICFG_MARK));
		if (r == 0)
			r = buf_append(out, l.text, l.n);
	}
	return r;
}

static int add_block(const struct buf *plain, const struct rpicfg_start *s,
		     struct buf *out)
{
	size_t n = buf_len(plain);
	bool joined = n > 0 && buf_data(plain)[n - 1] != '\n';
	int r;

	r = buf_printf(out,
		       "%s\n[all]\n" PREFIX "%s/\narm_64bit=%d\nkernel=%s\n"
		       "cmdline=cmdline.txt\nauto_initramfs=0\n",
		       joined ? "\n" BEGIN_JOINED : BEGIN, s->slot, s->arm64, s->kernel);
	if (r == 0 && s->initramfs)
		r = buf_printf(out, "initramfs %s followkernel\n", s->initramfs);
	/* A slot's overlays are in the default place below its own prefix. */
	if (r == 0 &&
	    rpicfg_has(buf_data(plain), n, RPICFG_SETTING, "overlay_prefix", NULL))
		r = buf_printf(out, "overlay_prefix=overlays/\n");
	if (r == 0 && s->watchdog_s)
		r = buf_printf(out, "kernel_watchdog_timeout=%u\n", s->watchdog_s);
	return r < 0 ? r : buf_printf(out, END "\n");
}

int rpicfg_derive(const void *data, size_t n, const struct rpicfg_start *start,
		  struct buf *out)
{
	_buf_ struct buf plain = BUF_INIT, made = BUF_INIT;
	int r;

	r = rpicfg_strip(data, n, &plain);
	if (r == 0)
		r = copy_marked(&plain, &made);
	if (r == 0)
		r = add_block(&plain, start, &made);
	if (r == 0 && buf_len(&made) > RPICFG_MAX)
		r = -EFBIG;
	return r < 0 ? r : buf_append(out, buf_data(&made), buf_len(&made));
}

int rpicfg_slot(const void *data, size_t n, char slot[static SLOT_ID_SIZE])
{
	const char *at = n > 0 ? data : "", *end = at + n;
	const size_t len = strlen(PREFIX);
	struct rpicfg_line l;
	bool inside = false;

	while (rpicfg_next(&at, end, &l)) {
		if (line_is(&l, BEGIN) || line_is(&l, BEGIN_JOINED))
			inside = true;
		else if (line_is(&l, END))
			inside = false;
		if (!inside || l.n < len + SLOT_ID_SIZE || memcmp(l.text, PREFIX, len))
			continue;
		memcpy(slot, l.text + len, SLOT_ID_SIZE - 1);
		slot[SLOT_ID_SIZE - 1] = '\0';
		return text_is_slot(slot) ? 0 : -EBADMSG;
	}
	return -ENOENT;
}

/* Filters of different kinds must all hold; one of the same kind takes its place. */
struct filters {
	bool none, other_model, tryboot, unknown;
};

static bool is_model(const char *s, size_t n)
{
	return n >= 3 && (strncasecmp(s, "pi", 2) == 0 || strncasecmp(s, "cm", 2) == 0) &&
	       s[2] >= '0' && s[2] <= '9';
}

static void filter(struct filters *f, const struct rpicfg_line *l,
		   const char *const *models)
{
	if (is_word(l->value, l->value_len, "all")) {
		memset(f, 0, sizeof(*f));
	} else if (is_word(l->value, l->value_len, "none")) {
		f->none = true;
	} else if (is_word(l->value, l->value_len, "tryboot")) {
		f->tryboot = true;
	} else if (is_model(l->value, l->value_len)) {
		f->other_model = true;
		for (size_t i = 0; models[i]; i++)
			if (is_word(l->value, l->value_len, models[i]))
				f->other_model = false;
	} else {
		f->unknown = true;
	}
}

int rpicfg_get(const void *data, size_t n, const char *const *models, const char *key,
	       char **ret)
{
	const char *at = n > 0 ? data : "", *end = at + n;
	_free_ char *value = NULL;
	struct filters f = {0};
	struct rpicfg_line l;
	bool unsure = false;

	while (rpicfg_next(&at, end, &l)) {
		if (l.kind == RPICFG_FILTER)
			filter(&f, &l, models);
		if (l.kind == RPICFG_FILTER || l.kind == RPICFG_OTHER || f.none ||
		    f.other_model || f.tryboot)
			continue;
		if (l.kind == RPICFG_INCLUDE) {
			unsure = true;
			continue;
		}
		if (!is_word(l.key, l.key_len, key))
			continue;
		unsure = f.unknown;
		free(value);
		value = strndup(l.value, l.value_len);
		if (!value)
			return -ENOMEM;
	}
	if (unsure)
		return -EAGAIN;
	if (!value)
		return -ENOENT;
	*ret = TAKE_PTR(value);
	return 0;
}
