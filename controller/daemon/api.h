/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the daemon's HTTP API.
 *
 * For: sprocketd. The paths are in api_route.c, the errors in api_answer.c.
 * How: libmicrohttpd in the controller's loop: its epoll is a source, its timeout a timer that
 * is armed only when there is one. We accept ourselves. Who may connect to the Unix socket is
 * asked of the kernel (SO_PEERCRED, SO_PEERGROUPS): root, our user, and the group. The TCP
 * address, when asked for, serves /metrics and /healthz alone.
 * An answer that has to wait, and a stream with nothing to say, is suspended: it costs no
 * wake-up, and a hang-up of its client is noticed.
 * Limits against bad clients: API_CLIENT_MAX connections, a share of them for each user but
 * root and for the TCP address; API_RECEIVE_NS for a request to arrive and for the pause
 * between two, API_SEND_NS to take an answer; API_MEMORY for its head; CHAIN_FILE_MAX for its
 * body; stream.h for streams.
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_API_H
#define SPROCKET_CONTROLLER_DAEMON_API_H

#include <sys/types.h>

#include "controller/daemon/deployment.h"
#include "controller/daemon/events.h"
#include "controller/loop.h"

#define API_CLIENT_MAX 512
#define API_SHARE_MAX 128   /* of one user, of the TCP address */
#define API_CHANGE_MAX 1024 /* changes under way */
#define API_MEMORY (64U << 10)
#define API_RECEIVE_NS UINT64_C(30000000000)
#define API_SEND_NS UINT64_C(60000000000)
#define API_WHY_MAX 256

struct api;
struct taps;

struct api_options {
	struct loop *loop;
	const char *socket_path;
	gid_t group;         /* whose members may connect */
	const char *metrics; /* ADDR:PORT, or NULL */
	const char *version;
	const char *front; /* addresses of the front; "" or NULL: there is none */
	const char *front_tls;
	struct deployments *deployments;
	struct events *events;
	struct logstore *logs;
	struct taps *taps;
	void (*on_shutdown)(void *arg); /* all chains are stopped, and who asked was answered */
	void *on_shutdown_arg;
};

/* Returns 0 and *ret; or -errno and a sentence in `why`. The strings must outlive it. */
int api_open(const struct api_options *options, struct api **ret, char why[API_WHY_MAX]);

/* Ends every answer. Takes NULL; returns NULL. */
struct api *api_close(struct api *api);

/* For deployments_options.on_change: whoever watches is told, soon. */
void api_chain_changed(struct api *api, const char *name);

/* Where metrics are served, with the real port; "" when nowhere. */
const char *api_metrics_address(const struct api *api);

#endif
