// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A serial line: 8N1, raw, no flow control.  Modem lines are let alone: some boards reset
 * when DTR drops, so that HUPCL is off.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include "controller/console/console_impl.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

int console_baud(unsigned baud, speed_t *ret)
{
	static const struct {
		unsigned baud;
		speed_t speed;
	} speeds[] = {
		{300, B300},	     {600, B600},	  {1200, B1200},
		{2400, B2400},	     {4800, B4800},	  {9600, B9600},
		{19200, B19200},     {38400, B38400},	  {57600, B57600},
		{115200, B115200},   {230400, B230400},	  {460800, B460800},
		{500000, B500000},   {576000, B576000},	  {921600, B921600},
		{1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000},
		{2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000},
		{3500000, B3500000}, {4000000, B4000000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(speeds); i++) {
		if (speeds[i].baud == baud) {
			*ret = speeds[i].speed;
			return 0;
		}
	}
	return -EINVAL;
}

static int is_busy(const char *place, struct kf_error *err)
{
	return kf_err(err, -EBUSY, KF_REASON_BUSY,
		      "another program has %s for itself (`fuser -v %s` shows which)",
		      place, place);
}

static int set_line(int fd, unsigned baud)
{
	struct termios t, now;
	speed_t speed;
	int r = console_baud(baud, &speed);

	if (r < 0)
		return r;
	if (tcgetattr(fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	t.c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | CRTSCTS | HUPCL);
	t.c_cflag |= CS8 | CREAD | CLOCAL;
	t.c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY | INPCK);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (cfsetspeed(&t, speed) < 0 || tcsetattr(fd, TCSANOW, &t) < 0 ||
	    tcgetattr(fd, &now) < 0)
		return -errno;
	/* tcsetattr() is content when it could do a part. */
	return cfgetospeed(&now) == speed && (now.c_cflag & CSIZE) == CS8 ? 0 : -EINVAL;
}

static int serial_open(const struct console_spec *spec, deadline_ms deadline, int stop_fd,
		       void **ret, int *ret_fd, struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, spec->place,
					 O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
	int r;

	(void)deadline;
	(void)stop_fd;
	if (fd == -EBUSY)
		return is_busy(spec->place, err);
	if (fd < 0)
		return kf_err(err, fd,
			      fd == -EACCES   ? KF_REASON_PERMISSION
			      : fd == -ENOENT ? KF_REASON_NOT_FOUND
					      : KF_REASON_IO,
			      "open the serial line %s: %m%s", spec->place,
			      fd == -EACCES ? "; its group (often dialout) may" : "");
	if (!isatty(fd))
		return kf_err(err, -ENOTTY, KF_REASON_CONFIG, "%s is no serial line",
			      spec->place);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return is_busy(spec->place, err);
	if (ioctl(fd, TIOCEXCL) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "have %s for ourselves: %m",
			      spec->place);
	r = set_line(fd, spec->baud);
	if (r < 0) {
		ioctl(fd, TIOCNXCL);
		return kf_err(err, r, KF_REASON_CONFIG,
			      "the serial line %s does not take %u baud, 8N1: %m",
			      spec->place, spec->baud);
	}
	*ret = NULL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int serial_break(int fd)
{
	return tcsendbreak(fd, 0) < 0 ? -errno : 0;
}

/* The far end of a pseudo terminal keeps it, and its state, alive. */
static void serial_close(void *impl, int fd)
{
	(void)impl;
	ioctl(fd, TIOCNXCL);
}

const struct console_ops console_serial = {
	.open = serial_open,
	.send_break = serial_break,
	.close = serial_close,
};
