/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines, put together from words. */
#include "agent/deploy/cmdline.h"

#include <string.h>

#include "agent/cmdword.h"
#include "proto/reason.h"
#include "proto/text.h"

static int put(struct buf *b, const struct cmdword *w)
{
	size_t quotes = 0;

	for (size_t i = 0; i < w->n; i++)
		quotes += w->s[i] == '"';
	if (quotes % 2 != 0)
		return -EBADMSG;
	return buf_printf(b, "%s%.*s", buf_len(b) ? " " : "", (int)w->n, w->s);
}

static bool has_key(const char *line, const struct cmdword *w)
{
	struct cmdword other;

	while (cmdword_next(&line, &other))
		if (cmdword_same_key(&other, w))
			return true;
	return false;
}

/* Marks of ours never carry over; what a boot loader added only when asked for. */
static bool is_dropped(const struct cmdword *w, bool running)
{
	if (cmdword_begins(w, "kferry."))
		return true;
	return running &&
	       (cmdword_begins(w, CMDWORD_IMAGE) || cmdword_begins(w, "initrd="));
}

static int make_base(const struct agent *a, const struct cmdline_ask *ask, struct buf *b)
{
	const char *line = ask->base;
	bool running = false;
	struct cmdword w;
	int rc = 0;

	if (!line || !*line)
		line = ask->running_base;
	if (!line) {
		line = a->boot.cmdline;
		running = true;
	}
	while (rc == 0 && cmdword_next(&line, &w))
		if (!is_dropped(&w, running))
			rc = put(b, &w);
	return rc;
}

static int put_additions(const struct agent *a, const struct cmdline_ask *ask,
			 struct buf *b)
{
	const char *trial = a->conf.trial_cmdline, *extra = ask->extra ? ask->extra : "";
	struct cmdword w;
	int rc = 0;

	while (rc == 0 && cmdword_next(&trial, &w))
		if (!has_key(extra, &w))
			rc = put(b, &w);
	while (rc == 0 && cmdword_next(&extra, &w)) {
		if (cmdword_is(&w, "--"))
			return -EINVAL;
		if (!is_dropped(&w, false))
			rc = put(b, &w);
	}
	if (rc < 0)
		return rc;
	return buf_printf(b, "%s" CMDWORD_SLOT "%s", buf_len(b) ? " " : "", ask->slot);
}

static int make_line(const struct agent *a, const struct cmdline_ask *ask,
		     const char *base, struct buf *b)
{
	bool added = false;
	struct cmdword w;
	int rc = 0;

	while (rc == 0 && cmdword_next(&base, &w)) {
		if (!added && cmdword_is(&w, "--")) {
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
	if (rc == -EBADMSG)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "a \" in the command line is not closed: the kernel would "
			      "take all that follows for one word, what ends a bad trial "
			      "and the slot's mark too");
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
static struct cmdword last_of(const char *line, const struct cmdword *key)
{
	struct cmdword w, found = {"", 0};

	while (cmdword_next(&line, &w))
		if (cmdword_same_key(&w, key))
			found = w;
	return found;
}

static bool differs(const char *one, const char *b, const struct cmdword *key,
		    char **ret_word)
{
	struct cmdword x = last_of(one, key), y = last_of(b, key);

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
		struct cmdword key;

		while (cmdword_next(&at, &key))
			if (differs(one, b, &key, ret_word))
				return false;
	}
	return true;
}
