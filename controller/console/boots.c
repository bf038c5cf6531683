// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/boots.h"

#include <string.h>
#include <unistd.h>

#include "controller/log/logline.h"
#include "proto/base/buf.h"

#define LINE_MAX_BYTES 8192u
#define BLOCK	       (64u * 1024)
#define BACK_USEC      1000000u /* processors' messages may change places */
#define REPLAY_LINES   3u
#define WORDS_USEC     5000000u /* in which a kernel that restarts says its last ones */

struct finder {
	const struct patterns *ps;
	pcre2_match_data *data;
	struct literal_set hits;
	const char *banner;
	size_t banner_n;
	struct boots *b;
	uint64_t usec;	  /* of the last line that had a time */
	uint64_t restart; /* time of the line that announced it; only the next part */
	bool announced;	  /* this part stands behind such a line, and has no sign yet */
	bool loader;	  /* a boot loader spoke in it */
	uint64_t line, replay;
	char plain[LINE_MAX_BYTES];
};

static struct boot_part *part(struct finder *f)
{
	return &f->b->part[f->b->n - 1];
}

static void next_part(struct finder *f, uint64_t at)
{
	f->usec = 0;
	f->announced = f->loader = false;
	if (f->b->n == BOOTS_MAX)
		return;
	part(f)->to = at;
	f->b->part[f->b->n++] = (struct boot_part){.from = at};
}

static enum pattern_kind kind_of(struct finder *f, const struct logline *l)
{
	struct pattern_match m = {.p = NULL};

	if (!patterns_may_match(f->ps, l->text, l->n, &f->hits) ||
	    !patterns_find(f->ps, f->data, &f->hits, l->text, l->n, &m))
		return PATTERN_IGNORE;
	return m.p->kind;
}

static void take_banner(struct finder *f, const struct logline *l, uint64_t at)
{
	bool later = l->has_time && f->usec > l->usec;

	/* What ran at the beginning has said its own before; and a kernel that was quiet
	 * has none. */
	if (f->b->n == 1 || part(f)->banner || later)
		next_part(f, at);
	f->b->starts++;
	part(f)->banner = true;
	part(f)->ours = f->banner && l->n >= f->banner_n &&
			memcmp(l->text, f->banner, f->banner_n) == 0;
}

/* n bytes of text, len with the end of the line. */
static void take_line(struct finder *f, const char *s, size_t n, size_t len, uint64_t at)
{
	struct logline l;
	enum pattern_kind kind;
	bool replayed, back;

	f->line++;
	logline_parse(f->plain, logline_plain(s, n, f->plain), &l);
	kind = kind_of(f, &l);
	replayed = f->replay && f->line - f->replay <= REPLAY_LINES;
	back = l.has_time && f->usec > l.usec + BACK_USEC;
	if (kind == PATTERN_REPLAY)
		f->replay = f->line;
	/* The old kernel's last words behind its announcement are its own. */
	if (f->announced && l.has_time && l.usec >= f->restart &&
	    l.usec - f->restart < WORDS_USEC && kind != PATTERN_BANNER) {
		part(f)->from = at + len;
		return;
	}
	if (replayed && (back || kind == PATTERN_BANNER)) {
		f->usec = l.has_time ? l.usec : f->usec;
		return;
	}
	if (kind == PATTERN_BANNER) {
		take_banner(f, &l, at);
	} else if (kind == PATTERN_LOADER) {
		if (f->b->n == 1 || part(f)->banner)
			next_part(f, at);
		f->loader = true;
	} else if (back) {
		next_part(f, at);
	}
	if (l.has_time)
		f->usec = l.usec;
	f->announced = f->announced && !l.has_time && kind != PATTERN_BANNER;
	if (kind == PATTERN_RESTART) {
		uint64_t usec = l.has_time ? l.usec : 0;

		next_part(f, at + len);
		f->announced = l.has_time;
		f->restart = usec;
	}
}

/* Whole lines of b, and pieces of those that are too long; what is left is not yet one.
 */
static void take_lines(struct finder *f, struct buf *b, uint64_t *at, bool end)
{
	while (buf_len(b) > 0) {
		const char *s = (const char *)buf_data(b);
		size_t left = buf_len(b);
		size_t look = left < LINE_MAX_BYTES ? left : LINE_MAX_BYTES;
		const char *nl = memchr(s, '\n', look);
		size_t n = nl ? (size_t)(nl - s) + 1 : look;

		if (!nl && look < LINE_MAX_BYTES && !end)
			return;
		take_line(f, s, n - (nl != NULL), n, *at);
		*at += n;
		buf_consume(b, n);
	}
}

static int read_all(struct finder *f, int fd, uint64_t at)
{
	_buf_ struct buf b = BUF_INIT;
	uint64_t read_at = at;

	for (;;) {
		uint8_t *to;
		ssize_t n;

		if (buf_reserve(&b, BLOCK, &to) < 0)
			return -ENOMEM;
		n = pread(fd, to, BLOCK, (off_t)read_at);
		if (n < 0)
			return -errno;
		buf_commit(&b, (size_t)n);
		read_at += (uint64_t)n;
		take_lines(f, &b, &at, n == 0);
		if (n == 0)
			break;
	}
	part(f)->to = at;
	return 0;
}

int boots_find(int fd, uint64_t from, const struct patterns *ps, const char *banner,
	       struct boots *ret)
{
	_free_ struct finder *f = calloc(1, sizeof(*f));
	int r;

	*ret = (struct boots){.n = 1, .part[0] = {.from = from, .to = from}};
	if (!f)
		return -ENOMEM;
	f->ps = ps;
	f->banner = banner;
	f->banner_n = banner ? strlen(banner) : 0;
	f->b = ret;
	f->data = patterns_match_data();
	r = f->data ? read_all(f, fd, from) : -ENOMEM;
	pcre2_match_data_free(f->data);
	return r;
}

/* --- the trial's ------------------------------------------------------------------ */

/* Starts in the parts from that one on, the last having all the rest. */
static unsigned starts_from(const struct boots *b, unsigned i)
{
	unsigned before = 0;

	for (unsigned k = 0; k < i; k++)
		before += b->part[k].banner;
	return b->starts - before;
}

static bool find_quiet(const struct boots *b, unsigned *ret)
{
	for (unsigned i = 1; i < b->n; i++) {
		if (!b->part[i].banner && b->part[i].to > b->part[i].from) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool boots_trial(const struct boots *b, bool fell_back, bool has_banner,
		 struct boots_trial *ret)
{
	unsigned expected = fell_back ? 2 : 1;

	*ret = (struct boots_trial){0};
	for (unsigned i = 1; i < b->n; i++) {
		unsigned starts;

		if (!b->part[i].ours)
			continue;
		starts = starts_from(b, i);
		ret->part = i;
		ret->sure = true;
		ret->extra = starts > expected ? starts - expected : 0;
		return true;
	}
	if (find_quiet(b, &ret->part))
		return true;
	/* Whose banner it is cannot be told: it is the first that started. */
	if (!has_banner && b->n > 1) {
		ret->part = 1;
		return true;
	}
	/* One text for all of it: only good where the trial did die. */
	return b->n == 1 && fell_back && b->part[0].to > b->part[0].from;
}
