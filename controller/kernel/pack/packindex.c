/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index: parsed, looked up in a hash table, written.
 */
#include "controller/kernel/pack/packindex.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/text.h"

#define HEAD	    "kferry-pack-index 1\n"
#define MAX_FILES   (4 * LIMIT_FILES) /* each of a package's has a source, at most */
#define DIGEST_LINE (sizeof("digest ") - 1 + 2 * DIGEST_SIZE + 1)

void packindex_fini(struct packindex *ix)
{
	for (size_t i = 0; i < ix->n_files; i++)
		free(ix->files[i].path);
	for (size_t i = 0; i < ix->n_memos; i++) {
		free(ix->memos[i].name);
		free(ix->memos[i].text);
	}
	free(ix->files);
	free(ix->slots);
	free(ix->memos);
	*ix = (struct packindex){0};
}

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

/* The slot of path, or the free one where it would go. */
static uint32_t *slot_of(const struct packindex *ix, const char *path)
{
	size_t at = hash(path) & (ix->n_slots - 1);

	while (ix->slots[at] && strcmp(ix->files[ix->slots[at] - 1].path, path) != 0)
		at = (at + 1) & (ix->n_slots - 1);
	return &ix->slots[at];
}

struct packindex_file *packindex_find(const struct packindex *ix, const char *path)
{
	uint32_t i = ix->n_slots ? *slot_of(ix, path) : 0;

	return i ? &ix->files[i - 1] : NULL;
}

/* Half of the slots stay free. */
static int make_room(struct packindex *ix)
{
	if (ix->n_files == ix->cap_files) {
		size_t cap = ix->cap_files ? 2 * ix->cap_files : 256;
		struct packindex_file *v =
			reallocarray(ix->files, cap, sizeof(*ix->files));

		if (!v)
			return -ENOMEM;
		ix->files = v;
		ix->cap_files = cap;
	}
	if (2 * (ix->n_files + 1) > ix->n_slots) {
		size_t n = ix->n_slots ? 2 * ix->n_slots : 512;
		uint32_t *slots = calloc(n, sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		free(ix->slots);
		ix->slots = slots;
		ix->n_slots = n;
		for (size_t i = 0; i < ix->n_files; i++)
			*slot_of(ix, ix->files[i].path) = (uint32_t)i + 1;
	}
	return 0;
}

int packindex_add(struct packindex *ix, const char *path, struct packindex_file **ret)
{
	struct packindex_file *f = packindex_find(ix, path);
	size_t n = strlen(path);
	char *copy;
	int r;

	if (f) {
		*ret = f;
		return 0;
	}
	if (n == 0 || n > PATH_MAX || !text_is_plain(path, n, false) || path[0] == ' ' ||
	    path[n - 1] == ' ')
		return -EINVAL;
	if (ix->n_files >= MAX_FILES)
		return -E2BIG;
	r = make_room(ix);
	if (r < 0)
		return r;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	f = &ix->files[ix->n_files++];
	*f = (struct packindex_file){.path = copy};
	*slot_of(ix, path) = (uint32_t)ix->n_files;
	*ret = f;
	return 0;
}

struct packindex_memo *packindex_memo(const struct packindex *ix, const char *name)
{
	for (size_t i = 0; i < ix->n_memos; i++) {
		if (strcmp(ix->memos[i].name, name) == 0)
			return &ix->memos[i];
	}
	return NULL;
}

int packindex_set_memo(struct packindex *ix, const char *name, const struct digest *key,
		       const char *text)
{
	struct packindex_memo *m = packindex_memo(ix, name);
	_free_ char *copy = NULL;
	char *name_copy;

	if (!text_is_name(name) || !text_is_plain(text, strlen(text), false))
		return -EINVAL;
	if (!m && ix->n_memos >= PACKINDEX_MEMOS)
		return -E2BIG;
	if (!ix->memos)
		ix->memos = calloc(PACKINDEX_MEMOS, sizeof(*ix->memos));
	copy = strdup(text);
	if (!ix->memos || !copy)
		return -ENOMEM;
	if (!m) {
		name_copy = strdup(name);
		if (!name_copy)
			return -ENOMEM;
		m = &ix->memos[ix->n_memos++];
		m->name = name_copy;
	}
	free(m->text);
	m->text = TAKE_PTR(copy);
	m->key = *key;
	m->used = true;
	return 0;
}

/* --- text -----------------------------------------------------------------------------
 */

/* One word of a line; *p goes behind it and its blank.  NULL: there is none. */
static char *word(char **p)
{
	char *w = *p, *blank = strchr(w, ' ');

	if (!blank || blank == w)
		return NULL;
	*blank = '\0';
	*p = blank + 1;
	return w;
}

static bool number(const char *w, uint64_t *ret)
{
	uint64_t n = 0;

	if (!w || !*w || strlen(w) > 20)
		return false;
	for (; *w; w++) {
		if (*w < '0' || *w > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*w - '0'), &n))
			return false;
	}
	*ret = n;
	return true;
}

static bool time_ns(const char *w, int64_t *ret)
{
	uint64_t n;
	bool minus = w && *w == '-';

	if (!number(minus ? w + 1 : w, &n) || n > INT64_MAX)
		return false;
	*ret = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool digest_or_none(const char *w, struct digest *ret, bool *ret_has)
{
	*ret_has = w && strcmp(w, "-") != 0;
	return w && (!*ret_has || digest_parse(w, strlen(w), ret) == 0);
}

static int parse_file(struct packindex *ix, char *p)
{
	struct packindex_file f = {0}, *at;
	int r;

	if (!number(word(&p), &f.stamp.ino) || !number(word(&p), &f.stamp.size) ||
	    !time_ns(word(&p), &f.stamp.mtime) || !time_ns(word(&p), &f.stamp.ctime) ||
	    !digest_or_none(word(&p), &f.digest, &f.has_digest) ||
	    !digest_or_none(word(&p), &f.made, &f.has_made) || packindex_find(ix, p))
		return -EBADMSG;
	r = packindex_add(ix, p, &at);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	f.path = at->path;
	*at = f;
	return 0;
}

static int parse_memo(struct packindex *ix, char *p)
{
	const char *name = word(&p), *key = name ? word(&p) : NULL;
	struct digest d;
	int r;

	if (!key || digest_parse(key, strlen(key), &d) < 0 || packindex_memo(ix, name))
		return -EBADMSG;
	r = packindex_set_memo(ix, name, &d, p);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	packindex_memo(ix, name)->used = false;
	return 0;
}

static int parse_line(struct packindex *ix, size_t number_of, char *line)
{
	char *p = line;

	if (number_of == 0) {
		p = strncmp(line, "time ", 5) == 0 ? line + 5 : NULL;
		return p && time_ns(p, &ix->time) ? 0 : -EBADMSG;
	}
	if (number_of == 1) {
		p = strncmp(line, "boot ", 5) == 0 ? line + 5 : NULL;
		if (!p || !*p || strlen(p) >= sizeof(ix->boot))
			return -EBADMSG;
		memcpy(ix->boot, p, strlen(p) + 1);
		return 0;
	}
	if (strncmp(line, "file ", 5) == 0)
		return parse_file(ix, line + 5);
	if (strncmp(line, "memo ", 5) == 0)
		return parse_memo(ix, line + 5);
	return -EBADMSG;
}

static int parse(char *text, size_t n, struct packindex *ix)
{
	size_t lines = 0;

	for (char *p = text; p < text + n; lines++) {
		char *end = memchr(p, '\n', (size_t)(text + n - p));
		int r;

		if (!end)
			return -EBADMSG;
		*end = '\0';
		r = parse_line(ix, lines, p);
		if (r < 0)
			return r;
		p = end + 1;
	}
	return lines >= 2 ? 0 : -EBADMSG;
}

/* The bytes before the digest's line are whole; *ret_n is how many. */
static bool is_whole(const char *data, size_t n, size_t *ret_n)
{
	struct digest is, want;
	const char *last;

	if (n < strlen(HEAD) + DIGEST_LINE || memcmp(data, HEAD, strlen(HEAD)) != 0 ||
	    memchr(data, '\0', n))
		return false;
	n -= DIGEST_LINE;
	last = data + n;
	if (last[-1] != '\n' || memcmp(last, "digest ", 7) != 0 ||
	    last[DIGEST_LINE - 1] != '\n' ||
	    digest_parse(last + 7, 2 * DIGEST_SIZE, &want) < 0)
		return false;
	digest_bytes(data, n, &is);
	*ret_n = n;
	return digest_equal(&is, &want);
}

int packindex_parse(const void *data, size_t n, struct packindex *ret)
{
	struct packindex ix = {0};
	_free_ char *copy = NULL;
	size_t head = strlen(HEAD), len;
	int r;

	if (!is_whole(data, n, &len))
		return -EBADMSG;
	copy = malloc(len - head + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, (const char *)data + head, len - head);
	copy[len - head] = '\0';
	r = parse(copy, len - head, &ix);
	if (r < 0) {
		packindex_fini(&ix);
		return r;
	}
	*ret = ix;
	return 0;
}

static int emit_file(const struct packindex_file *f, struct buf *out)
{
	char digest[DIGEST_HEX] = "-", made[DIGEST_HEX] = "-";

	if (f->has_digest)
		digest_hex(&f->digest, digest);
	if (f->has_made)
		digest_hex(&f->made, made);
	return buf_printf(out, "file %llu %llu %lld %lld %s %s %s\n",
			  (unsigned long long)f->stamp.ino,
			  (unsigned long long)f->stamp.size, (long long)f->stamp.mtime,
			  (long long)f->stamp.ctime, digest, made, f->path);
}

int packindex_emit(const struct packindex *ix, struct buf *out)
{
	size_t before = buf_len(out);
	char hex[DIGEST_HEX];
	struct digest d;
	int r = buf_printf(out, HEAD "time %lld\nboot %s\n", (long long)ix->time,
			   ix->boot[0] ? ix->boot : "-");

	for (size_t i = 0; r == 0 && i < ix->n_files; i++) {
		if (ix->files[i].used)
			r = emit_file(&ix->files[i], out);
	}
	for (size_t i = 0; r == 0 && i < ix->n_memos; i++) {
		if (!ix->memos[i].used)
			continue;
		digest_hex(&ix->memos[i].key, hex);
		r = buf_printf(out, "memo %s %s %s\n", ix->memos[i].name, hex,
			       ix->memos[i].text);
	}
	if (r < 0)
		return r;
	digest_bytes(buf_data(out) + before, buf_len(out) - before, &d);
	digest_hex(&d, hex);
	return buf_printf(out, "digest %s\n", hex);
}
