/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Only in the static agent: sodium_init() looks for the fastest code not only of the
 * digest but of each cipher, and so would bring all of them, 150 KB.  agent/static.mk
 * puts this in the place of what looks for the others.  Who comes to use one of them
 * takes it off the list there.
 */
#ifdef KF_STATIC
int no_cipher(void);

int no_cipher(void)
{
	return 0;
}
#endif
