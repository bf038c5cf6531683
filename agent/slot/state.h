/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's durable state: which slots there are and in which state, which one is
 * known-good, which is the default, and the trial.  One text file, `state` in the state
 * directory, ending in a digest of itself and replaced as a whole by fs_replace(): that
 * replacement is the one atomic step of every operation.
 *
 * A file with a line that this version does not know counts as damaged, as what it says
 * may matter: the slots are then found again, and the board's own kernel is known-good.
 * For what may be lost a later version has lines "optional KEY VALUE", before those of
 * the slots: an agent passes over the ones that it does not know, and they are gone with
 * its next change.  What such a line says must change the meaning of no other.  Of this
 * version there is "optional next-default SLOT".
 */
#ifndef KF_STATE_H
#define KF_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "kferry.pb-c.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/manifest.h"

#define FOREIGN	    "foreign" /* in place of a slot id: the board's own kernel */
#define STATE_SLOTS 32	      /* more are never kept */

struct state_slot {
	char id[SLOT_ID_SIZE];
	Kferry__SlotState state;
	uint64_t number; /* counts installs */
};

/* A trial that kexec starts is lost in a reset, other than one that firmware starts. */
enum state_kexec {
	STATE_KEXEC_NOT, /* another chain starts it */
	STATE_KEXEC_LOADED,
	STATE_KEXEC_STARTED, /* the board went down in order to start it */
};

struct state_trial {
	Kferry__Trial phase;
	char slot[SLOT_ID_SIZE];
	unsigned confirm_timeout_s;
	char armed_boot_id[40]; /* the boot in which it was armed */
	char boot_id[40];	/* the boot in which it ran, "" before */
	enum state_kexec kexec;
};

/* A trial that still runs, and another slot was armed meanwhile: its deadline goes on. */
struct state_unconfirmed {
	char slot[SLOT_ID_SIZE]; /* "": there is none */
	unsigned confirm_timeout_s;
	char boot_id[40]; /* counts in this boot only */
};

/* Whose modules are shown in the place of the running slot's own. */
struct state_modules {
	char slot[SLOT_ID_SIZE]; /* "": nobody's; else one of the slots */
	char boot_id[40];	 /* counts in this boot only */
};

struct state {
	uint64_t next_number;	       /* of slots */
	uint64_t next_boot;	       /* of boots */
	char known_good[SLOT_ID_SIZE]; /* slot or FOREIGN */
	char default_slot[SLOT_ID_SIZE];
	/* What the boot chains are being told to start by default, until default_slot
	 * says so too; "" or default_slot: nothing else than that. */
	char next_default[SLOT_ID_SIZE];
	struct state_trial trial;
	struct state_unconfirmed unconfirmed;
	struct state_modules modules;
	struct state_slot slots[STATE_SLOTS];
	unsigned n_slots;
};

/* A board that was never deployed to. */
void state_init(struct state *s);
/* 0; -ENOENT: there is none yet (s is state_init()ed); -EBADMSG: damaged (likewise, err
 * says). */
int state_load(int state_fd, struct state *s, struct kf_error *err) _must_check_;
int state_save(int state_fd, const struct state *s, struct kf_error *err) _must_check_;
/* Save a change; when that fails it is as if there had been none: *s is *before again,
 * and so is the file, which a save that fails late may have replaced. */
int state_change(int state_fd, struct state *s, const struct state *before,
		 struct kf_error *err) _must_check_;

/* The file's text: the digest at its end is checked, then every line; -EBADMSG. */
int state_parse(const void *data, size_t n, struct state *ret,
		struct kf_error *err) _must_check_;
int state_emit(const struct state *s, struct buf *out) _must_check_;

/* The boot chains may start by default what default_slot does not say. */
bool state_default_changes(const struct state *s);
/* May it be this slot? */
bool state_default_may_be(const struct state *s, const char *slot);
struct state_slot *state_find(struct state *s, const char *id);
/* Add or find; NULL when STATE_SLOTS are there. */
struct state_slot *state_add(struct state *s, const char *id);
void state_drop(struct state *s, const char *id);

#endif
