/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `build` that say how to build: bd takes them, too.  Each sets a key for
 * this once. */
#ifndef KF_BUILD_ARGS_H
#define KF_BUILD_ARGS_H

#include "controller/cmd/cmd.h"

/* Apart from the commands' own, from 256 on, and those of file_args.h. */
enum { BUILD_ARG_LLVM = 2048, BUILD_ARG_CCACHE, BUILD_ARG_CFLAGS };

/* For a list of struct option, and for getopt's string of letters. */
#define BUILD_ARGS                                                                       \
	{"cpu-scaling", required_argument, NULL, 'S'},                                   \
		{"warnings", required_argument, NULL, 'w'},                              \
		{"save-log-to", required_argument, NULL, 's'},                           \
		{"llvm", no_argument, NULL, BUILD_ARG_LLVM},                             \
		{"ccache", no_argument, NULL, BUILD_ARG_CCACHE},                         \
	{                                                                                \
		"cflags", required_argument, NULL, BUILD_ARG_CFLAGS                      \
	}
#define BUILD_ARGS_N  6
#define BUILD_LETTERS "S:w:s:"
/* How they are told. */
#define BUILD_ARGS_HELP                                                                  \
	"  -S, --cpu-scaling PERCENT  of the processors, for make's -j\n"                \
	"  -w, --warnings LEVEL    W= of make: 1, 2, 3, c, e, or several\n"              \
	"  -s, --save-log-to FILE  a copy of all output\n"                               \
	"  --llvm                  with clang and LLVM's tools\n"                        \
	"  --ccache                through ccache\n"                                     \
	"  --cflags FLAGS          KCFLAGS of make\n"

/* c, optarg: of getopt_long().  0: taken; -1: it is none of them; else an exit status,
 * after a message. */
int build_arg_take(struct cmd_env *env, const char *name, int c) _must_check_;

#endif
