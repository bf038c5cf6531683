// SPDX-License-Identifier: GPL-2.0-or-later
/* Atom feeds and lists of lists, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/mail/feed.h"

#define HEAD                                                                             \
	"<?xml version=\"1.0\" encoding=\"us-ascii\"?><feed "                            \
	"xmlns=\"http://www.w3.org/2005/Atom\" "                                         \
	"xmlns:thr=\"http://purl.org/syndication/thread/1.0\"><title>demo</title>"       \
	"<link href=\"http://x/demo/feed@x/\"/><author><name>no</name></author>"
#define ENTRY                                                                            \
	"<entry><author><name>J&#252;rgen</name><email>j@x</email></author>"             \
	"<title\ntype=\"html\">[PATCH 1/2]  a &amp;\n b</title>"                         \
	"<updated>2026-11-20T10:00:00Z</updated><link\nhref=\"http://x/demo/1@x/\"/>"    \
	"<id>urn:uuid:1</id><thr:in-reply-to\nref=\"urn:uuid:0\" "                       \
	"href=\"http://x/demo/0@x/\"/><content type=\"xhtml\"><div "                     \
	"xmlns=\"http://www.w3.org/1999/xhtml\"><pre><title>no</title></pre></div>"      \
	"</content></entry>"

static int feed(const char *text, struct posts *all, size_t *n, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(buf_append(&b, text, strlen(text)), 0);
	return feed_read(&b, all, n, err);
}

static void a_feed(void **state)
{
	_posts_ struct posts all = {0};
	struct kf_error err = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(feed(HEAD ENTRY "<entry><title>no link</title></entry></feed>",
			      &all, &n, &err),
			 0);
	assert_int_equal(n, 2);
	assert_int_equal(all.n, 1);
	assert_string_equal(all.p[0].id, "1@x");
	assert_string_equal(all.p[0].parent, "0@x");
	assert_string_equal(all.p[0].text, "[PATCH 1/2] a & b");
	assert_string_equal(all.p[0].author, "J\xc3\xbcrgen");
	assert_string_equal(all.p[0].email, "j@x");
	assert_int_equal(all.p[0].date, 1795168800);
	assert_int_equal(all.p[0].subject.total, 2);
}

static void what_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"<feed/>",
		"<html xmlns=\"http://www.w3.org/2005/Atom\"/>",
		HEAD ENTRY,
		HEAD "<entry></feed>",
		HEAD "&nothing;</feed>",
		HEAD "\x01</feed>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_posts_ struct posts all = {0};
		struct kf_error err = {0};
		size_t n = 0;

		print_message("%s\n", texts[i]);
		assert_int_equal(feed(texts[i], &all, &n, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "no Atom feed"));
	}
}

/* Ten levels of ten: a thousand million, if they were replaced. */
static void entities_do_not_grow(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	_posts_ struct posts all = {0};
	struct kf_error err = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(buf_printf(&b, "<!DOCTYPE feed [<!ENTITY a0 \"lol\">"), 0);
	for (int i = 1; i < 10; i++) {
		assert_int_equal(buf_printf(&b, "<!ENTITY a%d \"", i), 0);
		for (int k = 0; k < 10; k++)
			assert_int_equal(buf_printf(&b, "&a%d;", i - 1), 0);
		assert_int_equal(buf_printf(&b, "\">"), 0);
	}
	assert_int_equal(
		buf_printf(&b, "]><feed xmlns=\"http://www.w3.org/2005/Atom\"><entry>"
			       "<title>&a9;</title><link href=\"http://x/demo/1@x/\"/>"
			       "</entry></feed>"),
		0);
	if (feed_read(&b, &all, &n, &err) == 0) {
		assert_int_equal(all.n, 1);
		assert_true(strlen(all.p[0].text) < 1000);
	}
}

static void lists_of_a_manifest(void **state)
{
	static const char text[] =
		"{\"/zeta/git/0.git\": {\"description\": \"Z [epoch 0]\"}, "
		"\"/zeta/git/1.git\": {\"description\": \"Z [epoch 1]\"}, "
		"\"/alpha\": {}, \"/../x\": {}, \"/-b/git/0.git\": 1}";
	static const char *const bad[] = {"", "[]", "{", "1"};
	_buf_ struct buf b = BUF_INIT;
	_listing_ struct listing l = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(buf_append(&b, text, strlen(text)), 0);
	assert_int_equal(listing_read_manifest(&b, &l, &err), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.names[0], "alpha");
	assert_string_equal(l.texts[0], "");
	assert_string_equal(l.names[1], "zeta");
	assert_string_equal(l.texts[1], "Z");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		_buf_ struct buf t = BUF_INIT;

		assert_int_equal(buf_printf(&t, "%s", bad[i]), 0);
		assert_int_equal(listing_read_manifest(&t, &l, &err), -EBADMSG);
	}
}

static void lists_of_a_page(void **state)
{
	static const char text[] =
		"<html><body><pre>* 2026 - <a\nhref=\"demo/\">demo</a>\n"
		"<p><b><a href=\"./other/\">o</a></b><a href=\"/third/\">t</a>"
		"<a href=\"../\">up</a><a href=\"https://x/y/\">y</a><a>none</a>"
		"<a href=\"https://x/fourth\">https://x/fourth</a>"
		"<a href=\"demo/\">again</a><a href=\"a/b/\">deep</a>";
	_buf_ struct buf b = BUF_INIT, none = BUF_INIT;
	_listing_ struct listing l = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(buf_append(&b, text, strlen(text)), 0);
	assert_int_equal(listing_read_page(&b, &l, &err), 0);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.names[0], "demo");
	assert_string_equal(l.names[1], "fourth");
	assert_string_equal(l.names[2], "other");
	assert_string_equal(l.names[3], "third");
	assert_int_equal(listing_read_page(&none, &l, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_feed),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(entities_do_not_grow),
		cmocka_unit_test(lists_of_a_manifest),
		cmocka_unit_test(lists_of_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
