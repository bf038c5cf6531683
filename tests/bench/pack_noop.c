/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packing the tree around the working directory a second time, nothing changed.  The
 * instructions of programs that are run (make, depmod) are not counted, nor those of
 * threads.  check.py makes the tree.
 */
#include <string.h>

#include "controller/kernel/kernel.h"
#include "tests/bench/measured.h"

static struct config *cfg;
static struct ui *ui;
static struct kernel *kernel;

static void pack(void)
{
	struct kf_error err = {0};

	if (kernel_from_tree(cfg, ui, NULL, &kernel, &err) < 0) {
		fprintf(stderr, "pack_noop: %s\n", err.msg);
		exit(1);
	}
}

void measured(void)
{
	pack();
}

int main(void)
{
	struct ui_opts opts = {.quiet = true};
	struct config_paths paths = {0};
	struct kf_error err = {0};
	struct digest first;

	MUST(config_load(&paths, &cfg, &err) == 0);
	MUST(ui_new(&opts, &ui) == 0);
	pack();
	first = kernel->digest;
	MUST(kernel->manifest.n_files > 1000);
	kernel_free(kernel);
	measured();
	MUST(digest_equal(&first, &kernel->digest));
	kernel_free(kernel);
	ui_free(ui);
	config_free(cfg);
	return 0;
}
