// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steps of a setup, in an order in which a cut leaves a board that still has its old
 * agent or none: files first, each atomically, then the services are told.
 */
#include "controller/setup/setup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "controller/place.h"
#include "controller/setup/agentfile.h"
#include "controller/setup/setup_paths.h"
#include "controller/setup/setup_remote.h"
#include "controller/setup/setup_texts.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define AGENT_MAX  (64 * 1024 * 1024)
#define UNIT_MAX   (256 * 1024)
#define OUTPUT_MAX (64 * 1024)
#define UNITS_MAX  16
#define CONF_PLACE "/etc/kferry/agent.conf"
#define UNIT_DIR   "/etc/systemd/system/"
#define DROP_IN	   UNIT_DIR "kferryd.service.d/kferry-paths.conf"
#define SYSUSERS   "kferry-sysusers.conf" /* of agent/units */

struct setup {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	struct remote *remote;
	char machine[LIMIT_NAME + 1], user[LIMIT_NAME + 1], init[16];
	struct setup_paths paths;
	const char *keep_list; /* setup.keep_list, or NULL */
	struct buf kept;       /* what belongs there */
	unsigned changes;
	char *units[UNITS_MAX + 1]; /* to enable */
	unsigned unit_count;
};

static void told(struct setup *s, const char *fmt, ...) _printf_(2, 3);

static void told(struct setup *s, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->changes++;
	ui_step(s->ui, "setup", s->board, -1, NULL, "%s", text);
}

/* --- what the board is
 * ------------------------------------------------------------------ */

static const char facts_script[] =
	"echo machine=$(uname -m); echo user=$(id -un); "
	"if test -d /run/systemd/system; then echo init=systemd; "
	"elif test -d /etc/init.d; then echo init=sysv; else echo init=none; fi";

static void take_fact(const char *line, const char *name, char *dst, size_t size)
{
	size_t n = strlen(name);

	if (!strncmp(line, name, n) && line[n] == '=')
		snprintf(dst, size, "%s", line + n + 1);
}

static int look(struct setup *s, struct kf_error *err)
{
	_buf_ struct buf out = {.max = OUTPUT_MAX};
	char *rest;
	int rc;

	rc = remote_sh(s->remote, "look at the board", facts_script, NULL, &out, err);
	if (rc < 0)
		return rc;
	rest = (char *)buf_str(&out);
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		take_fact(line, "machine", s->machine, sizeof(s->machine));
		take_fact(line, "user", s->user, sizeof(s->user));
		take_fact(line, "init", s->init, sizeof(s->init));
	}
	if (!text_is_name(s->machine) || !text_is_name(s->user) || !*s->init)
		return kf_err(err, -EBADMSG, KF_REASON_EXEC,
			      "the board's shell does not answer as one: does its login "
			      "print something or start a menu?");
	ui_debug(s->ui, "%s: %s, login %s, init %s", s->board, s->machine, s->user,
		 s->init);
	return 0;
}

/* --- the agent's binary
 * ------------------------------------------------------------------- */

static int put_agent(struct setup *s, struct kf_error *err)
{
	_free_ char *path = NULL;
	_buf_ struct buf bytes = BUF_INIT;
	bool changed = false;
	char size[16];
	int rc;

	rc = agentfile_find(s->machine, &path, err);
	if (rc < 0)
		return rc;
	rc = fs_read_file(AT_FDCWD, path, AGENT_MAX, &bytes);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read the agent %s: %m", path);
	if (!agentfile_fits(&bytes, s->machine))
		return kf_err(err, -ENOEXEC, KF_REASON_ARCH,
			      "%s is no program for the board, which is %s", path,
			      s->machine);
	rc = remote_install(s->remote, s->paths.agent, "755", buf_data(&bytes),
			    buf_len(&bytes), &changed, err);
	if (rc == 0 && changed)
		told(s, "agent %s, %s", s->paths.agent,
		     text_bytes(buf_len(&bytes), size));
	return rc;
}

/* --- its files
 * ------------------------------------------------------------------------------ */

/* Install it; where an image's update would drop it, note that it is to be kept. */
static int put(struct setup *s, const char *place, const char *mode, const struct buf *b,
	       struct kf_error *err)
{
	bool changed = false;
	int rc = 0;

	if (s->keep_list && !strncmp(place, "/etc/", 5))
		rc = buf_printf(&s->kept, "%s\n", place);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "%s: %m", place);
	rc = remote_install(s->remote, place, mode, buf_data(b), buf_len(b), &changed,
			    err);
	if (rc == 0 && changed)
		told(s, "%s", place);
	return rc;
}

static int find_file(const char *name, char **ret)
{
	_free_ char *in_tree = NULL, *installed = NULL;

	if (asprintf(&in_tree, "agent/units/%s", name) < 0) {
		in_tree = NULL;
		return -ENOMEM;
	}
	if (asprintf(&installed, "agent/%s", name) < 0) {
		installed = NULL;
		return -ENOMEM;
	}
	return place_find(in_tree, installed, ret);
}

/* The links that enable a unit are kept, too. */
static int note_links(struct setup *s, const char *name, const char *text)
{
	int rc = 0;

	for (const char *at = text; rc == 0 && (at = strstr(at, "\nWantedBy="));) {
		_free_ char *line = NULL;
		char *rest;

		at += strlen("\nWantedBy=");
		rest = line = strndup(at, strcspn(at, "\n"));
		if (!line)
			return -ENOMEM;
		for (char *target; rc == 0 && (target = strsep(&rest, " "));)
			if (*target)
				rc = buf_printf(&s->kept, "%s%s.wants/%s\n", UNIT_DIR,
						target, name);
	}
	return rc;
}

/* A unit that can be enabled is remembered. */
static int note_unit(struct setup *s, const char *name, const char *text)
{
	const char *dot = strrchr(name, '.');

	if (!dot || (strcmp(dot, ".service") && strcmp(dot, ".socket")) ||
	    !strstr(text, "[Install]") || s->unit_count == UNITS_MAX)
		return 0;
	s->units[s->unit_count] = strdup(name);
	if (!s->units[s->unit_count])
		return -ENOMEM;
	s->unit_count++;
	return s->keep_list ? note_links(s, name, text) : 0;
}

/* An update that drops /etc/group makes the group anew from this, with its member. */
static int add_member(const struct setup *s, const char *name, struct buf *text)
{
	if (!s->keep_list || strcmp(name, SYSUSERS) || !strcmp(s->user, "root"))
		return 0;
	return buf_printf(text, "m %s kferry\n", s->user);
}

static int put_file(struct setup *s, const char *name, const char *mode,
		    const char *place, struct kf_error *err)
{
	_buf_ struct buf raw = BUF_INIT, text = BUF_INIT, where = BUF_INIT;
	_free_ char *path = NULL;
	int rc = find_file(name, &path);

	if (rc == 0)
		rc = fs_read_file(AT_FDCWD, path, UNIT_MAX, &raw);
	if (rc == 0)
		rc = buf_str(&raw) ? setup_paths_apply(&s->paths, buf_str(&raw), &text)
				   : -ENOMEM;
	if (rc == 0)
		rc = add_member(s, name, &text);
	if (rc == 0)
		rc = setup_paths_apply(&s->paths, place, &where);
	if (rc == 0)
		rc = buf_str(&text) && buf_str(&where)
			     ? note_unit(s, name, buf_str(&text))
			     : -ENOMEM;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "%s of the agent: %m", name);
	return put(s, buf_str(&where), mode, &text, err);
}

/* One line of install.list: init system, file, mode, place. */
static int put_listed(struct setup *s, char *line, struct kf_error *err)
{
	char *word[4];
	int n = 0;

	for (char *w; n < 4 && (w = strsep(&line, " \t"));)
		if (*w)
			word[n++] = w;
	if (n < 4 || word[0][0] == '#' ||
	    (strcmp(word[0], "any") && strcmp(word[0], s->init)))
		return 0;
	return put_file(s, word[1], word[2], word[3], err);
}

static int put_files(struct setup *s, struct kf_error *err)
{
	_free_ char *path = NULL;
	_buf_ struct buf list = BUF_INIT;
	char *rest;
	int rc = find_file("install.list", &path);

	if (rc == 0)
		rc = fs_read_file(AT_FDCWD, path, UNIT_MAX, &list);
	if (rc == 0 && !buf_str(&list))
		rc = -ENOMEM;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "install.list of the agent: %m");
	rest = (char *)buf_str(&list);
	for (char *line; rc == 0 && (line = strsep(&rest, "\n"));)
		rc = put_listed(s, line, err);
	return rc;
}

/* --- its configuration
 * ------------------------------------------------------------------------ */

static int put_conf(struct setup *s, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = setup_conf_text(s->cfg, s->board, &text);

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, CONF_PLACE ": %m");
	return put(s, CONF_PLACE, "644", &text, err);
}

static int put_drop_in(struct setup *s, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc = 0;

	if (strcmp(s->init, "systemd") ||
	    (!s->paths.agent_hidden && !s->paths.state_hidden))
		return 0;
	rc = setup_sandbox_text(&s->paths, &text);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, DROP_IN ": %m");
	return put(s, DROP_IN, "644", &text, err);
}

/* Beside units that take crash records away, so that the agent has them too. */
static int put_pstore_drop_ins(struct setup *s, struct kf_error *err)
{
	const char *units = config_get(s->cfg, s->board, "setup.save_pstore");
	_free_ char *copy = strdup(units ? units : "");
	_buf_ struct buf text = BUF_INIT;
	char *rest = copy;
	int rc = copy ? setup_pstore_text(&s->paths, &text) : -ENOMEM;

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "setup.save_pstore: %m");
	if (strcmp(s->init, "systemd"))
		return 0;
	for (char *unit; rc == 0 && (unit = strsep(&rest, " "));) {
		_free_ char *place = NULL;

		if (!*unit)
			continue;
		if (!text_is_name(unit))
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "setup.save_pstore: \"%s\" is no unit's name",
				      unit);
		if (asprintf(&place, UNIT_DIR "%s.d/kferry.conf", unit) < 0) {
			place = NULL;
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "setup: %m");
		}
		rc = put(s, place, "644", &text, err);
	}
	return rc;
}

/* Last of the files: it names all of them, itself too. */
static int put_keep_list(struct setup *s, struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	int rc;

	if (!s->keep_list)
		return 0;
	rc = buf_printf(&text, "# Written by `kferry board setup`: what an update of the "
			       "system keeps of the agent.\n");
	if (rc == 0)
		rc = buf_append(&text, buf_data(&s->kept), buf_len(&s->kept));
	if (rc == 0)
		rc = buf_printf(&text, "%s\n", s->keep_list);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "%s: %m", s->keep_list);
	return put(s, s->keep_list, "644", &text, err);
}

/* --- group and services
 * ------------------------------------------------------------------------- */

static const char group_script[] =
	"{ getent group kferry || grep '^kferry:' /etc/group; } >/dev/null 2>&1 || { "
	"if command -v groupadd; then groupadd -r kferry; "
	"elif command -v addgroup; then addgroup -S kferry; "
	"else g=990; while grep -q \":$g:\" /etc/group; do g=$((g - 1)); done; "
	"echo \"kferry:x:$g:\" >> /etc/group; fi >/dev/null && echo \"group kferry\"; "
	"} || exit 1; "
	"test \"$1\" = root && exit 0; "
	"case \" $(id -nG \"$1\") \" in *' kferry '*) exit 0 ;; esac; "
	"if command -v usermod; then usermod -aG kferry \"$1\"; "
	"else addgroup \"$1\" kferry; fi >/dev/null && echo \"$1 is in group kferry\"";

/* $1: yes when something changed; then the units.  What it does it prints. */
static const char systemd_script[] =
	"changed=$1; shift; "
	"if test $changed = yes; then systemctl daemon-reload || exit 1; "
	"systemd-tmpfiles --create /etc/tmpfiles.d/kferry.conf || :; fi; "
	"for u; do systemctl -q is-enabled \"$u\" 2>/dev/null || "
	"{ systemctl -q enable \"$u\" && echo \"$u enabled\"; } || exit 1; done; "
	"for u in kferryd.service kferryd.socket kferry-outside.socket; do "
	"systemctl -q is-active $u || changed=yes; done; "
	"if test $changed = yes; then systemctl stop kferryd.service; "
	"systemctl restart kferryd.socket kferry-outside.socket || exit 1; "
	"systemctl start kferryd.service || exit 1; echo 'kferryd started'; fi";

static const char sysv_script[] =
	"if command -v update-rc.d >/dev/null; then update-rc.d kferryd defaults; "
	"elif command -v rc-update >/dev/null; then rc-update -q add kferryd default; "
	"elif ! test -e /etc/init.d/S90kferryd; then "
	"ln -s kferryd /etc/init.d/S90kferryd; fi >/dev/null || exit 1; "
	"if test $1 = yes || ! /etc/init.d/kferryd status >/dev/null; then "
	"/etc/init.d/kferryd restart >/dev/null || /etc/init.d/kferryd start >/dev/null "
	"|| "
	"exit 1; echo 'kferryd started'; fi";

/* Run as root a script that prints a line for each change. */
static int run_telling(struct setup *s, const char *doing, const char *script,
		       const char *const args[], struct kf_error *err)
{
	_buf_ struct buf out = {.max = OUTPUT_MAX};
	char *rest;
	int rc = remote_root_sh(s->remote, doing, script, args, &out, err);

	if (rc < 0)
		return rc;
	rest = (char *)buf_str(&out);
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		if (*line)
			told(s, "%s", line);
	return 0;
}

static int start_services(struct setup *s, struct kf_error *err)
{
	const char *args[UNITS_MAX + 2] = {s->changes ? "yes" : "no"};

	for (unsigned i = 0; i < s->unit_count; i++)
		args[i + 1] = s->units[i];
	if (!strcmp(s->init, "systemd"))
		return run_telling(s, "start the agent", systemd_script, args, err);
	args[1] = NULL;
	if (!strcmp(s->init, "sysv"))
		return run_telling(s, "start the agent", sysv_script, args, err);
	return kf_err(err, -ENOTSUP, KF_REASON_UNSUPPORTED,
		      "the agent is there, but the board has neither systemd nor "
		      "/etc/init.d: have its init run `%s early` and `%s serve`",
		      s->paths.agent, s->paths.agent);
}

static int run(struct setup *s, struct kf_error *err)
{
	const char *user[] = {s->user, NULL};
	int rc = look(s, err);

	if (rc == 0)
		rc = remote_become_root(s->remote, err);
	if (rc == 0)
		rc = put_agent(s, err);
	if (rc == 0)
		rc = put_conf(s, err);
	if (rc == 0)
		rc = put_files(s, err);
	if (rc == 0)
		rc = put_drop_in(s, err);
	if (rc == 0)
		rc = put_pstore_drop_ins(s, err);
	if (rc == 0)
		rc = put_keep_list(s, err);
	if (rc == 0)
		rc = run_telling(s, "make the group kferry", group_script, user, err);
	return rc < 0 ? rc : start_services(s, err);
}

int setup_board(const struct config *cfg, struct ui *ui, const char *board, bool force,
		unsigned *ret_changes, struct kf_error *err)
{
	struct setup s = {.cfg = cfg, .ui = ui, .board = board, .kept = BUF_INIT};
	int rc = config_check_board(cfg, board, err);

	if (rc == 0)
		rc = setup_paths_init(cfg, board, &s.paths, err);
	if (rc < 0)
		return rc;
	s.keep_list = config_get(cfg, board, "setup.keep_list");
	rc = remote_open(cfg, ui, board, &s.remote, err);
	if (rc == 0) {
		if (force)
			remote_unlock_with(s.remote,
					   config_get(cfg, board, "setup.unlock"),
					   config_get(cfg, board, "setup.lock"));
		rc = run(&s, err);
		remote_close(s.remote);
	}
	for (unsigned i = 0; i < s.unit_count; i++)
		free(s.units[i]);
	buf_fini(&s.kept);
	setup_paths_fini(&s.paths);
	if (rc == 0)
		*ret_changes = s.changes;
	return rc;
}
