// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --json: one object per line, whole lines only, flushed at once so that a reader at the
 * other end of a pipe sees things as they happen.  ASCII only: what is not is \u-escaped.
 */
#include <string.h>
#include <time.h>

#include "controller/ui/ui_internal.h"
#include "proto/text.h"

json_t *ui_json_text(const char *s, size_t n)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, s, n, true) < 0)
		return NULL;
	return json_stringn(b.data ? (const char *)buf_data(&b) : "", buf_len(&b));
}

static json_t *time_now(void)
{
	struct timespec ts;
	struct tm tm;
	char date[32], text[40];

	clock_gettime(CLOCK_REALTIME, &ts);
	if (!gmtime_r(&ts.tv_sec, &tm) ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return NULL;
	snprintf(text, sizeof(text), "%s.%03dZ", date, (int)(ts.tv_nsec / 1000000));
	return json_string(text);
}

static void put_line(struct ui *ui, const char *line)
{
	const char *at;

	/* Outside strings there is no '#'. */
	for (; ui->guarded && (at = strstr(line, "##[")); line = at + 3)
		fprintf(stdout, "%.*s##\\u005b", (int)(at - line), line);
	fputs(line, stdout);
	fputc('\n', stdout);
	if (fflush(stdout) && !ui->out_error)
		ui->out_error = errno ? -errno : -EIO;
}

void ui_event(struct ui *ui, const char *event, const char *board, const char *text,
	      json_t *extra)
{
	json_t *line = json_object();
	char *dump = NULL;

	/* A field without memory is left out: json_object_set_new() takes NULL. */
	json_object_set_new(line, "event", json_string(event));
	json_object_set_new(line, "time", time_now());
	if (board)
		json_object_set_new(line, "board", ui_json_text(board, strlen(board)));
	if (text)
		json_object_set_new(line, "text", ui_json_text(text, strlen(text)));
	if (extra)
		json_object_update(line, extra);
	dump = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (dump)
		put_line(ui, dump);
	free(dump);
	json_decref(line);
	json_decref(extra);
}

void ui_json(struct ui *ui, json_t *event)
{
	const char *board = ui_my_board(ui);
	char *dump = NULL;

	if (ui->opts.json && board && !json_object_get(event, "board"))
		json_object_set_new(event, "board", ui_json_text(board, strlen(board)));
	if (ui->opts.json)
		dump = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (dump) {
		pthread_mutex_lock(&ui->lock);
		put_line(ui, dump);
		pthread_mutex_unlock(&ui->lock);
	}
	free(dump);
	json_decref(event);
}
