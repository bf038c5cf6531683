/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recognising build messages.  Two shapes cover most of them: "PLACE: error: TEXT", where
 * the place is a file, a tool or nothing, and tools with words of their own, which stand
 * in a table.  Make reports each failed recipe at each level of its recursion; those
 * lines are consequences and count only when no cause was recognised.
 */
#include "controller/kernel/buildlog.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_KEPT 512	  /* bytes of a message that are repeated */
#define PARTIAL_MAX   (64 * 1024) /* longer lines are cut: they are no messages */

struct text {
	const char *s;
	size_t n;
};

static bool begins(struct text t, const char *with)
{
	size_t n = strlen(with);

	return t.n >= n && memcmp(t.s, with, n) == 0;
}

static bool has(struct text t, const char *what)
{
	return memmem(t.s, t.n, what, strlen(what)) != NULL;
}

/* kbuild's quiet form: two blanks, a word in capitals, perhaps "[M]", blanks, a file. */
static bool step_file(struct text t, struct text *ret)
{
	size_t i = 2;

	if (t.n < 5 || t.s[0] != ' ' || t.s[1] != ' ' || !isupper((unsigned char)t.s[2]))
		return false;
	while (i < t.n && (isupper((unsigned char)t.s[i]) ||
			   isdigit((unsigned char)t.s[i]) || t.s[i] == '_'))
		i++;
	while (i < t.n && t.s[i] == ' ')
		i++;
	if (i + 3 < t.n && t.s[i] == '[' && t.s[i + 2] == ']')
		i += 3;
	while (i < t.n && t.s[i] == ' ')
		i++;
	*ret = (struct text){t.s + i, t.n - i};
	return i < t.n && (i > 2 && t.s[i - 1] == ' ');
}

static const struct {
	const char *head; /* the line begins with it; NULL: anywhere */
	const char *part; /* and has this; NULL: that is all */
	enum buildlog_kind kind;
} words[] = {
	/* modpost and depmod */
	{"ERROR: ", NULL, BUILDLOG_ERROR},
	{"WARNING: ", NULL, BUILDLOG_WARNING},
	{"FATAL: ", NULL, BUILDLOG_ERROR},
	/* dtc */
	{"FATAL ERROR: ", NULL, BUILDLOG_ERROR},
	{"Error: ", NULL, BUILDLOG_ERROR},
	{NULL, ": Warning (", BUILDLOG_WARNING},
	{NULL, ": ERROR (", BUILDLOG_ERROR},
	/* Sphinx */
	{NULL, ": WARNING: ", BUILDLOG_WARNING},
	{NULL, ": ERROR: ", BUILDLOG_ERROR},
	/* linkers */
	{NULL, ": undefined reference to ", BUILDLOG_ERROR},
	{NULL, ": multiple definition of ", BUILDLOG_ERROR},
	{NULL, "ld: cannot find ", BUILDLOG_ERROR},
	/* rustc */
	{"error[", NULL, BUILDLOG_ERROR},
	/* what is not installed */
	{NULL, ": not found", BUILDLOG_ERROR},
	{NULL, ": command not found", BUILDLOG_ERROR},
	{"make", ": No such file or directory", BUILDLOG_ERROR},
	{"BTF: ", NULL, BUILDLOG_ERROR},
	{"Failed to ", NULL, BUILDLOG_ERROR},
	/* kbuild and kconfig themselves */
	{NULL, "Kconfig.include:", BUILDLOG_ERROR},
	{"*** ", NULL, BUILDLOG_ERROR},
	{"***", "Configuration file", BUILDLOG_ERROR},
	{"Console input/output is redirected", NULL, BUILDLOG_ERROR},
	{"Error in reading or end of file.", NULL, BUILDLOG_ERROR},
};

/* "error:" and friends, as a word after "PLACE: " or at the line's begin. */
static bool has_label(struct text t, const char *label)
{
	size_t n = strlen(label);
	const char *at = t.s;
	size_t left = t.n;

	while ((at = memmem(at, left, label, n))) {
		size_t before = (size_t)(at - t.s);

		if (before == 0 || (before >= 2 && at[-1] == ' ' && at[-2] == ':'))
			return true;
		at += n;
		left = t.n - (size_t)(at - t.s);
	}
	return false;
}

static enum buildlog_kind make_line(struct text t)
{
	if (!begins(t, "make") || !has(t, ": *** "))
		return BUILDLOG_OTHER;
	if (has(t, "Waiting for unfinished jobs") || has(t, "] Deleting file "))
		return BUILDLOG_OTHER;
	if (has(t, "] Error ") || has(t, "] Interrupt") || has(t, "] Terminated") ||
	    has(t, "] Killed"))
		return BUILDLOG_FAILED;
	return BUILDLOG_ERROR;
}

/* "Makefile:708: *** Compiler lacks ... .  Stop." */
static bool makefile_stop(struct text t)
{
	return has(t, ": *** ") && has(t, "Stop.");
}

enum buildlog_kind buildlog_classify(const char *line, size_t n)
{
	struct text t = {line, n};
	struct text file;
	enum buildlog_kind kind;

	if (n == 0)
		return BUILDLOG_OTHER;
	if (step_file(t, &file))
		return BUILDLOG_STEP;
	/* The compiler's quotations of the source are indented and no messages. */
	if (t.s[0] == ' ' || t.s[0] == '\t')
		return BUILDLOG_OTHER;
	kind = make_line(t);
	if (kind != BUILDLOG_OTHER)
		return kind;
	if (makefile_stop(t) || has_label(t, "error:") || has_label(t, "fatal error:") ||
	    has_label(t, "Error:"))
		return BUILDLOG_ERROR;
	if (has_label(t, "warning:") || has_label(t, "Warning:"))
		return BUILDLOG_WARNING;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].head && !begins(t, words[i].head))
			continue;
		if (words[i].part && !has(t, words[i].part))
			continue;
		return words[i].kind;
	}
	return BUILDLOG_OTHER;
}

void buildlog_init(struct buildlog *b)
{
	*b = (struct buildlog){0};
}

void buildlog_fini(struct buildlog *b)
{
	for (size_t i = 0; i < BUILDLOG_KEEP; i++) {
		free(b->error[i]);
		free(b->warning[i]);
	}
	free(b->failed);
	buf_fini(&b->partial);
}

/* The same header is compiled many times: its message is one message. */
static int keep(char *list[], unsigned *count, const char *line, size_t n)
{
	unsigned have = *count < BUILDLOG_KEEP ? *count : BUILDLOG_KEEP;

	if (n > LINE_MAX_KEPT)
		n = LINE_MAX_KEPT;
	for (unsigned i = 0; i < have; i++) {
		if (strlen(list[i]) == n && memcmp(list[i], line, n) == 0)
			return 0;
	}
	if (have < BUILDLOG_KEEP) {
		list[have] = strndup(line, n);
		if (!list[have])
			return -ENOMEM;
	}
	(*count)++;
	return 0;
}

static int take_line(struct buildlog *b, const char *line, size_t n)
{
	struct text file;
	enum buildlog_kind kind;
	int r;

	if (n > 0 && line[n - 1] == '\r')
		n--;
	kind = buildlog_classify(line, n);
	r = b->on_line ? b->on_line(b->arg, kind, line, n) : 0;
	if (r < 0)
		return r;
	switch (kind) {
	case BUILDLOG_STEP:
		step_file((struct text){line, n}, &file);
		snprintf(b->current, sizeof(b->current), "%.*s",
			 (int)(file.n < sizeof(b->current) ? file.n : 79), file.s);
		b->steps++;
		return 0;
	case BUILDLOG_ERROR:
		return keep(b->error, &b->errors, line, n);
	case BUILDLOG_WARNING:
		return keep(b->warning, &b->warnings, line, n);
	case BUILDLOG_FAILED:
		if (b->failed)
			return 0;
		b->failed = strndup(line, n < LINE_MAX_KEPT ? n : LINE_MAX_KEPT);
		return b->failed ? 0 : -ENOMEM;
	case BUILDLOG_OTHER:
		break;
	}
	return 0;
}

int buildlog_feed(struct buildlog *b, const void *data, size_t n)
{
	const char *s = data;

	while (n > 0) {
		const char *nl = memchr(s, '\n', n);
		size_t part = nl ? (size_t)(nl - s) : n;
		int r = 0;

		if (buf_len(&b->partial) + part <= PARTIAL_MAX)
			r = buf_append(&b->partial, s, part);
		if (r == 0 && nl)
			r = buildlog_end(b);
		if (r < 0)
			return r;
		s += part + (nl != NULL);
		n -= part + (nl != NULL);
	}
	return 0;
}

int buildlog_end(struct buildlog *b)
{
	int r = 0;

	if (buf_len(&b->partial) > 0)
		r = take_line(b, (const char *)buf_data(&b->partial),
			      buf_len(&b->partial));
	buf_reset(&b->partial);
	return r;
}

const char *buildlog_first_error(const struct buildlog *b)
{
	return b->errors > 0 ? b->error[0] : b->failed;
}
