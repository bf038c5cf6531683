// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live area: the last lines of a terminal, one per step under way, redrawn in place.
 * Other output erases it first and draws it again below.  The cursor always stands at the
 * beginning of the line after the area.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "controller/ui/ui_internal.h"
#include "proto/base/clock.h"
#include "proto/text.h"

#define REDRAW_MS 100
#define BAR_WIDTH 20

void ui_live_erase(struct ui *ui)
{
	if (ui->drawn)
		fprintf(stderr, "\033[%uA\033[J", ui->drawn);
	ui->drawn = 0;
}

/* "[=====>    ]  43%  12.3 MiB  4.1 MiB/s  9s left" */
static void describe(const struct ui_live *l, int64_t now, char *dst, size_t size)
{
	int64_t took = now - l->began;
	char bar[BAR_WIDTH + 1], bytes[16], rate[16], left[16];
	uint64_t done = l->done < l->total ? l->done : l->total;
	unsigned part;
	double share;

	if (!l->total) {
		snprintf(dst, size, "%s%s%s", l->text, l->text[0] ? "  " : "",
			 text_duration(took / 1000 * 1000, left));
		return;
	}
	share = (double)done / (double)l->total;
	part = (unsigned)(share * BAR_WIDTH);
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < part ? '=' : i == part ? '>' : ' ';
	bar[BAR_WIDTH] = '\0';
	snprintf(dst, size, "[%s] %3u%%  %s", bar, (unsigned)(share * 100),
		 text_bytes(done, bytes));
	/* A rate of the first moments would only be noise. */
	if (took >= 500 && done) {
		double per_ms = (double)done / (double)took;
		size_t n = strlen(dst);

		snprintf(dst + n, size - n, "  %s/s  %s left",
			 text_bytes((uint64_t)(per_ms * 1000), rate),
			 text_duration((int64_t)((double)(l->total - done) / per_ms),
				       left));
	}
	if (l->text[0]) {
		size_t n = strlen(dst);

		snprintf(dst + n, size - n, "  %s", l->text);
	}
}

static unsigned columns(void)
{
	struct winsize ws;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_col < 20)
		return 80;
	return ws.ws_col;
}

/* Print at most max columns of text that is escaped already. */
static void put_cut(const char *s, unsigned max)
{
	size_t n = strlen(s), i = 0;

	while (i < n && max > 0) {
		uint32_t point;
		size_t len = text_utf8(s + i, n - i, &point);

		fwrite(s + i, 1, len ? len : 1, stderr);
		i += len ? len : 1;
		max--;
	}
}

void ui_live_draw(struct ui *ui)
{
	int64_t now = clock_now_ms();
	unsigned width = columns();
	char line[512], what[320];

	if (!ui->err_tty || ui->opts.quiet || ui->opts.json)
		return;
	for (unsigned i = 0; i < ui->live_count; i++) {
		const struct ui_live *l = &ui->live[i];

		describe(l, now, what, sizeof(what));
		snprintf(line, sizeof(line), "  %-8s %s  %s", l->stage, l->board, what);
		put_cut(line, width - 1);
		fputc('\n', stderr);
	}
	ui->drawn = ui->live_count;
	ui->drawn_at = now;
	fflush(stderr);
}

void ui_live_remove(struct ui *ui, const char *board)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ui->live_count; i++)
		if (strcmp(ui->live[i].board, board ? board : ""))
			ui->live[kept++] = ui->live[i];
	ui->live_count = kept;
}

static struct ui_live *find(struct ui *ui, const char *stage, const char *board)
{
	struct ui_live *l;

	for (unsigned i = 0; i < ui->live_count; i++) {
		l = &ui->live[i];
		if (strcmp(l->board, board))
			continue;
		if (!strcmp(l->stage, stage))
			return l;
		goto begin;
	}
	if (ui->live_count == UI_LIVE_MAX)
		return NULL;
	l = &ui->live[ui->live_count++];
begin:
	snprintf(l->stage, sizeof(l->stage), "%s", stage);
	snprintf(l->board, sizeof(l->board), "%s", board);
	l->text[0] = '\0';
	l->began = clock_now_ms();
	return l;
}

void ui_progress(struct ui *ui, const char *stage, const char *board, uint64_t done,
		 uint64_t total, const char *text)
{
	_buf_ struct buf plain = BUF_INIT;
	struct ui_live *l;
	bool due;

	if (!ui->err_tty || ui->opts.quiet || ui->opts.json)
		return;
	pthread_mutex_lock(&ui->lock);
	l = find(ui, stage, board ? board : "");
	if (l) {
		l->done = done;
		l->total = total;
		if (text && text_escape(&plain, text, strlen(text), false) == 0 &&
		    buf_str(&plain))
			snprintf(l->text, sizeof(l->text), "%s", buf_str(&plain));
		else
			l->text[0] = '\0';
	}
	due = clock_now_ms() - ui->drawn_at >= REDRAW_MS;
	if (l && due) {
		ui_live_erase(ui);
		ui_live_draw(ui);
	}
	pthread_mutex_unlock(&ui->lock);
}
