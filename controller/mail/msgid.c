// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/msgid.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/reason.h"

void msgid_fini(struct msgid *m)
{
	free(m->list);
	free(m->id);
	*m = (struct msgid){0};
}

bool msgid_is_list(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > LIST_MAX || *name == '.' || *name == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._+-", name[i]))
			return false;
	}
	return true;
}

bool msgid_is_id(const char *id)
{
	size_t n = strlen(id);
	const char *at = strchr(id, '@');

	if (n > MSGID_MAX || !at || at == id || !at[1])
		return false;
	for (size_t i = 0; i < n; i++) {
		if (id[i] <= ' ' || id[i] > '~' || strchr("<>\"\\", id[i]))
			return false;
	}
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX become bytes again; in place.  What is no hex stays. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*to++ = (char)(hex(s[1]) * 16 + hex(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* The last directory with an @ in it is the message, the one before it the list. */
static bool from_url(char *url, struct msgid *ret)
{
	char *host = strstr(url, "://") + 3, *list = NULL, *id = NULL, *before = NULL;
	char *save = NULL;

	host[strcspn(host, "?#")] = '\0';
	for (char *part = strtok_r(host, "/", &save); part && !id;
	     part = strtok_r(NULL, "/", &save)) {
		unescape(part);
		if (before && msgid_is_id(part)) {
			id = part;
			list = before;
		}
		before = part;
	}
	if (!id || list == host || !msgid_is_list(list))
		return false;
	ret->list = strdup(list);
	ret->id = strdup(id);
	return true;
}

/* "<...>" is an ID whatever stands in it; else the part before the first slash may be a
 * list. */
static bool from_words(char *s, struct msgid *ret)
{
	char *slash = strchr(s, '/');
	size_t n = strlen(s);

	if (*s == '<' && n > 2 && s[n - 1] == '>') {
		s[n - 1] = '\0';
		s++;
	} else if (slash && strchr(slash, '@')) {
		*slash = '\0';
		if (!msgid_is_list(s) || !msgid_is_id(slash + 1))
			return false;
		ret->list = strdup(s);
		ret->id = strdup(slash + 1);
		return true;
	}
	if (!msgid_is_id(s))
		return false;
	ret->id = strdup(s);
	return true;
}

int msgid_parse(const char *text, struct msgid *ret, struct kf_error *err)
{
	_free_ char *copy = strdup(text);
	struct msgid m = {0};
	bool good, web;

	if (!copy)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	web = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
	good = web ? from_url(copy, &m) : from_words(copy, &m);
	if (!good)
		return kf_err(
			err, -EINVAL, KF_REASON_USAGE,
			"\"%.300s\" names no message: give LIST/MESSAGE-ID as `kferry "
			"patches list` shows it, a Message-ID, or its page's address",
			text);
	if (!m.id || (web && !m.list)) {
		msgid_fini(&m);
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	*ret = m;
	return 0;
}

char *msgid_escape(const char *text)
{
	_buf_ struct buf b = BUF_INIT;
	int rc = 0;

	for (; *text && rc == 0; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~@", *text))
			rc = buf_append(&b, text, 1);
		else
			rc = buf_printf(&b, "%%%02X", (unsigned char)*text);
	}
	return rc == 0 && buf_str(&b) ? strdup(buf_str(&b)) : NULL;
}
