/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of several boards, in one table. */
#include <string.h>

#include "controller/fleet/deploys_internal.h"
#include "proto/text.h"

static json_t *text_or_null(const char *text)
{
	json_t *j = *text ? json_string(text) : NULL;

	return j ? j : json_null();
}

static json_t *row_json(const struct outcome *o)
{
	json_t *row = json_pack("{s:s, s:o, s:i, s:o, s:o, s:o}", "board", o->board,
				"verdict", text_or_null(o->verdict), "status", o->status,
				"slot", text_or_null(o->slot), "run",
				text_or_null(o->run ? o->run : ""), "text",
				text_or_null(o->text));

	if (o->took_ms >= 0)
		json_object_set_new(row, "took_ms", json_integer(o->took_ms));
	return row;
}

/* A busy board is none that failed. */
static const char *word_of(const struct outcome *o)
{
	if (o->status == STATUS_NO_BOARD)
		return "BUSY";
	return *o->verdict ? o->verdict : "-";
}

static void show_row(struct ui *ui, const struct outcome *o, int width)
{
	char took[16] = "";

	if (o->took_ms >= 0)
		text_duration(o->took_ms, took);
	ui_out_paint(ui, o->status == STATUS_PASS ? UI_PLAIN : UI_BOLD,
		     "  %-*s  %-5s  %7s  %.100s\n", width, o->board, word_of(o), took,
		     o->text);
}

static int width_of(int width, const char *board)
{
	return (int)strlen(board) > width ? (int)strlen(board) : width;
}

static void say_summary(struct ui *ui, size_t n, size_t passed, json_t *rows,
			const char *const skipped[], size_t n_skipped)
{
	json_t *fields = json_pack("{s:i, s:i, s:o}", "boards", (int)n, "passed",
				   (int)passed, "results", rows);
	char also[64] = "";
	json_t *names;

	if (n_skipped > 0) {
		names = json_array();
		for (size_t i = 0; i < n_skipped; i++)
			json_array_append_new(names, json_string(skipped[i]));
		json_object_set_new(fields, "skipped", names);
		snprintf(also, sizeof(also), ", %zu in quarantine skipped", n_skipped);
	}
	ui_step(ui, "summary", NULL, -1, fields, "%zu of %zu boards passed%s", passed, n,
		also);
}

void deploys_summary(struct ui *ui, const struct outcome *const all[], size_t n,
		     const char *const skipped[], size_t n_skipped)
{
	json_t *rows = json_array();
	size_t passed = 0;
	int width = 5;

	for (size_t i = 0; i < n; i++) {
		width = width_of(width, all[i]->board);
		passed += all[i]->status == STATUS_PASS;
	}
	for (size_t i = 0; i < n_skipped; i++)
		width = width_of(width, skipped[i]);
	ui_out_paint(ui, UI_BOLD, "\n  %-*s  %-5s  %7s\n", width, "BOARD", "WHAT",
		     "TOOK");
	for (size_t i = 0; i < n; i++) {
		show_row(ui, all[i], width);
		json_array_append_new(rows, row_json(all[i]));
	}
	for (size_t i = 0; i < n_skipped; i++)
		ui_out_paint(ui, UI_PLAIN, "  %-*s  %-5s  %7s  %s\n", width, skipped[i],
			     "SKIP", "", "in quarantine");
	say_summary(ui, n, passed, rows, skipped, n_skipped);
}
