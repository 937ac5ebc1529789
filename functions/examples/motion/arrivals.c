/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arrivals.c - the command `arrivals`: when motion sensors of a building report.
 *
 *     arrivals --seed 1 --seconds 3600 >hour.txt
 *
 * Prints lines for `replay`. Arrivals are bursts between long silences: somebody walks past
 * sensors (each reports every second or two while it sees motion), then nothing happens for
 * seconds or for half an hour. In detail:
 *
 *   silence   bounded Pareto, shape 0.6, 3 s to 1800 s: most are short, few are most of the time
 *   people    one to four walk at once; two of three times it is one
 *   walk      exponential, mean 12 s, at least one event
 *   events    exponential gaps, mean 0.9 s for each person
 *   sensor    the next one along the corridor, one of three times; else the same again
 *
 * The figures are chosen for that shape, not fitted to a building. The same seed gives the
 * same lines. A real trace is used in their place by bringing it into the same form.
 * Exit codes: 0 printed; 1 cannot be written; 2 wrong arguments.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SENSORS_MAX 1024UL
#define PEOPLE_MAX 4U
#define SECONDS_MAX 10000000UL
#define SILENCE_SHAPE 0.6
#define SILENCE_MIN_S 3.0
#define SILENCE_MAX_S 1800.0
#define WALK_MEAN_S 12.0
#define EVENT_MEAN_S 0.9

struct person {
	double next_s; /* next event */
	double end_s;  /* of the walk */
	uint32_t sensor;
	int step; /* along the corridor: 1 or -1 */
};

static const char usage[] =
	"usage: arrivals [--seed N] [--seconds N] [--sensors N]\n"
	"Prints when motion sensors of a building report, as lines for replay.\n"
	"  --seed N     another day (1)\n"
	"  --seconds N  how long (3600)\n"
	"  --sensors N  1 to 1024 (64)\n";

/* splitmix64: the same numbers on every machine. */
static uint64_t random_next(uint64_t *random)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

/* Above 0, up to 1. */
static double random_unit(uint64_t *random)
{
	return (double)((random_next(random) >> 11) + 1) / 9007199254740992.0;
}

static double random_exponential(uint64_t *random, double mean)
{
	return -mean * log(random_unit(random));
}

static double random_silence(uint64_t *random)
{
	double share = pow(SILENCE_MIN_S / SILENCE_MAX_S, SILENCE_SHAPE);

	return SILENCE_MIN_S * pow(1 - random_unit(random) * (1 - share), -1 / SILENCE_SHAPE);
}

/* An event: prints it, and says when this person's next one is. */
static void person_moves(struct person *person, uint64_t *random, uint32_t sensors)
{
	printf("%.3f POST /motion %u %.0f\n", person->next_s, person->sensor,
	       person->next_s * 1000);
	person->next_s += random_exponential(random, EVENT_MEAN_S);
	/* Whole milliseconds, so that both columns say the same. */
	person->next_s = ceil(person->next_s * 1000) / 1000;
	if (random_next(random) % 3 == 0)
		person->sensor =
			(uint32_t)((int64_t)(person->sensor + sensors) + person->step) % sensors;
}

/* People begin to walk at `at_s`. Returns when the last event was. */
static double burst(double at_s, double until_s, uint64_t *random, uint32_t sensors)
{
	struct person people[PEOPLE_MAX];
	uint64_t dice = random_next(random) % 9;
	size_t count = dice < 6 ? 1 : (size_t)dice - 4, first;
	double last_s = at_s;

	for (size_t i = 0; i < count; i++)
		people[i] = (struct person){
			.next_s = at_s,
			.end_s = at_s + random_exponential(random, WALK_MEAN_S),
			.sensor = (uint32_t)(random_next(random) % sensors),
			.step = random_next(random) % 2 ? 1 : -1,
		};
	while (last_s < until_s && count > 0) {
		first = 0;
		for (size_t i = 1; i < count; i++)
			if (people[i].next_s < people[first].next_s)
				first = i;
		last_s = people[first].next_s;
		if (last_s >= until_s)
			break;
		person_moves(&people[first], random, sensors);
		if (people[first].next_s > people[first].end_s)
			people[first] = people[--count];
	}
	return last_s;
}

static int number_parse(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || value < 1 || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int bad_usage(const char *what)
{
	fprintf(stderr, "arrivals: %s\n%s", what, usage);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", required_argument, NULL, 's' },
						 { "seconds", required_argument, NULL, 't' },
						 { "sensors", required_argument, NULL, 'n' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	unsigned long seed = 1, seconds = 3600, sensors = 64;
	double at_s = 0;
	uint64_t random;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout) < 0;
		if (option == '?')
			return bad_usage("unknown option, or one without its value");
		if (option == 's' && number_parse(optarg, UINT32_MAX, &seed) < 0)
			return bad_usage("--seed is from 1 to 4294967295");
		if (option == 't' && number_parse(optarg, SECONDS_MAX, &seconds) < 0)
			return bad_usage("--seconds is from 1 to 10000000");
		if (option == 'n' && number_parse(optarg, SENSORS_MAX, &sensors) < 0)
			return bad_usage("--sensors is from 1 to 1024");
	}
	if (optind < argc)
		return bad_usage("too many arguments");
	random = seed;
	printf("# arrivals --seed %lu --seconds %lu --sensors %lu\n", seed, seconds, sensors);
	while (at_s < (double)seconds) {
		at_s = burst(at_s, (double)seconds, &random, (uint32_t)sensors);
		at_s = ceil((at_s + random_silence(&random)) * 1000) / 1000;
	}
	return fflush(stdout) != 0;
}
