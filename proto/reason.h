/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why something failed, as a number that travels: the semantic code of Error
 * messages and of struct kf_error.  Never renumber; add at the end.
 */
#ifndef KF_REASON_H
#define KF_REASON_H

/* X(number, NAME, "short-name", "what it means, for a person") */
#define KF_REASONS(X)                                                                    \
	X(0, UNSPECIFIED, "unspecified", "no reason was given")                          \
	X(1, IO, "io", "reading or writing failed")                                      \
	X(2, NO_MEMORY, "no-memory", "out of memory")                                    \
	X(3, PROTOCOL, "protocol", "the other side broke the protocol")                  \
	X(4, UNSUPPORTED, "unsupported", "the other side does not know this request")    \
	X(5, VERSION, "version", "no protocol version in common")                        \
	X(6, BUSY, "busy", "another deploy holds the board")                             \
	X(7, ARCH, "arch", "the kernel is for another architecture")                     \
	X(8, BOARD_KIND, "board-kind", "the board is of another kind")                   \
	X(9, SIGNATURE, "signature", "the package is not signed as the board requires")  \
	X(10, SPACE, "space", "too little space")                                        \
	X(11, BOOT_CHAIN, "boot-chain", "the boot chain cannot boot a kernel once")      \
	X(12, MANIFEST, "manifest", "the manifest is not valid")                         \
	X(13, PACKAGE, "package", "the package is truncated, altered or not allowed")    \
	X(14, DIGEST, "digest", "bytes differ from what was promised")                   \
	X(15, NO_SLOT, "no-slot", "there is no such slot")                               \
	X(16, SLOT_IN_USE, "slot-in-use",                                                \
	  "the slot is running or is the known-good one")                                \
	X(17, NOT_RUNNING, "not-running", "the slot is not the one that runs")           \
	X(18, INITRAMFS, "initramfs", "no initramfs could be made")                      \
	X(19, READ_ONLY, "read-only", "the file system is read-only")                    \
	X(20, PERMISSION, "permission", "not permitted")                                 \
	X(21, NOT_FOUND, "not-found", "there is no such thing")                          \
	X(22, INVALID, "invalid", "the value is not valid")                              \
	X(23, TIMEOUT, "timeout", "it took longer than allowed")                         \
	X(24, CANCELLED, "cancelled", "it was cancelled")                                \
	X(25, UNREACHABLE, "unreachable", "the board cannot be reached")                 \
	X(26, HOST_KEY, "host-key", "the board's host key is not the known one")         \
	X(27, AUTH, "auth", "the board refused the login")                               \
	X(28, NO_AGENT, "no-agent", "the agent is not there or does not answer")         \
	X(29, CONNECTION, "connection", "the connection was lost")                       \
	X(30, EXEC, "exec", "a program could not be run or failed")                      \
	X(31, CONFIG, "config", "the configuration is not valid")                        \
	X(32, BUILD, "build", "the kernel did not build")                                \
	X(33, FELL_BACK, "fell-back", "the board returned to its known-good kernel")     \
	X(34, WRONG_KERNEL, "wrong-kernel", "another kernel runs than the one sent")     \
	X(35, UNHEALTHY, "unhealthy", "the new kernel runs but is not healthy")          \
	X(36, STATE, "state", "the agent's own records are damaged")                     \
	X(37, EXISTS, "exists", "it exists already")                                     \
	X(38, USAGE, "usage", "the command was not given as it should be")               \
	X(39, NOT_TRIED, "not-tried",                                                    \
	  "the board was reset before it started the kernel")                            \
	X(40, MODULE, "module", "a module did not load")                                 \
	X(41, MODULE_IN_USE, "module-in-use", "the module is in use")                    \
	X(42, BOARD_LOST, "board-lost",                                                  \
	  "the board did not come back, not even by a power cycle")                      \
	X(43, QUARANTINE, "quarantine", "the board is in quarantine")                    \
	X(44, TESTS, "tests", "tests failed, or the kernel did while they ran")

#define KF_REASON_ENUM(n, id, name, text) KF_REASON_##id = (n),
enum kf_reason { KF_REASONS(KF_REASON_ENUM) };
#undef KF_REASON_ENUM

/* Both take any number and never return NULL. */
const char *reason_name(int reason);
const char *reason_text(int reason);

#endif
