/* SPDX-License-Identifier: Apache-2.0 */
/*
 * misdeed.c - what a hostile function does as a process: dies, stops, forks away, breaks what
 * it was handed. See hostile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/functions/hostile.h"

static _Noreturn void sleep_on(void)
{
	for (;;)
		pause();
}

static bool do_exit(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d;
	_exit((int)order->value);
}

static bool do_signal(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d;
	raise((int)order->value);
	return false;
}

/* Keeps the request and never answers. */
static bool do_hang(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)h, (void)d, (void)order;
	return true;
}

/* Takes the TCP socket out of the kernel's map by itself. */
static bool do_disconnect(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sockaddr_in none = { .sin_family = AF_UNSPEC };
	int err = connect(h->fds[WIRING_FN_SEND], (struct sockaddr *)&none, sizeof(none));

	(void)d;
	fprintf(stderr, "%s: %s\n", order->kind, err ? strerror(errno) : "done");
	return false;
}

/* Shuts down (value 0: the sending, 1: the receiving socket). */
static bool do_shutdown(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	shutdown(h->fds[order->value ? WIRING_FN_RECEIVE : WIRING_FN_SEND], SHUT_RDWR);
	if (order->value)
		sleep_on(); /* would read EOF and take it for its order to stop */
	return false;
}

static bool do_close(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	close(h->fds[order->value ? WIRING_FN_RECEIVE : WIRING_FN_SEND]);
	sleep_on();
}

/* A child in a session of its own that outlives its parent and keeps the sockets. */
static bool do_escape(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct sp_desc ask = { .edge = SP_EDGE_REPLY, .buf = d.buf, .gen = d.gen, .home = d.home };

	(void)order;
	if (fork() == 0) {
		setsid();
		for (int s = 1; s < 32; s++)
			signal(s, SIG_IGN);
		if (fork() != 0)
			_exit(0);
		for (;;) {
			send(h->fds[WIRING_FN_SEND], &ask, sizeof(ask), MSG_NOSIGNAL);
			usleep(100000);
		}
	}
	return false;
}

/* Tries to take the memory away under the others. */
static bool do_truncate(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	for (int i = WIRING_FN_MEMORY; i <= WIRING_FN_PAGE; i++)
		fprintf(stderr, "%s: fd %d: %s\n", order->kind, i,
			ftruncate(h->fds[i], 0) ? strerror(errno) : "done");
	return false;
}

/* Gives the pages of the pool back to the kernel: the others read zeros. */
static bool do_punch(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	fprintf(stderr, "%s: %s\n", order->kind,
		fallocate(h->fds[WIRING_FN_MEMORY], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			  (off_t)h->wiring->layout.size) ?
			strerror(errno) :
			"done");
	return false;
}

/* Gives the pool's pages back by its mapping, and takes all pages of their size that there are. */
static bool do_steal(struct hostile *h, struct sp_desc d, const struct order *order)
{
	const size_t page = 2U << 20;
	unsigned count = 0;
	int r = madvise(h->base, h->wiring->layout.size, MADV_REMOVE);

	(void)d, (void)order;
	fprintf(stderr, "%s: %s\n", order->kind, r < 0 ? strerror(errno) : "given back");
	for (; count < 4096; count++) {
		char *at = mmap(NULL, page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

		if (at == MAP_FAILED)
			break;
		*at = 1;
	}
	fprintf(stderr, "%s: %u taken, then: %s\n", order->kind, count, strerror(errno));
	return false;
}

/* Garbage in the page of counters that the controller reads. */
static bool do_counters(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d;
	memset(&h->page->counters, order->has_value ? (int)order->value : 0xff,
	       sizeof(h->page->counters));
	return false;
}

/* `count` messages to the controller that say `value`. */
static bool do_wiring(struct hostile *h, struct sp_desc d, const struct order *order)
{
	struct wiring_msg msg;

	(void)d;
	memset(&msg, 0xa5, sizeof(msg));
	msg.type = (uint32_t)order->value;
	for (uint64_t i = 0; i < order->count; i++)
		if (send(h->wiring_sock, &msg, order->seed ? order->seed : sizeof(msg),
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	return false;
}

static bool do_wiring_close(struct hostile *h, struct sp_desc d, const struct order *order)
{
	(void)d, (void)order;
	close(h->wiring_sock);
	return false;
}

/* `value` bytes of log that is no text and has no end of line; then an end of line. */
static bool do_log(struct hostile *h, struct sp_desc d, const struct order *order)
{
	char block[4096];
	uint64_t state = order->seed;

	(void)h, (void)d;
	for (uint64_t left = order->value; left;) {
		size_t n = left < sizeof(block) ? (size_t)left : sizeof(block);

		for (size_t i = 0; i < n; i++) {
			block[i] = (char)hostile_random(&state);
			if (block[i] == '\n')
				block[i] = 'n';
		}
		if (write(STDERR_FILENO, block, n) < 0)
			break;
		left -= n;
	}
	fprintf(stderr, "\nend of noise\n");
	return false;
}

const struct hostile_kind hostile_misdeeds[] = {
	{ "exit", do_exit },
	{ "signal", do_signal },
	{ "hang", do_hang },
	{ "disconnect", do_disconnect },
	{ "shutdown", do_shutdown },
	{ "close", do_close },
	{ "escape", do_escape },
	{ "truncate", do_truncate },
	{ "punch", do_punch },
	{ "counters", do_counters },
	{ "wiring", do_wiring },
	{ "wiring-close", do_wiring_close },
	{ "log", do_log },
	{ "steal", do_steal },
	{ NULL, NULL },
};
