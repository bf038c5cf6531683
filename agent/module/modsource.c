/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files are read only in a boot that has seen other modules than the running slot's. */
#include "agent/module/modsource.h"

#include <fcntl.h>
#include <string.h>

#include "agent/initramfs/moddep.h"
#include "agent/module/modfile.h"
#include "agent/slot/shown.h"
#include "proto/base/fs.h"

#define NOTE_HEAD 16 /* of the only note in the file: its sizes, type, "GNU" */
#define NOTE_MAX  256

struct entry {
	char name[MODDEP_NAME];
	const struct manifest_file *file;
};

struct source {
	struct slot slot;
	struct entry *v; /* by name */
	size_t n;
};

struct modsource {
	const struct agent *a;
	struct source running, shown; /* shown.slot.fd -1: the same */
	bool look;		      /* into the files */
};

static int compare(const void *x, const void *y)
{
	return strcmp(((const struct entry *)x)->name, ((const struct entry *)y)->name);
}

static int load(const struct agent *a, const char *id, struct source *s)
{
	const struct manifest *m = &s->slot.manifest;
	struct kf_error err;
	int rc = slot_open(a, id, &s->slot, &err);

	if (rc < 0)
		return rc;
	s->v = calloc(m->n_files, sizeof(*s->v));
	if (!s->v)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_files; i++)
		if (moddep_name(m->files[i].path, s->v[s->n].name))
			s->v[s->n++].file = &m->files[i];
	qsort(s->v, s->n, sizeof(*s->v), compare);
	return 0;
}

static void unload(struct source *s)
{
	slot_close(&s->slot);
	free(s->v);
}

int modsource_new(const struct agent *a, struct modsource **ret)
{
	struct modsource *s = calloc(1, sizeof(*s));
	char shown[SLOT_ID_SIZE];
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->a = a;
	s->running.slot.fd = s->shown.slot.fd = -1;
	s->look = shown_has_changed(a);
	shown_now(a, shown);
	if (a->boot.slot[0])
		rc = load(a, a->boot.slot, &s->running);
	if (rc == 0 && shown[0] && strcmp(shown, a->boot.slot) != 0)
		rc = load(a, shown, &s->shown);
	if (rc == -ENOMEM) {
		modsource_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void modsource_free(struct modsource *s)
{
	if (!s)
		return;
	unload(&s->running);
	unload(&s->shown);
	free(s);
}

static const struct manifest_file *find(const struct source *s, const char *name)
{
	struct entry key = {.file = NULL}, *e;

	snprintf(key.name, sizeof(key.name), "%s", name);
	for (char *c = key.name; *c; c++)
		if (*c == '-')
			*c = '_';
	e = s->n ? bsearch(&key, s->v, s->n, sizeof(*s->v), compare) : NULL;
	return e ? e->file : NULL;
}

static int read_sys(const struct agent *a, const char *name, const char *what,
		    struct buf *out)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/sys/module/%s/%s", a->root, name, what) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return fs_read_file(AT_FDCWD, path, NOTE_MAX, out);
}

enum answer { NO, YES, UNKNOWN };

/* Are the kernel's build-id of it, or its srcversion, in the file?  UNKNOWN: the kernel
 * has neither. */
static enum answer is_from(const struct agent *a, const char *name,
			   const struct source *s, const struct manifest_file *f)
{
	_buf_ struct buf note = BUF_INIT, version = BUF_INIT;
	char text[MODFILE_TEXT];
	size_t n;

	if (read_sys(a, name, "notes/.note.gnu.build-id", &note) == 0 &&
	    buf_len(&note) > NOTE_HEAD)
		return modfile_has(s->slot.fd, f->path, buf_data(&note) + NOTE_HEAD,
				   buf_len(&note) - NOTE_HEAD)
			       ? YES
			       : NO;
	if (read_sys(a, name, "srcversion", &version) < 0 || buf_len(&version) < 2 ||
	    !buf_str(&version))
		return UNKNOWN;
	n = strcspn(buf_str(&version), "\n");
	if (modfile_text(s->slot.fd, f->path, "srcversion=", text) < 0)
		return NO;
	return strlen(text) == n && strncmp(buf_str(&version), text, n) == 0 ? YES : NO;
}

const char *modsource_of(const struct modsource *s, const char *name)
{
	const struct manifest_file *running = find(&s->running, name),
				   *shown = find(&s->shown, name);
	enum answer is = UNKNOWN;

	if (s->look && running) {
		is = is_from(s->a, name, &s->running, running);
		if (is == YES)
			return s->running.slot.id;
	}
	if (s->look && shown && is_from(s->a, name, &s->shown, shown) == YES)
		return s->shown.slot.id;
	if (s->look && (is == NO || (running && shown &&
				     !digest_equal(&running->digest, &shown->digest))))
		return "";
	return running ? s->running.slot.id : shown ? s->shown.slot.id : "";
}
