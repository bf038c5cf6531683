/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kinds of link give to link.c; nobody else includes it. */
#ifndef KF_LINK_IMPL_H
#define KF_LINK_IMPL_H

#include "controller/link/link.h"

struct link_kind {
	const char *prefix; /* of board.link: "exec:" */
	/* rest: what stands after the prefix.  *ret_describe is the caller's to free. */
	int (*open)(const struct config *cfg, const char *board, const char *rest,
		    deadline_ms deadline, void **ret, int *ret_fd, char **ret_describe,
		    struct kf_error *err);
	int (*failure)(void *impl, struct kf_error *err);
	void (*close)(void *impl, int fd);
	bool (*peer)(const void *impl, struct sockaddr_storage *ret); /* may be NULL */
	const char *(*note)(const void *impl);			      /* may be NULL */
	/* Runners; run_open NULL: board.run is used. */
	int (*run_open)(const struct config *cfg, const char *board, deadline_ms deadline,
			void **ret, struct kf_error *err);
	int (*run)(void *impl, const struct link_run *run, int *ret_status,
		   struct kf_error *err);
	void (*run_close)(void *impl);
};

extern const struct link_kind link_exec, link_unix, link_ssh;

/* The error of an agent's bridge that ended so, its last words in line. */
int link_bridge_ended(int status, const char *line, struct kf_error *err);
/* Does this exit status or text mean that there is no agent? */
bool link_means_no_agent(int status, const char *text);

#endif
