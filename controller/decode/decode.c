/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frames of all findings are gathered first, so that each object is asked once.
 */
#include "controller/decode/decode.h"

#include <string.h>

#include "controller/decode/frame.h"
#include "controller/decode/objects.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SITES_MAX 1024u /* frames that are looked up */

struct decoder {
	struct objects objects;
};

/* A line with a frame. */
struct site {
	struct finding *it;
	size_t at, n; /* of the line in the body */
	struct frame frame;
	struct lookup lookup;
	bool asked;
};

struct sites {
	struct site *list;
	size_t n;
};

static void sites_fini(struct sites *s)
{
	for (size_t i = 0; i < s->n; i++)
		lookup_fini(&s->list[i].lookup);
	free(s->list);
}

int decoder_new(const struct decode_of *of, struct decoder **ret, struct kf_error *err)
{
	struct decoder *d = calloc(1, sizeof(*d));
	int rc = d ? objects_find(of, &d->objects, err)
		   : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");

	if (rc < 0)
		free(d);
	else
		*ret = d;
	return rc;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	objects_fini(&d->objects);
	free(d);
}

const char *decoder_vmlinux(const struct decoder *d)
{
	return d->objects.vmlinux;
}

/* --- gathering -----------------------------------------------------------------------
 */

static int add_site(struct sites *s, struct finding *it, size_t at, size_t n,
		    const struct frame *frame)
{
	struct site *more;

	if (s->n == SITES_MAX)
		return 0;
	more = reallocarray(s->list, s->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->list = more;
	more[s->n++] = (struct site){.it = it,
				     .at = at,
				     .n = n,
				     .frame = *frame,
				     .lookup = {.func = frame->func,
						.func_n = frame->func_n,
						.offset = frame->offset,
						.size = frame->size,
						.exact = frame->exact}};
	return 0;
}

static int gather_one(struct sites *s, struct finding *it)
{
	const char *body = (const char *)buf_data(&it->body);
	size_t left = buf_len(&it->body), at = 0;
	int rc = 0;

	while (rc == 0 && left > 0) {
		const char *nl = memchr(body + at, '\n', left);
		size_t n = nl ? (size_t)(nl - (body + at)) : left;
		struct frame frame;

		if (frame_find(body + at, n, &frame))
			rc = add_site(s, it, at, n, &frame);
		n += nl != NULL;
		at += n;
		left -= n;
	}
	return rc;
}

static int gather(struct findings *f, struct sites *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < findings_count(f); i++)
		rc = gather_one(s, findings_get(f, i));
	return rc;
}

bool decode_is_wanted(const struct findings *f)
{
	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);
		struct frame frame;

		if (buf_len(&it->body) && frame_find((const char *)buf_data(&it->body),
						     buf_len(&it->body), &frame))
			return true;
	}
	return false;
}

time_t decode_time(const char *text)
{
	struct tm tm = {0};
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	return end && !*end ? timegm(&tm) : 0;
}

/* --- asking --------------------------------------------------------------------------
 */

static bool same_object(const struct frame *a, const struct frame *b)
{
	return a->module_n == b->module_n && a->build_id_n == b->build_id_n &&
	       (!a->module_n || memcmp(a->module, b->module, a->module_n) == 0) &&
	       (!a->build_id_n || memcmp(a->build_id, b->build_id, a->build_id_n) == 0);
}

/* All sites of the object that this frame is of. */
static int ask_object(struct decoder *d, struct sites *s, const struct frame *of,
		      struct kf_error *err)
{
	_free_ struct lookup *list = calloc(s->n, sizeof(*list));
	_free_ char *module = NULL;
	size_t n = 0;
	int rc = 0;

	if (!list)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	for (size_t i = 0; i < s->n; i++) {
		if (!same_object(&s->list[i].frame, of))
			continue;
		s->list[i].asked = true;
		list[n++] = s->list[i].lookup;
	}
	if (of->module)
		rc = objects_module(&d->objects, of->module, of->module_n, of->build_id,
				    of->build_id_n, &module);
	/* Without its file its frames stay as they are. */
	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	rc = resolve(&d->objects.tools, module ? module : d->objects.vmlinux,
		     module != NULL, list, n, err);
	for (size_t i = 0, at = 0; i < s->n; i++) {
		if (same_object(&s->list[i].frame, of))
			s->list[i].lookup = list[at++];
	}
	return rc;
}

static int ask_all(struct decoder *d, struct sites *s, struct kf_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		if (!s->list[i].asked)
			rc = ask_object(d, s, &s->list[i].frame, err);
	}
	return rc;
}

/* --- telling -------------------------------------------------------------------------
 */

/* " (mm/a.c:12, inlined at mm/b.c:40)" */
static int append_places(const struct decoder *d, const struct lookup *l, struct buf *out)
{
	int rc = 0, shown = 0;

	for (size_t i = 0; rc == 0 && i < l->n_places; i++) {
		_free_ char *file = NULL;

		if (!l->place[i].file)
			continue;
		file = objects_short(&d->objects, l->place[i].file);
		if (!file)
			return -ENOMEM;
		rc = buf_printf(out, "%s%.400s:%u", shown++ ? ", inlined at " : " (",
				file, l->place[i].line);
	}
	return rc == 0 && shown ? buf_append(out, ")", 1) : rc;
}

static json_t *text_json(const char *s, size_t n)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, s, n, false) < 0)
		return NULL;
	return json_string(buf_len(&b) ? buf_str(&b) : "");
}

static json_t *place_json(const struct decoder *d, const struct place *p)
{
	_free_ char *file = objects_short(&d->objects, p->file);

	return json_pack("{s:o, s:o, s:I}", "function",
			 text_json(p->func, strlen(p->func)), "file",
			 file ? text_json(file, strlen(file)) : NULL, "line",
			 (json_int_t)p->line);
}

static json_t *frame_json(const struct decoder *d, const struct site *s)
{
	const char *body = (const char *)buf_data(&s->it->body);
	const struct frame *f = &s->frame;
	json_t *places = json_array();
	json_t *j;

	for (size_t i = 0; i < s->lookup.n_places; i++) {
		if (s->lookup.place[i].file)
			json_array_append_new(places, place_json(d, &s->lookup.place[i]));
	}
	j = json_pack("{s:o, s:o, s:I, s:I, s:b, s:o}", "raw",
		      text_json(body + s->at, s->n), "function",
		      text_json(f->func, f->func_n), "offset", (json_int_t)f->offset,
		      "size", (json_int_t)f->size, "unsure", (int)f->unsure, "places",
		      places);
	if (j && f->module)
		json_object_set_new(j, "module", text_json(f->module, f->module_n));
	return j;
}

/* Where the kernel named a function and no file. */
static int learn_file(const struct decoder *d, const struct site *s)
{
	struct finding *it = s->it;
	const struct lookup *l = &s->lookup;
	const struct place *p = l->n_places ? &l->place[0] : NULL;
	size_t n = it->func ? strlen(it->func) : 0;

	if (it->file || !n || !p || !p->file || s->frame.unsure || s->frame.func_n < n ||
	    memcmp(it->func, s->frame.func, n) != 0 ||
	    (s->frame.func_n > n && s->frame.func[n] != '.'))
		return 0;
	it->file = objects_short(&d->objects, p->file);
	it->line = p->line;
	return it->file ? 0 : -ENOMEM;
}

/* The body up to this frame's end, and what it is. */
static int tell(const struct decoder *d, const struct site *s, size_t *done,
		unsigned *lines)
{
	const char *body = (const char *)buf_data(&s->it->body);
	size_t to = s->at + s->frame.end;
	int rc = buf_append(&s->it->decoded, body + *done, to - *done);

	if (rc == 0)
		rc = append_places(d, &s->lookup, &s->it->decoded);
	if (rc == 0)
		rc = learn_file(d, s);
	*done = to;
	for (size_t i = 0; i < s->lookup.n_places; i++) {
		if (s->lookup.place[i].file) {
			++*lines;
			break;
		}
	}
	json_array_append_new(s->it->trace, frame_json(d, s));
	return rc;
}

static int tell_all(const struct decoder *d, const struct sites *s, unsigned *lines)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n;) {
		struct finding *it = s->list[i].it;
		size_t done = 0;

		json_decref(it->trace);
		it->trace = json_array();
		buf_reset(&it->decoded);
		for (; rc == 0 && i < s->n && s->list[i].it == it; i++)
			rc = tell(d, &s->list[i], &done, lines);
		if (rc == 0)
			rc = buf_append(&it->decoded, buf_data(&it->body) + done,
					buf_len(&it->body) - done);
	}
	return rc;
}

int decoder_decode(struct decoder *d, struct findings *f, unsigned *ret,
		   struct kf_error *err)
{
	_cleanup_(sites_fini) struct sites s = {0};
	unsigned lines = 0;
	int rc = gather(f, &s);

	if (rc == 0 && s.n > 0)
		rc = ask_all(d, &s, err);
	if (rc == 0)
		rc = tell_all(d, &s, &lines);
	if (rc < 0)
		return err->code ? rc : kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	*ret = lines;
	return 0;
}
