/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a board's console is, as board.console says it:
 *
 *	serial:/dev/ttyUSB0[,115200]   a serial line of this machine, 8N1
 *	tcp:HOST:PORT                  raw bytes: ser2net, QEMU; [::1]:PORT for IPv6
 *	exec:PROGRAM ARGS...           a program on a terminal of its own
 *	netconsole:PORT                datagrams of the kernel's netconsole; only read
 */
#ifndef KF_CONSOLE_SPEC_H
#define KF_CONSOLE_SPEC_H

#include "controller/config/config.h"

#define CONSOLE_SPEC_MAX 1024 /* bytes of one */
#define CONSOLE_HOST_MAX 253  /* of a host's name */
#define CONSOLE_BAUD	 115200u

enum console_kind { CONSOLE_SERIAL, CONSOLE_TCP, CONSOLE_EXEC, CONSOLE_NETCONSOLE };

struct console_spec {
	enum console_kind kind;
	char *place;   /* the device, the host; else NULL */
	unsigned baud; /* serial */
	char port[12]; /* tcp, netconsole: 1 to 65535 */
	char **argv;   /* exec; as of config_words() */
};

/* Nothing is opened.  KF_REASON_CONFIG says what is wrong with it. */
int console_spec_parse(const char *text, struct console_spec *ret,
		       struct kf_error *err) _must_check_;
void console_spec_fini(struct console_spec *s);
#define _console_spec_ _cleanup_(console_spec_fini)

/* A board's own.  -ENOENT: it has none. */
int console_spec_of(const struct config *cfg, const char *board, struct console_spec *ret,
		    struct kf_error *err) _must_check_;
/* For people: "serial /dev/ttyUSB0 at 115200", "exec virsh" (no more of it: words may be
 * secret).  The caller's; NULL: no memory. */
char *console_spec_describe(const struct console_spec *s) _must_check_;

#endif
