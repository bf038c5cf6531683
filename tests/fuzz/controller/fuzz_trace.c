/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of traces, git's log of a bisect, and a bisect's steps: whatever is in them. */
#include <assert.h>
#include <string.h>

#include "controller/bisect/ending.h"
#include "controller/bisect/steps.h"
#include "controller/decode/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const char *s, size_t n)
{
	struct frame f;

	if (!frame_find(s, n, &f))
		return;
	assert(f.func >= s && f.func + f.func_n < s + n);
	assert(f.end <= n && f.offset <= f.size);
	assert(!f.module || (f.module >= s && f.module + f.module_n < s + n));
	assert(!f.build_id || (f.module && f.build_id + f.build_id_n <= s + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct ending e = {0};
	struct steps steps = {0};

	check_frame(s, size);
	if (ending_read(s, size, &e) == 0)
		assert(!*e.first_bad || strlen(e.first_bad) >= 40);
	ending_fini(&e);
	if (steps_parse(s, size, &steps) == 0) {
		for (size_t i = 0; i < steps_count(&steps); i++)
			assert(step_verdict(json_array_get(steps.list, i)) !=
			       JUDGED_STOPPED);
	}
	steps_fini(&steps);
	return 0;
}
