// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/suite/testplan.h"

#include <fcntl.h>
#include <string.h>

#include "controller/results/expect.h"
#include "controller/strf.h"
#include "controller/suite/suitefind.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SMALL_MS   (INT64_C(2) * 60 * 1000)  /* around a suite: programs, clean-up */
#define PUSH_MS	   (INT64_C(10) * 60 * 1000) /* of one that is pushed, or fetched from */
#define BOARD_BASE "/var/lib/kferry-suites"

void testplan_init(struct testplan *p)
{
	*p = (struct testplan){.fail_on = SEVERITY_ERROR};
}

static void item_fini(struct testitem *it)
{
	free(it->name);
	free(it->suite);
	free(it->collection);
	free(it->words);
	suitefile_fini(&it->file);
}

void testplan_fini(struct testplan *p)
{
	for (size_t i = 0; i < p->n; i++)
		item_fini(&p->items[i]);
	free(p->items);
	buf_fini(&p->expect_text);
	testplan_init(p);
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* A program of the user's is a suite without a file. */
static int of_command(struct testitem *it, const char *text, struct kf_error *err)
{
	const char *base;

	if (config_words(text, &it->words) < 0)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "cmd: a quote is not closed in: %s", text);
	if (!it->words[0] || !*it->words[0])
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "cmd: which program? cmd:'PROGRAM ARGUMENTS'");
	base = strrchr(it->words[0], '/');
	base = base && base[1] ? base + 1 : it->words[0];
	it->name = strf("cmd:%.100s", base);
	it->suite = strdup("cmd");
	it->file.value[SUITEFILE_FORMAT] = strdup("exit");
	return it->name && it->suite && it->file.value[SUITEFILE_FORMAT] ? 0
									 : no_memory(err);
}

static int of_suite(struct testitem *it, const struct config *cfg, const char *text,
		    struct kf_error *err)
{
	const char *colon = strchr(text, ':');
	bool needs;

	it->name = strdup(text);
	it->suite = strndup(text, colon ? (size_t)(colon - text) : strlen(text));
	it->collection = colon ? strdup(colon + 1) : NULL;
	if (!it->name || !it->suite || (colon && !it->collection))
		return no_memory(err);
	if (colon && !suitefile_is_collection(it->collection))
		return kf_err(
			err, -EINVAL, KF_REASON_USAGE,
			"\"%s\" is no collection of a suite: letters, digits and . _ "
			"+ - / , =",
			it->collection);
	if (suitefind_load(cfg, it->suite, &it->file, err) < 0)
		return err->code;
	needs = strstr(it->file.value[SUITEFILE_COMMAND], "{collection}") != NULL;
	if (!colon && needs)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "the suite %s is run for a collection only: %s:COLLECTION",
			      it->suite, it->suite);
	if (colon && !needs && !it->file.value[SUITEFILE_COMMAND_COLLECTION])
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "the suite %s has no collections (run.with_collection)",
			      it->suite);
	return 0;
}

int testplan_add(struct testplan *p, const struct config *cfg, const char *text,
		 struct kf_error *err)
{
	struct testitem it = {.name = NULL}, *more;
	int r;

	if (p->n >= TESTPLAN_ITEMS)
		return kf_err(err, -E2BIG, KF_REASON_USAGE, "more than %d suites",
			      TESTPLAN_ITEMS);
	r = strncmp(text, "cmd:", 4) == 0 ? of_command(&it, text + 4, err)
					  : of_suite(&it, cfg, text, err);
	more = r == 0 ? reallocarray(p->items, p->n + 1, sizeof(*more)) : NULL;
	if (r == 0 && !more)
		r = no_memory(err);
	if (r < 0) {
		item_fini(&it);
		return r;
	}
	p->items = more;
	more[p->n++] = it;
	return 0;
}

int testplan_expect(struct testplan *p, const char *file, struct kf_error *err)
{
	_expect_ struct expect e = {0};
	int r;

	buf_reset(&p->expect_text);
	p->expect = file;
	r = fs_read_file(AT_FDCWD, file, EXPECT_BYTES, &p->expect_text);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", file);
	return expect_parse((const char *)buf_data(&p->expect_text),
			    buf_len(&p->expect_text), file, &e, err);
}

int testplan_check(const struct testplan *p, struct kf_error *err)
{
	size_t args = 0;

	while (p->args && p->args[args])
		args++;
	if (args > LIMIT_ARGV - SUITEFILE_WORDS)
		return kf_err(err, -E2BIG, KF_REASON_USAGE,
			      "more than %d words behind --",
			      LIMIT_ARGV - SUITEFILE_WORDS);
	if (!p->prebuilt)
		return 0;
	if (p->n != 1)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "--prebuilt is the directory of one suite");
	if (p->items[0].words)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "--prebuilt is not for cmd:, which pushes nothing");
	return 0;
}

int64_t testplan_item_ms(const struct testplan *p, const struct testitem *it)
{
	return p->timeout_ms
		       ? p->timeout_ms
		       : suitefile_ms(&it->file, SUITEFILE_LIMIT, TESTPLAN_LIMIT_MS);
}

int64_t testplan_ms(const struct testplan *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct testitem *it = &p->items[i];
		bool files = p->prebuilt || it->file.value[SUITEFILE_PUSH_FROM] ||
			     it->file.value[SUITEFILE_FETCH];

		sum += testplan_item_ms(p, it) * (p->retries + 1) + SMALL_MS +
		       (files ? PUSH_MS : 0);
	}
	return sum;
}

char *testplan_place(const struct testitem *it)
{
	const char *to = it->file.value[SUITEFILE_PUSH_TO];
	char *place;

	if (to)
		return strdup(to);
	place = strf(BOARD_BASE "/%s%s%s", it->suite, it->collection ? "-" : "",
		     it->collection ? it->collection : "");
	for (char *p = place ? place + strlen(BOARD_BASE) + 1 : NULL; p && *p; p++) {
		if (*p == '/')
			*p = '-';
	}
	return place;
}
