// SPDX-License-Identifier: Apache-2.0
/*
 * The live check: the program is loaded, one gateway and one function are wired as in a
 * chain, descriptors go back and forth, and a forged one is refused and told of. One thread
 * plays both, so the figure is the cost of a checked hop without any wake-up.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/cli/doctor.h"
#include "controller/clock.h"
#include "sproxy/sproxy.h"

#define BUFFERS 4
#define CAPACITY 4096
#define GATEWAY_SLOT 1
#define FUNCTION_SLOT 2
#define FUNCTION_FN 1
#define GENERATION 7
#define ROUNDS 200
#define WAIT_MS 1000
#define REDIRECT "redirect"

struct pair {
	struct sproxy *proxy;
	struct sproxy_ends gateway;
	struct sproxy_ends function;
};

static const struct sp_desc request = {
	.gen = GENERATION, .len = 100, .edge = FUNCTION_FN, .home = GATEWAY_SLOT
};

static void ends_close(struct sproxy_ends *ends)
{
	if (ends->send >= 0)
		close(ends->send);
	if (ends->receive >= 0)
		close(ends->receive);
}

static void pair_done(struct pair *pair)
{
	ends_close(&pair->gateway);
	ends_close(&pair->function);
	sproxy_close(pair->proxy);
}

static void owners_fill(struct sp_owner *owners)
{
	for (uint32_t i = 0; i < BUFFERS; i++)
		owners[i] = (struct sp_owner){ .word = SP_OWNER_WORD(GENERATION, GATEWAY_SLOT),
					       .cap = CAPACITY,
					       .home = GATEWAY_SLOT };
}

/* Returns 0, or -errno and what was tried in *ret_what. */
static int pair_init(struct pair *pair, const char **ret_what)
{
	const struct sproxy_options options = { .buffer_count = BUFFERS, .fn_count = FUNCTION_FN };
	const struct sp_route to_function = { .kind = SP_ROUTE_FUNCTION, .fn = FUNCTION_FN };
	const struct sproxy_place gateway = { .fn = SP_GATEWAY_FN, .lender = GATEWAY_SLOT };
	const struct sproxy_place function = { .fn = FUNCTION_FN, .lender = GATEWAY_SLOT };
	int r;

	*ret_what = "load the program";
	r = sproxy_open(&options, &pair->proxy);
	if (r < 0)
		return r;
	owners_fill(sproxy_owners(pair->proxy));
	*ret_what = "wire two processes";
	r = sproxy_attach(pair->proxy, GATEWAY_SLOT, &gateway, &pair->gateway);
	if (r == 0)
		r = sproxy_attach(pair->proxy, FUNCTION_SLOT, &function, &pair->function);
	if (r == 0)
		r = sproxy_enable(pair->proxy, FUNCTION_SLOT, SP_BATCH_MAX);
	if (r == 0)
		r = sproxy_route(pair->proxy, SP_GATEWAY_FN, FUNCTION_FN, to_function);
	return r;
}

static int desc_receive(int fd, struct sp_desc *ret)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	ssize_t n = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN && poll(&poll_fd, 1, WAIT_MS) == 1)
		n = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(*ret))
		return 0;
	return n < 0 ? -errno : -EBADMSG;
}

/* One checked hop; *desc gets the generation with which it arrived. Returns 0, -errno, or -EBADMSG when something else arrived or the owner
 * did not move. */
static int hop(struct pair *pair, const struct sproxy_ends *from, const struct sproxy_ends *to,
	       struct sp_desc *desc, uint32_t holder)
{
	const struct sp_owner *owner = &sproxy_owners(pair->proxy)[desc->buf];
	struct sp_desc got = { 0 };
	int r;

	if (send(from->send, desc, sizeof(*desc), MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)sizeof(*desc))
		return -errno;
	r = desc_receive(to->receive, &got);
	if (r < 0)
		return r;
	desc->gen = got.gen;
	if (memcmp(&got, desc, sizeof(got)) != 0 ||
	    __atomic_load_n(&owner->word, __ATOMIC_ACQUIRE) != SP_OWNER_WORD(desc->gen, holder))
		return -EBADMSG;
	return 0;
}

static int compare_ns(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* There and back. The median of a round's hops goes to *ret_us. */
static int check_hops(struct pair *pair, double *ret_us)
{
	struct sp_desc desc = request;
	int64_t ns[ROUNDS], median;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = (int64_t)clock_ns(CLOCK_MONOTONIC);
		int r;

		desc.edge = FUNCTION_FN;
		r = hop(pair, &pair->gateway, &pair->function, &desc, FUNCTION_SLOT);
		desc.edge = SP_EDGE_REPLY;
		if (r == 0)
			r = hop(pair, &pair->function, &pair->gateway, &desc, GATEWAY_SLOT);
		if (r < 0)
			return r;
		ns[i] = (int64_t)clock_ns(CLOCK_MONOTONIC) - start;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), compare_ns);
	median = ns[ROUNDS / 2];
	*ret_us = (double)median / 2 / 1000;
	return 0;
}

static void on_event(const struct sp_event *event, void *arg)
{
	*(struct sp_event *)arg = *event;
}

/* The function sends a buffer that it does not hold. True when the kernel refused it, left
 * the owner alone, and said who and why. */
static bool check_forged(struct pair *pair, char *ret, size_t size)
{
	const struct sp_desc forged = {
		.buf = 1, .gen = GENERATION, .len = 100, .edge = SP_EDGE_REPLY, .home = GATEWAY_SLOT
	};
	struct sp_event event = { .reason = SP_VIOLATION_COUNT };
	struct pollfd poll_fd = { .fd = sproxy_events_fd(pair->proxy), .events = POLLIN };
	ssize_t n = send(pair->function.send, &forged, sizeof(forged), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0 || errno != EACCES) {
		snprintf(ret, size, "a forged descriptor was not refused: %s",
			 n < 0 ? strerror(errno) : "sent");
		return false;
	}
	if (sproxy_owners(pair->proxy)[forged.buf].word !=
	    SP_OWNER_WORD(GENERATION, GATEWAY_SLOT)) {
		snprintf(ret, size, "a refused descriptor changed the owner of its buffer");
		return false;
	}
	poll(&poll_fd, 1, WAIT_MS);
	sproxy_events_read(pair->proxy, on_event, &event);
	if (event.reason != SP_VIOLATION_OWNER || event.slot != FUNCTION_SLOT) {
		snprintf(ret, size,
			 "a forged descriptor was refused, but the event says \"%s\" "
			 "of instance %u",
			 sproxy_violation_name(event.reason), event.slot);
		return false;
	}
	snprintf(ret, size, "a forged one is refused: \"%s\"", sproxy_violation_text(event.reason));
	return true;
}

static void add_failed_open(struct doctor *doctor, int err, const char *what)
{
	doctor_add(doctor, DOCTOR_FAIL, REDIRECT, "cannot %s: %s", what, strerror(-err));
	if ((err == -EPERM || err == -EACCES) && geteuid() != 0)
		doctor_fix(doctor, "run as root: sudo sprocket doctor");
	else if (err == -EPERM || err == -EACCES)
		doctor_fix(doctor, "this container or its seccomp profile forbids bpf(): start it "
				   "with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
	else if (err == -ENETUNREACH || err == -EADDRNOTAVAIL)
		doctor_fix(doctor, "sudo ip link set lo up");
	else
		doctor_fix(doctor,
			   "the kernel needs CONFIG_BPF_SYSCALL, CONFIG_BPF_STREAM_PARSER "
			   "and CONFIG_NET_SOCK_MSG; SPROCKET_DEBUG=1 shows the loader's words");
}

void doctor_redirect(struct doctor *doctor)
{
	struct pair pair = { .gateway = { -1, -1 }, .function = { -1, -1 } };
	const char *what = "";
	char text[256] = "";
	double us = 0;
	int r = pair_init(&pair, &what);

	if (r < 0) {
		add_failed_open(doctor, r, what);
		pair_done(&pair);
		return;
	}
	r = check_hops(&pair, &us);
	if (r < 0) {
		doctor_add(doctor, DOCTOR_FAIL, REDIRECT,
			   "a descriptor did not arrive as sent, or its owner did not move: %s",
			   strerror(-r));
		doctor_fix(doctor, "this kernel's sockmap does not work as needed; please report "
				   "its version with this output");
	} else if (!check_forged(&pair, text, sizeof(text))) {
		doctor_add(doctor, DOCTOR_FAIL, REDIRECT, "%s", text);
		doctor_fix(doctor, "do not run untrusted functions on this kernel; please report "
				   "its version with this output");
	} else {
		doctor_add(doctor, DOCTOR_OK, REDIRECT, "a checked hop takes %.2f us; %s", us,
			   text);
	}
	pair_done(&pair);
}
