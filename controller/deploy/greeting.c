/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection of a deploy: made beforehand, while the kernel is still being packed, or
 * when it is wanted.  Packing may take minutes; a connection that was lost in them is
 * noticed by the first question, and made anew.
 */
#include "controller/deploy/deploy_internal.h"

/* The first question goes along, where nothing that the agent can do decides it. */
static int open_client(const struct deploy *d, struct client **ret, struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	bool ask = !d->opts->modules && !kexec_is_wanted(d);

	return client_open_asking(d->cfg, d->board, deploy_deadline(d, "timeout.connect"),
				  ask ? &env : NULL, ret, err);
}

void deploy_greet(const struct config *cfg, const char *board,
		  const struct deploy_opts *opts, struct greeting *g)
{
	const struct deploy d = {.cfg = cfg, .board = board, .opts = opts};

	*g = (struct greeting){.made = true};
	g->r = open_client(&d, &g->client, &g->err);
}

void greeting_fini(struct greeting *g)
{
	client_close(TAKE_PTR(g->client));
	g->made = false;
}

static int use_greeting(struct deploy *d, struct greeting *g, struct kf_error *err)
{
	g->made = false;
	if (g->r < 0) {
		*err = g->err;
		return g->r;
	}
	d->client = TAKE_PTR(g->client);
	d->greeted = true;
	return 0;
}

int deploy_connect(struct deploy *d, struct kf_error *err)
{
	struct greeting *g = TAKE_PTR(d->greeting);
	int r = g && g->made ? use_greeting(d, g, err) : open_client(d, &d->client, err);

	if (r == 0)
		client_say(d->client, d->ui, d->board);
	return r;
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
		r = open_client(d, &d->client, err);
		if (r == 0)
			r = ask(d, ret, err);
	}
	d->greeted = false;
	return r;
}
