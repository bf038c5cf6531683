// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry send: mail patches to those whom the tree's own script names. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cmd/cmd.h"
#include "controller/kernel/scratch.h"
#include "controller/patch/ask.h"
#include "controller/patch/style.h"
#include "controller/send/cover.h"
#include "controller/send/mailconf.h"
#include "controller/send/mailer.h"
#include "controller/send/mailtext.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

const char cmd_send_details[] =
	"A commit, a range, or files that are mails already; without "
	"one: what the branch's\nupstream has not. Errors of "
	"checkpatch.pl end it. Who gets what is shown, and asked for.\n"
	"\n"
	"  -v N            version N of the series\n"
	"  --rfc           a request for comments\n"
	"  --prefix TEXT   instead of PATCH, such as 'PATCH net-next'\n"
	"  --cover FILE    a cover letter: its subject, an empty line, "
	"its "
	"text\n"
	"  --cover-letter  write it in the editor, from the tree's "
	".kferry/cover-letter\n"
	"  --to ADDRESS    also to that one; repeated, of several\n"
	"  --cc ADDRESS    a copy likewise\n"
	"  --in-reply-to ID  answers that Message-ID\n"
	"  --no-checkpatch  do not look at the style\n"
	"  --simulate      all but sending: show mails and recipients\n"
	"  -o, --output DIR  keep the mails there\n"
	"  --yes           do not ask\n"
	"\n"
	"  --verify        git's settings of mail: what is set, what "
	"lacks\n"
	"  --setup [NAME=VALUE...]  set some of them: smtpserver, "
	"smtpserverport, smtpencryption,\n"
	"                  smtpuser, from, name, email\n"
	"  --local         with --setup: for this tree only\n";

enum {
	OPT_RFC = 256,
	OPT_COVER,
	OPT_COVER_LETTER,
	OPT_PREFIX,
	OPT_TO,
	OPT_CC,
	OPT_REPLY,
	OPT_NO_CHECKPATCH,
	OPT_SIMULATE,
	OPT_YES,
	OPT_SETUP,
	OPT_VERIFY,
	OPT_LOCAL
};

#define EXTRA_MAX  64
#define WORD_LIMIT 200 /* of --prefix and --in-reply-to, bytes */

struct extra {
	const char *role, *address;
};

struct send {
	struct cmd_env *env;
	struct mails_opts opts;
	const char *cover; /* file */
	const char *in_reply_to, *output;
	bool edit, no_checkpatch, simulate, yes, setup, verify, local;
	struct extra extra[EXTRA_MAX];
	size_t n_extra;
	char *const *words;
	/* What becomes of it: */
	char *src, *scratch;
	struct mails series;
	struct recipients to;
	char **block;
	char *self, *bcc;
	struct style style;
};

static void send_fini(struct send *s)
{
	mails_fini(&s->series);
	recipients_fini(&s->to);
	if (s->scratch && fs_remove_tree(AT_FDCWD, s->scratch) < 0)
		ui_warn(s->env->ui, "%s is left behind", s->scratch);
	free(s->src);
	free(s->scratch);
	free(s->block);
	free(s->self);
	free(s->bcc);
}

/* --- what is sent --------------------------------------------------------------------
 */

/* Where nothing was named: what the branch has and its upstream has not. */
static const char *const upstream[] = {"@{upstream}..HEAD", NULL};

static int find_targets(struct send *s, const char *dir, struct kf_error *err)
{
	const char *const *words = (const char *const *)s->words;
	int rc = 0;

	if (!words[0])
		words = upstream;
	for (size_t i = 0; words[i] && rc == 0; i++) {
		_target_ struct target t = {0};
		bool commits;

		if (words == upstream)
			t = (struct target){.kind = TARGET_RANGE, .word = words[i]};
		else
			rc = target_find(s->src, words[i], &t, err);
		commits = t.kind == TARGET_COMMIT || t.kind == TARGET_RANGE;
		if (rc < 0)
			return rc;
		if (commits && !words[1])
			rc = mails_make(s->src, dir, &t, &s->opts, &s->series, err);
		else if (commits)
			rc = kf_err(err, -EINVAL, KF_REASON_USAGE,
				    "one commit or one range makes a series; %s is not "
				    "the only word",
				    words[i]);
		else if (t.kind != TARGET_PATCH)
			rc = kf_err(err, -EINVAL, KF_REASON_USAGE,
				    "%s is no patch, and no commit", words[i]);
		else if (s->opts.version || s->opts.rfc || s->opts.cover ||
			 s->opts.prefix)
			rc = kf_err(
				err, -EINVAL, KF_REASON_USAGE,
				"-v, --rfc, --prefix and a cover letter are for mails "
				"that are made: name commits, not %s",
				words[i]);
		else
			rc = mails_add(&s->series, dir, &t, err);
	}
	if (rc < 0 && words == upstream && err->reason != KF_REASON_NO_MEMORY)
		kf_err_wrap(err, "which commits? without a name those that the branch's "
				 "upstream has not");
	return rc;
}

/* An empty directory of the user's, or one that is gone at the end. */
static int find_dir(struct send *s, const char **ret, struct kf_error *err)
{
	_closedir_ DIR *d = NULL;
	const char *name = NULL;
	int rc;

	if (!s->output) {
		rc = scratch_new(s->env->cfg, &s->scratch, err);
		*ret = s->scratch;
		return rc;
	}
	rc = fs_mkdirs(AT_FDCWD, s->output);
	if (rc == 0)
		rc = fs_dir_stream(fs_open_dir(AT_FDCWD, s->output), &d);
	if (rc == 0)
		rc = fs_dir_next(d, &name);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "the directory %s: %m", s->output);
	if (name)
		return kf_err(err, -ENOTEMPTY, KF_REASON_USAGE,
			      "the directory %s has %s in it already: mails of another "
			      "series would be mixed with these",
			      s->output, name);
	*ret = s->output;
	return 0;
}

static int make_series(struct send *s, struct kf_error *err)
{
	_buf_ struct buf text = {.max = COVER_MAX};
	const char *dir = NULL;
	int rc = 0;

	s->opts.cover = s->cover || s->edit;
	/* Before anything is made: is its text good? */
	if (s->cover)
		rc = cover_read(s->cover, &text, err);
	if (rc == 0)
		rc = find_dir(s, &dir, err);
	if (rc == 0)
		rc = find_targets(s, dir, err);
	if (rc == 0 && s->edit)
		rc = cover_edit(s->src, dir, &text, err);
	if (rc == 0 && s->opts.cover)
		rc = cover_fill(&s->series, &text, err);
	return rc;
}

/* --- checkpatch ----------------------------------------------------------------------
 */

static int check_mail(struct send *s, const struct script *script, const struct mail *m,
		      struct kf_error *err)
{
	_buf_ struct buf out = {.max = SCRIPT_TEXT_MAX};
	struct style one = {0};
	bool clean = false;
	int rc = script_check_names(script, &m->text, err);

	if (rc == 0)
		rc = style_check(script, s->env->ui, false, NULL, &m->text, &out, &one,
				 &clean, err);
	if (rc < 0)
		return kf_err_wrap(err, "%s", m->subject);
	if (!clean) {
		ui_out_paint(s->env->ui, UI_BOLD, "%s:\n", m->subject);
		ui_out(s->env->ui, "%s", buf_str(&out));
	}
	s->style.errors += one.errors;
	s->style.warnings += one.warnings;
	return 0;
}

static int check_style(struct send *s, struct kf_error *err)
{
	_script_ struct script script = {0};
	int rc = s->no_checkpatch ? 0
				  : script_find(s->env->cfg, "scripts/checkpatch.pl",
						&script, err);

	for (size_t i = 0; i < s->series.n && rc == 0 && !s->no_checkpatch; i++) {
		if (!s->series.mails[i].cover)
			rc = check_mail(s, &script, &s->series.mails[i], err);
	}
	if (rc == 0 && s->style.errors > 0)
		rc = kf_err(err, -EINVAL, KF_REASON_INVALID,
			    "checkpatch.pl finds %lu error%s: nothing is sent "
			    "(--no-checkpatch sends it all the same)",
			    s->style.errors, s->style.errors == 1 ? "" : "s");
	return rc;
}

/* --- recipients ----------------------------------------------------------------------
 */

static int ask_tree(struct send *s, struct kf_error *err)
{
	_people_ struct people people = {0};
	_script_ struct script script = {0};
	_buf_ struct buf all = {.max = SCRIPT_TEXT_MAX};
	int rc = script_find(s->env->cfg, "scripts/get_maintainer.pl", &script, err);

	for (size_t i = 0; i < s->series.n && rc == 0; i++) {
		const struct mail *m = &s->series.mails[i];

		if (!m->cover &&
		    buf_append(&all, buf_data(&m->text), buf_len(&m->text)) < 0)
			rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
				    "no memory, or patches of more than %u MiB",
				    SCRIPT_TEXT_MAX >> 20);
	}
	if (rc == 0)
		rc = script_check_names(&script, &all, err);
	if (rc == 0)
		rc = ask_people(&script, s->env->ui, NULL, &all, &people, err);
	return rc < 0 ? rc : recipients_add_people(&s->to, &people, err);
}

/* sendemail.to and cc: one or more, a line each. */
static int add_configured(struct send *s, const char *key, struct kf_error *err)
{
	_free_ char *lines = NULL;
	int rc = mailconf_get(s->src, key, true, &lines, err);
	char *rest = lines;

	for (char *one; rc == 0 && rest && (one = strsep(&rest, "\n"));) {
		if (*one)
			rc = recipients_add(&s->to, key, one, strlen(one), err);
	}
	return rc < 0 ? kf_err_wrap(err, "sendemail.%s", key) : 0;
}

static int find_people(struct send *s, struct kf_error *err)
{
	int rc = mailconf_sender(s->src, &s->self, err);

	s->block = config_argv(s->env->cfg, NULL, "send.blocked");
	s->to.block = (const char *const *)s->block;
	s->to.self = s->self;
	for (size_t i = 0; i < s->n_extra && rc == 0; i++)
		rc = recipients_add(&s->to, s->extra[i].role, s->extra[i].address,
				    strlen(s->extra[i].address), err);
	if (rc == 0)
		rc = add_configured(s, "to", err);
	if (rc == 0)
		rc = add_configured(s, "cc", err);
	if (rc == 0)
		rc = mailconf_get(s->src, "bcc", true, &s->bcc, err);
	if (rc == 0)
		rc = ask_tree(s, err);
	if (rc == 0)
		rc = recipients_add_series(&s->to, &s->series, err);
	return rc < 0 ? rc : recipients_end(&s->to, err);
}

/* --- showing and sending -------------------------------------------------------------
 */

static void show_person(struct ui *ui, const char *what, const struct person *p)
{
	ui_out(ui, "  %-7s  %s", what, p->address);
	for (size_t i = 0; i < p->n_roles; i++)
		ui_out(ui, "%s%s", i ? ", " : "  (", p->roles[i]);
	ui_out(ui, "%s\n", p->n_roles ? ")" : "");
}

static void show(struct send *s)
{
	struct ui *ui = s->env->ui;

	for (size_t i = 0; i < s->series.n; i++) {
		const char *slash = strrchr(s->series.mails[i].path, '/');

		ui_out(ui, "  %-7s  %s\n", i ? "" : "mails", s->series.mails[i].subject);
		ui_debug(ui, "%s", slash ? slash + 1 : s->series.mails[i].path);
		if (s->output || s->simulate)
			ui_out(ui, "  %-7s    %s\n", "",
			       s->output ? s->series.mails[i].path : slash + 1);
	}
	for (size_t i = 0; i < s->to.all.n; i++)
		show_person(ui, i < s->to.n_to ? "To" : "Cc", &s->to.all.p[i]);
	if (s->bcc)
		ui_out(ui, "  %-7s  %s\n", "Bcc", s->bcc);
	for (size_t i = 0; i < s->to.blocked.n; i++)
		show_person(ui, "blocked", &s->to.blocked.p[i]);
	if (s->in_reply_to)
		ui_out(ui, "  %-7s  %s\n", "reply", s->in_reply_to);
	if (!s->no_checkpatch && s->style.warnings)
		ui_out(ui, "  checkpatch: %lu warnings\n", s->style.warnings);
}

static json_t *people_json(const struct person *p, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, script_json(p[i].address));
	return all;
}

static void tell(struct send *s, bool sent)
{
	json_t *mails = json_array();

	for (size_t i = 0; i < s->series.n; i++)
		json_array_append_new(mails, script_json(s->series.mails[i].subject));
	ui_json(s->env->ui,
		json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "event", "send", "sent",
			  (int)sent, "mails", mails, "to",
			  people_json(s->to.all.p, s->to.n_to), "cc",
			  people_json(s->to.all.p + s->to.n_to, s->to.all.n - s->to.n_to),
			  "blocked", people_json(s->to.blocked.p, s->to.blocked.n)));
}

/* 0: go on; a status.  */
static int consent(struct send *s, struct kf_error *err)
{
	char question[80];
	bool yes = s->yes;
	int rc = 0;

	snprintf(question, sizeof(question), "Send %zu mail%s to %zu %s?", s->series.n,
		 s->series.n == 1 ? "" : "s", s->to.all.n,
		 s->to.all.n == 1 ? "address" : "addresses");
	if (!yes)
		rc = ui_confirm(s->env->ui, question, &yes);
	if (rc < 0)
		return kf_err(err, rc,
			      rc == -ENOTTY ? KF_REASON_USAGE : KF_REASON_CANCELLED,
			      rc == -ENOTTY ? "there is no terminal to ask on: --yes "
					      "sends without a question, --simulate "
					      "does not send"
					    : "nothing was sent");
	return yes ? 0 : kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "nothing was sent");
}

static int deliver(struct send *s, struct kf_error *err)
{
	struct mailer_opts opts = {.src = s->src,
				   .in_reply_to = s->in_reply_to,
				   .bcc = s->bcc,
				   .dry_run = true};
	int rc = mailer_send(&s->series, &s->to, &opts, err);

	if (rc < 0 || s->simulate)
		return rc;
	rc = consent(s, err);
	if (rc < 0)
		return rc;
	opts.dry_run = false;
	opts.quiet = ui_is_json(s->env->ui);
	return mailer_send(&s->series, &s->to, &opts, err);
}

static int send_all(struct send *s)
{
	struct kf_error err = {0};
	int rc = make_series(s, &err);

	if (rc == 0)
		rc = check_style(s, &err);
	if (rc == 0)
		rc = find_people(s, &err);
	if (rc < 0)
		return cmd_fail(s->env, NULL, &err);
	show(s);
	if (s->series.n > 2 && !s->opts.cover && !s->series.mails[0].cover)
		ui_note(s->env->ui,
			"a series of %zu without a cover letter "
			"(--cover-letter, --cover FILE)",
			s->series.n);
	rc = deliver(s, &err);
	if (rc < 0)
		return cmd_fail(s->env, NULL, &err);
	tell(s, !s->simulate);
	if (s->simulate)
		ui_note(s->env->ui, "nothing was sent (--simulate)");
	return STATUS_PASS;
}

/* --- git's settings ------------------------------------------------------------------
 */

static int configure(struct send *s)
{
	struct kf_error err = {0};
	bool whole = false;
	int rc = 0;

	if (!s->setup && s->words[0])
		return cmd_usage(s->env, "send", "--verify takes no words");
	for (size_t i = 0; s->words[i] && rc == 0; i++)
		rc = mailconf_check(s->words[i], &err);
	for (size_t i = 0; s->words[i] && rc == 0; i++)
		rc = mailconf_set(s->src, s->words[i], s->local, &err);
	if (rc == 0)
		rc = mailconf_show(s->src, s->env->ui, &whole, &err);
	if (rc < 0)
		return cmd_fail(s->env, NULL, &err);
	if (!whole)
		ui_note(s->env->ui,
			"what is missing is set by `kferry send --setup NAME=VALUE...`");
	return whole ? STATUS_PASS : STATUS_ERROR;
}

/* --- the command ---------------------------------------------------------------------
 */

static int take_version(struct send *s)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (*end || *optarg < '0' || *optarg > '9' || n < 1 || n > SERIES_VERSION_MAX)
		return cmd_usage(s->env, "send", "-v takes 1 to %d, not \"%s\"",
				 SERIES_VERSION_MAX, optarg);
	s->opts.version = (unsigned)n;
	return 0;
}

static int take_line(struct send *s, const char *name, const char **ret)
{
	if (!*optarg || *optarg == '-' || !text_is_line(optarg, WORD_LIMIT))
		return cmd_usage(s->env, "send",
				 "--%s takes printable ASCII, at most %d bytes", name,
				 WORD_LIMIT);
	*ret = optarg;
	return 0;
}

static int take_address(struct send *s, const char *role)
{
	const char *at;
	size_t len;

	if (!mailtext_address(optarg, strlen(optarg), &at, &len) || at[len])
		return cmd_usage(s->env, "send",
				 "--%s: \"%s\" is no address such as a@b.org or \"Ann "
				 "<a@b.org>\"",
				 role, optarg);
	if (s->n_extra == EXTRA_MAX)
		return cmd_usage(s->env, "send", "at most %d of --to and --cc",
				 EXTRA_MAX);
	s->extra[s->n_extra++] = (struct extra){role, optarg};
	return 0;
}

static int take(struct send *s, int c, char *argv[])
{
	switch (c) {
	case 'v':
		return take_version(s);
	case 'o':
		s->output = optarg;
		return 0;
	case OPT_COVER:
		s->cover = optarg;
		return 0;
	case OPT_PREFIX:
		return take_line(s, "prefix", &s->opts.prefix);
	case OPT_REPLY:
		return take_line(s, "in-reply-to", &s->in_reply_to);
	case OPT_TO:
		return take_address(s, "to");
	case OPT_CC:
		return take_address(s, "cc");
	default:
		return cmd_bad_option(s->env, "send", argv);
	}
}

static bool *flag_of(struct send *s, int c)
{
	switch (c) {
	case OPT_RFC:
		return &s->opts.rfc;
	case OPT_COVER_LETTER:
		return &s->edit;
	case OPT_NO_CHECKPATCH:
		return &s->no_checkpatch;
	case OPT_SIMULATE:
		return &s->simulate;
	case OPT_YES:
		return &s->yes;
	case OPT_SETUP:
		return &s->setup;
	case OPT_VERIFY:
		return &s->verify;
	case OPT_LOCAL:
		return &s->local;
	default:
		return NULL;
	}
}

static int parse(struct send *s, int argc, char *argv[])
{
	static const struct option options[] = {
		{"rfc", no_argument, NULL, OPT_RFC},
		{"cover", required_argument, NULL, OPT_COVER},
		{"cover-letter", no_argument, NULL, OPT_COVER_LETTER},
		{"prefix", required_argument, NULL, OPT_PREFIX},
		{"to", required_argument, NULL, OPT_TO},
		{"cc", required_argument, NULL, OPT_CC},
		{"in-reply-to", required_argument, NULL, OPT_REPLY},
		{"no-checkpatch", no_argument, NULL, OPT_NO_CHECKPATCH},
		{"simulate", no_argument, NULL, OPT_SIMULATE},
		{"yes", no_argument, NULL, OPT_YES},
		{"setup", no_argument, NULL, OPT_SETUP},
		{"verify", no_argument, NULL, OPT_VERIFY},
		{"local", no_argument, NULL, OPT_LOCAL},
		{"output", required_argument, NULL, 'o'},
		{0},
	};
	int c, rc = 0;

	while (!rc && (c = getopt_long(argc, argv, ":v:o:", options, NULL)) != -1) {
		bool *flag = flag_of(s, c);

		if (flag)
			*flag = true;
		else
			rc = take(s, c, argv);
	}
	s->words = argv + optind;
	if (!rc && s->cover && s->edit)
		rc = cmd_usage(s->env, "send",
			       "--cover has the text that --cover-letter "
			       "would ask for");
	if (!rc && s->local && !s->setup)
		rc = cmd_usage(s->env, "send", "--local goes with --setup");
	return rc;
}

int cmd_send(struct cmd_env *env, int argc, char *argv[])
{
	_cleanup_(send_fini) struct send s = {.env = env};
	_script_ struct script script = {0};
	struct kf_error err = {0};
	int rc = parse(&s, argc, argv);

	if (rc)
		return rc;
	if (script_find(env->cfg, "scripts/get_maintainer.pl", &script, &err) < 0)
		return cmd_fail(env, NULL, &err);
	s.src = TAKE_PTR(script.src);
	return s.setup || s.verify ? configure(&s) : send_all(&s);
}
