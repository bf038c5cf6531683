/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the whole system going down, or is it only the agent that is asked to stop. */
#ifndef KF_STOPPING_H
#define KF_STOPPING_H

#include <stdbool.h>

/* Blocking, for at most two seconds.  False when it cannot be found out. */
bool stopping_system(void);

#endif
