/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's configuration file: one table of keys, one setter per kind of value.
 */
#include "agent/conf.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CONF_MAX (64 * 1024) /* bytes of the file */

/* What turns the ways a kernel dies into reboots: boot-facts section 8. */
#define TRIAL_CMDLINE                                                                    \
	"panic=10 oops=panic softlockup_panic=1 hung_task_panic=1 nmi_watchdog=1 "       \
	"printk.always_kmsg_dump=1"

enum kind { NAME, PATH, LINE, WORDS, NUMBER, BYTES, DEVICE };

struct key {
	const char *name;
	enum kind kind;
	size_t at; /* offset in struct agent_conf */
	uint64_t min, max;
};

#define AT(field) offsetof(struct agent_conf, field)

static const struct key keys[] = {
	{"board_kind", NAME, AT(board_kind), 0, 0},
	{"chain", NAME, AT(chain), 0, 0},
	{"state_dir", PATH, AT(state_dir), 0, 0},
	{"socket", PATH, AT(socket), 0, 0},
	{"boot_dir", PATH, AT(boot_dir), 0, 0},
	{"hook", WORDS, AT(hook), 0, 0},
	{"reboot", WORDS, AT(reboot), 0, 0},
	{"trial_cmdline", LINE, AT(trial_cmdline), 0, 0},
	{"image_words", LINE, AT(image_words), 0, 0},
	{"watchdog", DEVICE, AT(watchdog), 0, 0},
	{"watchdog_timeout", NUMBER, AT(watchdog_s), 0, 3600},
	{"confirm_timeout", NUMBER, AT(confirm_timeout_s), 10, 24 * 3600},
	{"keep", NUMBER, AT(keep), 1, STATE_SLOTS / 2},
	{"reserve", BYTES, AT(reserve_bytes), 0, UINT64_C(1) << 40},
};

static void words_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

int conf_init(struct agent_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->state_dir = strdup("/var/lib/kferry");
	c->socket = strdup("/run/kferry/agent.sock");
	c->trial_cmdline = strdup(TRIAL_CMDLINE);
	c->image_words = strdup("");
	c->watchdog = strdup("auto");
	c->confirm_timeout_s = 300;
	c->keep = 3;
	c->reserve_bytes = UINT64_C(32) << 20;
	if (c->state_dir && c->socket && c->trial_cmdline && c->watchdog &&
	    c->image_words)
		return 0;
	conf_fini(c);
	return -ENOMEM;
}

void conf_fini(struct agent_conf *c)
{
	free(c->board_kind);
	free(c->chain);
	free(c->state_dir);
	free(c->socket);
	free(c->boot_dir);
	words_free(c->hook);
	words_free(c->reboot);
	free(c->trial_cmdline);
	free(c->image_words);
	free(c->watchdog);
	memset(c, 0, sizeof(*c));
}

/* One word of s into dst (as long as s), quotes removed; NULL when a quote stays open. */
static const char *take_word(const char *s, char *dst)
{
	char quote = '\0';

	for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? '\0' : *s;
		else
			*dst++ = *s;
	}
	*dst = '\0';
	return quote ? NULL : s;
}

static int set_words(char ***at, const char *value)
{
	_free_ char *word = malloc(strlen(value) + 1);
	char **words = calloc(LIMIT_ARGV + 1, sizeof(*words));
	size_t n = 0;
	int rc = -ENOMEM;

	while (word && words) {
		value += strspn(value, " \t");
		rc = n > 0 && words[0][0] == '/' ? 0 : -EINVAL;
		if (!*value)
			break;
		rc = -EINVAL;
		value = take_word(value, word);
		if (!value || n == LIMIT_ARGV)
			break;
		rc = -ENOMEM;
		words[n] = strdup(word);
		if (!words[n])
			break;
		n++;
	}
	if (rc < 0) {
		words_free(words);
		return rc;
	}
	words_free(*at);
	*at = words;
	return 0;
}

static int parse_number(const char *value, uint64_t *ret, const char **ret_rest)
{
	uint64_t n = 0;
	const char *s = value;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
			return -ERANGE;
	if (s == value)
		return -EINVAL;
	*ret = n;
	*ret_rest = s;
	return 0;
}

static int parse_bytes(const char *value, uint64_t *ret)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = {
		{"", 0},     {"B", 0},	{"KiB", 10}, {"K", 10},
		{"MiB", 20}, {"M", 20}, {"GiB", 30}, {"G", 30},
	};
	const char *rest;
	uint64_t n;
	int rc = parse_number(value, &n, &rest);

	if (rc < 0)
		return rc;
	rest += strspn(rest, " \t");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		return __builtin_mul_overflow(n, UINT64_C(1) << units[i].shift, ret)
			       ? -ERANGE
			       : 0;
	}
	return -EINVAL;
}

static bool is_path(const char *s)
{
	return s[0] == '/' && text_is_path(s + 1, strlen(s + 1));
}

static int set_text(const struct key *k, char **at, const char *value)
{
	bool good = false;
	char *copy;

	if (k->kind == NAME)
		good = text_is_name(value);
	else if (k->kind == PATH)
		good = is_path(value);
	else if (k->kind == LINE)
		good = text_is_line(value, LIMIT_CMDLINE / 2);
	else if (k->kind == DEVICE)
		good = is_path(value) || !strcmp(value, "none") || !strcmp(value, "auto");
	if (!good)
		return -EINVAL;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int set(struct agent_conf *c, const struct key *k, const char *value)
{
	void *at = (char *)c + k->at;
	uint64_t n = 0;
	const char *rest = "";
	int rc;

	if (k->kind == WORDS)
		return set_words(at, value);
	if (k->kind != NUMBER && k->kind != BYTES)
		return set_text(k, at, value);
	rc = k->kind == BYTES ? parse_bytes(value, &n) : parse_number(value, &n, &rest);
	if (rc < 0)
		return rc;
	if (*rest)
		return -EINVAL;
	if (n < k->min || n > k->max)
		return -ERANGE;
	if (k->kind == BYTES)
		*(uint64_t *)at = n;
	else
		*(unsigned *)at = (unsigned)n;
	return 0;
}

static int bad_value(struct kf_error *err, unsigned line, const struct key *k,
		     const char *value, int rc)
{
	static const char *const wants[] = {
		[NAME] = "a name",
		[PATH] = "an absolute path",
		[LINE] = "words of a kernel command line",
		[WORDS] = "a program by its absolute path, and its words",
		[NUMBER] = "a number",
		[BYTES] = "a number of bytes, such as 32 MiB",
		[DEVICE] = "a device, auto or none",
	};

	if (rc == -ENOMEM)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "%s: out of memory",
			      CONF_PATH);
	if (rc == -ERANGE)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s line %u: %s is \"%s\", which is not in %llu..%llu",
			      CONF_PATH, line, k->name, value, (unsigned long long)k->min,
			      (unsigned long long)k->max);
	return kf_err(err, -EINVAL, KF_REASON_CONFIG,
		      "%s line %u: %s is \"%s\", but must be %s", CONF_PATH, line,
		      k->name, value, wants[k->kind]);
}

/* Take the blanks off both ends, in place. */
static char *strip(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int parse_line(struct agent_conf *c, char *text, unsigned line, uint32_t *seen,
		      struct kf_error *err)
{
	char *equals, *name, *value;

	name = strip(text);
	if (!*name || *name == '#')
		return 0;
	equals = strchr(name, '=');
	if (!equals)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s line %u: \"%s\" is not \"key = value\"", CONF_PATH,
			      line, name);
	*equals = '\0';
	value = strip(equals + 1);
	name = strip(name);
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		int rc;

		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (*seen & UINT32_C(1) << i)
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "%s line %u: %s is given a second time", CONF_PATH,
				      line, name);
		*seen |= UINT32_C(1) << i;
		rc = set(c, &keys[i], value);
		return rc < 0 ? bad_value(err, line, &keys[i], value, rc) : 0;
	}
	return kf_err(err, -EINVAL, KF_REASON_CONFIG,
		      "%s line %u: there is no setting \"%s\"", CONF_PATH, line, name);
}

int conf_parse(struct agent_conf *c, const char *text, size_t n, struct kf_error *err)
{
	_free_ char *copy = NULL;
	uint32_t seen = 0;
	unsigned line = 1;
	char *at;

	if (n > CONF_MAX || (n > 0 && memchr(text, '\0', n)))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s is too long or not a text", CONF_PATH);
	copy = n > 0 ? strndup(text, n) : strdup("");
	if (!copy)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%s: out of memory",
			      CONF_PATH);
	at = copy;
	for (char *one; (one = strsep(&at, "\n")); line++) {
		int rc = parse_line(c, one, line, &seen, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int conf_load(struct agent_conf *c, const char *root, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	_free_ char *path = NULL;
	int rc;

	rc = conf_init(c);
	if (rc == 0 && asprintf(&path, "%s" CONF_PATH, root) < 0) {
		path = NULL;
		rc = -ENOMEM;
	}
	if (rc == 0)
		rc = fs_read_file(AT_FDCWD, path, CONF_MAX, &text);
	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = conf_parse(c, (const char *)buf_data(&text), buf_len(&text), err);
	else
		rc = oserr(err, rc, "read %s", path ? path : CONF_PATH);
	if (rc < 0)
		conf_fini(c);
	return rc;
}
