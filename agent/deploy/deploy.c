/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deploy from its request to the list of files it needs: who may, whether it can work
 * at all, and what is there already.  The state does not change before the install.
 */
#include "agent/deploy/deploy.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/boot/boot.h"
#include "agent/boot/kexec/kexec_slot.h"
#include "agent/deploy/cmdline.h"
#include "agent/deploy/lock.h"
#include "agent/deploy/manifest_in.h"
#include "agent/deploy/parts.h"
#include "agent/deploy/space.h"
#include "agent/initramfs/initramfs.h"
#include "agent/oserr.h"
#include "agent/slot/shown.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

void deploy_stage(struct deploy *d, const char *stage, uint64_t total)
{
	struct deploy_progress *p = d->progress;

	if (!p)
		return;
	atomic_store(&p->done, 0);
	atomic_store(&p->total, total);
	atomic_store(&p->stage, stage);
	if (p->changed)
		p->changed(p->arg);
}

void deploy_done(struct deploy *d, uint64_t n)
{
	struct deploy_progress *p = d->progress;

	if (!p)
		return;
	atomic_fetch_add(&p->done, n);
	if (p->changed)
		p->changed(p->arg);
}

int deploy_check_cancel(const struct deploy *d, struct kf_error *err)
{
	if (!d->cancel || !atomic_load(d->cancel))
		return 0;
	return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
		      "the deploy was cancelled; what was received is kept for the next");
}

void deploy_set_progress(struct deploy *d, struct deploy_progress *p)
{
	d->progress = p;
}

void deploy_set_cancel(struct deploy *d, const atomic_bool *cancel)
{
	d->cancel = cancel;
}

int deploy_parent_open(int fd, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");

	if (!dir)
		return -ENOMEM;
	*ret_base = slash ? slash + 1 : path;
	return fs_open_beneath(fd, dir, O_PATH | O_DIRECTORY, 0);
}

int deploy_parent(int fd, const char *path, const char **ret_base)
{
	int rc = deploy_parent_open(fd, path, ret_base);

	if (rc != -ENOENT)
		return rc;
	rc = fs_mkdirs_parent(fd, path);
	return rc < 0 ? rc : deploy_parent_open(fd, path, ret_base);
}

int deploy_verify(int dir_fd, const struct manifest_file *f)
{
	_close_ int fd = fs_open_beneath(dir_fd, f->path, O_RDONLY | O_NONBLOCK, 0);
	struct digest is;
	struct stat st;
	int rc;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size)
		return -EBADMSG;
	rc = digest_fd(fd, &is, NULL);
	if (rc < 0)
		return rc;
	return digest_equal(&is, &f->digest) ? 0 : -EBADMSG;
}

static int check_request(struct deploy *d, const Kferry__PlanRequest *req,
			 struct kf_error *err)
{
	const char *arch = manifest_arch_of_machine(d->a->boot.machine);
	const char *kind = d->a->conf.board_kind;

	if (req->manifest_digest.len != DIGEST_SIZE || !text_is_release(req->release) ||
	    req->manifest_size == 0 || req->manifest_size > LIMIT_MANIFEST ||
	    strlen(req->arch) > LIMIT_NAME)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the request's digest, size or release is not valid");
	if (!arch || strcmp(arch, req->arch) != 0)
		return kf_err(err, -EINVAL, KF_REASON_ARCH,
			      "the kernel is for %.64s, but this board is %s (%s); build "
			      "with the board's profile",
			      req->arch, arch ? arch : "of an unknown kind",
			      d->a->boot.machine);
	if (kind && *req->board_kind && strcmp(kind, req->board_kind) != 0)
		return kf_err(
			err, -EINVAL, KF_REASON_BOARD_KIND,
			"the kernel was built for boards of kind %.64s, but this one "
			"is a %s",
			req->board_kind, kind);
	memcpy(d->digest.b, req->manifest_digest.data, DIGEST_SIZE);
	manifest_slot_id(&d->digest, d->id);
	d->manifest_size = req->manifest_size;
	d->boot_bytes = req->boot_bytes;
	d->initramfs = req->initramfs;
	d->modules_only = d->conf.modules_only = req->modules_only;
	snprintf(d->release, sizeof(d->release), "%s", req->release);
	snprintf(d->arch, sizeof(d->arch), "%s", req->arch);
	return 0;
}

static int choose_chain(struct deploy *d, const Kferry__PlanRequest *req,
			struct kf_error *err)
{
	const bool named = *req->chain || (d->a->conf.chain && *d->a->conf.chain);
	struct kf_error none = {0};
	char note[256] = "";
	int rc = 0;

	d->kexec = req->kexec;
	if (d->kexec)
		rc = boot_kexec.probe(d->a, note, err);
	if (rc < 0)
		return kf_err_wrap(err, "boot chain kexec");
	rc = boot_select(d->a, req->chain, &d->chain, &none);
	/* A board whose own chain cannot start anything once: kexec alone, then. */
	if (rc < 0 && d->kexec && !named) {
		d->chain = &boot_kexec;
		rc = 0;
	}
	if (rc == 0) {
		d->conf.chain = strdup(d->chain->name);
		return d->conf.chain ? 0 : oserr(err, -ENOMEM, "choose a boot chain");
	}
	d->chain = NULL;
	if (!req->no_arm)
		*err = none;
	return req->no_arm ? 0 : rc;
}

static int make_cmdline(struct deploy *d, const Kferry__PlanRequest *req,
			struct kf_error *err)
{
	_slot_ struct slot running = {.fd = -1};
	struct cmdline_ask ask = {
		.base = req->cmdline, .extra = req->cmdline_extra, .slot = d->id};
	struct kf_error ignored;

	if (d->a->boot.slot[0] &&
	    slot_open(d->a, d->a->boot.slot, &running, &ignored) == 0)
		ask.running_base = running.conf.base;
	d->conf.base_given = *req->cmdline || running.conf.base_given;
	return cmdline_make(d->a, &ask, &d->conf.base, &d->conf.cmdline, err);
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Does the slot's initramfs do for what is asked? */
static bool initramfs_fits(const struct deploy *d)
{
	static const char *const names[] = {
		[KFERRY__INITRAMFS__INITRAMFS_GRAFT] = "graft",
		[KFERRY__INITRAMFS__INITRAMFS_GRAFT_ALL] = "graft-all",
		[KFERRY__INITRAMFS__INITRAMFS_DISTRO] = "distro",
		[KFERRY__INITRAMFS__INITRAMFS_NONE] = "none",
	};
	const char *how = d->slot.conf.initramfs;

	if (!how)
		return !d->chain;
	if ((unsigned)d->initramfs >= ARRAY_SIZE(names) || !names[d->initramfs])
		return true;
	return strcmp(how, "package") == 0 || strcmp(how, names[d->initramfs]) == 0;
}

static bool is_of_another_image(const struct deploy *d)
{
	return d->slot.conf.base &&
	       !cmdline_same_image(d->a, d->slot.conf.base, d->conf.base, NULL);
}

/* An initramfs made under one system image need not find the root of another. */
static bool initramfs_follows(const struct deploy *d)
{
	const char *how = d->slot.conf.initramfs;

	return d->chain && how && strcmp(how, "none") != 0 &&
	       strcmp(how, "package") != 0 && is_of_another_image(d);
}

bool deploy_slot_is_kept(const struct deploy *d)
{
	const struct state *s = &d->a->state;

	return strcmp(d->id, s->known_good) == 0 || strcmp(d->id, s->default_slot) == 0 ||
	       state_default_may_be(s, d->id);
}

/* The same package again: nothing to do, another entry, or refused. */
static int look_at_slot(struct deploy *d, const Kferry__PlanRequest *req,
			struct kf_error *err)
{
	bool asked = *req->cmdline || *req->cmdline_extra, kept;

	if (d->modules_only) {
		d->installed = true;
		return 0;
	}
	pthread_mutex_lock(&d->a->state_lock);
	kept = deploy_slot_is_kept(d);
	pthread_mutex_unlock(&d->a->state_lock);
	d->new_initrd = !initramfs_fits(d) || initramfs_follows(d);
	d->installed = same(d->conf.cmdline, d->slot.conf.cmdline) &&
		       (!d->chain || same(d->conf.chain, d->slot.conf.chain)) &&
		       !d->new_initrd;
	/* A known-good slot's own way of booting is right when no other was asked for. */
	if (!d->installed && kept && !asked && !is_of_another_image(d))
		d->installed = true;
	if (d->installed)
		return 0;
	if (kept)
		return kf_err(err, -EBUSY, KF_REASON_SLOT_IN_USE,
			      "slot %s is the known-good or default one and boots with "
			      "another command line; it is never changed: build another "
			      "kernel, or roll back to another slot first",
			      d->id);
	if (d->new_initrd && strcmp(d->id, d->a->boot.slot) == 0)
		return kf_err(err, -EBUSY, KF_REASON_SLOT_IN_USE,
			      "slot %s is running; its initramfs cannot be replaced now",
			      d->id);
	return 0;
}

/* The id is the start of the digest only: another package may share it. */
static int check_collision(struct deploy *d, const struct digest *is, const char *what,
			   struct kf_error *err)
{
	if (digest_equal(is, &d->digest))
		return 0;
	return kf_err(err, -EEXIST, KF_REASON_EXISTS,
		      "%s %s is of another package whose digest begins alike; remove it "
		      "(kferry kernels rm %s) or build again",
		      what, d->id, d->id);
}

/* What a removal or an install that failed left of it is as good as received. */
static int take_back(struct deploy *d, struct kf_error *err)
{
	char path[SLOT_PATH];
	int rc = 0;

	snprintf(path, sizeof(path), SLOTS_DIR "/%s", d->id);
	pthread_mutex_lock(&d->a->chain_lock);
	if (fs_exists(d->a->state_fd, path))
		rc = recover_unflipped(d->a, d->id, err);
	pthread_mutex_unlock(&d->a->chain_lock);
	return rc;
}

static int find_slot(struct deploy *d, const Kferry__PlanRequest *req,
		     struct kf_error *err)
{
	struct manifest again = {0};
	const struct state_slot *entry;
	struct digest is;
	bool gone;
	int rc;

	pthread_mutex_lock(&d->a->state_lock);
	entry = state_find(&d->a->state, d->id);
	gone = !entry || entry->state == KFERRY__SLOT_STATE__SLOT_GONE;
	pthread_mutex_unlock(&d->a->state_lock);
	if (gone)
		return take_back(d, err);
	rc = slot_open(d->a, d->id, &d->slot, err);
	if (rc < 0)
		return rc;
	rc = slot_read_manifest(d->slot.fd, d->id, &again, &is, err);
	manifest_fini(&again);
	if (rc == 0)
		rc = check_collision(d, &is, "slot", err);
	return rc < 0 ? rc : look_at_slot(d, req, err);
}

static void open_staging(struct deploy *d)
{
	char path[SLOT_PATH];

	snprintf(path, sizeof(path), STAGING_DIR "/%s", d->id);
	d->staging_fd = fs_open_beneath(d->a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
}

static int alloc_maps(struct deploy *d, size_t n)
{
	d->wanted = calloc(1, n / 8 + 1);
	d->fresh = calloc(1, n / 8 + 1);
	return d->wanted && d->fresh ? 0 : -ENOMEM;
}

/* A manifest that an interrupted deploy of this package left. */
static void find_staging(struct deploy *d)
{
	struct kf_error ignored;
	struct digest is;

	open_staging(d);
	if (d->staging_fd < 0)
		return;
	if (slot_read_manifest(d->staging_fd, d->id, &d->manifest, &is, &ignored) == 0) {
		if (digest_equal(&is, &d->digest) &&
		    alloc_maps(d, d->manifest.n_files) == 0) {
			d->have_manifest = true;
			return;
		}
		manifest_fini(&d->manifest);
		d->manifest = (struct manifest){0};
	}
	cleanup_close(&d->staging_fd);
	d->staging_fd = -1;
}

static uint64_t initramfs_bytes(const struct deploy *d)
{
	return d->chain ? initramfs_estimate(d->a, d->chain, d->initramfs) : 0;
}

/* What the boot file system takes at least; all of it is known when the initramfs is
 * made, and checked then.  A generous guess would refuse what fits. */
static uint64_t boot_bytes(const struct deploy *d)
{
	return d->chain ? space_add(d->boot_bytes,
				    initramfs_least(d->a, d->chain, d->initramfs))
			: 0;
}

/* A slot that is staged where it shall be has its files there. */
static uint64_t restage_bytes(const struct deploy *d)
{
	if (!d->chain || !same(d->conf.chain, d->slot.conf.chain))
		return boot_bytes(d);
	return d->new_initrd ? initramfs_least(d->a, d->chain, d->initramfs) : 0;
}

/* Before a byte is sent.  Which files are missing is known later; where the board can
 * have none of them that is all of them. */
static int check_space(struct deploy *d, const Kferry__PlanRequest *req,
		       struct kf_error *err)
{
	uint64_t initrd = initramfs_bytes(d), state = initrd;

	if (d->installed)
		return 0;
	if (d->slot.fd >= 0)
		return space_check(d->a, d->chain, d->id, d->new_initrd ? initrd : 0,
				   restage_bytes(d), err);
	state = space_add(state, d->manifest_size);
	pthread_mutex_lock(&d->a->state_lock);
	if (d->a->state.n_slots == 0 && !d->have_manifest)
		state = space_add(state, req->total_bytes);
	pthread_mutex_unlock(&d->a->state_lock);
	return space_check(d->a, d->chain, d->id, state, boot_bytes(d), err);
}

/* A place in the state for one more, before anything is sent for it. */
static int check_room(struct deploy *d, struct kf_error *err)
{
	bool full;
	int rc = 0;

	if (d->slot.fd >= 0)
		return 0;
	pthread_mutex_lock(&d->a->state_lock);
	full = d->a->state.n_slots == STATE_SLOTS;
	pthread_mutex_unlock(&d->a->state_lock);
	if (full)
		rc = slot_retain(d->a, err);
	return rc;
}

/* Recovery clears away what is half done, and a deploy's is. */
static int check_settled(struct agent *a, struct kf_error *err)
{
	bool settling;

	pthread_mutex_lock(&a->state_lock);
	settling = a->settling;
	pthread_mutex_unlock(&a->state_lock);
	if (!settling)
		return 0;
	return kf_err(err, -EBUSY, KF_REASON_BUSY,
		      "the agent has started and is still putting the board in order: "
		      "what runs as its boot chain takes long (the agent's log says "
		      "what); try again in a moment");
}

static int begin(struct deploy *d, const Kferry__PlanRequest *req, const char *holder,
		 struct kf_error *err)
{
	int rc;

	rc = check_settled(d->a, err);
	if (rc == 0)
		rc = lock_take(d->a, holder, &d->lock_fd, err);
	if (rc == 0)
		rc = check_request(d, req, err);
	if (rc == 0 && d->modules_only)
		rc = shown_check_release(d->a, d->release, err);
	else if (rc == 0)
		rc = choose_chain(d, req, err);
	if (rc == 0 && !d->modules_only)
		rc = make_cmdline(d, req, err);
	if (rc == 0)
		rc = find_slot(d, req, err);
	if (rc < 0)
		return rc;
	if (d->slot.fd < 0)
		find_staging(d);
	if (d->slot.fd < 0 && req->delta && bases_new(d->a, &d->bases) < 0)
		return oserr(err, -ENOMEM, "look for older versions");
	rc = check_room(d, err);
	return rc < 0 ? rc : check_space(d, req, err);
}

int deploy_begin(struct agent *a, const Kferry__PlanRequest *req, const char *holder,
		 struct deploy **ret, Kferry__Plan *ret_plan, struct kf_error *err)
{
	struct deploy *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	d->a = a;
	d->lock_fd = d->staging_fd = d->slot.fd = -1;
	rc = begin(d, req, holder, err);
	if (rc < 0) {
		deploy_end(d);
		return rc;
	}
	log_info("deploy id=%s holder=\"%s\" event=begin installed=%d resumed=%d", d->id,
		 holder, d->installed, d->have_manifest);
	ret_plan->have_manifest = d->slot.fd >= 0 || d->have_manifest;
	ret_plan->slot = d->id;
	ret_plan->installed = d->installed;
	ret_plan->chain = d->conf.chain ? d->conf.chain : (char *)"";
	if (d->bases && bases_manifest(d->bases)) {
		ret_plan->manifest_base.data = (uint8_t *)bases_manifest(d->bases)->b;
		ret_plan->manifest_base.len = DIGEST_SIZE;
	}
	*ret = d;
	return 0;
}

static int check_manifest(struct deploy *d, const void *data, size_t n,
			  struct kf_error *err)
{
	struct digest is;
	int rc;

	digest_bytes(data, n, &is);
	if (n != d->manifest_size || !digest_equal(&is, &d->digest))
		return kf_err(err, -EBADMSG, KF_REASON_DIGEST,
			      "the manifest that arrived is not the one announced");
	rc = manifest_parse(data, n, &d->manifest, err);
	if (rc < 0)
		return rc;
	if (strcmp(d->manifest.release, d->release) != 0 ||
	    strcmp(d->manifest.arch, d->arch) != 0)
		return kf_err(err, -EBADMSG, KF_REASON_MANIFEST,
			      "the manifest is of %s for %s, but %s for %s was announced",
			      d->manifest.release, d->manifest.arch, d->release, d->arch);
	rc = alloc_maps(d, d->manifest.n_files);
	return rc < 0 ? oserr(err, rc, "take the manifest") : 0;
}

int deploy_manifest(struct deploy *d, const void *data, size_t n, struct kf_error *err)
{
	_buf_ struct buf made = BUF_INIT;
	char path[SLOT_PATH];
	int rc;

	if (d->slot.fd >= 0 || d->have_manifest)
		return kf_err(err, -EINVAL, KF_REASON_PROTOCOL,
			      "the board has this manifest already");
	rc = manifest_in(d->bases, d->manifest_size, &data, &n, &made, err);
	if (rc == 0)
		rc = check_manifest(d, data, n, err);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), STAGING_DIR "/%s", d->id);
	/* What stands there has another manifest, or none: it is of no use as it is. */
	rc = fs_remove_tree(d->a->state_fd, path);
	if (rc == 0)
		rc = fs_mkdirs(d->a->state_fd, path);
	if (rc < 0)
		return oserr(err, rc, "make %s/%s", d->a->conf.state_dir, path);
	open_staging(d);
	if (d->staging_fd < 0)
		return oserr(err, d->staging_fd, "open %s/%s", d->a->conf.state_dir,
			     path);
	rc = fs_replace(d->staging_fd, MANIFEST_FILE, data, n, 0644);
	if (rc < 0)
		return oserr(err, rc, "write the manifest of %s", d->id);
	d->have_manifest = true;
	d->staging_new = true;
	return 0;
}

int deploy_need(struct deploy *d, Kferry__Need *ret, struct kf_error *err)
{
	const struct manifest *m = d->slot.fd >= 0 ? &d->slot.manifest : &d->manifest;
	size_t n = m->n_files;
	uint64_t initrd = initramfs_bytes(d);
	int rc = 0;

	if (d->slot.fd >= 0 && !d->wanted) {
		rc = alloc_maps(d, n);
		if (rc < 0)
			return oserr(err, rc, "say what is needed");
	} else if (d->slot.fd < 0 && !d->have_manifest) {
		return kf_err(err, -EINVAL, KF_REASON_PROTOCOL,
			      "what is needed was asked before the manifest came");
	}
	if (d->kexec)
		rc = kexec_dtbs_check(d->a, m, err);
	if (rc == 0 && d->modules_only)
		rc = shown_check(d->a, m, -1, err);
	if (rc < 0)
		return rc;
	if (d->slot.fd < 0) {
		rc = have_find(d, err);
		if (rc < 0)
			return rc;
		have_drop_others(d);
		rc = space_check(d->a, d->chain, d->id,
				 space_add(d->wanted_bytes, initrd), boot_bytes(d), err);
		if (rc < 0)
			return rc;
		if (d->bases && d->wanted_files > 0)
			rc = bases_find(d->bases, m, d->wanted, &d->base_table);
		if (rc < 0)
			return oserr(err, rc, "look for older versions");
	}
	ret->bitmap.data = d->wanted;
	ret->bitmap.len = (n + 7) / 8;
	ret->files = (uint32_t)n;
	ret->bytes = d->wanted_bytes;
	ret->bases = buf_len(&d->base_table) > 0;
	return 0;
}

const struct buf *deploy_bases(const struct deploy *d)
{
	return &d->base_table;
}

void deploy_end(struct deploy *d)
{
	char path[SLOT_PATH];

	if (!d)
		return;
	verify_stop(d);
	cleanup_close(&d->staging_fd);
	snprintf(path, sizeof(path), STAGING_DIR "/%s", d->id);
	if (d->drop_staging && fs_remove_tree(d->a->state_fd, path) < 0)
		log_warn("deploy id=%s error=\"the staging directory stays\"", d->id);
	slot_close(&d->slot);
	manifest_fini(&d->manifest);
	slot_conf_fini(&d->conf);
	bases_free(d->bases);
	buf_fini(&d->base_table);
	free(d->wanted);
	free(d->fresh);
	cleanup_close(&d->lock_fd);
	free(d);
}

void deploy_holder(const struct agent *a, char *dst, size_t size)
{
	lock_holder(a, dst, size);
}
