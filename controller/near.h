/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of our names somebody meant who typed another. */
#ifndef KF_NEAR_H
#define KF_NEAR_H

/* Letters to change, add or drop to make b of a; what is past 64 letters of b does not
 * count. */
unsigned near_distance(const char *a, const char *b);

#endif
