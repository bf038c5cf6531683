// SPDX-License-Identifier: GPL-2.0-or-later
/* Values: what each type takes, and words split as a shell splits them. */
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>

#include "controller/config/config_internal.h"
#include "proto/reason.h"
#include "proto/text.h"

#define TIME_MAX_MS (1000LL * 3600 * 24 * 366)

static int parse_uint(const char *s, uint64_t *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(s, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

int config_parse_ms(const char *value, int64_t *ret)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"", 1000},   {"s", 1000},	   {"ms", 1},
		     {"m", 60000}, {"min", 60000}, {"h", 3600000}};
	size_t digits = strspn(value, "0123456789");
	int64_t n, ms;
	char *end;

	if (!digits)
		return -EINVAL;
	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno)
		return -ERANGE;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		/* Sums of two stay far from overflowing. */
		if (__builtin_mul_overflow(n, units[i].ms, &ms) || ms > TIME_MAX_MS)
			return -ERANGE;
		*ret = ms;
		return 0;
	}
	return -EINVAL;
}

static bool parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcasecmp(s, yes[i]) || !strcasecmp(s, no[i])) {
			*ret = !strcasecmp(s, yes[i]);
			return true;
		}
	}
	return false;
}

static bool is_choice(const char *choices, const char *s)
{
	size_t n = strlen(s);

	for (const char *at = choices; n && at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, s, n) && (at[n] == '|' || !at[n]))
			return true;
	}
	return false;
}

static int expand_home(const char *value, char **ret)
{
	const char *home = getenv("HOME");
	struct passwd *pw;
	char *path;

	if (strncmp(value, "~/", 2))
		return *ret = strdup(value), *ret ? 0 : -ENOMEM;
	if (!home || !*home) {
		pw = getpwuid(getuid());
		home = pw ? pw->pw_dir : "/";
	}
	if (asprintf(&path, "%s/%s", home, value + 2) < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

static int check_lines(const char *value)
{
	_free_ char *copy = strdup(value);
	char *rest = copy;

	if (!copy)
		return -ENOMEM;
	for (char *line; (line = strsep(&rest, "\n"));) {
		_free_ char **words = NULL;
		int rc = config_words(line, &words);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_port(const struct config_key *key)
{
	return strcmp(key->name, "board.port") == 0;
}

static const char *wanted(const struct config_key *key)
{
	switch (key->type) {
	case CONFIG_BOOL:
		return "yes or no";
	case CONFIG_UINT:
		return is_port(key) ? "a port, 1 to 65535" : "a number";
	case CONFIG_SECONDS:
		return "a time such as 90s or 2m";
	case CONFIG_ARGV:
	case CONFIG_LINES:
		return "words with closed quotes";
	case CONFIG_CHOICE:
		return key->choices;
	default:
		return "one line of text without control characters";
	}
}

static int check_type(const struct config_key *key, const char *value)
{
	_free_ char **words = NULL;
	uint64_t number;
	int64_t ms;
	bool flag;

	/* "key =" unsets; where there is a default there is no such thing. */
	if (!*value && !key->builtin)
		return 0;
	if (!text_is_plain(value, strlen(value), key->type == CONFIG_LINES))
		return -EINVAL;
	switch (key->type) {
	case CONFIG_BOOL:
		return parse_bool(value, &flag) ? 0 : -EINVAL;
	case CONFIG_UINT:
		if (parse_uint(value, &number) < 0)
			return -EINVAL;
		return !is_port(key) || (number > 0 && number <= 65535) ? 0 : -EINVAL;
	case CONFIG_SECONDS:
		return config_parse_ms(value, &ms);
	case CONFIG_ARGV:
		return config_words(value, &words);
	case CONFIG_LINES:
		return check_lines(value);
	case CONFIG_CHOICE:
		return is_choice(key->choices, value) ? 0 : -EINVAL;
	case CONFIG_STRING:
	case CONFIG_PATH:
		break;
	}
	return 0;
}

int config_check(const struct config_key *key, const char *value, const char *text_origin,
		 char **ret, struct kf_error *err)
{
	int rc = check_type(key, value);

	if (rc == 0)
		rc = key->type == CONFIG_PATH ? expand_home(value, ret)
		     : (*ret = strdup(value)) ? 0
					      : -ENOMEM;
	if (rc == -ENOMEM)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "%s: %s: %m", text_origin,
			      key->name);
	if (rc < 0)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s: %s is \"%s\", but takes %s", text_origin, key->name,
			      value, wanted(key));
	return 0;
}

bool config_is_board_name(const char *name)
{
	return text_is_name(name) && strlen(name) <= CONFIG_BOARD_MAX;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Copy the word at s to dst and terminate it; *s is left behind it. */
static int take_word(const char **s, char **dst)
{
	char quote = 0;

	for (; **s && (quote || !is_blank(**s)); (*s)++) {
		char c = **s;

		if (quote && c == quote) {
			quote = 0;
			continue;
		}
		if (!quote && (c == '\'' || c == '"')) {
			quote = c;
			continue;
		}
		if (c == '\\' && quote != '\'') {
			if (!(*s)[1])
				return -EINVAL;
			c = *++*s;
		}
		*(*dst)++ = c;
	}
	*(*dst)++ = '\0';
	return quote ? -EINVAL : 0;
}

int config_words(const char *text, char ***ret)
{
	size_t len = strlen(text), most = len / 2 + 2, count = 0;
	char **words, *at;

	/* No word is longer than what it is made from, and each takes a blank or more. */
	words = malloc(most * sizeof(*words) + len + 2);
	if (!words)
		return -ENOMEM;
	at = (char *)(words + most);
	for (;;) {
		int rc;

		while (is_blank(*text))
			text++;
		if (!*text)
			break;
		words[count++] = at;
		rc = take_word(&text, &at);
		if (rc < 0) {
			free(words);
			return rc;
		}
	}
	words[count] = NULL;
	*ret = words;
	return 0;
}

/* The getters: values were checked when they came in, so they parse. */
bool config_bool(const struct config *c, const char *board, const char *key)
{
	const char *value = config_get(c, board, key);
	bool flag = false;

	return value && parse_bool(value, &flag) && flag;
}

uint64_t config_uint(const struct config *c, const char *board, const char *key)
{
	const char *value = config_get(c, board, key);
	uint64_t n = 0;

	return value && parse_uint(value, &n) == 0 ? n : 0;
}

int64_t config_ms(const struct config *c, const char *board, const char *key)
{
	const char *value = config_get(c, board, key);
	int64_t ms = 0;

	return value && config_parse_ms(value, &ms) == 0 ? ms : 0;
}

char **config_argv(const struct config *c, const char *board, const char *key)
{
	const char *value = config_get(c, board, key);
	char **words;

	if (!value || config_words(value, &words) < 0)
		return NULL;
	return words;
}
