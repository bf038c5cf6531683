/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scratch board of the agent's unit tests. */
#include "tests/lib/scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "proto/base/fs.h"
#include "proto/base/log.h"

static const char hook[] =
	"#!/bin/sh\n"
	"fw=$KFERRY_ROOT/firmware\n"
	"if [ -e \"$fw/refuse-$1\" ]; then echo \"$1 refused\" >&2; exit 1; fi\n"
	"echo \"$*\" >> \"$fw/calls\"\n"
	"case $1 in\n"
	"stage) printf %s \"$KFERRY_CMDLINE\" > \"$fw/cmdline-$2\" ;;\n"
	"arm) printf %s \"$2\" > \"$fw/once\" ;;\n"
	"read-back) [ \"$(cat \"$fw/once\")\" = \"$2\" ] ;;\n"
	"disarm) rm -f \"$fw/once\" ;;\n"
	"commit) printf %s \"$2\" > \"$fw/default\" ;;\n"
	"remove) rm -f \"$fw/cmdline-$2\" ;;\n"
	"esac\n";

static char *full(struct scratch *s, const char *path)
{
	char *p;

	assert_true(asprintf(&p, "%s/%s", s->root, path) > 0);
	return p;
}

void scratch_write(struct scratch *s, const char *path, const void *data, size_t n)
{
	_free_ char *p = full(s, path);
	_close_ int fd = -1;

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, p), 0);
	fd = open(p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
}

static void write_text(struct scratch *s, const char *path, const char *text)
{
	scratch_write(s, path, text, strlen(text));
}

char *scratch_read(struct scratch *s, const char *path)
{
	_free_ char *p = full(s, path);
	_buf_ struct buf b = BUF_INIT;
	int rc = fs_read_file(AT_FDCWD, p, 1 << 20, &b);
	char *text;

	assert_true(rc == 0 || rc == -ENOENT);
	text = strdup(buf_str(&b));
	assert_non_null(text);
	return text;
}

bool scratch_has(struct scratch *s, const char *path)
{
	_free_ char *p = full(s, path);
	struct stat st;

	return lstat(p, &st) == 0;
}

static struct stat status(struct scratch *s, const char *path)
{
	_free_ char *p = full(s, path);
	struct stat st;

	assert_int_equal(lstat(p, &st), 0);
	return st;
}

mode_t scratch_mode(struct scratch *s, const char *path)
{
	return status(s, path).st_mode & 07777;
}

ino_t scratch_inode(struct scratch *s, const char *path)
{
	return status(s, path).st_ino;
}

void scratch_refuse(struct scratch *s, const char *verb, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "firmware/refuse-%s", verb);
	if (on) {
		write_text(s, path, "");
	} else {
		_free_ char *p = full(s, path);

		assert_int_equal(unlink(p), 0);
	}
}

/* One ELF note, as in /sys/kernel/notes. */
static void write_notes(struct scratch *s, const char *build_id)
{
	uint8_t raw[16 + 20] = {4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0};

	for (size_t i = 0; i < 20; i++) {
		unsigned byte;

		assert_int_equal(sscanf(build_id + 2 * i, "%2x", &byte), 1);
		raw[16 + i] = (uint8_t)byte;
	}
	scratch_write(s, "sys/kernel/notes", raw, sizeof(raw));
}

static void banner_of(const struct kernel *k, char dst[static 160])
{
	snprintf(dst, 160, "Linux version %s (dev@desk) (gcc 12) #1 SMP", k->release);
}

static void write_boot(struct scratch *s, const struct kernel *k)
{
	char banner[160] = "Linux version 6.1.0-foreign (factory) #1", line[256];

	if (k)
		banner_of(k, banner);
	snprintf(line, sizeof(line), "%s\n", banner);
	write_text(s, "proc/version", line);
	snprintf(line, sizeof(line), "BOOT_IMAGE=/old root=/dev/vda1 quiet%s%s\n",
		 k ? " kferry.slot=" : "", k ? k->id : "");
	write_text(s, "proc/cmdline", line);
	snprintf(line, sizeof(line), "00000000-0000-4000-8000-%012u\n", ++s->boots);
	write_text(s, "proc/sys/kernel/random/boot_id", line);
	write_notes(s, k ? k->build_id : FOREIGN_ID);
}

void scratch_new_off(struct scratch *s)
{
	char conf[256];
	_free_ char *program = NULL;

	log_init(LOG_ERR, false);
	memset(s, 0, sizeof(*s));
	snprintf(s->root, sizeof(s->root), "/tmp/kf-scratch-XXXXXX");
	assert_non_null(mkdtemp(s->root));
	write_text(s, "hook", hook);
	program = full(s, "hook");
	assert_int_equal(chmod(program, 0755), 0);
	write_text(s, "firmware/calls", "");
	snprintf(conf, sizeof(conf),
		 "# a scratch board\nchain = hook\nhook = %s\nreserve = 0\nboard_kind = "
		 "scratch\n",
		 program);
	write_text(s, "etc/kferry/agent.conf", conf);
	write_boot(s, NULL);
}

void scratch_on(struct scratch *s)
{
	struct kf_error err = {0};

	if (agent_init(&s->a, s->root, &err) < 0)
		fail_msg("agent_init: %s", err.msg);
}

void scratch_off(struct scratch *s)
{
	agent_fini(&s->a);
}

void scratch_new(struct scratch *s)
{
	scratch_new_off(s);
	scratch_on(s);
}

void scratch_free(struct scratch *s)
{
	scratch_off(s);
	assert_int_equal(fs_remove_tree(AT_FDCWD, s->root), 0);
}

int scratch_set_up(void **state)
{
	struct scratch *s = malloc(sizeof(*s));

	assert_non_null(s);
	scratch_new(s);
	*state = s;
	return 0;
}

int scratch_tear_down(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

void scratch_boot(struct scratch *s, const struct kernel *k)
{
	_free_ char *once = full(s, "firmware/once");

	scratch_off(s);
	assert_true(unlink(once) == 0 || errno == ENOENT);
	write_boot(s, k);
	scratch_on(s);
}

void scratch_conf(struct scratch *s, const char *lines)
{
	_free_ char *old = scratch_read(s, "etc/kferry/agent.conf"), *new = NULL;

	assert_true(asprintf(&new, "%s%s", old, lines) > 0);
	write_text(s, "etc/kferry/agent.conf", new);
}

static void add_file(struct kernel *k, const char *path, const char *fmt, ...)
	_printf_(3, 4);

static void add_file(struct kernel *k, const char *path, const char *fmt, ...)
{
	struct kernel_file *f = &k->files[k->n_files++];
	va_list ap;

	assert_true(k->n_files <= KERNEL_FILES);
	snprintf(f->path, sizeof(f->path), "%s", path);
	va_start(ap, fmt);
	vsnprintf(f->data, sizeof(f->data), fmt, ap);
	va_end(ap);
	f->mode = 0644;
}

void kernel_init(struct kernel *k, const char *release, char seed)
{
	char path[96];

	memset(k, 0, sizeof(*k));
	snprintf(k->release, sizeof(k->release), "%s", release);
	for (size_t i = 0; i < 20; i++)
		snprintf(k->build_id + 2 * i, 3, "%02x", (unsigned char)seed);
	add_file(k, "boot/config", "CONFIG_MODULES=y\n");
	add_file(k, "boot/image", "image %c", seed);
	snprintf(path, sizeof(path), "modules/%s/kernel/a.ko", release);
	add_file(k, path, "module a, always the same");
	snprintf(path, sizeof(path), "modules/%s/kernel/b.ko", release);
	add_file(k, path, "module b %c", seed);
	k->files[0].size = k->files[3].size = 100 * 1024;
}

static char *content(const struct kernel_file *f, size_t *ret_n)
{
	size_t n = strlen(f->data);
	char *s;

	*ret_n = f->size > n ? f->size : n;
	s = malloc(*ret_n + 1);
	assert_non_null(s);
	memset(s, '.', *ret_n);
	memcpy(s, f->data, n);
	s[*ret_n] = '\0';
	return s;
}

const char *scratch_arch(void)
{
	static struct utsname uts;

	assert_int_equal(uname(&uts), 0);
	return manifest_arch_of_machine(uts.machine);
}

void kernel_finish(struct kernel *k)
{
	_manifest_ struct manifest m = {0};
	struct kf_error err = {0};
	char banner[160];

	banner_of(k, banner);
	m.release = strdup(k->release);
	m.arch = strdup(scratch_arch());
	m.image = strdup("boot/image");
	if (!k->anonymous) {
		m.build_id = strdup(k->build_id);
		m.banner = strdup(banner);
	}
	for (size_t i = 0; i < k->n_files; i++) {
		const struct kernel_file *f = &k->files[i];
		_free_ char *data = NULL;
		struct digest d;
		size_t n;

		data = content(f, &n);
		digest_bytes(data, n, &d);
		assert_int_equal(manifest_add(&m, f->path, f->mode, n, &d), 0);
	}
	buf_fini(&k->manifest);
	if (manifest_emit(&m, &k->manifest, &err) < 0)
		fail_msg("manifest_emit: %s", err.msg);
	digest_bytes(buf_data(&k->manifest), buf_len(&k->manifest), &k->digest);
	manifest_slot_id(&k->digest, k->id);
}

void kernel_make(struct kernel *k, char seed)
{
	kernel_init(k, "6.9.0-test", seed);
	kernel_finish(k);
}

const char *kernel_path(const struct kernel *k, const char *dir, const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), SCRATCH_VAR "%s/%s/%s", dir, k->id, file);
	return path;
}

void kernel_fini(struct kernel *k)
{
	buf_fini(&k->manifest);
}

static ssize_t on_tar(struct archive *ar, void *arg, const void *data, size_t n)
{
	(void)ar;
	assert_int_equal(buf_append(arg, data, n), 0);
	return (ssize_t)n;
}

static void put_file(struct archive *ar, const struct kernel_file *f)
{
	struct archive_entry *e = archive_entry_new();
	_free_ char *data = NULL;
	size_t n;

	data = content(f, &n);
	archive_entry_set_pathname(e, f->path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	assert_int_equal(archive_write_header(ar, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(ar, data, n), n);
	archive_entry_free(e);
}

/* Bitmaps number the files as the manifest has them: in the order of their paths. */
static bool is_wanted(const struct kernel *k, const struct kernel_file *f,
		      const uint8_t *wanted)
{
	size_t i = 0;

	for (size_t j = 0; j < k->n_files; j++)
		if (strcmp(k->files[j].path, f->path) < 0)
			i++;
	return !wanted || wanted[i / 8] & 1u << i % 8;
}

void stream_init(struct stream *s, const struct kernel *k, const uint8_t *wanted)
{
	struct archive *ar = archive_write_new();

	memset(s, 0, sizeof(*s));
	archive_write_set_format_ustar(ar);
	archive_write_add_filter_none(ar);
	assert_int_equal(archive_write_open(ar, &s->tar, NULL, on_tar, NULL), ARCHIVE_OK);
	for (size_t i = 0; i < k->n_files; i++)
		if (is_wanted(k, &k->files[i], wanted))
			put_file(ar, &k->files[i]);
	assert_int_equal(archive_write_close(ar), ARCHIVE_OK);
	archive_write_free(ar);
}

void stream_fini(struct stream *s)
{
	buf_fini(&s->tar);
}

ssize_t stream_pull(void *stream, void *data, size_t n)
{
	struct stream *s = stream;
	size_t left = buf_len(&s->tar) - s->at;

	if (s->cut && s->at >= s->cut)
		return -ECONNRESET;
	if (n > 1000)
		n = 1000; /* small pieces, as the wire gives them */
	if (n > left)
		n = left;
	if (s->cut && n > s->cut - s->at)
		n = s->cut - s->at;
	memcpy(data, buf_data(&s->tar) + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

void scratch_request(const struct kernel *k, const struct trip *t,
		     Kferry__PlanRequest *ret)
{
	kferry__plan_request__init(ret);
	ret->manifest_digest.data = (uint8_t *)k->digest.b;
	ret->manifest_digest.len = DIGEST_SIZE;
	ret->manifest_size = buf_len(&k->manifest);
	ret->release = (char *)k->release;
	ret->arch = (char *)(t->arch ? t->arch : scratch_arch());
	ret->board_kind = (char *)(t->kind ? t->kind : "scratch");
	ret->cmdline = (char *)(t->cmdline ? t->cmdline : "");
	ret->cmdline_extra = (char *)(t->extra ? t->extra : "");
	ret->chain = (char *)"";
	ret->initramfs = t->initramfs ? t->initramfs : KFERRY__INITRAMFS__INITRAMFS_NONE;
	ret->no_arm = t->no_arm;
	ret->modules_only = t->modules_only;
	ret->files = (uint32_t)k->n_files;
	ret->total_bytes = t->total_bytes;
}

static int receive(struct deploy *d, const struct kernel *k, struct trip *t)
{
	Kferry__Need need = KFERRY__NEED__INIT;
	struct stream stream;
	int rc;

	rc = deploy_need(d, &need, &t->err);
	if (rc < 0)
		return rc;
	assert_int_equal(need.files, k->n_files);
	t->wanted = 0;
	for (size_t i = 0; i < need.files; i++)
		t->wanted += need.bitmap.data[i / 8] >> i % 8 & 1;
	stream_init(&stream, t->send ? t->send : k, t->send ? NULL : need.bitmap.data);
	stream.cut = t->cut;
	rc = deploy_receive(d, stream_pull, &stream, &t->err);
	stream_fini(&stream);
	return rc;
}

int scratch_deploy(struct scratch *s, const struct kernel *k, struct trip *t)
{
	Kferry__Installed installed = KFERRY__INSTALLED__INIT;
	Kferry__Plan plan = KFERRY__PLAN__INIT;
	struct deploy *d = NULL;
	Kferry__PlanRequest req;
	int rc;

	scratch_request(k, t, &req);
	memset(&t->err, 0, sizeof(t->err));
	rc = deploy_begin(&s->a, &req, "tester", &d, &plan, &t->err);
	if (rc < 0)
		return rc;
	deploy_set_progress(d, &s->progress);
	t->installed = plan.installed;
	t->have_manifest = plan.have_manifest;
	assert_string_equal(plan.slot, k->id);
	if (!plan.installed && !plan.have_manifest)
		rc = deploy_manifest(d, buf_data(&k->manifest), buf_len(&k->manifest),
				     &t->err);
	if (rc == 0 && !plan.installed)
		rc = receive(d, k, t);
	if (rc == 0)
		rc = deploy_install(d, &installed, &t->err);
	if (rc == 0)
		t->already = installed.already;
	deploy_end(d);
	return rc;
}

void scratch_install(struct scratch *s, const struct kernel *k)
{
	struct trip t = {0};

	if (scratch_deploy(s, k, &t) < 0)
		fail_msg("deploy of %s: %s", k->id, t.err.msg);
}

Kferry__SlotState scratch_state(struct scratch *s, const char *id)
{
	const struct state_slot *entry = state_find(&s->a.state, id);

	return entry ? entry->state : KFERRY__SLOT_STATE__SLOT_UNSPECIFIED;
}
