// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/tracing/topstate.h"

#include <fcntl.h>
#include <string.h>

#include "agent/oserr.h"
#include "agent/tracing/tracefs.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define SAVED_MAX                                                                        \
	(16u << 20) /* of one file: a line for each of some 50,000 functions             \
		     */

enum { TRACER, FUNCTIONS, PIDS, EVENT_PIDS, BUFFER, ON, FILES };

static const char *const files[FILES] = {
	[TRACER] = "current_tracer",	   [FUNCTIONS] = "set_ftrace_filter",
	[PIDS] = "set_ftrace_notrace_pid", [EVENT_PIDS] = "set_event_notrace_pid",
	[BUFFER] = "buffer_size_kb",	   [ON] = "tracing_on",
};

/* What is a list, and empty when nothing is set. */
static const char *const lists[] = {
	"set_event",	      "set_ftrace_filter",	"set_ftrace_notrace",
	"set_graph_function", "set_graph_notrace",	"set_ftrace_pid",
	"set_event_pid",      "set_ftrace_notrace_pid", "set_event_notrace_pid",
};

struct topstate {
	struct buf text[FILES];
};

/* --- keeping it -------------------------------------------------------------------- */

void topstate_free(struct topstate *s)
{
	if (!s)
		return;
	for (int i = 0; i < FILES; i++)
		buf_fini(&s->text[i]);
	free(s);
}

int topstate_save(int dir, struct topstate **ret)
{
	struct topstate *s = calloc(1, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	for (int i = 0; r == 0 && i < FILES; i++) {
		r = fs_read_file(dir, files[i], SAVED_MAX, &s->text[i]);
		/* Not every kernel has each. */
		if (r == -ENOENT && i != TRACER)
			r = 0;
		if (r == 0 && !buf_str(&s->text[i]))
			r = -ENOMEM;
	}
	if (r < 0)
		topstate_free(s);
	else
		*ret = s;
	return r;
}

/* A line of a list that says that there is nothing: "#### all functions enabled ####",
 * "no pid". */
static bool is_entry(const char *line, size_t n)
{
	return n > 0 && *line != '#' && !(n == 6 && !strncmp(line, "no pid", n));
}

static void restore_list(int dir, const char *file, const char *text)
{
	(void)!tracefs_write(dir, file, "", false);
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (is_entry(text, n)) {
			_free_ char *line = strndup(text, n);

			if (line)
				(void)!tracefs_write(dir, file, line, true);
		}
		text += n + (text[n] == '\n');
	}
}

/* "7 (expanded: 1408)" is what it will be once it is used; "X": the processors differ. */
static void restore_buffer(int dir, const char *text)
{
	const char *expanded = strstr(text, "expanded: ");
	char kib[16];

	if (expanded)
		text = expanded + strlen("expanded: ");
	snprintf(kib, sizeof(kib), "%.*s", (int)strspn(text, "0123456789"), text);
	if (*kib)
		(void)!tracefs_write(dir, files[BUFFER], kib, false);
}

static void restore_word(int dir, const char *file, const char *text)
{
	_free_ char *word = strndup(text, strcspn(text, "\n"));

	if (word && *word)
		(void)!tracefs_write(dir, file, word, false);
}

static const char *text_of(const struct topstate *s, int i)
{
	return buf_len(&s->text[i]) ? (const char *)buf_data(&s->text[i]) : "";
}

void topstate_restore(const struct topstate *s, int dir)
{
	(void)!tracefs_write(dir, files[ON], "0", false);
	(void)!tracefs_write(dir, files[TRACER], "nop", false);
	restore_list(dir, files[FUNCTIONS], text_of(s, FUNCTIONS));
	restore_list(dir, files[PIDS], text_of(s, PIDS));
	restore_list(dir, files[EVENT_PIDS], text_of(s, EVENT_PIDS));
	restore_buffer(dir, text_of(s, BUFFER));
	(void)!tracefs_write(dir, "trace", "", false);
	restore_word(dir, files[TRACER], text_of(s, TRACER));
	restore_word(dir, files[ON], text_of(s, ON));
}

/* --- switching it off -------------------------------------------------------------- */

static size_t count_entries(int dir, const char *file)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text;
	size_t n = 0;

	if (fs_read_file(dir, file, SAVED_MAX, &b) < 0 || !(text = buf_str(&b)))
		return 0;
	while (*text) {
		size_t len = strcspn(text, "\n");

		n += is_entry(text, len);
		text += len + (text[len] == '\n');
	}
	return n;
}

static int tell(struct buf *what, const char *list, size_t n)
{
	if (!n)
		return 0;
	return buf_printf(what, "%s%zu %s in %s", buf_len(what) ? ", " : "", n,
			  n == 1 ? "entry" : "entries", list);
}

static int describe(int dir, struct buf *what)
{
	_free_ char *tracer = tracefs_line(dir, files[TRACER]);
	int r = 0;

	if (tracer && *tracer && strcmp(tracer, "nop") != 0)
		r = buf_printf(what, "the tracer %s", tracer);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++)
		r = tell(what, lists[i], count_entries(dir, lists[i]));
	return r;
}

/* "0" to the filter of a system goes to those of its events. */
static void reset_filters(int dir)
{
	_closedir_ DIR *d = NULL;
	struct dirent *de;

	if (fs_dir_stream(fs_open_dir(dir, "events"), &d) < 0)
		return;
	while ((de = readdir(d))) {
		char file[300];

		if (de->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "events/%s/filter", de->d_name);
		/* Some systems have none. */
		(void)!tracefs_write(dir, file, "0", false);
	}
}

int topstate_reset(int dir, struct buf *what, struct kf_error *err)
{
	int r = describe(dir, what);

	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "out of memory");
	r = tracefs_write(dir, files[TRACER], "nop", false);
	if (r < 0)
		return oserr(err, r, "switch the tracer off");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		r = tracefs_write(dir, lists[i], "", false);
		/* Not every kernel has each, and an instance has fewer. */
		if (r < 0 && r != -ENOENT && r != -ENODEV)
			return oserr(err, r, "empty %s in tracefs", lists[i]);
	}
	reset_filters(dir);
	(void)!tracefs_write(dir, "trace", "", false);
	r = tracefs_write(dir, files[ON], "1", false);
	return r < 0 ? oserr(err, r, "switch tracing_on in tracefs on") : 0;
}
