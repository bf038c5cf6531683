/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kw's files, and what a board says of its kernels.  What is read of files is plain text,
 * and each setting has a key of ours with a value, or a reason; of a board, names are
 * names.
 */
#include <assert.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/import/kwfile.h"
#include "controller/import/kwmap.h"
#include "controller/kernels/foreign.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_meaning(struct kwmeaning *m)
{
	if (m->key) {
		assert(m->value && config_find_key(m->key, NULL));
		assert(text_is_plain(m->value, strlen(m->value), false));
	} else {
		assert(m->why && !m->value);
	}
	free(m->value);
}

static void check_file(const struct kwfile *f, bool remotes)
{
	assert(f->n <= KWFILE_LINES);
	for (size_t i = 0; i < f->n; i++) {
		const struct kwline *l = &f->v[i];
		struct kwmeaning m;

		assert(strlen(l->key) <= 64 && strlen(l->value) <= KWFILE_VALUE);
		assert(remotes == (l->host != NULL));
		assert(remotes ? kwmap_remote(l->key, l->value, &m) == 0
			       : kwmap_setting("build", l->key, l->value, &m) == 0);
		check_meaning(&m);
	}
}

static void check_board(const char *text, size_t n)
{
	struct foreign *f = malloc(sizeof(*f));

	assert(f);
	foreign_parse(text, n, f);
	assert(f->n <= FOREIGN_MAX && f->n_made <= FOREIGN_MAX);
	for (size_t i = 0; i < f->n; i++) {
		assert(text_is_release(f->one[i].release) && f->one[i].age_s >= -1);
		assert(text_is_plain(f->one[i].package, strlen(f->one[i].package),
				     false));
	}
	for (size_t i = 0; i < f->n_made; i++)
		assert(foreign_slot_age(f, f->made[i].slot) >= -1);
	free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	_kwfile_ struct kwfile f = {0}, g = {0};

	if (kwfile_parse(text, size, &f) == 0)
		check_file(&f, false);
	if (kwfile_parse_remotes(text, size, &g) == 0)
		check_file(&g, true);
	check_board(text, size);
	return 0;
}
