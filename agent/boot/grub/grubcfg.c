/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing GRUB's scripts. */
#include "agent/boot/grub/grubcfg.h"

#include <string.h>

#include "proto/text.h"

#define BEGIN "### BEGIN kferry ###\n"
#define END   "### END kferry ###\n"

/*
 * The device is the one that GRUB has read its grub.cfg from, so nothing is searched for
 * and a cloned disk is no trap.  The environment is read again after it was saved: what
 * counts is the disk.  A slot without its entry leaves everything as it was.
 */
static const char block[] =
	BEGIN "# Starts a kernel of kferry's, once or by default: see kferryd(8).\n"
	      "set kferry_dir=\"${config_directory}\"\n"
	      "if [ -z \"${kferry_dir}\" ]; then\n"
	      "\tset kferry_dir=\"${prefix}\"\n"
	      "fi\n"
	      "set kferry_dir=\"${kferry_dir}/kferry\"\n"
	      "set kferry_env=\"${kferry_dir}/env\"\n"
	      "set kferry_once=\"\"\n"
	      "set kferry_default=\"\"\n"
	      "set kferry_slot=\"\"\n"
	      "set kferry_how=\"\"\n"
	      "if [ -s \"${kferry_env}\" ]; then\n"
	      "\tload_env --file \"${kferry_env}\" kferry_once kferry_default\n"
	      "fi\n"
	      "if [ -n \"${kferry_default}\" -a \"${boot_once}\" != \"true\" ]; then\n"
	      "\tset kferry_slot=\"${kferry_default}\"\n"
	      "\tset kferry_how=\"default\"\n"
	      "fi\n"
	      "if [ -n \"${kferry_once}\" ]; then\n"
	      "\tset kferry_try=\"${kferry_once}\"\n"
	      "\tset kferry_once=\"\"\n"
	      "\tif save_env --file \"${kferry_env}\" kferry_once; then\n"
	      "\t\tset kferry_once=\"unknown\"\n"
	      "\t\tload_env --file \"${kferry_env}\" kferry_once\n"
	      "\t\tif [ -z \"${kferry_once}\" -a -s "
	      "\"${kferry_dir}/${kferry_try}/grub.cfg\" ]; then\n"
	      "\t\t\tset kferry_slot=\"${kferry_try}\"\n"
	      "\t\t\tset kferry_how=\"once\"\n"
	      "\t\tfi\n"
	      "\tfi\n"
	      "fi\n"
	      "if [ -n \"${kferry_slot}\" ]; then\n"
	      "\tset kferry_path=\"${kferry_dir}/${kferry_slot}\"\n"
	      "\tif [ -s \"${kferry_path}/grub.cfg\" ]; then\n"
	      "\t\tsource \"${kferry_path}/grub.cfg\"\n"
	      "\tfi\n"
	      "fi\n" END;

struct span {
	const char *s;
	size_t n;
};

/* The next line without its end; false at the end of the text. */
static bool next_line(struct span *text, struct span *ret)
{
	const char *nl;

	if (text->n == 0)
		return false;
	nl = memchr(text->s, '\n', text->n);
	ret->s = text->s;
	ret->n = nl ? (size_t)(nl - text->s) : text->n;
	text->s += ret->n + (nl ? 1 : 0);
	text->n -= ret->n + (nl ? 1 : 0);
	return true;
}

/* The next word of a line, quotes around it taken off; false at its end. */
static bool next_word(struct span *line, struct span *ret)
{
	size_t n = 0;

	while (line->n > 0 && text_is_blank(*line->s)) {
		line->s++;
		line->n--;
	}
	while (n < line->n && !text_is_blank(line->s[n]))
		n++;
	*ret = (struct span){line->s, n};
	line->s += n;
	line->n -= n;
	if (ret->n >= 2 && (*ret->s == '"' || *ret->s == '\'') &&
	    ret->s[ret->n - 1] == *ret->s) {
		ret->s++;
		ret->n -= 2;
	}
	return n > 0;
}

static bool is(const struct span *w, const char *text)
{
	return w->n == strlen(text) && memcmp(w->s, text, w->n) == 0;
}

static bool ends_with(const struct span *w, const char *text)
{
	size_t n = strlen(text);

	return w->n >= n && memcmp(w->s + w->n - n, text, n) == 0;
}

static bool begins_with(const struct span *w, const char *text)
{
	size_t n = strlen(text);

	return w->n >= n && memcmp(w->s, text, n) == 0;
}

int grubcfg_check(const void *data, size_t n)
{
	struct span text = {data, n}, line, word;
	bool sourced = false, set_after = false;

	while (next_line(&text, &line)) {
		if (!next_word(&line, &word))
			continue;
		if (is(&word, "source") || is(&word, ".")) {
			if (next_word(&line, &word) && ends_with(&word, "/custom.cfg")) {
				sourced = true;
				set_after = false;
			}
		} else if (is(&word, "set") && next_word(&line, &word) &&
			   begins_with(&word, "default=")) {
			set_after = true;
		}
	}
	if (!sourced)
		return -ENOENT;
	return set_after ? -EEXIST : 0;
}

static bool is_marker(const struct span *line, const char *marker)
{
	return line->n == strlen(marker) - 1 && memcmp(line->s, marker, line->n) == 0;
}

/* Our block in custom.cfg: *ret_at..*ret_end, both n when there is none. */
static int find_block(const char *p, size_t n, size_t *ret_at, size_t *ret_end)
{
	struct span text = {p, n}, line;
	const char *at = NULL, *end = NULL;

	if (n > GRUBCFG_MAX || (n > 0 && memchr(p, '\0', n)))
		return -EBADMSG;
	while (next_line(&text, &line)) {
		if (is_marker(&line, BEGIN)) {
			if (at)
				return -EBADMSG;
			at = line.s;
		} else if (is_marker(&line, END)) {
			if (!at || end)
				return -EBADMSG;
			end = text.s;
		}
	}
	if (!at != !end)
		return -EBADMSG;
	*ret_at = at ? (size_t)(at - p) : n;
	*ret_end = end ? (size_t)(end - p) : n;
	return 0;
}

static int put(struct buf *out, const char *p, size_t n)
{
	return n > 0 ? buf_append(out, p, n) : 0;
}

int grubcfg_merge(const void *data, size_t n, struct buf *out)
{
	const char *p = data;
	size_t at, end;
	int r;

	r = find_block(p, n, &at, &end);
	if (r == 0)
		r = put(out, p, at);
	if (r == 0 && at == n && n > 0 && p[n - 1] != '\n')
		r = put(out, "\n", 1);
	if (r == 0)
		r = put(out, block, sizeof(block) - 1);
	if (r == 0)
		r = put(out, p + end, n - end);
	return r;
}

int grubcfg_strip(const void *data, size_t n, struct buf *out)
{
	const char *p = data;
	size_t at, end;
	int r;

	r = find_block(p, n, &at, &end);
	if (r == 0)
		r = put(out, p, at);
	if (r == 0)
		r = put(out, p + end, n - end);
	return r;
}

bool grubcfg_has_block(const void *data, size_t n)
{
	size_t at, end;

	return find_block(data, n, &at, &end) == 0 && end - at == sizeof(block) - 1 &&
	       memcmp((const char *)data + at, block, sizeof(block) - 1) == 0;
}

/*
 * One word of a command line as GRUB has to be given it.  GRUB puts "..." around a word
 * that has a blank, and the kernel takes those off again; so key="a b" is given as
 * 'key=a b'.  Quotes elsewhere in a word would arrive with a backslash.
 */
static int put_word(struct buf *out, const char *w, size_t n)
{
	const char *quote = memchr(w, '"', n);
	size_t at = quote ? (size_t)(quote - w) : n, rest = n - at;

	if (memchr(w, '\'', n) || memchr(w, '\\', n))
		return -EINVAL;
	if (!quote)
		return buf_printf(out, " '%.*s'", (int)n, w);
	/* "word" or key="value", to the end of the word. */
	if (at > 0 && (w[at - 1] != '=' || memchr(w, '=', n) != w + at - 1))
		return -EINVAL;
	if (rest < 2 || w[n - 1] != '"' || memchr(quote + 1, '"', rest - 2))
		return -EINVAL;
	return buf_printf(out, " '%.*s%.*s'", (int)at, w, (int)(rest - 2), quote + 1);
}

static int put_cmdline(struct buf *out, const char *cmdline)
{
	if (strpbrk(cmdline, "\n\r\t"))
		return -EINVAL;
	for (;;) {
		bool quoted = false;
		size_t n = 0;
		int r;

		cmdline += strspn(cmdline, " ");
		if (*cmdline == '\0')
			return 0;
		for (; cmdline[n] && (quoted || cmdline[n] != ' '); n++)
			quoted ^= cmdline[n] == '"';
		r = quoted ? -EINVAL : put_word(out, cmdline, n);
		if (r < 0)
			return r;
		cmdline += n;
	}
}

int grubcfg_entry(const char *slot, const char *release, const char *cmdline, bool initrd,
		  struct buf *out)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	if (!cmdline || strpbrk(slot, "'\n") || strpbrk(release, "'\n"))
		return -EINVAL;
	r = buf_printf(&b,
		       "menuentry 'kferry %s (%s)' --id 'kferry-%s' --unrestricted {\n"
		       "\tif [ \"${feature_all_video_module}\" = \"y\" ]; then\n"
		       "\t\tinsmod all_video\n"
		       "\tfi\n"
		       "\tset gfxpayload=keep\n"
		       "\tif linux \"${kferry_path}/linux\"",
		       slot, release, slot);
	if (r == 0)
		r = put_cmdline(&b, cmdline);
	if (r == 0)
		r = buf_printf(&b, "; then\n\t\t%s\n\tfi\n",
			       initrd ? "if initrd \"${kferry_path}/initrd\"; then\n"
					"\t\t\tboot\n"
					"\t\tfi"
				      : "boot");
	if (r == 0)
		r = buf_printf(&b,
			       "\techo 'kferry: %s cannot be started'\n"
			       "\tif [ \"${kferry_how}\" = \"default\" ]; then\n"
			       "\t\tset kferry_default=\"\"\n"
			       "\t\tif save_env --file \"${kferry_env}\" "
			       "kferry_default; then\n"
			       "\t\t\treboot\n"
			       "\t\tfi\n"
			       "\telse\n"
			       "\t\treboot\n"
			       "\tfi\n"
			       "}\n"
			       "if [ -s \"${kferry_path}/linux\"%s ]; then\n"
			       "\tset default='kferry-%s'\n"
			       "fi\n",
			       slot, initrd ? " -a -s \"${kferry_path}/initrd\"" : "",
			       slot);
	return r < 0 ? r : buf_append(out, buf_data(&b), buf_len(&b));
}

/* "(hd0,gpt2)/vmlinuz" is "/vmlinuz". */
static void drop_device(struct span *w)
{
	const char *close = w->n > 0 && *w->s == '(' ? memchr(w->s, ')', w->n) : NULL;

	if (!close)
		return;
	w->n -= (size_t)(close + 1 - w->s);
	w->s = close + 1;
}

int grubcfg_initrd(const void *data, size_t n, const char *image, char **ret)
{
	struct span text = {data, n}, line, word, last = {NULL, 0};
	struct span want = {image, strlen(image)};
	bool found = false;

	drop_device(&want);
	while (next_line(&text, &line)) {
		if (!next_word(&line, &word))
			continue;
		if (begins_with(&word, "linux")) {
			found = next_word(&line, &word);
			drop_device(&word);
			found = found && word.n == want.n && want.n > 0 &&
				memcmp(word.s, want.s, want.n) == 0;
		} else if (found && begins_with(&word, "initrd")) {
			while (next_word(&line, &word))
				last = word;
			drop_device(&last);
			if (last.n == 0 || memchr(last.s, '\0', last.n))
				return -ENOENT;
			*ret = strndup(last.s, last.n);
			return *ret ? 0 : -ENOMEM;
		} else if (is(&word, "}")) {
			found = false;
		}
	}
	return -ENOENT;
}
