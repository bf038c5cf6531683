/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How bad a finding is. */
#ifndef KF_SEVERITY_H
#define KF_SEVERITY_H

enum severity {
	SEVERITY_INFO,	/* good to know */
	SEVERITY_WARN,	/* the kernel complains */
	SEVERITY_ERROR, /* a bug of the kernel, which may go on */
	SEVERITY_FATAL, /* it does not go on */
};

#define SEVERITIES 4

const char *severity_name(enum severity s);
/* info, warn, error, fatal; -EINVAL: it is none. */
int severity_parse(const char *s, enum severity *ret);

#endif
