/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexec as the way to boot a trial: asked for with --kexec, or because it is all that the
 * board has (boot.chain = kexec).  What comes of it is no proof that the board boots the
 * kernel, so a pass confirms nothing without --kexec-ok.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "proto/peer.h"
#include "proto/reason.h"

static bool is_only_chain(const struct config *cfg, const char *board)
{
	const char *chain = config_get(cfg, board, "boot.chain");

	return chain && strcmp(chain, "kexec") == 0;
}

bool kexec_is_wanted(const struct deploy *d)
{
	return d->opts->kexec || is_only_chain(d->cfg, d->board);
}

bool kexec_cannot_be_default(const struct deploy *d)
{
	return strcmp(d->chain, "kexec") == 0 || is_only_chain(d->cfg, d->board);
}

int kexec_check_allowed(const struct deploy *d, struct kf_error *err)
{
	if (!d->opts->kexec || is_only_chain(d->cfg, d->board) ||
	    config_bool(d->cfg, d->board, "boot.kexec"))
		return 0;
	return kf_err(err, -EPERM, KF_REASON_CONFIG,
		      "--kexec is not allowed for this board: its profile does not set "
		      "boot.kexec = yes (`kferry config set boot.kexec yes -b %s` does)",
		      d->board);
}

int kexec_check_agent(const struct deploy *d, struct kf_error *err)
{
	const Kferry__Hello *hello = client_hello(d->client);

	if (hello->features & FEATURE_KEXEC)
		return 0;
	return kf_err(err, -EOPNOTSUPP, KF_REASON_UNSUPPORTED,
		      "the agent of the board (%s) is too old for kexec; `kferry board "
		      "setup %s` brings it up to date",
		      hello->software, d->board);
}

/* Before a build: would the board do it? */
int kexec_check_board(struct deploy *d, struct kf_error *err)
{
	Kferry__FactsRequest q = KFERRY__FACTS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(FACTS_REQUEST, facts_request, &q);
	const Kferry__Envelope *answer;
	int r = kexec_check_agent(d, err);

	if (r == 0)
		r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_FACTS,
				deploy_deadline(d, "timeout.connect"), &answer, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < answer->facts->n_chain; i++) {
		const Kferry__Chain *c = answer->facts->chain[i];

		if (strcmp(c->name, "kexec") == 0 && !c->usable)
			return kf_err(err, -EOPNOTSUPP, KF_REASON_BOOT_CHAIN,
				      "boot chain kexec: %.200s", c->reason);
	}
	return 0;
}

void kexec_say_unproven(struct deploy *d)
{
	if (!d->unproven)
		return;
	if (kexec_cannot_be_default(d))
		ui_note(d->ui,
			"           not confirmed: booted by kexec only; --kexec-ok "
			"confirms it all the same");
	else
		ui_note(d->ui, "           not confirmed: booted by kexec only; `kferry "
			       "deploy` without --kexec proves the boot path");
}
