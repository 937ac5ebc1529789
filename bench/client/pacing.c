/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pacing.c - how a thread of the client waits; see connection.h.
 *
 * A timer wakes 24 to 500 µs late, so the thread sleeps until CLIENT_SPIN_NS before and then
 * looks at the clock and at the ring's memory, without system calls. With DEFER_TASKRUN
 * nothing interrupts it meanwhile: the kernel sets IORING_SQ_TASKRUN when something has come.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench/client/connection.h"

#define ENTRIES_MIN 64U
#define ENTRIES_MAX 4096U
#define REAP_MAX 64U /* then what is due is sent first */
#define BUFFER_GROUP 0
#define NS_PER_S UINT64_C(1000000000)

uint64_t client_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static unsigned power_of_two(unsigned at_least, unsigned min, unsigned max)
{
	unsigned n = min;

	while (n < at_least && n < max)
		n *= 2;
	return n;
}

static char *buffer_at(const struct client_worker *w, unsigned id)
{
	return w->buffers + (size_t)id * CLIENT_BUFFER_BYTES;
}

/* Given back to the kernel when client_reap is through. */
static void buffer_return(struct client_worker *w, unsigned id)
{
	io_uring_buf_ring_add(w->buffer_ring, buffer_at(w, id), CLIENT_BUFFER_BYTES,
			      (unsigned short)id, io_uring_buf_ring_mask(w->buffer_count),
			      (int)w->buffers_back++);
}

static void buffers_advance(struct client_worker *w)
{
	io_uring_buf_ring_advance(w->buffer_ring, (int)w->buffers_back);
	w->buffers_back = 0;
}

static void *pages(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int buffers_open(struct client_worker *w)
{
	struct io_uring_buf_reg reg = { .bgid = BUFFER_GROUP };
	int r;

	w->buffer_count = power_of_two(w->connection_count * 2, 16, CLIENT_BUFFERS_MAX);
	w->buffer_ring = pages(w->buffer_count * sizeof(struct io_uring_buf));
	w->buffers = pages((size_t)w->buffer_count * CLIENT_BUFFER_BYTES);
	if (!w->buffer_ring || !w->buffers)
		return -ENOMEM;
	reg.ring_addr = (uintptr_t)w->buffer_ring;
	reg.ring_entries = w->buffer_count;
	r = io_uring_register_buf_ring(&w->ring, &reg, 0);
	if (r < 0)
		return r;
	io_uring_buf_ring_init(w->buffer_ring);
	for (unsigned i = 0; i < w->buffer_count; i++)
		buffer_return(w, i);
	buffers_advance(w);
	return 0;
}

int client_ring_open(struct client_worker *w)
{
	struct io_uring_params params = { 0 };
	int r;

	params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		       IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;
	params.cq_entries =
		power_of_two(w->connection_count * 4, 4 * ENTRIES_MIN, 16 * ENTRIES_MAX);
	r = io_uring_queue_init_params(power_of_two(w->connection_count * 2, ENTRIES_MIN,
						    ENTRIES_MAX),
				       &w->ring, &params);
	if (r < 0)
		return r;
	w->ring_made = true;
	io_uring_register_ring_fd(&w->ring); /* spares a lookup; it works without */
	prctl(PR_SET_TIMERSLACK, 1UL);
	return buffers_open(w);
}

void client_ring_close(struct client_worker *w)
{
	if (w->ring_made)
		io_uring_queue_exit(&w->ring);
	if (w->buffer_ring)
		munmap(w->buffer_ring, w->buffer_count * sizeof(struct io_uring_buf));
	if (w->buffers)
		munmap(w->buffers, (size_t)w->buffer_count * CLIENT_BUFFER_BYTES);
	w->ring_made = false;
	w->buffer_ring = NULL;
	w->buffers = NULL;
}

struct io_uring_sqe *client_sqe(struct client_worker *w)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w->ring);

	while (!sqe) {
		io_uring_submit(&w->ring);
		sqe = io_uring_get_sqe(&w->ring);
	}
	return sqe;
}

static bool something_came(const struct client_worker *w)
{
	return io_uring_cq_ready(&w->ring) > 0 ||
	       IO_URING_READ_ONCE(*w->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void spin(struct client_worker *w, uint64_t until_ns)
{
	uint64_t began = client_clock(), now = began;

	while (now < until_ns && !something_came(w)) {
		relax();
		now = client_clock();
	}
	w->spun_ns += now - began;
}

void client_wait(struct client_worker *w, uint64_t until_ns)
{
	uint64_t now = client_clock();
	unsigned sends = w->sends;
	struct io_uring_cqe *cqe;

	w->sends = 0;
	if (until_ns > now + CLIENT_SPIN_NS && io_uring_cq_ready(&w->ring) == 0) {
		uint64_t sleep = until_ns - now - CLIENT_SPIN_NS;
		struct __kernel_timespec limit = { .tv_sec = (int64_t)(sleep / NS_PER_S),
						   .tv_nsec = (int64_t)(sleep % NS_PER_S) };

		/* A completion for each send is there at once: it shall not end the sleep. */
		io_uring_submit_and_wait_timeout(&w->ring, &cqe, 1 + sends, &limit, NULL);
		return;
	}
	if (io_uring_sq_ready(&w->ring) > 0)
		io_uring_submit_and_get_events(&w->ring);
	if (until_ns > now && io_uring_cq_ready(&w->ring) == 0)
		spin(w, until_ns);
	if (io_uring_cq_ready(&w->ring) == 0 && something_came(w))
		io_uring_get_events(&w->ring);
}

static void event(struct client_worker *w, const struct io_uring_cqe *cqe)
{
	uint64_t data = cqe->user_data;

	client_connection_event((struct client_connection *)(uintptr_t)(data & ~UINT64_C(7)),
				(unsigned)(data & 7), cqe->res, cqe->flags);
	if (cqe->flags & IORING_CQE_F_BUFFER)
		buffer_return(w, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

void client_reap(struct client_worker *w)
{
	unsigned head, count = 0;
	struct io_uring_cqe *at;

	io_uring_for_each_cqe(&w->ring, head, at)
	{
		struct io_uring_cqe cqe = { .user_data = at->user_data,
					    .res = at->res,
					    .flags = at->flags };

		event(w, &cqe);
		if (++count == REAP_MAX)
			break;
	}
	io_uring_cq_advance(&w->ring, count);
	if (w->buffers_back > 0)
		buffers_advance(w);
	if (w->batch_answers > 0) {
		uint64_t before = atomic_exchange_explicit(&w->shared->answer_ns, w->now,
							   memory_order_relaxed);

		if (w->now > before && w->now - before > w->out.longest_gap_ns)
			w->out.longest_gap_ns = w->now - before;
		w->batch_answers = 0;
	}
}
