/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests and replies of the helper outside of the sandbox, as bytes. */
#include "agent/outside/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const argv[] = {"sh", "-c", "echo $HOME \"\\n\"", "", NULL};
static const char *const env[] = {"PATH=/bin", "A=", "B=x=y", NULL};
static const struct outside_mount mounts[] = {
	{OUTSIDE_TMPFS, "", "/boot"},
	{OUTSIDE_BIND, "/a b", "/lib/modules/1"},
	{OUTSIDE_BIND_RO, "/c", "/d"},
};
static const struct outside_request request = {
	.cwd = "/root", .argv = argv, .env = env, .mounts = mounts, .n_mounts = 3};

static void assert_same(const char *const *a, const char *const *b)
{
	size_t i = 0;

	for (; b[i]; i++)
		assert_string_equal(a[i], b[i]);
	assert_null(a[i]);
}

static void what_is_encoded_is_decoded(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	_outside_request_ struct outside_request q = {0};
	size_t n;

	(void)state;
	assert_int_equal(outside_request_encode(&request, &b), 0);
	assert_int_equal(outside_request_body(buf_data(&b), &n), 0);
	assert_int_equal(OUTSIDE_HEAD + n, buf_len(&b));
	assert_int_equal(
		outside_request_decode(buf_data(&b), buf_data(&b) + OUTSIDE_HEAD, &q), 0);
	assert_string_equal(q.cwd, "/root");
	assert_same(q.argv, argv);
	assert_same(q.env, env);
	assert_int_equal(q.n_mounts, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(q.mounts[i].kind, mounts[i].kind);
		assert_string_equal(q.mounts[i].what, mounts[i].what);
		assert_string_equal(q.mounts[i].where, mounts[i].where);
	}
}

static void what_must_not_be_is_not_encoded(void **state)
{
	static const char *const none[] = {NULL}, *const empty[] = {"", NULL};
	static const char *const no_eq[] = {"A", NULL}, *const no_name[] = {"=A", NULL};
	static const struct outside_mount relative[] = {{OUTSIDE_BIND, "a", "/b"}};
	static const struct outside_mount to_relative[] = {{OUTSIDE_TMPFS, "", "b"}};
	static const struct outside_mount unknown[] = {{'x', "/a", "/b"}};
	const struct outside_request bad[] = {
		{.cwd = "root", .argv = argv, .env = env},
		{.cwd = "", .argv = argv, .env = env},
		{.cwd = "/", .argv = none, .env = env},
		{.cwd = "/", .argv = empty, .env = env},
		{.cwd = "/", .argv = argv, .env = no_eq},
		{.cwd = "/", .argv = argv, .env = no_name},
		{.cwd = "/", .argv = argv, .env = env, .mounts = relative, .n_mounts = 1},
		{.cwd = "/",
		 .argv = argv,
		 .env = env,
		 .mounts = to_relative,
		 .n_mounts = 1},
		{.cwd = "/", .argv = argv, .env = env, .mounts = unknown, .n_mounts = 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_buf_ struct buf b = BUF_INIT;

		assert_int_equal(outside_request_encode(&bad[i], &b), -EINVAL);
		assert_int_equal(buf_len(&b), 0);
	}
}

static void limits_are_kept(void **state)
{
	const char *words[LIMIT_OUTSIDE_ARGV + 2];
	const char *one[] = {NULL, NULL};
	struct outside_request q = {.cwd = "/", .argv = words, .env = env + 3};
	_free_ char *big = malloc(LIMIT_OUTSIDE);
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i <= LIMIT_OUTSIDE_ARGV; i++)
		words[i] = "x";
	words[LIMIT_OUTSIDE_ARGV + 1] = NULL;
	assert_int_equal(outside_request_encode(&q, &b), -E2BIG);
	words[LIMIT_OUTSIDE_ARGV] = NULL;
	assert_int_equal(outside_request_encode(&q, &b), 0);
	/* The directory takes two bytes, each NUL one. */
	memset(big, 'x', LIMIT_OUTSIDE);
	big[LIMIT_OUTSIDE - 3] = '\0';
	one[0] = big;
	q.argv = one;
	assert_int_equal(outside_request_encode(&q, &b), 0);
	big[LIMIT_OUTSIDE - 3] = 'x';
	big[LIMIT_OUTSIDE - 2] = '\0';
	assert_int_equal(outside_request_encode(&q, &b), -E2BIG);
}

/* One byte of a good request changed at a time. */
static void damage_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} damage[] = {
		{0, 0},			  /* magic */
		{4, 1},			  /* a longer body than is allowed */
		{7, 3},			  /* one too short for its strings */
		{8, 9},			  /* too many words */
		{9, 0},			  /* none */
		{9, 3},			  /* a word less: all that follows shifts */
		{11, 33},		  /* variables */
		{13, 9},		  /* mounts */
		{13, 2},		  /* something left over */
		{15, 1},		  /* reserved */
		{OUTSIDE_HEAD, 'x'},	  /* the directory */
		{OUTSIDE_HEAD + 6, '\0'}, /* the program's name: "" and "h" */
	};
	_buf_ struct buf good = BUF_INIT;

	(void)state;
	assert_int_equal(outside_request_encode(&request, &good), 0);
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		_free_ uint8_t *p = malloc(buf_len(&good));
		struct outside_request q = {0};
		size_t n;
		int r;

		memcpy(p, buf_data(&good), buf_len(&good));
		p[damage[i].at] = damage[i].value;
		r = outside_request_body(p, &n);
		if (r == 0)
			r = outside_request_decode(p, p + OUTSIDE_HEAD, &q);
		assert_int_equal(r, -EBADMSG);
		assert_null(q.arrays);
	}
}

static void a_body_that_is_cut_is_refused(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	size_t whole;

	(void)state;
	assert_int_equal(outside_request_encode(&request, &b), 0);
	assert_int_equal(outside_request_body(buf_data(&b), &whole), 0);
	for (size_t n = 0; n < whole; n++) {
		_free_ uint8_t *head = malloc(OUTSIDE_HEAD), *body = malloc(n + 1);
		struct outside_request q = {0};

		memcpy(head, buf_data(&b), OUTSIDE_HEAD);
		head[6] = (uint8_t)(n >> 8);
		head[7] = (uint8_t)n;
		memcpy(body, buf_data(&b) + OUTSIDE_HEAD, n);
		assert_int_equal(outside_request_decode(head, body, &q), -EBADMSG);
	}
}

static void replies_are_read(void **state)
{
	static const struct outside_reply good[] = {
		{OUTSIDE_ENDED, 0, 0},	      {OUTSIDE_ENDED, 3 << 8, 0},
		{OUTSIDE_ENDED, 0x8b, 0},     {OUTSIDE_NOT_RUN, ENOENT, 0},
		{OUTSIDE_NO_MOUNT, EPERM, 7},
	};
	static const struct outside_reply bad[] = {
		{0, 0, 0},
		{OUTSIDE_REPLY_KINDS, 0, 0},
		{OUTSIDE_ENDED, 0x10000, 0},
		{OUTSIDE_ENDED, 0, 1},
		{OUTSIDE_NOT_RUN, 0, 0},
		{OUTSIDE_NOT_RUN, 4096, 0},
		{OUTSIDE_NOT_RUN, 0x80000000, 0},
		{OUTSIDE_NO_MOUNT, EPERM, LIMIT_OUTSIDE_MOUNTS},
	};
	uint8_t p[OUTSIDE_REPLY];
	struct outside_reply r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		outside_reply_encode(&good[i], p);
		assert_int_equal(outside_reply_decode(p, &r), 0);
		assert_int_equal(r.kind, good[i].kind);
		assert_int_equal(r.value, good[i].value);
		assert_int_equal(r.at, good[i].at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		outside_reply_encode(&bad[i], p);
		assert_int_equal(outside_reply_decode(p, &r), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(what_must_not_be_is_not_encoded),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(a_body_that_is_cut_is_refused),
		cmocka_unit_test(replies_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
