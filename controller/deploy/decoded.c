/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces with files and lines, where the vmlinux of the kernel that was sent is at hand.
 * After the verdict: nobody on the board waits for it. */
#include "controller/decode/decode.h"
#include "controller/deploy/deploy_internal.h"

void decoded_findings(struct deploy *d)
{
	_cleanup_(decoder_freep) struct decoder *decoder = NULL;
	const struct manifest *m = &d->k->manifest;
	const struct decode_of of = {
		.cfg = d->cfg,
		.board = d->board,
		.build_id = m->build_id,
		/* pstore may have had something of an older kernel. */
		.banner = classifier_banner(d->classifier),
		.release = m->release,
		.built_before = decode_time(run_text(d->run, "started")),
	};
	struct kf_error err = {0};
	unsigned lines = 0;
	int r;

	if (!config_bool(d->cfg, d->board, "log.decode") ||
	    !decode_is_wanted(evidence_findings(d)))
		return;
	ui_progress(d->ui, "decode", d->board, 0, 0, NULL);
	r = decoder_new(&of, &decoder, &err);
	if (r == 0)
		r = decoder_decode(decoder, evidence_findings(d), &lines, &err);
	ui_progress_end(d->ui, d->board);
	if (r < 0)
		ui_note(d->ui, "%s: traces are not decoded: %s", d->board, err.msg);
	else
		evidence_save_findings(d);
}
