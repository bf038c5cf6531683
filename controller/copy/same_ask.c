// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A list of names goes to the board and lines come back, so that it need not tell of what
 * nobody wants to send.  A name that no line can hold is not asked for.
 */
#include "controller/copy/same_ask.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define SAID_MAX ((size_t)32 * 1024 * 1024) /* of a board's list */
#define RECENT	 2			    /* seconds */
#define FACTS(st)                                                                        \
	((struct same_file){.mode = (st)->st_mode,                                       \
			    .size = (uint64_t)(st)->st_size,                             \
			    .mtime = (st)->st_mtim.tv_sec})

/* $top: a directory, or a link to one, is merged into; a link is replaced. */
static const char put_stats[] =
	PUT_PLACE "top=$dir/$as\n"
		  "if [ -d \"$top\" ]; then\n"
		  "	cd \"$top/\" && xargs -0 stat -c '%f %s %Y %n' --\n"
		  "elif [ -f \"$top\" ] && [ ! -L \"$top\" ]; then\n"
		  "	stat -c '%f %s %Y .' -- \"$top\"\n"
		  "fi 2>/dev/null\n"
		  "exit 0\n";

#define SUMS                                                                             \
	"if [ -d \"$top\" ]; then\n"                                                     \
	"	cd \"$top/\" && xargs -0 sha256sum --\n"                                       \
	"elif [ -f \"$top\" ]; then\n"                                                   \
	"	sha256sum <\"$top\"\n"                                                         \
	"fi 2>/dev/null\n"                                                               \
	"exit 0\n"

static const char put_sums[] = PUT_PLACE "top=$dir/$as\n" SUMS;
static const char get_sums[] = "top=$1/$2\n" SUMS;

/* What the clock says comes first.  A link is copied as such.  A list that tar does not
 * take, and names that it would read otherwise, are reasons to say nothing. */
static const char get_stats[] =
	"top=$1/$2 nl='\n'\n"
	"date +%s\n"
	"if [ -L \"$top\" ]; then exit 0; fi\n"
	"if [ -f \"$top\" ]; then stat -c '%f %s %Y .' -- \"$top\"\n"
	"elif [ -d \"$top\" ]; then\n"
	"	cd \"$top/\" && echo ./ | tar --no-recursion -cf - -T - >/dev/null &&\n"
	"	[ -z \"$(find . -name \"*$nl*\" -o -name '*\\\\*')\" ] &&\n"
	"	find . -type f -exec stat -c '%f %s %Y %n' '{}' +\n"
	"fi 2>/dev/null\n"
	"exit 0\n";

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* names: its input. */
static int ask(const struct same_ask *a, const char *program, const struct buf *names,
	       struct buf *said, struct kf_error *err)
{
	const char *argv[4 + PUT_WORDS + 1] = {"sh", "-c", program, "kferry"};
	struct remote remote = {.argv = argv, .in = -1, .out = -1, .keep = said};
	_close_ int fd = memfd_create("names", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	for (size_t i = 0; a->words[i]; i++)
		argv[4 + i] = a->words[i];
	if (r == 0)
		r = fs_write_all(fd, buf_data(names), buf_len(names));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "a file in memory: %m");
	remote.in = fd;
	said->max = SAID_MAX;
	r = remote_run(a->board, &remote, err);
	if (r < 0 && err->reason == KF_REASON_EXEC) {
		*err = (struct kf_error){0};
		buf_reset(said);
		r = 0;
	}
	return r;
}

static int open_local(const struct same_ask *a, const char *path)
{
	bool top = !strcmp(path, ".");
	_free_ char *rel = top ? strdup(a->top) : strf("%s/%s", a->top, path);

	return rel ? fs_open_beneath(a->dir, rel, O_RDONLY | O_NONBLOCK, 0) : -ENOMEM;
}

/* now: of the clock of the side that is copied from.  What changed a moment ago may have
 * done so again, and still be of the same size and second. */
static bool is_alike(const struct same_ask *a, int64_t now, const struct same_file *x,
		     const struct same_file *y)
{
	bool recent = x->mtime >= now - RECENT && x->mtime <= now + RECENT;

	return S_ISREG(x->mode) && x->mode == y->mode && x->size == y->size &&
	       (a->checksum || (x->mtime == y->mtime && !recent));
}

/* --- content ------------------------------------------------------------------------ */

static int sum_of(int fd, uint8_t ret[static 32])
{
	crypto_hash_sha256_state state;
	uint8_t block[4096];
	ssize_t n = -1;

	crypto_hash_sha256_init(&state);
	while (!atomic_load(cancel_flag()) && (n = read(fd, block, sizeof(block))) > 0)
		crypto_hash_sha256_update(&state, block, (size_t)n);
	crypto_hash_sha256_final(&state, ret);
	return n == 0 ? 0 : -EIO;
}

static bool has_sum(const struct same_ask *a, const struct same_file *f,
		    const uint8_t sum[static 32])
{
	_close_ int fd = open_local(a, f->path);
	uint8_t is[32];

	return fd >= 0 && sum_of(fd, is) == 0 && !memcmp(is, sum, sizeof(is));
}

/* Those that are alike, each with a NUL behind it. */
static int alike_names(const struct same *s, struct buf *names)
{
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++)
		if (s->files[i].alike)
			r = buf_append(names, s->files[i].path,
				       strlen(s->files[i].path) + 1);
	return r;
}

static int settle_by_content(const struct same_ask *a, const char *program,
			     struct same *s, struct kf_error *err)
{
	_buf_ struct buf names = BUF_INIT, said = BUF_INIT;
	const char *line, *path;
	uint8_t sum[32];
	size_t at = 0, n;
	int r = alike_names(s, &names);

	if (r < 0)
		return no_memory(err);
	if (!buf_len(&names))
		return 0;
	r = ask(a, program, &names, &said, err);
	while (r == 0 && same_next_line(&said, &at, &line, &n)) {
		struct same_file *f;

		if (!same_parse_sum(line, n, sum, &path, &n))
			continue;
		f = same_find(s, path, n);
		if (f && f->alike)
			f->same = has_sum(a, f, sum);
	}
	return r;
}

static int settle(const struct same_ask *a, const char *program, struct same *s,
		  struct kf_error *err)
{
	int r = a->checksum ? settle_by_content(a, program, s, err) : 0;

	for (size_t i = 0; i < s->n && r == 0; i++) {
		if (!a->checksum)
			s->files[i].same = s->files[i].alike;
		s->n_same += s->files[i].same;
	}
	return r;
}

/* --- put ---------------------------------------------------------------------------- */

static int add_local(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	(void)dirfd;
	(void)name;
	if (!S_ISREG(st->st_mode) || !same_is_nameable(path))
		return 0;
	return same_add(arg, path, strlen(path), &FACTS(st));
}

/* What cannot be read is told by who packs it. */
static int scan(const struct same_ask *a, struct same *s)
{
	struct stat st;
	int r = 0;

	if (fstatat(a->dir, a->top, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		r = same_add(s, ".", 1, &FACTS(&st));
	else
		r = fs_walk(a->dir, a->top, add_local, s);
	same_sort(s);
	return r == -ENOMEM ? r : 0;
}

static int names_of(const struct same *s, struct buf *names)
{
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++)
		r = buf_append(names, s->files[i].path, strlen(s->files[i].path) + 1);
	return r;
}

int same_ask_put(const struct same_ask *a, struct same *s, struct kf_error *err)
{
	_buf_ struct buf names = BUF_INIT, said = BUF_INIT;
	struct same_file there;
	const char *line, *path;
	int64_t now = time(NULL);
	size_t at = 0, n;
	int r = scan(a, s);

	if (r == 0)
		r = names_of(s, &names);
	if (r < 0)
		return no_memory(err);
	if (!s->n)
		return 0;
	r = ask(a, put_stats, &names, &said, err);
	while (r == 0 && same_next_line(&said, &at, &line, &n)) {
		struct same_file *f;

		if (!same_parse_stat(line, n, &there, &path, &n))
			continue;
		f = same_find(s, path, n);
		if (f)
			f->alike = is_alike(a, now, f, &there);
	}
	return r < 0 ? r : settle(a, put_sums, s, err);
}

/* --- get ---------------------------------------------------------------------------- */

/* As it would be written here. */
static bool is_here(const struct same_ask *a, int64_t now, const char *path,
		    struct same_file there)
{
	_close_ int fd = open_local(a, path);
	struct stat st;

	there.mode &= S_IFMT | 0777;
	return fd >= 0 && fstat(fd, &st) == 0 && is_alike(a, now, &FACTS(&st), &there);
}

int same_ask_get(const struct same_ask *a, struct same *s, struct kf_error *err)
{
	_buf_ struct buf none = BUF_INIT, said = BUF_INIT;
	struct same_file there;
	const char *line, *name;
	int64_t now = 0;
	size_t at = 0, n;
	int r;

	if (faccessat(a->dir, a->top, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	r = ask(a, get_stats, &none, &said, err);
	if (r == 0 && same_next_line(&said, &at, &line, &n))
		now = same_parse_time(line, n);
	while (r == 0 && same_next_line(&said, &at, &line, &n)) {
		_free_ char *path = NULL;

		if (!same_parse_stat(line, n, &there, &name, &n))
			continue;
		path = strndup(name, n);
		if (!path)
			return no_memory(err);
		there.alike = is_here(a, now, path, there);
		if (same_add(s, name, n, &there) < 0)
			return no_memory(err);
	}
	same_sort(s);
	return r < 0 ? r : settle(a, get_sums, s, err);
}
