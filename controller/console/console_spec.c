// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/console_spec.h"

#include <string.h>

#include "controller/console/console_impl.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define KINDS                                                                            \
	"serial:/dev/ttyUSB0,115200, tcp:HOST:PORT, exec:PROGRAM ARGS... or "            \
	"netconsole:PORT"

/* Digits only; 0: it is no number from 1 to max. */
static unsigned number(const char *s, unsigned max)
{
	unsigned n = 0;

	if (!*s)
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return 0;
		n = n * 10 + (unsigned)(*s - '0');
		if (n > max)
			return 0;
	}
	return n;
}

static int bad(const char *text, struct kf_error *err, const char *why)
{
	return kf_err(err, -EINVAL, KF_REASON_CONFIG, "board.console is \"%s\": %s", text,
		      why);
}

static int set_place(struct console_spec *s, const char *from, size_t n,
		     struct kf_error *err)
{
	s->place = strndup(from, n);
	return s->place ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int set_port(struct console_spec *s, const char *from, const char *text,
		    struct kf_error *err)
{
	unsigned port = number(from, 65535);

	if (!port)
		return bad(text, err, "its port has to be a number from 1 to 65535");
	snprintf(s->port, sizeof(s->port), "%u", port);
	return 0;
}

static int parse_serial(const char *rest, struct console_spec *s, const char *text,
			struct kf_error *err)
{
	const char *comma = strrchr(rest, ',');
	size_t n = comma ? (size_t)(comma - rest) : strlen(rest);
	speed_t speed;

	if (*rest != '/' || n < 2)
		return bad(text, err,
			   "a serial line is the path of its device, such as "
			   "serial:/dev/ttyUSB0,115200");
	s->baud = comma ? number(comma + 1, UINT32_MAX / 16) : CONSOLE_BAUD;
	if (console_baud(s->baud, &speed) < 0)
		return bad(text, err,
			   "its speed is none that serial lines have, such as "
			   "9600, 115200 or 1500000");
	return set_place(s, rest, n, err);
}

static int parse_tcp(const char *rest, struct console_spec *s, const char *text,
		     struct kf_error *err)
{
	const char *colon = strrchr(rest, ':'), *host = rest;
	size_t n = colon ? (size_t)(colon - rest) : 0;

	if (n > 2 && *rest == '[' && rest[n - 1] == ']') {
		host = rest + 1;
		n -= 2;
	} else if (colon && memchr(rest, ':', n)) {
		return bad(text, err,
			   "an IPv6 address stands in brackets, as "
			   "tcp:[::1]:4000");
	}
	if (n == 0 || n > CONSOLE_HOST_MAX)
		return bad(text, err, "it has to be tcp:HOST:PORT");
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)host[i] <= ' ' || strchr("[]/", host[i]))
			return bad(text, err, "its host is no name and no address");
	}
	if (set_port(s, colon + 1, text, err) < 0)
		return err ? err->code : -EINVAL;
	return set_place(s, host, n, err);
}

static int parse_exec(const char *rest, struct console_spec *s, const char *text,
		      struct kf_error *err)
{
	int r = config_words(rest, &s->argv);

	if (r == -ENOMEM)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
	if (r < 0)
		return bad(text, err, "a quote is not closed");
	return s->argv[0] ? 0 : bad(text, err, "exec: takes a program and its words");
}

static int parse_netconsole(const char *rest, struct console_spec *s, const char *text,
			    struct kf_error *err)
{
	return set_port(s, rest, text, err);
}

int console_spec_parse(const char *text, struct console_spec *ret, struct kf_error *err)
{
	static const struct {
		const char *prefix;
		enum console_kind kind;
		int (*parse)(const char *, struct console_spec *, const char *,
			     struct kf_error *);
	} kinds[] = {
		{"serial:", CONSOLE_SERIAL, parse_serial},
		{"tcp:", CONSOLE_TCP, parse_tcp},
		{"exec:", CONSOLE_EXEC, parse_exec},
		{"netconsole:", CONSOLE_NETCONSOLE, parse_netconsole},
	};
	size_t n = strlen(text);

	if (n > CONSOLE_SPEC_MAX)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.console has more than %d bytes", CONSOLE_SPEC_MAX);
	if (!text_is_plain(text, n, false))
		return bad(text, err, "it has control characters");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct console_spec s = {.kind = kinds[i].kind};
		size_t skip = strlen(kinds[i].prefix);
		int r;

		if (strncmp(text, kinds[i].prefix, skip) != 0)
			continue;
		r = kinds[i].parse(text + skip, &s, text, err);
		if (r < 0)
			console_spec_fini(&s);
		else
			*ret = s;
		return r;
	}
	return bad(text, err, "it takes " KINDS);
}

void console_spec_fini(struct console_spec *s)
{
	free(s->place);
	free(s->argv);
	*s = (struct console_spec){0};
}

int console_spec_of(const struct config *cfg, const char *board, struct console_spec *ret,
		    struct kf_error *err)
{
	const char *text = config_get(cfg, board, "board.console");

	if (!text || !*text)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "it has no console: `kferry config set board.console WHERE "
			      "-b %s`, where that is " KINDS,
			      board);
	return console_spec_parse(text, ret, err);
}

char *console_spec_describe(const struct console_spec *s)
{
	switch (s->kind) {
	case CONSOLE_SERIAL:
		return strf("serial %s at %u", s->place, s->baud);
	case CONSOLE_TCP:
		return strf(strchr(s->place, ':') ? "tcp [%s]:%s" : "tcp %s:%s", s->place,
			    s->port);
	case CONSOLE_EXEC:
		return strf("exec %s", s->argv[0]);
	case CONSOLE_NETCONSOLE:
		return strf("netconsole on port %s", s->port);
	}
	return NULL;
}
