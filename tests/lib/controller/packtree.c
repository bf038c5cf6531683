/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree, its makefile, and packing it.
 */
#include "tests/lib/controller/packtree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/kernel/pack/packcache.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"

#define BANNER	 "Linux version " REL " (me@desk) (gcc 12) #7 SMP"
#define VARIANTS 4

static const char makefile[] =
	"MODLIB = $(INSTALL_MOD_PATH)/lib/modules/" REL "\n"
	"OLD = $(if $(wildcard old),kernel/)\n"
	"names = sed -e 's:\\.o$$:.ko:' -e 's:^$(OLD)::' modules.order\n"
	"kernelrelease image_name modules_install dtbs_install: tell\n"
	"tell:\n\t@echo $(MAKECMDGOALS) >> made\n"
	"kernelrelease:\n\t@echo " REL "\n"
	"image_name:\n\t@echo arch/arm64/boot/Image\n"
	"modules_install:\n"
	"\t@mkdir -p $(MODLIB)/kernel\n"
	"\t@$(names) | sed 's:^:kernel/:' > $(MODLIB)/modules.order\n"
	"\t@cp modules.builtin modules.builtin.modinfo $(MODLIB)/\n"
	"\t@for m in $$($(names) | sort -u); do \\\n"
	"\t\tmkdir -p $(MODLIB)/kernel/$${m%/*} && cp $$m $(MODLIB)/kernel/$$m && \\\n"
	"\t\t{ [ -z '$(INSTALL_MOD_STRIP)' ] || \\\n"
	"\t\t$(CROSS_COMPILE)strip --strip-debug $(MODLIB)/kernel/$$m; } || exit 1; \\\n"
	"\tdone\n"
	"dtbs_install:\n"
	"\t@cd arch/arm64/boot/dts && for d in $$(find . -name '*.dtb*' ! -name "
	"dtbs-list "
	"! -name 'off-*'); do \\\n"
	"\t\tinstall -D -m 644 $$d $(INSTALL_DTBS_PATH)/$$d || exit 1; done\n";

static const char module_source[] =
	"#define USED(s) __attribute__((section(s), used))\n"
	"static const char info[] USED(\".modinfo\") = \"license=GPL\\0alias=pci:v0000\" "
	"VARIANT;\n"
	"int probe(int x) { return x + VARIANT[0]; }\n";

char *packtree_path(const struct packtree *p, const char *rel)
{
	return strf("%s/%s", p->src, rel);
}

/* In place: the inode tells nothing. */
void packtree_bytes(const char *path, const void *data, size_t n)
{
	_close_ int fd = -1;

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
}

void packtree_write(const struct packtree *p, const char *rel, const char *text)
{
	_free_ char *path = packtree_path(p, rel);

	packtree_bytes(path, text, strlen(text));
}

void packtree_put(const struct packtree *p, int variant, const char *rel)
{
	_free_ char *from = strf("%s/bin/m%d.o", p->dir, variant);
	_free_ char *to = packtree_path(p, rel);
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, from, 1u << 20, &b), 0);
	packtree_bytes(to, buf_data(&b), buf_len(&b));
}

/* All of one size, so that only content tells them apart. */
static void make_variants(struct packtree *p)
{
	_free_ char *source = strf("%s/bin/m.c", p->dir);
	struct proc_opts opts = {.inherit_env = true, .timeout_ms = 60000};

	packtree_bytes(source, module_source, strlen(module_source));
	for (int i = 0; i < VARIANTS; i++) {
		_free_ char *to = strf("%s/bin/m%d.o", p->dir, i);
		_free_ char *define = strf("-DVARIANT=\"%d\"", i);
		const char *argv[] = {"cc", "-g", define, "-c", "-o", to, source, NULL};
		struct kf_error err = {0};

		if (proc_check(argv, &opts, &err) < 0)
			fail_msg("%s", err.msg);
	}
}

void packtree_strip(const struct packtree *p, const char *more)
{
	_free_ char *path = strf("%s/bin/x-strip", p->dir);
	_free_ char *text = strf("#!/bin/sh\n# %s\nfor a; do case $a in -*) ;; *) echo "
				 "$a >> %s/strips;; esac; done\n"
				 "exec strip \"$@\"\n",
				 more, p->dir);

	packtree_bytes(path, text, strlen(text));
	assert_int_equal(chmod(path, 0755), 0);
}

static void make_image(const struct packtree *p)
{
	static const uint32_t note[3] = {4, 20, 3};
	_free_ char *path = packtree_path(p, "arch/arm64/boot/Image");
	_free_ char *image = calloc(1, 1024);

	memcpy(image, "MZ", 2);
	memcpy(image + 0x38, "ARM\x64", 4);
	memcpy(image + 128, BANNER "\n", sizeof(BANNER));
	memcpy(image + 512, note, sizeof(note));
	memcpy(image + 524, "GNU", 4);
	memset(image + 528, 0xab, 20);
	packtree_bytes(path, image, 1024);
}

void packtree_order(struct packtree *p, const char *prefix, const char *end)
{
	_buf_ struct buf b = BUF_INIT;
	size_t first = p->n_mods ? (size_t)rand_r(&p->seed) % p->n_mods : 0;
	_free_ char *path = packtree_path(p, "modules.order");

	for (size_t i = 0; i < p->n_mods; i++) {
		const char *m = p->mods[(first + i) % p->n_mods];

		assert_int_equal(
			buf_printf(&b, "%s%.*s%s\n", prefix, (int)strlen(m) - 3, m, end),
			0);
	}
	packtree_bytes(path, buf_data(&b), buf_len(&b));
}

void packtree_add(struct packtree *p, const char *name, int variant)
{
	assert_true(p->n_mods < MAX_MODS);
	p->mods[p->n_mods++] = strdup(name);
	packtree_put(p, variant, name);
}

static void make_tree(struct packtree *p)
{
	static const char *const marks[] = {"Kbuild", "Kconfig", "scripts/Makefile.build",
					    "scripts/Makefile.modinst", "init/main.c"};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		packtree_write(p, marks[i], "");
	packtree_write(p, "Makefile", makefile);
	packtree_write(p, ".config",
		       "#\n# Automatically generated file; DO NOT EDIT.\n"
		       "# Linux/arm64 6.9.0 Kernel Configuration\n#\nCONFIG_MODULES=y\n");
	packtree_write(p, "include/config/kernel.release", REL "\n");
	packtree_write(p, "System.map", "0000 T _text\n");
	packtree_write(p, "modules.builtin", "kernel/fs/in.ko\n");
	packtree_write(p, "modules.builtin.modinfo", "in.license=GPL");
	make_image(p);
	for (int i = 0; i < 6; i++) {
		_free_ char *name = strf("drivers/d%d/mod-%d.ko", i % 2, i);

		packtree_add(p, name, i % VARIANTS);
	}
	packtree_order(p, "", ".ko");
}

int packtree_setup(void **state)
{
	struct ui_opts opts = {.quiet = true};
	struct packtree *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/kf-pack-XXXXXX");
	if (!mkdtemp(p->dir) || ui_new(&opts, &p->ui) < 0)
		return -1;
	p->src = strf("%s/linux", p->dir);
	p->keep = strf("%s/keep", p->dir);
	p->other = strf("%s/other", p->dir);
	p->seed = 4;
	make_variants(p);
	packtree_strip(p, "");
	make_tree(p);
	*state = p;
	return 0;
}

int packtree_teardown(void **state)
{
	struct packtree *p = *state;

	for (size_t i = 0; i < p->n_mods; i++)
		free(p->mods[i]);
	ui_free(p->ui);
	(void)!fs_remove_tree(AT_FDCWD, p->dir);
	free(p->src);
	free(p->keep);
	free(p->other);
	free(p);
	return 0;
}

/* --- packing --------------------------------------------------------------------------
 */

int packtree_try(struct packtree *p, const struct packtree_way *w, struct kernel **ret,
		 struct kf_error *err)
{
	struct config_paths paths = {.user_file = "/nonexistent",
				     .tree_dir = p->src,
				     .profile_dir = "/nonexistent"};
	_free_ char *cross = strf("%s/bin/x-", p->dir);
	const char *const keys[][2] = {{"build.cross_compile", cross},
				       {"kernel.incremental", w->incremental},
				       {"kernel.strip", w->strip ? w->strip : "yes"},
				       {"build.dtbs", w->dtbs ? w->dtbs : "no"}};
	struct config *cfg = NULL;
	int r;

	setenv("KFERRY_CACHE", w->cache, 1);
	assert_int_equal(config_load(&paths, &cfg, err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(config_override(cfg, keys[i][0], keys[i][1], err), 0);
	r = kernel_from_tree(cfg, p->ui, NULL, ret, err);
	config_free(cfg);
	return r;
}

struct kernel *packtree_pack(struct packtree *p, const struct packtree_way *w)
{
	struct kf_error err = {0};
	struct kernel *k = NULL;

	if (packtree_try(p, w, &k, &err) < 0)
		fail_msg("%s", err.msg);
	return k;
}

static int to_digest(void *arg, const void *data, size_t n)
{
	digest_update(arg, data, n);
	return 0;
}

static void digest_tar(const struct kernel *k, struct digest *ret)
{
	struct kf_error err = {0};
	struct digest_ctx ctx;

	digest_init(&ctx);
	if (kernel_write_tar(k, NULL, true, 1, to_digest, &ctx, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	digest_final(&ctx, ret);
}

static int check_left(void *arg, int dirfd, const char *name, const char *path,
		      const struct stat *st)
{
	const struct kernel *k = arg;

	(void)dirfd;
	(void)name;
	(void)st;
	/* lib/modules/... */
	if (manifest_find(&k->manifest, path + 4) < 0)
		fail_msg("%s was left behind", path);
	return 0;
}

/* The only tree in a cache. */
char *packtree_cache(const char *cache)
{
	_free_ char *trees = strf("%s/trees", cache);
	_closedir_ DIR *d = opendir(trees);
	struct dirent *de;

	assert_non_null(d);
	while ((de = readdir(d))) {
		if (de->d_name[0] != '.')
			return strf("%s/%s", trees, de->d_name);
	}
	fail_msg("no tree in %s", cache);
	return NULL;
}

static void expect_nothing_left(const char *cache, struct kernel *k)
{
	_free_ char *dir = packtree_cache(cache);
	_free_ char *tree = strf("%s/pack/tree", dir);
	_free_ char *stage = strf("%s/stage", dir);
	_close_ int fd = fs_open_dir(AT_FDCWD, tree);

	assert_true(fd >= 0);
	assert_int_equal(fs_walk(fd, ".", check_left, k), 0);
	assert_false(fs_exists(AT_FDCWD, stage));
}

void packtree_equal(struct kernel *a, struct kernel *b)
{
	struct digest da, db;

	/* As strings, for what is printed. */
	assert_int_equal(buf_append(&a->manifest_bytes, "", 1), 0);
	assert_int_equal(buf_append(&b->manifest_bytes, "", 1), 0);

	assert_string_equal((char *)buf_data(&a->manifest_bytes),
			    (char *)buf_data(&b->manifest_bytes));
	digest_tar(a, &da);
	digest_tar(b, &db);
	assert_true(digest_equal(&da, &db));
}

/* Pack what changed, and all; both are the same. */
void packtree_compare_ways(struct packtree *p, const char *strip, const char *dtbs)
{
	const struct packtree_way kept = {p->keep, "yes", strip, dtbs};
	const struct packtree_way full = {p->other, "no", strip, dtbs};
	struct kernel *a = packtree_pack(p, &kept), *b = packtree_pack(p, &full);

	packtree_equal(a, b);
	expect_nothing_left(p->keep, a);
	kernel_free(a);
	kernel_free(b);
}

void packtree_compare(struct packtree *p)
{
	packtree_compare_ways(p, "yes", "no");
}

void packtree_once(struct packtree *p)
{
	const struct packtree_way kept = {p->keep, "yes", "yes", "no"};

	kernel_free(packtree_pack(p, &kept));
}

static size_t lines_in(const char *path)
{
	_buf_ struct buf b = BUF_INIT;
	size_t n = 0;

	if (fs_read_file(AT_FDCWD, path, 1u << 20, &b) < 0)
		return 0;
	for (size_t i = 0; i < buf_len(&b); i++)
		n += buf_data(&b)[i] == '\n';
	return n;
}

size_t packtree_strips(const struct packtree *p)
{
	_free_ char *path = strf("%s/strips", p->dir);
	size_t n = lines_in(path);

	unlink(path);
	return n;
}

size_t packtree_made(const struct packtree *p)
{
	_free_ char *path = packtree_path(p, "made");
	size_t n = lines_in(path);

	unlink(path);
	return n;
}

/* What is only just written is not believed, so it takes more than one pack. */
void packtree_settle(struct packtree *p)
{
	for (int i = 0; i < 200; i++) {
		packtree_made(p);
		packtree_strips(p);
		packtree_once(p);
		if (packtree_made(p) == 0 && packtree_strips(p) == 0)
			return;
	}
	fail_msg("it never comes to rest");
}

void packtree_future(struct packtree *p)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) + 3600},
				    {.tv_sec = time(NULL) + 3600}};
	_free_ char *path = packtree_path(p, p->mods[0]);

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}
