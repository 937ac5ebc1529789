/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_nginx.h - nginx as a reverse proxy in front of one server, one process, nothing on disk.
 *
 * For: peer-http and peer-sidecar.
 * How: the caller has bound a socket with SO_REUSEPORT to the address, without listening: so the
 * port is nginx's, and cannot be lost to somebody else before it listens. The configuration is a
 * memfd. Bodies fit into the buffers that they are given: no temporary file is ever written.
 * Whatever the system's nginx is set to do is neither read nor touched.
 * Settings are those of somebody who wants it fast: one process without a master, no log,
 * connections kept for ever to both sides, whole bodies in one buffer.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_BENCH_HTTP_NGINX_H
#define SPROCKET_BENCH_HTTP_NGINX_H

#include <netinet/in.h>
#include <stddef.h>

struct http_nginx {
	struct sockaddr_in address; /* that it serves */
	struct sockaddr_in server;  /* to which it hands on */
	size_t body_max;
};

/* Path of the program; NULL when there is none in $PATH or where systems keep it. */
const char *http_nginx_find(void);

/* Becomes nginx; ends the process with what is wrong when it cannot. */
_Noreturn void http_nginx_exec(const char *program, const struct http_nginx *nginx);

#endif
