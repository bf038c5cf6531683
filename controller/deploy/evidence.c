/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs of a boot, fetched from the board into the run directory and looked through. Names
 * and amounts come from the board and are checked before anything is written.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/kmsg.h"
#include "proto/reason.h"
#include "proto/text.h"

#define MAX_LOG (64u << 20) /* of the running boot: a log that floods is cut there */

/* A file on its way in. */
struct incoming {
	struct deploy *d;
	struct classifier *classifier;
	int fd;	      /* -1: it is only looked through */
	bool records; /* /dev/kmsg records, else lines of text */
	bool may_be_cut;
	char source[LIMIT_PATH + 1];
	struct buf rest; /* a record that is not whole yet */
	uint64_t size;
	uint64_t taken, lost; /* records; those that overran the kernel's buffer */
	uint64_t next_seq;
	uint64_t usec; /* of the last record */
};

static int open_incoming(struct incoming *in, struct deploy *d, const char *name,
			 bool records, struct kf_error *err)
{
	*in = (struct incoming){
		.d = d, .classifier = d->classifier, .fd = -1, .records = records};
	snprintf(in->source, sizeof(in->source), "%s", name);
	if (classifier_source(d->classifier, name, d->phase ? d->phase : "boot") < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	in->fd = run_create(d->run, name, err);
	return in->fd < 0 ? in->fd : 0;
}

static void close_incoming(struct incoming *in)
{
	cleanup_close(&in->fd);
	in->fd = -1;
	buf_fini(&in->rest);
}

int evidence_write_record(int fd, const struct kmsg_record *r)
{
	_buf_ struct buf line = BUF_INIT;
	int rc = buf_printf(&line, "<%u>[%5llu.%06llu] ", r->facility * 8 + r->level,
			    (unsigned long long)(r->usec / 1000000),
			    (unsigned long long)(r->usec % 1000000));

	if (rc == 0)
		rc = buf_append(&line, r->text, r->text_len);
	if (rc == 0)
		rc = buf_append(&line, "\n", 1);
	if (rc == 0)
		rc = fs_write_all(fd, buf_data(&line), buf_len(&line));
	return rc;
}

static int take_records(struct incoming *in, bool end)
{
	for (;;) {
		const char *data = (const char *)buf_data(&in->rest);
		struct kmsg_record rec;
		size_t n = data ? kmsg_record_len(data, buf_len(&in->rest), end) : 0;
		int r = 0;

		if (n == 0)
			return 0;
		if (kmsg_parse(data, n, &rec) == 0) {
			in->taken++;
			if (rec.seq > in->next_seq)
				in->lost += rec.seq - in->next_seq;
			in->next_seq = rec.seq + 1;
			in->usec = rec.usec;
			r = in->fd < 0 ? 0 : evidence_write_record(in->fd, &rec);
			if (r == 0)
				r = classifier_kmsg(in->classifier, data, n);
		}
		buf_consume(&in->rest, n);
		if (r < 0)
			return r;
	}
}

static int feed(struct incoming *in, const void *data, size_t n, bool end, uint64_t limit,
		struct kf_error *err)
{
	int r = 0;

	in->size += n;
	if (in->size > limit && in->may_be_cut)
		return classifier_end(in->classifier) == 0
			       ? 1
			       : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (in->size > limit)
		return kf_err(err, -EFBIG, KF_REASON_PROTOCOL,
			      "the board's %s is larger than %llu MiB", in->source,
			      (unsigned long long)(limit >> 20));
	if (in->records)
		r = buf_append(&in->rest, data, n);
	else
		r = fs_write_all(in->fd, data, n);
	if (r == 0)
		r = in->records ? take_records(in, end)
				: classifier_text(in->classifier, data, n);
	if (r == 0 && end)
		r = classifier_end(in->classifier);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "write %s/%s: %m",
			      run_dir(in->d->run), in->source);
	return 0;
}

/* DATA up to END.  1: it was cut, and goes on coming. */
static int receive(struct incoming *in, deadline_ms deadline, uint64_t limit,
		   struct kf_error *err)
{
	struct peer_event ev;
	int r;

	do {
		r = client_next(in->d->client, deadline, &ev, err);
		if (r < 0)
			return r;
		if (ev.type != PEER_DATA)
			return kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
				      "the agent broke off while it sent %s", in->source);
		r = feed(in, ev.data, ev.len, ev.flags & FRAME_END, limit, err);
	} while (r == 0 && !(ev.flags & FRAME_END));
	return r;
}

/* A log that is whole ends in Done. */
static int await_end(struct deploy *d, deadline_ms deadline, struct kf_error *err)
{
	struct peer_event ev;
	int r = client_next(d->client, deadline, &ev, err);

	if (r == 0 && (ev.type != PEER_ENVELOPE ||
		       ev.env->body_case != KFERRY__ENVELOPE__BODY_DONE))
		r = kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
			   "the agent did not end the log as it should");
	return r;
}

/* The log of a boot (0: this one, -1: the one before, ...), which must have that id. */
static int request_log(struct deploy *d, int boot, const char *boot_id,
		       struct kf_error *err)
{
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(LOG_REQUEST, log_request, &q);
	const Kferry__Envelope *answer;
	int r;

	q.boot = boot;
	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_LOG_START,
			deploy_deadline(d, "timeout.health"), &answer, err);
	if (r == 0 && strcmp(answer->log_start->boot_id, boot_id) != 0)
		r = kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
			   "the agent sent the log of another boot (%s) than the one "
			   "that is judged (%s)",
			   answer->log_start->boot_id, boot_id);
	return r;
}

/* Nobody waits for the rest of a log that was cut.  That the board cannot be reached
 * again is a lost connection: it may have died. */
static int connect_anew(struct deploy *d, struct kf_error *err)
{
	char boot_id[BOOT_ID_SIZE];
	int r;

	snprintf(boot_id, sizeof(boot_id), "%s", client_hello(d->client)->boot_id);
	client_close(TAKE_PTR(d->client));
	r = client_open(d->cfg, d->board, deploy_deadline(d, "timeout.connect"),
			&d->client, err);
	if (r == 0 && strcmp(client_hello(d->client)->boot_id, boot_id) != 0)
		r = kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			   "the board rebooted while its log was read");
	else if (r < 0 && err->reason != KF_REASON_CANCELLED)
		err->reason = KF_REASON_CONNECTION;
	return r;
}

/* All of a log that was asked for, or as much as is looked at. */
static int receive_log(struct incoming *in, deadline_ms deadline, bool *ret_cut,
		       struct kf_error *err)
{
	int r;

	in->may_be_cut = true;
	r = receive(in, deadline, MAX_LOG, err);
	close_incoming(in);
	*ret_cut = r == 1;
	if (r < 0)
		return r;
	return *ret_cut ? connect_anew(in->d, err) : await_end(in->d, deadline, err);
}

int evidence_log(struct deploy *d, struct kf_error *err)
{
	deadline_ms deadline = deploy_deadline(d, "timeout.health");
	struct incoming in;
	int r = request_log(d, 0, d->trial_boot, err);

	if (r < 0)
		return r;
	r = open_incoming(&in, d, "dmesg", true, err);
	if (r == 0)
		r = receive_log(&in, deadline, &d->log_cut, err);
	if (r < 0)
		return r;
	if (d->log_cut)
		run_set(d->run, "log_cut", json_true());
	if (!d->log)
		d->log = strdup("dmesg");
	/* No fault in no log is no sign of health. */
	if (in.taken == 0)
		return kf_err(err, -ENODATA, KF_REASON_PROTOCOL,
			      "the board's kernel log is empty: whether the kernel is "
			      "healthy cannot be told");
	d->log_us = in.usec;
	d->log_lost = in.lost;
	if (in.lost > 0)
		run_set(d->run, "log_lost", json_integer((json_int_t)in.lost));
	return 0;
}

int evidence_look_at(struct deploy *d, int boot, const char *boot_id,
		     struct classifier *c, struct kf_error *err)
{
	deadline_ms deadline = deploy_deadline(d, "timeout.health");
	struct incoming in = {.d = d, .classifier = c, .fd = -1, .records = true};
	int r = request_log(d, boot, boot_id, err);
	bool cut;

	/* A log that is not there is an answer; what breaks off in the middle is none. */
	if (r < 0)
		return baseline_cannot_be_had(err) ? 1 : r;
	snprintf(in.source, sizeof(in.source), "the log of boot %d", boot);
	if (classifier_source(c, boot_id, NULL) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r = receive_log(&in, deadline, &cut, err);
	if (boot == 0)
		d->log_us = in.usec;
	return r;
}

/* The text to show a person is pstore's joined one, else any of pstore's, else the log.
 */
static void prefer_log(struct deploy *d, const char *name)
{
	bool best = strcmp(name, "pstore/dmesg.txt") == 0;
	bool pstore = strncmp(name, "pstore/", 7) == 0;

	if (d->log && !best && !(pstore && strncmp(d->log, "pstore/", 7) != 0))
		return;
	free(d->log);
	d->log = strdup(name);
}

static int collect_file(struct deploy *d, const Kferry__File *f, deadline_ms deadline,
			struct kf_error *err)
{
	bool is_log = strcmp(f->name, "dmesg") == 0;
	char name[LIMIT_PATH + 1];
	struct incoming in;
	int r;

	if (!text_is_path(f->name, strlen(f->name)) ||
	    (!is_log && strncmp(f->name, "pstore/", 7) != 0))
		return kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
			      "the agent sent a file named \"%s\"", f->name);
	snprintf(name, sizeof(name), "%s", f->name);
	r = open_incoming(&in, d, name, is_log, err);
	if (r == 0)
		r = receive(&in, deadline, LIMIT_COLLECT_FILE, err);
	close_incoming(&in);
	if (r == 0)
		prefer_log(d, name);
	return r;
}

int evidence_of_boot(struct deploy *d, const char *boot_id, struct kf_error *err)
{
	Kferry__CollectRequest q = KFERRY__COLLECT_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(COLLECT_REQUEST, collect_request, &q);
	deadline_ms deadline = deploy_deadline(d, "timeout.health");
	unsigned files = 0;
	int r;

	q.boot_id = (char *)boot_id;
	r = client_request(d->client, &env, deadline, err);
	while (r == 0) {
		struct peer_event ev;

		r = client_next(d->client, deadline, &ev, err);
		if (r < 0)
			return r;
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_DONE)
			return 0;
		if (ev.type != PEER_ENVELOPE ||
		    ev.env->body_case != KFERRY__ENVELOPE__BODY_FILE ||
		    ++files > LIMIT_COLLECT_FILES)
			return kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
				      "the agent sent something else than the files of a "
				      "boot, or too many");
		r = collect_file(d, ev.env->file, deadline, err);
	}
	return r;
}

/*
 * Which boot was the trial's?  Of those since the deploy began, newest first, the one of
 * our slot; else one that left something in pstore (a kernel that died early never ran
 * the agent that would have noted its slot).
 */
static bool find_boot(const struct deploy *d, const Kferry__Boots *boots,
		      const char *now_boot, char ret[static BOOT_ID_SIZE])
{
	const Kferry__Boot *found = NULL;

	for (size_t i = 0; i < boots->n_boot; i++) {
		const Kferry__Boot *b = boots->boot[i];
		bool before = strcmp(b->boot_id, d->old_boot) == 0;

		if (strcmp(b->boot_id, now_boot) == 0 && b->n_pstore == 0)
			continue;
		if (!before && strcmp(b->slot, d->k->slot) == 0) {
			found = b;
			break;
		}
		if (!found && b->n_pstore > 0)
			found = b;
		if (before)
			break;
	}
	if (!found || !*found->boot_id)
		return false;
	snprintf(ret, BOOT_ID_SIZE, "%s", found->boot_id);
	return true;
}

int evidence_of_trial(struct deploy *d, const char *now_boot, struct kf_error *err)
{
	Kferry__BootsRequest q = KFERRY__BOOTS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(BOOTS_REQUEST, boots_request, &q);
	const Kferry__Envelope *answer;
	char boot_id[BOOT_ID_SIZE];
	int r;

	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_BOOTS,
			deploy_deadline(d, "timeout.health"), &answer, err);
	if (r < 0)
		return r;
	if (!find_boot(d, answer->boots, now_boot, boot_id))
		return 0;
	return evidence_of_boot(d, boot_id, err);
}

static bool ended_badly(const Kferry__Boot *b)
{
	return b->end == KFERRY__BOOT_END__BOOT_END_CRASH ||
	       b->end == KFERRY__BOOT_END__BOOT_END_LOST ||
	       b->end == KFERRY__BOOT_END__BOOT_END_DEADLINE;
}

/*
 * The newest boot of our slot since the deploy began; else the one that no agent saw, and
 * that left a dump: before it our slot must have run as well, for the dump may be of that
 * kernel's way down.  *ret_seen: it is the former.
 */
static bool find_death(const struct deploy *d, const Kferry__Boots *boots,
		       const char *now_boot, char ret[static BOOT_ID_SIZE],
		       bool *ret_seen)
{
	const Kferry__Boot *seen = NULL, *unseen = NULL, *before = NULL;

	for (size_t i = 0; i < boots->n_boot && !before; i++) {
		const Kferry__Boot *b = boots->boot[i];

		if (strcmp(b->boot_id, d->old_boot) == 0)
			before = b;
		else if (strcmp(b->boot_id, now_boot) == 0)
			continue;
		else if (strcmp(b->slot, d->k->slot) == 0 && ended_badly(b))
			seen = seen ? seen : b;
		else if (!*b->slot && b->end == KFERRY__BOOT_END__BOOT_END_CRASH)
			unseen = unseen ? unseen : b;
	}
	if (!before || (!seen && (!unseen || strcmp(before->slot, d->k->slot) != 0)))
		return false;
	snprintf(ret, BOOT_ID_SIZE, "%s", seen ? seen->boot_id : unseen->boot_id);
	*ret_seen = seen != NULL;
	return *ret;
}

/* A dump of an oops alone may be of the kernel before, which ran on; a panic is the end.
 * 1: it is one. */
static int left_panic(struct deploy *d, const char *boot_id, struct kf_error *err)
{
	_cleanup_(classifier_freep) struct classifier *c = NULL;
	struct classifier *before = d->classifier;
	char *log = TAKE_PTR(d->log);
	int r;

	if (classifier_new(d->patterns, &c) < 0) {
		d->log = log;
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	d->classifier = c;
	r = evidence_of_boot(d, boot_id, err);
	d->classifier = before;
	free(d->log);
	d->log = log;
	return r < 0 ? r : findings_number(classifier_findings(c), SEVERITY_FATAL) > 0;
}

int evidence_find_death(struct deploy *d, const char *now_boot,
			char ret[static BOOT_ID_SIZE], struct kf_error *err)
{
	Kferry__BootsRequest q = KFERRY__BOOTS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(BOOTS_REQUEST, boots_request, &q);
	const Kferry__Envelope *answer;
	bool seen;
	int r;

	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_BOOTS,
			deploy_deadline(d, "timeout.health"), &answer, err);
	if (r < 0)
		return r;
	if (!find_death(d, answer->boots, now_boot, ret, &seen))
		return 0;
	return seen ? 1 : left_panic(d, ret, err);
}

struct findings *evidence_findings(struct deploy *d)
{
	return classifier_findings(d->classifier);
}

void evidence_save_findings(struct deploy *d)
{
	json_t *list = findings_json(evidence_findings(d));
	_free_ char *text = json_dumps(list, JSON_INDENT(2));
	struct kf_error err = {0};

	if (text && run_write(d->run, "findings.json", text, strlen(text), &err) < 0)
		ui_warn(d->ui, "%s", err.msg);
	run_set(d->run, "findings", list);
}
