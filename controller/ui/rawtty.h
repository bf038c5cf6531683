/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This terminal in raw mode: each key is a byte, nothing is echoed, no key is a signal.
 */
#ifndef KF_RAWTTY_H
#define KF_RAWTTY_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct rawtty {
	struct termios saved;
	bool raw;
};

/* Of standard input; -ENOTTY.  A SIGINT that somebody sends is ignored from then on: a
 * second one would end the program without a word. */
int rawtty_begin(struct rawtty *t);
/* As it was; may be called at any time. */
void rawtty_end(struct rawtty *t);
/* Of standard output; 24 x 80 where the terminal does not say. */
void rawtty_size(uint16_t *ret_rows, uint16_t *ret_columns);

#endif
