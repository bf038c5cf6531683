/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/log/show.h"

#include <inttypes.h>
#include <string.h>

static enum ui_paint paint_of(enum severity s)
{
	return s >= SEVERITY_ERROR ? UI_RED : s == SEVERITY_WARN ? UI_YELLOW : UI_PLAIN;
}

/* "in demo_read, kernel/demo.c:12" */
static int place(struct buf *b, const struct finding *it)
{
	int r = 0;

	/* What the title says is not said again. */
	if (it->func && !strstr(it->title, it->func))
		r = buf_printf(b, "  in %s", it->func);
	if (r == 0 && it->file && !strstr(it->title, it->file))
		r = buf_printf(b, "%s %s:%u", buf_len(b) ? "," : "  at", it->file,
			       it->line);
	return r;
}

static int marks(struct buf *b, const struct finding *it, bool is_cause)
{
	int r = it->count > 1 ? buf_printf(b, "  x%u", it->count) : 0;

	if (r == 0 && is_cause)
		r = buf_printf(b, "  [cause]");
	if (r == 0 && it->follows)
		r = buf_printf(b, "  [follows from it]");
	else if (r == 0 && it->later)
		r = buf_printf(b, "  [later]");
	if (r == 0 && it->known)
		r = buf_printf(b, "  [known]");
	return r;
}

static void show_one(struct ui *ui, const struct finding *it, bool is_cause, bool full)
{
	const struct buf *body = buf_len(&it->decoded) ? &it->decoded : &it->body;
	_buf_ struct buf b = BUF_INIT;
	char when[32] = "";

	if (it->usec)
		snprintf(when, sizeof(when), "%" PRIu64 ".%06" PRIu64, it->usec / 1000000,
			 it->usec % 1000000);
	if (place(&b, it) < 0 || marks(&b, it, is_cause) < 0 || !buf_str(&b))
		return;
	ui_out_paint(ui, paint_of(it->severity), "%-5s  %-12s",
		     severity_name(it->severity), it->class_name);
	ui_out(ui, "  %13s  %s%s\n", when, it->title, buf_str(&b));
	if (full)
		ui_out(ui, "%.*s\n", (int)buf_len(body),
		       buf_len(body) ? (const char *)buf_data(body) : "");
}

/* A heading for each source and boot, where there are several. */
static bool differs(const struct finding *a, const struct finding *b)
{
	return a->boot != b->boot || strcmp(a->source, b->source) != 0;
}

static bool is_mixed(const struct findings *f)
{
	for (size_t i = 1; i < findings_count(f); i++) {
		if (differs(findings_at(f, 0), findings_at(f, i)))
			return true;
	}
	return false;
}

static void heading(struct ui *ui, const struct finding *it)
{
	if (it->boot > 1)
		ui_out_paint(ui, UI_BOLD, "%s, boot %u:\n", it->source, it->boot);
	else
		ui_out_paint(ui, UI_BOLD, "%s:\n", it->source);
}

struct numbers {
	unsigned of[SEVERITIES], known;
};

static struct numbers count(const struct findings *f)
{
	struct numbers n = {.known = 0};

	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		if (it->known)
			n.known++;
		else
			n.of[it->severity]++;
	}
	return n;
}

int show_worst(const struct findings *f)
{
	int worst = -1;

	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		if (!it->known && (int)it->severity > worst)
			worst = (int)it->severity;
	}
	return worst;
}

static void sum_up(struct ui *ui, const struct findings *f, const struct show *how)
{
	static const char *const words[SEVERITIES] = {"info", "warning", "error",
						      "fatal"};
	struct numbers n = count(f);
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	for (int s = SEVERITIES - 1; s >= 0 && r == 0; s--) {
		if (n.of[s])
			r = buf_printf(&b, "%s%u %s%s", buf_len(&b) ? ", " : "", n.of[s],
				       words[s],
				       n.of[s] > 1 && s != SEVERITY_INFO &&
						       s != SEVERITY_FATAL
					       ? "s"
					       : "");
	}
	if (r == 0 && buf_len(&b) == 0)
		r = buf_printf(&b, "no%s findings", n.known ? " new" : "");
	if (r == 0 && n.known)
		r = buf_printf(&b, ", %u known", n.known);
	if (r == 0 && findings_dropped(f))
		r = buf_printf(&b, ", %" PRIu64 " more that are not kept",
			       findings_dropped(f));
	if (r == 0 && buf_str(&b))
		ui_out(ui, "%s in %" PRIu64 " lines\n", buf_str(&b), how->lines);
	ui_json(ui, json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I}", "event",
			      "findings", "fatal", (int)n.of[SEVERITY_FATAL], "error",
			      (int)n.of[SEVERITY_ERROR], "warn", (int)n.of[SEVERITY_WARN],
			      "info", (int)n.of[SEVERITY_INFO], "known", (int)n.known,
			      "not_kept", (json_int_t)findings_dropped(f), "lines",
			      (json_int_t)how->lines));
}

static void show_json(struct ui *ui, const struct finding *it, bool is_cause)
{
	json_t *event = json_pack("{s:s}", "event", "finding");
	json_t *j = finding_json(it, is_cause);

	json_object_update(event, j);
	json_decref(j);
	ui_json(ui, event);
}

void show_findings(struct ui *ui, const struct findings *f, const struct show *how)
{
	const struct finding *cause = findings_cause(f), *last = NULL;
	bool mixed = is_mixed(f);

	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		if (ui_is_json(ui))
			show_json(ui, it, it == cause);
		if (it->known && !how->with_known)
			continue;
		if (mixed && (!last || differs(last, it)))
			heading(ui, it);
		show_one(ui, it, it == cause && it->severity >= SEVERITY_ERROR,
			 how->full);
		last = it;
	}
	sum_up(ui, f, how);
}
