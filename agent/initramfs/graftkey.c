/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of grafts, and looking for one among the slots. */
#include "agent/initramfs/graftkey.h"

#include <fcntl.h>
#include <string.h>

#include "agent/initramfs/modcpio.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/text.h"

#define FILE_NAME "initrd"
#define KEY_NAME  "initrd.key"
#define STEP	  ((size_t)128 * 1024)
#define LINE_SIZE (2 * DIGEST_HEX) /* two digests, a blank and the end of the line */

static void add(struct digest_ctx *c, const void *data, size_t n)
{
	const uint64_t len = n; /* so that no two lists of parts look alike */

	digest_update(c, &len, sizeof(len));
	digest_update(c, data, n);
}

static int add_base(struct digest_ctx *c, const struct initramfs_base *base,
		    const atomic_bool *cancel)
{
	_free_ uint8_t *step = malloc(STEP);
	uint64_t at = 0;

	if (!step)
		return -ENOMEM;
	digest_update(c, &base->len, sizeof(base->len));
	while (at < base->len) {
		uint64_t left = base->len - at;
		ssize_t n = pread(base->fd, step, left < STEP ? (size_t)left : STEP,
				  (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (cancel && atomic_load(cancel))
			return -ECANCELED;
		digest_update(c, step, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

int graftkey_make(const struct initramfs_base *base, const struct slot *s, bool all,
		  const atomic_bool *cancel, struct digest *ret)
{
	static const char modules[] = "modules/", config[] = "boot/config";
	struct digest_ctx c;
	int r;

	digest_init(&c);
	add(&c, MODCPIO_VERSION, strlen(MODCPIO_VERSION));
	add(&c, &all, sizeof(all));
	add(&c, s->manifest.release, strlen(s->manifest.release));
	for (size_t i = 0; i < s->manifest.n_files; i++) {
		const struct manifest_file *f = &s->manifest.files[i];

		if (strncmp(f->path, modules, sizeof(modules) - 1) != 0 &&
		    strcmp(f->path, config) != 0)
			continue;
		add(&c, f->path, strlen(f->path));
		add(&c, f->digest.b, DIGEST_SIZE);
	}
	r = add_base(&c, base, cancel);
	if (r == 0)
		digest_final(&c, ret);
	return r;
}

static void line_of(const struct digest *key, const struct digest *initrd,
		    char line[static LINE_SIZE + 1])
{
	char a[DIGEST_HEX], b[DIGEST_HEX];

	digest_hex(key, a);
	digest_hex(initrd, b);
	snprintf(line, LINE_SIZE + 1, "%s %s\n", a, b);
}

/* The initrd in dir, if it is whole and was made of this; -1. */
static int open_same(int dir, const struct digest *key)
{
	_buf_ struct buf noted = BUF_INIT;
	char line[LINE_SIZE + 1];
	struct digest is;
	int fd;

	if (fs_read_file(dir, KEY_NAME, LINE_SIZE, &noted) < 0)
		return -1;
	line_of(key, key, line);
	if (buf_len(&noted) != LINE_SIZE ||
	    memcmp(buf_data(&noted), line, DIGEST_HEX) != 0)
		return -1;
	fd = fs_open_beneath(dir, FILE_NAME, O_RDONLY, 0);
	if (fd < 0)
		return -1;
	if (digest_fd(fd, &is, NULL) == 0) {
		line_of(key, &is, line);
		if (memcmp(buf_data(&noted), line, LINE_SIZE) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

/* 1: taken. */
static int take_from(int slots, const char *id, const struct slot *s,
		     const struct digest *key, const char *name)
{
	_close_ int dir = fs_open_beneath(slots, id, O_RDONLY | O_DIRECTORY, 0);
	_close_ int fd = dir < 0 ? -1 : open_same(dir, key);

	return fd >= 0 && linkat(dir, FILE_NAME, s->fd, name, 0) == 0;
}

int graftkey_reuse(const struct agent *a, const struct slot *s, const struct digest *key,
		   const char *name)
{
	int fd = fs_open_beneath(a->state_fd, SLOTS_DIR, O_RDONLY | O_DIRECTORY, 0);
	_closedir_ DIR *d = NULL;
	struct dirent *e;

	if (fs_dir_stream(fd, &d) < 0)
		return 0;
	while ((e = readdir(d))) {
		if (!text_is_slot(e->d_name) || strcmp(e->d_name, s->id) == 0 ||
		    !take_from(dirfd(d), e->d_name, s, key, name))
			continue;
		log_info("graft slot=%s like=%s", s->id, e->d_name);
		return 1;
	}
	return 0;
}

/* Not flushed: half of it is as good as none. */
static int write_note(const struct slot *s, const struct digest *key)
{
	_close_ int in = fs_open_beneath(s->fd, FILE_NAME, O_RDONLY, 0), out = -1;
	char line[LINE_SIZE + 1];
	struct digest is;
	int r = in < 0 ? in : digest_fd(in, &is, NULL);

	if (r < 0)
		return r;
	line_of(key, &is, line);
	out = fs_open_beneath(s->fd, KEY_NAME, O_WRONLY | O_CREAT | O_EXCL, 0644);
	return out < 0 ? out : fs_write_all(out, line, LINE_SIZE);
}

void graftkey_note(const struct slot *s, const struct digest *key)
{
	int r;

	graftkey_forget(s);
	r = write_note(s, key);
	if (r < 0)
		log_debug("graft slot=%s note=\"%s\"", s->id, strerror(-r));
}

void graftkey_forget(const struct slot *s)
{
	if (unlinkat(s->fd, KEY_NAME, 0) < 0 && errno != ENOENT)
		log_warn("graft slot=%s forget=\"%s\"", s->id, strerror(errno));
}
