// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Atom by libxml2's reader: a cursor, so that only the element under it is in memory.
 * Entities are not replaced, no DTD is loaded and nothing is fetched; the library's own
 * limits of depth and length hold.  The bodies of messages are skipped.
 */
#include "controller/mail/feed.h"

#include <libxml/xmlreader.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "controller/mail/msgid.h"
#include "proto/reason.h"
#include "proto/text.h"

#define ATOM   "http://www.w3.org/2005/Atom"
#define THREAD "http://purl.org/syndication/thread/1.0"

struct entry {
	char *title, *author, *email, *id, *parent;
	int64_t date;
};

struct feed {
	xmlTextReaderPtr r;
	struct posts *all;
	size_t entries;
	struct kf_error why;
};

static void entry_fini(struct entry *e)
{
	free(e->title);
	free(e->author);
	free(e->email);
	free(e->id);
	free(e->parent);
	*e = (struct entry){0};
}

/* The library says what was wrong, in lines; the first is kept. */
static void complain(void *arg, const char *text, xmlParserSeverities severity,
		     xmlTextReaderLocatorPtr at)
{
	struct feed *f = arg;

	(void)severity;
	if (f->why.code)
		return;
	kf_err(&f->why, -EBADMSG, KF_REASON_INVALID, "line %d: %.*s",
	       xmlTextReaderLocatorLineNumber(at), (int)strcspn(text, "\n"), text);
}

static bool is(const struct feed *f, const char *space, const char *name)
{
	const xmlChar *ns = xmlTextReaderConstNamespaceUri(f->r);
	const xmlChar *local = xmlTextReaderConstLocalName(f->r);

	return ns && local && strcmp((const char *)ns, space) == 0 &&
	       strcmp((const char *)local, name) == 0;
}

/* Text of the element under the cursor, white space squeezed; *to is set only once. */
static void take_text(const struct feed *f, char **to)
{
	xmlChar *text = *to ? NULL : xmlTextReaderReadString(f->r);
	char *at = (char *)text, *end = at;

	if (!text)
		return;
	for (const char *p = at; *p; p++) {
		if (!text_is_blank(*p) && *p != '\n' && *p != '\r')
			*end++ = *p;
		else if (end > at && end[-1] != ' ')
			*end++ = ' ';
	}
	while (end > at && end[-1] == ' ')
		end--;
	*end = '\0';
	*to = strdup(at);
	xmlFree(text);
}

/* "2026-11-30T17:41:52Z"; 0: it is none. */
static int64_t parse_date(const char *text)
{
	struct tm tm = {0};
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	return end ? (int64_t)timegm(&tm) : 0;
}

/* The Message-ID of the page that the link leads to. */
static void take_link(const struct feed *f, char **to)
{
	xmlChar *href = xmlTextReaderGetAttribute(f->r, BAD_CAST "href");
	_msgid_ struct msgid m = {0};
	struct kf_error unwanted;

	if (href && !*to && msgid_parse((const char *)href, &m, &unwanted) == 0)
		*to = TAKE_PTR(m.id);
	xmlFree(href);
}

static void take_element(const struct feed *f, struct entry *e, const char *path)
{
	_free_ char *date = NULL;

	if (strcmp(path, "author") == 0) {
		if (is(f, ATOM, "name"))
			take_text(f, &e->author);
		else if (is(f, ATOM, "email"))
			take_text(f, &e->email);
		return;
	}
	if (is(f, ATOM, "title")) {
		take_text(f, &e->title);
	} else if (is(f, ATOM, "updated") && !e->date) {
		take_text(f, &date);
		e->date = parse_date(date);
	} else if (is(f, ATOM, "link")) {
		take_link(f, &e->id);
	} else if (is(f, THREAD, "in-reply-to")) {
		take_link(f, &e->parent);
	}
}

static int end_entry(struct feed *f, struct entry *e)
{
	const struct post p = {.id = e->id,
			       .parent = e->parent,
			       .text = e->title,
			       .author = e->author,
			       .email = e->email,
			       .date = e->date};
	int rc = e->id ? posts_add(f->all, &p) : 0;

	f->entries++;
	entry_fini(e);
	return rc == -EINVAL ? 0 : rc;
}

/* Positive: there is more. */
static int step(struct feed *f, struct entry *e, bool *in_author)
{
	int depth = xmlTextReaderDepth(f->r), type = xmlTextReaderNodeType(f->r), rc = 0;

	if (type == XML_READER_TYPE_END_ELEMENT && depth == 1 && is(f, ATOM, "entry")) {
		rc = end_entry(f, e);
	} else if (type == XML_READER_TYPE_ELEMENT && depth == 0) {
		if (!is(f, ATOM, "feed"))
			rc = -EBADMSG;
	} else if (type == XML_READER_TYPE_ELEMENT && depth == 1) {
		/* What is of the feed itself is not wanted. */
		if (!is(f, ATOM, "entry"))
			return xmlTextReaderNext(f->r);
		entry_fini(e);
	} else if (type == XML_READER_TYPE_ELEMENT && depth == 2) {
		if (is(f, ATOM, "content"))
			return xmlTextReaderNext(f->r);
		*in_author = is(f, ATOM, "author");
		if (!*in_author)
			take_element(f, e, "");
	} else if (type == XML_READER_TYPE_ELEMENT && depth == 3 && *in_author) {
		take_element(f, e, "author");
	}
	return rc < 0 ? rc : xmlTextReaderRead(f->r);
}

static int read_all(struct feed *f)
{
	struct entry e = {0};
	bool in_author = false;
	int rc = xmlTextReaderRead(f->r);

	if (rc == 0)
		rc = -EBADMSG;
	while (rc > 0)
		rc = step(f, &e, &in_author);
	entry_fini(&e);
	/* The library's own failures are -1. */
	return rc == -1 ? -EBADMSG : rc;
}

int feed_read(const struct buf *xml, struct posts *all, size_t *ret_entries,
	      struct kf_error *err)
{
	struct feed f = {.all = all};
	int rc;

	if (buf_len(xml) == 0 || buf_len(xml) > INT_MAX)
		return kf_err(err, -EBADMSG, KF_REASON_INVALID,
			      "what the archive sent is no Atom feed: it has %zu bytes",
			      buf_len(xml));
	f.r = xmlReaderForMemory((const char *)buf_data(xml), (int)buf_len(xml), NULL,
				 NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
	if (!f.r)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	xmlTextReaderSetErrorHandler(f.r, complain, &f);
	rc = read_all(&f);
	xmlFreeTextReader(f.r);
	if (rc == -E2BIG)
		return kf_err(err, rc, KF_REASON_INVALID,
			      "the archive lists more than %d messages at once",
			      POSTS_MAX);
	if (rc == -ENOMEM)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	if (rc < 0)
		return kf_err(err, -EBADMSG, KF_REASON_INVALID,
			      "what the archive sent is no Atom feed: %s",
			      f.why.code ? f.why.msg : "its root is another one");
	*ret_entries = f.entries;
	return 0;
}
