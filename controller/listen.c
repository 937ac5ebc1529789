// SPDX-License-Identifier: Apache-2.0
#include "controller/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	char host[LISTEN_ADDRESS_MAX];
	struct addrinfo *info;
	size_t len;

	if (!colon || colon == text || !colon[1] || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	/* getaddrinfo() would take a larger number modulo 65536. */
	if (strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strtoul(colon + 1, NULL, 10) > UINT16_MAX)
		return -EINVAL;
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		memmove(host, host + 1, len - 1);
	} else if (strchr(host, ':')) {
		return -EINVAL; /* an IPv6 address without brackets */
	}
	if (getaddrinfo(host, colon + 1, &hints, &info) != 0)
		return -EINVAL;
	memcpy(ret, info->ai_addr, info->ai_addrlen);
	*ret_len = info->ai_addrlen;
	freeaddrinfo(info);
	return 0;
}

bool listen_address_valid(const char *address)
{
	struct sockaddr_storage addr;
	socklen_t len;

	return address_parse(address, &addr, &len) == 0;
}

static int option_on(int fd, int option)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

/* A bound socket; the first of a group is bound alone and joins the group afterwards. */
static int bind_one(const struct sockaddr_storage *addr, socklen_t len, int first)
{
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return -errno;
	if (option_on(fd, SO_REUSEADDR) < 0 || (!first && option_on(fd, SO_REUSEPORT) < 0) ||
	    bind(fd, (const struct sockaddr *)addr, len) < 0 ||
	    (first && option_on(fd, SO_REUSEPORT) < 0)) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static void address_print(const struct sockaddr_storage *addr, socklen_t len, char *ret)
{
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";

	getnameinfo((const struct sockaddr *)addr, len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(ret, LISTEN_ADDRESS_MAX, addr->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		 port);
}

int listen_open(const char *address, uint32_t count, int *ret, char ret_address[LISTEN_ADDRESS_MAX])
{
	struct sockaddr_storage addr;
	socklen_t len;
	uint32_t bound = 0;
	int r = address_parse(address, &addr, &len);

	while (r == 0 && bound < count) {
		int fd = bind_one(&addr, len, bound == 0);

		if (fd < 0) {
			r = fd;
			break;
		}
		ret[bound++] = fd;
		if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
			r = -errno;
	}
	/* Listening only now: by then the first one is in the group as well. */
	for (uint32_t i = 0; r == 0 && i < bound; i++)
		if (listen(ret[i], BACKLOG) < 0)
			r = -errno;
	if (r < 0) {
		while (bound > 0) {
			close(ret[--bound]);
			ret[bound] = -1; /* the caller closes what is there */
		}
		return r;
	}
	address_print(&addr, len, ret_address);
	return 0;
}

static int unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Makes room for a socket file: 0 when nothing is there any more. */
static int stale_remove(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, r;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = unix_socket();
	if (fd < 0)
		return fd;
	r = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	close(fd);
	if (r != -ECONNREFUSED) /* accepted, or its queue is full, or not ours to ask */
		return r == 0 || r == -EAGAIN ? -EADDRINUSE : r;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

int listen_unix(const char *path, mode_t mode, int *ret)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	r = stale_remove(&addr);
	if (r < 0)
		return r;
	fd = unix_socket();
	if (fd < 0)
		return fd;
	/* The file has this mode, less our umask, from its first moment on. */
	if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = -errno;
	} else if (chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(path);
	}
	if (r < 0)
		close(fd);
	else
		*ret = fd;
	return r;
}

int listen_adopt(int fd, char ret_address[LISTEN_ADDRESS_MAX])
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr), size = sizeof(int);
	const char *path = ((const struct sockaddr_un *)&addr)->sun_path;
	int accepts = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	if (!accepts)
		return -EINVAL;
	if (addr.ss_family != AF_UNIX)
		address_print(&addr, len, ret_address);
	else if (strlen(path) >= LISTEN_ADDRESS_MAX)
		return -ENAMETOOLONG;
	else
		strcpy(ret_address, path);
	return 0;
}
