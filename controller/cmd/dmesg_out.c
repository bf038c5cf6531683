// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/cmd/dmesg_out.h"

#include <inttypes.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/kmsg.h"
#include "proto/limits.h"
#include "proto/reason.h"

void dmesg_out_init(struct dmesg_out *o, struct ui *ui)
{
	*o = (struct dmesg_out){.ui = ui, .fd = -1};
	o->rest.max = LIMIT_DATA + 2 * LIMIT_KMSG_RECORD;
}

void dmesg_out_fini(struct dmesg_out *o)
{
	cleanup_close(&o->fd);
	o->fd = -1;
	buf_fini(&o->rest);
}

static enum ui_paint paint_of(unsigned level)
{
	return level <= 3 ? UI_RED : level == 4 ? UI_YELLOW : UI_PLAIN;
}

static void tell(struct ui *ui, const struct kmsg_record *r)
{
	ui_json(ui, json_pack("{s:s, s:I, s:I, s:i, s:i, s:s%}", "event", "record",
			      "usec", (json_int_t)r->usec, "seq", (json_int_t)r->seq,
			      "level", (int)r->level, "facility", (int)r->facility,
			      "text", r->text, (size_t)r->text_len));
}

static int put(struct dmesg_out *o, enum ui_paint paint, const char *line)
{
	ui_out_paint(o->ui, paint, "%s", line);
	return o->fd >= 0 ? fs_write_all(o->fd, line, strlen(line)) : 0;
}

static int show(struct dmesg_out *o, const char *data, size_t n)
{
	_free_ char *line = NULL;
	struct kmsg_record r;

	/* What cannot be read is shown as it came rather than not at all. */
	if (kmsg_parse(data, n, &r) < 0) {
		line = strf("%.*s%s", (int)n, data, n && data[n - 1] == '\n' ? "" : "\n");
		return line ? put(o, UI_PLAIN, line) : -ENOMEM;
	}
	if (r.usec > o->newest_us)
		o->newest_us = r.usec;
	if (o->level && r.level >= o->level)
		return 0;
	line = strf("[%5" PRIu64 ".%06" PRIu64 "] %.*s\n", r.usec / 1000000,
		    r.usec % 1000000, (int)r.text_len, r.text);
	if (!line)
		return -ENOMEM;
	if (ui_is_json(o->ui))
		tell(o->ui, &r);
	return put(o, paint_of(r.level), line);
}

int dmesg_out_take(struct dmesg_out *o, const void *data, size_t n, bool end,
		   struct kf_error *err)
{
	int rc = buf_append(&o->rest, data, n);
	size_t len;

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_PROTOCOL,
			      "a record of the log is too long");
	while (rc == 0 && buf_len(&o->rest) &&
	       (len = kmsg_record_len((const char *)buf_data(&o->rest), buf_len(&o->rest),
				      end))) {
		rc = show(o, (const char *)buf_data(&o->rest), len);
		buf_consume(&o->rest, len);
	}
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "keep the log: %m") : 0;
}
