// SPDX-License-Identifier: GPL-2.0-or-later
/* What setup writes that is no file of agent/units: made from the configuration. */
#include "controller/setup/setup_texts.h"

#include <inttypes.h>

#define HEAD "# Written by `kferry board setup`, which overwrites what is changed here.\n"

int setup_conf_text(const struct config *cfg, const char *board, struct buf *b)
{
	static const struct {
		const char *name, *key;
		bool seconds;
	} keys[] = {
		{"board_kind", "board.profile", false},
		{"chain", "boot.chain", false},
		{"hook", "boot.hook", false},
		{"keep", "deploy.keep", false},
		{"trial_cmdline", "boot.trial_cmdline", false},
		{"image_words", "boot.image_words", false},
		{"reserve", "agent.reserve", false},
		{"watchdog", "watchdog.device", false},
		{"watchdog_timeout", "watchdog.timeout", true},
		{"confirm_timeout", "timeout.confirm", true},
		{"state_dir", "agent.state_dir", false},
		{"boot_dir", "agent.boot_dir", false},
	};
	int rc = buf_printf(b, HEAD);

	for (size_t i = 0; i < ARRAY_SIZE(keys) && rc == 0; i++) {
		const char *value = config_get(cfg, board, keys[i].key);

		if (value && keys[i].seconds)
			rc = buf_printf(b, "%s = %" PRId64 "\n", keys[i].name,
					(config_ms(cfg, board, keys[i].key) + 999) /
						1000);
		else if (value)
			rc = buf_printf(b, "%s = %s\n", keys[i].name, value);
	}
	return rc;
}

int setup_sandbox_text(const struct setup_paths *p, struct buf *b)
{
	int rc = buf_printf(b,
			    HEAD "[Unit]\nRequiresMountsFor=%s %s\n\n[Service]\n"
				 "ProtectHome=tmpfs\n",
			    p->agent_dir, p->state);

	if (rc == 0 && p->agent_hidden)
		rc = buf_printf(b, "BindReadOnlyPaths=%s\n", p->agent_dir);
	if (rc == 0 && p->state_hidden)
		rc = buf_printf(b, "BindPaths=%s\n", p->state);
	return rc;
}

int setup_pstore_text(const struct setup_paths *p, struct buf *b)
{
	/* A drop-in's ExecStartPre= comes behind those of the unit, which load ramoops,
	 * and before its ExecStart=, which takes the records.
	 * The unit unlinks them, so the copies are on disk before; a kernel's memory is
	 * for root's eyes. */
	return buf_printf(b,
			  HEAD
			  "[Unit]\nRequiresMountsFor=%s\n\n[Service]\n"
			  "ExecStartPre=-/bin/sh -c 'umask 077; mkdir -p %s/pstore && "
			  "cp -p /sys/fs/pstore/* %s/pstore/; sync'\n",
			  p->state, p->state, p->state);
}
