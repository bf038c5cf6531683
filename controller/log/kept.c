// SPDX-License-Identifier: GPL-2.0-or-later
/* mkdir(2) decides who has a number. */
#include "controller/log/kept.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/version.h"

#define TRIES 1000 /* so many may begin at once */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static unsigned long last_number(const char *base)
{
	_closedir_ DIR *d = opendir(base);
	struct dirent *de;
	unsigned long last = 0;

	while (d && (de = readdir(d))) {
		char *end;
		unsigned long n = strtoul(de->d_name, &end, 10);

		if (!*end && n > last)
			last = n;
	}
	return last;
}

static int make(const char *base, struct kept *ret, struct kf_error *err)
{
	unsigned long n = last_number(base);

	for (int i = 0; i < TRIES; i++) {
		_free_ char *dir = strf("%s/%lu", base, ++n);

		if (!dir)
			return no_memory(err);
		if (mkdir(dir, 0777) < 0 && errno == EEXIST)
			continue;
		ret->fd = fs_open_dir(AT_FDCWD, dir);
		if (ret->fd < 0)
			return kf_err(err, ret->fd, KF_REASON_IO,
				      "make the directory %s: %m", dir);
		ret->dir = TAKE_PTR(dir);
		return 0;
	}
	return kf_err(err, -EEXIST, KF_REASON_IO, "no free number in %s", base);
}

int kept_open(const struct config *cfg, const char *board, const char *kind,
	      struct kept *ret, struct kf_error *err)
{
	_free_ char *base = strf("%s/history/%s/%s", config_data_dir(cfg), board, kind);
	int rc;

	if (!base)
		return no_memory(err);
	rc = fs_mkdirs(AT_FDCWD, base);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "make the directory %s: %m", base);
	return make(base, ret, err);
}

void kept_fini(struct kept *h)
{
	cleanup_close(&h->fd);
	free(h->dir);
	*h = (struct kept)KEPT_INIT;
}

int kept_create(const struct kept *h, const char *name, struct kf_error *err)
{
	int fd = fs_open_beneath(h->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				 0666);

	return fd < 0 ? kf_err(err, fd, KF_REASON_IO, "make %s/%s: %m", h->dir, name)
		      : fd;
}

int kept_tell(const struct kept *h, json_t *info, struct kf_error *err)
{
	_free_ char *text = NULL, *whole = NULL;
	time_t now = time(NULL);
	char written[40];
	struct tm tm;
	int rc;

	if (gmtime_r(&now, &tm) && strftime(written, sizeof(written), "%FT%TZ", &tm))
		json_object_set_new(info, "written", json_string(written));
	json_object_set_new(info, "kferry", json_string(KF_VERSION));
	text = json_dumps(info, JSON_INDENT(2));
	json_decref(info);
	whole = text ? strf("%s\n", text) : NULL;
	if (!whole)
		return no_memory(err);
	rc = fs_replace(h->fd, "info.json", whole, strlen(whole), 0644);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s/info.json: %m", h->dir)
		      : 0;
}
