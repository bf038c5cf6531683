/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A .config from a board, and Kconfig files: what is taken is whole, and sorted. */
#include <assert.h>
#include <string.h>

#include "controller/kconfig/depends.h"
#include "controller/kconfig/kconf.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const char *name, const char *from, const char *to)
{
	assert(*name && (from || to) && (!from || !to || strcmp(from, to)));
	++*(size_t *)arg;
	return 0;
}

static void check_config(const struct kconf *k)
{
	struct kconf none = {0};
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct kconf_symbol *s = &k->symbols[i];

		assert(kconf_is_symbol(s->name, strlen(s->name)));
		assert(text_is_plain(s->value, strlen(s->value), true));
		assert(i == 0 || strcmp(s[-1].name, s->name) < 0);
		assert(kconf_value(k, s->name) == s->value);
	}
	assert(kconf_diff(k, k, count, &n) == 0 && n == 0);
	assert(kconf_diff(&none, k, count, &n) == 0 && n == k->n);
}

/* Set a symbol, and it is; the others are as before. */
static void check_set(const uint8_t *data, size_t size, const struct kconf *k)
{
	_buf_ struct buf out = BUF_INIT;
	_kconf_ struct kconf after = {0};

	if (kconf_set(&out, (const char *)data, size, "CONFIG_A", "m") < 0 ||
	    kconf_parse(buf_data(&out), buf_len(&out), "set", &after, NULL) < 0)
		return;
	assert(!strcmp(kconf_value(&after, "CONFIG_A"), "m"));
	assert(after.n == k->n + (kconf_value(k, "CONFIG_A") == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "CONFIG_Y=y\nCONFIG_M=m\n";
	_kconf_ struct kconf k = {0}, base = {0};
	_cleanup_(depends_fini) struct depends d = {
		.symbol = "A", .config = &base, .want = 'y'};
	struct kf_error err = {0};

	if (kconf_parse(data, size, "fuzz", &k, &err) == 0) {
		check_config(&k);
		check_set(data, size, &k);
	} else {
		assert(err.code && err.msg[0]);
	}
	if (kconf_parse(text, strlen(text), "base", &base, NULL) == 0 &&
	    depends_read(&d, (const char *)data, size) == 0)
		assert(d.found || buf_len(&d.missing) == 0);
	return 0;
}
