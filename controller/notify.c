// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/notify.h"

#include <string.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/proc.h"
#include "proto/reason.h"
#include "proto/text.h"

#define WORDS_MAX   32
#define SUMMARY_MAX 200 /* bytes of the command that are shown */

static const char *verdict_of(int status)
{
	return status == 0 ? "PASS" : status == 1 ? "FAIL" : "ERROR";
}

/* "kferry bd rpi4"; the caller's. */
static char *line_of(char *const argv[])
{
	_buf_ struct buf b = BUF_INIT;
	size_t n;
	int rc = buf_printf(&b, "kferry");

	for (size_t i = 0; argv[i] && rc == 0 && buf_len(&b) < SUMMARY_MAX; i++) {
		rc = buf_append(&b, " ", 1);
		n = strnlen(argv[i], SUMMARY_MAX);
		if (rc == 0)
			rc = text_escape(&b, argv[i], n, false);
	}
	return rc == 0 && buf_str(&b) ? strdup(buf_str(&b)) : NULL;
}

static int call(char *const words[], const struct notice *n, struct kf_error *err)
{
	char took[16];
	const char *verdict = verdict_of(n->status);
	_free_ char *line = line_of(n->argv);
	_free_ char *summary = line ? strf("%s: %s", line, verdict) : NULL;
	_free_ char *body = strf("after %s, exit status %d",
				 text_duration(n->took_ms, took), n->status);
	_free_ char *e_command = strf("KFERRY_COMMAND=%s", n->argv[0]);
	_free_ char *e_verdict = strf("KFERRY_VERDICT=%s", verdict);
	_free_ char *e_status = strf("KFERRY_STATUS=%d", n->status);
	_free_ char *e_took = strf("KFERRY_SECONDS=%lld", (long long)(n->took_ms / 1000));
	const char *const env[] = {e_command, e_verdict, e_status, e_took, NULL};
	const struct proc_opts opts = {.inherit_env = true,
				       .env_extra = env,
				       .timeout_ms = NOTIFY_MS,
				       .reason = KF_REASON_EXEC};
	const char *argv[WORDS_MAX + 3] = {NULL};
	size_t at = 0;

	if (!summary || !body || !e_command || !e_verdict || !e_status || !e_took)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	while (words[at] && at < WORDS_MAX) {
		argv[at] = words[at];
		at++;
	}
	if (words[at])
		return kf_err(err, -E2BIG, KF_REASON_CONFIG,
			      "notify.command has more than %d words", WORDS_MAX);
	argv[at++] = summary;
	argv[at] = body;
	return proc_check(argv, &opts, err);
}

void notify(const struct config *cfg, struct ui *ui, const struct notice *n)
{
	static char name[] = "notify-send";
	char *const usual[] = {name, NULL};
	_free_ char **set = config_argv(cfg, NULL, "notify.command");
	_free_ char *path = NULL;
	struct kf_error err = {0};
	bool own = set && set[0];

	if (!own && !n->asked)
		return;
	if (n->took_ms < config_ms(cfg, NULL, "notify.after") ||
	    atomic_load(cancel_flag()))
		return;
	if (!own && proc_find(name, &path) < 0) {
		ui_warn(ui, "--notify: there is no notify-send here, and notify.command "
			    "is not set");
		return;
	}
	if (call(own ? set : usual, n, &err) < 0)
		ui_warn(ui, "the notification: %s", err.msg);
}
