/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scratch board for unit tests of the agent: a root below a temporary directory with
 * what the agent reads of /proc and /sys, the `hook` boot chain (a program that writes
 * what it is asked for to <root>/firmware/), and kernels to deploy to it.
 *
 * scratch_new() makes the board and starts its agent; scratch_boot() changes what runs
 * and starts the agent anew, as a reset does.  Everything fails the test by itself.
 */
#ifndef KF_TEST_SCRATCH_H
#define KF_TEST_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "agent/deploy/deploy.h"

#define SCRATCH_VAR  "var/lib/kferry/"
#define KERNEL_FILES 8
#define FOREIGN_ID   "abababababababababababababababababababab"

struct kernel_file {
	char path[128];
	char data[128]; /* the content begins with this, */
	size_t size;	/* and is filled up with dots to so much; 0: as data is */
	uint32_t mode;
};

struct kernel {
	char release[32];
	char build_id[41];
	bool anonymous; /* the package says neither build-id nor banner */
	struct kernel_file files[KERNEL_FILES];
	size_t n_files;
	/* Made by kernel_finish() */
	struct buf manifest;
	struct digest digest;
	char id[SLOT_ID_SIZE];
};

struct scratch {
	char root[64];
	struct agent a;
	unsigned boots;
	struct deploy_progress progress;
};

/* cmocka's set-up and tear-down of a test whose state is a board with its agent. */
int scratch_set_up(void **state);
int scratch_tear_down(void **state);
void scratch_new(struct scratch *s);
/* The same board before its agent ran: no state directory yet. */
void scratch_new_off(struct scratch *s);
void scratch_on(struct scratch *s);
void scratch_off(struct scratch *s);
void scratch_free(struct scratch *s);
/* Reset: another boot_id, and the hook's one-shot is used up.  k NULL: the foreign
 * kernel; else k with its mark. */
void scratch_boot(struct scratch *s, const struct kernel *k);
/* Lines behind the ones of the configuration that is there already; takes effect at the
 * next scratch_on() or scratch_boot(). */
void scratch_conf(struct scratch *s, const char *lines);
void scratch_write(struct scratch *s, const char *path, const void *data, size_t n);
/* Whole content, "" if there is no such file; the caller's. */
char *scratch_read(struct scratch *s, const char *path);
bool scratch_has(struct scratch *s, const char *path);
/* The hook program fails at this verb from now on; "" removes that. */
void scratch_refuse(struct scratch *s, const char *verb, bool on);
mode_t scratch_mode(struct scratch *s, const char *path);
ino_t scratch_inode(struct scratch *s, const char *path);

/* A kernel with a config, an image and two modules; seed makes the image and module b
 * differ.  The config and module b are larger than what a reader reads ahead: a stream
 * that is cut at KERNEL_CUT has the first three files whole and a part of the fourth. */
#define KERNEL_CUT (190 * 1024)
void kernel_init(struct kernel *k, const char *release, char seed);
/* What this machine is, in the manifest's words: what the kernels are for. */
const char *scratch_arch(void);
void kernel_finish(struct kernel *k);
/* Both, with the release 6.9.0-test. */
void kernel_make(struct kernel *k, char seed);
/* A file of k's in one of the agent's directories ("slots", "staging"); good until the
 * next call. */
const char *kernel_path(const struct kernel *k, const char *dir, const char *file);
void kernel_fini(struct kernel *k);

/* What is sent: the files of k that the bitmap wants (NULL: all). */
struct stream {
	struct buf tar;
	size_t at;
	size_t cut; /* ends the stream with -ECONNRESET after so many bytes; 0: never */
};

void stream_init(struct stream *s, const struct kernel *k, const uint8_t *wanted);
void stream_fini(struct stream *s);
ssize_t stream_pull(void *stream, void *data, size_t n);

/* How a deploy is asked for, and what came of it. */
struct trip {
	const char *cmdline, *extra, *arch, *kind;
	Kferry__Initramfs initramfs;
	bool no_arm, modules_only;
	size_t cut;		   /* of the package, as in struct stream */
	const struct kernel *send; /* send these files instead of the right ones */
	uint64_t total_bytes;	   /* claim this */
	/* Results */
	bool installed, have_manifest, already;
	uint32_t wanted;
	struct kf_error err;
};

/* Plan to install.  0 or the error of the step that failed, with t->err. */
int scratch_deploy(struct scratch *s, const struct kernel *k, struct trip *t);
/* The same, and it has to work. */
void scratch_install(struct scratch *s, const struct kernel *k);
void scratch_request(const struct kernel *k, const struct trip *t,
		     Kferry__PlanRequest *ret);
Kferry__SlotState scratch_state(struct scratch *s, const char *id);

#endif
