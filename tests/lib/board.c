/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory that an agent takes for a board. */
#include "tests/lib/board.h"

void put_bytes(struct board *b, const char *rel, const void *data, size_t n)
{
	int fd;

	assert_int_equal(fs_mkdirs_parent(b->fd, rel), 0);
	fd = fs_open_beneath(b->fd, rel, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
	close(fd);
}

void put_text(struct board *b, const char *rel, const char *text)
{
	put_bytes(b, rel, text, strlen(text));
}

void put_program(struct board *b, const char *rel, const char *text)
{
	put_text(b, rel, text);
	assert_int_equal(fchmodat(b->fd, rel, 0755, 0), 0);
}

char *get_text(struct board *b, const char *rel)
{
	_buf_ struct buf buf = BUF_INIT;
	int r = fs_read_file(b->fd, rel, 1u << 26, &buf);

	if (r == -ENOENT)
		return NULL;
	assert_int_equal(r, 0);
	return strdup(buf_str(&buf));
}

void assert_file(struct board *b, const char *rel, const char *text)
{
	_free_ char *found = get_text(b, rel);

	assert_non_null(found);
	assert_string_equal(found, text);
}

void board_init(struct board *b)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->path, sizeof(b->path), "%s", "/tmp/kf-board-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b->fd >= 0);
	b->a.root = b->path;
	b->a.scratch = true;
	b->a.conf.state_dir = (char *)"/var/lib/kferry";
	snprintf(b->a.boot.release, sizeof(b->a.boot.release), "%s", "6.1.0-old");
	assert_int_equal(fs_mkdirs(b->fd, "var/lib/kferry/slots"), 0);
	b->a.state_fd = fs_open_dir(b->fd, "var/lib/kferry");
	assert_true(b->a.state_fd >= 0);
}

void board_fini(struct board *b)
{
	close(b->a.state_fd);
	close(b->fd);
	assert_int_equal(fs_remove_tree(AT_FDCWD, b->path), 0);
}

void slot_make(struct board *b, struct slot *s, const char *image)
{
	const char *rel = "var/lib/kferry/slots/" TEST_SLOT;
	struct digest d;

	memset(s, 0, sizeof(*s));
	snprintf(s->id, sizeof(s->id), "%s", TEST_SLOT);
	put_text(b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", image);
	s->fd = fs_open_dir(b->fd, rel);
	assert_true(s->fd >= 0);
	s->manifest.release = strdup("6.18.0-rc3");
	s->manifest.arch = strdup("x86_64");
	s->manifest.image = strdup("boot/image");
	digest_bytes(image, strlen(image), &d);
	assert_int_equal(
		manifest_add(&s->manifest, "boot/image", 0644, strlen(image), &d), 0);
	s->conf.cmdline = strdup("root=/dev/vda2 panic=10 kferry.slot=" TEST_SLOT);
}

void slot_drop(struct slot *s)
{
	close(s->fd);
	manifest_fini(&s->manifest);
	free(s->conf.cmdline);
}

void slot_add(struct board *b, struct slot *s, const char *path, const char *text)
{
	_free_ char *rel = NULL;
	struct digest d;

	assert_true(asprintf(&rel, "var/lib/kferry/slots/" TEST_SLOT "/%s", path) > 0);
	put_text(b, rel, text);
	digest_bytes(text, strlen(text), &d);
	assert_int_equal(manifest_add(&s->manifest, path, 0644, strlen(text), &d), 0);
}

void slot_set_arch(struct slot *s, const char *arch)
{
	free(s->manifest.arch);
	s->manifest.arch = strdup(arch);
}

void chain_refuses(const struct boot_chain *c, struct board *b, int code,
		   const char *text)
{
	struct kf_error err = {0};
	char note[256] = "";

	assert_int_equal(c->probe(&b->a, note, &err), code);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.msg);
}

void chain_initrd_is(const struct boot_chain *c, struct board *b, const char *want)
{
	_free_ char *path = NULL;

	assert_int_equal(c->running_initrd(&b->a, &path), want ? 0 : -ENOENT);
	if (want)
		assert_string_equal(path, want);
}

int initrd_of(struct board *b, const char *text)
{
	put_text(b, "initrd.src", text);
	return fs_open_beneath(b->fd, "initrd.src", O_RDONLY, 0);
}

void put_efivar(struct board *b, const char *name, uint8_t attributes, const void *data,
		size_t n)
{
	const uint8_t head[4] = {attributes};
	_free_ char *rel = NULL;
	_buf_ struct buf v = BUF_INIT;

	assert_true(asprintf(&rel, TEST_EFIVARS "%s", name) > 0);
	assert_int_equal(buf_append(&v, head, sizeof(head)), 0);
	assert_int_equal(buf_append(&v, data, n), 0);
	put_bytes(b, rel, buf_data(&v), buf_len(&v));
}
