// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * INI text to entries, through inih.  inih cuts long lines and names silently and gives
 * no line numbers, so the reader here hands it one line at a time, counts them, and
 * refuses what it would cut.
 */
#include <fcntl.h>
#include <ini.h>
#include <string.h>

#include "controller/config/config_internal.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define NAME_MAX_INI 49 /* inih's MAX_SECTION and MAX_NAME, less the NUL */

struct parse {
	struct config *c;
	enum config_layer layer;
	const char *profile, *name;
	const char *text;
	size_t len, at;
	int line;
	bool continued;	    /* the present line continues a value */
	struct buf pending; /* the value being collected */
	const struct config_key *key;
	char board[CONFIG_BOARD_MAX + 1]; /* of the value; "": general */
	int key_line;
	struct kf_error *err;
	int rc; /* the first error */
};

static int fail(struct parse *p, int line, const char *fmt, ...) _printf_(3, 4);

static int fail(struct parse *p, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (p->rc < 0)
		return p->rc;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->rc = kf_err(p->err, -EINVAL, KF_REASON_CONFIG, "%s:%d: %s", p->name, line,
		       text);
	return p->rc;
}

/* The value that was being collected is complete. */
static int flush_value(struct parse *p)
{
	_free_ char *where = NULL;

	if (!p->key || p->rc < 0)
		return p->rc;
	if (asprintf(&where, "%s: %s:%d", config_layer_name(p->layer), p->name,
		     p->key_line) < 0 ||
	    !buf_str(&p->pending)) {
		p->rc = kf_err(p->err, -ENOMEM, KF_REASON_NO_MEMORY, "%s: %m", p->name);
		return p->rc;
	}
	p->rc = config_add(p->c, p->layer, p->board[0] ? p->board : NULL, p->profile,
			   p->key, buf_str(&p->pending), where, p->err);
	p->key = NULL;
	buf_reset(&p->pending);
	return p->rc;
}

/* Length without a comment at the end: on lines that continue a value, only newer
 * versions of inih take one off. */
static size_t without_comment(const char *line, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (line[i] == ';' && (line[i - 1] == ' ' || line[i - 1] == '\t'))
			return i;
	return n;
}

/* inih's fgets: one whole line without surprises, or NULL at the end. */
static char *next_line(char *dst, int num, void *stream)
{
	struct parse *p = stream;
	const char *line = p->text + p->at, *end;
	size_t n;

	if (p->rc < 0 || p->at >= p->len)
		return NULL;
	p->line++;
	end = memchr(line, '\n', p->len - p->at);
	n = end ? (size_t)(end - line) : p->len - p->at;
	p->at += n + (end != NULL);
	if (n && line[n - 1] == '\r')
		n--;
	if (n + 2 > (size_t)num) {
		fail(p, p->line,
		     "the line has more than %d bytes; continue it on a line that "
		     "begins with a blank",
		     num - 2);
		return NULL;
	}
	if (!text_is_plain(line, n, true)) {
		fail(p, p->line, "the line is not UTF-8 or has control characters");
		return NULL;
	}
	if (n && line[0] == '[' && n > NAME_MAX_INI) {
		fail(p, p->line, "the section's name is too long");
		return NULL;
	}
	p->continued = n && (line[0] == ' ' || line[0] == '\t');
	if (p->continued)
		n = without_comment(line, n);
	if (n && line[0] == '[' && flush_value(p) < 0)
		return NULL;
	memcpy(dst, line, n);
	dst[n] = '\n';
	dst[n + 1] = '\0';
	return dst;
}

/* "board NAME": the board's name; "": a general section. */
static int take_section(struct parse *p, const char *section, char *ret_board)
{
	const char *name;

	ret_board[0] = '\0';
	if (strncmp(section, "board ", 6))
		return 0;
	name = section + 6 + strspn(section + 6, " \t");
	if (!config_is_board_name(name))
		return fail(p, p->line,
			    "\"%s\" cannot be the name of a board: letters, digits and "
			    ". _ + - ~, at most %d",
			    name, CONFIG_BOARD_MAX);
	if (p->layer == CONFIG_PROFILE)
		return fail(p, p->line, "a profile cannot have boards");
	memcpy(ret_board, name, strlen(name) + 1);
	if (config_add_board(p->c, p->layer, name) < 0)
		return p->rc = kf_err(p->err, -ENOMEM, KF_REASON_NO_MEMORY, "%m");
	return 0;
}

static int take_key(struct parse *p, const char *section, const char *name)
{
	char full[2 * (NAME_MAX_INI + 1) + 8];
	const char *near = NULL;

	if (p->board[0] && !strchr(name, '.'))
		snprintf(full, sizeof(full), "board.%s", name);
	else if (p->board[0])
		snprintf(full, sizeof(full), "%s", name);
	else
		snprintf(full, sizeof(full), "%s.%s", section, name);
	if (!p->board[0] && !*section)
		return fail(p, p->line,
			    "%s stands before any [section]: put [board NAME] or "
			    "another before it",
			    name);
	p->key = config_find_key(full, &near);
	if (!p->key)
		return fail(p, p->line, "there is no key %s; the nearest is %s", full,
			    near);
	if (p->layer == CONFIG_PROFILE && !strncmp(full, "board.", 6)) {
		p->key = NULL;
		return fail(p, p->line, "a profile cannot set %s", full);
	}
	if (p->key->board_only && !p->board[0]) {
		p->key = NULL;
		return fail(p, p->line, "%s belongs into a section [board NAME]", full);
	}
	p->key_line = p->line;
	return 0;
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct parse *p = user;
	int rc;

	if (p->rc < 0)
		return 0;
	if (p->continued) {
		const char *join = p->key && p->key->type == CONFIG_LINES ? "\n" : " ";

		if (!p->key) {
			fail(p, p->line,
			     "the line begins with a blank but there is no value to "
			     "continue; keys begin in the first column");
			return 0;
		}
		rc = buf_append(&p->pending, join, buf_len(&p->pending) ? 1 : 0);
		if (rc == 0)
			rc = buf_append(&p->pending, value, strlen(value));
	} else {
		if (flush_value(p) < 0 || take_section(p, section, p->board) < 0 ||
		    take_key(p, section, name) < 0)
			return 0;
		rc = buf_append(&p->pending, value, strlen(value));
	}
	if (rc < 0)
		p->rc = kf_err(p->err, rc, KF_REASON_CONFIG, "%s:%d: %m", p->name,
			       p->line);
	return p->rc == 0;
}

int config_parse(struct config *c, enum config_layer layer, const char *profile,
		 const char *name, const char *text, size_t len, struct kf_error *err)
{
	struct parse p = {
		.c = c,
		.layer = layer,
		.profile = profile,
		.name = name,
		.text = text,
		.len = len,
		.pending = {.max = CONFIG_FILE_MAX},
		.err = err,
	};
	int bad;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		p.at = 3;
	bad = ini_parse_stream(next_line, &p, on_value, &p);
	if (p.rc == 0)
		flush_value(&p);
	if (p.rc == 0 && bad > 0)
		fail(&p, bad, "neither [section] nor key = value");
	if (p.rc == 0 && bad < 0)
		p.rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%s: %m", name);
	buf_fini(&p.pending);
	return p.rc;
}

int config_parse_file(struct config *c, enum config_layer layer, const char *profile,
		      const char *path, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = fs_read_file(AT_FDCWD, path, CONFIG_FILE_MAX, &text);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONFIG, "read %s: %m", path);
	if (!buf_str(&text))
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "read %s: %m", path);
	return config_parse(c, layer, profile, path, buf_str(&text), buf_len(&text), err);
}
