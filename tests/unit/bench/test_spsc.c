// SPDX-License-Identifier: Apache-2.0
/* The ring of peer-ring: nothing is lost between one who publishes and one who falls asleep. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/baselines/spsc.h"

#define ITEMS 1000000U
#define RACE_S 2.0
#define STUCK_MS 20000 /* a sleeper that nobody has woken by then never is */

/* There and back again. */
struct pair {
	struct spsc there, back;
};

static struct spsc *ring_new(size_t count)
{
	struct spsc *r = mmap(NULL, count * sizeof(*r), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(r, MAP_FAILED);
	return r;
}

static void order_is_kept_past_the_counters_end(void **state)
{
	struct spsc *r = ring_new(1);
	uint32_t popped = 0;

	(void)state;
	r->head = r->tail = r->pushed = UINT32_MAX - SPSC_SIZE;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < SPSC_SIZE; i++)
			spsc_push(r, (struct peer_item){ round * SPSC_SIZE + i, round });
		assert_int_equal(spsc_ready(r), 0); /* not published yet */
		assert_false(spsc_publish(r));
		assert_int_equal(spsc_ready(r), SPSC_SIZE);
		while (spsc_ready(r) > 0) {
			struct peer_item item = spsc_pop(r);

			assert_int_equal(item.slot, popped++);
			assert_int_equal(item.len, round);
		}
	}
	assert_int_equal(popped, 3 * SPSC_SIZE);
	munmap(r, sizeof(*r));
}

static void only_a_sleeper_is_woken_and_once(void **state)
{
	struct spsc *r = ring_new(1);
	const struct peer_item item = { 1, 2 };

	(void)state;
	assert_true(spsc_sleep(r));
	assert_false(spsc_publish(r)); /* nothing was pushed */
	spsc_push(r, item);
	assert_true(spsc_publish(r));
	spsc_push(r, item);
	assert_false(spsc_publish(r)); /* it is awake, or will be */
	assert_false(spsc_sleep(r));   /* there is something */
	spsc_push(r, item);
	assert_false(spsc_publish(r)); /* it did not sleep */
	spsc_pop(r);
	spsc_pop(r);
	spsc_pop(r);
	assert_true(spsc_sleep(r));
	munmap(r, sizeof(*r));
}

/* Waits until the ring has something; the number of items, 0 when nobody woke us. */
static uint32_t ring_wait(struct spsc *r, int fd)
{
	struct pollfd waited = { .fd = fd, .events = POLLIN };
	uint32_t count;
	uint64_t woken;

	while ((count = spsc_ready(r)) == 0) {
		if (!spsc_sleep(r))
			continue;
		if (poll(&waited, 1, STUCK_MS) == 0)
			return 0;
		assert_true(read(fd, &woken, sizeof(woken)) > 0 || errno == EINTR);
	}
	return count;
}

static bool ring_publish(struct spsc *r, int fd)
{
	const uint64_t one = 1;

	if (!spsc_publish(r))
		return false;
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	return true;
}

/* The other process: gives back what it gets. */
static void echo_run(struct pair *pair, const int *fds)
{
	uint32_t count;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((count = ring_wait(&pair->there, fds[0])) > 0) {
		while (count-- > 0)
			spsc_push(&pair->back, spsc_pop(&pair->there));
		ring_publish(&pair->back, fds[1]);
	}
	_exit(1);
}

/* Takes what has come back; true when that was in order, and something. */
static bool items_return(struct pair *pair, const int *fds, uint32_t *returned)
{
	uint32_t count = ring_wait(&pair->back, fds[1]);

	if (count == 0)
		return false;
	while (count-- > 0) {
		struct peer_item item = spsc_pop(&pair->back);

		if (item.slot != *returned || item.len != ~*returned)
			return false;
		++*returned;
	}
	return true;
}

static void a_million_items_return_in_order(void **state)
{
	struct pair *pair = (struct pair *)(void *)ring_new(2);
	int fds[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };
	uint32_t sent = 0, returned = 0, wakes = 0;
	unsigned random = 1;
	pid_t echo = fork();

	(void)state;
	if (echo == 0)
		echo_run(pair, fds);
	assert_true(echo > 0 && fds[0] >= 0 && fds[1] >= 0);
	while (returned < ITEMS) {
		/* Mostly a few, so that both fall asleep all the time. */
		uint32_t burst = (uint32_t)rand_r(&random) % 8 ?
					 1 :
					 1 + (uint32_t)rand_r(&random) % SPSC_SIZE;

		for (; burst > 0 && sent < ITEMS && sent - returned < SPSC_SIZE; burst--, sent++)
			spsc_push(&pair->there, (struct peer_item){ sent, ~sent });
		wakes += ring_publish(&pair->there, fds[0]);
		assert_true(items_return(pair, fds, &returned));
	}
	assert_int_equal(returned, ITEMS);
	assert_true(wakes > 0);
	kill(echo, SIGKILL);
	waitpid(echo, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	munmap(pair, sizeof(*pair));
}

/* ---- the race itself: sleeps too short for the kernel ---- */

struct race {
	struct spsc ring;
	_Alignas(64) uint32_t wakes;
	_Alignas(64) uint32_t taken;
};

/* Waits until the word is no longer `old`. False: it never changed. */
static bool word_wait(const uint32_t *word, uint32_t old)
{
	unsigned waited_ms = 0;

	for (uint32_t spins = 1; __atomic_load_n(word, __ATOMIC_ACQUIRE) == old; spins++) {
		if (spins % 4096 != 0)
			continue;
		poll(NULL, 0, 1); /* the other may want this core */
		if (++waited_ms > STUCK_MS)
			return false;
	}
	return true;
}

static void racer_run(struct race *race)
{
	struct peer_item item = { 0, 0 };
	uint32_t slept = 0, taken = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (item.len == 0) {
		if (spsc_ready(&race->ring) > 0) {
			item = spsc_pop(&race->ring);
			if (item.slot != taken++)
				_exit(2);
			__atomic_store_n(&race->taken, taken, __ATOMIC_RELEASE);
		} else if (spsc_sleep(&race->ring)) {
			if (!word_wait(&race->wakes, slept))
				_exit(1);
			slept = __atomic_load_n(&race->wakes, __ATOMIC_ACQUIRE);
		}
	}
	_exit(0);
}

/* Two are under way at most. False: they stay so. */
static bool race_send(struct race *race, uint32_t number, uint32_t last)
{
	if (number - __atomic_load_n(&race->taken, __ATOMIC_ACQUIRE) == 2 &&
	    !word_wait(&race->taken, number - 2))
		return false;
	spsc_push(&race->ring, (struct peer_item){ number, last });
	if (spsc_publish(&race->ring))
		__atomic_fetch_add(&race->wakes, 1, __ATOMIC_RELEASE);
	return true;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As many items as the machine lets through meanwhile. With weaker orders one is lost, if both
 * have a core for some of the time. */
static void a_sleeper_is_never_overlooked(void **state)
{
	struct race *race = (struct race *)(void *)ring_new(2);
	unsigned random = 1;
	uint32_t sent = 0;
	int status = -1;
	double end = seconds() + RACE_S;
	pid_t racer = fork();

	(void)state;
	if (racer == 0)
		racer_run(race);
	for (bool last = false; !last; sent++) {
		/* At any moment of its falling asleep. */
		for (int i = rand_r(&random) % 64; i > 0; i--)
			__asm__ volatile("");
		last = sent == ITEMS || (sent % 256 == 0 && seconds() > end);
		if (!race_send(race, sent, last))
			break;
	}
	waitpid(racer, &status, 0);
	assert_int_equal(status, 0);
	munmap(race, 2 * sizeof(struct spsc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept_past_the_counters_end),
		cmocka_unit_test(only_a_sleeper_is_woken_and_once),
		cmocka_unit_test(a_million_items_return_in_order),
		cmocka_unit_test(a_sleeper_is_never_overlooked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
