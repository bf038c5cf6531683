/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's work on a board without the daemon around it: what a request for it does,
 * one step after the other, on a root that a test has made.
 *
 *	steps [-m MACHINE] [-c CHAIN] [-r] ROOT STEP...
 *
 *	start		what every start of the agent does; always comes first
 *	deploy=DIR	install the package DIR (a manifest and its files)
 *	modules=DIR	the same for its modules only, and show them to the kernel that
 *runs arm=SLOT confirm=SLOT once=SLOT remove=SLOT rollback=SLOT
 *
 * `confirm` makes the slot the default, `once` does not.  A step that fails is told on
 * stderr ("steps: arm: ...") and ends the program with status 1; with -r it is tried once
 * more before, by the same agent.  The machine may be another than this one: a board's
 * kernel is only copied here, not run.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/deploy/deploy.h"
#include "agent/slot/shown.h"
#include "agent/trial/trial.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define STATUS_USAGE 64
#define FILE_MAX     (16u << 20)

struct package {
	const char *dir;
	struct buf raw; /* the manifest's text */
	struct manifest manifest;
	struct digest digest;
	struct buf tar; /* of what is wanted */
	size_t at;
};

static const char *chain = "";

static int package_open(struct package *p, const char *dir, struct kf_error *err)
{
	_free_ char *path = NULL;
	int rc;

	memset(p, 0, sizeof(*p));
	p->dir = dir;
	if (asprintf(&path, "%s/manifest", dir) < 0)
		return -ENOMEM;
	rc = fs_read_file(AT_FDCWD, path, FILE_MAX, &p->raw);
	if (rc < 0)
		return kf_err(err, rc, 0, "read %s: %m", path);
	digest_bytes(buf_data(&p->raw), buf_len(&p->raw), &p->digest);
	return manifest_parse(buf_data(&p->raw), buf_len(&p->raw), &p->manifest, err);
}

static void package_close(struct package *p)
{
	manifest_fini(&p->manifest);
	buf_fini(&p->raw);
	buf_fini(&p->tar);
}

static ssize_t on_tar(struct archive *ar, void *arg, const void *data, size_t n)
{
	(void)ar;
	return buf_append(arg, data, n) < 0 ? -1 : (ssize_t)n;
}

static int put_file(struct package *p, const struct manifest_file *f, struct archive *ar)
{
	struct archive_entry *e = archive_entry_new();
	_buf_ struct buf data = BUF_INIT;
	_free_ char *path = NULL;
	int rc = -ENOMEM;

	if (asprintf(&path, "%s/%s", p->dir, f->path) >= 0)
		rc = fs_read_file(AT_FDCWD, path, FILE_MAX, &data);
	if (rc == 0) {
		archive_entry_set_pathname(e, f->path);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, f->mode);
		archive_entry_set_size(e, (la_int64_t)buf_len(&data));
		if (archive_write_header(ar, e) != ARCHIVE_OK ||
		    archive_write_data(ar, buf_data(&data), buf_len(&data)) !=
			    (la_ssize_t)buf_len(&data))
			rc = -EIO;
	}
	archive_entry_free(e);
	return rc;
}

/* wanted: one bit for each file of the manifest. */
static int package_pack(struct package *p, const uint8_t *wanted)
{
	struct archive *ar = archive_write_new();
	int rc = 0;

	archive_write_set_format_ustar(ar);
	archive_write_add_filter_none(ar);
	archive_write_open(ar, &p->tar, NULL, on_tar, NULL);
	for (size_t i = 0; rc == 0 && i < p->manifest.n_files; i++)
		if (wanted[i / 8] & 1u << i % 8)
			rc = put_file(p, &p->manifest.files[i], ar);
	archive_write_close(ar);
	archive_write_free(ar);
	return rc;
}

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct package *p = arg;
	size_t left = buf_len(&p->tar) - p->at;

	n = n < left ? n : left;
	if (n > 0)
		memcpy(data, buf_data(&p->tar) + p->at, n);
	p->at += n;
	return (ssize_t)n;
}

static int send_files(struct deploy *d, struct package *p, struct kf_error *err)
{
	Kferry__Need need = KFERRY__NEED__INIT;
	int rc;

	rc = deploy_need(d, &need, err);
	if (rc < 0)
		return rc;
	rc = package_pack(p, need.bitmap.data);
	if (rc < 0)
		return kf_err(err, rc, 0, "pack %s: %m", p->dir);
	return deploy_receive(d, pull, p, err);
}

static int install(struct agent *a, struct package *p, bool modules_only,
		   struct kf_error *err)
{
	Kferry__PlanRequest req = KFERRY__PLAN_REQUEST__INIT;
	Kferry__Installed installed = KFERRY__INSTALLED__INIT;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	struct deploy *d = NULL;
	int rc;

	req.manifest_digest.data = p->digest.b;
	req.manifest_digest.len = DIGEST_SIZE;
	req.manifest_size = buf_len(&p->raw);
	req.release = p->manifest.release;
	req.arch = p->manifest.arch;
	req.chain = (char *)chain;
	req.initramfs = KFERRY__INITRAMFS__INITRAMFS_AUTO;
	req.files = (uint32_t)p->manifest.n_files;
	req.modules_only = modules_only;
	rc = deploy_begin(a, &req, "steps", &d, &plan, err);
	if (rc < 0)
		return rc;
	if (!plan.have_manifest)
		rc = deploy_manifest(d, buf_data(&p->raw), buf_len(&p->raw), err);
	if (rc == 0 && !plan.installed)
		rc = send_files(d, p, err);
	if (rc == 0)
		rc = deploy_install(d, &installed, err);
	deploy_end(d);
	return rc;
}

static int deploy(struct agent *a, const char *dir, bool modules_only,
		  struct kf_error *err)
{
	struct shown_change change;
	char id[SLOT_ID_SIZE];
	struct package p;
	int rc = package_open(&p, dir, err);

	if (rc == 0)
		rc = install(a, &p, modules_only, err);
	manifest_slot_id(&p.digest, id);
	package_close(&p);
	return rc < 0 || !modules_only ? rc : shown_switch(a, id, &change, err);
}

static int step(struct agent *a, const char *verb, const char *what, struct kf_error *err)
{
	char text[256];

	if (strcmp(verb, "deploy") == 0 || strcmp(verb, "modules") == 0)
		return deploy(a, what, strcmp(verb, "modules") == 0, err);
	if (strcmp(verb, "arm") == 0)
		return trial_arm(a, what, 600, text, err);
	if (strcmp(verb, "confirm") == 0)
		return trial_confirm(a, what, true, false, err);
	if (strcmp(verb, "once") == 0)
		return trial_confirm(a, what, false, false, err);
	if (strcmp(verb, "remove") == 0)
		return slot_remove(a, what, err);
	if (strcmp(verb, "rollback") == 0)
		return trial_rollback(a, what, err);
	fprintf(stderr, "steps: there is no step %s\n", verb);
	exit(STATUS_USAGE);
}

/* As the server does: what fails is told, and the agent goes on. */
static void start(struct agent *a)
{
	struct kf_error err = {0};

	deploy_clean(a);
	shown_start(a);
	if (trial_boot(a, &err) < 0)
		fprintf(stderr, "steps: trial: %s\n", err.msg);
	err = (struct kf_error){0};
	if (deploy_recover(a, &err) < 0)
		fprintf(stderr, "steps: recover: %s\n", err.msg);
	trial_settle(a);
}

static int step_told(struct agent *a, const char *verb, const char *what)
{
	struct kf_error err = {0};
	int rc = step(a, verb, what, &err);

	if (rc < 0)
		fprintf(stderr, "steps: %s: %s\n", verb, err.msg);
	return rc;
}

static int run(const char *root, const char *machine, bool again, char **steps)
{
	struct kf_error err = {0};
	struct agent a;
	int rc;

	rc = agent_init(&a, root, &err);
	if (rc < 0) {
		fprintf(stderr, "steps: init: %s\n", err.msg);
		return 1;
	}
	if (machine)
		snprintf(a.boot.machine, sizeof(a.boot.machine), "%s", machine);
	start(&a);
	for (; rc == 0 && *steps; steps++) {
		char *what = strchr(*steps, '=');

		if (!what)
			continue;
		*what++ = '\0';
		rc = step_told(&a, *steps, what);
		if (rc < 0 && again)
			rc = step_told(&a, *steps, what);
	}
	agent_fini(&a);
	return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *machine = NULL;
	bool again = false;
	int c;

	while ((c = getopt(argc, argv, "+m:c:r")) >= 0) {
		if (c == 'm')
			machine = optarg;
		else if (c == 'c')
			chain = optarg;
		else if (c == 'r')
			again = true;
		else
			return STATUS_USAGE;
	}
	if (argc - optind < 1)
		return STATUS_USAGE;
	log_init(getenv("KF_STEPS_VERBOSE") ? LOG_DEBUG : LOG_ERR, false);
	return run(argv[optind], machine, again, argv + optind + 1);
}
