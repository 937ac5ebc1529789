/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.c - see describe.h.
 */
#include "controller/daemon/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "controller/chain_run.h"

struct job {
	struct chain_declarations declared; /* all execs; filled in as the programs end */
	size_t started;
	size_t ended;
	int error;
	describe_done_fn *done;
	void *arg;
	struct job *next;
};

/* A program that runs. */
struct turn {
	struct describer *describer;
	struct job *job; /* NULL: free */
	struct chain_declaration *declaration;
	struct chain_run run;
	struct chain_output output;
	struct loop_source on_output;
	struct loop_timer limit;
};

struct describer {
	struct loop *loop;
	struct job *jobs; /* the oldest first */
	struct loop_timer next;
	struct turn turns[DESCRIBE_MAX];
};

static void schedule(struct describer *describer)
{
	loop_arm(describer->loop, &describer->next, 0);
}

/* Writes down how the program ended. */
static void conclude(struct turn *turn, int err)
{
	struct chain_declaration *declaration = turn->declaration;
	char why[CHAIN_WHY_MAX];

	err = chain_describe_judge(err, &turn->output, why);
	declaration->error = err;
	if (err) {
		declaration->why = strdup(why);
		if (!declaration->why)
			turn->job->error = -ENOMEM;
		free(turn->output.data);
	} else {
		turn->output.data[turn->output.len] = '\0';
		declaration->text = turn->output.data;
		declaration->len = turn->output.len;
	}
	turn->output.data = NULL;
	turn->job->ended++;
	turn->job = NULL;
	schedule(turn->describer);
}

static void end(struct turn *turn, int err)
{
	loop_disarm(turn->describer->loop, &turn->limit);
	loop_remove(turn->describer->loop, &turn->on_output);
	chain_run_end(&turn->run, &turn->output);
	conclude(turn, err);
}

static void on_output(void *arg, uint32_t events)
{
	struct turn *turn = arg;
	int r = chain_run_turn(&turn->run, 0, &turn->output);

	(void)events;
	if (r != 0)
		end(turn, r < 0 ? r : 0);
}

/* The loop may be late, not the program. */
static void on_limit(void *arg)
{
	struct turn *turn = arg;
	int r = chain_run_turn(&turn->run, 0, &turn->output);

	end(turn, r == 0 ? -ETIMEDOUT : r < 0 ? r : 0);
}

static void start(struct turn *turn, struct job *job)
{
	struct describer *describer = turn->describer;
	struct chain_declaration *declaration = &job->declared.items[job->started++];
	char option[] = "--describe", *argv[] = { declaration->exec, option, NULL };
	int err;

	turn->job = job;
	turn->declaration = declaration;
	turn->output = (struct chain_output){ .data = malloc(CHAIN_DESCRIBE_MAX + 1),
					      .size = CHAIN_DESCRIBE_MAX };
	err = turn->output.data ? chain_run_start(argv, &turn->run) : -ENOMEM;
	if (err) {
		conclude(turn, err);
		return;
	}
	turn->on_output = (struct loop_source){ turn->run.epoll, on_output, turn };
	turn->limit = (struct loop_timer){ .on_time = on_limit, .arg = turn };
	loop_arm(describer->loop, &turn->limit, CHAIN_DESCRIBE_MS * UINT64_C(1000000));
	err = loop_add(describer->loop, &turn->on_output, EPOLLIN);
	if (err)
		end(turn, err);
}

static void start_more(struct describer *describer)
{
	struct job *job = describer->jobs;

	for (size_t i = 0; i < DESCRIBE_MAX; i++) {
		while (job && job->started == job->declared.count)
			job = job->next;
		if (!job)
			break;
		if (!describer->turns[i].job)
			start(&describer->turns[i], job);
	}
}

/* Takes the first job out that has ended. Returns it, or NULL. */
static struct job *take_ended(struct describer *describer)
{
	for (struct job **at = &describer->jobs; *at; at = &(*at)->next) {
		struct job *job = *at;

		if (job->ended == job->declared.count) {
			*at = job->next;
			return job;
		}
	}
	return NULL;
}

static void on_next(void *arg)
{
	struct describer *describer = arg;
	struct job *job;

	start_more(describer);
	while ((job = take_ended(describer))) {
		if (job->error)
			chain_declarations_done(&job->declared);
		job->done(job->arg, job->error, &job->declared);
		free(job);
	}
}

struct describer *describer_new(struct loop *loop)
{
	struct describer *describer = calloc(1, sizeof(*describer));

	if (!describer)
		return NULL;
	describer->loop = loop;
	describer->next = (struct loop_timer){ .on_time = on_next, .arg = describer };
	for (size_t i = 0; i < DESCRIBE_MAX; i++)
		describer->turns[i].describer = describer;
	return describer;
}

struct describer *describer_free(struct describer *describer)
{
	if (!describer)
		return NULL;
	for (size_t i = 0; i < DESCRIBE_MAX; i++) {
		if (describer->turns[i].job)
			end(&describer->turns[i], -ECANCELED);
	}
	loop_disarm(describer->loop, &describer->next);
	while (describer->jobs) {
		struct job *job = describer->jobs;

		describer->jobs = job->next;
		chain_declarations_done(&job->declared);
		free(job);
	}
	free(describer);
	return NULL;
}

int describe_start(struct describer *describer, char **execs, size_t count, describe_done_fn *done,
		   void *arg)
{
	struct job *job = calloc(1, sizeof(*job)), **last = &describer->jobs;
	struct chain_declaration *items = calloc(count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		if (job && items)
			items[i].exec = execs[i];
		else
			free(execs[i]);
	}
	free(execs);
	if (!job || !items) {
		free(job);
		free(items);
		return -ENOMEM;
	}
	job->declared = (struct chain_declarations){ items, count };
	job->done = done;
	job->arg = arg;
	while (*last)
		last = &(*last)->next;
	*last = job;
	schedule(describer);
	return 0;
}
