/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest of a package: what the kernel is, and every file with its mode,
 * size and digest.  It is text, one item a line, in one canonical form: equal
 * contents have equal bytes, so its digest names the package.
 *
 *	kferry-manifest 1
 *	release 6.18.0-rc3
 *	arch x86_64
 *	image boot/image
 *	build-id 5f0c...              (optional lines have a value or are absent)
 *	banner Linux version 6.18.0-rc3 (user@host) ... #1 SMP ...
 *	config-digest <64 hex>
 *	commit <hex>
 *	branch main
 *	dirty
 *	file 0644 12345 <64 hex> boot/image
 *	...
 *
 * Head lines come in the order above, files in strict byte order of their paths.
 * Every line ends with '\n'; there are no blanks at line ends and nothing after
 * the last file.  Paths lie below boot/, dtbs/, overlays/ or modules/<release>/;
 * modes are 0644 or 0755.  manifest_parse() takes nothing else, so what it
 * accepts manifest_emit() gives back byte for byte.
 */
#ifndef KF_MANIFEST_H
#define KF_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/digest.h"

#define SLOT_ID_SIZE 11 /* "k-" + 8 hex + NUL */

struct manifest_file {
	const char *path; /* owned by the manifest */
	uint64_t size;
	struct digest digest;
	uint32_t mode;
};

struct manifest {
	char *release, *arch, *image;		   /* always set in a valid manifest */
	char *build_id, *banner, *commit, *branch; /* NULL when absent */
	bool has_config_digest, dirty;
	struct digest config_digest;
	struct manifest_file *files;
	size_t n_files;
	size_t cap_files; /* manifest_add() only */
	uint64_t total_size;
};

void manifest_fini(struct manifest *m);
#define _manifest_ _cleanup_(manifest_fini)

/* data need not be terminated.  err says which line and why (KF_REASON_MANIFEST). */
int manifest_parse(const void *data, size_t n, struct manifest *ret,
		   struct kf_error *err) _must_check_;
/* Building one: set the head fields with strdup()ed values, add files in any order, then
 * emit. */
int manifest_add(struct manifest *m, const char *path, uint32_t mode, uint64_t size,
		 const struct digest *digest) _must_check_;
/* Sorts the files and writes the canonical form; refuses what manifest_parse() would
 * refuse. */
int manifest_emit(struct manifest *m, struct buf *out, struct kf_error *err) _must_check_;

/* Index of path, or -1. Files must be sorted (parsed or emitted). */
ssize_t manifest_find(const struct manifest *m, const char *path);
void manifest_slot_id(const struct digest *manifest_digest, char id[static SLOT_ID_SIZE]);
/* "x86_64", "arm64", "arm", ...: what uname -m says, in the manifest's words (aarch64 ->
 * arm64). */
const char *manifest_arch_of_machine(const char *machine);

#endif
