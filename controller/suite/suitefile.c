// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader of suite files.  A value is checked when its last line was read, with the
 * line that it began in.
 */
#include "controller/suite/suitefile.h"

#include <ctype.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/suite/suitefile_internal.h"
#include "proto/base/buf.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

static const struct suitefile_entry entries[SUITEFILE_KEYS] = {
	[SUITEFILE_DESCRIPTION] = {"suite.description", SUITEFILE_IS_TEXT, ""},
	[SUITEFILE_MAKE] = {"build.make", SUITEFILE_IS_WORDS, "out tree obj"},
	[SUITEFILE_MAKE_COLLECTION] = {"build.with_collection", SUITEFILE_IS_WORDS,
				       "collection out tree obj"},
	[SUITEFILE_PUSH_FROM] = {"push.from", SUITEFILE_IS_PATH,
				 "collection out tree obj"},
	[SUITEFILE_PUSH_TO] = {"push.to", SUITEFILE_IS_PLACE, ""},
	[SUITEFILE_PROGRAMS] = {"board.programs", SUITEFILE_IS_WORDS, "dir"},
	[SUITEFILE_COMMAND] = {"run.command", SUITEFILE_IS_WORDS, "collection dir"},
	[SUITEFILE_COMMAND_COLLECTION] = {"run.with_collection", SUITEFILE_IS_WORDS,
					  "collection dir"},
	[SUITEFILE_COMMAND_LIMIT] = {"run.with_limit", SUITEFILE_IS_WORDS, "limit"},
	[SUITEFILE_RETRY] = {"run.retry", SUITEFILE_IS_WORDS, "dir tests"},
	[SUITEFILE_DIRECTORY] = {"run.directory", SUITEFILE_IS_PLACE, "dir"},
	[SUITEFILE_ENVIRONMENT] = {"run.environment", SUITEFILE_IS_SETTINGS, "dir"},
	[SUITEFILE_LIMIT] = {"limits.suite", SUITEFILE_IS_TIME, ""},
	[SUITEFILE_LIMIT_TEST] = {"limits.test", SUITEFILE_IS_TIME, ""},
	[SUITEFILE_FORMAT] = {"results.format", SUITEFILE_IS_FORMAT, ""},
	[SUITEFILE_SKIP_STATUS] = {"results.skip_status", SUITEFILE_IS_STATUS, ""},
	[SUITEFILE_FETCH] = {"results.fetch", SUITEFILE_IS_WORDS, "dir"},
	[SUITEFILE_CLEAN] = {"clean.command", SUITEFILE_IS_WORDS, "dir"},
};

struct parse {
	struct suitefile *f;
	const char *name;
	struct kf_error *err;
	unsigned line, key_line, set_in[SUITEFILE_KEYS];
	char section[32];
	enum suitefile_key key; /* SUITEFILE_KEYS: no value is open */
	struct buf value;
};

const char *suitefile_key_name(enum suitefile_key key)
{
	return entries[key].name;
}

static int fail(struct parse *p, unsigned line, const char *fmt, ...) _printf_(3, 4);

static int fail(struct parse *p, unsigned line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return kf_err(p->err, -EINVAL, KF_REASON_CONFIG, "%s:%u: %s", p->name, line,
		      text);
}

static int no_memory(struct parse *p)
{
	return kf_err(p->err, -ENOMEM, KF_REASON_NO_MEMORY, "%s: no memory", p->name);
}

/* The value that was being collected is complete. */
static int end_value(struct parse *p)
{
	enum suitefile_key key = p->key;
	char why[256];
	const char *text;
	char *copy;

	if (key == SUITEFILE_KEYS)
		return 0;
	p->key = SUITEFILE_KEYS;
	text = buf_len(&p->value) ? buf_str(&p->value) : "";
	if (!text)
		return no_memory(p);
	if (suitefile_check_value(&entries[key], text, why) < 0)
		return fail(p, p->key_line, "%s: %s", entries[key].name, why);
	copy = strdup(text);
	if (!copy)
		return no_memory(p);
	free(p->f->value[key]);
	p->f->value[key] = copy;
	/* Empty takes away what a file before has set. */
	if (!*copy) {
		free(copy);
		p->f->value[key] = NULL;
	}
	return 0;
}

static int on_section(struct parse *p, const char *s, size_t n)
{
	int r = end_value(p);

	if (r < 0)
		return r;
	if (n < 3 || s[n - 1] != ']')
		return fail(p, p->line, "a section is [name] and nothing else");
	snprintf(p->section, sizeof(p->section), "%.*s", (int)(n - 2), s + 1);
	n = strlen(p->section);
	for (size_t i = 0; i < SUITEFILE_KEYS; i++) {
		if (strncmp(entries[i].name, p->section, n) == 0 &&
		    entries[i].name[n] == '.')
			return 0;
	}
	return fail(p, p->line,
		    "there is no section [%s]: suite, build, push, board, run, limits, "
		    "results, clean",
		    p->section);
}

static int add_to_value(struct parse *p, const char *s, size_t n)
{
	int r = 0;

	text_trim(&s, &n);
	if (buf_len(&p->value) + n + 1 > SUITEFILE_VALUE)
		return fail(p, p->line, "the value has more than %d bytes",
			    SUITEFILE_VALUE);
	if (buf_len(&p->value) > 0 && n > 0)
		r = buf_append(&p->value, " ", 1);
	if (r == 0)
		r = buf_append(&p->value, s, n);
	return r < 0 ? no_memory(p) : 0;
}

static int on_key(struct parse *p, const char *s, size_t n)
{
	const char *equals = memchr(s, '=', n);
	const char *name = s;
	size_t name_n = equals ? (size_t)(equals - s) : 0;
	char full[80];
	int r = end_value(p);

	if (r < 0)
		return r;
	text_trim(&name, &name_n);
	if (name_n == 0)
		return fail(p, p->line, "neither [section] nor key = value");
	if (!p->section[0])
		return fail(p, p->line, "a key stands before any [section]");
	snprintf(full, sizeof(full), "%s.%.*s", p->section,
		 (int)(name_n < 40 ? name_n : 40), name);
	for (size_t i = 0; i < SUITEFILE_KEYS; i++) {
		if (strcmp(full, entries[i].name) == 0)
			p->key = (enum suitefile_key)i;
	}
	if (p->key == SUITEFILE_KEYS)
		return fail(p, p->line, "there is no key %s; see kferry-suites(5)", full);
	if (p->set_in[p->key])
		return fail(p, p->line, "%s was set in line %u already", full,
			    p->set_in[p->key]);
	p->set_in[p->key] = p->key_line = p->line;
	buf_reset(&p->value);
	return add_to_value(p, equals + 1, n - (size_t)(equals + 1 - s));
}

static int on_line(struct parse *p, const char *s, size_t n)
{
	bool continues = n > 0 && (*s == ' ' || *s == '\t');
	const char *text = s;
	size_t text_n = n;

	if (n > SUITEFILE_LINE)
		return fail(p, p->line,
			    "the line has more than %d bytes; continue it on one that "
			    "begins with a blank",
			    SUITEFILE_LINE);
	if (!text_is_plain(s, n, true))
		return fail(p, p->line,
			    "the line is not UTF-8 or has control characters");
	text_trim(&text, &text_n);
	if (text_n == 0 || *text == '#' || *text == ';')
		return 0;
	if (continues && p->key == SUITEFILE_KEYS)
		return fail(p, p->line,
			    "the line begins with a blank, and there is no value to "
			    "continue");
	if (continues)
		return add_to_value(p, text, text_n);
	return *text == '[' ? on_section(p, text, text_n) : on_key(p, text, text_n);
}

int suitefile_parse(struct suitefile *f, const char *text, size_t n, const char *name,
		    struct kf_error *err)
{
	struct parse p = {.f = f, .name = name, .err = err, .key = SUITEFILE_KEYS};
	int r = 0;

	if (n > SUITEFILE_BYTES)
		return kf_err(err, -EFBIG, KF_REASON_CONFIG,
			      "%s: a suite file has at most %u KiB", name,
			      SUITEFILE_BYTES >> 10);
	while (r == 0 && n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t line = end ? (size_t)(end - text) : n;
		size_t whole = line + (end != NULL);

		p.line++;
		if (line > 0 && text[line - 1] == '\r')
			line--;
		r = on_line(&p, text, line);
		text += whole;
		n -= whole;
	}
	if (r == 0)
		r = end_value(&p);
	buf_fini(&p.value);
	return r;
}

void suitefile_fini(struct suitefile *f)
{
	for (size_t i = 0; i < SUITEFILE_KEYS; i++)
		free(f->value[i]);
	*f = (struct suitefile){{NULL}};
}

int suitefile_check(const struct suitefile *f, const char *suite, struct kf_error *err)
{
	static const enum suitefile_key needed[] = {SUITEFILE_DESCRIPTION,
						    SUITEFILE_COMMAND, SUITEFILE_FORMAT};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!f->value[needed[i]])
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "the suite %s has no %s", suite,
				      suitefile_key_name(needed[i]));
	}
	if (f->value[SUITEFILE_MAKE] && !f->value[SUITEFILE_PUSH_FROM])
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "the suite %s is built (build.make) and not pushed: "
			      "push.from says where it is then",
			      suite);
	if (f->value[SUITEFILE_COMMAND_LIMIT] && !f->value[SUITEFILE_LIMIT_TEST])
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "the suite %s has run.with_limit, and no limits.test",
			      suite);
	return 0;
}
