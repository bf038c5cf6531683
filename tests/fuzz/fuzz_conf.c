/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.conf: any text gives a configuration within its limits, or an error with a line.
 */
#include <assert.h>
#include <string.h>

#include "agent/conf.h"
#include "proto/reason.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kf_error err = {0};
	struct agent_conf c;

	assert(conf_init(&c) == 0);
	if (conf_parse(&c, (const char *)data, size, &err) < 0) {
		assert(err.reason == KF_REASON_CONFIG && err.msg[0]);
	} else {
		assert(c.keep >= 1 && c.keep <= STATE_SLOTS / 2);
		assert(c.state_dir[0] == '/' && c.socket[0] == '/');
		assert(!c.hook || c.hook[0][0] == '/');
		assert(strlen(c.trial_cmdline) <= LIMIT_CMDLINE);
	}
	conf_fini(&c);
	return 0;
}
