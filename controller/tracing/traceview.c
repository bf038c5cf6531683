// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/tracing/traceview.h"

#include <string.h>

#include "controller/tracing/traceline.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

/* Names of tasks may be any bytes, which JSON cannot have. */
static void tell(struct traceview *v, const char *raw, size_t raw_n)
{
	_buf_ struct buf text = BUF_INIT;
	struct traceline t;
	const char *line;
	size_t n;

	if (text_escape(&text, raw, raw_n, false) < 0)
		return;
	line = (const char *)buf_data(&text);
	n = buf_len(&text);
	if (!traceline_parse(line, n, &t)) {
		ui_json(v->ui,
			json_pack("{s:s, s:s%}", "event", "trace-line", "text", line, n));
		return;
	}
	ui_json(v->ui, json_pack("{s:s, s:I, s:i, s:I, s:s%, s:s%, s:s%, s:s%}", "event",
				 "trace-line", "usec", (json_int_t)t.usec, "cpu",
				 (int)t.cpu, "pid", (json_int_t)t.pid, "task", t.task.s,
				 t.task.n, "flags", t.flags.s, t.flags.n, "name",
				 t.event.s, t.event.n, "text", t.text.s, t.text.n));
}

/* One line without its end; out collects what is shown and written. */
static int take_line(struct traceview *v, const char *line, size_t n, struct buf *out)
{
	uint64_t lost;
	bool gap = traceline_lost(line, n, &lost);

	if (gap)
		v->lost += lost;
	else if (n && *line != '#')
		v->events++;
	if (v->show && ui_is_json(v->ui) && n && *line != '#')
		tell(v, line, n);
	return buf_printf(out, "%s%.*s\n", gap ? "# " : "", (int)n, line);
}

static int pass(struct traceview *v, struct buf *out, struct kf_error *err)
{
	int rc = v->fd >= 0 ? fs_write_all(v->fd, buf_data(out), buf_len(out)) : 0;

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write the trace: %m");
	if (v->show && buf_len(out))
		ui_out(v->ui, "%.*s", (int)buf_len(out), (const char *)buf_data(out));
	rc = ui_out_error(v->ui);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "standard output: %m") : 0;
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int traceview_take(struct traceview *v, const char *data, size_t n, struct kf_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	int rc = buf_append(&v->line, data, n);

	while (rc == 0 && buf_len(&v->line)) {
		const char *line = (const char *)buf_data(&v->line);
		size_t have = buf_len(&v->line);
		const char *end = memchr(line, '\n', have);
		size_t len = end ? (size_t)(end - line) : have;

		if (!end && have < LIMIT_TRACE_LINE)
			break;
		if (len > LIMIT_TRACE_LINE)
			len = LIMIT_TRACE_LINE;
		rc = take_line(v, line, len, &out);
		buf_consume(&v->line, len + (end == line + len));
	}
	return rc < 0 ? no_memory(err) : pass(v, &out, err);
}

int traceview_end(struct traceview *v, struct kf_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	int rc = 0;

	if (buf_len(&v->line))
		rc = take_line(v, (const char *)buf_data(&v->line), buf_len(&v->line),
			       &out);
	buf_reset(&v->line);
	return rc < 0 ? no_memory(err) : pass(v, &out, err);
}

void traceview_fini(struct traceview *v)
{
	buf_fini(&v->line);
}
