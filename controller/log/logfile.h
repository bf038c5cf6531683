/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs in files, plain or compressed, and the logs of a run. */
#ifndef KF_LOGFILE_H
#define KF_LOGFILE_H

#include "controller/log/classifier.h"
#include "proto/base/err.h"

/* All of a file ("-": standard input) through the classifier, as one source of that name.
 * One that cannot be read to its end, or that is empty, is an error. */
int logfile_read(struct classifier *c, const char *path, const char *name,
		 uint64_t *lines, struct kf_error *err) _must_check_;

/*
 * What the user calls a log: "-", a file, the directory of a run or of one of its boards,
 * or such a directory's name below base.  *ret is the path (the caller's), *ret_run
 * whether it is a run's.
 */
int logfile_find(const char *base, const char *name, char **ret, bool *ret_run,
		 struct kf_error *err) _must_check_;
/* The newest run (of that board; NULL: of any) below base. */
int logfile_newest(const char *base, const char *board, char **ret,
		   struct kf_error *err) _must_check_;
/* The board that a run's directory is of: the caller's; NULL: not told. */
char *logfile_board(const char *run);
/* Bytes of a file, to the source that the classifier is at, which then ends.  Less is no
 * error. */
int logfile_part(struct classifier *c, int fd, uint64_t from, uint64_t to) _must_check_;
/* The logs of a run: dmesg, what pstore kept, and what the trial said on the console.
 * None is an error. */
int logfile_read_run(struct classifier *c, const char *run, uint64_t *lines,
		     struct kf_error *err) _must_check_;

#endif
