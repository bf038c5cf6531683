/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images by their magic numbers: x86's boot protocol (Documentation/arch/x86/boot.rst),
 * arm64's Image (Documentation/arch/arm64/booting.rst).
 */
#include "agent/boot/kexec/kexec_slot.h"

#include <string.h>

#include "agent/cmdword.h"
#include "proto/reason.h"

#define HEAD_SIZE   0x206
#define X86_MAGIC   0x202 /* "HdrS" */
#define ARM64_MAGIC 0x38  /* "ARM\x64" */
#define ZBOOT_MAGIC 0x04  /* "zimg", behind "MZ" */

/* --- device trees --------------------------------------------------------------- */

static bool is_dtb(const struct manifest_file *f)
{
	return strncmp(f->path, "dtbs/", 5) == 0 || strncmp(f->path, "overlays/", 9) == 0;
}

static size_t count_dtbs(const struct manifest *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_files; i++)
		n += is_dtb(&m->files[i]);
	return n;
}

static bool same_dtbs(const struct manifest *a, const struct manifest *b)
{
	if (count_dtbs(a) != count_dtbs(b))
		return false;
	for (size_t i = 0; i < a->n_files; i++) {
		ssize_t at;

		if (!is_dtb(&a->files[i]))
			continue;
		at = manifest_find(b, a->files[i].path);
		if (at < 0 || !digest_equal(&a->files[i].digest, &b->files[at].digest))
			return false;
	}
	return true;
}

int kexec_dtbs_check(const struct agent *a, const struct manifest *m,
		     struct kf_error *err)
{
	_slot_ struct slot running = {.fd = -1};
	struct kf_error ignored;

	if (count_dtbs(m) == 0)
		return 0;
	if (a->boot.slot[0] && slot_open(a, a->boot.slot, &running, &ignored) == 0 &&
	    same_dtbs(m, &running.manifest))
		return 0;
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "the kernel brings device trees other than %s: kexec hands over "
		      "the running kernel's, so that the new ones would not be applied; "
		      "deploy without kexec",
		      a->boot.slot[0] ? "those of the running slot"
				      : "what the board's own kernel was started with");
}

/* --- the image ------------------------------------------------------------------ */

static int not_an_image(struct kf_error *err, const char *what)
{
	return kf_err(err, -ENOEXEC, KF_REASON_BOOT_CHAIN,
		      "kexec cannot start %s; set build.image to %s", what,
		      "arch/x86/boot/bzImage or arch/arm64/boot/Image");
}

int kexec_image_check(const struct agent *a, int fd, struct kf_error *err)
{
	uint8_t head[HEAD_SIZE] = {0};
	ssize_t n = pread(fd, head, sizeof(head), 0);

	if (n < 0)
		return kf_err(err, -errno, KF_REASON_IO, "read the kernel image: %m");
	if (head[0] == 0x1f && head[1] == 0x8b)
		return not_an_image(err, "a kernel packed with gzip (Image.gz)");
	if (memcmp(head, "MZ", 2) == 0 && memcmp(head + ZBOOT_MAGIC, "zimg", 4) == 0)
		return not_an_image(err, "a compressed EFI program (vmlinuz.efi, "
					 "CONFIG_EFI_ZBOOT)");
	if (strcmp(a->boot.machine, "aarch64") == 0)
		return memcmp(head + ARM64_MAGIC, "ARM\x64", 4) == 0
			       ? 0
			       : not_an_image(err, "what is not an arm64 Image");
	return memcmp(head + X86_MAGIC, "HdrS", 4) == 0
		       ? 0
		       : not_an_image(err, "what is not a bzImage");
}

/* --- the command line ----------------------------------------------------------- */

/*
 * GRUB knows by BOOT_IMAGE= that it started this board; it still did, and a slot that
 * came by kexec must be able to go on through it.
 */
int kexec_cmdline(const struct agent *a, const struct slot *s, char **ret,
		  struct kf_error *err)
{
	const char *line = s->conf.cmdline ? s->conf.cmdline : "";
	struct cmdword at, image = {"", 0};

	if (!cmdword_find(line, CMDWORD_SLOT, &at))
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the command line of slot %s does not name it; deploy it "
			      "again",
			      s->id);
	cmdword_find(a->boot.cmdline, CMDWORD_IMAGE, &image);
	if (asprintf(ret, "%.*s%s%.*s" CMDWORD_KEXEC " %s", (int)image.n, image.s,
		     image.n > 0 ? " " : "", (int)(at.s - line), line, at.s) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	return 0;
}
