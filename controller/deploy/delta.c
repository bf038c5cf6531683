/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files go as patches: where the board has a base, the store has it too, and the
 * patch is smaller. */
#include "controller/deploy/delta.h"

#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/deploy/patch_out.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define ROW (4 + DIGEST_SIZE)
/*
 * Making a patch takes longer than compressing the file.  Of little that does not matter;
 * much is sent so only where the link is seen to be slow, and for seeing that some of it
 * is sent whole.
 */
#define LITTLE (UINT64_C(64) << 20)
#define PROBE  (UINT64_C(4) << 20)

void delta_fini(struct delta *x)
{
	buf_fini(&x->table);
}

static uint32_t row_index(const struct delta *x, size_t row)
{
	const uint8_t *p = buf_data(&x->table) + row * ROW;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool is_wanted(const struct delta *x, size_t i)
{
	return x->want[i / 8] & 1u << i % 8;
}

int delta_check_table(const struct delta *x, struct kf_error *err)
{
	size_t n = buf_len(&x->table) / ROW;
	bool good = buf_len(&x->table) % ROW == 0 && n <= LIMIT_BASES;

	for (size_t r = 0; good && r < n; r++) {
		uint32_t i = row_index(x, r);

		good = i < x->k->manifest.n_files && is_wanted(x, i) &&
		       (r == 0 || row_index(x, r - 1) < i);
	}
	return good ? 0
		    : kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
			     "the agent's table of older versions is not valid");
}

/* The digest of the board's older version of file i; NULL: it has none. */
static const uint8_t *find_base(const struct delta *x, size_t i)
{
	size_t lo = 0, hi = buf_len(&x->table) / ROW, n = hi;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (row_index(x, mid) < i)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n || row_index(x, lo) != i)
		return NULL;
	return buf_data(&x->table) + lo * ROW + 4;
}

static bool is_worth_it(struct delta *x, const struct manifest_file *f)
{
	if (!x->many)
		return true;
	if (x->probed < PROBE) {
		x->probed += f->size;
		return false;
	}
	return x->pace && pace_is_behind(x->pace);
}

static int make_patch(const struct delta *x, size_t i, const uint8_t *digest,
		      struct buf *out)
{
	const struct manifest_file *f = &x->k->manifest.files[i];
	struct patch_side base = {0}, file = {.size = f->size, .digest = f->digest};
	const char *source;
	int rc;

	memcpy(base.digest.b, digest, DIGEST_SIZE);
	base.fd = versions_get(x->versions, &base.digest, &base.size);
	if (base.fd < 0)
		return 0;
	rc = kernel_source(x->k, i, &source, NULL);
	if (rc == 0)
		rc = fs_open_beneath(AT_FDCWD, source, O_RDONLY | O_CLOEXEC, 0);
	file.fd = rc;
	if (rc >= 0)
		rc = patch_out(&base, &file, out);
	cleanup_close(&base.fd);
	cleanup_close(&file.fd);
	return rc;
}

static int patch(void *arg, size_t i, struct buf *out, struct kf_error *err)
{
	struct delta *x = arg;
	const struct manifest_file *f = &x->k->manifest.files[i];
	const uint8_t *base = find_base(x, i);
	int64_t start = clock_now_us();
	int rc;

	if (!base || strlen(f->path) + strlen(PATCH_MEMBER) > LIMIT_PATH ||
	    !is_worth_it(x, f))
		return 0;
	rc = make_patch(x, i, base, out);
	x->made_us += (uint64_t)(clock_now_us() - start);
	if (rc == -ECANCELED)
		return kf_err(err, rc, KF_REASON_CANCELLED, "it was cancelled");
	/* Whatever it was: it shows, or does not, when the file is sent as it is. */
	if (rc < 0)
		log_debug("delta file=%s error=\"%s\"", f->path, strerror(-rc));
	if (rc <= 0)
		return 0;
	x->patches++;
	x->patch_bytes += buf_len(out);
	return 1;
}

static int level(void *arg)
{
	const struct delta *x = arg;
	struct pace start;

	if (x->pace)
		return pace_level(x->pace);
	pace_init(&start, 0);
	return pace_level(&start);
}

bool delta_is_packed(const struct delta *x)
{
	size_t n = x->k->manifest.n_files, i = 0;

	if (!kernel_is_packed(x->k) || buf_len(&x->table) > 0 ||
	    (x->pace && x->pace->fixed))
		return false;
	while (i < n && is_wanted(x, i))
		i++;
	return i == n;
}

int delta_write(struct delta *x, kernel_sink_fn sink, void *arg, uint64_t *done,
		struct kf_error *err)
{
	const struct kernel_push push = {.want = x->want,
					 .patch = patch,
					 .level = level,
					 .adapts = x->pace && !x->pace->fixed,
					 .arg = x};
	uint64_t bytes = 0;

	x->packed = delta_is_packed(x);
	if (x->packed)
		return kernel_write_packed(x->k, sink, arg, done, err);
	for (size_t r = 0; r < buf_len(&x->table) / ROW; r++)
		bytes += x->k->manifest.files[row_index(x, r)].size;
	x->many = bytes > LITTLE;
	x->probed = 0;
	return kernel_write_push(x->k, &push, sink, arg, done, err);
}

int delta_manifest(const struct kernel *k, struct versions *v, const struct digest *base,
		   struct buf *out)
{
	const struct patch_side to = {.fd = -1,
				      .mem = buf_data(&k->manifest_bytes),
				      .size = buf_len(&k->manifest_bytes),
				      .digest = k->digest};
	struct patch_side from = {.fd = -1};
	int rc;

	if (base) {
		from.digest = *base;
		from.fd = versions_get(v, base, &from.size);
	}
	rc = patch_out(from.fd >= 0 ? &from : NULL, &to, out);
	cleanup_close(&from.fd);
	if (rc > 0 && buf_len(out) >= to.size)
		rc = 0;
	return rc;
}

/* Is it in the directory that a package was unpacked to, and goes when we do? */
static bool is_ours(const struct kernel *k, const char *path)
{
	size_t n = k->scratch ? strlen(k->scratch) : 0;

	return n > 0 && strncmp(path, k->scratch, n) == 0 && path[n] == '/';
}

void delta_keep(const struct delta *x)
{
	const struct kernel *k = x->k;
	const char *source;

	if (!x->versions)
		return;
	versions_put(x->versions, &k->digest, buf_data(&k->manifest_bytes),
		     buf_len(&k->manifest_bytes));
	if (x->packed)
		versions_put_package(x->versions, &k->digest, &k->packed);
	for (size_t i = 0;
	     !x->packed && i < k->manifest.n_files && !atomic_load(cancel_flag()); i++)
		if (is_wanted(x, i) && kernel_source(k, i, &source, NULL) == 0)
			versions_put_file(x->versions, &k->manifest.files[i].digest,
					  source, is_ours(k, source));
	versions_trim(x->versions);
}
