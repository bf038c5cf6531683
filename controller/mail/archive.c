// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/archive.h"

#include <string.h>

#include "controller/mail/fetch.h"
#include "controller/mail/mailcache.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define FEED_MAX  (64u << 20) /* bodies are in it, too */
#define MBOX_MAX  (64u << 20)
#define PAGE_MAX  (8u << 20)
#define URL_MAX	  1000
#define QUERY_MAX 1000
#define PATCHES	  "(s:PATCH OR s:RFC) AND NOT s:Re"

struct mail_archive {
	const struct config *cfg;
	struct archive_opts opts;
	char *url; /* without a slash at its end */
	int timeout_ms;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int archive_open(const struct config *cfg, const struct archive_opts *opts,
		 struct mail_archive **ret, struct kf_error *err)
{
	const char *url = config_get(cfg, NULL, "patches.url");
	const char *all = config_get(cfg, NULL, "patches.all");
	int64_t ms = config_ms(cfg, NULL, "timeout.patches");
	struct mail_archive *a;
	size_t n = url ? strlen(url) : 0;

	if (!url || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"patches.url is \"%s\": it takes an address that begins with "
			"https:// or http://",
			url ? url : "");
	if (n > URL_MAX || !text_is_line(url, URL_MAX) || strpbrk(url, " ?#"))
		return kf_err(
			err, -EINVAL, KF_REASON_CONFIG,
			"patches.url is no address of an archive: at most %d bytes of "
			"ASCII, without ? and #",
			URL_MAX);
	if (!all || !msgid_is_list(all))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "patches.all is \"%s\", which is no name of a list",
			      all ? all : "");
	while (n > 0 && url[n - 1] == '/')
		n--;
	a = calloc(1, sizeof(*a));
	if (a)
		a->url = strndup(url, n);
	if (!a || !a->url) {
		free(a);
		return no_memory(err);
	}
	a->cfg = cfg;
	a->opts = *opts;
	a->timeout_ms = ms > 0 && ms < INT32_MAX ? (int)ms : INT32_MAX;
	*ret = a;
	return 0;
}

void archive_close(struct mail_archive *a)
{
	if (!a)
		return;
	free(a->url);
	free(a);
}

/* --- fetching and keeping --------------------------------------------------------------
 */

static bool is_away(int rc)
{
	return rc == -EHOSTUNREACH || rc == -ETIMEDOUT;
}

/* From the cache, because of why (NULL: nobody was asked). */
static int take_kept(struct mail_archive *a, const char *url, size_t max, struct buf *out,
		     const struct kf_error *why, struct kf_error *err)
{
	int64_t since = 0;
	int rc = mailcache_read(a->cfg, url, max, out, &since);

	if (rc == 0) {
		if (a->opts.stale)
			a->opts.stale(a->opts.arg, since, why ? why->msg : NULL);
		return 0;
	}
	buf_reset(out);
	if (rc == -ENOMEM)
		return no_memory(err);
	if (why)
		return kf_err(err, why->code, why->reason,
			      "%s; it is not in the cache either", why->msg);
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
		      "%s is not in the cache: leave --offline out to fetch it", url);
}

static int get(struct mail_archive *a, const char *path, size_t max, struct buf *out,
	       struct kf_error *err)
{
	_free_ char *url = path ? strf("%s/%s", a->url, path) : NULL;
	struct kf_error why = {0};
	int rc;

	if (!url)
		return no_memory(err);
	if (a->opts.offline)
		return take_kept(a, url, max, out, NULL, err);
	rc = fetch(url, max, a->timeout_ms, out, &why);
	if (rc == 0) {
		/* What cannot be kept is good all the same. */
		(void)!mailcache_write(a->cfg, url, out);
		return 0;
	}
	buf_reset(out);
	if (is_away(rc))
		return take_kept(a, url, max, out, &why, err);
	if (err)
		*err = why;
	return rc;
}

/* --- lists -----------------------------------------------------------------------------
 */

static int lists_of_manifest(struct mail_archive *a, struct listing *ret,
			     struct kf_error *err)
{
	_buf_ struct buf packed = BUF_INIT;
	_buf_ struct buf text = BUF_INIT;
	int rc = get(a, "manifest.js.gz", PAGE_MAX, &packed, err);

	if (rc == 0)
		rc = fetch_gunzip(&packed, PAGE_MAX, &text, err);
	if (rc == 0)
		rc = listing_read_manifest(&text, ret, err);
	return rc == 0 && ret->n == 0 ? -ENOENT : rc;
}

int archive_lists(struct mail_archive *a, struct listing *ret, struct kf_error *err)
{
	_buf_ struct buf page = BUF_INIT;
	struct kf_error first = {0};
	int rc = lists_of_manifest(a, ret, &first);

	if (rc == 0)
		return 0;
	if (rc != -ENOENT) {
		if (err)
			*err = first;
		return rc;
	}
	rc = get(a, "", PAGE_MAX, &page, err);
	return rc < 0 ? rc : listing_read_page(&page, ret, err);
}

/* --- feeds -----------------------------------------------------------------------------
 */

static int read_feed(struct mail_archive *a, const char *path, struct posts *ret,
		     size_t *ret_n, struct kf_error *err)
{
	_buf_ struct buf xml = BUF_INIT;
	int rc = get(a, path, FEED_MAX, &xml, err);

	return rc < 0 ? rc : feed_read(&xml, ret, ret_n, err);
}

static int check_query(const char *list, const char *query, struct kf_error *err)
{
	if (!msgid_is_list(list))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%.200s\" is no name of a list; `kferry patches lists` "
			      "shows those there are",
			      list);
	if (query && (!*query || strlen(query) > QUERY_MAX ||
		      !text_is_plain(query, strlen(query), false)))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "a query is a line of 1 to %d bytes", QUERY_MAX);
	return 0;
}

static bool has_list(struct mail_archive *a, const char *newest)
{
	_posts_ struct posts unwanted = {0};
	size_t n;

	return read_feed(a, newest, &unwanted, &n, NULL) == 0;
}

int archive_find(struct mail_archive *a, const char *list, const char *query,
		 size_t first, struct posts *ret, size_t *ret_n, struct kf_error *err)
{
	_free_ char *both = NULL, *words = NULL, *path = NULL, *newest = NULL;
	struct kf_error why = {0};
	int rc = check_query(list, query, err);

	if (rc < 0)
		return rc;
	*ret_n = 0;
	both = query ? strf("(%s) AND " PATCHES, query) : strdup(PATCHES);
	words = both ? msgid_escape(both) : NULL;
	path = words ? strf("%s/?q=%s&x=A&o=%zu", list, words, first) : NULL;
	newest = strf("%s/new.atom", list);
	if (!path || !newest)
		return no_memory(err);
	rc = read_feed(a, path, ret, ret_n, &why);
	/* Not each archive can search; each has its newest mails. */
	if (!query && first == 0 && (rc == -ENOENT || rc == -EOPNOTSUPP))
		rc = read_feed(a, newest, ret, ret_n, &why);
	/* A search that finds nothing is answered as if there were no such list. */
	else if (rc == -ENOENT && !a->opts.offline && has_list(a, newest))
		rc = 0;
	if (rc == -ENOENT && why.reason == KF_REASON_NOT_FOUND && !a->opts.offline)
		return kf_err(err, rc, why.reason,
			      "%s; `kferry patches lists` shows the lists there are",
			      why.msg);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

/* --- threads ---------------------------------------------------------------------------
 */

const char *archive_list(const struct mail_archive *a, const struct msgid *id)
{
	return id->list ? id->list : config_get(a->cfg, NULL, "patches.all");
}

/* "LIST/ID/" */
static char *path_of(const struct mail_archive *a, const struct msgid *id)
{
	_free_ char *part = msgid_escape(id->id);

	return part ? strf("%s/%s/", archive_list(a, id), part) : NULL;
}

char *archive_url(const struct mail_archive *a, const struct msgid *id)
{
	_free_ char *path = path_of(a, id);

	return path ? strf("%s/%s", a->url, path) : NULL;
}

int archive_thread(struct mail_archive *a, const struct msgid *id, struct messages *ret,
		   struct kf_error *err)
{
	_free_ char *dir = path_of(a, id);
	_free_ char *path = dir ? strf("%st.mbox.gz", dir) : NULL;
	_buf_ struct buf packed = BUF_INIT;
	_buf_ struct buf mbox = BUF_INIT;
	int rc = path ? 0 : no_memory(err);

	if (rc == 0)
		rc = get(a, path, MBOX_MAX, &packed, err);
	if (rc == 0)
		rc = fetch_gunzip(&packed, MBOX_MAX, &mbox, err);
	if (rc == 0)
		rc = messages_read(&mbox, ret, err);
	if (rc < 0 || messages_find(ret, id->id))
		return rc;
	messages_fini(ret);
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
		      "the thread that the archive sent for %s lacks that mail", id->id);
}
