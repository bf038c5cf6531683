// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/history/note.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "proto/reason.h"

int64_t note_began(int64_t took_ms)
{
	return (int64_t)time(NULL) - took_ms / 1000;
}

void note_event(const struct config *cfg, struct ui *ui, const struct history_event *e)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	_cleanup_(history_closep) struct history *h = NULL;
	_free_ char *path = NULL;
	struct kf_error err = {0};
	int rc = -ENOMEM;

	if (!config_bool(cfg, NULL, "history.record"))
		return;
	path = history_path(cfg);
	if (path)
		rc = history_open(path, true, &h, &err);
	if (rc == 0)
		rc = history_add(h, e, &err);
	if (rc < 0 && !atomic_flag_test_and_set(&told))
		ui_warn(ui, "not in the history: %s", err.code ? err.msg : "no memory");
}

static const char *field(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int64_t number(const json_t *o, const char *key)
{
	const json_t *j = json_object_get(o, key);

	return json_is_integer(j) ? json_integer_value(j) : -1;
}

/* RFC 3339, as run.c writes it. */
static int64_t time_of(const char *text)
{
	struct tm tm = {0};
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	return end && !*end ? (int64_t)timegm(&tm) : -1;
}

/* The first reboot: what follows is the way back. */
static const json_t *reboot_of(const json_t *result)
{
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(result, "steps"), i, step)
	{
		const char *stage = field(step, "stage");

		if (stage && strcmp(stage, "reboot") == 0)
			return step;
	}
	return NULL;
}

bool note_of_run(const json_t *result, struct history_event *ret)
{
	const char *mode = field(result, "mode"), *verdict = field(result, "verdict");
	const char *reason = field(result, "reason");
	int64_t took = number(result, "took_ms"),
		began = time_of(field(result, "started"));

	const json_t *reboot = reboot_of(result);

	if (took < 0 || began < 0)
		return false;
	if (!verdict || (reason && strcmp(reason, reason_name(KF_REASON_CANCELLED)) == 0))
		verdict = "NONE";
	*ret = (struct history_event){
		.kind = mode && strcmp(mode, "test") == 0 ? HISTORY_TEST : HISTORY_DEPLOY,
		.started = began,
		.took_ms = took,
		.boot_ms = number(reboot, "took_ms"),
		.booted = json_is_true(json_object_get(reboot, "matches")),
		.verdict = verdict,
		.reason = reason,
		.board = field(result, "board"),
		.release = field(result, "release")};
	return true;
}

void note_run(const struct config *cfg, struct ui *ui, const json_t *result,
	      const char *dir)
{
	struct history_event e;

	if (!note_of_run(result, &e))
		return;
	e.run = dir;
	e.tree = config_tree(cfg);
	note_event(cfg, ui, &e);
}
