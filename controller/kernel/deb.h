/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debian packages: an ar archive of control.tar.* and data.tar.*. */
#ifndef KF_DEB_H
#define KF_DEB_H

#include "controller/kernel/unpack.h"

#define DEB_MAGIC "!<arch>\n"

struct deb_control {
	char package[128];
	char arch[32]; /* in the manifest's words */
	char depends[512];
};

/* The fields of a control file that matter here; what is not there is "". */
void deb_parse_control(const char *text, struct deb_control *ret);
/* Unpack from the start of fd.  ret is filled as far as was read, also on errors. */
int deb_unpack(struct unpack *u, int fd, struct deb_control *ret,
	       struct kf_error *err) _must_check_;
/* Once unpacked: err when this is no package of a bootable kernel, saying what it is and
 * which one to take. */
int deb_check(const struct unpack *u, const struct deb_control *c,
	      struct kf_error *err) _must_check_;

#endif
