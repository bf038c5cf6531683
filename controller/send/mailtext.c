// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/send/mailtext.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "proto/text.h"

struct line {
	const char *at;
	size_t n; /* without its end */
	size_t next;
};

static struct line line_at(const char *text, size_t n, size_t at)
{
	const char *end = memchr(text + at, '\n', n - at);
	struct line l = {.at = text + at, .n = end ? (size_t)(end - text) - at : n - at};

	l.next = at + l.n + 1 < n ? at + l.n + 1 : n;
	if (l.n > 0 && l.at[l.n - 1] == '\r')
		l.n--;
	return l;
}

static bool continues(const struct line *l)
{
	return l->n > 0 && text_is_blank(l->at[0]);
}

/* "NAME:" in any case; what stands behind it. */
static bool is_field(const struct line *l, const char *name, const char **ret,
		     size_t *ret_n)
{
	size_t n = strlen(name);

	if (l->n <= n || strncasecmp(l->at, name, n) != 0 || l->at[n] != ':')
		return false;
	*ret = l->at + n + 1;
	*ret_n = l->n - n - 1;
	return true;
}

static size_t append(char *dst, size_t size, size_t at, const char *s, size_t n)
{
	text_trim(&s, &n);
	if (at > 0 && at + 1 < size)
		dst[at++] = ' ';
	for (size_t i = 0; i < n && at + 1 < size; i++)
		dst[at++] = s[i] ? s[i] : ' ';
	dst[at] = '\0';
	return at;
}

bool mailtext_field(const char *text, size_t n, const char *name, char *dst, size_t size)
{
	const char *value;
	size_t value_n, used;

	for (size_t at = 0; at < n;) {
		struct line l = line_at(text, n, at);

		at = l.next;
		if (l.n == 0)
			return false;
		if (!is_field(&l, name, &value, &value_n))
			continue;
		used = append(dst, size, 0, value, value_n);
		while (at < n) {
			l = line_at(text, n, at);
			if (!continues(&l))
				break;
			used = append(dst, size, used, l.at, l.n);
			at = l.next;
		}
		return true;
	}
	return false;
}

static bool is_any(const struct line *l, const char *const names[])
{
	const char *value;
	size_t n;

	for (size_t i = 0; names[i]; i++) {
		if (is_field(l, names[i], &value, &n))
			return true;
	}
	return false;
}

int mailtext_without(const char *text, size_t n, const char *const names[],
		     struct buf *out)
{
	bool dropping = false;
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0;) {
		struct line l = line_at(text, n, at);

		if (l.n == 0)
			return buf_append(out, text + at, n - at);
		if (!continues(&l))
			dropping = is_any(&l, names);
		if (!dropping)
			rc = buf_append(out, text + at, l.next - at);
		at = l.next;
	}
	return rc;
}

/* --- addresses -----------------------------------------------------------------------
 */

/* One @ with something on both sides, and nothing that would make two addresses of it. */
static bool is_email(const char *s, size_t n)
{
	size_t ats = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c <= ' ' || c >= 127 || strchr("<>()[],;:\\\"", c))
			return false;
		ats += c == '@';
	}
	return ats == 1 && s[0] != '@' && s[0] != '-' && s[n - 1] != '@';
}

/* Is it the name of one, in front of its angles?  git ends an address at a comma or
 * semicolon that is in no quotes. */
static bool is_one_name(const char *s, size_t n)
{
	size_t end = 1;

	text_trim(&s, &n);
	if (!memchr(s, ',', n) && !memchr(s, ';', n))
		return true;
	if (*s != '"')
		return false;
	while (end < n && s[end] != '"')
		end += s[end] == '\\' ? 2 : 1;
	return end + 1 == n;
}

bool mailtext_address(const char *text, size_t n, const char **ret_at, size_t *ret_len)
{
	const char *open, *close;
	size_t len = 0;

	text_trim(&text, &n);
	open = memchr(text, '<', n);
	close = open ? memchr(open, '>', n - (size_t)(open - text)) : NULL;
	if (close && !is_one_name(text, (size_t)(open - text))) {
		/* Others than the one in the angles, or a name that git cannot read. */
		if (memchr(text, '@', (size_t)(open - text)))
			return false;
		text = open;
	}
	if (close) {
		len = (size_t)(close - text) + 1;
		if (!is_email(open + 1, (size_t)(close - open) - 1))
			return false;
	} else {
		while (len < n && !text_is_blank(text[len]) && text[len] != ',')
			len++;
		if (len == 0 || !is_email(text, len))
			return false;
	}
	if (len >= MAILTEXT_ADDRESS_MAX || text[0] == '-' ||
	    !text_is_plain(text, len, false))
		return false;
	*ret_at = text;
	*ret_len = len;
	return true;
}

void mailtext_email(const char *address, size_t n, const char **ret_at, size_t *ret_len)
{
	const char *open = memchr(address, '<', n);
	const char *close = open ? memchr(open, '>', n - (size_t)(open - address)) : NULL;

	*ret_at = close ? open + 1 : address;
	*ret_len = close ? (size_t)(close - open) - 1 : n;
}

/* --- people --------------------------------------------------------------------------
 */

/* The end of one address in a list: a comma that is in no quotes. */
static size_t list_item(const char *s, size_t n)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < n && (quoted || s[i] != ','); i++)
		quoted = quoted != (s[i] == '"');
	return i;
}

static int of_head(const char *text, size_t n, const char *name, const char *role,
		   mailtext_fn fn, void *arg)
{
	char *value = malloc(n + 1);
	const char *address;
	size_t len, all;
	int rc = value ? 0 : -ENOMEM;

	if (rc == 0 && mailtext_field(text, n, name, value, n + 1)) {
		all = strlen(value);
		for (size_t at = 0; at < all && rc == 0;) {
			size_t item = list_item(value + at, all - at);

			if (mailtext_address(value + at, item, &address, &len))
				rc = fn(arg, role, address, len);
			at += item + 1;
		}
	}
	free(value);
	return rc;
}

/* "Reviewed-by: ...", "Cc: ...": the length of its name; 0: it is no trailer. */
static size_t trailer_name(const struct line *l)
{
	size_t n = 0;

	while (n < l->n && (isalpha((unsigned char)l->at[n]) || l->at[n] == '-'))
		n++;
	if (n == 0 || n >= l->n || l->at[n] != ':' || n > 32)
		return 0;
	if (n == 2 && strncasecmp(l->at, "cc", 2) == 0)
		return n;
	return n > 3 && strncasecmp(l->at + n - 3, "-by", 3) == 0 ? n : 0;
}

static bool ends_message(const struct line *l)
{
	return (l->n == 3 && memcmp(l->at, "---", 3) == 0) ||
	       (l->n > 11 && memcmp(l->at, "diff --git ", 11) == 0);
}

static int of_message(const char *text, size_t n, size_t at, mailtext_fn fn, void *arg)
{
	int rc = 0;

	while (at < n && rc == 0) {
		struct line l = line_at(text, n, at);
		size_t name = trailer_name(&l), len;
		const char *address;
		char role[40];

		if (ends_message(&l))
			break;
		at = l.next;
		if (!name ||
		    !mailtext_address(l.at + name + 1, l.n - name - 1, &address, &len))
			continue;
		snprintf(role, sizeof(role), "%.*s", (int)name, l.at);
		rc = fn(arg, role, address, len);
	}
	return rc;
}

int mailtext_people(const char *text, size_t n, mailtext_fn fn, void *arg)
{
	size_t body = 0;
	int rc = of_head(text, n, "To", "to", fn, arg);

	if (rc == 0)
		rc = of_head(text, n, "Cc", "cc", fn, arg);
	if (rc == 0)
		rc = of_head(text, n, "From", "author", fn, arg);
	while (body < n) {
		struct line l = line_at(text, n, body);

		body = l.next;
		if (l.n == 0)
			break;
	}
	return rc < 0 ? rc : of_message(text, n, body, fn, arg);
}
