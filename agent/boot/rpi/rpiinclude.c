/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking through what config.txt includes. */
#include "agent/boot/rpi/rpiinclude.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/rpi/rpicfg.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

/* What rpicfg_derive() has no later line for, and what the other checks look for in
 * config.txt alone. */
static const char *const keys[] = {
	"ramfsfile", "ramfsaddr",    "device_tree",	     "overlay_prefix",
	"os_prefix", "boot_ramdisk", "eeprom_write_protect",
};

struct walk {
	const struct fatdir *fat;
	unsigned files;
	struct kf_error *err;
};

static int check_lines(struct walk *w, const struct buf *text, const char *name,
		       unsigned depth);

/* -ENOENT: it is not there; -EXDEV: it is not on the FAT. */
static int read_beneath(int dir, const char *name, struct buf *out)
{
	int fd = fs_open_beneath(dir, name, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	close(fd);
	return fs_read_file(dir, name, RPICFG_MAX, out);
}

static int check_file(struct walk *w, const char *name, unsigned depth)
{
	_buf_ struct buf text = BUF_INIT;
	int r;

	if (depth > RPIINCLUDE_DEPTH || ++w->files > RPIINCLUDE_FILES)
		return kf_err(w->err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "config.txt includes too many files, one in the other "
			      "(%s): move their lines into config.txt",
			      name);
	r = read_beneath(w->fat->fd, name, &text);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return kf_err(w->err, r, KF_REASON_BOOT_CHAIN,
			      "read %s, which config.txt includes: %m", name);
	if (rpicfg_has(buf_data(&text), buf_len(&text), RPICFG_INITRAMFS, NULL, NULL))
		return kf_err(w->err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s, which config.txt includes, names an initramfs: move "
			      "that line into config.txt",
			      name);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (rpicfg_has(buf_data(&text), buf_len(&text), RPICFG_SETTING, keys[i],
			       NULL))
			return kf_err(w->err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
				      "%s, which config.txt includes, has %s=: move that "
				      "line into config.txt",
				      name, keys[i]);
	return check_lines(w, &text, name, depth);
}

static int check_lines(struct walk *w, const struct buf *text, const char *name,
		       unsigned depth)
{
	const char *at = buf_len(text) ? (const char *)buf_data(text) : "";
	const char *end = at + buf_len(text);
	struct rpicfg_line l;
	int r = 0;

	while (r == 0 && rpicfg_next(&at, end, &l)) {
		_free_ char *included = NULL;

		if (l.kind != RPICFG_INCLUDE)
			continue;
		included = strndup(l.value, l.value_len);
		if (!included)
			return kf_err(w->err, -ENOMEM, KF_REASON_NO_MEMORY, "read %s: %m",
				      name);
		r = check_file(w, included, depth + 1);
	}
	return r;
}

int rpiinclude_check(const struct fatdir *fat, const struct buf *config,
		     struct kf_error *err)
{
	struct walk w = {.fat = fat, .err = err};

	return check_lines(&w, config, "config.txt", 0);
}
