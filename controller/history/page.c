// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every text is escaped where it is put in.  The page may run and fetch nothing, which
 * its own policy says, so that it can be put on a server or sent by mail.
 */
#include "controller/history/page.h"

#include <time.h>

#include "proto/text.h"
#include "proto/version.h"

#define CHART_WIDTH  960
#define CHART_HEIGHT 200
#define CHART_FOOT   40

struct page {
	struct buf *out;
	int rc;
};

static void put(struct page *p, const char *fmt, ...) _printf_(2, 3);
static void put(struct page *p, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	if (p->rc == 0)
		p->rc = n < 0 ? -ENOMEM : buf_append(p->out, text, (size_t)n);
}

/* Text between tags, or in a quoted attribute. */
static void put_text(struct page *p, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			put(p, "&amp;");
			break;
		case '<':
			put(p, "&lt;");
			break;
		case '>':
			put(p, "&gt;");
			break;
		case '"':
			put(p, "&quot;");
			break;
		default:
			put(p, "%c", *text);
		}
	}
}

static void put_date(struct page *p, int64_t when)
{
	time_t t = (time_t)when;
	char text[32] = "?";
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	put_text(p, text);
}

static void put_head(struct page *p, const struct tally *t)
{
	put(p,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'\">\n"
	    "<title>kferry report</title>\n<style>\n"
	    ":root { color-scheme: light dark; }\n"
	    "body { font: 15px/1.4 sans-serif; max-width: 960px; margin: 2em auto; "
	    "padding: 0 1em; }\n"
	    "table { border-collapse: collapse; margin: 1em 0; width: 100%%; }\n"
	    "th, td { text-align: right; padding: .2em .6em; border-bottom: 1px solid "
	    "#8884; }\n"
	    "th:first-child, td:first-child, td.text { text-align: left; }\n"
	    "svg { width: 100%%; height: auto; } svg text { font-size: 11px; fill: "
	    "currentColor; }\n"
	    ".passed { fill: #2a9d5b; } .failed { fill: #d1495b; } .errors { fill: "
	    "#e0a030; } .rest { fill: #8888; }\n"
	    "</style>\n</head>\n<body>\n<h1>kferry report</h1>\n<p>");
	put_date(p, t->span->from);
	put(p, " to ");
	put_date(p, t->span->until - 1);
	put(p, "</p>\n");
}

static void put_row(struct page *p, const struct tally_row *r)
{
	char median[16], total[16];
	int rate = tally_rate(r);

	if (r->n == 0)
		return;
	put(p, "<tr><td>");
	put_text(p, r->name);
	put(p, "</td><td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td><td>",
	    (unsigned long long)r->n, (unsigned long long)r->passed,
	    (unsigned long long)r->failed, (unsigned long long)r->errors);
	if (rate < 0)
		put(p, "-");
	else
		put(p, "%d%%", rate);
	put(p, "</td><td>%s</td><td>%s</td></tr>\n", text_duration(r->median_ms, median),
	    text_duration(r->total_ms, total));
}

static void put_table(struct page *p, const char *what, const struct tally_row *rows,
		      size_t n)
{
	put(p,
	    "<table>\n<tr><th>%s</th><th>number</th><th>passed</th><th>failed</th>"
	    "<th>errors</th><th>rate</th><th>median</th><th>in all</th></tr>\n",
	    what);
	for (size_t i = 0; i < n; i++)
		put_row(p, &rows[i]);
	put(p, "</table>\n");
}

static void put_block(struct page *p, const char *class, double x, double width,
		      double *y, uint64_t n, uint64_t most)
{
	double height = (double)n * CHART_HEIGHT / (double)most;

	if (n == 0)
		return;
	*y -= height;
	put(p,
	    "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
	    class, x, *y, width, height);
}

static void put_bar(struct page *p, const struct tally_row *r, double x, double step,
		    uint64_t most, bool labelled)
{
	double y = CHART_HEIGHT, width = step * 0.8;

	put(p, "<g><title>");
	put_text(p, r->name);
	put(p, ": %llu passed, %llu failed, %llu errors of %llu</title>\n",
	    (unsigned long long)r->passed, (unsigned long long)r->failed,
	    (unsigned long long)r->errors, (unsigned long long)r->n);
	put_block(p, "passed", x, width, &y, r->passed, most);
	put_block(p, "failed", x, width, &y, r->failed, most);
	put_block(p, "errors", x, width, &y, r->errors, most);
	put_block(p, "rest", x, width, &y, r->n - r->passed - r->failed - r->errors,
		  most);
	put(p, "</g>\n");
	if (!labelled)
		return;
	put(p, "<text x=\"%.1f\" y=\"%d\">", x, CHART_HEIGHT + 16);
	put_text(p, r->name);
	put(p, "</text>\n");
}

static void put_chart(struct page *p, const struct tally *t)
{
	size_t n = t->span->n ? t->span->n : 1, every = (n + 9) / 10;
	double step = (double)CHART_WIDTH / (double)n;
	uint64_t most = 1;

	for (size_t i = 0; i < t->span->n; i++) {
		if (t->parts[i].n > most)
			most = t->parts[i].n;
	}
	put(p,
	    "<h2>Builds, deploys, tests</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n"
	    "<line x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"currentColor\"/>\n",
	    CHART_WIDTH, CHART_HEIGHT + CHART_FOOT, CHART_HEIGHT, CHART_WIDTH,
	    CHART_HEIGHT);
	for (size_t i = 0; i < t->span->n; i++)
		put_bar(p, &t->parts[i], (double)i * step, step, most, i % every == 0);
	put(p, "</svg>\n");
}

static void put_troubles(struct page *p, const struct tally *t)
{
	size_t kept = t->n_troubles < TALLY_TROUBLES ? t->n_troubles : TALLY_TROUBLES;

	if (kept == 0)
		return;
	put(p, "<h2>Not passed</h2>\n<p>%zu of %zu</p>\n<table>\n", kept, t->n_troubles);
	for (size_t i = 0; i < kept; i++) {
		const struct tally_trouble *x = &t->troubles[i];
		const char *const cells[] = {x->kind,	x->board,   x->verdict,
					     x->reason, x->release, x->run};

		put(p, "<tr><td>");
		put_date(p, x->when);
		put(p, "</td>");
		for (size_t k = 0; k < ARRAY_SIZE(cells); k++) {
			put(p, "<td class=\"text\">");
			put_text(p, cells[k]);
			put(p, "</td>");
		}
		put(p, "</tr>\n");
	}
	put(p, "</table>\n");
}

int page_write(const struct tally *t, struct buf *out)
{
	struct page p = {.out = out};

	put_head(&p, t);
	put_chart(&p, t);
	put_table(&p, "what", t->kinds, TALLY_KINDS);
	if (t->n_boards > 0)
		put_table(&p, "board", t->boards, t->n_boards);
	put_troubles(&p, t);
	put(&p, "<p><small>kferry %s</small></p>\n</body>\n</html>\n", KF_VERSION);
	return p.rc;
}
