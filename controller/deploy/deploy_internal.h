/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of a deploy share: deploy.c (the order of things), greeting.c (the first
 * connection), deploy_push.c (plan, files, install, arm), verdict.c (after the reboot),
 * evidence.c (logs), recording.c (the console), baseline.c (what the known-good kernel
 * says, too), health.c (checks), decoded.c (files and lines of traces), modules.c
 * (without a reboot), rescue.c (a board that does not come back).
 */
#ifndef KF_DEPLOY_INTERNAL_H
#define KF_DEPLOY_INTERNAL_H

#include "controller/deploy/delta.h"
#include "controller/deploy/deploy.h"
#include "controller/deploy/timeline.h"
#include "controller/deploy/wait.h"
#include "controller/log/classifier.h"
#include "proto/kmsg.h"
#include "proto/limits.h"

#define BOOT_ID_SIZE 64

/* How far it went: what an interruption leaves, and whether there is a verdict. */
enum deploy_stage {
	DEPLOY_SENDING,
	DEPLOY_ARMED,
	DEPLOY_REBOOTED,
	DEPLOY_SHOWN, /* its modules, to the kernel that runs */
};

/* A power cycle of a board that did not come back. */
struct rescue {
	bool tried;	  /* there is one in a deploy, at most */
	bool came_back;	  /* by it */
	bool interrupted; /* the error says how the power was left */
};

struct recording;

struct deploy {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	const struct kernel *k;
	const struct deploy_opts *opts;
	struct run *run;
	struct greeting *greeting;	 /* NULL: none, or used up */
	struct client *client;		 /* NULL between connections */
	bool greeted;			 /* that one is old, and was not used yet */
	const struct patterns *patterns; /* of its log */
	struct classifier *classifier;
	struct recording *recording; /* of its console; NULL: there is none */
	const char *phase;	     /* of what is found now; NULL: "boot" */
	uint64_t log_us; /* the last record of this boot's log that was looked at */
	bool kexec;	 /* the trial was armed with kexec */
	bool unproven;	 /* it passed, and is not confirmed because of that */
	bool tested;	 /* opts->tests were run, and passed */
	char tested_text[160];

	char old_boot[BOOT_ID_SIZE];	 /* boot_id before the reboot */
	struct wait_boot boot;		 /* the reboot, once it was asked for */
	char trial_boot[BOOT_ID_SIZE];	 /* of the trial, once it was seen */
	char known_good[LIMIT_NAME + 1]; /* slot, or "foreign"; "": not told yet */
	bool compared;			 /* findings, with those of its boots */
	char chain[LIMIT_NAME + 1];	 /* that the slot is installed on */
	char *log; /* the artifact to name in the verdict, relative to the run; or NULL */
	enum deploy_stage stage;
	uint64_t log_lost; /* records that nobody could look at */
	bool log_cut;	   /* and it floods: no more of it was looked at */
	struct rescue rescue;
};

/* A deadline of the configuration's key from now. */
deadline_ms deploy_deadline(const struct deploy *d, const char *key);
/* From the trial's start until the board gives it up: timeout.confirm, and what its tests
 * may take. */
int64_t deploy_confirm_ms(const struct deploy *d);
/* The first time by the greeting, where there is one. */
int deploy_connect(struct deploy *d, struct kf_error *err) _must_check_;
/* The agent's status; valid until the next use of the client. */
int deploy_status(struct deploy *d, const Kferry__Status **ret,
		  struct kf_error *err) _must_check_;
/* Is it an error of the connection, after which another may do better? */
bool deploy_is_lost(const struct kf_error *err);
/* The board was waited for, and power cycled where it can be, which came to r: if it did
 * not come back, the run says so. */
void deploy_note_gone(struct deploy *d, int r);

/* PLAN to Installed, with one more attempt when the connection is lost; says the step.
 * Both go on for timeout.connect until the agent is there again. */
int deploy_push(struct deploy *d, struct kf_error *err) _must_check_;
/* As delta_write(), but with the other boards of the call that want the same: then
 * nothing is counted in x, and sink is called with no bytes while others are before it:
 * the board has to hear of us. */
int deploy_write_shared(struct deploy *d, struct delta *x, kernel_sink_fn sink, void *arg,
			uint64_t *done, struct kf_error *err) _must_check_;
/* Arm (unless no_reboot); says the step. took_from: when the push had ended. */
int deploy_arm(struct deploy *d, int64_t took_from, struct kf_error *err) _must_check_;

/*
 * The kernel runs, or should: find out what is so, save what there is, confirm.
 * 0: PASS, text says how.  Negative: err has the verdict's reason; cmd_status() of it
 * tells FAIL from ERROR.
 */
int verdict_reach(struct deploy *d, int64_t took_ms, char text[static 256],
		  struct kf_error *err) _must_check_;
/* The error that a finding is: its class and title.  Returns its code. */
int verdict_by_finding(const struct finding *f, int reason, struct kf_error *err);
/* Does what runs wait for a confirmation, also when another slot was armed since? */
bool verdict_waits(const Kferry__Status *st);

/* This boot's log: into "dmesg" and the findings. */
int evidence_log(struct deploy *d, struct kf_error *err) _must_check_;
/* What the trial left, after the board fell back: its log and pstore. */
int evidence_of_trial(struct deploy *d, const char *now_boot,
		      struct kf_error *err) _must_check_;
/* 1: the slot runs, and ret is a boot of it that died between the deploy's reboot and
 * this one; 0: none is known. */
int evidence_find_death(struct deploy *d, const char *now_boot,
			char ret[static BOOT_ID_SIZE], struct kf_error *err) _must_check_;
/* The log of that boot, which has ended, and its pstore. */
int evidence_of_boot(struct deploy *d, const char *boot_id,
		     struct kf_error *err) _must_check_;
/* A record as a line "<6>[    1.234567] text": what `dmesg --raw` prints. */
int evidence_write_record(int fd, const struct kmsg_record *r) _must_check_;
/* Only look through the log of an earlier boot.  1: it cannot be had (err says why). */
int evidence_look_at(struct deploy *d, int boot, const char *boot_id,
		     struct classifier *c, struct kf_error *err) _must_check_;
/* Is this the agent's answer that it has no such thing? */
bool baseline_cannot_be_had(const struct kf_error *err);
/* Mark what boots of the known-good kernel have in their logs, too (there must be logs of
 * them: d->compared).  An error is one of the connection. */
int baseline_compare(struct deploy *d, struct kf_error *err) _must_check_;
/* What was found so far in the logs of the kernel that is judged. */
struct findings *evidence_findings(struct deploy *d);
/* findings.json, and the same in result.json. */
void evidence_save_findings(struct deploy *d);

/* Findings' traces with files and lines, saved again with them; a note says why not. */
void decoded_findings(struct deploy *d);

/*
 * The board's console, where it has one: recorded from before the reboot to the verdict.
 * Nothing that happens to it ends a deploy: it is a warning, also in result.json.
 */
#define RECORDING_SOURCE "console" /* of findings */
/* Is board.console one? */
int recording_check(const struct deploy *d, struct kf_error *err) _must_check_;
void recording_start(struct deploy *d);
/* The reboot will be asked for now. */
void recording_reboot(struct deploy *d);
/* Whether the board is waited for, without an answer. */
void recording_away(struct deploy *d, bool away);
/* What the trial said there: to the findings.  fell_back: another kernel runs now. */
void recording_evidence(struct deploy *d, bool fell_back);
/* The board did not come back, as err says: with what its console told of that.  Returns
 * err's code. */
int recording_not_back(struct deploy *d, struct kf_error *err);
/* No more is recorded; what there is goes to result.json. */
void recording_end(struct deploy *d);

/* Is this deploy's boot to go by kexec? */
bool kexec_is_wanted(const struct deploy *d);
/* The slot has no boot chain but kexec, which makes nothing the default. */
bool kexec_cannot_be_default(const struct deploy *d);
/* Does the configuration allow it?  Nothing is connected for that. */
int kexec_check_allowed(const struct deploy *d, struct kf_error *err) _must_check_;
/* Does the agent know it; would the board do it (one more question)? */
int kexec_check_agent(const struct deploy *d, struct kf_error *err) _must_check_;
int kexec_check_board(struct deploy *d, struct kf_error *err) _must_check_;
/* After the verdict: what a pass by kexec lacks. */
void kexec_say_unproven(struct deploy *d);

/* --modules: would the board take them (d->k NULL: as far as can be known before a
 * build); then all of it, as drive() in deploy.c.  1: there is no verdict, nothing was
 * reloaded. */
int modules_check_board(struct deploy *d, struct kf_error *err) _must_check_;
int modules_drive(struct deploy *d, char text[static 256],
		  struct kf_error *err) _must_check_;

/*
 * The board did not come back: err says how long it was waited for.  Where its power can
 * be switched, it is power cycled, once in a deploy, and waited for again: 0, it is
 * connected.  Negative: err is what it was where there is no power control; else
 * KF_REASON_BOARD_LOST, or why the wait ended.
 */
int rescue_board(struct deploy *d, struct kf_error *err) _must_check_;
/* It came back so: added to the verdict's text. */
void rescue_tell(const struct deploy *d, int r, char text[static 256],
		 struct kf_error *err);

/* Run the profile's checks.  KF_REASON_UNHEALTHY names the one that failed. */
int health_check(struct deploy *d, struct kf_error *err) _must_check_;

#endif
