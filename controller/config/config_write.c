// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changing a file in place: the text is taken as lines, the fewest lines are changed, and
 * the result is parsed again before it replaces the file, so that what is written is what
 * will be read.
 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/config/config_internal.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define LINE_FULL 180 /* inih takes 198 */

struct span {
	size_t begin, end; /* bytes of the text */
};

/* The line that begins at `at`, its newline included. */
static size_t line_end(const char *text, size_t len, size_t at)
{
	const char *nl = memchr(text + at, '\n', len - at);

	return nl ? (size_t)(nl - text) + 1 : len;
}

/* Is the line a heading; is it this one? */
static bool is_heading(const char *line, size_t n, const char *section, bool *ret_this)
{
	const char *close;

	if (!n || line[0] != '[')
		return false;
	close = memchr(line, ']', n);
	*ret_this = close && (size_t)(close - line - 1) == strlen(section) &&
		    !strncmp(line + 1, section, strlen(section));
	return true;
}

static bool is_idle(const char *line, size_t n)
{
	size_t blank = 0;

	while (blank < n && strchr(" \t\r\n", line[blank]))
		blank++;
	return blank == n || line[blank] == '#' || line[blank] == ';';
}

/* The lines of a section: from its heading to its last key.  False: not there. */
static bool find_section(const char *text, size_t len, const char *section,
			 struct span *ret)
{
	bool inside = false, found = false, this;

	for (size_t at = 0, end; at < len; at = end) {
		end = line_end(text, len, at);
		if (is_heading(text + at, end - at, section, &this)) {
			if (found)
				break;
			inside = found = this;
			if (this)
				*ret = (struct span){at, end};
		} else if (inside && !is_idle(text + at, end - at)) {
			ret->end = end;
		}
	}
	return found;
}

static bool line_has_key(const char *line, size_t n, const char *name)
{
	size_t len = strlen(name), at = len;

	if (n <= len || strncmp(line, name, len))
		return false;
	while (at < n && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return at < n && (line[at] == '=' || line[at] == ':');
}

/* The lines of a key within a section, those that continue it included. */
static bool find_key(const char *text, const struct span *section, const char *name,
		     struct span *ret)
{
	bool found = false;

	for (size_t at = section->begin, end; at < section->end; at = end) {
		end = line_end(text, section->end, at);
		if (found && text[at] != ' ' && text[at] != '\t')
			break;
		if (found)
			ret->end = end;
		else if (line_has_key(text + at, end - at, name)) {
			*ret = (struct span){at, end};
			found = true;
		}
	}
	return found;
}

/* Where a line that is too long may be broken: a single blank between words. */
static size_t break_at(const char *s, size_t n)
{
	size_t at = n > LINE_FULL ? LINE_FULL : n;

	for (; at > 1; at--)
		if (s[at] == ' ' && s[at - 1] != ' ' && at + 1 < n &&
		    !strchr(" #;", s[at + 1]))
			return at;
	return 0;
}

static int put_line(struct buf *b, const char *head, const char *line, size_t n)
{
	int rc = buf_printf(b, "%s", head);

	while (rc == 0 && n > LINE_FULL) {
		size_t at = break_at(line, n);

		if (!at)
			return -EMSGSIZE;
		rc = buf_printf(b, "%.*s\n\t", (int)at, line);
		line += at + 1;
		n -= at + 1;
	}
	return rc < 0 ? rc : buf_printf(b, "%.*s\n", (int)n, line);
}

/* "name = value", with continued lines. */
static int put_value(struct buf *b, const char *name, const char *value)
{
	size_t n = strcspn(value, "\n");
	int rc;

	rc = buf_printf(b, "%s", name);
	if (rc == 0)
		rc = put_line(b, " = ", value, n);
	while (rc == 0 && value[n]) {
		value += n + 1;
		n = strcspn(value, "\n");
		/* A line of lines cannot be broken: its break would be another line. */
		if (n > LINE_FULL)
			return -EMSGSIZE;
		if (n)
			rc = put_line(b, "\t", value, n);
	}
	return rc;
}

/* What goes takes the empty lines before it along; at the top, those behind it. */
static void take_blanks(const char *text, size_t len, struct span *s)
{
	while (s->begin > 1 && text[s->begin - 1] == '\n' && text[s->begin - 2] == '\n')
		s->begin--;
	while (!s->begin && s->end < len && text[s->end] == '\n')
		s->end++;
}

/* Does nothing stand in the section but its heading and the key? */
static bool is_alone(const char *text, size_t len, const struct span *section,
		     const struct span *key)
{
	size_t end;

	for (size_t at = line_end(text, len, section->begin); at < len && text[at] != '[';
	     at = end) {
		end = at == key->begin ? key->end : line_end(text, len, at);
		if (at != key->begin && text[at] != '\n')
			return false;
	}
	return true;
}

static int append(struct buf *b, const char *text, size_t begin, size_t end)
{
	int rc = buf_append(b, text + begin, end - begin);

	if (rc == 0 && end > begin && text[end - 1] != '\n')
		rc = buf_append(b, "\n", 1);
	return rc;
}

/* text with the key of the section changed (value NULL: removed), into b. */
static int change(struct buf *b, const char *text, size_t len, const char *section,
		  const char *name, const char *value)
{
	struct span lines, key;
	int rc;

	if (!find_section(text, len, section, &lines)) {
		rc = append(b, text, 0, len);
		if (rc == 0 && value)
			rc = buf_printf(b, "%s[%s]\n", len ? "\n" : "", section);
		return rc == 0 && value ? put_value(b, name, value) : rc;
	}
	key = (struct span){lines.end, lines.end};
	/* A heading with nothing under it would be left of the last one. */
	if (find_key(text, &lines, name, &key) && !value &&
	    is_alone(text, len, &lines, &key)) {
		key.begin = lines.begin;
		take_blanks(text, len, &key);
	}
	rc = append(b, text, 0, key.begin);
	if (rc == 0 && value)
		rc = put_value(b, name, value);
	return rc < 0 ? rc : append(b, text, key.end, len);
}

/* The value that a new text gives; its errors are the caller's. */
static int check_text(struct config *c, enum config_layer layer, const char *path,
		      struct buf *text, const char *board, const struct config_key *key,
		      const char *value, struct kf_error *err)
{
	_cleanup_(config_freep) struct config *trial = calloc(1, sizeof(*trial));
	const char *found = NULL;
	_free_ char *want = NULL;
	int rc;

	(void)c;
	if (!trial || !buf_str(text))
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%s: %m", path);
	rc = config_parse(trial, layer, NULL, path, buf_str(text), buf_len(text), err);
	if (rc < 0 || !key)
		return rc;
	for (size_t i = 0; i < trial->count; i++) {
		const struct config_entry *e = &trial->entries[i];

		if (e->key == key && !e->board == !board &&
		    (!board || !strcmp(e->board, board)))
			found = e->value;
	}
	if (value)
		rc = config_check(key, value, path, &want, err);
	if (rc < 0)
		return rc;
	if (!found != !want || (found && strcmp(found, want)))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "%s: %s: the value cannot stand in a file as it is: no "
			      "blank at its ends, no \" ;\", no word of more than %d "
			      "bytes",
			      path, key->name, LINE_FULL);
	return 0;
}

static int read_text(const char *path, struct buf *text, struct kf_error *err)
{
	int rc = fs_read_file(AT_FDCWD, path, CONFIG_FILE_MAX, text);

	if (rc < 0 && rc != -ENOENT)
		return kf_err(err, rc, KF_REASON_CONFIG, "read %s: %m", path);
	return buf_str(text) ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "%m");
}

static int replace(struct config *c, enum config_layer layer, const char *path,
		   struct buf *text, struct kf_error *err)
{
	/* A link stays one: the file that it leads to is replaced. */
	_free_ char *real = realpath(path, NULL);
	struct stat st;
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
	int rc = fs_mkdirs_parent(AT_FDCWD, path);

	if (rc == 0)
		rc = fs_replace(AT_FDCWD, real ? real : path, buf_data(text),
				buf_len(text), mode);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "write %s: %m", path);
	return config_reload(c, layer, err);
}

int config_write(struct config *c, enum config_layer layer, const char *board,
		 const char *key, const char *value, struct kf_error *err)
{
	const char *near = NULL, *path = config_file(c, layer), *name;
	const struct config_key *k = config_find_key(key, &near);
	_buf_ struct buf old = BUF_INIT, text = BUF_INIT;
	_free_ char *checked = NULL;
	char section[128];
	int rc;

	if (!k)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "there is no key %s; the nearest is %s", key, near);
	if (!path)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "this directory is not in a kernel tree; go into one, or "
			      "use --user");
	if (k->board_only && !board)
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "%s belongs to a board: name it with -b BOARD", key);
	if (value && *value && strcmp(key, "board.profile") == 0) {
		_free_ char *profile = config_profile_path(c, value);

		if (!profile)
			return kf_err(err, -ENOENT, KF_REASON_USAGE,
				      "there is no profile \"%s\"; `kferry init --list` "
				      "shows those there are",
				      value);
	}
	if (board && !config_is_board_name(board))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%s\" cannot be the name of a board", board);
	if (value && config_check(k, value, "command line", &checked, err) < 0) {
		if (err && err->reason == KF_REASON_CONFIG)
			err->reason = KF_REASON_USAGE;
		return err ? err->code : -EINVAL;
	}
	name = strchr(key, '.') + 1;
	if (board) {
		snprintf(section, sizeof(section), "board %s", board);
		name = strncmp(key, "board.", 6) ? key : name;
	} else {
		snprintf(section, sizeof(section), "%.*s", (int)(name - key - 1), key);
	}
	rc = read_text(path, &old, err);
	if (rc < 0)
		return rc;
	rc = change(&text, buf_str(&old), buf_len(&old), section, name, value);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_CONFIG, "%s: %s: %m", path, key);
	rc = check_text(c, layer, path, &text, board, k, value, err);
	return rc < 0 ? rc : replace(c, layer, path, &text, err);
}

/* Remove (to NULL) or rename the sections of a board in one file. */
static int change_board(struct config *c, enum config_layer layer, const char *from,
			const char *to, struct kf_error *err)
{
	const char *path = config_file(c, layer);
	_buf_ struct buf old = BUF_INIT, text = BUF_INIT;
	char section[128];
	struct span lines;
	int rc;

	rc = path ? read_text(path, &old, err) : 0;
	if (rc < 0 || !path)
		return rc;
	snprintf(section, sizeof(section), "board %s", from);
	if (!find_section(buf_str(&old), buf_len(&old), section, &lines))
		return 0;
	if (!to)
		take_blanks(buf_str(&old), buf_len(&old), &lines);
	rc = append(&text, buf_str(&old), 0, lines.begin);
	if (rc == 0 && to)
		rc = buf_printf(&text, "[board %s]\n", to);
	if (rc == 0 && to)
		rc = append(&text, buf_str(&old),
			    line_end(buf_str(&old), buf_len(&old), lines.begin),
			    lines.end);
	if (rc == 0)
		rc = append(&text, buf_str(&old), lines.end, buf_len(&old));
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "%s: %m", path);
	rc = check_text(c, layer, path, &text, NULL, NULL, NULL, err);
	return rc < 0 ? rc : replace(c, layer, path, &text, err);
}

/* Both files, and board.default where it names the board. */
static int change_everywhere(struct config *c, const char *from, const char *to,
			     struct kf_error *err)
{
	if (!config_has_board(c, from))
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "there is no board \"%s\"", from);
	for (int l = CONFIG_USER; l <= CONFIG_TREE; l++) {
		enum config_layer layer = CONFIG_BUILTIN;
		const char *value = config_origin(c, NULL, "board.default", &layer, NULL);
		int rc = change_board(c, (enum config_layer)l, from, to, err);

		if (rc == 0 && value && (int)layer == l && !strcmp(value, from))
			rc = config_write(c, layer, NULL, "board.default", to, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int config_remove_board(struct config *c, const char *board, struct kf_error *err)
{
	return change_everywhere(c, board, NULL, err);
}

int config_rename_board(struct config *c, const char *from, const char *to,
			struct kf_error *err)
{
	if (!config_is_board_name(to))
		return kf_err(err, -EINVAL, KF_REASON_USAGE,
			      "\"%s\" cannot be the name of a board: letters, digits and "
			      ". _ + - ~, at most %d",
			      to, CONFIG_BOARD_MAX);
	if (config_has_board(c, to))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "there is a board \"%s\" already", to);
	return change_everywhere(c, from, to, err);
}
