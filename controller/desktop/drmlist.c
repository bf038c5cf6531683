// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/desktop/drmlist.h"

#include <stdbool.h>
#include <string.h>

#include "controller/desktop/boardtext.h"
#include "proto/reason.h"
#include "proto/text.h"

static const char script[] =
	"cd \"${KFERRY_ROOT-}/sys/class/drm\" 2>/dev/null || {\n"
	"	echo 'no /sys/class/drm: its kernel has no DRM driver loaded' >&2\n"
	"	exit 1\n"
	"}\n"
	"for c in card*-*; do\n"
	"	[ -f \"$c/status\" ] || continue\n"
	"	echo \"connector $c\"\n"
	"	for f in status enabled dpms; do\n"
	"		[ -r \"$c/$f\" ] && read -r v < \"$c/$f\" && echo \"$f $v\"\n"
	"	done\n"
	"	d=$(readlink \"${c%%-*}/device/driver\") && echo \"driver ${d##*/}\"\n"
	"	while read -r v; do echo \"mode $v\"; done < \"$c/modes\"\n"
	"done\n"
	"exit 0\n";

static void connector_fini(struct drmlist_connector *c)
{
	for (size_t i = 0; i < c->n_modes; i++)
		free(c->modes[i]);
	free(c->modes);
	free(c->id);
	free(c->status);
	free(c->enabled);
	free(c->dpms);
	free(c->driver);
}

void drmlist_fini(struct drmlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		connector_fini(&l->v[i]);
	free(l->v);
	*l = (struct drmlist){0};
}

/* --- the answer ------------------------------------------------------------------------
 */

static int add_connector(struct drmlist *l, char *id)
{
	struct drmlist_connector *more =
		l->n < DRMLIST_MAX ? reallocarray(l->v, l->n + 1, sizeof(*more)) : NULL;
	const char *dash = strchr(id, '-');

	if (!more) {
		free(id);
		return l->n < DRMLIST_MAX ? -ENOMEM : -E2BIG;
	}
	l->v = more;
	l->v[l->n++] = (struct drmlist_connector){.id = id, .name = dash ? dash + 1 : id};
	return 0;
}

static int add_mode(struct drmlist_connector *c, char *mode)
{
	char **more = c->n_modes < DRMLIST_MODES
			      ? reallocarray(c->modes, c->n_modes + 1, sizeof(*more))
			      : NULL;

	if (!more) {
		free(mode);
		return c->n_modes < DRMLIST_MODES ? -ENOMEM : -E2BIG;
	}
	c->modes = more;
	c->modes[c->n_modes++] = mode;
	return 0;
}

static bool is_word(const char *line, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(line, word, n) == 0;
}

/* Takes value. */
static int take(struct drmlist *l, const char *word, size_t n, char *value)
{
	struct drmlist_connector *c = l->n ? &l->v[l->n - 1] : NULL;
	char **field = NULL;

	if (is_word(word, n, "connector"))
		return add_connector(l, value);
	if (c && is_word(word, n, "mode"))
		return add_mode(c, value);
	if (c && is_word(word, n, "status"))
		field = &c->status;
	else if (c && is_word(word, n, "enabled"))
		field = &c->enabled;
	else if (c && is_word(word, n, "dpms"))
		field = &c->dpms;
	else if (c && is_word(word, n, "driver"))
		field = &c->driver;
	if (!field || *field)
		free(value);
	else
		*field = value;
	return 0;
}

int drmlist_parse(const char *text, struct drmlist *ret, struct kf_error *err)
{
	int rc = 0;

	while (*text && rc == 0) {
		size_t n = strcspn(text, "\n"), word = strcspn(text, " \n");
		char *value;

		if (!text_is_plain(text, n, false)) {
			rc = -EBADMSG;
			break;
		}
		value = strndup(text + word + (word < n), n - word - (word < n));
		rc = value ? take(ret, text, word, value) : -ENOMEM;
		text += n + (text[n] == '\n');
	}
	if (rc == 0)
		return 0;
	drmlist_fini(ret);
	if (rc == -ENOMEM)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	if (rc == -E2BIG)
		return kf_err(
			err, rc, KF_REASON_PROTOCOL,
			"the board tells more than %d connectors, or %d modes of one",
			DRMLIST_MAX, DRMLIST_MODES);
	return kf_err(err, rc, KF_REASON_PROTOCOL,
		      "what the board tells of its connectors is no plain text");
}

int drmlist_ask(const struct config *cfg, const char *board, struct drmlist *ret,
		struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = boardtext_run(cfg, board, script, "", &text, err);

	if (rc < 0)
		return rc;
	if (!buf_str(&text))
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return drmlist_parse(buf_str(&text), ret, err);
}
