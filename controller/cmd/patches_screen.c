// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The screen of kferry patches: lists, then the sets of one, then a set's mails, by
 * ncurses.  What changes a tree or a board is the verb's own function, which runs on the
 * terminal as it was; then the screen comes back.
 *
 * All text on it went through text_escape(); the terminal is given back however it ends.
 */
#include "controller/cmd/cmd_patches.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <string.h>
#include <termcap.h>
#include <time.h>

#include "controller/mail/bookmarks.h"
#include "controller/mail/rows.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

#define AROUND	3 /* lines that are not the pane's: head, status, keys */
#define QUERY	200
#define KEY_ESC 27
#define ESC_MS	50
#define SETS	200 /* wanted of a list */

enum view { VIEW_LISTS, VIEW_SETS, VIEW_MAILS, VIEWS };

struct screen {
	struct cmd_env *env;
	const struct patches_args *a;
	struct mail_archive *archive;
	SCREEN *terminal;
	bool utf8;
	enum view view;
	struct pane panes[VIEWS];
	char *heads[VIEWS];
	char *list, *query; /* of VIEW_SETS; list NULL: the bookmarks */
	char *id;	    /* of VIEW_MAILS */
	char status[300];
};

static const char *const keys[VIEWS] = {
	"Enter open  / search in it  q quit",
	"Enter read  / search  b bookmark  a apply  t try  r reload  Esc back  q quit",
	"Space more  b bookmark  a apply  t try  Esc back  q quit",
};

/* --- what is seen ----------------------------------------------------------------------
 */

static size_t rows(void)
{
	return LINES > AROUND + 1 ? (size_t)(LINES - AROUND) : 1;
}

/* One '?' for each character that is none of ASCII; in place. */
static void ascii(char *line)
{
	char *to = line;

	for (const char *p = line; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c & 0xc0) != 0x80)
			*to++ = c < 0x80 ? *p : '?';
	}
	*to = '\0';
}

/* One line, cut at the edge.  Where the terminal has no UTF-8 it gets none. */
static void put(const struct screen *s, int y, int paint, const char *text)
{
	_free_ char *line = strndup(text, pane_cut(text, (size_t)(COLS > 0 ? COLS : 1)));

	if (!line)
		return;
	if (!s->utf8)
		ascii(line);
	attron(paint);
	mvaddstr(y, 0, line);
	if (paint & A_REVERSE)
		for (int x = getcurx(stdscr); x > 0 && x < COLS && getcury(stdscr) == y;
		     x++)
			addch(' ');
	attroff(paint);
}

static void draw(struct screen *s)
{
	struct pane *p = &s->panes[s->view];
	size_t n = rows();

	pane_fit(p, n);
	erase();
	put(s, 0, A_BOLD, s->heads[s->view] ? s->heads[s->view] : "");
	for (size_t i = 0; i < n && p->top + i < p->n; i++) {
		bool chosen = !p->reading && p->top + i == p->chosen;

		put(s, (int)i + 1, chosen ? A_REVERSE : A_NORMAL, p->lines[p->top + i]);
	}
	put(s, LINES - 2, A_NORMAL, s->status);
	put(s, LINES - 1, A_DIM, keys[s->view]);
	move(LINES - 1, 0);
	refresh();
}

static void say(struct screen *s, const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, text, strlen(text), false) == 0)
		snprintf(s->status, sizeof(s->status), "%.*s", (int)sizeof(s->status) - 1,
			 buf_len(&b) ? buf_str(&b) : "");
}

static void say_now(struct screen *s, const char *text)
{
	say(s, text);
	draw(s);
}

static void say_stale(void *arg, int64_t since, const char *why)
{
	time_t at = since;
	char date[32] = "";
	struct tm tm;
	_free_ char *text = NULL;

	if (localtime_r(&at, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	text = strf("from the cache of %s%s%s", date, why ? ": " : "", why ? why : "");
	if (text)
		say(arg, text);
}

/* --- the views -------------------------------------------------------------------------
 */

/* Show that pane; it and the head are the screen's from now on. */
static void enter(struct screen *s, enum view view, struct pane *p, char *head)
{
	pane_fini(&s->panes[view]);
	s->panes[view] = *p;
	*p = (struct pane){0};
	free(s->heads[view]);
	s->heads[view] = head;
	s->view = view;
}

/* rc, or why it failed on the status line. */
static int tell(struct screen *s, int rc, const struct kf_error *err)
{
	if (rc < 0)
		say(s, err->code ? err->msg : "no memory");
	return rc;
}

static int open_lists(struct screen *s, struct kf_error *err)
{
	_listing_ struct listing l = {0};
	_cleanup_(pane_fini) struct pane p = {0};
	int rc = archive_lists(s->archive, &l, err);

	if (rc == 0)
		rc = rows_lists(&p, &l);
	if (rc == 0)
		enter(s, VIEW_LISTS, &p,
		      strf("kferry patches: %zu lists of %s", l.n,
			   config_get(s->env->cfg, NULL, "patches.url")));
	return rc;
}

static void open_marks(struct screen *s)
{
	_cleanup_(pane_fini) struct pane p = {0};
	struct kf_error err = {0};
	json_t *marks = NULL;
	int rc = bookmarks_load(s->env->cfg, &marks, &err);

	if (rc == 0)
		rc = rows_marks(&p, marks);
	if (tell(s, rc, &err) == 0) {
		size_t n = json_array_size(marks);

		enter(s, VIEW_SETS, &p, strf("%zu bookmark%s", n, n == 1 ? "" : "s"));
	}
	json_decref(marks);
}

static void open_sets(struct screen *s)
{
	_cleanup_(pane_fini) struct pane p = {0};
	_listed_ struct listed l = {0};
	struct kf_error err = {0};
	json_t *marks = NULL;
	int rc;

	if (!s->list) {
		open_marks(s);
		return;
	}
	say_now(s, "fetching ...");
	*s->status = '\0';
	rc = bookmarks_load(s->env->cfg, &marks, &err);
	if (rc == 0)
		rc = listed_fetch(s->archive, s->list, s->query, SETS, &l, &err);
	if (rc == 0)
		rc = rows_sets(&p, s->list, &l.series, marks);
	if (tell(s, rc, &err) == 0)
		enter(s, VIEW_SETS, &p,
		      strf("%s: %zu patch sets%s%s", s->list, l.series.n,
			   s->query ? " for " : "", s->query ? s->query : ""));
	json_decref(marks);
}

static void open_mails(struct screen *s, const char *name)
{
	_cleanup_(pane_fini) struct pane p = {0};
	_messages_ struct messages mails = {0};
	_patchset_ struct patchset set = {0};
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};
	_buf_ struct buf head = BUF_INIT;
	int rc;

	say_now(s, "fetching ...");
	*s->status = '\0';
	rc = msgid_parse(name, &id, &err);
	if (rc == 0)
		rc = archive_thread(s->archive, &id, &mails, &err);
	if (rc == 0)
		rc = patchset_find(&mails, id.id, &set, &err);
	if (rc == 0)
		rc = rows_mails(&p, &set);
	if (rc == 0)
		rc = text_escape(&head, set.mail->subject, strlen(set.mail->subject),
				 false);
	if (tell(s, rc, &err) < 0)
		return;
	free(s->id);
	s->id = strdup(name);
	enter(s, VIEW_MAILS, &p, strdup(buf_len(&head) ? buf_str(&head) : ""));
}

/* --- keys ------------------------------------------------------------------------------
 */

/* A key, KEY_RESIZE too; -1: interrupted. */
static int next_key(void)
{
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
				{.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int key;

		if (atomic_load(cancel_flag()))
			return -1;
		key = getch();
		if (key != ERR)
			return key;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -1;
		/* The terminal is gone. */
		if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			return -1;
	}
}

/* A line at the bottom; NULL: given up. */
static char *ask(struct screen *s, const char *what)
{
	char text[QUERY + 1] = "";
	size_t n = 0;

	for (;;) {
		int key;

		snprintf(s->status, sizeof(s->status), "%s%s", what, text);
		draw(s);
		key = next_key();
		if (key == -1 || key == KEY_ESC)
			break;
		if (key == '\n' || key == '\r' || key == KEY_ENTER) {
			*s->status = '\0';
			return n ? strdup(text) : NULL;
		}
		if ((key == KEY_BACKSPACE || key == 127 || key == 8) && n > 0)
			text[--n] = '\0';
		else if (key >= ' ' && key <= '~' && n < QUERY)
			text[n++] = (char)key, text[n] = '\0';
	}
	*s->status = '\0';
	return NULL;
}

static void search(struct screen *s)
{
	const char *list =
		s->view == VIEW_LISTS ? pane_name(&s->panes[VIEW_LISTS]) : s->list;
	char *query;

	if (!list || strcmp(list, ROWS_MARKS) == 0) {
		say(s, "bookmarks are not searched");
		return;
	}
	query = ask(s, "search: ");
	if (!query)
		return;
	if (s->view == VIEW_LISTS) {
		free(s->list);
		s->list = strdup(list);
	}
	free(s->query);
	s->query = query;
	open_sets(s);
}

/* The set that is meant: the one that is read, or chosen. */
static const char *meant(const struct screen *s)
{
	return s->view == VIEW_MAILS  ? s->id
	       : s->view == VIEW_SETS ? pane_name(&s->panes[VIEW_SETS])
				      : NULL;
}

/* A verb runs on the terminal as it was, and what it says stays until a key. */
static void run_verb(struct screen *s,
		     int (*verb)(struct cmd_env *env, const struct patches_args *a,
				 const char *word))
{
	const char *word = meant(s);
	_free_ char *copy = word ? strdup(word) : NULL;
	int status;

	if (!copy)
		return;
	def_prog_mode();
	endwin();
	status = verb(s->env, s->a, copy);
	ui_note(s->env->ui, "exit status %d; press a key", status);
	reset_prog_mode();
	nodelay(stdscr, TRUE);
	(void)next_key();
	clear();
	*s->status = '\0';
}

static void bookmark(struct screen *s)
{
	const char *word = meant(s);
	_msgid_ struct msgid id = {0};
	struct kf_error err = {0};
	struct pane *p = &s->panes[VIEW_SETS];
	const char *title = s->view == VIEW_MAILS ? s->heads[VIEW_MAILS]
			    : p->chosen < p->n	  ? p->lines[p->chosen]
						  : "";
	bool there = false;
	int rc;

	if (!word || msgid_parse(word, &id, &err) < 0)
		return;
	rc = bookmarks_add(s->env->cfg, id.list ? id.list : "all", id.id,
			   title + strspn(title, "* "), "", &err);
	there = rc == -EEXIST;
	if (there)
		rc = bookmarks_remove(s->env->cfg, &id, &err);
	if (tell(s, rc, &err) < 0)
		return;
	say(s, there ? "bookmark removed" : "bookmark added");
	if (p->chosen < p->n)
		p->lines[p->chosen][0] = there ? ' ' : '*';
}

static void open_chosen(struct screen *s)
{
	const char *name = pane_name(&s->panes[s->view]);

	if (!name || s->view == VIEW_MAILS)
		return;
	if (s->view == VIEW_SETS) {
		open_mails(s, name);
		return;
	}
	free(s->list);
	free(s->query);
	s->query = NULL;
	s->list = strcmp(name, ROWS_MARKS) ? strdup(name) : NULL;
	open_sets(s);
}

static bool move_key(struct screen *s, int key)
{
	static const struct {
		int key;
		enum pane_key move;
	} moves[] = {{KEY_UP, PANE_UP},
		     {'k', PANE_UP},
		     {KEY_DOWN, PANE_DOWN},
		     {'j', PANE_DOWN},
		     {KEY_PPAGE, PANE_PAGE_UP},
		     {KEY_NPAGE, PANE_PAGE_DOWN},
		     {' ', PANE_PAGE_DOWN},
		     {KEY_HOME, PANE_HOME},
		     {'g', PANE_HOME},
		     {KEY_END, PANE_END},
		     {'G', PANE_END}};

	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		if (moves[i].key != key)
			continue;
		pane_move(&s->panes[s->view], moves[i].move, rows());
		return true;
	}
	return false;
}

/* false: it is over. */
static bool act(struct screen *s, int key)
{
	if (key == 'q')
		return false;
	if (move_key(s, key) || key == KEY_RESIZE)
		return true;
	*s->status = '\0';
	if (key == '\n' || key == '\r' || key == KEY_ENTER || key == KEY_RIGHT)
		open_chosen(s);
	else if ((key == KEY_ESC || key == KEY_LEFT || key == KEY_BACKSPACE) && s->view)
		s->view--;
	else if (key == '/' && s->view != VIEW_MAILS)
		search(s);
	else if (key == 'r' && s->view == VIEW_SETS)
		open_sets(s);
	else if (key == 'b')
		bookmark(s);
	else if (key == 'a')
		run_verb(s, patches_apply);
	else if (key == 't')
		run_verb(s, patches_try);
	return true;
}

/* --- all of it -------------------------------------------------------------------------
 */

static int begin(struct screen *s, struct kf_error *err)
{
	const char *term = getenv("TERM");

	/* The locale counts for characters alone: numbers stay as they are. */
	setlocale(LC_CTYPE, "");
	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	/* newterm() loses memory over a terminal that it does not know. */
	if (term && tgetent(NULL, term) == 1)
		s->terminal = newterm(NULL, stdout, stdin);
	if (!s->terminal)
		return kf_err(err, -ENOTTY, KF_REASON_USAGE,
			      "the screen cannot be drawn on a terminal of the kind "
			      "\"%.40s\" (TERM): use `kferry patches list LIST` and the "
			      "other verbs",
			      term ? term : "");
	set_escdelay(ESC_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	return 0;
}

static void end(struct screen *s)
{
	if (s->terminal) {
		endwin();
		delscreen(s->terminal);
	}
	archive_close(s->archive);
	for (size_t i = 0; i < VIEWS; i++) {
		pane_fini(&s->panes[i]);
		free(s->heads[i]);
	}
	free(s->list);
	free(s->query);
	free(s->id);
}

int patches_screen(struct cmd_env *env, const struct patches_args *a)
{
	struct screen s = {.env = env, .a = a};
	const struct archive_opts opts = {
		.offline = a->offline, .stale = say_stale, .arg = &s};
	struct kf_error err = {0};
	int rc, key;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || ui_is_json(env->ui))
		return cmd_usage(env, "patches",
				 "the screen wants a terminal; elsewhere use lists, list "
				 "LIST, search LIST QUERY, show ID, bookmark, apply ID, "
				 "reply ID or try ID");
	rc = archive_open(env->cfg, &opts, &s.archive, &err);
	/* What fails now is told on the terminal as it is. */
	if (rc == 0)
		rc = open_lists(&s, &err);
	if (rc == 0)
		rc = begin(&s, &err);
	while (rc == 0) {
		draw(&s);
		key = next_key();
		if (key == -1 || !act(&s, key))
			break;
	}
	end(&s);
	if (rc < 0)
		return cmd_fail(env, NULL, &err);
	return atomic_load(cancel_flag()) ? STATUS_ERROR : STATUS_PASS;
}
