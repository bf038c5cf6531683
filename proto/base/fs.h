/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files: opening below a directory, durable replacement, whole-file reads.
 *
 * This is the only module that opens a path with a variable in it (`make lint`
 * checks).  Paths named `rel` are relative, are resolved strictly below `dirfd`
 * and never through a symbolic link: openat2(RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS
 * |RESOLVE_NO_MAGICLINKS), or a component walk with O_NOFOLLOW where the kernel
 * lacks openat2.  KF_NO_OPENAT2=1 in the environment forces the walk (tests).
 * Refused are absolute names and ".." (-EXDEV) and links (-ELOOP).  Paths named
 * `path` are trusted: they resolve as openat(2) does, links included.  New files
 * and directories obey the umask; fs_replace() gives exactly its mode.
 * All functions return 0 (or a descriptor) or a negative errno.
 */
#ifndef KF_FS_H
#define KF_FS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/buf.h"
#include "proto/base/cleanup.h"

/* AT_FDCWD is a valid dirfd for trusted absolute or relative paths: then links are
 * followed. */
int fs_open_beneath(int dirfd, const char *rel, int flags, mode_t mode) _must_check_;
/* Open (a trusted path) as a directory: O_PATH is not set, so the fd can be fsynced. */
int fs_open_dir(int dirfd, const char *path) _must_check_;
/* What reads the directory fd is.  Takes fd, also when it fails; a negative one is an
 * errno, and returned. */
int fs_dir_stream(int fd, DIR **ret) _must_check_;
/* The next name in it but "." and "..", good until the next call; NULL: there are no
 * more.  An error of the disk is not the end. */
int fs_dir_next(DIR *d, const char **ret) _must_check_;
/* Take flock(2) of fd (LOCK_SH or LOCK_EX), waiting so long at most: -ETIMEDOUT. */
int fs_lock(int fd, int how, int wait_ms) _must_check_;
/* Create the directories of rel below dirfd (all components), mode 0755; existing ones
 * are fine. */
int fs_mkdirs(int dirfd, const char *rel) _must_check_;
/* As fs_mkdirs() for everything but the last component. */
int fs_mkdirs_parent(int dirfd, const char *rel) _must_check_;

/* Read a whole file of at most max bytes into b (appended); -EFBIG past that. */
int fs_read_file(int dirfd, const char *path, size_t max, struct buf *b) _must_check_;
/* The first line of a small file, trailing white space removed; *ret is the caller's. */
int fs_read_line(int dirfd, const char *path, char **ret) _must_check_;
int fs_write_all(int fd, const void *data, size_t n) _must_check_;

/*
 * Replace path durably: temporary in the same directory, write, fsync, rename,
 * fsync of the file and the directory.  After a crash the old or the new content is
 * there. (On vfat as far as fs_rename_flushed() goes; see docs/PROMISES.md.)
 */
#define FS_TMP_PREFIX ".kf-tmp-" /* what a crash may leave beside path */
int fs_replace(int dirfd, const char *path, const void *data, size_t n,
	       mode_t mode) _must_check_;

/*
 * Rename dir/from to dir/to, and flush that; fd is the file's, written and flushed.  A
 * file that is replaced is held open until then: vfat gives its clusters away when nobody
 * has it any more, and must not do that while its name on the disk still leads to them.
 */
int fs_rename_flushed(int dir, int fd, const char *from, const char *to) _must_check_;
/* Remove a file, and flush that, held open in the same way; absent is fine.  (A trusted
 * path.) */
int fs_remove_flushed(int dirfd, const char *path) _must_check_;

/* Copy a file's bytes from in to out (copy_file_range, else read and write). */
int fs_copy_fd(int in, int out, uint64_t *ret_bytes) _must_check_;
/* Remove rel and all below it; nothing there is not an error.  Never crosses into links,
 * nor into what is mounted there (-EBUSY). */
int fs_remove_tree(int dirfd, const char *rel) _must_check_;
int fs_sync_dir(int dirfd, const char *rel) _must_check_;
/* Flush the file system that holds fd. */
int fs_sync_fs(int fd) _must_check_;
/* Bytes an ordinary write may still use on the file system of fd. */
int fs_free_bytes(int fd, uint64_t *ret) _must_check_;
/* Its size. */
int fs_total_bytes(int fd, uint64_t *ret) _must_check_;
/* Bytes in regular files at rel and below. */
int fs_tree_bytes(int dirfd, const char *rel, uint64_t *ret) _must_check_;

/*
 * Walk the regular files below rel in the byte order of their paths, depth first.
 * path is relative to rel.  fn returns 0 to go on, anything else ends the walk and
 * is returned.  Directories are descended, links and special files are reported too
 * (st says what they are) and never followed.
 */
struct stat;
typedef int (*fs_walk_fn)(void *arg, int dirfd, const char *name, const char *path,
			  const struct stat *st);
int fs_walk(int dirfd, const char *rel, fs_walk_fn fn, void *arg) _must_check_;

bool fs_exists(int dirfd, const char *path);
int fs_set_cloexec(int fd, bool on) _must_check_;

#endif
