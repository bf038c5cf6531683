/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding a kernel tree and asking its makefile.
 */
#include "controller/kernel/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/utsname.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/manifest.h"
#include "proto/reason.h"

#define MAX_CONFIG (4u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static bool has(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) && fs_exists(AT_FDCWD, path);
}

bool tree_is_kernel(const char *dir)
{
	static const char *const marks[] = {"Kbuild", "Kconfig", "Makefile",
					    "scripts/Makefile.build", "init/main.c"};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		if (!has(dir, marks[i]))
			return false;
	}
	return true;
}

/* The tree that dir's "source" link (made by kbuild in an object tree) leads to. */
static char *source_of(const char *dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/source", dir);
	_free_ char *real = NULL;

	if (n <= 0 || (size_t)n >= sizeof(path))
		return NULL;
	real = realpath(path, NULL);
	return real && tree_is_kernel(real) ? TAKE_PTR(real) : NULL;
}

int tree_find(const char *start, char **ret_src, char **ret_obj)
{
	_free_ char *dir = realpath(start, NULL);
	_free_ char *src = NULL;
	_free_ char *obj = NULL;

	if (!dir)
		return -errno;
	for (;;) {
		char *slash;

		if (tree_is_kernel(dir))
			src = strdup(dir);
		else
			src = source_of(dir);
		if (src)
			break;
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return -ENOENT;
		*slash = '\0';
	}
	obj = strdup(dir);
	if (!obj)
		return -ENOMEM;
	*ret_src = TAKE_PTR(src);
	*ret_obj = TAKE_PTR(obj);
	return 0;
}

static const struct {
	const char *manifest, *make;
} arches[] = {
	{"x86_64", "x86"},
	{"i386", "x86"},
	{"aarch64", "arm64"},
	{"riscv64", "riscv"},
};

const char *tree_make_arch(const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (strcmp(arches[i].manifest, arch) == 0)
			return arches[i].make;
	}
	return arch;
}

char *tree_path(const struct tree *t, const char *rel)
{
	return strf("%s/%s", t->obj, rel);
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	free(t->src);
	free(t->obj);
	free(t->cache);
	free(t->arch);
	free(t->cross);
	free(t->llvm);
	free(t->cc);
	free(t->cflags);
	free(t->extra);
	free(t);
}

static int find_dirs(struct tree *t, const struct config *cfg, const char *board,
		     struct kf_error *err)
{
	const char *dir = config_tree(cfg);
	const char *output = config_get(cfg, board, "build.output");
	_free_ char *full = NULL;
	/* From where we are: in an object tree, the configuration is its source's. */
	int r = tree_find(".", &t->src, &t->obj);

	if (r < 0 && *dir)
		r = tree_find(dir, &t->src, &t->obj);
	if (r < 0)
		return kf_err(
			err, r, KF_REASON_CONFIG,
			"%s is not in a kernel source tree: go into one, or into an "
			"object tree that was made from one",
			*dir ? dir : "this directory");
	if (!output || !*output)
		return 0;
	full = strf("%s%s%s", *output == '/' ? "" : t->src, *output == '/' ? "" : "/",
		    output);
	if (!full)
		return no_memory(err);
	r = fs_mkdirs(AT_FDCWD, full);
	if (r < 0)
		return kf_err(err, r, KF_REASON_CONFIG,
			      "make the object directory %s (build.output): %m", full);
	free(t->obj);
	t->obj = realpath(full, NULL);
	if (!t->obj)
		return kf_err(err, -errno, KF_REASON_CONFIG, "object directory %s: %m",
			      full);
	return 0;
}

static int make_cache(struct tree *t, const struct config *cfg, struct kf_error *err)
{
	_buf_ struct buf both = BUF_INIT;
	char hex[DIGEST_HEX];
	struct digest d;
	const char *name = strrchr(t->src, '/');
	int r = buf_printf(&both, "%s\n%s", t->src, t->obj);

	if (r < 0)
		return no_memory(err);
	digest_bytes(buf_data(&both), buf_len(&both), &d);
	digest_hex(&d, hex);
	t->cache = strf("%s/trees/%.40s-%.16s", config_cache_dir(cfg),
			name && name[1] ? name + 1 : "tree", hex);
	if (!t->cache)
		return no_memory(err);
	r = fs_mkdirs(AT_FDCWD, t->cache);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make the directory %s: %m",
			      t->cache);
	return 0;
}

static int read_config(const struct tree *t, struct buf *b)
{
	_free_ char *path = tree_path(t, ".config");

	if (!path)
		return -ENOMEM;
	return fs_read_file(AT_FDCWD, path, MAX_CONFIG, b);
}

bool tree_config_is_set(const struct tree *t, const char *symbol)
{
	_buf_ struct buf b = BUF_INIT;
	char line[128];
	const char *text, *at;

	if (read_config(t, &b) < 0)
		return false;
	text = buf_str(&b);
	snprintf(line, sizeof(line), "\n%s=", symbol);
	at = text ? strstr(text, line) : NULL;
	return at && (at[strlen(line)] == 'y' || at[strlen(line)] == 'm');
}

/* kconfig's own head line: "# Linux/x86 6.1.0 Kernel Configuration". */
static char *config_arch(const struct tree *t)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text, *at;
	size_t n;

	if (read_config(t, &b) < 0 || !(text = buf_str(&b)))
		return NULL;
	at = strstr(text, "# Linux/");
	if (!at || at - text > 512)
		return NULL;
	at += strlen("# Linux/");
	n = strcspn(at, " \n");
	if (strncmp(at, "x86", n) == 0 && n == 3)
		return strdup(tree_config_is_set(t, "CONFIG_X86_64") ? "x86_64" : "i386");
	if (strncmp(at, "riscv", n) == 0 && n == 5)
		return strdup(tree_config_is_set(t, "CONFIG_64BIT") ? "riscv64"
								    : "riscv");
	return strndup(at, n);
}

/* A .config of another architecture would be rewritten by make without a word. */
static int find_arch(struct tree *t, const struct config *cfg, const char *board,
		     struct kf_error *err)
{
	const char *want = config_get(cfg, board, "build.arch");
	_free_ char *configured = config_arch(t);
	struct utsname u;

	if (want && *want) {
		want = manifest_arch_of_machine(want);
		if (strcmp(want, "x86") == 0)
			want = "x86_64";
		if (configured &&
		    strcmp(tree_make_arch(configured), tree_make_arch(want)) != 0)
			return kf_err(err, -EINVAL, KF_REASON_CONFIG,
				      "%s/.config is for %s, and build.arch is %s: use "
				      "another object directory (build.output) for each "
				      "architecture",
				      t->obj, configured, want);
		t->arch = strdup(want);
	} else if (configured) {
		t->arch = TAKE_PTR(configured);
	} else {
		uname(&u);
		t->arch = strdup(manifest_arch_of_machine(u.machine));
	}
	return t->arch ? 0 : no_memory(err);
}

/* The compiler that make would take, through ccache. */
static int find_ccache(struct tree *t, struct kf_error *err)
{
	_free_ char *path = NULL;

	if (proc_find("ccache", &path) < 0)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "ccache is not installed: install it, or set build.ccache "
			      "to no");
	if (!t->llvm)
		t->cc = strf("ccache %sgcc", t->cross ? t->cross : "");
	else if (*t->llvm == '/')
		t->cc = strf("ccache %sclang", t->llvm);
	else
		t->cc = strf("ccache clang%s", *t->llvm == '-' ? t->llvm : "");
	return t->cc ? 0 : no_memory(err);
}

/* "y" or "1" is the plain toolchain, "-18" a suffix, "/dir/" a place. */
static int find_toolchain(struct tree *t, const struct config *cfg, const char *board,
			  struct kf_error *err)
{
	const char *cross = config_get(cfg, board, "build.cross_compile");
	const char *llvm = config_get(cfg, board, "build.llvm");

	t->extra = config_argv(cfg, board, "build.extra");
	if (cross && *cross && !(t->cross = strdup(cross)))
		return no_memory(err);
	if (!llvm || !*llvm || strcmp(llvm, "0") == 0 || strcmp(llvm, "no") == 0 ||
	    strcmp(llvm, "false") == 0)
		return 0;
	if (strcmp(llvm, "yes") == 0 || strcmp(llvm, "true") == 0)
		llvm = "1";
	t->llvm = strdup(llvm);
	return t->llvm ? 0 : no_memory(err);
}

static int find_tools(struct tree *t, const struct config *cfg, const char *board,
		      struct kf_error *err)
{
	const char *cflags = config_get(cfg, board, "build.cflags");
	int r = find_toolchain(t, cfg, board, err);

	if (r == 0 && cflags && *cflags && !(t->cflags = strdup(cflags)))
		r = no_memory(err);
	return r == 0 && config_bool(cfg, board, "build.ccache") ? find_ccache(t, err)
								 : r;
}

int tree_open(const struct config *cfg, const char *board, struct tree **ret,
	      struct kf_error *err)
{
	struct tree *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return no_memory(err);
	r = config_check_board(cfg, board, err);
	if (r == 0)
		r = find_dirs(t, cfg, board, err);
	if (r == 0)
		r = find_arch(t, cfg, board, err);
	if (r == 0)
		r = find_tools(t, cfg, board, err);
	if (r == 0)
		r = make_cache(t, cfg, err);
	if (r < 0) {
		tree_free(t);
		return r;
	}
	*ret = t;
	return 0;
}
