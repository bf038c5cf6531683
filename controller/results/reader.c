// SPDX-License-Identifier: GPL-2.0-or-later
/* With READER_AUTO all engines read the output; the one that knows its marks has it. */
#include "controller/results/reader.h"

#include <string.h>

#include "controller/results/ktap.h"
#include "controller/results/ltp.h"
#include "controller/results/xfstests.h"
#include "proto/reason.h"

static const char *const names[READER_FORMATS] = {"ktap", "ltp", "xfstests"};

struct reader {
	bool reads[READER_FORMATS];
	bool automatic;
	struct suite_run suite[READER_FORMATS];
	struct ktap ktap;
	struct ltp ltp;
	struct xfstests xfstests;
};

int reader_format(const char *name, enum reader_format *ret)
{
	*ret = READER_AUTO;
	if (strcmp(name, "auto") == 0)
		return 0;
	for (size_t i = 0; i < READER_FORMATS; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*ret = (enum reader_format)i;
		return 0;
	}
	return -EINVAL;
}

int reader_new(const char *name, enum reader_format format, struct reader **ret)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->automatic = format == READER_AUTO;
	for (size_t i = 0; i < READER_FORMATS; i++) {
		r->reads[i] = r->automatic || format == (enum reader_format)i;
		if (suite_init(&r->suite[i], name, names[i]) < 0) {
			reader_free(r);
			return -ENOMEM;
		}
	}
	ktap_init(&r->ktap, &r->suite[READER_KTAP]);
	ltp_init(&r->ltp, &r->suite[READER_LTP]);
	xfstests_init(&r->xfstests, &r->suite[READER_XFSTESTS]);
	*ret = r;
	return 0;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	ktap_fini(&r->ktap);
	ltp_fini(&r->ltp);
	xfstests_fini(&r->xfstests);
	for (size_t i = 0; i < READER_FORMATS; i++)
		suite_fini(&r->suite[i]);
	free(r);
}

int reader_feed(struct reader *r, const void *data, size_t n)
{
	int rc = 0;

	if (r->reads[READER_KTAP])
		rc = ktap_feed(&r->ktap, data, n);
	if (rc == 0 && r->reads[READER_LTP])
		rc = ltp_feed(&r->ltp, data, n);
	if (rc == 0 && r->reads[READER_XFSTESTS])
		rc = xfstests_feed(&r->xfstests, data, n);
	return rc;
}

/* Of a reader that is not automatic. */
static size_t its_format(const struct reader *r)
{
	size_t i = 0;

	while (i < READER_FORMATS - 1 && !r->reads[i])
		i++;
	return i;
}

const struct suite_run *reader_suite(const struct reader *r)
{
	return &r->suite[its_format(r)];
}

bool reader_is_sure(const struct reader *r)
{
	const bool sure[READER_FORMATS] = {r->ktap.sure, r->ltp.sure, r->xfstests.sure};

	return sure[its_format(r)];
}

/* Which format it is; READER_FORMATS: none, READER_AUTO: more than one. */
static enum reader_format choose(const struct reader *r)
{
	const bool sure[READER_FORMATS] = {r->ktap.sure, r->ltp.sure, r->xfstests.sure};
	enum reader_format found = READER_FORMATS, with_results = READER_FORMATS;
	size_t n = 0, n_results = 0;

	for (size_t i = 0; i < READER_FORMATS; i++) {
		if (!sure[i])
			continue;
		n++;
		found = (enum reader_format)i;
		if (r->suite[i].n == 0)
			continue;
		n_results++;
		with_results = (enum reader_format)i;
	}
	if (n == 0)
		return r->suite[READER_KTAP].n > 0 ? READER_KTAP : READER_FORMATS;
	if (n_results > 1)
		return READER_AUTO;
	return n == 1 || n_results == 0 ? found : with_results;
}

int reader_end(struct reader *r, struct suite_run *ret, struct kf_error *err)
{
	enum reader_format format = READER_FORMATS;
	int rc = 0;

	if (r->reads[READER_KTAP])
		rc = ktap_end(&r->ktap);
	if (rc == 0 && r->reads[READER_LTP])
		rc = ltp_end(&r->ltp);
	if (rc == 0 && r->reads[READER_XFSTESTS])
		rc = xfstests_end(&r->xfstests);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "read test results: %m");
	for (size_t i = 0; !r->automatic && i < READER_FORMATS; i++) {
		if (r->reads[i])
			format = (enum reader_format)i;
	}
	if (r->automatic)
		format = choose(r);
	if (format == READER_AUTO)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "there are results of several formats in it: say with "
			      "--format which are meant");
	if (format == READER_FORMATS)
		return kf_err(err, -ENODATA, KF_REASON_NOT_FOUND,
			      "there are no test results of a known format in it (KTAP "
			      "or TAP, LTP, xfstests)");
	*ret = r->suite[format];
	r->suite[format] = (struct suite_run){.running = SUITE_PARENT};
	return 0;
}
