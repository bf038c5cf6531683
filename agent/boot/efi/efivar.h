/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EFI variables, as files of efivarfs: four bytes of attributes (little endian), then the
 * value.
 *
 * dirfd is the directory of variables and name the whole file name,
 * "LoaderInfo-4a67b082-...".  In a scratch root the directory holds plain files, which
 * behave the same.  All functions return 0 or a negative errno.  Blocking: the firmware
 * may take a second.
 */
#ifndef KF_EFIVAR_H
#define KF_EFIVAR_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"

/* The Boot Loader Interface's vendor, from systemd's BOOT_LOADER_INTERFACE document. */
#define EFIVAR_LOADER(name) name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
/* EFI_GLOBAL_VARIABLE (UEFI 2.10, 3.3): BootNext, BootOrder, Boot0001, SecureBoot */
#define EFIVAR_GLOBAL(name) name "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
/* EFI_VARIABLE_NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS (UEFI 2.10, 8.2) */
#define EFIVAR_NV_BS_RT 7u
/* More than any variable that is read or written here has. */
#define EFIVAR_MAX (64u * 1024)

/* The value (appended) without its attributes.  -ENOENT also for the empty file that a
 * write which the firmware refused leaves behind; -EBADMSG: shorter than attributes. */
int efivar_read(int dirfd, const char *name, uint32_t *ret_attrs,
		struct buf *ret) _must_check_;
/* Replace it with one write(2) and read it back; -EIO when it reads differently.  A
 * variable that did not exist and could not be written does not exist afterwards. */
int efivar_write(int dirfd, const char *name, uint32_t attrs, const void *data,
		 size_t n) _must_check_;
/* Not being there is not an error. */
int efivar_remove(int dirfd, const char *name) _must_check_;

/* A value that is a string: UTF-16LE with a terminator.  Only ASCII is written (-EINVAL);
 * what is read comes as UTF-8 and may hold any character but NUL. */
int efivar_read_string(int dirfd, const char *name, char **ret) _must_check_;
int efivar_write_string(int dirfd, const char *name, const char *s) _must_check_;

/* Append s as UTF-16LE with its terminator; -EINVAL when s is not ASCII. */
int efivar_utf16_encode(const char *s, struct buf *out) _must_check_;
/* Up to the first NUL or the end; -EILSEQ for an odd length or a lone surrogate. */
int efivar_utf16_decode(const void *data, size_t n, char **ret) _must_check_;

#endif
