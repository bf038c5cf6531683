// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/history/chart.h"

#include <string.h>
#include <time.h>

#include "proto/text.h"

#define BAR_MIN	   10
#define BAR_MAX	   100
#define BAR_BESIDE 24 /* columns of a line that are no bar */

/* --- tables --------------------------------------------------------------------------
 */

static void show_rate(struct ui *ui, const struct tally_row *r)
{
	int rate = tally_rate(r);

	if (rate < 0)
		ui_out(ui, "%7s", "-");
	else
		ui_out_paint(ui,
			     rate < 50	 ? UI_RED
			     : rate < 90 ? UI_YELLOW
					 : UI_PLAIN,
			     "%6d%%", rate);
}

static void show_row(struct ui *ui, const struct tally_row *r)
{
	char median[16], total[16];

	if (r->n == 0)
		return;
	ui_out(ui, "%-16s %7llu %7llu %7llu %7llu ", r->name, (unsigned long long)r->n,
	       (unsigned long long)r->passed, (unsigned long long)r->failed,
	       (unsigned long long)r->errors);
	show_rate(ui, r);
	ui_out(ui, " %9s %9s\n", text_duration(r->median_ms, median),
	       text_duration(r->total_ms, total));
}

static void show_table(struct ui *ui, const char *what, const struct tally_row *rows,
		       size_t n)
{
	ui_out_paint(ui, UI_BOLD, "%-16s %7s %7s %7s %7s %7s %9s %9s\n", what, "number",
		     "passed", "failed", "errors", "rate", "median", "in all");
	for (size_t i = 0; i < n; i++)
		show_row(ui, &rows[i]);
	ui_out(ui, "\n");
}

/* --- bars ----------------------------------------------------------------------------
 */

static unsigned length(uint64_t n, uint64_t most, unsigned room)
{
	unsigned cells;

	if (n == 0)
		return 0;
	if (most <= room)
		return (unsigned)n;
	cells = (unsigned)((double)n * room / (double)most);
	return cells ? cells : 1;
}

struct chart_bar chart_bar(const struct tally_row *r, uint64_t most, unsigned room)
{
	return (struct chart_bar){
		.passed = length(r->passed, most, room),
		.failed = length(r->failed, most, room),
		.errors = length(r->errors, most, room),
		.rest = length(r->n - r->passed - r->failed - r->errors, most, room)};
}

static void repeat(struct ui *ui, enum ui_paint paint, char c, unsigned n)
{
	char line[BAR_MAX + 4];

	if (n == 0)
		return;
	if (n > sizeof(line) - 1)
		n = sizeof(line) - 1;
	memset(line, c, n);
	line[n] = '\0';
	ui_out_paint(ui, paint, "%s", line);
}

static void show_bar(struct ui *ui, const struct tally_row *r, uint64_t most,
		     unsigned room)
{
	struct chart_bar bar = chart_bar(r, most, room);

	ui_out(ui, "%-12s ", r->name);
	repeat(ui, UI_PLAIN, '#', bar.passed);
	repeat(ui, UI_RED, 'F', bar.failed);
	repeat(ui, UI_YELLOW, 'E', bar.errors);
	repeat(ui, UI_PLAIN, '-', bar.rest);
	if (r->n > 0)
		ui_out(ui, " %llu", (unsigned long long)r->n);
	ui_out(ui, "\n");
}

static void show_bars(struct ui *ui, const struct tally *t, unsigned columns)
{
	unsigned room = columns > BAR_BESIDE + BAR_MIN ? columns - BAR_BESIDE : BAR_MIN;
	uint64_t most = 1;

	if (room > BAR_MAX)
		room = BAR_MAX;
	for (size_t i = 0; i < t->span->n; i++) {
		if (t->parts[i].n > most)
			most = t->parts[i].n;
	}
	ui_out_paint(ui, UI_BOLD, "builds, deploys, tests");
	ui_out(ui, "   # passed  F failed  E error  - no verdict\n");
	for (size_t i = 0; i < t->span->n; i++)
		show_bar(ui, &t->parts[i], most, room);
}

/* --- the rest ------------------------------------------------------------------------
 */

static const char *date_of(int64_t when, char dst[static 32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(dst, 32, "%Y-%m-%d %H:%M", &tm))
		snprintf(dst, 32, "?");
	return dst;
}

static void show_troubles(struct ui *ui, const struct tally *t)
{
	size_t kept = t->n_troubles < TALLY_TROUBLES ? t->n_troubles : TALLY_TROUBLES;
	char when[32];

	if (kept == 0)
		return;
	ui_out_paint(ui, UI_BOLD, "\nnot passed");
	ui_out(ui, kept < t->n_troubles ? "   the last %zu of %zu\n" : "\n", kept,
	       t->n_troubles);
	for (size_t i = 0; i < kept; i++) {
		const struct tally_trouble *x = &t->troubles[i];

		ui_out(ui, "%s  %-6s  %s%s", date_of(x->when, when), x->kind, x->board,
		       *x->board ? "  " : "");
		ui_out_paint(ui, strcmp(x->verdict, "FAIL") == 0 ? UI_RED : UI_YELLOW,
			     "%s", x->verdict);
		ui_out(ui, "  %s%s%s\n", x->reason, *x->release ? "  " : "", x->release);
		if (*x->run)
			ui_out(ui, "%18s%s\n", "", x->run);
	}
}

void chart_show(struct ui *ui, const struct tally *t, unsigned columns)
{
	char from[32], until[32];
	bool any = false;

	ui_out(ui, "%s to %s\n\n", date_of(t->span->from, from),
	       date_of(t->span->until - 1, until));
	for (int i = 0; i < TALLY_KINDS; i++)
		any = any || t->kinds[i].n > 0;
	if (!any) {
		ui_out(ui, "nothing is in the history of that time\n");
		return;
	}
	show_table(ui, "", t->kinds, TALLY_KINDS);
	if (t->n_boards > 0)
		show_table(ui, "board", t->boards, t->n_boards);
	show_bars(ui, t, columns);
	show_troubles(ui, t);
}
