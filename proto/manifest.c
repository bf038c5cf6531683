// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The manifest: lines to a structure and back.
 *
 * Parsing and emitting share the table of head lines and the checks of files, so that
 * each takes exactly what the other makes.
 */
#include "proto/manifest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define MAGIC	      "kferry-manifest 1"
#define DIR_MODULES   "modules/"
#define BUILD_ID_MAX  64 /* bytes, as BUILD_ID_HEX in buildid.h */
#define COMMIT_MAX    64
#define SIZE_DIGITS   10 /* of LIMIT_FILE_SIZE */
#define BAD(err, ...) kf_err(err, -EINVAL, KF_REASON_MANIFEST, __VA_ARGS__)

/* --- checks, for both directions ------------------------- */

static bool is_text_line(const char *s, size_t n)
{
	return n > 0 && n <= LIMIT_STRING && s[n - 1] != ' ' &&
	       text_is_plain(s, n, false);
}

static bool ok_release(const char *s, size_t n)
{
	(void)n;
	return text_is_release(s);
}

static bool ok_arch(const char *s, size_t n)
{
	(void)n;
	return text_is_name(s);
}

static bool ok_path(const char *s, size_t n)
{
	return text_is_path(s, n) && s[n - 1] != ' ';
}

static bool ok_build_id(const char *s, size_t n)
{
	return text_is_hex(s, n, BUILD_ID_MAX);
}

static bool ok_commit(const char *s, size_t n)
{
	return text_is_hex(s, n, COMMIT_MAX);
}

/* The head lines in their order.  A NULL check: not a text, parse_head() knows it. */
struct head {
	const char *key;
	bool required;
	bool (*ok)(const char *s, size_t n);
	size_t offset;
};

static const struct head heads[] = {
	{"release", true, ok_release, offsetof(struct manifest, release)},
	{"arch", true, ok_arch, offsetof(struct manifest, arch)},
	{"image", true, ok_path, offsetof(struct manifest, image)},
	{"build-id", false, ok_build_id, offsetof(struct manifest, build_id)},
	{"banner", false, is_text_line, offsetof(struct manifest, banner)},
	{"config-digest", false, NULL, offsetof(struct manifest, has_config_digest)},
	{"commit", false, ok_commit, offsetof(struct manifest, commit)},
	{"branch", false, is_text_line, offsetof(struct manifest, branch)},
	{"dirty", false, NULL, offsetof(struct manifest, dirty)},
};

static char **head_text(struct manifest *m, const struct head *h)
{
	return (char **)((char *)m + h->offset);
}

static bool below_modules(const char *path, const char *release)
{
	size_t n = strlen(release);

	return strncmp(path, DIR_MODULES, strlen(DIR_MODULES)) == 0 &&
	       strncmp(path + strlen(DIR_MODULES), release, n) == 0 &&
	       path[strlen(DIR_MODULES) + n] == '/';
}

static bool is_below(const char *path, const char *release)
{
	return strncmp(path, "boot/", 5) == 0 || strncmp(path, "dtbs/", 5) == 0 ||
	       strncmp(path, "overlays/", 9) == 0 || below_modules(path, release);
}

/* NULL, or what is wrong with this file by itself. */
static const char *file_fault(const struct manifest *m, const struct manifest_file *f)
{
	if (!ok_path(f->path, strlen(f->path)))
		return "the path is not allowed";
	if (!is_below(f->path, m->release))
		return "the path is not below boot/, dtbs/, overlays/ or "
		       "modules/<release>/";
	if (f->mode != 0644 && f->mode != 0755)
		return "the mode is neither 0644 nor 0755";
	if (f->size > LIMIT_FILE_SIZE)
		return "the file is too large";
	return NULL;
}

static const struct manifest_file *find_bytes(const struct manifest *m, const char *path,
					      size_t n)
{
	size_t low = 0, high = m->n_files;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *have = m->files[mid].path;
		int order = strncmp(have, path, n);

		if (order == 0 && have[n])
			order = 1;
		if (order == 0)
			return &m->files[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* What only the whole shows; the files are sorted. */
static int check_whole(const struct manifest *m, struct kf_error *err)
{
	if (!m->n_files)
		return BAD(err, "manifest: it has no files");
	if (manifest_find(m, m->image) < 0)
		return BAD(err, "manifest: the image %s is not among its files",
			   m->image);
	if (strncmp(m->image, "boot/", 5) != 0)
		return BAD(err, "manifest: the image %s is not below boot/", m->image);
	for (size_t i = 0; i < m->n_files; i++) {
		const char *path = m->files[i].path;

		for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/'))
			if (find_bytes(m, path, (size_t)(p - path)))
				return BAD(err,
					   "manifest: %.*s is a file and a directory",
					   (int)(p - path), path);
	}
	return 0;
}

/* --- the structure ------------------------- */

void manifest_fini(struct manifest *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		if (heads[i].ok)
			free(*head_text(m, &heads[i]));
	for (size_t i = 0; i < m->n_files; i++)
		free((char *)m->files[i].path);
	free(m->files);
	*m = (struct manifest){0};
}

static int add_bytes(struct manifest *m, const char *path, size_t n,
		     const struct manifest_file *like)
{
	uint64_t total;
	char *copy;

	if (m->n_files >= LIMIT_FILES)
		return -E2BIG;
	if (__builtin_add_overflow(m->total_size, like->size, &total) ||
	    total > LIMIT_PACKAGE_SIZE)
		return -EFBIG;
	if (m->n_files == m->cap_files) {
		size_t cap = m->cap_files ? 2 * m->cap_files : 64;
		struct manifest_file *files = reallocarray(m->files, cap, sizeof(*files));

		if (!files)
			return -ENOMEM;
		m->files = files;
		m->cap_files = cap;
	}
	copy = strndup(path, n);
	if (!copy)
		return -ENOMEM;
	m->files[m->n_files] = *like;
	m->files[m->n_files++].path = copy;
	m->total_size = total;
	return 0;
}

int manifest_add(struct manifest *m, const char *path, uint32_t mode, uint64_t size,
		 const struct digest *digest)
{
	struct manifest_file f = {.size = size, .digest = *digest, .mode = mode};

	return add_bytes(m, path, strlen(path), &f);
}

ssize_t manifest_find(const struct manifest *m, const char *path)
{
	const struct manifest_file *f = find_bytes(m, path, strlen(path));

	return f ? f - m->files : -1;
}

/* --- parsing ------------------------- */

struct cursor {
	const char *at, *end;
	unsigned line;
};

/* The next line without its end, or false when there is none that is whole. */
static bool next_line(struct cursor *c, const char **ret, size_t *ret_n)
{
	const char *nl =
		c->at < c->end ? memchr(c->at, '\n', (size_t)(c->end - c->at)) : NULL;

	if (!nl)
		return false;
	*ret = c->at;
	*ret_n = (size_t)(nl - c->at);
	c->at = nl + 1;
	c->line++;
	return true;
}

static bool starts(const char *line, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && memcmp(line, word, len) == 0 && (n == len || line[len] == ' ');
}

/* value: what follows the key and a blank, NULL if nothing does. */
static int set_head(struct manifest *m, const struct head *h, const char *value, size_t n)
{
	char **text = head_text(m, h);
	int rc;

	if (h->offset == offsetof(struct manifest, dirty)) {
		m->dirty = true;
		return value ? -EINVAL : 0;
	}
	if (!value)
		return -EINVAL;
	if (h->offset == offsetof(struct manifest, has_config_digest)) {
		rc = digest_parse(value, n, &m->config_digest);
		m->has_config_digest = rc == 0;
		return rc;
	}
	if (memchr(value, '\0', n))
		return -EINVAL;
	*text = strndup(value, n);
	if (!*text)
		return -ENOMEM;
	return h->ok(*text, n) ? 0 : -EINVAL;
}

static int parse_head(struct cursor *c, struct manifest *m, struct kf_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		const struct head *h = &heads[i];
		size_t n, key = strlen(h->key);
		struct cursor before = *c;
		const char *line;
		int rc;

		if (!next_line(c, &line, &n) || !starts(line, n, h->key)) {
			*c = before;
			if (h->required)
				return BAD(err, "manifest line %u: \"%s\" is missing",
					   c->line + 1, h->key);
			continue;
		}
		if (n > key)
			rc = set_head(m, h, line + key + 1, n - key - 1);
		else
			rc = set_head(m, h, NULL, 0);
		if (rc == -ENOMEM)
			return kf_err(err, rc, KF_REASON_NO_MEMORY, "out of memory");
		if (rc < 0)
			return BAD(err, "manifest line %u: \"%s\" is not valid", c->line,
				   h->key);
	}
	return 0;
}

static bool parse_size(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (n == 0 || n > SIZE_DIGITS || (n > 1 && s[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*ret = v;
	return true;
}

static bool parse_mode(const char *s, size_t n, uint32_t *ret)
{
	if (n != 4 || (memcmp(s, "0644", 4) != 0 && memcmp(s, "0755", 4) != 0))
		return false;
	*ret = s[1] == '6' ? 0644 : 0755;
	return true;
}

/* Cut the word up to the next blank off the line. */
static bool next_word(const char **line, size_t *n, const char **ret, size_t *ret_n)
{
	const char *blank = memchr(*line, ' ', *n);

	if (!blank)
		return false;
	*ret = *line;
	*ret_n = (size_t)(blank - *line);
	*n -= *ret_n + 1;
	*line = blank + 1;
	return true;
}

/* "file MODE SIZE DIGEST PATH"; NULL, or what is wrong with it. */
static const char *split_file(const char **line, size_t *n, struct manifest_file *f)
{
	const char *word;
	size_t len;

	if (!next_word(line, n, &word, &len) || len != 4 || memcmp(word, "file", 4) != 0)
		return "this line is not known here";
	if (!next_word(line, n, &word, &len) || !parse_mode(word, len, &f->mode))
		return "the mode is neither 0644 nor 0755";
	if (!next_word(line, n, &word, &len) || !parse_size(word, len, &f->size))
		return "the size is not valid";
	if (!next_word(line, n, &word, &len) || digest_parse(word, len, &f->digest) < 0)
		return "the digest is not valid";
	if (memchr(*line, '\0', *n))
		return "the path is not allowed";
	return NULL;
}

static int parse_file(const char *line, size_t n, unsigned number, struct manifest *m,
		      struct kf_error *err)
{
	struct manifest_file f = {0};
	const char *fault = split_file(&line, &n, &f);
	int rc;

	if (fault)
		return BAD(err, "manifest line %u: %s", number, fault);
	rc = add_bytes(m, line, n, &f);
	if (rc == -ENOMEM)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "out of memory");
	if (rc < 0)
		return BAD(err, "manifest line %u: the package is too large", number);
	fault = file_fault(m, &m->files[m->n_files - 1]);
	if (fault)
		return BAD(err, "manifest line %u: %s", number, fault);
	if (m->n_files > 1 &&
	    strcmp(m->files[m->n_files - 2].path, m->files[m->n_files - 1].path) >= 0)
		return BAD(err, "manifest line %u: the files are not in order", number);
	return 0;
}

int manifest_parse(const void *data, size_t n, struct manifest *ret, struct kf_error *err)
{
	_manifest_ struct manifest m = {0};
	struct cursor c = {data, (const char *)data + n, 0};
	const char *line;
	size_t len;
	int rc;

	if (n > LIMIT_MANIFEST)
		return BAD(err, "manifest: it is over %u bytes", LIMIT_MANIFEST);
	if (!next_line(&c, &line, &len) || len != strlen(MAGIC) ||
	    memcmp(line, MAGIC, len) != 0)
		return BAD(err, "manifest line 1: it is not \"" MAGIC "\"");
	rc = parse_head(&c, &m, err);
	if (rc < 0)
		return rc;
	while (next_line(&c, &line, &len)) {
		rc = parse_file(line, len, c.line, &m, err);
		if (rc < 0)
			return rc;
	}
	if (c.at != c.end)
		return BAD(err, "manifest line %u: the line is cut off", c.line + 1);
	rc = check_whole(&m, err);
	if (rc < 0)
		return rc;
	*ret = m;
	m = (struct manifest){0};
	return 0;
}

/* --- emitting ------------------------- */

static int by_path(const void *a, const void *b)
{
	const struct manifest_file *fa = a, *fb = b;

	return strcmp(fa->path, fb->path);
}

static int check_parts(struct manifest *m, struct kf_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		const struct head *h = &heads[i];
		const char *text = h->ok ? *head_text(m, h) : NULL;

		if (h->required && !text)
			return BAD(err, "manifest: \"%s\" is missing", h->key);
		if (text && !h->ok(text, strlen(text)))
			return BAD(err, "manifest: \"%s\" is not valid", h->key);
	}
	for (size_t i = 0; i < m->n_files; i++) {
		const char *fault = file_fault(m, &m->files[i]);

		if (fault)
			return BAD(err, "manifest: %s: %s", m->files[i].path, fault);
		if (i && strcmp(m->files[i - 1].path, m->files[i].path) == 0)
			return BAD(err, "manifest: %s is there twice", m->files[i].path);
	}
	return check_whole(m, err);
}

static int emit_head(struct manifest *m, struct buf *out)
{
	char hex[DIGEST_HEX];
	int rc = buf_printf(out, MAGIC "\n");

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(heads); i++) {
		const struct head *h = &heads[i];

		if (h->ok && *head_text(m, h)) {
			rc = buf_printf(out, "%s %s\n", h->key, *head_text(m, h));
		} else if (h->offset == offsetof(struct manifest, dirty) && m->dirty) {
			rc = buf_printf(out, "dirty\n");
		} else if (h->offset == offsetof(struct manifest, has_config_digest) &&
			   m->has_config_digest) {
			digest_hex(&m->config_digest, hex);
			rc = buf_printf(out, "%s %s\n", h->key, hex);
		}
	}
	return rc;
}

static int emit_files(const struct manifest *m, struct buf *out)
{
	char hex[DIGEST_HEX];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->n_files; i++) {
		const struct manifest_file *f = &m->files[i];

		digest_hex(&f->digest, hex);
		rc = buf_printf(out, "file %04o %" PRIu64 " %s %s\n", (unsigned)f->mode,
				f->size, hex, f->path);
	}
	return rc;
}

int manifest_emit(struct manifest *m, struct buf *out, struct kf_error *err)
{
	size_t before = buf_len(out);
	int rc;

	if (m->n_files)
		qsort(m->files, m->n_files, sizeof(*m->files), by_path);
	rc = check_parts(m, err);
	if (rc < 0)
		return rc;
	rc = emit_head(m, out);
	if (rc == 0)
		rc = emit_files(m, out);
	if (rc == 0 && buf_len(out) - before <= LIMIT_MANIFEST)
		return 0;
	out->end = out->start + before;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "manifest: out of memory");
	return BAD(err, "manifest: it is over %u bytes", LIMIT_MANIFEST);
}

/* --- names ------------------------- */

void manifest_slot_id(const struct digest *manifest_digest, char id[static SLOT_ID_SIZE])
{
	char hex[DIGEST_HEX];

	digest_hex(manifest_digest, hex);
	memcpy(id, "k-", 2);
	memcpy(id + 2, hex, SLOT_ID_SIZE - 3);
	id[SLOT_ID_SIZE - 1] = '\0';
}

const char *manifest_arch_of_machine(const char *machine)
{
	static const struct {
		const char *machine, *arch;
	} words[] = {
		{"aarch64", "arm64"}, {"aarch64_be", "arm64"}, {"riscv64", "riscv"},
		{"riscv32", "riscv"}, {"i486", "i386"},	       {"i586", "i386"},
		{"i686", "i386"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(machine, words[i].machine) == 0)
			return words[i].arch;
	return strncmp(machine, "armv", 4) == 0 ? "arm" : machine;
}
