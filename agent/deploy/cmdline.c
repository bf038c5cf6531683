/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel command lines as words; "..." holds blanks, as the kernel's own parser has it.
 */
#include "agent/deploy/cmdline.h"

#include <string.h>

#include "proto/reason.h"
#include "proto/text.h"

struct word {
	const char *s;
	size_t n;
};

static bool next_word(const char **at, struct word *ret)
{
	const char *s = *at + strspn(*at, " \t\n");
	bool quoted = false;

	ret->s = s;
	for (; *s && (quoted || !strchr(" \t\n", *s)); s++)
		if (*s == '"')
			quoted = !quoted;
	ret->n = (size_t)(s - ret->s);
	*at = s;
	return ret->n > 0;
}

static bool is_word(const struct word *w, const char *text)
{
	return w->n == strlen(text) && memcmp(w->s, text, w->n) == 0;
}

static bool begins(const struct word *w, const char *text)
{
	size_t n = strlen(text);

	return w->n >= n && memcmp(w->s, text, n) == 0;
}

static int put(struct buf *b, const struct word *w)
{
	return buf_printf(b, "%s%.*s", buf_len(b) ? " " : "", (int)w->n, w->s);
}

static size_t key_len(const struct word *w)
{
	const char *equals = memchr(w->s, '=', w->n);

	return equals ? (size_t)(equals - w->s) : w->n;
}

/* The kernel takes '-' and '_' in names for the same. */
static bool same_key(const struct word *a, const struct word *b)
{
	size_t n = key_len(a);

	if (n != key_len(b))
		return false;
	for (size_t i = 0; i < n; i++) {
		char x = a->s[i] == '-' ? '_' : a->s[i];
		char y = b->s[i] == '-' ? '_' : b->s[i];

		if (x != y)
			return false;
	}
	return true;
}

static bool has_key(const char *line, const struct word *w)
{
	struct word other;

	while (next_word(&line, &other))
		if (same_key(&other, w))
			return true;
	return false;
}

/* Marks of ours never carry over; what a boot loader added only when asked for. */
static bool is_dropped(const struct word *w, bool running)
{
	if (begins(w, "kferry."))
		return true;
	return running && (begins(w, "BOOT_IMAGE=") || begins(w, "initrd="));
}

static int make_base(const struct agent *a, const struct cmdline_ask *ask, struct buf *b)
{
	const char *line = ask->base;
	bool running = false;
	struct word w;
	int rc = 0;

	if (!line || !*line)
		line = ask->running_base;
	if (!line) {
		line = a->boot.cmdline;
		running = true;
	}
	while (rc == 0 && next_word(&line, &w))
		if (!is_dropped(&w, running))
			rc = put(b, &w);
	return rc;
}

static int put_additions(const struct agent *a, const struct cmdline_ask *ask,
			 struct buf *b)
{
	const char *trial = a->conf.trial_cmdline, *extra = ask->extra ? ask->extra : "";
	struct word w;
	int rc = 0;

	while (rc == 0 && next_word(&trial, &w))
		if (!has_key(extra, &w))
			rc = put(b, &w);
	while (rc == 0 && next_word(&extra, &w)) {
		if (is_word(&w, "--"))
			return -EINVAL;
		if (!is_dropped(&w, false))
			rc = put(b, &w);
	}
	if (rc < 0)
		return rc;
	return buf_printf(b, "%skferry.slot=%s", buf_len(b) ? " " : "", ask->slot);
}

static int make_line(const struct agent *a, const struct cmdline_ask *ask,
		     const char *base, struct buf *b)
{
	bool added = false;
	struct word w;
	int rc = 0;

	while (rc == 0 && next_word(&base, &w)) {
		if (!added && is_word(&w, "--")) {
			added = true;
			rc = put_additions(a, ask, b);
		}
		if (rc == 0)
			rc = put(b, &w);
	}
	if (rc == 0 && !added)
		rc = put_additions(a, ask, b);
	return rc;
}

int cmdline_make(const struct agent *a, const struct cmdline_ask *ask, char **ret_base,
		 char **ret, struct kf_error *err)
{
	_buf_ struct buf base = BUF_INIT, line = BUF_INIT;
	_free_ char *base_text = NULL, *text = NULL;
	int rc;

	rc = make_base(a, ask, &base);
	if (rc == 0 && !buf_str(&base))
		rc = -ENOMEM;
	if (rc == 0)
		rc = make_line(a, ask, buf_str(&base), &line);
	if (rc == -EINVAL)
		return kf_err(
			err, rc, KF_REASON_INVALID,
			"words for init (after \"--\") cannot be added to a command "
			"line; give the whole line instead");
	if (rc == 0) {
		base_text = strdup(buf_str(&base));
		text = buf_str(&line) ? strdup(buf_str(&line)) : NULL;
	}
	if (rc < 0 || !base_text || !text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	if (!text_is_line(text, LIMIT_CMDLINE))
		return kf_err(
			err, -EINVAL, KF_REASON_INVALID,
			"the command line is longer than %d bytes or has characters "
			"other than printable ASCII",
			LIMIT_CMDLINE);
	*ret_base = TAKE_PTR(base_text);
	*ret = TAKE_PTR(text);
	return 0;
}

/* The last word with that key, as the kernel and init have it; n 0: none. */
static struct word last_of(const char *line, const struct word *key)
{
	struct word w, found = {"", 0};

	while (next_word(&line, &w))
		if (same_key(&w, key))
			found = w;
	return found;
}

static bool differs(const char *one, const char *b, const struct word *key,
		    char **ret_word)
{
	struct word x = last_of(one, key), y = last_of(b, key);

	if (x.n == y.n && memcmp(x.s, y.s, x.n) == 0)
		return false;
	if (ret_word)
		*ret_word = strndup(y.s, y.n);
	return true;
}

bool cmdline_same_image(const struct agent *a, const char *one, const char *b,
			char **ret_word)
{
	const char *words = a->conf.image_words;
	const char *keys[] = {"root rootflags", words ? words : ""};

	if (ret_word)
		*ret_word = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *at = keys[i];
		struct word key;

		while (next_word(&at, &key))
			if (differs(one, b, &key, ret_word))
				return false;
	}
	return true;
}
