/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of /proc/modules:
 *
 *	mac80211 1048576 1 iwlmvm, Live 0xffffffffc0a00000 (OE)
 *	tun 61440 0 - Live 0x0000000000000000
 *	rcutorture 90112 1 [permanent], Live 0x0000000000000000
 *
 * Without CONFIG_MODULE_UNLOAD number and holders are "-".
 */
#include "agent/module/modlist.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/text.h"

#define TEXT_MAX (4u << 20)

static void module_fini(struct module *m)
{
	for (size_t i = 0; i < m->n_holders; i++)
		free(m->holders[i]);
	free(m->holders);
	free(m->name);
	free(m->state);
	free(m->taint);
}

void modlist_fini(struct modlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		module_fini(&l->v[i]);
	free(l->v);
	*l = (struct modlist){0};
}

static int add_holder(struct module *m, const char *name)
{
	char **v = reallocarray(m->holders, m->n_holders + 2, sizeof(*v));

	if (!v)
		return -ENOMEM;
	m->holders = v;
	v[m->n_holders] = strdup(name);
	if (!v[m->n_holders])
		return -ENOMEM;
	v[++m->n_holders] = NULL;
	return 0;
}

static int take_holders(struct module *m, char *list)
{
	int rc = 0;

	for (char *name; rc == 0 && (name = strsep(&list, ","));) {
		if (strcmp(name, "[permanent]") == 0)
			m->permanent = true;
		else if (text_is_name(name))
			rc = add_holder(m, name);
	}
	return rc;
}

/* Letters between the parentheses; "+" and "-" tell of a module on its way. */
static void take_taint(struct module *m, const char *word)
{
	size_t n = 0;

	for (; *word; word++)
		if (isalpha((unsigned char)*word))
			m->taint[n++] = *word;
	m->taint[n] = '\0';
}

static int fill(struct module *m, char *const words[static 7])
{
	int rc;

	m->size = strtoull(words[1], NULL, 10);
	m->users = words[2][0] == '-' ? -1 : (int)strtol(words[2], NULL, 10);
	m->name = strdup(words[0]);
	m->state = strdup(words[4]);
	m->taint = strdup(words[6] ? words[6] : "");
	if (!m->name || !m->state || !m->taint)
		return -ENOMEM;
	for (char *c = m->state; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	take_taint(m, words[6] ? words[6] : "");
	rc = strcmp(words[3], "-") ? take_holders(m, words[3]) : 0;
	/* The kernel holds on to it by a reference of its own. */
	if (rc == 0 && m->permanent && m->users > 0)
		m->users--;
	return rc;
}

static int take_line(struct modlist *l, char *line)
{
	char *words[7] = {NULL}, *word;
	struct module *v;
	size_t n = 0;

	while (n < ARRAY_SIZE(words) && (word = strsep(&line, " ")))
		words[n++] = word;
	if (n < 5 || !text_is_name(words[0]) || !text_is_name(words[4]))
		return 0;
	v = reallocarray(l->v, l->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n] = (struct module){.name = NULL};
	return fill(&v[l->n++], words);
}

int modlist_parse(const char *text, struct modlist *ret)
{
	_modlist_ struct modlist l = {0};
	_free_ char *copy = strdup(text);
	char *at = copy;
	int rc = copy ? 0 : -ENOMEM;

	for (char *line; rc == 0 && (line = strsep(&at, "\n"));)
		rc = take_line(&l, line);
	if (rc < 0)
		return rc;
	*ret = l;
	l = (struct modlist){0};
	return 0;
}

int modlist_read(const struct agent *a, struct modlist *ret)
{
	_free_ char *path = agent_path(a, "/proc/modules");
	_buf_ struct buf text = BUF_INIT;
	int rc = path ? fs_read_file(AT_FDCWD, path, TEXT_MAX, &text) : -ENOMEM;

	if (rc == -ENOENT) {
		*ret = (struct modlist){0};
		return 0;
	}
	if (rc < 0)
		return rc;
	return buf_str(&text) ? modlist_parse(buf_str(&text), ret) : -ENOMEM;
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_name(const char *x, const char *y)
{
	for (; *x && plain(*x) == plain(*y); x++)
		y++;
	return !*x && !*y;
}

const struct module *modlist_find(const struct modlist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_name(l->v[i].name, name))
			return &l->v[i];
	return NULL;
}
