/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefixes are cut off one after the other, as long as one fits.  Nothing here allocates
 * or fails: what is no prefix is text.
 */
#include "controller/log/logline.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/cleanup.h"

#define CLOCK_MAX 48 /* bytes of a date and time in brackets */
#define WORD_MAX  64 /* bytes of a host's or a program's name */

struct cursor {
	const char *s;
	size_t n;
};

static void skip(struct cursor *c, size_t n)
{
	c->s += n;
	c->n -= n;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_digit(s[i]))
		i++;
	return i;
}

static size_t blanks(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] == ' ')
		i++;
	return i;
}

static uint64_t number(const char *s, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint64_t)(s[i] - '0');
	return v;
}

/* Length of "[   12.345678]" at s, 0 if there is none. */
static size_t stamp(const char *s, size_t n, uint64_t *ret_usec)
{
	size_t at = 1, whole, part;

	if (n < 5 || *s != '[')
		return 0;
	at += blanks(s + at, n - at);
	whole = digits(s + at, n - at);
	if (whole == 0 || whole > 12 || at + whole >= n || s[at + whole] != '.')
		return 0;
	*ret_usec = number(s + at, whole) * 1000000;
	at += whole + 1;
	part = digits(s + at, n - at);
	if (part == 0 || part > 9 || at + part >= n || s[at + part] != ']')
		return 0;
	for (size_t i = 0, unit = 100000; i < part && unit; i++, unit /= 10)
		*ret_usec += unit * (uint64_t)(s[at + i] - '0');
	return at + part + 1;
}

/* "[   T123]", "[    C1]". */
static size_t caller(const char *s, size_t n, uint64_t *ret)
{
	size_t at = 1, have;

	if (n < 4 || *s != '[')
		return 0;
	at += blanks(s + at, n - at);
	if (at >= n || (s[at] != 'T' && s[at] != 'C'))
		return 0;
	have = digits(s + at + 1, n - at - 1);
	if (have == 0 || have > 10 || at + 1 + have >= n || s[at + 1 + have] != ']')
		return 0;
	*ret = (number(s + at + 1, have) << 1 | (s[at] == 'C')) + 1;
	return at + have + 2;
}

static bool any_of(const char *s, size_t n, const char *words, size_t size)
{
	for (; *words; words += size + 1) {
		if (n >= size && memcmp(s, words, size) == 0)
			return true;
	}
	return false;
}

static bool is_month(const char *s, size_t n)
{
	return any_of(s, n,
		      "Jan\0Feb\0Mar\0Apr\0May\0Jun\0Jul\0Aug\0Sep\0Oct\0Nov\0Dec\0", 3);
}

static bool is_day(const char *s, size_t n)
{
	return any_of(s, n, "Mon\0Tue\0Wed\0Thu\0Fri\0Sat\0Sun\0", 3);
}

/* A clock of the machine that took the log down. */
static size_t clock_in_brackets(const char *s, size_t n)
{
	const char *end =
		n > 1 && *s == '[' ? memchr(s, ']', n < CLOCK_MAX ? n : CLOCK_MAX) : NULL;
	size_t len = end ? (size_t)(end - s) + 1 : 0;
	bool colon = false;

	if (len < 7)
		return 0;
	if (is_day(s + 1, len - 1) && is_month(s + 5, len - 5))
		return len;
	for (size_t i = 1; i + 1 < len; i++) {
		colon = colon || s[i] == ':';
		if (!is_digit(s[i]) && (!s[i] || !strchr(" :.,+-TZ/", s[i])))
			return 0;
	}
	return colon ? len : 0;
}

/* "2026-11-21T10:00:00.123456+0100 ", with a blank for the T as well.  With a T and no
 * comma it is a journal's, in which host and program follow. */
static size_t iso_clock(const char *s, size_t n, bool *ret_journal)
{
	size_t at = 19;

	if (n < 20 || !is_digit(s[0]) || s[4] != '-' || s[7] != '-' ||
	    (s[10] != 'T' && s[10] != ' ') || s[13] != ':' || s[16] != ':')
		return 0;
	*ret_journal = s[10] == 'T' && s[19] != ',';
	while (at < n && s[at] && (is_digit(s[at]) || strchr(".,:+-Z", s[at])))
		at++;
	return at < n && s[at] == ' ' ? at + 1 : 0;
}

/* "Nov 21 10:00:00 ", "Nov 21 10:00:00.123456 " */
static size_t syslog_clock(const char *s, size_t n)
{
	size_t at = 15;

	if (n < 16 || !is_month(s, n) || s[3] != ' ' || s[6] != ' ' || s[9] != ':' ||
	    s[12] != ':' || !is_digit(s[5]) || !is_digit(s[14]))
		return 0;
	while (at < n && (is_digit(s[at]) || s[at] == '.'))
		at++;
	return at < n && s[at] == ' ' ? at + 1 : 0;
}

/* "host program[123]: "; the kernel is called so. */
static size_t program(const char *s, size_t n, bool *ret_kernel)
{
	const char *host = memchr(s, ' ', n < WORD_MAX ? n : WORD_MAX), *name, *end;
	size_t left;

	if (!host || host == s || host[-1] == ':' || *s == '[')
		return 0;
	name = host + 1;
	left = n - (size_t)(name - s);
	end = memchr(name, ':', left < WORD_MAX ? left : WORD_MAX);
	if (!end || end == name || memchr(name, ' ', (size_t)(end - name)))
		return 0;
	*ret_kernel = end - name == 6 && memcmp(name, "kernel", 6) == 0;
	end++;
	return (size_t)(end - s) + (end < s + n && *end == ' ');
}

/* "kern  :err   : ", of dmesg -x. */
static size_t decoded(const char *s, size_t n, bool *ret_kernel)
{
	static const char *const facilities[] = {
		"kern", "user", "mail", "daemon", "auth",     "syslog", "lpr",
		"news", "uucp", "cron", "ftp",	  "authpriv", "res",	"local"};
	static const char *const levels[] = {"emerg", "alert",	"crit", "err",
					     "warn",  "notice", "info", "debug"};
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(facilities) && at == 0; i++) {
		size_t len = strlen(facilities[i]);

		if (n > len && memcmp(s, facilities[i], len) == 0 &&
		    (s[len] == ' ' || s[len] == ':' || is_digit(s[len])))
			at = len;
	}
	if (at == 0)
		return 0;
	*ret_kernel = at == 4 && *s == 'k';
	at += digits(s + at, n - at);
	at += blanks(s + at, n - at);
	if (at >= n || s[at++] != ':')
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		size_t len = strlen(levels[i]), to = at + len;

		if (n <= to || memcmp(s + at, levels[i], len) != 0)
			continue;
		to += blanks(s + to, n - to);
		if (to + 1 < n && s[to] == ':' && s[to + 1] == ' ')
			return to + 2;
	}
	return 0;
}

/* "6,1234,56789,-,caller=T1;" of /dev/kmsg. */
static size_t kmsg(const char *s, size_t n, struct logline *l)
{
	uint64_t value[3];
	const char *end, *who;
	size_t at = 0;

	for (unsigned i = 0; i < 3; i++) {
		size_t have = digits(s + at, n - at);

		if (have == 0 || have > 18 || at + have >= n || s[at + have] != ',')
			return 0;
		value[i] = number(s + at, have);
		at += have + 1;
	}
	end = memchr(s + at, ';', n - at < CLOCK_MAX ? n - at : CLOCK_MAX);
	if (!end)
		return 0;
	l->usec = value[2];
	l->has_time = true;
	l->foreign = value[0] >> 3 != 0;
	who = memmem(s + at, (size_t)(end - s) - at, "caller=", 7);
	if (who) {
		char bracketed[16];
		size_t len = (size_t)(end - who) - 7;

		if (len < sizeof(bracketed) - 2) {
			bracketed[0] = '[';
			memcpy(bracketed + 1, who + 7, len);
			bracketed[len + 1] = ']';
			caller(bracketed, len + 2, &l->caller);
		}
	}
	return (size_t)(end - s) + 1;
}

static size_t priority(const char *s, size_t n, bool *ret_kernel)
{
	size_t have = n > 2 && *s == '<' ? digits(s + 1, n - 1) : 0;

	if (have == 0 || have > 5 || have + 1 >= n || s[have + 1] != '>')
		return 0;
	*ret_kernel = number(s + 1, have) >> 3 == 0;
	return have + 2;
}

/* Of what stands in brackets; sets *any when it was printk's. */
static size_t bracketed(const struct cursor *c, struct logline *l, bool *any)
{
	size_t lead = blanks(c->s, c->n), n;
	const char *s = c->s + lead;
	size_t left = c->n - lead;
	uint64_t usec = 0;

	if (left == 0 || *s != '[')
		return 0;
	n = stamp(s, left, &usec);
	if (n) {
		l->usec = usec;
		l->has_time = true;
	} else {
		n = caller(s, left, &l->caller);
	}
	if (n)
		*any = true;
	else
		n = clock_in_brackets(s, left);
	return n ? lead + n : 0;
}

/* What is in front of everything that printk writes. */
static size_t outer(const struct cursor *c, struct logline *l)
{
	bool kernel = true, journal = true;
	size_t n = iso_clock(c->s, c->n, &journal), more;

	if (n == 0)
		n = syslog_clock(c->s, c->n);
	if (n && journal) {
		more = program(c->s + n, c->n - n, &kernel);
		l->syslog = l->syslog || more;
		n += more;
	}
	if (n == 0)
		n = decoded(c->s, c->n, &kernel);
	if (n == 0)
		n = priority(c->s, c->n, &kernel);
	l->foreign = l->foreign || !kernel;
	return n;
}

void logline_parse(const char *s, size_t n, struct logline *ret)
{
	struct logline l = {.text = NULL};
	struct cursor c = {s, n};
	bool any = false, kernel = true;
	size_t len = kmsg(s, n, &l);

	skip(&c, len);
	while (len == 0) {
		size_t cut = bracketed(&c, &l, &any);

		if (cut == 0 && !any)
			cut = outer(&c, &l);
		/* journalctl -o short-monotonic: "[   12.345678] host kernel: " */
		if (cut == 0 && any && !l.syslog && c.n && *c.s == ' ') {
			cut = program(c.s + 1, c.n - 1, &kernel);
			cut = cut && kernel ? cut + 1 : 0;
			l.syslog = cut > 0;
		}
		if (cut == 0)
			break;
		skip(&c, cut);
	}
	/* The blank behind a bracket; those behind it are the text's. */
	if (c.n && *c.s == ' ' && c.s > s && c.s[-1] == ']')
		skip(&c, 1);
	while (c.n && c.s[c.n - 1] == ' ')
		c.n--;
	l.text = c.s;
	l.n = c.n;
	*ret = l;
}

size_t logline_next(const char *s, size_t n)
{
	const char *at = s;
	uint64_t usec;

	while ((at = memchr(at, '[', n - (size_t)(at - s)))) {
		size_t left = n - (size_t)(at - s), len = stamp(at, left, &usec);

		/* Six digits and something behind: what printk prints, and few others. */
		if (len > 8 && at > s && len < left &&
		    (at[len] == ' ' || at[len] == '[') && at[len - 8] == '.')
			return (size_t)(at - s);
		at++;
	}
	return n;
}

/* Length of the escape sequence that s begins with (an ESC). */
static size_t escape(const char *s, size_t n)
{
	size_t at = 2;

	if (n < 2)
		return n;
	if (s[1] == '[') {
		while (at < n && (uint8_t)s[at] >= 0x20 && (uint8_t)s[at] < 0x40)
			at++;
		return at < n && (uint8_t)s[at] >= 0x40 && (uint8_t)s[at] < 0x7f ? at + 1
										 : at;
	}
	if (s[1] == ']') {
		while (at < n && s[at] != '\a' && s[at] != '\033')
			at++;
		if (at < n && s[at] == '\a')
			return at + 1;
		return at + 1 < n && s[at + 1] == '\\' ? at + 2 : at;
	}
	if (s[1] && strchr("()*+#%", s[1]) && n > 2)
		return 3;
	return (uint8_t)s[1] < 0x20 ? 1 : 2;
}

size_t logline_plain(const char *s, size_t n, char *to)
{
	size_t out = 0;

	for (size_t at = 0; at < n;) {
		if (s[at] == '\033') {
			at += escape(s + at, n - at);
			continue;
		}
		if (((uint8_t)s[at] >= 0x20 && s[at] != 0x7f) || s[at] == '\t')
			to[out++] = s[at];
		at++;
	}
	return out;
}
