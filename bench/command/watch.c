// SPDX-License-Identifier: Apache-2.0
#include "bench/command/watch.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "bench/command/interrupt.h"
#include "bench/result/table.h"

#define TICK_NS 50000000
#define LIVE_NS 250000000U
#define LINE_NS 1000000000U

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void draw(struct bench_watch *w, uint64_t now)
{
	struct bench_progress *p = &w->progress;
	uint64_t answered = atomic_load_explicit(&p->answered, memory_order_relaxed);
	uint64_t slowest = atomic_exchange_explicit(&p->window_max_ns, 0, memory_order_relaxed);
	double seconds = (double)(now - w->drawn_ns) / 1e9;
	char rate[BENCH_CELL_MAX], max[BENCH_CELL_MAX];

	fprintf(stderr,
		"%s%s  %.0f of %.0f s  %s/s  slowest %s  errors %" PRIuFAST64 "  late %" PRIuFAST64
		"%s",
		w->form == BENCH_PROGRESS_LIVE ? "\r" : "", w->label,
		(double)(now - w->began_ns) / 1e9, (double)(w->warmup_ns + w->duration_ns) / 1e9,
		bench_text_count(rate, (double)(answered - w->drawn_answered) / seconds),
		bench_text_time(max, (double)slowest / 1e3),
		atomic_load_explicit(&p->failed, memory_order_relaxed),
		atomic_load_explicit(&p->late, memory_order_relaxed),
		w->form == BENCH_PROGRESS_LIVE ? "\033[K" : "\n");
	fflush(stderr);
	w->drawn_ns = now;
	w->drawn_answered = answered;
}

static void progress(struct bench_watch *w, uint64_t now)
{
	uint64_t each = w->form == BENCH_PROGRESS_LIVE ? LIVE_NS : LINE_NS;

	if (w->form != BENCH_PROGRESS_NONE && now - w->drawn_ns >= each)
		draw(w, now);
}

/* The first reading, when the load has run for half of the warm-up. */
static void usage_begin(struct bench_watch *w, uint64_t now)
{
	if (w->usage_known || !w->subject->probe || now - w->began_ns < w->warmup_ns / 2)
		return;
	bench_usage_read(w->subject->probe, &w->before);
	w->answered_before = atomic_load(&w->progress.answered);
	w->usage_known = true;
}

static void *look_on(void *arg)
{
	const struct timespec tick = { 0, TICK_NS };
	struct bench_watch *w = arg;

	while (!atomic_load(&w->over)) {
		uint64_t now;

		nanosleep(&tick, NULL);
		now = now_ns();
		usage_begin(w, now);
		if (!bench_subject_alive(w->subject)) {
			atomic_store(&w->dead, true);
			atomic_store(&w->stop, true);
		}
		if (bench_interrupted())
			atomic_store(&w->stop, true);
		progress(w, now);
	}
	return NULL;
}

int bench_watch_start(struct bench_watch *w)
{
	cpu_set_t set;
	int r;

	w->began_ns = w->drawn_ns = now_ns();
	usage_begin(w, w->began_ns); /* without a warm-up: now */
	r = pthread_create(&w->thread, NULL, look_on, w);
	if (r == 0 && w->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)w->cpu, &set);
		pthread_setaffinity_np(w->thread, sizeof(set), &set);
	}
	return -r;
}

uint64_t bench_watch_end(struct bench_watch *w, struct bench_usage *ret_usage)
{
	struct bench_usage after;

	atomic_store(&w->over, true);
	pthread_join(w->thread, NULL);
	if (w->form == BENCH_PROGRESS_LIVE)
		fputs("\r\033[K", stderr);
	if (!w->usage_known)
		return 0;
	bench_usage_read(w->subject->probe, &after);
	bench_usage_between(&w->before, &after, ret_usage);
	return atomic_load(&w->progress.answered) - w->answered_before;
}
