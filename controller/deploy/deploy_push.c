/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Getting a kernel onto the board: plan, manifest, the files that it lacks, installation,
 * arming.  A connection that is lost on the way is made once more, while the agent may be
 * starting again; the board keeps what arrived, so that only the rest is sent.
 */
#include <string.h>

#include "controller/cancel.h"
#include "controller/deploy/delta.h"
#include "controller/deploy/deploy_internal.h"
#include "controller/deploy/keeper.h"
#include "controller/deploy/wait.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"

struct push {
	struct deploy *d;
	bool installed;
	uint8_t *want; /* a copy of Need's bitmap */
	uint64_t files, bytes, done;
	uint64_t sent_before;
	struct delta delta;
	struct pace pace;
	struct digest manifest_base; /* a manifest that the board has */
	bool has_manifest_base;
	bool patched;	  /* the manifest was sent as a patch */
	bool no_patches;  /* they did not work */
	int64_t taken_us; /* when the link had taken what was made before */
	struct kf_error *err;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* kernel.initramfs and kernel.modules in one word. */
static Kferry__Initramfs initramfs_of(const char *name, const char *modules)
{
	static const struct {
		const char *name;
		Kferry__Initramfs value;
	} all[] = {{"graft", KFERRY__INITRAMFS__INITRAMFS_GRAFT},
		   {"distro", KFERRY__INITRAMFS__INITRAMFS_DISTRO},
		   {"none", KFERRY__INITRAMFS__INITRAMFS_NONE}};

	if (strcmp(modules, "initramfs") == 0 &&
	    (strcmp(name, "auto") == 0 || strcmp(name, "graft") == 0))
		return KFERRY__INITRAMFS__INITRAMFS_GRAFT_ALL;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (strcmp(all[i].name, name) == 0)
			return all[i].value;
	}
	return KFERRY__INITRAMFS__INITRAMFS_AUTO;
}

static const char *get(const struct deploy *d, const char *key)
{
	const char *v = config_get(d->cfg, d->board, key);

	return v ? v : "";
}

/* What is added to the trial's command line: the board's, the trial's, this deploy's. */
static char *extra_words(const struct deploy *d)
{
	const char *console = get(d, "console.kernel");
	_free_ char *word = strf("console=%s", console);
	const char *words[] = {*console && word ? word : "", get(d, "boot.cmdline_extra"),
			       get(d, "boot.trial_cmdline"),
			       d->opts->cmdline_extra ? d->opts->cmdline_extra : ""};
	char *all = word ? strdup("") : NULL;

	for (size_t i = 0; all && i < ARRAY_SIZE(words); i++) {
		char *more;

		if (!*words[i])
			continue;
		more = strf("%s%s%s", all, *all ? " " : "", words[i]);
		free(all);
		all = more;
	}
	return all;
}

static bool knows_delta(const struct push *p)
{
	return !p->no_patches && client_hello(p->d->client)->features & FEATURE_DELTA;
}

static int send_plan(struct push *p, const char *extra)
{
	struct deploy *d = p->d;
	const struct kernel *k = d->k;
	Kferry__PlanRequest q = KFERRY__PLAN_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(PLAN_REQUEST, plan_request, &q);

	q.manifest_digest.data = (uint8_t *)k->digest.b;
	q.manifest_digest.len = DIGEST_SIZE;
	q.manifest_size = buf_len(&k->manifest_bytes);
	q.release = k->manifest.release;
	q.arch = k->manifest.arch;
	q.board_kind = (char *)get(d, "board.profile");
	q.total_bytes = k->manifest.total_size;
	q.boot_bytes = k->boot_bytes;
	q.files = (uint32_t)k->manifest.n_files;
	q.initramfs = initramfs_of(get(d, "kernel.initramfs"), get(d, "kernel.modules"));
	q.cmdline_extra = (char *)extra;
	q.chain = (char *)get(d, "boot.chain");
	q.no_arm = d->opts->no_reboot;
	q.kexec = kexec_is_wanted(d) && !d->opts->modules;
	q.delta = knows_delta(p);
	q.modules_only = d->opts->modules;
	return client_request(d->client, &env, deploy_deadline(d, "timeout.connect"),
			      p->err);
}

/* The next answer; Progress on the way is shown. */
static int await_event(struct push *p, const char *what, struct peer_event *ret)
{
	struct deploy *d = p->d;
	deadline_ms deadline = deploy_deadline(d, "timeout.install");

	for (;;) {
		const Kferry__Progress *pr;
		int r = client_next(d->client, deadline, ret, p->err);

		if (r < 0 && p->err->reason == KF_REASON_TIMEOUT)
			kf_err_wrap(p->err, "%s (timeout.install)", what);
		if (r < 0 || ret->type != PEER_ENVELOPE ||
		    ret->env->body_case != KFERRY__ENVELOPE__BODY_PROGRESS)
			return r;
		pr = ret->env->progress;
		ui_progress(d->ui, "install", d->board, pr->done, pr->total,
			    *pr->text ? pr->text : pr->stage);
		deadline = deploy_deadline(d, "timeout.install");
	}
}

static int unexpected(struct push *p, const char *what, const struct peer_event *ev)
{
	return kf_err(p->err, -EPROTO, KF_REASON_PROTOCOL,
		      "%s: the agent answered with something else (%s)", what,
		      ev->type == PEER_ENVELOPE ? wire_body_name(ev->env) : "data");
}

/* The next answer must be of this kind. */
static int await(struct push *p, Kferry__Envelope__BodyCase want, const char *what,
		 const Kferry__Envelope **ret)
{
	struct peer_event ev;
	int r = await_event(p, what, &ev);

	if (r < 0)
		return r;
	if (ev.type != PEER_ENVELOPE || ev.env->body_case != want)
		return unexpected(p, what, &ev);
	*ret = ev.env;
	return 0;
}

static int plan(struct push *p, bool *ret_have_manifest)
{
	struct deploy *d = p->d;
	_free_ char *extra = extra_words(d);
	const Kferry__Envelope *env;
	int r = extra ? send_plan(p, extra) : no_memory(p->err);

	if (r == 0)
		r = await(p, KFERRY__ENVELOPE__BODY_PLAN, "plan the deploy", &env);
	if (r < 0)
		return r;
	if (strcmp(env->plan->slot, d->k->slot) != 0)
		return kf_err(p->err, -EPROTO, KF_REASON_PROTOCOL,
			      "the agent calls the slot \"%s\", it is %s",
			      env->plan->slot, d->k->slot);
	snprintf(d->chain, sizeof(d->chain), "%s", env->plan->chain);
	p->installed = env->plan->installed;
	p->has_manifest_base = env->plan->manifest_base.len == DIGEST_SIZE;
	if (p->has_manifest_base)
		memcpy(p->manifest_base.b, env->plan->manifest_base.data, DIGEST_SIZE);
	*ret_have_manifest = env->plan->have_manifest;
	return 0;
}

static int send_manifest(struct push *p)
{
	const struct buf *whole = &p->d->k->manifest_bytes;
	_buf_ struct buf patch = BUF_INIT;
	int r = knows_delta(p)
			? delta_manifest(p->d->k, p->delta.versions,
					 p->has_manifest_base ? &p->manifest_base : NULL,
					 &patch)
			: 0;
	const struct buf *out = r > 0 ? &patch : whole;

	p->patched = r > 0;
	if (r == -ECANCELED)
		return kf_err(p->err, r, KF_REASON_CANCELLED, "it was cancelled");
	return client_send_data(p->d->client, buf_data(out), buf_len(out), FRAME_END,
				deploy_deadline(p->d, "timeout.install"), p->err);
}

/* What the board has of older versions, which follows Need. */
static int take_bases(struct push *p)
{
	const char *what = "find what older versions the board has";
	struct buf *table = &p->delta.table;
	struct peer_event ev;
	int r;

	table->max = LIMIT_BASES * (4 + DIGEST_SIZE);
	do {
		r = await_event(p, what, &ev);
		if (r == 0 && ev.type != PEER_DATA)
			r = unexpected(p, what, &ev);
		if (r == 0 && buf_append(table, ev.data, ev.len) < 0)
			r = kf_err(p->err, -EPROTO, KF_REASON_PROTOCOL,
				   "the agent's table of older versions is too long");
	} while (r == 0 && !(ev.flags & FRAME_END));
	return r < 0 ? r : delta_check_table(&p->delta, p->err);
}

static int take_need(struct push *p)
{
	const Kferry__Envelope *env;
	size_t n = p->d->k->manifest.n_files, bytes = (n + 7) / 8;
	int r = await(p, KFERRY__ENVELOPE__BODY_NEED, "find what the board lacks", &env);
	bool bases;

	if (r < 0)
		return r;
	if (env->need->bitmap.len != bytes)
		return kf_err(
			p->err, -EPROTO, KF_REASON_PROTOCOL,
			"the agent asks for files by %zu bytes of a bitmap, not %zu",
			env->need->bitmap.len, bytes);
	bases = env->need->bases;
	if (bases && !knows_delta(p))
		return kf_err(p->err, -EPROTO, KF_REASON_PROTOCOL,
			      "the agent offers older versions, and was not asked");
	free(p->want);
	p->want = malloc(bytes + 1);
	if (!p->want)
		return no_memory(p->err);
	memcpy(p->want, env->need->bitmap.data, bytes);
	p->files = p->bytes = p->done = 0;
	for (size_t i = 0; i < n; i++) {
		if (!(p->want[i / 8] & (1u << (i % 8))))
			continue;
		p->files++;
		p->bytes += p->d->k->manifest.files[i].size;
	}
	p->delta.want = p->want;
	return bases ? take_bases(p) : 0;
}

static int sink(void *arg, const void *data, size_t n)
{
	struct push *p = arg;
	struct deploy *d = p->d;
	int64_t now = clock_now_us(), made_us = now - (int64_t)p->delta.made_us;
	char text[64], sent[16];
	int r;

	text_bytes(client_bytes_sent(d->client) - p->sent_before, sent);
	snprintf(text, sizeof(text), "%llu files, %s sent", (unsigned long long)p->files,
		 sent);
	ui_progress(d->ui, "push", d->board, p->done, p->bytes, text);
	/* No bytes are a frame, too: the board hears that more will come. */
	r = client_send_data(d->client, data, n, 0, deploy_deadline(d, "timeout.install"),
			     p->err);
	/* Patches are another matter than the level. */
	pace_add(&p->pace, made_us > p->taken_us ? (uint64_t)(made_us - p->taken_us) : 0,
		 (uint64_t)(clock_now_us() - now));
	p->taken_us = clock_now_us();
	p->delta.made_us = 0;
	return r;
}

static int send_files(struct push *p)
{
	struct deploy *d = p->d;
	int r;

	if (p->files == 0)
		return 0;
	p->taken_us = clock_now_us();
	r = deploy_write_shared(d, &p->delta, sink, p, &p->done, p->err);
	if (r < 0)
		return r;
	return client_send_data(d->client, NULL, 0, FRAME_END,
				deploy_deadline(d, "timeout.install"), p->err);
}

static void say_push(struct push *p, int64_t took_ms)
{
	struct deploy *d = p->d;
	uint64_t sent = client_bytes_sent(d->client) - p->sent_before;
	size_t total = d->k->manifest.n_files;
	const struct delta *x = &p->delta;
	char text[16], part[64] = "";
	json_t *fields =
		json_pack("{s:I, s:I, s:I, s:I, s:I}", "files_sent", (json_int_t)p->files,
			  "files_total", (json_int_t)total, "bytes_sent",
			  (json_int_t)sent, "patches", (json_int_t)x->patches,
			  "patch_bytes", (json_int_t)x->patch_bytes);

	/* Who made the stream for several boards knows. */
	if (d->opts->parcels && p->files > 0) {
		json_object_del(fields, "patches");
		json_object_del(fields, "patch_bytes");
	}
	if (x->patches > 0 && x->patches < p->files)
		snprintf(part, sizeof(part), ", %llu as patches",
			 (unsigned long long)x->patches);

	run_step(d->run, "push", took_ms, json_incref(fields));
	if (p->installed)
		ui_step(d->ui, "push", d->board, took_ms, fields,
			"nothing to send: the board has all %zu files", total);
	else
		ui_step(d->ui, "push", d->board, took_ms, fields,
			"%llu of %zu files changed, %s sent%s%s",
			(unsigned long long)p->files, total, text_bytes(sent, text),
			x->patches > 0 && x->patches == p->files ? " as patches" : "",
			part);
}

static int push_once(struct push *p)
{
	struct deploy *d = p->d;
	const Kferry__Envelope *env;
	int64_t start = clock_now_ms();
	bool have_manifest = false;
	struct keeper *keeper = NULL;
	int r;

	p->files = p->delta.patches = p->delta.patch_bytes = 0;
	p->delta.packed = false;
	p->patched = false;
	buf_reset(&p->delta.table);
	p->sent_before = client_bytes_sent(d->client);
	r = plan(p, &have_manifest);
	if (r == 0 && !p->installed && !have_manifest)
		r = send_manifest(p);
	if (r == 0 && !p->installed)
		r = take_need(p);
	if (r == 0 && !p->installed)
		r = send_files(p);
	if (r < 0)
		return r;
	say_push(p, clock_now_ms() - start);
	/* The board has the word now. */
	if (p->files > 0)
		keeper = keeper_start(&p->delta);
	r = await(p, KFERRY__ENVELOPE__BODY_INSTALLED, "install the kernel", &env);
	keeper_join(keeper);
	if (r == 0 && strcmp(env->installed->slot, d->k->slot) != 0)
		r = kf_err(p->err, -EPROTO, KF_REASON_PROTOCOL,
			   "the agent installed slot \"%s\" instead of %s",
			   env->installed->slot, d->k->slot);
	if (r == 0 && *env->installed->initramfs)
		run_set(d->run, "initramfs", json_string(env->installed->initramfs));
	return r;
}

/* Connect once more and go on, in timeout.connect altogether: an agent that died is
 * started again in a moment, and one that lives may take us for the holder still. */
static int go_on(struct deploy *d, const char *stage, int (*step)(void *arg), void *arg,
		 struct kf_error *err)
{
	deadline_ms deadline = deploy_deadline(d, "timeout.connect");
	int r;

	ui_note(d->ui, "%s: %s; connecting again", d->board, err->msg);
	do {
		*err = (struct kf_error){0};
		client_close(d->client);
		d->client = NULL;
		r = wait_for_agent(d->cfg, d->ui, d->board, stage, deadline, &d->client,
				   err);
		if (r < 0)
			return kf_err_wrap(err, "after the connection was lost "
						"(timeout.connect)");
		r = step(arg);
	} while (r < 0 && err->reason == KF_REASON_BUSY && deadline_left(deadline));
	return r;
}

static bool is_of_content(const struct kf_error *err)
{
	return err->reason == KF_REASON_DIGEST || err->reason == KF_REASON_PACKAGE;
}

/* A board whose older versions are not what they should be gets whole files. */
static bool is_of_patches(const struct push *p, int r)
{
	return r < 0 && (p->patched || buf_len(&p->delta.table) > 0) &&
	       is_of_content(p->err);
}

static int push_all(struct push *p)
{
	int r = push_once(p);

	if (r < 0 && p->delta.packed && is_of_content(p->err))
		kf_err_wrap(p->err, "the package file is damaged, or was altered");
	if (!is_of_patches(p, r))
		return r;
	ui_note(p->d->ui, "%s: %s; sending whole files", p->d->board, p->err->msg);
	*p->err = (struct kf_error){0};
	p->no_patches = true;
	return push_once(p);
}

static int push_step(void *arg)
{
	return push_all(arg);
}

int deploy_push(struct deploy *d, struct kf_error *err)
{
	struct push p = {.d = d, .err = err};
	int r;

	pace_init(&p.pace, (int)config_uint(d->cfg, d->board, "compress.level"));
	p.delta = (struct delta){
		.k = d->k, .versions = versions_open(d->cfg), .pace = &p.pace};
	run_set_board(d->run, RUN_BOARD_TOUCHED);
	r = push_all(&p);
	if (r < 0 && deploy_is_lost(err) && !atomic_load(cancel_flag())) {
		r = go_on(d, "push", push_step, &p, err);
		if (r < 0 && deploy_is_lost(err))
			kf_err_wrap(err, "the connection was lost twice while the kernel "
					 "was sent; what arrived is kept, a new deploy "
					 "sends the rest");
	}
	versions_close(p.delta.versions);
	delta_fini(&p.delta);
	free(p.want);
	return r;
}

struct arm {
	struct deploy *d;
	struct kf_error *err;
	char armed[LIMIT_NAME + 1]; /* the chain that was */
};

/* To arm twice is to arm: an answer that was lost may be asked for again. */
static int arm_step(void *arg)
{
	struct arm *a = arg;
	struct deploy *d = a->d;
	Kferry__ArmRequest q = KFERRY__ARM_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(ARM_REQUEST, arm_request, &q);
	int64_t confirm_ms = deploy_confirm_ms(d);
	const Kferry__Envelope *answer;
	int r;

	q.slot = (char *)d->k->slot;
	q.confirm_timeout_s = (uint32_t)(confirm_ms / 1000);
	q.kexec = kexec_is_wanted(d);
	d->stage = DEPLOY_ARMED;
	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_ARMED,
			deploy_deadline(d, "timeout.install"), &answer, a->err);
	if (r < 0)
		return r;
	d->kexec = q.kexec;
	snprintf(a->armed, sizeof(a->armed), "%s", answer->armed->chain);
	return 0;
}

int deploy_arm(struct deploy *d, int64_t took_from, struct kf_error *err)
{
	struct arm a = {.d = d, .err = err};
	json_t *fields;
	int r = arm_step(&a);

	if (r < 0 && deploy_is_lost(err) && !atomic_load(cancel_flag()))
		r = go_on(d, "install", arm_step, &a, err);
	if (r < 0)
		return r;
	fields = json_pack("{s:s, s:s}", "slot", d->k->slot, "chain", a.armed);
	run_step(d->run, "install", clock_now_ms() - took_from, json_incref(fields));
	ui_step(d->ui, "install", d->board, clock_now_ms() - took_from, fields,
		"slot %s, boots once through %s", d->k->slot, a.armed);
	return 0;
}
