/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules as `make modules_install` would install them, without installing those that are
 * as they were.  Where that would be a guess, the makefile is left to do it.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/kernel/pack/modlist.h"
#include "controller/kernel/pack/pack_internal.h"
#include "controller/kernel/pack/strip.h"
#include "controller/strf.h"
#include "proto/base/fs.h"

#define MAX_ORDER    (8u << 20)
#define MAX_MAKEFILE (4u << 20)

struct mods {
	struct pack *p;
	struct modlist list;
	struct strip strip;
	bool stripping;
	struct digest *was; /* [i]: digest of what was made of module i */
	bool *unchanged;
	size_t first; /* the modules' items in p->contents, in the list's order */
	char *why;
};

static void mods_fini(struct mods *m)
{
	modlist_fini(&m->list);
	strip_fini(&m->strip);
	free(m->was);
	free(m->unchanged);
	free(m->why);
}

static int by_makefile(struct mods *m, const char *why, struct kf_error *err)
{
	free(m->why);
	m->why = strdup(why);
	return m->why ? PACK_BY_MAKEFILE : pack_no_memory(err);
}

/* --- what the makefile would do -------------------------------------------------------
 */

/* Words for make that say how to build, not what is installed. */
static bool is_of_build(const char *w)
{
	static const char *const known[] = {"W=",
					    "V=",
					    "C=",
					    "CF=",
					    "CC=",
					    "LD=",
					    "CHECK=",
					    "HOSTCC=",
					    "HOSTCFLAGS=",
					    "KCFLAGS=",
					    "KAFLAGS=",
					    "KCPPFLAGS=",
					    "KRUSTFLAGS=",
					    "LOCALVERSION=",
					    "EXTRAVERSION=",
					    "KERNELVERSION=",
					    "INSTALL_MOD_STRIP=",
					    "KBUILD_BUILD_",
					    "-j",
					    "-k",
					    "-s",
					    "-l",
					    "PAHOLE="};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strncmp(w, known[i], strlen(known[i])) == 0)
			return true;
	}
	return false;
}

static int check_options(struct mods *m, struct kf_error *err)
{
	static const char *const symbols[] = {
		"CONFIG_MODULE_COMPRESS_GZIP", "CONFIG_MODULE_COMPRESS_XZ",
		"CONFIG_MODULE_COMPRESS_ZSTD", "CONFIG_MODULE_SIG_ALL",
		"CONFIG_MODULE_SIG_FORCE"};
	char **extra = m->p->tree->extra;

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		if (pack_is_set(m->p, symbols[i]))
			return by_makefile(m, symbols[i], err);
	}
	for (size_t i = 0; extra && extra[i]; i++) {
		if (!is_of_build(extra[i]))
			return by_makefile(m, extra[i], err);
	}
	if (!m->p->tree->cross &&
	    strstr(buf_str(&m->p->options), "\nCONFIG_CROSS_COMPILE=\"") &&
	    !strstr(buf_str(&m->p->options), "\nCONFIG_CROSS_COMPILE=\"\""))
		return by_makefile(m, "CONFIG_CROSS_COMPILE", err);
	return 0;
}

static int check_makefiles(struct mods *m, struct kf_error *err)
{
	static const char *const names[] = {"Makefile", "scripts/Makefile.modinst"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_free_ char *path = strf("%s/%s", m->p->tree->src, names[i]);
		_free_ char *unknown = NULL;
		_buf_ struct buf b = BUF_INIT;
		const char *text;
		int r;

		if (!path)
			return pack_no_memory(err);
		r = fs_read_file(AT_FDCWD, path, MAX_MAKEFILE, &b);
		text = r == 0 ? buf_str(&b) : NULL;
		if (!text)
			return by_makefile(m, "its makefile cannot be read", err);
		unknown = modlist_unknown_file(text);
		if (unknown)
			return by_makefile(m, unknown, err);
	}
	return 0;
}

static int find_strip(struct mods *m, struct kf_error *err)
{
	bool wanted = config_bool(m->p->cfg, m->p->board, "kernel.strip");
	const char *value = wanted ? "1" : strip_wanted(m->p->tree);
	const char *why = NULL;
	int r;

	m->stripping = value != NULL;
	if (!value)
		return 0;
	r = strip_find(m->p->tree, value, &m->strip, &why);
	if (r == -ENOENT)
		return by_makefile(m, why, err);
	return r < 0 ? pack_no_memory(err) : 0;
}

static bool is_there(struct pack *p, const char *rel)
{
	_free_ char *path = tree_path(p->tree, rel);

	return path && fs_exists(AT_FDCWD, path);
}

static int read_list(struct mods *m, struct kf_error *err)
{
	_free_ char *path = tree_path(m->p->tree, "modules.order");
	_buf_ struct buf b = BUF_INIT;
	int r;

	if (!path)
		return pack_no_memory(err);
	r = fs_read_file(AT_FDCWD, path, MAX_ORDER, &b);
	if (r == 0)
		r = modlist_parse((const char *)buf_data(&b), buf_len(&b), &m->list);
	if (r == -ENOMEM)
		return pack_no_memory(err);
	if (r < 0)
		return by_makefile(m, "its modules.order cannot be understood", err);
	if (!is_there(m->p, "modules.builtin"))
		return by_makefile(m, "there is no modules.builtin", err);
	if (m->list.maybe_installed && !is_there(m->p, m->list.v[0]))
		modlist_are_installed(&m->list);
	return 0;
}

/* --- modules --------------------------------------------------------------------------
 */

static int add_items(struct mods *m, struct kf_error *err)
{
	struct pack *p = m->p;
	const char *release = p->k->manifest.release;

	m->first = p->contents.n;
	for (size_t i = 0; i < m->list.n; i++) {
		_free_ char *path = strf("modules/%s/kernel/%s", release, m->list.v[i]);
		_free_ char *source = m->stripping ? strf("%s/lib/modules/%s/kernel/%s",
							  p->root, release, m->list.v[i])
						   : tree_path(p->tree, m->list.v[i]);
		int r;

		if (!path || !source)
			return pack_no_memory(err);
		r = contents_add(&p->contents, path, source, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int not_built(struct pack *p, int r, const char *module, struct kf_error *err)
{
	return kf_err(err, r, KF_REASON_BUILD,
		      "%s/%s, which modules.order names: %m (are the modules built?)",
		      p->tree->obj, module);
}

static int strip_key(struct mods *m, struct digest *ret, bool *ret_same)
{
	struct packkey k;

	packkey_init(&k, m->p->cache);
	packkey_stamp(&k, m->strip.program);
	for (char **o = m->strip.options; *o; o++)
		packkey_text(&k, *o);
	digest_final(&k.ctx, ret);
	*ret_same = packcache_memo(m->p->cache, "strip", ret) != NULL;
	if (*ret_same)
		return 0;
	return packcache_set_memo(m->p->cache, "strip", ret, "-");
}

/* Is what was made of module i, and is still there, what is recorded, or has it to be
 * looked at?  Then its item has no digest yet. */
static bool find_made(struct mods *m, size_t i, const struct packindex_file *from)
{
	struct contents_item *it = &m->p->contents.items[m->first + i];
	const struct packindex_file *f;
	struct stamp st;

	if (packcache_stamp(it->source, &st) < 0)
		return false;
	m->was[i] = from->made;
	f = packcache_known(m->p->cache, it->source, &st);
	if (f) {
		it->digest = f->digest;
		it->size = st.size;
		it->known = true;
	}
	return true;
}

static int check_made(struct mods *m, struct kf_error *err)
{
	int r = packcache_digest(m->p->cache, &m->p->contents, err);

	for (size_t i = 0; r == 0 && i < m->list.n; i++) {
		const struct contents_item *it = &m->p->contents.items[m->first + i];

		if (m->unchanged[i] && !digest_equal(&it->digest, &m->was[i])) {
			ui_debug(m->p->ui, "%s was altered in the cache", m->list.v[i]);
			m->unchanged[i] = false;
		}
	}
	return r;
}

/* Those whose source is what it was, and what was made of it, too.  The others' items are
 * set aside. */
static int find_unchanged(struct mods *m, struct kf_error *err)
{
	struct pack *p = m->p;
	struct digest key;
	bool same;
	int r = strip_key(m, &key, &same);

	if (r < 0)
		return pack_no_memory(err);
	for (size_t i = 0; i < m->list.n; i++) {
		struct contents_item *it = &p->contents.items[m->first + i];
		_free_ char *from = tree_path(p->tree, m->list.v[i]);
		const struct packindex_file *f = NULL;
		struct stamp st;

		if (!from)
			return pack_no_memory(err);
		r = packcache_stamp(from, &st);
		if (r < 0)
			return not_built(p, r, m->list.v[i], err);
		if (same)
			f = packcache_made(p->cache, from, &st);
		m->unchanged[i] = f && find_made(m, i, f);
		if (!m->unchanged[i])
			it->known = true;
	}
	return check_made(m, err);
}

static int list_changed(struct mods *m, struct strip_item **ret, size_t *ret_n,
			struct kf_error *err)
{
	struct pack *p = m->p;
	struct strip_item *v = calloc(m->list.n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return pack_no_memory(err);
	*ret = v;
	for (size_t i = 0; i < m->list.n; i++) {
		struct strip_item *it = &v[n];
		struct stamp st;

		if (m->unchanged[i])
			continue;
		*ret_n = ++n;
		it->from = tree_path(p->tree, m->list.v[i]);
		it->to = strdup(p->contents.items[m->first + i].source);
		if (!it->from || !it->to)
			return pack_no_memory(err);
		it->digest_source = packcache_stamp(it->from, &st) == 0 &&
				    packcache_is_young(p->cache, &st);
	}
	return 0;
}

static int record(struct mods *m, const struct strip_item *v)
{
	struct packcache *pc = m->p->cache;
	int r = 0;

	for (size_t i = 0, n = 0; r == 0 && i < m->list.n; i++) {
		struct contents_item *it = &m->p->contents.items[m->first + i];
		const struct strip_item *s = &v[n];

		if (m->unchanged[i])
			continue;
		n++;
		it->digest = s->digest;
		it->size = s->made.size;
		it->known = true;
		r = packcache_put(pc, s->from, &s->source,
				  s->digest_source ? &s->original : NULL, &s->digest);
		if (r == 0)
			r = packcache_put(pc, s->to, &s->made, &s->digest, NULL);
	}
	return r;
}

static int strip_changed(struct mods *m, struct kf_error *err)
{
	struct pack *p = m->p;
	_free_ char *dir = strf("%s.strip", p->root);
	struct strip_item *v = NULL;
	struct kf_error inner = {0};
	size_t n = 0;
	int r;

	m->was = calloc(m->list.n + 1, sizeof(*m->was));
	m->unchanged = calloc(m->list.n + 1, sizeof(*m->unchanged));
	if (!m->was || !m->unchanged || !dir)
		return pack_no_memory(err);
	r = find_unchanged(m, err);
	if (r == 0)
		r = list_changed(m, &v, &n, err);
	if (r == 0) {
		p->n_changed = n;
		r = strip_run(&m->strip, p->ui, dir, v, n, m->list.n, &inner);
		if (r == -EIO || r == -ENOENT)
			r = by_makefile(m, inner.msg, err);
		else if (r < 0 && err)
			*err = inner;
	}
	if (r == 0 && record(m, v) < 0)
		r = pack_no_memory(err);
	strip_items_free(v, n);
	return r;
}

/* --- what is beside them --------------------------------------------------------------
 */

static int add_beside(struct mods *m, const char *name, struct kf_error *err)
{
	_free_ char *path = strf("modules/%s/%s", m->p->k->manifest.release, name);
	_free_ char *source = tree_path(m->p->tree, name);

	if (!path || !source)
		return pack_no_memory(err);
	return contents_add(&m->p->contents, path, source, err);
}

/* modules.order is not the tree's: it is written where depmod looks for it. */
static int add_order(struct mods *m, struct kf_error *err)
{
	struct pack *p = m->p;
	const char *release = p->k->manifest.release;
	_free_ char *path = strf("modules/%s/modules.order", release);
	_free_ char *file = strf("%s/lib/modules/%s/modules.order", p->root, release);
	const struct packindex_file *f = NULL;
	struct digest d;
	struct stamp st;
	int r;

	if (!path || !file)
		return pack_no_memory(err);
	digest_bytes(buf_data(&m->list.order), buf_len(&m->list.order), &d);
	if (packcache_stamp(file, &st) == 0)
		f = packcache_known(p->cache, file, &st);
	if (!f || !digest_equal(&f->digest, &d)) {
		r = fs_mkdirs_parent(AT_FDCWD, file);
		if (r == 0)
			r = fs_replace(AT_FDCWD, file, buf_data(&m->list.order),
				       buf_len(&m->list.order), 0644);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "write %s: %m", file);
	}
	return contents_add(&p->contents, path, file, err);
}

static int add_all_beside(struct mods *m, struct kf_error *err)
{
	int r = add_order(m, err);

	if (r == 0)
		r = add_beside(m, "modules.builtin", err);
	if (r == 0 && is_there(m->p, "modules.builtin.modinfo"))
		r = add_beside(m, "modules.builtin.modinfo", err);
	if (r == 0 && pack_is_set(m->p, "CONFIG_BUILTIN_MODULE_RANGES"))
		r = add_beside(m, "modules.builtin.ranges", err);
	return r;
}

static int add(struct mods *m, struct kf_error *err)
{
	struct pack *p = m->p;
	int r = check_options(m, err);

	if (r == 0)
		r = check_makefiles(m, err);
	if (r == 0)
		r = find_strip(m, err);
	if (r == 0)
		r = read_list(m, err);
	if (r != 0)
		return r;
	p->n_modules = m->list.n;
	p->n_changed = 0;
	r = add_items(m, err);
	if (r == 0 && m->stripping)
		r = strip_changed(m, err);
	if (r == 0)
		r = add_all_beside(m, err);
	if (r == 0)
		r = packcache_digest(p->cache, &p->contents, err);
	if (r == 0)
		r = packdepmod_add(p, m->first, m->stripping, err);
	return r;
}

int packmods_add(struct pack *p, char **ret_why, struct kf_error *err)
{
	struct mods m = {.p = p, .first = p->contents.n};
	size_t before = p->contents.n;
	int r = add(&m, err);

	if (r != 0)
		contents_cut(&p->contents, before);
	if (r == PACK_BY_MAKEFILE)
		*ret_why = TAKE_PTR(m.why);
	mods_fini(&m);
	return r;
}
