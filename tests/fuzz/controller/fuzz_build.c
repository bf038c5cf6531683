/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a build prints, and what is kept of builds: a set of warnings is the same however
 * the output is cut, compared with itself nothing is new, and what is printed is read
 * back.  The first byte says where the output is cut.
 */
#include <assert.h>
#include <string.h>

#include "controller/build/buildtimes.h"
#include "controller/build/warnset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_line(void *arg, enum buildlog_kind kind, const char *line, size_t n)
{
	return warnset_line(arg, kind, line, n);
}

static struct warnset *read_output(const char *data, size_t n, size_t cut)
{
	struct warnset *w = warnset_new("/src");
	struct buildlog b;

	assert(w);
	buildlog_init(&b);
	b.on_line = on_line;
	b.arg = w;
	assert(buildlog_feed(&b, data, cut) == 0);
	assert(buildlog_feed(&b, data + cut, n - cut) == 0);
	assert(buildlog_end(&b) == 0);
	buildlog_fini(&b);
	return w;
}

static void check_set(struct warnset *now, const struct warnset *before)
{
	struct warndiff d;

	assert(warnset_compare(now, before, false, &d) == 0);
	assert(d.n_fresh == 0 && d.fixed == 0);
	warndiff_fini(&d);
}

static void check_text(const struct warnset *w)
{
	_buf_ struct buf text = BUF_INIT, second = BUF_INIT;
	struct warnset *again = NULL;

	assert(warnset_print(w, &text) == 0);
	assert(warnset_parse((const char *)buf_data(&text), buf_len(&text), &again) == 0);
	assert(warnset_print(again, &second) == 0);
	assert(buf_len(&text) == buf_len(&second) &&
	       memcmp(buf_data(&text), buf_data(&second), buf_len(&text)) == 0);
	warnset_free(again);
}

static void check_times(const char *text, size_t n)
{
	struct buildtimes *h = calloc(1, sizeof(*h));

	assert(h);
	if (buildtimes_parse(text, n, h) == 0) {
		assert(h->n <= BUILDTIMES_BUILDS);
		for (size_t i = 0; i < h->n; i++)
			assert(buildtimes_left(h, h->v[i].what, h->v[i].fresh,
					       h->v[i].steps - 1, 5000) >= 0);
	}
	free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct warnset *a, *b;
	size_t cut;

	if (size < 1)
		return 0;
	size--;
	cut = size > 0 ? data[0] % size : 0;
	a = read_output(text, size, 0);
	b = read_output(text, size, cut);
	check_set(a, b);
	check_text(a);
	warnset_free(a);
	warnset_free(b);
	if (warnset_parse(text, size, &a) == 0) {
		check_text(a);
		warnset_free(a);
	}
	check_times(text, size);
	return 0;
}
