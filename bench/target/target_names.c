// SPDX-License-Identifier: Apache-2.0
/* target_names.c - see target_names.h. */
#include "bench/target/target_names.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/load/explain.h"
#include "bench/target/process.h"

#define CHAIN_BODY_MAX (64U << 10) /* of the chain files that are built */
#define BODY_MAX (16U << 20)       /* of those that are written here, and of baselines */
#define CHAIN_POOL_MI 256U
#define NO_NUMBER 0U
#define WORD_ROOM 16U /* for the longest word, and one more */
#define UNLIKE 4U     /* so many letters apart is another word */

struct name {
	const char *word; /* "chain-": a number follows */
	enum bench_target_kind kind;
	unsigned max;
	const char *file; /* the example's chain file, %u the number; NULL: a baseline */
	const char *help;
};

static const struct name names[] = {
	{ "chain-", BENCH_TARGET_ECHO, 32, "chain-n/chain-%u.yaml",
	  "chain-N         N functions in a row that do nothing: what is left is the runtime" },
	{ "fan-calls-", BENCH_TARGET_ECHO, 32, "fan-k/fan-calls-%u.yaml",
	  "fan-calls-K     a function that calls K others at once" },
	{ "fan-", BENCH_TARGET_ECHO, 32, "fan-k/fan-all-%u.yaml",
	  "fan-K           one body to K functions at once, joined" },
	{ "hello", BENCH_TARGET_HELLO, NO_NUMBER, "hello/chain.yaml",
	  "hello           one function: the body in capitals" },
	{ "boutique", BENCH_TARGET_BOUTIQUE, NO_NUMBER, "boutique/chain.yaml",
	  "boutique        a shop of ten functions, asked as the public demo's load does" },
	{ "motion", BENCH_TARGET_MOTION, NO_NUMBER, "motion/chain.yaml",
	  "motion          sensors switch lamps: two functions, an hour of events" },
	{ "parking", BENCH_TARGET_PARKING, NO_NUMBER, "parking/chain.yaml",
	  "parking         164 pictures of cars whose plates are read" },
	{ "social", BENCH_TARGET_SOCIAL, NO_NUMBER, "social/chain.yaml",
	  "social          twelve functions: one post for nine timelines that are read" },
	{ "big", BENCH_TARGET_BIG, NO_NUMBER, "big/big.yaml",
	  "big             six functions that each read all of a body of up to 16Mi" },
	{ "bare", BENCH_TARGET_PEER, NO_NUMBER, NULL, "bare            baseline: libh2o alone" },
	{ "ring-", BENCH_TARGET_PEER, 64, NULL,
	  "ring-N          baseline: shared memory, rings, eventfd; no protection" },
	{ "poll-", BENCH_TARGET_PEER, 64, NULL,
	  "poll-N          baseline: shared memory, rings that are polled" },
	{ "seqpacket-", BENCH_TARGET_PEER, 64, NULL,
	  "seqpacket-N     baseline: descriptors by SEQPACKET sockets" },
	{ "copy-", BENCH_TARGET_PEER, 64, NULL,
	  "copy-N          baseline: payloads copied through AF_UNIX sockets" },
	{ "http-", BENCH_TARGET_PEER, 64, NULL,
	  "http-N          baseline: function servers in C behind nginx" },
	{ "sidecar-", BENCH_TARGET_PEER, 64, NULL,
	  "sidecar-N       baseline: the same, an nginx proxy beside each function" },
	{ "grpc-", BENCH_TARGET_GRPC, 64, NULL, "grpc-N          baseline: gRPC C++" },
};

static const char help_end[] =
	"FILE.yaml       a chain of one's own, or the FOLDER of its chain.yaml; ./big, not big\n"
	"http://...      a server that runs already\n";

static const struct name *name_find(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i].word);

		if (names[i].max ? strncmp(name, names[i].word, len) == 0 &&
					   isdigit((unsigned char)name[len]) :
				   strcmp(name, names[i].word) == 0)
			return &names[i];
	}
	return NULL;
}

/* Returns the number, or 0 when it is none from 1 to the largest. */
static unsigned name_number(const struct name *entry, const char *name)
{
	char *end;
	unsigned long number = strtoul(name + strlen(entry->word), &end, 10);

	return *end || number > entry->max ? 0 : (unsigned)number;
}

int bench_target_parse(const char *name, unsigned *ret_number, char error[BENCH_ERROR_TEXT])
{
	const struct name *entry = name_find(name);

	*ret_number = 0;
	if (strstr(name, "://"))
		return BENCH_TARGET_URL;
	if (!entry)
		return BENCH_TARGET_FILE;
	if (entry->max)
		*ret_number = name_number(entry, name);
	if (entry->max && *ret_number == 0)
		return bench_explain(error, -EINVAL, "%.60s: expected %sN, N from 1 to %u", name,
				     entry->word, entry->max);
	return (int)entry->kind;
}

/* Of letters that were left out, put in or taken for others: how many, at most. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[WORD_ROOM];

	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned before = row[0]++;

		for (size_t j = 1; j <= b_len; j++) {
			unsigned same = before + (tolower((unsigned char)a[i - 1]) != b[j - 1]);

			before = row[j];
			row[j] = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			row[j] = same < row[j] ? same : row[j];
		}
	}
	return row[b_len];
}

static int unknown(const char *name, int why, char error[BENCH_ERROR_TEXT])
{
	size_t len = strcspn(name, "0123456789");
	const struct name *nearest = NULL;
	unsigned least = len / 2 + 1 < UNLIKE ? (unsigned)len / 2 + 1 : UNLIKE;
	char guess[96] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned far = distance(name, len, names[i].word, strlen(names[i].word));

		if (far < least) {
			nearest = &names[i];
			least = far;
		}
	}
	if (nearest)
		snprintf(guess, sizeof(guess), " Did you mean %s%.20s?", nearest->word,
			 !nearest->max ? "" :
			 name[len]     ? name + len :
					 "N");
	return bench_explain(error, -EINVAL,
			     "%.60s: %s: neither a name (`sprocket-bench targets`), nor a chain "
			     "file, nor http://...%s",
			     name, strerror(why), guess);
}

bool bench_target_known(const char *name)
{
	const struct name *entry = name_find(name);

	return entry && (!entry->max || name_number(entry, name) > 0);
}

const char *bench_target_help(void)
{
	static char text[4096];
	size_t len = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n", names[i].help);
	snprintf(text + len, sizeof(text) - len, "%s", help_end);
	return text;
}

/* ---- the command ---- */

static void add(struct bench_command *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What is too much is left out, and told by command_check. */
static void add(struct bench_command *c, const char *format, ...)
{
	size_t room = sizeof(c->text) - c->text_len;
	char *at = c->text + c->text_len;
	va_list values;
	int len;

	va_start(values, format);
	len = vsnprintf(at, room, format, values);
	va_end(values);
	if (len >= 0 && (size_t)len < room && c->count < BENCH_TARGET_ARGS_MAX) {
		c->argv[c->count] = at;
		c->text_len += (size_t)len + 1;
	}
	c->count++;
}

static int command_check(const struct bench_command *c, char error[BENCH_ERROR_TEXT])
{
	for (unsigned i = 0; i < c->count; i++)
		if (i >= BENCH_TARGET_ARGS_MAX || !c->argv[i])
			return bench_explain(
				error, -E2BIG,
				"more than %u arguments, or too long: shorten --sprocket-args",
				BENCH_TARGET_ARGS_MAX);
	return 0;
}

static int body_check(size_t body_len, char error[BENCH_ERROR_TEXT])
{
	if (body_len <= BODY_MAX)
		return 0;
	return bench_explain(error, -E2BIG, "a body of %zu bytes: at most 16Mi are taken",
			     body_len);
}

/* A chain of `count` functions that takes bodies of more than 64Ki, or of a length for which no
 * file was built. It is read through our own descriptor: nothing is left behind. */
static int chain_write(unsigned count, size_t body_len, struct bench_command *c,
		       char error[BENCH_ERROR_TEXT])
{
	size_t body = body_len > CHAIN_BODY_MAX ? (body_len + 4095) / 4096 * 4 : 64; /* Ki */
	char pass[PATH_MAX];
	int r = bench_target_example("chain-n/pass", pass, error);

	if (r == 0)
		r = body_check(body_len, error);
	if (r < 0)
		return r;
	c->file = memfd_create("chain.yaml", MFD_CLOEXEC);
	if (c->file < 0)
		return -errno;
	dprintf(c->file,
		"apiVersion: sprocket.dev/v1alpha1\nkind: Chain\nmetadata: {name: chain-%u}\n"
		"spec:\n  ingress:\n  - http: {path: /, maxBody: %zuKi}\n"
		"  pool: {memory: %uMi, bufferSizes: [2Ki, %s%zuKi]}\n  functions:\n",
		count, body, CHAIN_POOL_MI, body > 64 ? "64Ki, " : "", body);
	for (unsigned i = 1; i <= count; i++)
		dprintf(c->file, "  - {name: f%u, exec: \"%s\"}\n", i, pass);
	dprintf(c->file, "  steps: [");
	for (unsigned i = 1; i <= count; i++)
		dprintf(c->file, "%sf%u", i > 1 ? ", " : "", i);
	dprintf(c->file, "]\n");
	add(c, "/proc/%d/fd/%d", (int)getpid(), c->file);
	return 0;
}

static int add_chain_file(const struct name *entry, const char *name, size_t body_len,
			  struct bench_command *c, char error[BENCH_ERROR_TEXT])
{
	char file[256], path[PATH_MAX];
	unsigned number;
	int r;

	if (!entry) {
		if (access(name, R_OK) < 0)
			return unknown(name, errno, error);
		add(c, "%s", name);
		return 0;
	}
	number = entry->max ? name_number(entry, name) : 0;
	/* The formats are those of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(file, sizeof(file), entry->file, number);
#pragma GCC diagnostic pop
	r = bench_target_example(file, path, error);
	if (strcmp(entry->word, "chain-") == 0 && (r < 0 || body_len > CHAIN_BODY_MAX))
		return chain_write(number, body_len, c, error);
	if (r == 0)
		add(c, "%s", path);
	return r;
}

/* "0,2": the CPUs that are given. */
static void add_cpus(const struct bench_target_options *options, struct bench_command *c)
{
	char list[BENCH_THREADS_MAX * 12] = "";
	size_t len = 0;

	for (unsigned i = 0; i < options->cpu_count; i++)
		if (options->cpus[i] >= 0)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%d",
						len ? "," : "", options->cpus[i]);
	if (len > 0) {
		add(c, "--cpus");
		add(c, "%s", list);
	}
}

static void add_words(const char *words, struct bench_command *c)
{
	size_t len;

	for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
		len = strcspn(words, " ");
		add(c, "%.*s", (int)len, words);
		words += len;
	}
}

static int chain_command(const struct name *entry, const char *name,
			 const struct bench_target_options *options, struct bench_command *c,
			 char error[BENCH_ERROR_TEXT])
{
	char path[PATH_MAX];
	int r = bench_target_place(BENCH_PLACE_SPROCKET, "sprocket", path);

	if (r < 0)
		return r;
	c->make = "make build";
	add(c, "%s", path);
	add(c, "run");
	r = add_chain_file(entry, name, options->body_len, c, error);
	if (r < 0)
		return r;
	add(c, "--listen");
	add(c, "127.0.0.1:0");
	add(c, "--workers");
	add(c, "1");
	add_cpus(options, c);
	if (options->trace)
		add(c, "--trace");
	/* Last: of an option that is given twice the last one counts. */
	if (options->sprocket_args)
		add_words(options->sprocket_args, c);
	return 0;
}

static int peer_command(const struct name *entry, const char *name,
			const struct bench_target_options *options, struct bench_command *c,
			char error[BENCH_ERROR_TEXT])
{
	int len = (int)strcspn(entry->word, "-"), r = body_check(options->body_len, error);
	char file[32], path[PATH_MAX];

	snprintf(file, sizeof(file), "peer-%.*s", len, entry->word);
	if (r == 0)
		r = bench_target_place(BENCH_PLACE_PEERS, file, path);
	if (r < 0)
		return r;
	c->make = entry->kind == BENCH_TARGET_GRPC ? "make peers" : "make build";
	add(c, "%s", path);
	if (entry->max) {
		add(c, "--functions");
		add(c, "%u", name_number(entry, name));
	}
	if (options->body_len > CHAIN_BODY_MAX) {
		add(c, "--body-max");
		add(c, "%zu", options->body_len);
	}
	return 0;
}

int bench_target_command(const char *name, const struct bench_target_options *options,
			 struct bench_command *ret, char error[BENCH_ERROR_TEXT])
{
	const struct name *entry = name_find(name);
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->file = -1;
	if (entry && !entry->file)
		r = peer_command(entry, name, options, ret, error);
	else
		r = chain_command(entry, name, options, ret, error);
	if (r == 0)
		r = command_check(ret, error);
	if (r < 0 && ret->file >= 0) {
		close(ret->file);
		ret->file = -1;
	}
	return r;
}
