// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry version: which kferry, and which protocol. */
#include "controller/cmd/cmd.h"
#include "proto/peer.h"
#include "proto/version.h"

int cmd_version(struct cmd_env *env, int argc, char *argv[])
{
	(void)argv;
	if (argc > 1)
		return cmd_usage(env, "version", "it takes no arguments");
	ui_out(env->ui, "kferry %s (protocol %d to %d)\n", KF_VERSION, PROTOCOL_MIN,
	       PROTOCOL_MAX);
	ui_json(env->ui, json_pack("{s:s, s:s, s:i, s:i}", "event", "version", "version",
				   KF_VERSION, "protocol_min", PROTOCOL_MIN,
				   "protocol_max", PROTOCOL_MAX));
	return STATUS_PASS;
}
