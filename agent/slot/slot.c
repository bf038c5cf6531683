/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots on disk: opening one, how it boots (slot.conf), removal and retention.
 *
 * A slot goes in three steps, each durable before the next: its state becomes gone, the
 * boot chain's part goes, the entry and then the files go.  deploy_recover() finishes
 * what a crash leaves of that.
 */
#include "agent/slot/slot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/oserr.h"
#include "agent/slot/slot_modules.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CONF_FILE "slot.conf"
#define CONF_MAX  16384

void slot_close(struct slot *s)
{
	cleanup_close(&s->fd);
	s->fd = -1;
	manifest_fini(&s->manifest);
	slot_conf_fini(&s->conf);
}

int slot_read_manifest(int dir_fd, const char *id, struct manifest *ret,
		       struct digest *ret_digest, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	struct digest digest;
	char is[SLOT_ID_SIZE];
	int rc;

	rc = fs_read_file(dir_fd, "manifest", LIMIT_MANIFEST, &text);
	if (rc < 0)
		return oserr(err, rc, "read the manifest of slot %s", id);
	digest_bytes(buf_data(&text), buf_len(&text), &digest);
	manifest_slot_id(&digest, is);
	if (strcmp(is, id) != 0)
		return kf_err(err, -EBADMSG, KF_REASON_STATE,
			      "the manifest of slot %s is not the one that was installed "
			      "(it would be %s)",
			      id, is);
	rc = manifest_parse(buf_data(&text), buf_len(&text), ret, err);
	if (rc == 0 && ret_digest)
		*ret_digest = digest;
	return rc;
}

int slot_open(const struct agent *a, const char *id, struct slot *ret,
	      struct kf_error *err)
{
	_slot_ struct slot s = {.fd = -1};
	char path[SLOT_PATH];
	int rc;

	if (!text_is_slot(id))
		return kf_err(err, -EINVAL, KF_REASON_NO_SLOT,
			      "\"%.64s\" is not the name of a slot", id);
	snprintf(path, sizeof(path), SLOTS_DIR "/%s", id);
	s.fd = fs_open_beneath(a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (s.fd == -ENOENT)
		return kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			      "there is no slot %s on this board", id);
	if (s.fd < 0)
		return oserr(err, s.fd, "open slot %s", id);
	snprintf(s.id, sizeof(s.id), "%s", id);
	rc = slot_read_manifest(s.fd, id, &s.manifest, NULL, err);
	if (rc < 0)
		return rc;
	rc = slot_conf_load(s.fd, &s.conf);
	if (rc < 0)
		return oserr(err, rc, "read slot.conf of slot %s", id);
	*ret = s;
	s = (struct slot){.fd = -1};
	return 0;
}

void slot_conf_fini(struct slot_conf *c)
{
	free(TAKE_PTR(c->chain));
	free(TAKE_PTR(c->parked));
	free(TAKE_PTR(c->cmdline));
	free(TAKE_PTR(c->base));
	free(TAKE_PTR(c->initramfs));
	c->initrd_base = 0;
	c->base_given = c->modules_only = false;
}

static int conf_line(struct slot_conf *c, char *line)
{
	struct {
		const char *key;
		char **at;
	} texts[] = {{"chain", &c->chain},
		     {"parked", &c->parked},
		     {"cmdline", &c->cmdline},
		     {"base", &c->base},
		     {"initramfs", &c->initramfs}};
	char *value = strchr(line, ' ');

	if (!value)
		return *line ? -EBADMSG : 0;
	*value++ = '\0';
	if (strcmp(line, "base-given") == 0) {
		c->base_given = strcmp(value, "yes") == 0;
		return 0;
	}
	if (strcmp(line, "modules-only") == 0) {
		c->modules_only = strcmp(value, "yes") == 0;
		return 0;
	}
	if (strcmp(line, "initrd-base") == 0)
		return sscanf(value, "%" SCNu64, &c->initrd_base) == 1 ? 0 : -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (strcmp(line, texts[i].key) != 0)
			continue;
		free(*texts[i].at);
		*texts[i].at = strdup(value);
		return *texts[i].at ? 0 : -ENOMEM;
	}
	return 0; /* a newer agent's */
}

int slot_conf_load(int slot_fd, struct slot_conf *ret)
{
	_slot_conf_ struct slot_conf c = {0};
	_buf_ struct buf text = BUF_INIT;
	char *at;
	int rc;

	rc = fs_read_file(slot_fd, CONF_FILE, CONF_MAX, &text);
	if (rc < 0)
		return rc;
	at = (char *)buf_str(&text);
	if (!at)
		return -ENOMEM;
	for (char *line; rc == 0 && (line = strsep(&at, "\n"));)
		rc = conf_line(&c, line);
	if (rc < 0)
		return rc;
	*ret = c;
	c = (struct slot_conf){0};
	return 0;
}

static int put_line(struct buf *b, const char *key, const char *value)
{
	if (!value || !*value)
		return 0;
	/* Two lines in one value would become two settings. */
	if (strchr(value, '\n'))
		return -EINVAL;
	return buf_printf(b, "%s %s\n", key, value);
}

int slot_conf_save(int slot_fd, const struct slot_conf *c, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc;

	rc = put_line(&text, "chain", c->chain);
	if (rc == 0)
		rc = put_line(&text, "parked", c->parked);
	if (rc == 0)
		rc = put_line(&text, "cmdline", c->cmdline);
	if (rc == 0)
		rc = put_line(&text, "base", c->base);
	if (rc == 0)
		rc = put_line(&text, "base-given", c->base_given ? "yes" : NULL);
	if (rc == 0)
		rc = put_line(&text, "modules-only", c->modules_only ? "yes" : NULL);
	if (rc == 0)
		rc = put_line(&text, "initramfs", c->initramfs);
	if (rc == 0 && c->initrd_base)
		rc = buf_printf(&text, "initrd-base %" PRIu64 "\n", c->initrd_base);
	if (rc == 0)
		rc = fs_replace(slot_fd, CONF_FILE, buf_data(&text), buf_len(&text),
				0644);
	return rc < 0 ? oserr(err, rc, "write slot.conf") : 0;
}

const char *slot_left_at(const struct slot_conf *c)
{
	return c->chain ? c->chain : c->parked;
}

int slot_bytes(const struct slot *s, uint64_t *ret)
{
	return fs_tree_bytes(s->fd, ".", ret);
}

bool slot_matches_running(const struct agent *a, const struct manifest *m)
{
	if (m->build_id && a->boot.build_id[0])
		return strcmp(m->build_id, a->boot.build_id) == 0;
	return m->banner && a->boot.banner && strcmp(m->banner, a->boot.banner) == 0;
}

int slot_check_unused(struct agent *a, const char *id, struct kf_error *err)
{
	const struct state *s = &a->state;
	const char *why = NULL, *what = "";

	if (strcmp(id, a->boot.slot) == 0) {
		why = "it is running";
		what = "; boot another kernel first";
	} else if (strcmp(id, s->known_good) == 0) {
		why = "it is the known-good one";
		what = "; make another one known-good first (kferry kernels rollback)";
	} else if (strcmp(id, s->default_slot) == 0) {
		why = "it is the default";
		what = "; make another one the default first (kferry kernels rollback)";
	} else if (state_default_may_be(s, id)) {
		why = "the board may still start it by default";
		what = "; say which one is to be the default (kferry kernels rollback)";
	} else if (strcmp(id, s->trial.slot) == 0 &&
		   (s->trial.phase == KFERRY__TRIAL__TRIAL_ARMED ||
		    s->trial.phase == KFERRY__TRIAL__TRIAL_RUNNING)) {
		why = "its trial is under way";
		what = "; end the trial first (kferry kernels rollback)";
	} else if (strcmp(id, s->modules.slot) == 0 &&
		   strcmp(s->modules.boot_id, a->boot.boot_id) == 0) {
		why = "its modules are shown to the running kernel";
		what = "; show that one's own first (kferry module restore)";
	}
	if (!why)
		return 0;
	return kf_err(err, -EBUSY, KF_REASON_SLOT_IN_USE,
		      "slot %s cannot be removed: %s%s", id, why, what);
}

/* The chain that slot.conf names; where it does not (a damaged slot, or one whose boot
 * entry was being changed) the board's. */
static const struct boot_chain *chain_of(const struct agent *a, int slot_fd)
{
	_slot_conf_ struct slot_conf conf = {0};
	const struct boot_chain *chain = NULL;
	struct kf_error err;

	if (slot_fd >= 0 && slot_conf_load(slot_fd, &conf) == 0 && slot_left_at(&conf))
		return boot_find(slot_left_at(&conf));
	return boot_select(a, NULL, &chain, &err) < 0 ? NULL : chain;
}

int slot_unstage(const struct agent *a, const char *id, struct kf_error *err)
{
	const struct boot_chain *chain;
	char path[SLOT_PATH];
	_close_ int fd = -1;
	int rc;

	snprintf(path, sizeof(path), SLOTS_DIR "/%s", id);
	fd = fs_open_beneath(a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
	chain = chain_of(a, fd);
	if (!chain)
		return 0;
	rc = chain->remove(a, id, err);
	if (rc < 0)
		kf_err_wrap(err, "remove slot %s from boot chain %s", id, chain->name);
	return rc;
}

/* slot.conf first: what it says is there must be there.  What a cut leaves is found by
 * the name of the chain that it was in. */
static int forget_entry(struct agent *a, const struct boot_chain *chain, const char *id,
			struct kf_error *err)
{
	_slot_ struct slot s = {.fd = -1};
	const char *left;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	rc = slot_check_unused(a, id, err);
	pthread_mutex_unlock(&a->state_lock);
	if (rc == 0)
		rc = slot_open(a, id, &s, err);
	if (rc < 0)
		return rc;
	left = slot_left_at(&s.conf);
	if (left && strcmp(left, chain->name) != 0)
		return 0;
	if (s.conf.chain) {
		free(s.conf.parked);
		s.conf.parked = TAKE_PTR(s.conf.chain);
		rc = slot_conf_save(s.fd, &s.conf, err);
	}
	if (rc == 0)
		rc = chain->remove(a, id, err);
	if (rc < 0 || !s.conf.parked)
		return rc;
	free(TAKE_PTR(s.conf.parked));
	return slot_conf_save(s.fd, &s.conf, err);
}

int slot_park(struct agent *a, const struct boot_chain *chain, const char *id,
	      struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	rc = forget_entry(a, chain, id, err);
	pthread_mutex_unlock(&a->chain_lock);
	if (rc == 0)
		log_info("slot id=%s chain=%s event=parked", id, chain->name);
	return rc;
}

int slot_discard(struct agent *a, const char *id, struct kf_error *err)
{
	char path[SLOT_PATH];
	int rc;

	rc = slot_unstage(a, id, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&a->state_lock);
	if (state_find(&a->state, id)) {
		struct state before = a->state;

		state_drop(&a->state, id);
		rc = state_change(a->state_fd, &a->state, &before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	if (rc < 0)
		return rc;
	slot_forget_modules(a, id);
	snprintf(path, sizeof(path), SLOTS_DIR "/%s", id);
	rc = fs_remove_tree(a->state_fd, path);
	return rc < 0 ? oserr(err, rc, "remove the files of slot %s", id) : 0;
}

/* Check and mark it as going; from here on nothing else may use it. */
static int begin_remove(struct agent *a, const char *id, struct kf_error *err)
{
	struct state_slot *entry;
	struct state before;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	entry = state_find(&a->state, id);
	if (!entry)
		rc = kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			    "there is no slot %.64s on this board", id);
	else
		rc = slot_check_unused(a, id, err);
	if (rc == 0) {
		entry->state = KFERRY__SLOT_STATE__SLOT_GONE;
		rc = state_change(a->state_fd, &a->state, &before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

/* What fails in the middle leaves the slot gone: its boot entry may be half there.  The
 * next removal, the next start, or a deploy of the same package goes on from there. */
int slot_remove(struct agent *a, const char *id, struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	rc = begin_remove(a, id, err);
	if (rc == 0)
		rc = slot_discard(a, id, err);
	pthread_mutex_unlock(&a->chain_lock);
	if (rc == 0)
		log_info("slot id=%s event=removed", id);
	return rc;
}

static bool is_bad(const struct state_slot *s)
{
	return s->state == KFERRY__SLOT_STATE__SLOT_BAD;
}

/* One whose slot.conf cannot be read is taken for one that boots. */
static bool is_for_modules(const struct agent *a, const char *id)
{
	_slot_conf_ struct slot_conf conf = {0};
	char path[SLOT_PATH];
	_close_ int fd = -1;

	snprintf(path, sizeof(path), SLOTS_DIR "/%.*s", SLOT_ID_SIZE - 1, id);
	fd = fs_open_beneath(a->state_fd, path, O_RDONLY | O_DIRECTORY, 0);
	return fd >= 0 && slot_conf_load(fd, &conf) == 0 && conf.modules_only;
}

static void take_older(const struct state_slot **oldest, const struct state_slot *s)
{
	if (!*oldest || s->number < (*oldest)->number)
		*oldest = s;
}

/* The oldest slot that retention wants gone; false when all may stay.  One that cannot
 * boot by itself is worth less than any that can, however old. */
static bool pick_surplus(struct agent *a, char id[SLOT_ID_SIZE])
{
	const struct state_slot *oldest = NULL, *oldest_bad = NULL,
				*oldest_modules = NULL;
	unsigned loose = 0, bad = 0;

	pthread_mutex_lock(&a->state_lock);
	for (unsigned i = 0; i < a->state.n_slots; i++) {
		const struct state_slot *s = &a->state.slots[i];

		if (slot_check_unused(a, s->id, NULL) < 0)
			continue;
		loose++;
		take_older(&oldest, s);
		if (is_for_modules(a, s->id))
			take_older(&oldest_modules, s);
		if (!is_bad(s))
			continue;
		bad++;
		take_older(&oldest_bad, s);
	}
	if (bad > 1)
		oldest = oldest_bad;
	else if (loose <= a->conf.keep)
		oldest = NULL;
	else if (oldest_modules)
		oldest = oldest_modules;
	if (oldest)
		memcpy(id, oldest->id, SLOT_ID_SIZE);
	pthread_mutex_unlock(&a->state_lock);
	return oldest != NULL;
}

int slot_retain(struct agent *a, struct kf_error *err)
{
	char id[SLOT_ID_SIZE];

	while (pick_surplus(a, id)) {
		int rc = slot_remove(a, id, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}
