// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of suite files: what may stand in them, and what they come to. */
#include <ctype.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/suite/suitefile.h"
#include "controller/suite/suitefile_internal.h"
#include "controller/suite/words.h"
#include "proto/base/buf.h"
#include "proto/limits.h"
#include "proto/text.h"

#define SKIP_STATUS_MAX 255
#define COLLECTION_MAX	128

/* --- placeholders ----------------------------------------------------------------- */

/* "{word}" at s: its length without the braces, 0: it is none. */
static size_t holder_at(const char *s)
{
	size_t n = 0;

	if (*s != '{')
		return 0;
	while (islower((unsigned char)s[n + 1]))
		n++;
	return s[n + 1] == '}' ? n : 0;
}

static bool is_one_of(const char *list, const char *word, size_t n)
{
	for (const char *p = list; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		if (len == n && strncmp(p, word, n) == 0)
			return true;
		p += len;
	}
	return false;
}

static int check_holders(const struct suitefile_entry *e, const char *text,
			 char why[static 256])
{
	for (const char *p = text; *p; p++) {
		size_t n = holder_at(p);

		if (n == 0 || is_one_of(e->holders, p + 1, n))
			continue;
		if (*e->holders)
			snprintf(why, 256, "{%.*s} has no meaning here; these have: %s",
				 (int)(n < 40 ? n : 40), p + 1, e->holders);
		else
			snprintf(why, 256, "{%.*s}: no placeholder has a meaning here",
				 (int)(n < 40 ? n : 40), p + 1);
		return -EINVAL;
	}
	return 0;
}

static const char *value_of(const struct suitefile_values *v, const char *word, size_t n)
{
	const struct {
		const char *name, *value;
	} all[] = {{"collection", v->collection},
		   {"dir", v->dir},
		   {"out", v->out},
		   {"tree", v->tree},
		   {"obj", v->obj},
		   {"limit", v->limit}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (strlen(all[i].name) == n && strncmp(all[i].name, word, n) == 0)
			return all[i].value ? all[i].value : "";
	}
	return NULL;
}

static int fill(const char *text, const struct suitefile_values *v, struct buf *out)
{
	int r = 0;

	while (r == 0 && *text) {
		size_t n = holder_at(text);
		const char *value = n ? value_of(v, text + 1, n) : NULL;

		if (value)
			r = buf_append(out, value, strlen(value));
		else
			r = buf_append(out, text, 1);
		text += value ? n + 2 : 1;
	}
	return r < 0 ? r : buf_append(out, "", 1);
}

/* --- what they come to -------------------------------------------------------------- */

int suitefile_words(const struct suitefile *f, enum suitefile_key key,
		    const struct suitefile_values *v, char ***ret)
{
	_words_ struct words w = {.n = 0};
	_free_ char **list = NULL;
	int r = config_words(f->value[key] ? f->value[key] : "", &list);

	for (size_t i = 0; r == 0 && list[i]; i++) {
		_buf_ struct buf b = BUF_INIT;

		if (strcmp(list[i], "{tests}") == 0) {
			for (size_t k = 0; r == 0 && k < v->n_tests; k++)
				r = words_add(&w, v->tests[k]);
			continue;
		}
		r = fill(list[i], v, &b);
		if (r == 0)
			r = words_add(&w, (const char *)buf_data(&b));
	}
	return r < 0 ? r : words_block(&w, ret);
}

int suitefile_text(const struct suitefile *f, enum suitefile_key key,
		   const struct suitefile_values *v, char **ret)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	*ret = NULL;
	if (!f->value[key])
		return 0;
	r = fill(f->value[key], v, &b);
	if (r == 0)
		*ret = strdup((const char *)buf_data(&b));
	return r == 0 && !*ret ? -ENOMEM : r;
}

int suitefile_parse_ms(const char *text, int64_t *ret)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (errno || n <= 0 || n > SUITEFILE_MS_MAX / units[i].ms)
			return -ERANGE;
		*ret = n * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

int64_t suitefile_ms(const struct suitefile *f, enum suitefile_key key, int64_t otherwise)
{
	int64_t ms;

	return f->value[key] && suitefile_parse_ms(f->value[key], &ms) == 0 ? ms
									    : otherwise;
}

int suitefile_skip_status(const struct suitefile *f)
{
	const char *text = f->value[SUITEFILE_SKIP_STATUS];

	return text ? (int)strtol(text, NULL, 10) : -1;
}

bool suitefile_is_collection(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > COLLECTION_MAX || strstr(s, "..") || *s == '-' || *s == '/' ||
	    *s == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)s[i]) && !strchr("._+-/,=", s[i]))
			return false;
	}
	return true;
}

/* --- checks ----------------------------------------------------------------------- */

static int wrong(char why[static 256], const char *text)
{
	snprintf(why, 256, "%s", text);
	return -EINVAL;
}

static bool is_setting(const char *word)
{
	size_t n = 0;

	while (isalnum((unsigned char)word[n]) || word[n] == '_')
		n++;
	return n > 0 && !isdigit((unsigned char)*word) && word[n] == '=';
}

static int check_words(const struct suitefile_entry *e, const char *text,
		       char why[static 256])
{
	_free_ char **words = NULL;
	size_t n = 0;

	if (config_words(text, &words) < 0)
		return wrong(why, "a quote is not closed");
	for (; words[n]; n++) {
		if (e->kind == SUITEFILE_IS_SETTINGS && !is_setting(words[n])) {
			snprintf(why, 256, "\"%.100s\" is no NAME=VALUE", words[n]);
			return -EINVAL;
		}
	}
	if (n > SUITEFILE_WORDS) {
		snprintf(why, 256, "more than %d words", SUITEFILE_WORDS);
		return -EINVAL;
	}
	return 0;
}

/* Absolute, two levels deep at least: it is removed as a whole when it is replaced. */
static int check_place(const char *text, char why[static 256])
{
	size_t n = strlen(text);

	if (strncmp(text, "{dir}", 5) == 0 && (!text[5] || text[5] == '/'))
		return text[5] && !text_is_path(text + 6, n - 6)
			       ? wrong(why, "behind {dir} stands no good path")
			       : 0;
	if (*text != '/' || !text_is_path(text + 1, n - 1))
		return wrong(why, "it is no absolute path without . and ..");
	return 0;
}

static int check_format(const char *text, char why[static 256])
{
	static const char *const formats[] = {"ktap", "ltp", "xfstests", "exit"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (strcmp(text, formats[i]) == 0)
			return 0;
	}
	return wrong(why, "it is ktap, ltp, xfstests or exit");
}

static int check_status(const char *text, char why[static 256])
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 3 || text[n] || strtol(text, NULL, 10) > SKIP_STATUS_MAX ||
	    strtol(text, NULL, 10) == 0)
		return wrong(why, "it is an exit status from 1 to 255");
	return 0;
}

int suitefile_check_value(const struct suitefile_entry *e, const char *text,
			  char why[static 256])
{
	int64_t ms;

	if (!*text)
		return 0;
	if (check_holders(e, text, why) < 0)
		return -EINVAL;
	switch (e->kind) {
	case SUITEFILE_IS_WORDS:
	case SUITEFILE_IS_SETTINGS:
		return check_words(e, text, why);
	case SUITEFILE_IS_PLACE:
		if (strcmp(e->name, "push.to") == 0 && *text == '/' &&
		    !strchr(text + 1, '/'))
			return wrong(why, "a directory right below / is not kferry's to "
					  "replace: name one further down");
		return check_place(text, why);
	case SUITEFILE_IS_TIME:
		return suitefile_parse_ms(text, &ms) < 0
			       ? wrong(why, "it is a time such as 90s, 30m or 2h, at "
					    "most a week")
			       : 0;
	case SUITEFILE_IS_FORMAT:
		return check_format(text, why);
	case SUITEFILE_IS_STATUS:
		return check_status(text, why);
	default:
		return 0;
	}
}
