/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h - the sockets a gateway accepts on, opened by the controller.
 *
 * For: the runtime: the gateway has no rights to bind, and a listener must outlive it.
 * How: one socket per worker in one SO_REUSEPORT group, so that the kernel spreads
 * connections. The first is bound without the option: it fails when somebody else has the
 * address, instead of sharing it with them.
 * Thread-safety: none needed; listen_unix() looks before it binds, so two processes must not
 * open the same path at once.
 */
#ifndef SPROCKET_CONTROLLER_LISTEN_H
#define SPROCKET_CONTROLLER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTEN_ADDRESS_MAX 64

/* True for what listen_open() takes as an address. */
bool listen_address_valid(const char *address);

/*
 * Opens `count` listeners on `address` ("127.0.0.1:8080", "[::1]:8080"; port 0: any).
 * Returns 0, ret[0..count) (the caller's) and the address with its real port in
 * `ret_address`; -EINVAL when `address` is not one; -errno of the system.
 */
int listen_open(const char *address, uint32_t count, int *ret,
		char ret_address[LISTEN_ADDRESS_MAX]);

/*
 * Opens a listener at `path`, which `mode` says who may connect to; a socket file that nobody
 * listens at any more is replaced. The file stays when the fd is closed.
 * Returns 0 and *ret (the caller's); -EADDRINUSE when somebody listens there, -EEXIST when
 * something else is there, -ENAMETOOLONG, other -errno of the system.
 */
int listen_unix(const char *path, mode_t mode, int *ret);

/* The address of a listener that somebody else opened: "127.0.0.1:8080", or a path.
 * Returns 0; -EINVAL when `fd` is no listener, -ENAMETOOLONG, other -errno. */
int listen_adopt(int fd, char ret_address[LISTEN_ADDRESS_MAX]);

#endif
