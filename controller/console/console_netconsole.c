// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagrams of netconsole, on all addresses of this machine.  Whoever can send to the
 * port can say anything: SECURITY.md. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/console/console_impl.h"
#include "controller/console/netconsole.h"
#include "proto/reason.h"

#define RECEIVE_BUFFER (1 << 20) /* a dying kernel says all at once */

/* Both families where there is IPv6, else IPv4. */
static int open_socket(uint16_t port)
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	_close_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int off = 0, size = RECEIVE_BUFFER;

	any6.sin6_addr = in6addr_any;
	if (fd >= 0 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
	    bind(fd, (const struct sockaddr *)&any6, sizeof(any6)) == 0)
		goto bound;
	if (fd >= 0 && errno == EADDRINUSE)
		return -errno;
	cleanup_close(&fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return -errno;
bound:
	/* The kernel gives what it allows. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return TAKE_FD(fd);
}

static int netconsole_open(const struct console_spec *spec, deadline_ms deadline,
			   int stop_fd, void **ret, int *ret_fd, struct kf_error *err)
{
	struct netconsole *n = calloc(1, sizeof(*n));
	int fd;

	(void)deadline;
	(void)stop_fd;
	if (!n)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	fd = open_socket((uint16_t)strtoul(spec->port, NULL, 10));
	if (fd < 0) {
		free(n);
		return kf_err(err, fd, fd == -EADDRINUSE ? KF_REASON_BUSY : KF_REASON_IO,
			      "listen to netconsole on UDP port %s: %m%s", spec->port,
			      fd == -EADDRINUSE ? " (`ss -ulpn` shows by whom)" : "");
	}
	*ret = n;
	*ret_fd = fd;
	return 0;
}

static int netconsole_text(void *impl, const void *raw, size_t n, struct buf *out)
{
	return netconsole_feed(impl, raw, n, out);
}

static void netconsole_close(void *impl, int fd)
{
	(void)fd;
	free(impl);
}

const struct console_ops console_netconsole = {
	.open = netconsole_open,
	.text = netconsole_text,
	.close = netconsole_close,
	.read_only = true,
};
