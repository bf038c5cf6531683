/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection of a deploy: made beforehand, while the kernel is still being packed, or
 * when it is wanted.  Packing may take minutes; a connection that was lost in them is
 * noticed by the first question, and made anew.
 */
#include "controller/deploy/deploy_internal.h"

void deploy_greet(const struct config *cfg, const char *board, struct greeting *g)
{
	*g = (struct greeting){.made = true};
	g->r = client_open(cfg, board,
			   deadline_in(config_ms(cfg, board, "timeout.connect")),
			   &g->client, &g->err);
}

void greeting_fini(struct greeting *g)
{
	client_close(TAKE_PTR(g->client));
	g->made = false;
}

static int open_client(struct deploy *d, struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	/* Others look at what the agent can do before they ask for anything. */
	bool ask_at_once = !d->opts->modules && !kexec_is_wanted(d);
	int r = client_open_asking(d->cfg, d->board,
				   deploy_deadline(d, "timeout.connect"),
				   ask_at_once ? &env : NULL, &d->client, err);

	if (r == 0)
		client_say(d->client, d->ui, d->board);
	return r;
}

int deploy_connect(struct deploy *d, struct kf_error *err)
{
	struct greeting *g = TAKE_PTR(d->greeting);

	if (!g || !g->made)
		return open_client(d, err);
	g->made = false;
	if (g->r < 0) {
		*err = g->err;
		return g->r;
	}
	d->client = TAKE_PTR(g->client);
	d->greeted = true;
	client_say(d->client, d->ui, d->board);
	return 0;
}

static int ask(struct deploy *d, const Kferry__Status **ret, struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	const Kferry__Envelope *answer;
	int r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_STATUS,
			    deploy_deadline(d, "timeout.connect"), &answer, err);

	if (r == 0)
		*ret = answer->status;
	return r;
}

int deploy_status(struct deploy *d, const Kferry__Status **ret, struct kf_error *err)
{
	int r = ask(d, ret, err);

	if (r < 0 && d->greeted && deploy_is_lost(err)) {
		*err = (struct kf_error){0};
		client_close(TAKE_PTR(d->client));
		r = open_client(d, err);
		if (r == 0)
			r = ask(d, ret, err);
	}
	d->greeted = false;
	return r;
}
