/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking into boot images.  An image is taken apart from the outside in: its head says
 * what it is and where the compressed kernel lies (arm's zImage does not: there the known
 * magics are tried), libarchive's raw format unpacks it, and the result is an ELF file,
 * whose notes are read, or a flat binary, which is searched.  Every offset is checked;
 * the bytes may come from anywhere.
 *
 * A kernel is tens of megabytes, so it is unpacked to a temporary file and, like the
 * image, only mapped; what was searched is let go of.
 */
#include "controller/kernel/image.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/kernel/payload.h"
#include "proto/base/fs.h"
#include "proto/base/le.h"
#include "proto/reason.h"
#include "proto/text.h"

#define MAX_DEPTH  4 /* vmlinuz.efi > Image.gz > Image is three */
#define BANNER	   "Linux version "
#define BANNER_MAX 1024

#define WINDOW	   ((size_t)1 << 20) /* searched at a time */

struct bytes {
	const uint8_t *p;
	size_t n;
	bool mapped; /* of a file, read-only: a page may go and come again */
};

static struct bytes part(struct bytes b, size_t from, size_t n)
{
	return (struct bytes){b.p + from, n, b.mapped};
}

/* What lies there was looked at. */
static void let_go(struct bytes b, size_t from, size_t to)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = ((uintptr_t)b.p + from + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)b.p + to) & ~(page - 1);

	if (b.mapped && end > start)
		(void)madvise((void *)start, end - start, MADV_DONTNEED);
}

static bool at(struct bytes b, size_t where, const char *magic, size_t n)
{
	return b.n >= where + n && memcmp(b.p + where, magic, n) == 0;
}

void image_info_fini(struct image_info *i)
{
	free(i->banner);
	i->banner = NULL;
}

/* "... #1 SMP ...": kernels since 6.1 hold a second banner without number and time. */
static bool has_number(const char *s, size_t n)
{
	const char *mark = memmem(s, n, " #", 2);

	return mark && (size_t)(mark - s) + 2 < n && isdigit((unsigned char)mark[2]);
}

/* Length of the banner at s, 0 if it is none: "Linux version 6.1.0 (user@host) ..." to
 * the end of its line. */
static size_t banner_at(const char *s, size_t left, char release[LIMIT_RELEASE + 1])
{
	size_t head = strlen(BANNER), n = head, rel = head;

	if (left <= head || !isdigit((unsigned char)s[head]))
		return 0;
	while (n < left && n < BANNER_MAX && s[n] != '\n' && s[n] != '\0')
		n++;
	while (rel < n && s[rel] != ' ')
		rel++;
	if (n == left || n == BANNER_MAX || rel - head > LIMIT_RELEASE ||
	    !text_is_plain(s, n, false) || !memmem(s, n, " (", 2))
		return 0;
	snprintf(release, LIMIT_RELEASE + 1, "%.*s", (int)(rel - head), s + head);
	while (s[n - 1] == ' ')
		n--;
	return text_is_release(release) ? n : 0;
}

/* From `from`, those that begin in a window.  true: there is no better one. */
static bool find_banner_in(struct bytes b, size_t from, struct image_info *ret)
{
	size_t left = b.n - from, head = strlen(BANNER);
	const uint8_t *p = b.p + from,
		      *end = p + (left < WINDOW + head - 1 ? left : WINDOW + head - 1);

	while ((p = memmem(p, (size_t)(end - p), BANNER, head))) {
		char release[LIMIT_RELEASE + 1];
		const char *s = (const char *)p;
		size_t n = banner_at(s, (size_t)(b.p + b.n - p), release);

		p += head;
		if (n == 0 || (ret->banner && !has_number(s, n)))
			continue;
		free(ret->banner);
		ret->banner = strndup(s, n);
		memcpy(ret->release, release, sizeof(release));
		if (has_number(s, n))
			return true;
	}
	return false;
}

static void find_banner(struct bytes b, struct image_info *ret)
{
	for (size_t i = 0; i < b.n && !find_banner_in(b, i, ret); i += WINDOW)
		let_go(b, i, i + WINDOW < b.n ? i + WINDOW : b.n);
}

/* End of the ELF file that begins at b: its section headers are its last part. */
static size_t elf_extent(struct bytes b)
{
	uint64_t shoff = 0, end;
	uint32_t size, num;

	if (b.n < 64 || b.p[5] != 1)
		return 0;
	if (b.p[4] == 2) {
		shoff = le32(b.p + 40) | (uint64_t)le32(b.p + 44) << 32;
		size = le16(b.p + 58);
		num = le16(b.p + 60);
	} else {
		shoff = le32(b.p + 32);
		size = le16(b.p + 46);
		num = le16(b.p + 48);
	}
	if (__builtin_add_overflow(shoff, (uint64_t)size * num, &end) || end > b.n)
		return 0;
	return (size_t)end;
}

/* A flat binary holds the kernel's note, and the vDSO, which has one of its own: ELF
 * files inside are passed over. */
static void find_note(struct bytes b, char hex[static BUILD_ID_HEX])
{
	static const char elf[] = "\177ELF";
	size_t i = 0, gone = 0;

	while (i + 16 < b.n) {
		uint32_t len;

		if (i - gone >= WINDOW) {
			let_go(b, gone, i);
			gone = i;
		}
		if (memcmp(b.p + i, elf, 4) == 0) {
			size_t skip = elf_extent(part(b, i, b.n - i));

			i += skip >= 64 ? (skip + 3) & ~(size_t)3 : 4;
			continue;
		}
		len = le32(b.p + i + 4);
		if (le32(b.p + i) == 4 && le32(b.p + i + 8) == 3 && len >= 8 &&
		    len <= 64 && len <= b.n - i - 16 &&
		    memcmp(b.p + i + 12, "GNU", 4) == 0 &&
		    buildid_from_notes(b.p + i, 16 + (size_t)len, hex) == 0)
			return;
		i += 4;
	}
}

static const char *elf_arch(struct bytes b)
{
	if (b.n < 20 || b.p[5] != 1)
		return NULL;
	switch (le16(b.p + 18)) {
	case 3:
		return "i386";
	case 40:
		return "arm";
	case 62:
		return "x86_64";
	case 183:
		return "arm64";
	case 243:
		return b.p[4] == 2 ? "riscv64" : "riscv";
	default:
		return NULL;
	}
}

static int parse(struct bytes b, struct image_info *ret, int depth);

static int parse_packed(struct bytes b, struct image_info *ret, int depth)
{
	_payload_ struct payload out = {0};
	int r = payload_unpack(b.p, b.n, &out);

	if (r == 0)
		r = parse((struct bytes){out.map, out.n, true}, ret, depth + 1);
	return r;
}

/* Documentation/arch/x86/boot.rst: the header at 0x1f1. */
static int parse_bzimage(struct bytes b, struct image_info *ret, int depth)
{
	uint32_t version = le16(b.p + 0x206);
	size_t setup = ((size_t)(b.p[0x1f1] ? b.p[0x1f1] : 4) + 1) * 512;
	size_t name = (size_t)le16(b.p + 0x20e) + 0x200;
	size_t n = 0;

	ret->arch = version >= 0x20c && (le16(b.p + 0x236) & 1) ? "x86_64" : "i386";
	if (name > 0x200) {
		while (name + n < b.n && n < sizeof(ret->release) - 1 &&
		       !isspace(b.p[name + n]) && b.p[name + n])
			n++;
		snprintf(ret->release, sizeof(ret->release), "%.*s", (int)n,
			 name < b.n ? (const char *)b.p + name : "");
		if (!text_is_release(ret->release))
			ret->release[0] = '\0';
	}
	if (version >= 0x208) {
		size_t from = setup + le32(b.p + 0x248);
		size_t len = le32(b.p + 0x24c);
		struct image_info inner = {0};
		int r;

		if (from > b.n || len > b.n - from)
			return -EBADMSG;
		r = parse(part(b, from, len), &inner, depth + 1);
		if (r == 0) {
			memcpy(ret->build_id, inner.build_id, sizeof(ret->build_id));
			if (inner.release[0])
				memcpy(ret->release, inner.release, sizeof(ret->release));
			ret->banner = TAKE_PTR(inner.banner);
		}
		image_info_fini(&inner);
		/* What the header says is less, and will do where there is no more. */
		if (r < 0 && r != -EBADMSG && r != -EMSGSIZE)
			return r;
	}
	return ret->release[0] || ret->build_id[0] ? 0 : -EBADMSG;
}

static int parse_zboot(struct bytes b, struct image_info *ret, int depth)
{
	size_t from = le32(b.p + 8), len = le32(b.p + 12);

	if (from > b.n || len > b.n - from)
		return -EBADMSG;
	return parse_packed(part(b, from, len), ret, depth);
}

static int parse_flat(struct bytes b, const char *arch, struct image_info *ret)
{
	ret->arch = arch;
	find_note(b, ret->build_id);
	find_banner(b, ret);
	return ret->release[0] || ret->build_id[0] ? 0 : -EBADMSG;
}

/* arm's loader does not say where the kernel begins. */
static int parse_zimage(struct bytes b, struct image_info *ret, int depth)
{
	static const struct {
		const char *magic;
		size_t n;
	} magics[] = {{"\037\213\010", 3},
		      {"\375"
		       "7zXZ",
		       6},
		      {"\002!L\030", 4},
		      {"BZh", 3},
		      {"\050\265\057\375", 4},
		      {"\135\0\0", 3}};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		const uint8_t *p = b.p;

		while ((p = memmem(p, b.n - (size_t)(p - b.p), magics[i].magic,
				   magics[i].n))) {
			_payload_ struct payload out = {0};
			struct bytes rest =
				part(b, (size_t)(p - b.p), b.n - (size_t)(p - b.p));
			int r = depth < MAX_DEPTH ? payload_unpack(rest.p, rest.n, &out)
						  : -EBADMSG;

			if (r == 0)
				r = parse_flat((struct bytes){out.map, out.n, true},
					       "arm", ret);
			if (r == 0)
				return 0;
			p++;
		}
	}
	return -EBADMSG;
}

static int parse_elf(struct bytes b, struct image_info *ret)
{
	ret->arch = elf_arch(b);
	if (buildid_from_elf(b.p, b.n, ret->build_id) < 0)
		ret->build_id[0] = '\0';
	find_banner(b, ret);
	return ret->release[0] || ret->build_id[0] ? 0 : -EBADMSG;
}

static int parse(struct bytes b, struct image_info *ret, int depth)
{
	if (depth > MAX_DEPTH || b.n < 64)
		return -EBADMSG;
	if (at(b, 0, "\177ELF", 4))
		return parse_elf(b, ret);
	if (b.n > 0x260 && at(b, 0x1fe, "\x55\xaa", 2) && at(b, 0x202, "HdrS", 4))
		return parse_bzimage(b, ret, depth);
	if (at(b, 0, "MZ\0\0zimg", 8))
		return parse_zboot(b, ret, depth);
	if (at(b, 0x38, "ARM\x64", 4))
		return parse_flat(b, "arm64", ret);
	if (at(b, 0x38, "RSC\x05", 4))
		return parse_flat(b, "riscv64", ret);
	if (at(b, 0x24, "\x18\x28\x6f\x01", 4))
		return parse_zimage(b, ret, depth);
	return parse_packed(b, ret, depth);
}

static int parse_all(struct bytes b, struct image_info *ret)
{
	struct image_info info = {0};
	int r = parse(b, &info, 0);

	if (r < 0) {
		image_info_fini(&info);
		return r;
	}
	*ret = info;
	return 0;
}

int image_parse(const void *data, size_t n, struct image_info *ret)
{
	return parse_all((struct bytes){data, n, false}, ret);
}

int image_read(const char *path, struct image_info *ret, struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	struct stat st;
	void *map;
	int r;

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open the kernel image %s: %m",
			      path);
	if (fstat(fd, &st) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "kernel image %s: %m", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s is not a kernel image: it is empty or not a file",
			      path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return kf_err(err, -errno, KF_REASON_IO, "read the kernel image %s: %m",
			      path);
	r = parse_all((struct bytes){map, (size_t)st.st_size, true}, ret);
	munmap(map, (size_t)st.st_size);
	if (r == -EBADMSG)
		return kf_err(err, r, KF_REASON_PACKAGE,
			      "%s is not a kernel image that kferry can read (bzImage, "
			      "Image, zImage, vmlinuz.efi or vmlinux, whole)",
			      path);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read the kernel image %s: %m", path);
	return 0;
}
