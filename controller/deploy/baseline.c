/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is new: findings are held against those in the logs of the last boots of the
 * known-good kernel on the same board.  Asked for only when there is something to hold
 * against them, so that a clean log costs nothing.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "proto/reason.h"

#define BOOTS_MAX 3 /* boots differ: a finding need not be in each of them */

struct boots {
	char id[BOOT_ID_SIZE];
	int number; /* as in LogRequest */
};

bool baseline_cannot_be_had(const struct kf_error *err)
{
	return err->reason == KF_REASON_NOT_FOUND || err->reason == KF_REASON_INVALID ||
	       err->reason == KF_REASON_UNSUPPORTED || err->reason == KF_REASON_STATE ||
	       err->reason == KF_REASON_IO;
}

static bool is_known_good(const struct deploy *d, const Kferry__Boot *b)
{
	if (!b->has_log || !*b->boot_id || strcmp(b->boot_id, d->trial_boot) == 0)
		return false;
	return *b->slot ? strcmp(b->slot, d->known_good) == 0
			: strcmp(d->known_good, "foreign") == 0;
}

/* The last ones, newest first; the answer does not outlive the next request. */
static int find_boots(struct deploy *d, struct boots list[BOOTS_MAX], unsigned *ret,
		      struct kf_error *err)
{
	Kferry__BootsRequest q = KFERRY__BOOTS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(BOOTS_REQUEST, boots_request, &q);
	const Kferry__Envelope *answer;
	int r;

	*ret = 0;
	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_BOOTS,
			deploy_deadline(d, "timeout.health"), &answer, err);
	for (size_t i = 0; r == 0 && i < answer->boots->n_boot && *ret < BOOTS_MAX; i++) {
		const Kferry__Boot *b = answer->boots->boot[i];

		if (!is_known_good(d, b))
			continue;
		snprintf(list[*ret].id, BOOT_ID_SIZE, "%s", b->boot_id);
		list[(*ret)++].number = -(int)i;
	}
	return r < 0 && baseline_cannot_be_had(err) ? 0 : r;
}

static bool is_worth_it(const struct findings *f)
{
	return findings_number(f, SEVERITY_WARN) || findings_number(f, SEVERITY_ERROR) ||
	       findings_number(f, SEVERITY_FATAL);
}

int baseline_compare(struct deploy *d, struct kf_error *err)
{
	_cleanup_(classifier_freep) struct classifier *c = NULL;
	struct boots list[BOOTS_MAX];
	unsigned n;
	int r;

	if (!is_worth_it(evidence_findings(d)) || !*d->known_good)
		return 0;
	r = find_boots(d, list, &n, err);
	if (r == 0 && classifier_new(d->patterns, &c) < 0)
		r = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	for (unsigned i = 0; i < n && r >= 0; i++) {
		r = evidence_look_at(d, list[i].number, list[i].id, c, err);
		d->compared = d->compared || r == 0;
		if (r == 1)
			ui_debug(d->ui, "%s: no log of boot %d to compare with: %s",
				 d->board, list[i].number, err->msg);
	}
	if (r < 0)
		return r;
	*err = (struct kf_error){0};
	findings_mark_known(evidence_findings(d), classifier_findings(c));
	return 0;
}
