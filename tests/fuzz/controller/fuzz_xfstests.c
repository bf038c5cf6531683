// SPDX-License-Identifier: GPL-2.0-or-later
/* What a test suite printed, as xfstests: bounded, plain, and no pass without a result.
 */
#include "controller/results/reader.h"
#include "tests/fuzz/controller/results_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	results_fuzz(READER_XFSTESTS, data, size);
	return 0;
}
