// SPDX-License-Identifier: GPL-2.0-or-later
/* Which lists a server has. */
#include <jansson.h>
#include <libxml/HTMLparser.h>
#include <limits.h>
#include <string.h>

#include "controller/mail/feed.h"
#include "controller/mail/msgid.h"
#include "proto/reason.h"

void listing_fini(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->names[i]);
		free(l->texts[i]);
	}
	free(l->names);
	free(l->texts);
	*l = (struct listing){0};
}

static int grow(struct listing *l)
{
	char **names, **texts;

	if (l->n == LISTING_MAX)
		return -E2BIG;
	if ((l->n & (l->n - 1)) != 0)
		return 0;
	names = reallocarray(l->names, l->n ? l->n * 2 : 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	l->names = names;
	texts = reallocarray(l->texts, l->n ? l->n * 2 : 1, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	l->texts = texts;
	return 0;
}

/* Sorted by name, where it belongs; one that is there already stays as it is. */
static int add(struct listing *l, const char *name, const char *text)
{
	size_t from = 0, to = l->n;
	char *a, *b;
	int rc;

	while (from < to) {
		size_t middle = (from + to) / 2;
		int order = strcmp(name, l->names[middle]);

		if (order == 0)
			return 0;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	rc = grow(l);
	if (rc < 0)
		return rc;
	a = strdup(name);
	b = strdup(text);
	if (!a || !b) {
		free(a);
		free(b);
		return -ENOMEM;
	}
	memmove(l->names + from + 1, l->names + from, (l->n - from) * sizeof(*l->names));
	memmove(l->texts + from + 1, l->texts + from, (l->n - from) * sizeof(*l->texts));
	l->names[from] = a;
	l->texts[from] = b;
	l->n++;
	return 0;
}

static int failed(int rc, struct kf_error *err)
{
	if (rc == -E2BIG)
		return kf_err(err, rc, KF_REASON_INVALID,
			      "the archive has more than %d lists", LISTING_MAX);
	return kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
}

/* "/linux-gpio/git/0.git" and "/meta": the first part. */
static int add_repository(struct listing *l, const char *path, const json_t *value)
{
	const char *text = json_string_value(json_object_get(value, "description"));
	const char *start = path + strspn(path, "/");
	_free_ char *name = strndup(start, strcspn(start, "/"));
	_free_ char *about = strdup(text ? text : "");
	char *epoch = about ? strstr(about, " [epoch ") : NULL;

	if (!name || !about)
		return -ENOMEM;
	if (epoch)
		*epoch = '\0';
	return msgid_is_list(name) ? add(l, name, about) : 0;
}

int listing_read_manifest(const struct buf *text, struct listing *ret,
			  struct kf_error *err)
{
	struct listing l = {0};
	json_error_t why;
	json_t *all = json_loadb((const char *)buf_data(text), buf_len(text), 0, &why);
	const char *path;
	json_t *value;
	int rc = 0;

	if (!json_is_object(all)) {
		json_decref(all);
		return kf_err(err, -EBADMSG, KF_REASON_INVALID,
			      "the archive's manifest is no JSON object%s%s",
			      all ? "" : ": ", all ? "" : why.text);
	}
	json_object_foreach(all, path, value)
	{
		rc = add_repository(&l, path, value);
		if (rc < 0)
			break;
	}
	json_decref(all);
	if (rc < 0) {
		listing_fini(&l);
		return failed(rc, err);
	}
	*ret = l;
	return 0;
}

/* "https://HOST/NAME": NAME, where the link shows just that address; others lead away. */
static const char *of_address(const xmlNode *node, const char *href)
{
	xmlChar *shown = xmlNodeGetContent(node);
	bool same = shown && strcmp((const char *)shown, href) == 0;
	const char *host = strstr(href, "://");
	const char *path = host && same ? strchr(host + 3, '/') : NULL;

	xmlFree(shown);
	return path ? path + 1 : "";
}

/* A link to "NAME/", "./NAME/" or "/NAME/", or to such an address. */
static int add_link(struct listing *l, const xmlNode *node)
{
	xmlChar *href = xmlGetProp(node, BAD_CAST "href");
	const char *at = href ? (const char *)href : "";
	_free_ char *name = NULL;
	bool away = strncmp(at, "http://", 7) == 0 || strncmp(at, "https://", 8) == 0;
	size_t n;

	if (away)
		at = of_address(node, at);
	else if (strncmp(at, "./", 2) == 0)
		at += 2;
	else if (*at == '/')
		at++;
	n = strlen(at);
	if (n > 0 && at[n - 1] == '/')
		n--;
	else if (!away)
		n = 0;
	name = strndup(at, n);
	xmlFree(href);
	if (!name)
		return -ENOMEM;
	return msgid_is_list(name) ? add(l, name, "") : 0;
}

/* In the order of the document; what is deep is no deeper here. */
static const xmlNode *next_node(const xmlNode *n)
{
	if (n->children)
		return n->children;
	while (n && !n->next)
		n = n->parent;
	return n ? n->next : NULL;
}

int listing_read_page(const struct buf *html, struct listing *ret, struct kf_error *err)
{
	struct listing l = {0};
	htmlDocPtr doc = NULL;
	int rc = 0;

	if (buf_len(html) > 0 && buf_len(html) <= INT_MAX)
		doc = htmlReadMemory(
			(const char *)buf_data(html), (int)buf_len(html), NULL, NULL,
			HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
	for (const xmlNode *n = doc ? xmlDocGetRootElement(doc) : NULL; n && rc == 0;
	     n = next_node(n)) {
		if (n->type == XML_ELEMENT_NODE && xmlStrcmp(n->name, BAD_CAST "a") == 0)
			rc = add_link(&l, n);
	}
	xmlFreeDoc(doc);
	if (rc < 0) {
		listing_fini(&l);
		return failed(rc, err);
	}
	if (l.n == 0)
		return kf_err(err, -EBADMSG, KF_REASON_INVALID,
			      "the archive's first page names no list");
	*ret = l;
	return 0;
}
