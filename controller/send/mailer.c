// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/send/mailer.h"

#include <string.h>

#include "controller/cancel.h"
#include "controller/send/mailconf.h"
#include "controller/strf.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define FIXED	   32
#define BCC_MAX	   32
#define WORDS_MAX  (FIXED + RECIPIENTS_MAX + BCC_MAX + SERIES_MAX)
#define SEND_MS	   1800000 /* where nobody is asked anything */
#define OUTPUT_MAX (4u << 20)
#define SAID_SHOWN 500 /* bytes */

struct words {
	char *w[WORDS_MAX + 1];
	size_t n;
	bool no_memory;
};

static void words_free(struct words **w)
{
	for (size_t i = 0; *w && i < (*w)->n; i++)
		free((*w)->w[i]);
	free(*w);
}

static void add(struct words *w, const char *fmt, ...) _printf_(2, 3);
static void add(struct words *w, const char *fmt, ...)
{
	char *word = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&word, fmt, ap);
	va_end(ap);
	if (n < 0 || w->n == WORDS_MAX) {
		if (n >= 0)
			free(word);
		w->no_memory = true;
		return;
	}
	w->w[w->n++] = word;
}

/* All that git's configuration might add is switched off: who gets the mails is what was
 * shown. */
static void add_options(struct words *w, const struct mailer_opts *o,
			const char *no_header_cmd)
{
	static const char *const fixed[] = {"send-email",	 "--confirm=never",
					    "--suppress-cc=all", "--no-to",
					    "--no-cc",		 "--no-bcc",
					    "--to-cmd=true",	 "--no-annotate",
					    "--no-format-patch", "--no-chain-reply-to",
					    "--thread",		 "--8bit-encoding=UTF-8"};

	add(w, "git");
	add(w, "-C");
	add(w, "%s", o->src);
	add(w, "-c");
	add(w, "%s", no_header_cmd);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		add(w, "%s", fixed[i]);
	if (o->dry_run)
		add(w, "--dry-run");
	if (o->quiet || o->dry_run)
		add(w, "--quiet");
	if (o->in_reply_to)
		add(w, "--in-reply-to=%s", o->in_reply_to);
}

static void add_people(struct words *w, const struct recipients *r,
		       const struct mailer_opts *o)
{
	_free_ char *bcc = o->bcc ? strdup(o->bcc) : NULL;
	char *rest = bcc;

	for (size_t i = 0; i < r->all.n; i++)
		add(w, "--%s=%s", i < r->n_to ? "to" : "cc", r->all.p[i].address);
	for (char *one; rest && (one = strsep(&rest, "\n"));) {
		if (*one)
			add(w, "--bcc=%s", one);
	}
}

/* The end of what it printed, in one line. */
static const char *last_words(struct buf *said)
{
	char *text = (char *)buf_str(said);
	size_t n = text ? strlen(text) : 0;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			text[i] = ' ';
	}
	return n > SAID_SHOWN ? text + n - SAID_SHOWN : text;
}

static int run(const struct words *w, const struct mailer_opts *o, struct kf_error *err)
{
	static const char *const env[] = {"GIT_SEND_EMAIL_NOTTY=1", NULL};
	_buf_ struct buf said = {.max = OUTPUT_MAX};
	bool shown = !o->quiet && !o->dry_run;
	const struct proc_opts opts = {.inherit_env = true,
				       .env_extra = shown ? NULL : env,
				       .timeout_ms = shown ? -1 : SEND_MS,
				       .cancel = shown ? NULL : cancel_flag(),
				       /* It may ask for a password. */
				       .inherit_stdio = shown,
				       .out = shown ? NULL : &said,
				       .reason = KF_REASON_EXEC};
	int status = 0;
	int rc = proc_run((const char *const *)w->w, &opts, &status);
	const char *text;

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_EXEC, "run git send-email: %m");
	if (status == 0)
		return 0;
	text = shown ? NULL : last_words(&said);
	return kf_err(err, -EIO, KF_REASON_EXEC,
		      "git send-email ended with status %d%s%s%s", status,
		      text ? ": " : "", text ? text : "",
		      o->dry_run ? "" : "; mails before that one may have been sent");
}

int mailer_send(const struct mails *s, const struct recipients *r,
		const struct mailer_opts *opts, struct kf_error *err)
{
	_cleanup_(words_free) struct words *w = calloc(1, sizeof(*w));
	_free_ char *no_header_cmd = NULL;
	int rc;

	if (!w)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	rc = mailconf_no_header_cmd(opts->src, &no_header_cmd, err);
	if (rc < 0)
		return rc;
	add_options(w, opts, no_header_cmd);
	add_people(w, r, opts);
	for (size_t i = 0; i < s->n; i++)
		add(w, "%s", s->mails[i].path);
	if (w->no_memory)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
			      "no memory, or more words than git send-email is given");
	return run(w, opts, err);
}
