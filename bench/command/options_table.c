// SPDX-License-Identifier: Apache-2.0
/* Each option of sprocket-bench: its form, its help, and how its value is taken. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/command/options.h"
#include "bench/load/units.h"
#include "bench/result/value.h"

#define LOADS (BENCH_RUN | BENCH_SWEEP | BENCH_COMPARE)
#define HEADER_MAX 4096
#define DURATION_FORM "a time such as 200us, 10ms, 5s or 2m"
#define CPUS_FORM "CPUs such as 1 or 0,2-3"
#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

#define TAKE_FLAG(field)                                                    \
	static int take_##field(struct bench_options *o, const char *value) \
	{                                                                   \
		(void)value;                                                \
		o->field = true;                                            \
		return 0;                                                   \
	}
TAKE_FLAG(closed)
TAKE_FLAG(trace)
TAKE_FLAG(count)
TAKE_FLAG(quiet)
TAKE_FLAG(progress)

#define TAKE_TEXT(field)                                                    \
	static int take_##field(struct bench_options *o, const char *value) \
	{                                                                   \
		o->field = value;                                           \
		return *value ? 0 : -EINVAL;                                \
	}
TAKE_TEXT(arrivals) /* its form is judged where the schedule is made */
TAKE_TEXT(mix)
TAKE_TEXT(json)
TAKE_TEXT(csv)
TAKE_TEXT(out)

static int take_rate(struct bench_options *o, const char *value)
{
	return bench_parse_rate(value, &o->rate);
}

#define STEPS_TEXT 64U

/* FROM:TO:COUNT, cut in `copy`. */
static int take_steps(const char *value, char copy[STEPS_TEXT], const char **ret_to,
		      unsigned *ret_count)
{
	char *to, *count;
	uint64_t n;

	if (strlen(value) >= STEPS_TEXT)
		return -EINVAL;
	strcpy(copy, value);
	to = strchr(copy, ':');
	count = to ? strchr(to + 1, ':') : NULL;
	if (!count || bench_value_count(count + 1, 2, BENCH_STEPS_MAX, &n) < 0)
		return -EINVAL;
	*to++ = *count = '\0';
	*ret_to = to;
	*ret_count = (unsigned)n;
	return 0;
}

static int take_rates(struct bench_options *o, const char *value)
{
	char from[STEPS_TEXT];
	const char *to;
	int r = take_steps(value, from, &to, &o->rate_count);

	if (r < 0 || bench_parse_rate(from, &o->rate_from) < 0 ||
	    bench_parse_rate(to, &o->rate_to) < 0 || o->rate_to <= o->rate_from)
		return -EINVAL;
	return 0;
}

static int take_bodies(struct bench_options *o, const char *value)
{
	char text[STEPS_TEXT];
	uint64_t from, to;
	const char *rest;
	int r = take_steps(value, text, &rest, &o->body_count);

	if (r < 0 || bench_parse_size(text, &from) < 0 || bench_parse_size(rest, &to) < 0 ||
	    from == 0 || to > BENCH_ANSWER_MAX || to <= from)
		return -EINVAL;
	o->body_from = from;
	o->body_to = to;
	return 0;
}

static int take_positive(const char *value, uint64_t *ret_ns)
{
	uint64_t ns;

	if (bench_parse_duration(value, &ns) < 0 || ns == 0)
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}

#define TAKE_TIME(field)                                                    \
	static int take_##field(struct bench_options *o, const char *value) \
	{                                                                   \
		return take_positive(value, &o->field##_ns);                \
	}
TAKE_TIME(duration)
TAKE_TIME(timeout)
TAKE_TIME(idle)

static int take_warmup(struct bench_options *o, const char *value)
{
	return bench_parse_duration(value, &o->warmup_ns);
}

static int take_number(const char *value, uint64_t min, uint64_t max, unsigned *ret)
{
	uint64_t n;
	int r = bench_value_count(value, min, max, &n);

	if (r == 0)
		*ret = (unsigned)n;
	return r;
}

static int take_connections(struct bench_options *o, const char *value)
{
	return take_number(value, 1, BENCH_CONNECTIONS_MAX, &o->connections);
}

static int take_streams(struct bench_options *o, const char *value)
{
	return take_number(value, 1, BENCH_STREAMS_MAX, &o->streams);
}

static int take_http(struct bench_options *o, const char *value)
{
	static const char *const names[] = {
		[BENCH_HTTP1] = "1.1", [BENCH_HTTP1_CLOSE] = "close", [BENCH_H2C] = "2"
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		o->protocol = i;
		o->protocol_given = true;
		return 0;
	}
	return -EINVAL;
}

static int take_method(struct bench_options *o, const char *value)
{
	o->method = value;
	return *value && strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == strlen(value) ? 0 :
											 -EINVAL;
}

static int take_path(struct bench_options *o, const char *value)
{
	o->path = value;
	return value[0] == '/' && strlen(value) < BENCH_PATH_MAX && !strpbrk(value, " \t\r\n#") ?
		       0 :
		       -EINVAL;
}

/* "name: value": the name in lower case, as h2 demands and HTTP/1.1 allows. */
static int take_header(struct bench_options *o, const char *value)
{
	size_t name_len = strcspn(value, ":");
	const char *rest = value + name_len + 1;
	char *copy;

	if (!value[name_len] || name_len == 0 || strlen(value) > HEADER_MAX ||
	    strpbrk(value, "\r\n") || strcspn(value, " \t") < name_len)
		return -EINVAL;
	if (o->header_count == BENCH_HEADERS_MAX)
		return -E2BIG;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	rest += strspn(rest, " \t");
	copy[name_len] = '\0';
	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	o->headers[o->header_count].name = copy;
	o->headers[o->header_count].value = copy + (rest - value);
	o->header_count++;
	return 0;
}

static int take_body(struct bench_options *o, const char *value)
{
	uint64_t size;

	o->body_given = true;
	if (value[0] == '@') {
		o->body_file = value + 1;
		return value[1] ? 0 : -EINVAL;
	}
	if (bench_parse_size(value, &size) < 0 || size > BENCH_ANSWER_MAX)
		return -EINVAL;
	o->body_file = NULL;
	o->body_len = size;
	return 0;
}

static int take_page(struct bench_options *o, const char *value)
{
	return take_number(value, 1, BENCH_REQUESTS_MAX, &o->page);
}

static int take_verify(struct bench_options *o, const char *value)
{
	static const char *const names[] = { [BENCH_VERIFY_STATUS] = "status",
					     [BENCH_VERIFY_FIRST] = "first",
					     [BENCH_VERIFY_ECHO] = "echo",
					     [BENCH_VERIFY_NONCE] = "nonce" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		o->verify = i;
		o->verify_given = true;
		return 0;
	}
	return -EINVAL;
}

static int take_seed(struct bench_options *o, const char *value)
{
	return bench_value_count(value, 0, UINT64_MAX, &o->seed);
}

static int take_slo(struct bench_options *o, const char *value)
{
	if (o->slo_count == BENCH_SLOS_MAX)
		return -E2BIG;
	if (bench_slo_parse(value, &o->slos[o->slo_count]) < 0)
		return -EINVAL;
	o->slo_count++;
	return 0;
}

static int take_cpus(const char *value, int *cpus, unsigned *ret_count)
{
	int count = bench_value_cpus(value, cpus, BENCH_THREADS_MAX);

	if (count < 0)
		return count;
	*ret_count = (unsigned)count;
	return 0;
}

static int take_server_cpu(struct bench_options *o, const char *value)
{
	return take_cpus(value, o->server_cpus, &o->server_cpu_count);
}

static int take_client_cpu(struct bench_options *o, const char *value)
{
	return take_cpus(value, o->client_cpus, &o->client_cpu_count);
}

static int take_workers(struct bench_options *o, const char *value)
{
	return take_number(value, 1, 32, &o->workers);
}

static int take_pid(struct bench_options *o, const char *value)
{
	uint64_t pid;
	int r = bench_value_count(value, 1, INT32_MAX, &pid);

	if (r == 0)
		o->pid = (pid_t)pid;
	return r;
}

static int take_sprocket_args(struct bench_options *o, const char *value)
{
	o->sprocket_args = value;
	return 0;
}

static int take_rounds(struct bench_options *o, const char *value)
{
	return take_number(value, 1, BENCH_ROUNDS_MAX, &o->rounds);
}

static int take_metric(struct bench_options *o, const char *value)
{
	static const char *const names[] = {
#define X(id, name, key, json) name,
		BENCH_METRICS(X)
#undef X
	};

	if (o->metric_count == BENCH_METRICS_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		o->metrics[o->metric_count++] = i;
		return 0;
	}
	return -EINVAL;
}

static int take_hgrm(struct bench_options *o, const char *value)
{
	o->hgrm = value;
	return *value && strcmp(value, "-") != 0 ? 0 : -EINVAL;
}

/* In the order of the help. */
const struct bench_option bench_option_table[] = {
	{ "rate", "R", "requests/s such as 500, 5k or 1.5M",
	  "open loop: so many requests/s are due", BENCH_RUN | BENCH_COMPARE, take_rate },
	{ "closed", NULL, "", "closed loop: each connection asks when it was answered", LOADS,
	  take_closed },
	{ "rates", "FROM:TO:COUNT",
	  "two rates and from 2 to " TEXT(200) " steps, such as 1k:200k:12",
	  "requests/s of the sweep, in equal ratios", BENCH_SWEEP, take_rates },
	{ "bodies", "FROM:TO:COUNT",
	  "two sizes and from 2 to " TEXT(200) " steps, such as 64:16Mi:10",
	  "bodies of the sweep, with --closed", BENCH_SWEEP, take_bodies },
	{ "arrivals", "SPEC",
	  "constant, poisson, gamma:CV, onoff:ON,OFF, step:R1,R2,.., ramp:FROM,TO, "
	  "spike:FACTOR,AT,FOR or trace:FILE",
	  "how requests follow each other (default poisson)", LOADS, take_arrivals },
	{ "duration", "TIME", DURATION_FORM, "how long is measured (default 10s)", LOADS,
	  take_duration },
	{ "warmup", "TIME", DURATION_FORM " or 0", "load before that, not measured (default 1s)",
	  LOADS, take_warmup },
	{ "idle", "TIME", DURATION_FORM, "before the load, left alone: what does it use then?",
	  BENCH_RUN, take_idle },
	{ "connections", "N", "a number from 1 to 65536", "connections (default 64)", LOADS,
	  take_connections },
	{ "streams", "N", "a number from 1 to 1024", "requests at once on one (HTTP/2; default 1)",
	  LOADS, take_streams },
	{ "http", "1.1|close|2", "1.1, close (a connection each) or 2 (prior knowledge)",
	  "protocol (default 1.1, keep-alive)", LOADS, take_http },
	{ "method", "NAME", "a method such as GET or POST", "of the request", LOADS, take_method },
	{ "path", "PATH", "a path such as /cart, from its first slash on", "of the request", LOADS,
	  take_path },
	{ "header", "'NAME: VALUE'", "a header such as 'accept: text/plain', 16 at most",
	  "of each request; may be repeated", LOADS, take_header },
	{ "body", "SIZE|@FILE", "a size such as 128, 64Ki or 1Mi up to 64Mi, or @FILE",
	  "of the request (default 128 bytes)", LOADS, take_body },
	{ "mix", "FILE", "a file of requests", "requests with weights, see MIX in the manual",
	  LOADS, take_mix },
	{ "page", "N", "a number from 1 on", "only this visit of the mix", LOADS, take_page },
	{ "verify", "HOW", "status, first, echo or nonce",
	  "how answers are judged: status, first, echo, nonce", LOADS, take_verify },
	{ "seed", "N", "a number from 0 on", "of arrivals and choices (default 1)", LOADS,
	  take_seed },
	{ "timeout", "TIME", DURATION_FORM, "for one answer (default 5s)", LOADS, take_timeout },
	{ "slo", "LIMIT",
	  "p99<2ms, p99.9<=10ms, mean<1ms, max<1s, errors<0.1% or rate>50k, 16 at most",
	  "exit with 1 when it is missed; may be repeated", BENCH_RUN | BENCH_SWEEP, take_slo },
	{ "rounds", "N", "a number from 1 to 1000", "how often each has its turn (default 5)",
	  BENCH_COMPARE, take_rounds },
	{ "metric", "NAME", "rate, cpu, mean, p50, p75, p90, p99, p99.9, p99.99 or max, 10 at most",
	  "what is compared; may be repeated", BENCH_COMPARE, take_metric },
	{ "server-cpu", "LIST", CPUS_FORM, "where the server runs (default: anywhere)", LOADS,
	  take_server_cpu },
	{ "client-cpu", "LIST", CPUS_FORM,
	  "a thread of the client on each (default: one, anywhere)", LOADS, take_client_cpu },
	{ "workers", "N", "a number from 1 to 32", "of `sprocket run` (default 1)", LOADS,
	  take_workers },
	{ "trace", NULL, "", "time of each hop, by the kernel's stamps", LOADS, take_trace },
	{ "count", NULL, "", "then system calls and hardware counters, for a second", LOADS,
	  take_count },
	{ "pid", "PID", "a process", "of a server that runs already: account for it",
	  BENCH_RUN | BENCH_SWEEP, take_pid },
	{ "sprocket-args", "'...'", "arguments of sprocket run",
	  "more arguments for `sprocket run`", LOADS, take_sprocket_args },
	{ "json", "FILE|-", "a file, or - for standard output", "write all of the result as JSON",
	  LOADS, take_json },
	{ "csv", "FILE|-", "a file, or - for standard output", "write a line for each run", LOADS,
	  take_csv },
	{ "hgrm", "FILE", "a file", "write the latencies as HdrHistogram does", BENCH_RUN,
	  take_hgrm },
	{ "out", "FOLDER", "a folder", "where the report goes (default sprocket-bench-report)",
	  BENCH_REPORT, take_out },
	{ "quiet", NULL, "", "no progress line", LOADS, take_quiet },
	{ "progress", NULL, "", "progress lines though stderr is no terminal", LOADS,
	  take_progress },
};
const size_t bench_option_count = sizeof(bench_option_table) / sizeof(*bench_option_table);
