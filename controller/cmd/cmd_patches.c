// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry patches: patch sets of mailing lists, from archive to verdict. */
#include "controller/cmd/cmd_patches.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

#include "controller/mail/bookmarks.h"
#include "controller/mail/listed.h"
#include "controller/mail/reader.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define COUNT	  30
#define COUNT_MAX 500

enum {
	OPT_OFFLINE = 256,
	OPT_ALL,
	OPT_BRANCH,
	OPT_REVIEWED,
	OPT_TESTED,
	OPT_ACKED,
	OPT_REMARK,
	OPT_DRY_RUN,
	OPT_YES,
	OPT_KEEP,
	OPT_REPLY
};

/* --- what the verbs share --------------------------------------------------------------
 */

static void say_stale(void *arg, int64_t since, const char *why)
{
	struct cmd_env *env = arg;
	time_t at = since;
	char date[32] = "";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	if (why)
		ui_warn(env->ui, "%s; this is the cache's, from %s", why, date);
	else
		ui_note(env->ui, "this is the cache's, from %s", date);
}

int patches_open(struct cmd_env *env, const struct patches_args *a,
		 struct mail_archive **ret, struct kf_error *err)
{
	const struct archive_opts opts = {
		.offline = a->offline, .stale = say_stale, .arg = env};

	return archive_open(env->cfg, &opts, ret, err);
}

int patches_fetch(struct cmd_env *env, const struct patches_args *a, const char *word,
		  struct msgid *ret_id, struct patchset *ret, struct kf_error *err)
{
	_messages_ struct messages mails = {0};
	struct mail_archive *archive = NULL;
	_msgid_ struct msgid id = {0};
	int rc = msgid_parse(word, &id, err);

	if (rc == 0)
		rc = patches_open(env, a, &archive, err);
	if (rc == 0)
		rc = archive_thread(archive, &id, &mails, err);
	if (rc == 0 && !id.list) {
		id.list = strdup(archive_list(archive, &id));
		if (!id.list)
			rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	archive_close(archive);
	if (rc == 0)
		rc = patchset_find(&mails, id.id, ret, err);
	if (rc < 0)
		return rc;
	*ret_id = id;
	id = (struct msgid){0};
	return 0;
}

char *patches_what(const struct posting *p)
{
	return strf("v%u of \"%s\", %u patch%s, by %s", p->version,
		    p->first->subject.title, p->total, p->total == 1 ? "" : "es",
		    *p->first->author ? p->first->author : p->first->email);
}

/* --- lists, list, search ---------------------------------------------------------------
 */

static int lists(struct cmd_env *env, const struct patches_args *a)
{
	_listing_ struct listing l = {0};
	struct mail_archive *archive = NULL;
	struct kf_error err = {0};
	int rc = patches_open(env, a, &archive, &err), width = 0;

	if (rc == 0)
		rc = archive_lists(archive, &l, &err);
	archive_close(archive);
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	for (size_t i = 0; i < l.n; i++) {
		int n = (int)strlen(l.names[i]);

		width = n > width ? n : width;
	}
	for (size_t i = 0; i < l.n; i++) {
		if (*l.texts[i])
			ui_out(env->ui, "%-*s  %s\n", width, l.names[i], l.texts[i]);
		else
			ui_out(env->ui, "%s\n", l.names[i]);
		ui_json(env->ui, json_pack("{s:s, s:s, s:s}", "event", "patch-list",
					   "list", l.names[i], "text", l.texts[i]));
	}
	return STATUS_PASS;
}

/* The newest patch sets of a list, or those that a query finds. */
static int list(struct cmd_env *env, const struct patches_args *a, const char *name,
		const char *query)
{
	_listed_ struct listed l = {0};
	struct mail_archive *archive = NULL;
	struct kf_error err = {0};
	json_t *marks = NULL;
	int rc = patches_open(env, a, &archive, &err);

	if (rc == 0)
		rc = bookmarks_load(env->cfg, &marks, &err);
	if (rc == 0)
		rc = listed_fetch(archive, name, query, a->count, &l, &err);
	archive_close(archive);
	if (rc == 0) {
		for (size_t i = 0; i < l.series.n && i < a->count; i++)
			listed_print(env->ui, name, &l.series.s[i], marks);
		if (l.series.n == 0)
			ui_note(env->ui, "no patches");
	}
	json_decref(marks);
	return rc < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

/* --- show ------------------------------------------------------------------------------
 */

static json_t *names_of(const struct addresses *all)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->n; i++)
		json_array_append_new(list, json_pack("{s:o, s:s}", "name",
						      listed_json(all->a[i].name),
						      "email", all->a[i].email));
	return list;
}

static void show_json(struct cmd_env *env, const struct patchset *p, bool all)
{
	for (size_t i = 0; i < p->mails.n; i++) {
		const struct message *m = &p->mails.m[i];
		bool wanted = all || (!p->posting && m == p->mail);

		for (size_t k = 0; p->posting && k < p->posting->n; k++)
			wanted = wanted || strcmp(p->posting->posts[k]->id, m->id) == 0;
		if (wanted)
			ui_json(env->ui,
				json_pack(
					"{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:s*, s:o}",
					"event", "mail", "id", m->id, "subject",
					listed_json(m->subject), "from",
					names_of(&m->from), "to", names_of(&m->to), "cc",
					names_of(&m->cc), "date", (json_int_t)m->date,
					"parent", m->parent, "text",
					listed_json(m->text)));
	}
}

static int show(struct cmd_env *env, const struct patches_args *a, const char *word)
{
	_patchset_ struct patchset p = {0};
	_buf_ struct buf text = BUF_INIT;
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};
	int rc = patches_fetch(env, a, word, &id, &p, &err);

	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	if (ui_is_json(env->ui)) {
		show_json(env, &p, a->all);
		return STATUS_PASS;
	}
	rc = patchset_text(&p, a->all, &text);
	if (rc < 0)
		kf_err(&err, rc, KF_REASON_NO_MEMORY, "no memory");
	else
		rc = reader_show(env->cfg, env->ui, &text, &err);
	return rc < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

/* --- bookmarks -------------------------------------------------------------------------
 */

static int mark(struct cmd_env *env, const struct patches_args *a, const char *word)
{
	_patchset_ struct patchset p = {0};
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};
	int rc = patches_fetch(env, a, word, &id, &p, &err);

	if (rc == 0 && p.posting)
		rc = bookmarks_add(env->cfg, id.list, p.posting->first->id,
				   p.posting->first->text, p.posting->first->author,
				   &err);
	else if (rc == 0)
		rc = bookmarks_add(env->cfg, id.list, id.id, p.mail->subject,
				   p.mail->from.n ? p.mail->from.a[0].name : "", &err);
	return rc < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

static int unmark(struct cmd_env *env, const char *word)
{
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};
	int rc = msgid_parse(word, &id, &err);

	if (rc == 0)
		rc = bookmarks_remove(env->cfg, &id, &err);
	return rc < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

static int marks(struct cmd_env *env)
{
	struct kf_error err = {0};
	json_t *all = NULL, *e;
	size_t i;
	int rc = bookmarks_load(env->cfg, &all, &err);

	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	json_array_foreach(all, i, e)
	{
		const char *id = json_string_value(json_object_get(e, "id"));
		const char *title = json_string_value(json_object_get(e, "title"));
		const char *author = json_string_value(json_object_get(e, "author"));

		ui_out(env->ui, "%s\n    %s  (%s)\n", id, title, author);
		ui_json(env->ui, json_pack("{s:s, s:s, s:s, s:s, s:O}", "event",
					   "bookmark", "id", id, "title", title, "author",
					   author, "added", json_object_get(e, "added")));
	}
	json_decref(all);
	return STATUS_PASS;
}

static int bookmark(struct cmd_env *env, const struct patches_args *a, int argc,
		    char *argv[])
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return marks(env);
	if (argc == 2 && !strcmp(argv[0], "add"))
		return mark(env, a, argv[1]);
	if (argc == 2 && !strcmp(argv[0], "rm"))
		return unmark(env, argv[1]);
	return cmd_usage(env, "patches", "bookmark takes add ID, rm ID or list");
}

/* --- options ---------------------------------------------------------------------------
 */

static bool add_bd(struct patches_args *a, const char *option, const char *value)
{
	char **more = reallocarray(a->bd, a->n_bd + 3, sizeof(*more));

	if (!more)
		return false;
	a->bd = more;
	if (option)
		more[a->n_bd++] = (char *)option;
	more[a->n_bd++] = (char *)value;
	more[a->n_bd] = NULL;
	return true;
}

static void add_tag(struct patches_args *a, enum reply_tag tag)
{
	for (size_t i = 0; i < a->n_tags; i++) {
		if (a->tags[i] == tag)
			return;
	}
	a->tags[a->n_tags++] = tag;
}

/* 0, or a status. */
static int take_count(struct cmd_env *env, struct patches_args *a)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (*end || *optarg < '0' || *optarg > '9' || n == 0 || n > COUNT_MAX)
		return cmd_usage(env, "patches", "-n takes a number from 1 to %d",
				 COUNT_MAX);
	a->count = (unsigned)n;
	return 0;
}

static int take_option(struct cmd_env *env, int c, struct patches_args *a, char *argv[])
{
	static const char board[] = "-b", label[] = "-l";
	const struct {
		int option;
		bool *flag;
	} flags[] = {{OPT_OFFLINE, &a->offline}, {OPT_ALL, &a->all},
		     {OPT_DRY_RUN, &a->dry_run}, {OPT_YES, &a->yes},
		     {OPT_KEEP, &a->keep},	 {OPT_REPLY, &a->reply}};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (flags[i].option != c)
			continue;
		*flags[i].flag = true;
		return 0;
	}
	if (c == 'n')
		return take_count(env, a);
	if (c == 'b' || c == 'l')
		return add_bd(a, c == 'b' ? board : label, optarg) ? 0 : STATUS_ERROR;
	if (c == OPT_BRANCH)
		a->branch = optarg;
	else if (c == OPT_REMARK)
		a->remark = optarg;
	else if (c == OPT_REVIEWED)
		add_tag(a, REPLY_REVIEWED);
	else if (c == OPT_TESTED)
		add_tag(a, REPLY_TESTED);
	else if (c == OPT_ACKED)
		add_tag(a, REPLY_ACKED);
	else
		return cmd_bad_option(env, "patches", argv);
	return 0;
}

/* What stands behind "--" is bd's; the words before it are ours. */
static int take_rest(struct patches_args *a, int argc, char *argv[], int *ret_words)
{
	int words = optind;

	while (words < argc && strcmp(argv[words], "--") != 0)
		words++;
	*ret_words = words;
	for (int i = words + 1; i < argc; i++) {
		if (!add_bd(a, NULL, argv[i]))
			return STATUS_ERROR;
	}
	return 0;
}

static int run_verb(struct cmd_env *env, const struct patches_args *a, int argc,
		    char *argv[])
{
	const char *verb = argv[0];

	if (!strcmp(verb, "lists") && argc == 1)
		return lists(env, a);
	if (!strcmp(verb, "list") && argc == 2)
		return list(env, a, argv[1], NULL);
	if (!strcmp(verb, "search") && argc == 3)
		return list(env, a, argv[1], argv[2]);
	if (!strcmp(verb, "show") && argc == 2)
		return show(env, a, argv[1]);
	if (!strcmp(verb, "bookmark"))
		return bookmark(env, a, argc - 1, argv + 1);
	if (!strcmp(verb, "apply") && argc == 2)
		return patches_apply(env, a, argv[1]);
	if (!strcmp(verb, "reply") && argc == 2)
		return patches_reply(env, a, argv[1]);
	if (!strcmp(verb, "try") && argc == 2)
		return patches_try(env, a, argv[1]);
	return cmd_usage(
		env, "patches",
		"it takes lists, list LIST, search LIST QUERY, show ID, bookmark, "
		"apply ID, reply ID or try ID");
}

int cmd_patches(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"offline", no_argument, NULL, OPT_OFFLINE},
		{"all", no_argument, NULL, OPT_ALL},
		{"branch", required_argument, NULL, OPT_BRANCH},
		{"reviewed-by", no_argument, NULL, OPT_REVIEWED},
		{"tested-by", no_argument, NULL, OPT_TESTED},
		{"acked-by", no_argument, NULL, OPT_ACKED},
		{"remark", required_argument, NULL, OPT_REMARK},
		{"dry-run", no_argument, NULL, OPT_DRY_RUN},
		{"yes", no_argument, NULL, OPT_YES},
		{"keep", no_argument, NULL, OPT_KEEP},
		{"reply", no_argument, NULL, OPT_REPLY},
		{0},
	};
	struct patches_args a = {.count = COUNT};
	int c, status = 0, own = 1, words;

	/* getopt_long() would take "--" away, and what is behind it for words. */
	while (own < argc && strcmp(argv[own], "--") != 0)
		own++;
	while (!status && (c = getopt_long(own, argv, ":b:l:n:", options, NULL)) != -1)
		status = take_option(env, c, &a, argv);
	if (!status)
		status = take_rest(&a, argc, argv, &words);
	if (!status && words == optind)
		status = patches_screen(env, &a);
	else if (!status)
		status = run_verb(env, &a, words - optind, argv + optind);
	free(a.bd);
	return status;
}
