// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines for people.  Text is formatted first and escaped as a whole: the only control
 * bytes that reach a terminal are the ones written here.
 */
#include <stdarg.h>
#include <string.h>

#include "controller/ui/ui_internal.h"
#include "proto/reason.h"
#include "proto/text.h"

#define RED	   "\033[31m"
#define GREEN	   "\033[32m"
#define YELLOW	   "\033[33m"
#define BOLD	   "\033[1m"
#define RESET	   "\033[0m"

#define LINE_WIDTH 72 /* the column behind which a step's time stands */
#define TOOK_WIDTH 8  /* of that time, and the blanks before it */

int ui_new(const struct ui_opts *opts, struct ui **ret)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool colour = !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	struct ui *ui = calloc(1, sizeof(*ui));

	if (!ui || pthread_key_create(&ui->board, NULL)) {
		free(ui);
		return -ENOMEM;
	}
	if (pthread_key_create(&ui->prefix, NULL)) {
		pthread_key_delete(ui->board);
		free(ui);
		return -ENOMEM;
	}
	pthread_mutex_init(&ui->lock, NULL);
	ui->opts = *opts;
	ui->out_tty = isatty(STDOUT_FILENO);
	ui->err_tty = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
	ui->out_colour = ui->out_tty && colour && !opts->json;
	ui->err_colour = ui->err_tty && colour && !opts->json;
	*ret = ui;
	return 0;
}

void ui_free(struct ui *ui)
{
	if (!ui)
		return;
	ui_live_stop(ui);
	ui_live_erase(ui);
	fflush(stdout);
	fflush(stderr);
	pthread_mutex_destroy(&ui->lock);
	pthread_key_delete(ui->board);
	pthread_key_delete(ui->prefix);
	free(ui);
}

void ui_board(struct ui *ui, const char *board, bool prefix)
{
	pthread_setspecific(ui->board, board);
	pthread_setspecific(ui->prefix, prefix ? board : NULL);
}

const char *ui_my_board(const struct ui *ui)
{
	return pthread_getspecific(ui->board);
}

bool ui_is_json(const struct ui *ui)
{
	return ui->opts.json;
}

int ui_verbose(const struct ui *ui)
{
	return ui->opts.verbose;
}

void ui_guard(struct ui *ui)
{
	ui->guarded = true;
}

int ui_out_error(struct ui *ui)
{
	int error;

	pthread_mutex_lock(&ui->lock);
	error = ui->out_error;
	pthread_mutex_unlock(&ui->lock);
	return error;
}

/* As it may be printed; NULL without memory. */
static char *plain(const struct ui *ui, const char *raw, bool keep_lines)
{
	_buf_ struct buf b = BUF_INIT, marked = BUF_INIT;
	struct ui_guard g = {.begun = false};

	if (text_escape(&b, raw, strlen(raw), keep_lines) < 0 || !buf_str(&b))
		return NULL;
	/* JSON has a way of its own. */
	if (!ui->guarded || ui->opts.json)
		return strdup(buf_str(&b));
	if (ui_guard_copy(&g, (const char *)buf_data(&b), buf_len(&b), &marked) < 0 ||
	    !buf_str(&marked))
		return NULL;
	return strdup(buf_str(&marked));
}

static char *vtext(const struct ui *ui, const char *fmt, va_list ap, bool keep_lines)
	_printf_(2, 0);

/* Formatted and escaped; NULL without memory. */
static char *vtext(const struct ui *ui, const char *fmt, va_list ap, bool keep_lines)
{
	_free_ char *raw = NULL;

	if (vasprintf(&raw, fmt, ap) < 0) {
		raw = NULL;
		return NULL;
	}
	return plain(ui, raw, keep_lines);
}

static void put(FILE *to, bool colour, const char *with, const char *text)
{
	if (colour && with)
		fprintf(to, "%s%s%s", with, text, RESET);
	else
		fputs(text, to);
}

static const char *verdict_colour(const char *text)
{
	if (!strncmp(text, "PASS", 4))
		return GREEN;
	if (!strncmp(text, "FAIL", 4))
		return RED;
	return YELLOW;
}

/* Columns of valid UTF-8. */
static int width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* What was written is out, or ui_out_error() tells. */
static void flush(struct ui *ui, FILE *to)
{
	if (fflush(to) && to == stdout && !ui->out_error)
		ui->out_error = errno ? -errno : -EIO;
}

static void print_step(struct ui *ui, const char *stage, const char *board,
		       int64_t took_ms, const char *text)
{
	bool verdict = !strcmp(stage, "verdict");
	FILE *to = verdict ? stdout : stderr;
	bool colour = verdict ? ui->out_colour : ui->err_colour;
	int width = 11 + 2 + width_of(text), line = LINE_WIDTH;
	char took[16];

	if (ui->opts.quiet && !verdict)
		return;
	/* Blanks that are wrapped into the next line say nothing. */
	if (ui->err_tty && (int)ui_columns() < LINE_WIDTH + TOOK_WIDTH)
		line = (int)ui_columns() - TOOK_WIDTH;
	ui_live_erase(ui);
	fflush(stderr);
	fprintf(to, "  %-8s ", stage);
	if (board) {
		put(to, colour, BOLD, board);
		fputs("  ", to);
		width += 2 + width_of(board);
	}
	put(to, colour, verdict ? verdict_colour(text) : NULL, text);
	if (took_ms >= 0) {
		text_duration(took_ms, took);
		fprintf(to, "%*s  %s", width < line ? line - width : 0, "", took);
	}
	fputc('\n', to);
	flush(ui, to);
	ui_live_draw(ui);
}

void ui_step(struct ui *ui, const char *stage, const char *board, int64_t took_ms,
	     json_t *extra, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(ui, fmt, ap, false);
	va_end(ap);
	pthread_mutex_lock(&ui->lock);
	ui_live_remove(ui, board);
	if (ui->opts.json) {
		json_t *fields = extra ? extra : json_object();

		if (took_ms >= 0)
			json_object_set_new(fields, "took_ms", json_integer(took_ms));
		ui_event(ui, stage, board, text, fields);
	} else {
		if (text)
			print_step(ui, stage, board, took_ms, text);
		json_decref(extra);
	}
	pthread_mutex_unlock(&ui->lock);
}

/* Each line behind the board's name. */
static void put_prefixed(FILE *to, const char *prefix, const char *data, size_t n)
{
	while (n > 0) {
		const char *nl = memchr(data, '\n', n);
		size_t line = nl ? (size_t)(nl - data) + 1 : n;

		fprintf(to, "%s: ", prefix);
		fwrite(data, 1, line, to);
		data += line;
		n -= line;
	}
}

static void put_out(struct ui *ui, FILE *to, const char *data, size_t n)
{
	const char *prefix = pthread_getspecific(ui->prefix);

	pthread_mutex_lock(&ui->lock);
	ui_live_erase(ui);
	fflush(stderr);
	if (prefix)
		put_prefixed(to, prefix, data, n);
	else
		fwrite(data, 1, n, to);
	flush(ui, to);
	ui_live_draw(ui);
	pthread_mutex_unlock(&ui->lock);
}

void ui_out(struct ui *ui, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	if (ui->opts.json)
		return;
	va_start(ap, fmt);
	text = vtext(ui, fmt, ap, true);
	va_end(ap);
	if (text)
		put_out(ui, stdout, text, strlen(text));
}

void ui_out_paint(struct ui *ui, enum ui_paint paint, const char *fmt, ...)
{
	static const char *const codes[] = {
		[UI_PLAIN] = "", [UI_BOLD] = BOLD, [UI_YELLOW] = YELLOW, [UI_RED] = RED};
	_free_ char *text = NULL, *painted = NULL;
	va_list ap;
	size_t n;

	if (ui->opts.json)
		return;
	va_start(ap, fmt);
	text = vtext(ui, fmt, ap, true);
	va_end(ap);
	if (!text)
		return;
	n = strlen(text);
	if (paint == UI_PLAIN || !ui->out_colour) {
		put_out(ui, stdout, text, n);
		return;
	}
	/* The end of a line is not coloured: some terminals would colour the rest. */
	if (n && text[n - 1] == '\n')
		n--;
	if (asprintf(&painted, "%s%.*s%s%s", codes[paint], (int)n, text, RESET,
		     text + n) < 0)
		painted = NULL;
	if (painted)
		put_out(ui, stdout, painted, strlen(painted));
}

void ui_commands(struct ui *ui, const char *lines, size_t n)
{
	put_out(ui, ui->opts.json ? stderr : stdout, lines, n);
}

static int guard_raw(struct ui *ui, FILE *to, const char *data, size_t n, struct buf *out)
{
	int r;

	pthread_mutex_lock(&ui->lock);
	r = ui_guard_copy(&ui->raw[to == stderr], data, n, out);
	pthread_mutex_unlock(&ui->lock);
	return r;
}

static void put_bytes(struct ui *ui, const char *event, bool tty, FILE *to,
		      const char *data, size_t n)
{
	_buf_ struct buf b = BUF_INIT, marked = BUF_INIT;

	if (ui->opts.json) {
		json_t *fields = json_object();

		json_object_set_new(fields, "text", ui_json_text(data, n));
		pthread_mutex_lock(&ui->lock);
		ui_event(ui, event, ui_my_board(ui), NULL, fields);
		pthread_mutex_unlock(&ui->lock);
		return;
	}
	if (ui->guarded) {
		if (guard_raw(ui, to, data, n, &marked) < 0 || buf_len(&marked) == 0)
			return;
		data = (const char *)buf_data(&marked);
		n = buf_len(&marked);
	}
	if (!tty) {
		put_out(ui, to, data, n);
	} else if (text_escape(&b, data, n, true) == 0 && buf_len(&b)) {
		put_out(ui, to, (const char *)buf_data(&b), buf_len(&b));
	}
}

void ui_out_bytes(struct ui *ui, const char *data, size_t n)
{
	put_bytes(ui, "output", ui->out_tty, stdout, data, n);
}

void ui_err_bytes(struct ui *ui, const char *data, size_t n)
{
	put_bytes(ui, "error-output", ui->err_tty, stderr, data, n);
}

/* A line to stderr, or an event; text is escaped. */
static void put_line(struct ui *ui, const char *event, const char *head,
		     const char *colour, const char *text)
{
	pthread_mutex_lock(&ui->lock);
	if (ui->opts.json) {
		ui_event(ui, event, ui_my_board(ui), text, NULL);
	} else {
		ui_live_erase(ui);
		put(stderr, ui->err_colour, colour, head);
		fprintf(stderr, "%s\n", text);
		fflush(stderr);
		ui_live_draw(ui);
	}
	pthread_mutex_unlock(&ui->lock);
}

void ui_note(struct ui *ui, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	if (ui->opts.quiet)
		return;
	va_start(ap, fmt);
	text = vtext(ui, fmt, ap, true);
	va_end(ap);
	if (text)
		put_line(ui, "note", "", NULL, text);
}

void ui_debug(struct ui *ui, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	if (ui->opts.verbose < 1)
		return;
	va_start(ap, fmt);
	text = vtext(ui, fmt, ap, true);
	va_end(ap);
	if (text)
		put_line(ui, "debug", "", NULL, text);
}

void ui_warn(struct ui *ui, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(ui, fmt, ap, true);
	va_end(ap);
	if (text)
		put_line(ui, "warning", "kferry: warning: ", YELLOW, text);
}

/* What to do about it, where the reason alone tells; the text may tell more. */
static const char *hint(int reason)
{
	switch (reason) {
	case KF_REASON_BUSY:
		return "wait for it to end, and try again";
	case KF_REASON_NO_AGENT:
		return "put the agent there with `kferry board setup`";
	case KF_REASON_UNREACHABLE:
		return "is the board on, and are board.host and board.port right?";
	case KF_REASON_AUTH:
		return "try `ssh-add`, board.identity, or ssh-copy-id to the board";
	case KF_REASON_VERSION:
	case KF_REASON_UNSUPPORTED:
		return "bring the agent up to this version with `kferry board setup`";
	case KF_REASON_SPACE:
		return "remove kernels with `kferry kernels list` and `kferry kernels "
		       "rm`";
	case KF_REASON_BOOT_CHAIN:
		return "`kferry board info` shows what the board's boot chains lack";
	default:
		return NULL;
	}
}

static void print_error(struct ui *ui, const char *board, const char *text,
			const char *what_to_do)
{
	ui_live_erase(ui);
	put(stderr, ui->err_colour, RED, "kferry: ");
	if (board)
		fprintf(stderr, "%s: ", board);
	fprintf(stderr, "%s\n", text);
	if (what_to_do)
		fprintf(stderr, "  %s\n", what_to_do);
	fflush(stderr);
	ui_live_draw(ui);
}

void ui_error(struct ui *ui, const char *board, const struct kf_error *err)
{
	const char *what_to_do = hint(err->reason), *name = NULL, *text = NULL;
	const char *msg = err->msg[0] ? err->msg : reason_text(err->reason);
	_free_ char *shown = plain(ui, msg, true);
	_buf_ struct buf who = BUF_INIT;

	text = shown;
	if (board && text_escape(&who, board, strlen(board), false) == 0)
		name = buf_str(&who);
	if (!text)
		text = reason_text(err->reason);
	pthread_mutex_lock(&ui->lock);
	if (ui->opts.json) {
		json_t *fields = json_object();

		json_object_set_new(fields, "reason",
				    json_string(reason_name(err->reason)));
		json_object_set_new(fields, "errno", json_integer(-err->code));
		if (what_to_do)
			json_object_set_new(fields, "hint", json_string(what_to_do));
		ui_event(ui, "error", name, text, fields);
	} else {
		ui_live_erase(ui);
		ui_live_remove(ui, name);
		print_error(ui, name, text, what_to_do);
	}
	pthread_mutex_unlock(&ui->lock);
}
