// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/fetch.h"

#include <archive.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "controller/cancel.h"
#include "proto/reason.h"
#include "proto/version.h"

#define REDIRECTIONS 5
#define CONNECT_MS   15000
#define PIECE	     65536

struct sink {
	struct buf *out;
	size_t max;
	int rc;
};

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct sink *s = arg;

	n *= size;
	if (n > s->max || buf_len(s->out) > s->max - n)
		s->rc = -EFBIG;
	else
		s->rc = buf_append(s->out, data, n);
	return s->rc < 0 ? CURL_WRITEFUNC_ERROR : n;
}

/* Called about once a second, and with each piece. */
static int go_on(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)arg;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(cancel_flag());
}

static CURLcode set_up(CURL *c, const char *url, int timeout_ms, struct sink *s,
		       char *why)
{
	CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc ? rc : curl_easy_setopt(c, option, value))
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	/* What came by https is not to be had by http, whoever says so. */
	SET(CURLOPT_REDIR_PROTOCOLS_STR,
	    strncasecmp(url, "http:", 5) == 0 ? "http,https" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, (long)REDIRECTIONS);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS));
	SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(CURLOPT_USERAGENT, "kferry/" KF_VERSION);
	/* What is compressed on the way counts as what it becomes. */
	SET(CURLOPT_ACCEPT_ENCODING, "gzip");
	SET(CURLOPT_WRITEFUNCTION, take);
	SET(CURLOPT_WRITEDATA, s);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, go_on);
	SET(CURLOPT_ERRORBUFFER, why);
#undef SET
	return rc;
}

static int no_transfer(CURLcode rc, const struct sink *s, const char *url,
		       const char *why, struct kf_error *err)
{
	const char *text = *why ? why : curl_easy_strerror(rc);

	if (s->rc == -EFBIG)
		return kf_err(err, -EFBIG, KF_REASON_INVALID,
			      "fetch %s: it is larger than %zu MiB, which is the most "
			      "that is taken",
			      url, s->max >> 20);
	if (s->rc == -ENOMEM || rc == CURLE_OUT_OF_MEMORY)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "interrupted");
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return kf_err(err, -ETIMEDOUT, KF_REASON_TIMEOUT,
			      "fetch %s: %s (timeout.patches)", url, text);
	if (rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_CONNECT ||
	    rc == CURLE_COULDNT_RESOLVE_PROXY || rc == CURLE_RECV_ERROR ||
	    rc == CURLE_SEND_ERROR || rc == CURLE_GOT_NOTHING ||
	    rc == CURLE_PARTIAL_FILE || rc == CURLE_SSL_CONNECT_ERROR)
		return kf_err(err, -EHOSTUNREACH, KF_REASON_IO, "fetch %s: %s", url,
			      text);
	return kf_err(err, -EIO, KF_REASON_IO, "fetch %s: %s", url, text);
}

static int bad_status(long status, const char *url, struct kf_error *err)
{
	if (status == 404 || status == 410 || status == 300)
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "the archive has no %s (status %ld)", url, status);
	if (status == 501 || status == 405)
		return kf_err(err, -EOPNOTSUPP, KF_REASON_IO,
			      "fetch %s: the archive does not do that (status %ld)", url,
			      status);
	if (status >= 500)
		return kf_err(err, -EHOSTUNREACH, KF_REASON_IO,
			      "fetch %s: the archive fails (status %ld)", url, status);
	return kf_err(err, -EIO, KF_REASON_IO,
		      "fetch %s: the archive refuses it (status %ld)", url, status);
}

int fetch(const char *url, size_t max, int timeout_ms, struct buf *out,
	  struct kf_error *err)
{
	struct sink s = {.out = out, .max = max};
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode rc;
	CURL *c;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return kf_err(err, -EIO, KF_REASON_IO, "libcurl does not start");
	c = curl_easy_init();
	if (!c) {
		curl_global_cleanup();
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	rc = set_up(c, url, timeout_ms, &s, why);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	curl_global_cleanup();
	if (rc != CURLE_OK)
		return no_transfer(rc, &s, url, why, err);
	return status == 200 ? 0 : bad_status(status, url, err);
}

/* --- gzip ------------------------------------------------------------------------------
 */

static int open_gzip(struct archive *a, const struct buf *in)
{
	struct archive_entry *entry;

	if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open_memory(a, buf_data(in), buf_len(in)) != ARCHIVE_OK)
		return -EBADMSG;
	/* Without a filter it would be taken as it is. */
	if (archive_read_next_header(a, &entry) != ARCHIVE_OK ||
	    archive_filter_code(a, 0) != ARCHIVE_FILTER_GZIP)
		return -EBADMSG;
	return 0;
}

static int read_gzip(struct archive *a, size_t max, struct buf *out)
{
	for (;;) {
		la_ssize_t n;
		uint8_t *at;
		int rc;

		if (buf_len(out) >= max)
			return -EFBIG;
		rc = buf_reserve(out, PIECE, &at);
		if (rc < 0)
			return rc;
		n = archive_read_data(a, at, PIECE);
		if (n < 0)
			return -EBADMSG;
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

int fetch_gunzip(const struct buf *in, size_t max, struct buf *out, struct kf_error *err)
{
	struct archive *a = buf_len(in) ? archive_read_new() : NULL;
	const char *why = a ? NULL : "it is empty";
	int rc = a ? open_gzip(a, in) : -EBADMSG;

	if (rc == 0)
		rc = read_gzip(a, max, out);
	if (rc == -EBADMSG) {
		why = why ? why : archive_error_string(a);
		kf_err(err, rc, KF_REASON_INVALID,
		       "what the archive sent is not good gzip data: %s",
		       why ? why : "it is another format");
	} else if (rc == -EFBIG) {
		kf_err(err, rc, KF_REASON_INVALID,
		       "what the archive sent becomes more than %zu MiB, which is the "
		       "most that is taken",
		       max >> 20);
	} else if (rc < 0) {
		kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	}
	archive_read_free(a);
	return rc;
}
