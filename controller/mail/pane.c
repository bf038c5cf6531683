// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/pane.h"

#include <string.h>
#include <wchar.h>

#include "controller/strf.h"
#include "proto/text.h"

#define TAB	 8
#define LINE_MAX 4000 /* bytes that are kept of a line: no screen is as wide */

void pane_fini(struct pane *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->lines[i]);
		free(p->names[i]);
	}
	free(p->lines);
	free(p->names);
	*p = (struct pane){0};
}

static int grow(struct pane *p)
{
	size_t room = p->n ? p->n * 2 : 1;
	char **more;

	if ((p->n & (p->n - 1)) != 0)
		return 0;
	more = reallocarray(p->lines, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->lines = more;
	more = reallocarray(p->names, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->names = more;
	return 0;
}

static int add(struct pane *p, const char *text, size_t n, const char *name)
{
	_buf_ struct buf b = BUF_INIT;
	char *line = NULL, *copy = NULL;
	int rc = grow(p);

	if (rc == 0)
		rc = text_escape(&b, text, n < LINE_MAX ? n : LINE_MAX, false);
	if (rc < 0)
		return rc;
	line = strdup(buf_len(&b) ? buf_str(&b) : "");
	copy = name ? strdup(name) : NULL;
	if (!line || (name && !copy)) {
		free(line);
		free(copy);
		return -ENOMEM;
	}
	p->lines[p->n] = line;
	p->names[p->n++] = copy;
	return 0;
}

int pane_add(struct pane *p, const char *text, const char *name)
{
	return add(p, text, strlen(text), name);
}

static int add_line(struct pane *p, const char *text, size_t n)
{
	_buf_ struct buf b = BUF_INIT;
	size_t column = 0;
	int rc = 0;

	if (n > 0 && text[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t blanks = text[i] == '\t' ? TAB - column % TAB : 0;

		rc = blanks ? buf_printf(&b, "%*s", (int)blanks, "")
			    : buf_append(&b, text + i, 1);
		/* What continues a character takes no column. */
		if (blanks)
			column += blanks;
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			column++;
	}
	return rc < 0 ? rc
		      : add(p, buf_len(&b) ? (const char *)buf_data(&b) : "", buf_len(&b),
			    NULL);
}

int pane_add_text(struct pane *p, const char *text, size_t n)
{
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0;) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;

		rc = add_line(p, text + at, len < LINE_MAX ? len : LINE_MAX);
		at += len + 1;
	}
	return rc;
}

static size_t last_top(const struct pane *p, size_t rows)
{
	return p->n > rows ? p->n - rows : 0;
}

void pane_fit(struct pane *p, size_t rows)
{
	if (p->n && p->chosen >= p->n)
		p->chosen = p->n - 1;
	if (!p->reading && p->chosen < p->top)
		p->top = p->chosen;
	if (!p->reading && p->chosen >= p->top + rows)
		p->top = p->chosen - rows + 1;
	if (p->top > last_top(p, rows))
		p->top = last_top(p, rows);
}

/* By so many lines; what does not go so far ends at the end. */
static size_t moved(size_t at, enum pane_key key, size_t rows, size_t last)
{
	size_t page = rows > 1 ? rows - 1 : 1;
	size_t by = key == PANE_UP || key == PANE_DOWN ? 1 : page;

	switch (key) {
	case PANE_UP:
	case PANE_PAGE_UP:
		return at > by ? at - by : 0;
	case PANE_DOWN:
	case PANE_PAGE_DOWN:
		return last - at > by ? at + by : last;
	case PANE_HOME:
		return 0;
	default:
		return last;
	}
}

void pane_move(struct pane *p, enum pane_key key, size_t rows)
{
	pane_fit(p, rows);
	if (p->n == 0)
		return;
	if (p->reading)
		p->top = moved(p->top, key, rows, last_top(p, rows));
	else
		p->chosen = moved(p->chosen, key, rows, p->n - 1);
	pane_fit(p, rows);
}

const char *pane_name(const struct pane *p)
{
	return p->chosen < p->n ? p->names[p->chosen] : NULL;
}

/* Of the character that text begins with: its bytes, and the columns it takes. */
static size_t next_char(const char *text, size_t n, size_t *ret_columns)
{
	uint32_t point = 0;
	size_t len = text_utf8(text, n, &point);
	int width = len ? wcwidth((wchar_t)point) : 1;

	*ret_columns = width < 0 ? 1 : (size_t)width;
	return len ? len : 1;
}

static size_t cut(const char *text, size_t columns, size_t *ret_left)
{
	size_t n = strlen(text), at = 0, takes;

	while (at < n) {
		size_t len = next_char(text + at, n - at, &takes);

		if (takes > columns)
			break;
		columns -= takes;
		at += len;
	}
	*ret_left = columns;
	return at;
}

size_t pane_cut(const char *text, size_t columns)
{
	size_t left;

	return cut(text, columns, &left);
}

char *pane_column(const char *text, size_t columns)
{
	size_t left, n = cut(text, columns, &left);

	return strf("%.*s%*s", (int)n, text, (int)left, "");
}
