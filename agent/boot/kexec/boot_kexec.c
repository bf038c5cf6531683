/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot chain kexec: the running kernel starts the slot, without a reset.
 *
 * Nothing is written for a boot stage: kernel and initramfs are read from the slot's own
 * directory, and what boots after a real reset stays as it was.  That is the one-shot.
 *
 * To arm is to load.  The file `kexec` in the state directory says what was loaded, and
 * in which boot, for the kernel only tells that something is:
 *
 *	boot <boot_id>
 *	slot <id>
 *	loaded yes|no      "no": written before the load, so that a crash in between is
 *	                   undone by the next disarm
 *
 * A record of another boot means nothing.  A kernel that somebody else loads over ours
 * cannot be told from ours.
 */
#include "agent/boot/kexec/boot_kexec.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/bootslot.h"
#include "agent/boot/kexec/kexec_board.h"
#include "agent/boot/kexec/kexec_slot.h"
#include "agent/boot/kexec/kexec_sys.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define RECORD	   "kexec"
#define RECORD_MAX 512

/* An initramfs archive with nothing in it. */
#define EMPTY_FILE "kexec.initrd"
#define ZERO	   "00000000"
/* newc: inode, mode, user, group, links; mtime, size, four of devices; name's bytes, sum
 */
#define EMPTY_CPIO                                                                       \
	"070701" ZERO ZERO ZERO ZERO "00000001" ZERO ZERO ZERO ZERO ZERO ZERO            \
	"0000000B" ZERO "TRAILER!!!\0\0\0\0"

struct record {
	char boot[40];
	char slot[SLOT_ID_SIZE];
	bool loaded;
};

static int record_read(const struct agent *a, struct record *ret)
{
	_buf_ struct buf b = BUF_INIT;
	char boot[40], slot[SLOT_ID_SIZE], loaded[4];
	const char *text;
	int r = fs_read_file(a->state_fd, RECORD, RECORD_MAX, &b);

	if (r < 0)
		return r;
	text = buf_str(&b);
	if (!text ||
	    sscanf(text, "boot %39s\nslot %10s\nloaded %3s", boot, slot, loaded) != 3)
		return -EBADMSG;
	snprintf(ret->boot, sizeof(ret->boot), "%s", boot);
	snprintf(ret->slot, sizeof(ret->slot), "%s", slot);
	ret->loaded = strcmp(loaded, "yes") == 0;
	return 0;
}

static int record_write(const struct agent *a, const char *slot, bool loaded)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "boot %s\nslot %s\nloaded %s\n",
			 a->boot.boot_id, slot, loaded ? "yes" : "no");

	return fs_replace(a->state_fd, RECORD, text, (size_t)n, 0600);
}

static int record_drop(const struct agent *a)
{
	if (unlinkat(a->state_fd, RECORD, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fs_sync_dir(a->state_fd, ".");
}

/* A record of this boot. */
static bool record_now(const struct agent *a, struct record *ret)
{
	return record_read(a, ret) == 0 && strcmp(ret->boot, a->boot.boot_id) == 0;
}

bool kexec_has_slot(const struct agent *a, const char *slot)
{
	struct record rec;

	return record_now(a, &rec) && strcmp(rec.slot, slot) == 0;
}

/* --- the chain ------------------------------------------------------------------ */

static int kexec_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	int r = kexec_board_check(a, err);

	if (r == 0)
		snprintf(note, 256,
			 "kexec_file_load: fast, and no proof that the board boots it");
	return r;
}

static int kexec_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		       struct kf_error *err)
{
	_bootslot_ struct bootslot b = {.image = -1, .initrd = -1};
	_free_ char *line = NULL;
	int r;

	r = kexec_dtbs_check(a, &s->manifest, err);
	if (r == 0)
		r = bootslot_open(s, initrd_fd, &b, err);
	if (r == 0)
		r = kexec_image_check(a, b.image, err);
	return r < 0 ? r : kexec_cmdline(a, s, &line, err);
}

static int load_failed(const struct slot *s, int r, struct kf_error *err)
{
	const char *why = "";

	if (r == -EPERM)
		why = ": a limit on kexec loads, a security module or the agent's "
		      "sandbox forbids it";
	else if (r == -ENOEXEC)
		why = ": the running kernel has no loader for this image";
	else if (r == -EKEYREJECTED || r == -ENOKEY || r == -ENODATA || r == -EBADMSG)
		why = ": the running kernel wants a signed one (CONFIG_KEXEC_SIG_FORCE)";
	else if (r == -ENOMEM || r == -EADDRNOTAVAIL)
		why = ": the board has not enough free memory for both kernels";
	else if (r == -EBUSY)
		why = ": another kernel is being loaded";
	return kf_err(err, r, KF_REASON_BOOT_CHAIN, "load slot %s with kexec: %m%s",
		      s->id, why);
}

/* From the descriptor whose bytes were compared with the manifest. */
static int load(const struct agent *a, const struct slot *s, const struct bootslot *b,
		struct kf_error *err)
{
	_free_ char *line = NULL;
	int r;

	r = kexec_cmdline(a, s, &line, err);
	if (r < 0)
		return r;
	r = record_write(a, s->id, false);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "note that slot %s is loaded: %m", s->id);
	r = kexec_sys_load(a, b->image, b->initrd, line);
	if (r < 0)
		return load_failed(s, r, err);
	r = record_write(a, s->id, true);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "note that slot %s is loaded: %m", s->id);
	return 0;
}

/*
 * A slot without an initramfs gets an empty one.  Without any, a kernel that EFI's tables
 * are handed to takes the initramfs that the table INITRD tells of: the first kernel's,
 * whose memory is long used for something else (seen: a panic before the console).
 */
static int open_initrd(const struct agent *a, const struct slot *s, int *ret,
		       struct kf_error *err)
{
	int r, fd = fs_open_beneath(s->fd, "initrd", O_RDONLY, 0);

	if (fd == -ENOENT) {
		r = fs_replace(a->state_fd, EMPTY_FILE, EMPTY_CPIO,
			       sizeof(EMPTY_CPIO) - 1, 0600);
		if (r < 0)
			return kf_err(err, r,
				      r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
				      "write an empty initramfs: %m");
		fd = fs_open_beneath(a->state_fd, EMPTY_FILE, O_RDONLY, 0);
	}
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open the initramfs of slot %s: %m",
			      s->id);
	*ret = fd;
	return 0;
}

static int kexec_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	_bootslot_ struct bootslot b = {.image = -1, .initrd = -1};
	_slot_ struct slot s = {.fd = -1};
	_close_ int initrd = -1;
	int r;

	r = kexec_board_check(a, err);
	if (r == 0)
		r = slot_open(a, slot, &s, err);
	if (r == 0)
		r = kexec_dtbs_check(a, &s.manifest, err);
	if (r == 0)
		r = open_initrd(a, &s, &initrd, err);
	if (r == 0)
		r = bootslot_open(&s, initrd, &b, err);
	if (r == 0)
		r = kexec_image_check(a, b.image, err);
	return r < 0 ? r : load(a, &s, &b, err);
}

static int kexec_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	struct record rec = {.loaded = false};

	if (!record_now(a, &rec) || !rec.loaded)
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "no slot was loaded with kexec in this boot");
	if (strcmp(rec.slot, slot) != 0)
		return kf_err(err, -EIO, KF_REASON_BOOT_CHAIN,
			      "%s is loaded with kexec, and not %s", rec.slot, slot);
	if (kexec_sys_loaded(a) != 1)
		return kf_err(err, -EIO, KF_REASON_BOOT_CHAIN,
			      "slot %s was loaded with kexec, and somebody has unloaded "
			      "it again",
			      slot);
	return 0;
}

static int kexec_disarm(const struct agent *a, struct kf_error *err)
{
	struct record rec;
	int r;

	if (record_now(a, &rec)) {
		r = kexec_sys_unload(a);
		if (r < 0)
			return kf_err(err, r, KF_REASON_BOOT_CHAIN,
				      "unload slot %s from kexec: %m", rec.slot);
	}
	r = record_drop(a);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "forget what was loaded: %m") : 0;
}

static int kexec_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	(void)a;
	if (strcmp(slot, FOREIGN) == 0)
		return 0;
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "kexec cannot make slot %s the default: a real boot starts what it "
		      "always did; deploy with --once, or through another boot chain",
		      slot);
}

static int kexec_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	return kexec_has_slot(a, slot) ? kexec_disarm(a, err) : 0;
}

static int kexec_running_initrd(const struct agent *a, char **ret_path)
{
	(void)a;
	(void)ret_path;
	return -ENOENT;
}

int kexec_check_ready(struct agent *a, struct kf_error *err)
{
	char slot[SLOT_ID_SIZE];
	bool armed;

	pthread_mutex_lock(&a->state_lock);
	armed = a->state.trial.phase == KFERRY__TRIAL__TRIAL_ARMED;
	memcpy(slot, a->state.trial.slot, sizeof(slot));
	pthread_mutex_unlock(&a->state_lock);
	if (!armed)
		return kf_err(err, -EINVAL, KF_REASON_BOOT_CHAIN,
			      "there is no trial that a reboot by kexec could start; "
			      "`kferry deploy --kexec` makes one");
	return kexec_read_back(a, slot, err);
}

void kexec_drop(const struct agent *a)
{
	struct kf_error e = {0};

	if (kexec_disarm(a, &e) < 0)
		log_warn("kexec event=unload error=\"%s\"", e.msg);
}

const struct boot_chain boot_kexec = {
	.name = "kexec",
	.on_request = true,
	.probe = kexec_probe,
	.space = NULL,
	.stage = kexec_stage,
	.arm = kexec_arm,
	.read_back = kexec_read_back,
	.disarm = kexec_disarm,
	.commit = kexec_commit,
	.remove = kexec_remove,
	.running_initrd = kexec_running_initrd,
};
