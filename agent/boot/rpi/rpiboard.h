/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Raspberry Pi as its boot firmware sees it: the FAT with config.txt, the model, the
 * age of the boot loader, and who else uses tryboot.
 */
#ifndef KF_RPIBOARD_H
#define KF_RPIBOARD_H

#include "agent/boot/fatdir.h"
#include "agent/boot/rpi/vcio.h"
#include "proto/base/buf.h"

enum rpi_arm {
	RPI_ARM_NONE,  /* this kernel cannot */
	RPI_ARM_VCIO,  /* reboot flags through the mailbox */
	RPI_ARM_PARAM, /* "0 tryboot" as the argument of the reboot */
};

struct rpiboard {
	struct fatdir fat;
	struct buf config;	/* config.txt */
	char soc[8];		/* "bcm2711" */
	const char *filters[3]; /* of config.txt: "pi4", "pi400" */
	const char *dtb[3];	/* the firmware starts one of them; ends with NULL */
	struct vcio vcio;	/* fd -1: none */
	enum rpi_arm arm;
	int64_t loader_time; /* when the boot loader was built; 0: not told */
};

/* Find them.  What is wrong with the board is rpiboard_check()'s to say, as undoing needs
 * less than doing. */
int rpiboard_open(const struct agent *a, struct rpiboard *ret,
		  struct kf_error *err) _must_check_;
void rpiboard_close(struct rpiboard *b);
#define _rpiboard_ _cleanup_(rpiboard_close)

/* Can this board, running this kernel, start a slot once? */
int rpiboard_check(const struct agent *a, const struct rpiboard *b,
		   struct kf_error *err) _must_check_;

/* The flag that makes the next boot read tryboot.txt. */
int rpiboard_arm(const struct agent *a, const struct rpiboard *b,
		 struct kf_error *err) _must_check_;
/* 1, 0 or negative. */
int rpiboard_armed(const struct agent *a, const struct rpiboard *b) _must_check_;
int rpiboard_disarm(const struct agent *a, const struct rpiboard *b,
		    struct kf_error *err) _must_check_;

/* When the boot loader was built: "2024-04-15". */
void rpiboard_loader_date(const struct rpiboard *b, char dst[static 16]);
/* Does a distribution's package write config.txt?  Its name, or NULL. */
const char *rpiboard_config_owner(const struct agent *a);
/* Does the firmware of this board know kernel_watchdog_timeout? */
bool rpiboard_has_kernel_watchdog(const struct rpiboard *b);

#endif
