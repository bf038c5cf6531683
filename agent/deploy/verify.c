/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That what is on the disk is what was sent: every fresh file passes through
 * agent/deploy/writeback.h, those that arrive while others arrive still.
 */
#include <string.h>

#include "agent/deploy/parts.h"
#include "agent/deploy/writeback.h"
#include "agent/oserr.h"
#include "proto/base/log.h"
#include "proto/reason.h"

int verify_begin(struct deploy *d, struct kf_error *err)
{
	const struct manifest *m = &d->manifest;
	int rc;

	if (d->writeback)
		return 0;
	rc = writeback_new(d->staging_fd, m, d->cancel, &d->writeback);
	if (rc < 0)
		return oserr(err, rc, "verify the files");
	for (size_t i = 0; i < m->n_files; i++)
		if (bit_get(d->fresh, i) && !bit_get(d->wanted, i))
			writeback_add(d->writeback, i);
	return 0;
}

/* Wrong on the disk: forget the file, so that the next deploy sends it again. */
static void forget(struct deploy *d, const struct manifest_file *f)
{
	const char *name;
	_close_ int dir = deploy_parent(d->staging_fd, f->path, &name);

	if (dir >= 0 && unlinkat(dir, name, 0) < 0)
		log_warn("deploy id=%s file=%s error=\"%s\"", d->id, f->path,
			 strerror(errno));
}

static int failed(struct deploy *d, int rc, size_t i, struct kf_error *err)
{
	const struct manifest_file *f = &d->manifest.files[i];

	if (rc == -ECANCELED && deploy_check_cancel(d, err) < 0)
		return rc;
	if (rc != -EBADMSG)
		return oserr(err, rc, "verify %s", f->path);
	forget(d, f);
	return kf_err(err, -EIO, KF_REASON_DIGEST,
		      "%s reads back from the disk with other bytes than were written; "
		      "the board's storage may be failing",
		      f->path);
}

int verify_add(struct deploy *d, size_t i, struct kf_error *err)
{
	size_t wrong = 0;
	int rc;

	writeback_add(d->writeback, i);
	rc = writeback_failed(d->writeback, &wrong);
	return rc < 0 ? failed(d, rc, wrong, err) : 0;
}

static void report(void *deploy, uint64_t n)
{
	deploy_done(deploy, n);
}

int verify_end(struct deploy *d, struct kf_error *err)
{
	const struct manifest *m = &d->manifest;
	uint64_t total = 0;
	size_t wrong = 0;
	int rc;

	for (size_t i = 0; i < m->n_files; i++)
		if (bit_get(d->fresh, i))
			total += m->files[i].size;
	deploy_stage(d, "verify", total);
	rc = verify_begin(d, err);
	if (rc < 0)
		return rc;
	rc = writeback_finish(d->writeback, report, d, &wrong);
	if (rc < 0)
		return failed(d, rc, wrong, err);
	return deploy_check_cancel(d, err);
}

void verify_stop(struct deploy *d)
{
	writeback_free(TAKE_PTR(d->writeback));
}
