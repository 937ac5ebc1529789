// SPDX-License-Identifier: Apache-2.0
/*
 * test_differential.c - random sends through the real program and through its model.
 *
 * usage: differential [batches=N] [forged=N] [seed=N] [threads=N]
 *
 * batches: sends that are compared in everything; forged: descriptors of functions that hold
 * nothing, none of which may pass. Each thread has a chain of its own. Prints TAP, the seed and
 * the rate; of a difference the shortest run that shows it.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bpf/differential_run.h"

enum { THREADS_MAX = 16 };

static struct {
	uint64_t batches, forged, seed, threads;
} options = { .batches = 200000, .forged = 20000, .seed = 0, .threads = 0 };

static pthread_mutex_t talking = PTHREAD_MUTEX_INITIALIZER;
static bool failed; /* atomic */

struct worker {
	pthread_t thread;
	uint32_t index;
	struct run run;
	uint64_t wanted;
	uint64_t refused; /* forged ones */
	int error;
	struct step steps[EPISODE_STEPS];
};

static void difference_show(struct worker *w, uint64_t seed, uint32_t count)
{
	pthread_mutex_lock(&talking);
	if (!__atomic_exchange_n(&failed, true, __ATOMIC_SEQ_CST)) {
		fprintf(stderr, "# difference: %s\n# run seed %" PRIu64 ", %u steps; shrinking\n",
			w->run.why, seed, count);
		count = run_shrink(&w->run, w->steps, count);
		fprintf(stderr, "# %u steps: %s\n", count, w->run.why);
		for (uint32_t i = 0; i < count; i++)
			step_print(&w->steps[i]);
	}
	pthread_mutex_unlock(&talking);
}

static int episode(struct worker *w, uint64_t seed)
{
	struct random random = { seed * 0x9e3779b97f4a7c15ULL | 1 };
	uint32_t count = 0;
	int r = run_begin(&w->run);

	for (int i = 0; i < 8; i++)
		random_below(&random, 2);
	while (r == 0 && count < EPISODE_STEPS) {
		step_invent(&w->steps[count], &w->run.model, &random);
		r = run_perform(&w->run, &w->steps[count++]);
	}
	if (r == 0)
		r = run_end(&w->run);
	if (r == -EBADMSG)
		difference_show(w, seed, count);
	return r;
}

static void *batches_run(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0; w->error == 0 && w->run.sends < w->wanted &&
			     !__atomic_load_n(&failed, __ATOMIC_RELAXED);
	     i++)
		w->error = episode(w, options.seed + w->index + i * THREADS_MAX);
	return NULL;
}

/* ---- forged ---- */

/* Anything but what a function that holds nothing may say: there is nothing that it may. */
static void forge(struct sp_desc *d, const struct run *run, uint32_t slot, struct random *r)
{
	uint32_t buf = random_below(r, MODEL_BUFFERS), gen = run->model.buffers[buf].gen;

	*d = (struct sp_desc){ .buf = buf,
			       .gen = gen,
			       .len = random_below(r, 101),
			       .edge = (uint8_t)random_below(r, 8),
			       .flags = (uint8_t)(random_below(r, 4) ? 0 : random_below(r, 256)),
			       .home = run->model.buffers[buf].home };
	switch (random_below(r, 6)) {
	case 0: /* another's, as he would send it */
		break;
	case 1:
		d->gen += random_below(r, 3) - 1;
		break;
	case 2:
		d->edge = (uint8_t)(SP_EDGE_REPLY + random_below(r, 6));
		d->home = (uint16_t)(random_below(r, 2) ? slot : 1 + random_below(r, 6));
		break;
	case 3:
		d->buf = random_below(r, UINT32_MAX);
		break;
	case 4:
		d->gen = random_below(r, UINT32_MAX);
		break;
	default:
		for (size_t i = 0; i < sizeof(*d); i++)
			((char *)d)[i] = (char)random_below(r, 256);
	}
}

static int forged_one(struct worker *w, uint32_t slot, struct random *r)
{
	struct chain_side *side = &w->run.side;
	struct sp_desc d;
	int reason = -1, n;

	forge(&d, &w->run, slot, r);
	n = side->send(side->arg, slot, &d, sizeof(d), &reason);
	if (n == -EACCES && reason >= 0 && reason < SP_VIOLATION_COUNT) {
		w->run.verdicts[1 + reason]++;
		w->refused++;
		return 0;
	}
	snprintf(w->run.why, sizeof(w->run.why),
		 "slot %u: buf %u gen %u len %u edge 0x%x flags 0x%x home %u: send %d", slot, d.buf,
		 d.gen, d.len, d.edge, d.flags, d.home, n);
	return -EBADMSG;
}

static void *forged_run(void *arg)
{
	struct worker *w = arg;
	struct random random = { (options.seed + w->index) * 0x9e3779b97f4a7c15ULL | 1 };
	int r = run_begin(&w->run);
	uint64_t round = 0;

	/* No leases to ask for, no wake that can be guessed at, nothing to cancel. */
	for (uint32_t s = 3; s < MODEL_SLOTS - 1; s++) {
		w->run.model.slots[s].refill = w->run.side.instances[s].refill = 0xff;
		w->run.model.slots[s].cancels = w->run.side.instances[s].cancels = 0;
		w->run.model.slots[s].wake = w->run.side.instances[s].wake = 0x5eed5eed;
	}
	for (; r == 0 && w->refused < w->wanted; round++) {
		/* Some buffers are with the other functions. */
		for (uint32_t i = 0; i < MODEL_BUFFERS; i++) {
			struct model_buffer *b = &w->run.model.buffers[i];

			b->holder = 1 + (i + (uint32_t)round) % 5;
			b->holder += b->holder >= 3 + round % 4;
			b->gen++;
			b->leased = (uint8_t)(i % 3);
			w->run.side.owners[i].leased = b->leased;
			w->run.side.owners[i].word = SP_OWNER_WORD(b->gen, b->holder);
		}
		for (int i = 0; r == 0 && i < 1000 && w->refused < w->wanted; i++)
			r = forged_one(w, 3 + round % 4, &random);
		for (uint32_t i = 0; r == 0 && i < MODEL_BUFFERS; i++)
			if (w->run.side.owners[i].word !=
			    SP_OWNER_WORD(w->run.model.buffers[i].gen,
					  w->run.model.buffers[i].holder))
				r = -EBADMSG;
	}
	w->error = r;
	if (r == -EBADMSG)
		fprintf(stderr, "# a forged descriptor was accepted, or changed the tables: %s\n",
			w->run.why);
	return NULL;
}

/* ---- all of it ---- */

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int start(struct worker *w, void *(*run)(void *))
{
	pthread_attr_t attr;
	cpu_set_t allowed, one;
	uint32_t cpu = 0, nth = w->index;
	int r;

	/* The program looks at where the sender runs: so it stays there. */
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	for (nth %= (uint32_t)CPU_COUNT(&allowed); nth > 0 || !CPU_ISSET(cpu, &allowed); cpu++)
		nth -= CPU_ISSET(cpu, &allowed) ? 1 : 0;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	w->run.cpu = cpu;
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	r = -pthread_create(&w->thread, &attr, run, w);
	pthread_attr_destroy(&attr);
	return r;
}

static bool all_run(struct worker *workers[], uint32_t number, const char *name, uint64_t wanted,
		    void *(*run)(void *))
{
	uint64_t verdicts[SP_VIOLATION_COUNT + 2] = { 0 }, done = 0;
	double begin = now_s();
	uint32_t started = 0;
	bool good = true;

	for (; started < options.threads; started++) {
		struct worker *w = workers[started];

		memset(w->run.verdicts, 0, sizeof(w->run.verdicts));
		w->wanted = (wanted + options.threads - 1) / options.threads;
		if (start(w, run) < 0)
			break;
	}
	for (uint32_t i = 0; i < started; i++) {
		pthread_join(workers[i]->thread, NULL);
		good &= workers[i]->error == 0;
		for (uint32_t v = 0; v < SP_VIOLATION_COUNT + 2; v++)
			verdicts[v] += workers[i]->run.verdicts[v];
	}
	for (uint32_t v = 0; v < SP_VIOLATION_COUNT + 2; v++)
		done += verdicts[v];
	good &= started == options.threads && done >= wanted;
	printf("%sok %u - %s\n# %" PRIu64 " in %.1f s: %.0f/s; passed %" PRIu64
	       ", refused by kind:",
	       good ? "" : "not ", number, name, done, now_s() - begin,
	       (double)done / (now_s() - begin), verdicts[0]);
	for (uint32_t v = 1; v < SP_VIOLATION_COUNT + 1; v++)
		printf(" %" PRIu64, verdicts[v]);
	printf("\n");
	fflush(stdout);
	return good;
}

static int options_read(int argc, char **argv)
{
	options.threads = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	options.seed = (uint64_t)time(NULL);
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '='), *end = value;
		uint64_t n = value ? strtoull(value + 1, &end, 0) : 0;

		if (!value || end == value + 1 || *end)
			return -EINVAL;
		if (!strncmp(argv[i], "batches=", 8))
			options.batches = n;
		else if (!strncmp(argv[i], "forged=", 7))
			options.forged = n;
		else if (!strncmp(argv[i], "seed=", 5))
			options.seed = n;
		else if (!strncmp(argv[i], "threads=", 8))
			options.threads = n;
		else
			return -EINVAL;
	}
	if (options.threads == 0 || options.threads > THREADS_MAX)
		options.threads = options.threads ? THREADS_MAX : 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct worker *workers[THREADS_MAX] = { 0 };
	bool good = true;
	int r = options_read(argc, argv);

	if (r < 0) {
		fprintf(stderr, "usage: %s [batches=N] [forged=N] [seed=N] [threads=N]\n", argv[0]);
		return 2;
	}
	for (uint32_t i = 0; r == 0 && i < options.threads; i++) {
		workers[i] = calloc(1, sizeof(*workers[i]));
		r = workers[i] ? chain_side_open(&workers[i]->run.side) : -ENOMEM;
		if (r == 0)
			workers[i]->index = i;
	}
	if (r == -EPERM) {
		printf("1..0 # skip needs root\n");
		return 77;
	}
	printf("1..2\n# seed=%" PRIu64 " threads=%" PRIu64 "\n", options.seed, options.threads);
	if (r < 0)
		printf("Bail out! %s\n", strerror(-r));
	if (r == 0)
		good = all_run(workers, 1, "program and model say the same of every batch",
			       options.batches, batches_run);
	if (r == 0)
		good &= all_run(workers, 2, "no forged descriptor is accepted", options.forged,
				forged_run);
	for (uint32_t i = 0; i < options.threads; i++) {
		if (workers[i] && workers[i]->run.side.close)
			workers[i]->run.side.close(workers[i]->run.side.arg);
		free(workers[i]);
	}
	return r < 0 || !good;
}
