/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking for findings in a kernel log of 10 MB: lines of a boot, and one in a thousand
 * that announces a fault.
 */
#include <string.h>

#include "controller/log/classifier.h"
#include "controller/place.h"
#include "proto/base/cleanup.h"
#include "tests/bench/measured.h"

#define TOTAL	  10000000u
#define FAULT_ONE 1000

static const char *const lines[] = {
	"usb 1-1: new high-speed USB device number 2 using xhci_hcd",
	"pci 0000:00:1f.2: reg 0x24: [mem 0xfea10000-0xfea10fff]",
	"EXT4-fs (vda2): mounted filesystem with ordered data mode. Quota mode: none.",
	"systemd[1]: Starting Load Kernel Module efi_pstore - a unit with a longish "
	"name...",
	"audit: type=1400 audit(1700000000.123:45): apparmor=\"STATUS\" "
	"operation=\"load\"",
	"nvme nvme0: 8/0/0 default/read/poll queues",
	"IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
	"BUGFIX level 3 of the firmware is loaded, no warning was given",
};
static const char *const faults[] = {
	"BUG: kernel NULL pointer dereference, address: 0000000000000010",
	"WARNING: CPU: 1 PID: 77 at drivers/net/veth.c:1320 veth_open+0x10/0x20 [veth]",
	"watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [kworker/0:1:12]",
};

static char *text;
static size_t len;
static struct classifier *classifier;

void measured(void)
{
	MUST(classifier_text(classifier, text, len) == 0);
	MUST(classifier_end(classifier) == 0);
}

int main(void)
{
	uint32_t seed = 1;
	struct kf_error err;
	struct patterns *patterns;
	char *dir;

	text = malloc(TOTAL + 1024);
	MUST(text);
	for (unsigned i = 0; len < TOTAL; i++) {
		uint32_t r = bench_next(&seed);
		const char *line = i % FAULT_ONE == FAULT_ONE - 1
					   ? faults[r % ARRAY_SIZE(faults)]
					   : lines[r % ARRAY_SIZE(lines)];

		len += (size_t)snprintf(text + len, 512, "<6>[%5u.%06u] %s\n", i / 1000,
					i % 1000 * 1000, line);
	}
	MUST(place_find("controller/log/patterns", "patterns", &dir) == 0);
	MUST(patterns_new(&patterns) == 0 && patterns_read(patterns, dir, &err) == 0);
	MUST(patterns_build(patterns, &err) == 0);
	MUST(classifier_new(patterns, &classifier) == 0);
	measured();
	MUST(findings_count(classifier_findings(classifier)) == ARRAY_SIZE(faults));
	classifier_free(classifier);
	patterns_free(patterns);
	free(dir);
	free(text);
	return 0;
}
