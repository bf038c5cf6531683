// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live area: the last lines of a terminal, one per step under way, redrawn in place.
 * Other output erases it first and draws it again below.  The cursor always stands at the
 * beginning of the line after the area.  A thread draws it once a second, so that times
 * go on while nobody reports progress.
 */
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "controller/ui/ui_internal.h"
#include "proto/base/clock.h"
#include "proto/text.h"

#define REDRAW_MS 100
#define RATE_MS	  500
#define BAR_WIDTH 20
#define LIVE_LINE 320

void ui_live_erase(struct ui *ui)
{
	/* A key that was pressed, as ^C, may have been echoed: the column is not known.
	 */
	if (ui->drawn)
		fprintf(stderr, "\r\033[%uA\033[J", ui->drawn);
	ui->drawn = 0;
}

/* Append another column, if it still has room. */
static void add(char *dst, size_t room, const char *what)
{
	size_t n = strlen(dst);

	if (*what && n + 2 + strlen(what) <= room)
		snprintf(dst + n, room - n + 1, "%s%s", n ? "  " : "", what);
}

static void make_bar(char dst[static BAR_WIDTH + 3], double share)
{
	unsigned part = (unsigned)(share * BAR_WIDTH);

	dst[0] = '[';
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		dst[i + 1] = i < part ? '=' : i == part ? '>' : ' ';
	dst[BAR_WIDTH + 1] = ']';
	dst[BAR_WIDTH + 2] = '\0';
}

/* "[=====>    ]  43%  9s left  4.1 MiB/s  12.3 MiB  text": what finds no room in the
 * line is left out, the bar before the numbers. */
static void describe_share(const struct ui_live *l, int64_t took, char *dst, size_t room)
{
	char bar[BAR_WIDTH + 3], numbers[80], word[32], text[16];
	uint64_t done = l->done < l->total ? l->done : l->total;
	double share = (double)done / (double)l->total;

	snprintf(numbers, sizeof(numbers), "%2u%%", (unsigned)(share * 100));
	/* A rate of the first moments would only be noise. */
	if (took >= RATE_MS && done) {
		double per_ms = (double)done / (double)took;
		double left = (double)(l->total - done) / per_ms;

		snprintf(word, sizeof(word), "%s left",
			 text_duration(left < 1e15 ? (int64_t)left : INT64_MAX, text));
		if (done < l->total)
			add(numbers, room < sizeof(numbers) ? room : sizeof(numbers) - 1,
			    word);
		snprintf(word, sizeof(word), "%s/s",
			 text_bytes((uint64_t)(per_ms * 1000), text));
		add(numbers, room < sizeof(numbers) ? room : sizeof(numbers) - 1, word);
	}
	dst[0] = '\0';
	make_bar(bar, share);
	if (strlen(bar) + 2 + strlen(numbers) <= room)
		add(dst, room, bar);
	if (!*dst)
		snprintf(dst, room + 1, "%s", numbers);
	else
		add(dst, room, numbers);
	add(dst, room, text_bytes(done, text));
	add(dst, room, l->text);
}

/* dst takes room bytes and the NUL. */
static void describe(const struct ui_live *l, int64_t now, char *dst, size_t room)
{
	int64_t took = now - l->began;
	char text[16];

	if (l->total)
		describe_share(l, took, dst, room);
	else
		snprintf(dst, room + 1, "%s%s%s",
			 text_duration(took < 9500 ? took / 1000 * 1000 : took, text),
			 l->text[0] ? "  " : "", l->text);
}

/* Lines that fit the screen above the cursor's: what was scrolled off is not redrawn. */
static unsigned rows(void)
{
	struct winsize ws;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_row < 4)
		return 23;
	return ws.ws_row - 1u;
}

static unsigned columns_of(int fd)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) < 0 || ws.ws_col < 20)
		return 80;
	return ws.ws_col;
}

unsigned ui_columns(void)
{
	return columns_of(STDERR_FILENO);
}

unsigned ui_out_columns(const struct ui *ui)
{
	return ui->out_tty ? columns_of(STDOUT_FILENO) : 80;
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
	unsigned width = ui_columns(), most = rows(), shown = ui->live_count;
	char line[LIVE_LINE], what[LIVE_LINE];
	size_t room;

	if (!ui->err_tty || ui->opts.quiet || ui->opts.json)
		return;
	if (shown > most)
		shown = most - 1;
	for (unsigned i = 0; i < shown; i++) {
		const struct ui_live *l = &ui->live[i];

		int n = snprintf(line, sizeof(line), "  %-8s %s%s", l->stage, l->board,
				 l->board[0] ? "  " : "");
		size_t at = (size_t)n;

		room = width - 1 > at + 4 ? width - 1 - at : 4;
		if (room > sizeof(what) - 1)
			room = sizeof(what) - 1;
		describe(l, now, what, room);
		snprintf(line + at, sizeof(line) - at, "%s", what);
		put_cut(line, width - 1);
		fputc('\n', stderr);
	}
	ui->drawn = shown;
	if (shown < ui->live_count) {
		fprintf(stderr, "  and %u more\n", ui->live_count - shown);
		ui->drawn++;
	}
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

/* Redraw while whoever shows progress waits for something else. */
static void *run_clock(void *arg)
{
	struct ui *ui = arg;

	pthread_mutex_lock(&ui->lock);
	while (!ui->clock_ends) {
		struct timespec at;

		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec++;
		pthread_cond_timedwait(&ui->clock_wake, &ui->lock, &at);
		if (ui->clock_ends || !ui->live_count)
			continue;
		ui_live_erase(ui);
		ui_live_draw(ui);
	}
	pthread_mutex_unlock(&ui->lock);
	return NULL;
}

/* Signals are the other threads' affair.  Without a thread the time stands still. */
static void start_clock(struct ui *ui)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	if (ui->clock_runs)
		return;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ui->clock_wake, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ui->clock_runs = pthread_create(&ui->clock, NULL, run_clock, ui) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void ui_live_stop(struct ui *ui)
{
	if (!ui->clock_runs)
		return;
	pthread_mutex_lock(&ui->lock);
	ui->clock_ends = true;
	pthread_cond_signal(&ui->clock_wake);
	pthread_mutex_unlock(&ui->lock);
	pthread_join(ui->clock, NULL);
	pthread_cond_destroy(&ui->clock_wake);
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
	start_clock(ui);
	pthread_mutex_unlock(&ui->lock);
}

void ui_progress_end(struct ui *ui, const char *board)
{
	pthread_mutex_lock(&ui->lock);
	ui_live_erase(ui);
	ui_live_remove(ui, board);
	ui_live_draw(ui);
	pthread_mutex_unlock(&ui->lock);
}
