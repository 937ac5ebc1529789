// SPDX-License-Identifier: Apache-2.0
/* usage.c - see usage.h. A probe keeps what it has read of each process and thread, so that what
 * ends later is not forgotten. */
#include "bench/target/usage.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/target/process.h"
#include "bench/target/usage_perf.h"

#define OTHERS "others" /* the last component, of what finds no place */
#define STATUS_MAX 4096
#define MAPS_LINE_MAX 8192
#define UNKNOWN INT64_C(-1)

struct thread {
	pid_t id;
	int64_t voluntary, involuntary;
};

struct member {
	struct bench_process process;
	char component[BENCH_PROCESS_NAME];
	bool gone;
	struct thread *threads;
	unsigned thread_count, thread_room;
	int64_t cpu_ns, rss_bytes, pool_bytes;
	struct bench_counters counters;
	int64_t counts[BENCH_COUNTER_COUNT]; /* until they were last off; -1: never known */
};

struct bench_usage_probe {
	pid_t root;
	bool sprocket, counting;
	struct member *members;
	unsigned count, room;
	struct bench_processes found;
};

/* ---- one process ---- */

static bool is_any(const char *name, const char *const *words)
{
	while (*words && strcmp(name, *words) != 0)
		words++;
	return *words != NULL;
}

static const char *component_name(const struct bench_usage_probe *probe, const char *name)
{
	static const char *const controllers[] = { "sprocket", "sprocketd", "sprocket-fdstore",
						   NULL };

	if (strcmp(name, "sprocket-gateway") == 0)
		return "gateway";
	if (is_any(name, controllers))
		return "controller";
	return probe->sprocket ? "functions" : name;
}

/* Time that its threads have run, those that have ended too; of a zombie nothing new. */
static void cpu_read(struct member *m)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(m->process.pid, &clock) == 0 && clock_gettime(clock, &time) == 0)
		m->cpu_ns = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t line_number(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

static struct thread *thread_of(struct member *m, pid_t id)
{
	struct thread *more;

	for (unsigned i = 0; i < m->thread_count; i++)
		if (m->threads[i].id == id)
			return &m->threads[i];
	if (m->thread_count == m->thread_room) {
		more = realloc(m->threads, (m->thread_room + 16) * sizeof(*more));
		if (!more)
			return NULL;
		m->threads = more;
		m->thread_room += 16;
	}
	m->threads[m->thread_count] = (struct thread){ .id = id };
	return &m->threads[m->thread_count++];
}

static void thread_read(struct member *m, pid_t id)
{
	char path[64], text[STATUS_MAX];
	struct thread *thread;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)m->process.pid, (int)id);
	if (bench_proc_read(path, text, sizeof(text)) <= 0)
		return;
	thread = thread_of(m, id);
	if (!thread)
		return;
	thread->voluntary = line_number(text, "\nvoluntary_ctxt_switches:");
	thread->involuntary = line_number(text, "\nnonvoluntary_ctxt_switches:");
	if (id == m->process.pid)
		m->rss_bytes =
			1024 * (line_number(text, "\nRssAnon:") + line_number(text, "\nRssFile:"));
}

static void threads_read(struct member *m)
{
	struct dirent *entry;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)m->process.pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		if (atoi(entry->d_name) > 0)
			thread_read(m, atoi(entry->d_name));
	if (folder)
		closedir(folder);
}

/* Memory that processes share: what the requests' bodies lie in. */
static bool is_shared(const char *line)
{
	static const char *const files[] = {
		"/memfd:",   "/dev/shm/", "/dev/hugepages/", "/anon_hugepage", "/SYSV",
		"/dev/zero", NULL
	};
	const char *file = strchr(line, '/');

	for (const char *const *known = files; file && *known; known++)
		if (strncmp(file, *known, strlen(*known)) == 0)
			return true;
	return false;
}

static void pool_read(struct member *m)
{
	char path[64], line[MAPS_LINE_MAX];
	uint64_t from, to;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)m->process.pid);
	maps = fopen(path, "re");
	if (!maps)
		return;
	m->pool_bytes = 0;
	while (fgets(line, sizeof(line), maps))
		if (is_shared(line) && sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
			m->pool_bytes += (int64_t)(to - from);
	fclose(maps);
}

static void member_read(struct member *m)
{
	struct bench_process now;

	if (m->gone)
		return;
	m->gone = !bench_process_lives(&m->process);
	if (m->gone)
		return;
	cpu_read(m);
	threads_read(m);
	pool_read(m);
	if (bench_process_read(m->process.pid, &now) == 0 && now.begun == m->process.begun)
		m->process = now;
}

/* ---- all of them ---- */

static struct member *member_find(struct bench_usage_probe *probe,
				  const struct bench_process *process)
{
	for (unsigned i = 0; i < probe->count; i++)
		if (probe->members[i].process.pid == process->pid &&
		    probe->members[i].process.begun == process->begun)
			return &probe->members[i];
	return NULL;
}

static struct member *member_add(struct bench_usage_probe *probe,
				 const struct bench_process *process)
{
	struct member *more, *m;

	if (probe->count == probe->room) {
		more = realloc(probe->members, (probe->room + 64) * sizeof(*more));
		if (!more)
			return NULL;
		probe->members = more;
		probe->room += 64;
	}
	m = &probe->members[probe->count++];
	*m = (struct member){ .process = *process };
	for (int i = 0; i < BENCH_COUNTER_COUNT; i++)
		m->counts[i] = UNKNOWN;
	return m;
}

/* Takes in who is new below the root. */
static void members_find(struct bench_usage_probe *probe)
{
	struct member *m;

	if (bench_processes_below(probe->root, &probe->found) < 0)
		return;
	for (unsigned i = 0; i < probe->found.count; i++) {
		const struct bench_process *process = &probe->found.all[i];

		m = member_find(probe, process);
		if (!m)
			m = member_add(probe, process);
		else
			m->process = *process; /* it may have another name, after an exec */
		if (!m)
			return;
		snprintf(m->component, sizeof(m->component), "%s",
			 component_name(probe, process->name));
	}
}

struct bench_usage_probe *bench_usage_open(pid_t root)
{
	struct bench_usage_probe *probe = calloc(1, sizeof(*probe));
	struct bench_process first;

	if (!probe)
		return NULL;
	probe->root = root;
	probe->sprocket = bench_process_read(root, &first) == 0 &&
			  strcmp(component_name(probe, first.name), "controller") == 0;
	members_find(probe);
	return probe;
}

static void known_add(int64_t *to, int64_t value)
{
	if (value != UNKNOWN)
		*to = *to == UNKNOWN ? value : *to + value;
}

/* What was counted so far. */
static void counts_read(const struct member *m, int64_t ret[BENCH_COUNTER_COUNT])
{
	bench_counters_read(&m->counters, ret);
	for (int i = 0; i < BENCH_COUNTER_COUNT; i++)
		known_add(&ret[i], m->counts[i]);
}

void bench_usage_count(struct bench_usage_probe *probe, bool on)
{
	if (on == probe->counting)
		return;
	probe->counting = on;
	members_find(probe);
	for (unsigned i = 0; i < probe->count; i++) {
		struct member *m = &probe->members[i];
		int64_t counts[BENCH_COUNTER_COUNT];

		if (on) {
			bench_counters_open(&m->counters, m->process.pid);
		} else {
			counts_read(m, counts);
			memcpy(m->counts, counts, sizeof(counts));
			bench_counters_close(&m->counters);
		}
	}
}

void bench_usage_close(struct bench_usage_probe *probe)
{
	if (!probe)
		return;
	for (unsigned i = 0; i < probe->count; i++) {
		bench_counters_close(&probe->members[i].counters);
		free(probe->members[i].threads);
	}
	free(probe->members);
	free(probe);
}

static struct bench_component *component_of(struct bench_usage *usage, const char *name)
{
	struct bench_component *c;

	for (unsigned i = 0; i < usage->count; i++)
		if (strcmp(usage->components[i].name, name) == 0)
			return &usage->components[i];
	if (usage->count == BENCH_COMPONENTS_MAX)
		return &usage->components[BENCH_COMPONENTS_MAX - 1];
	c = &usage->components[usage->count++];
	*c = (struct bench_component){ .syscalls = UNKNOWN,
				       .cycles = UNKNOWN,
				       .instructions = UNKNOWN,
				       .cache_misses = UNKNOWN };
	snprintf(c->name, sizeof(c->name), "%s",
		 usage->count == BENCH_COMPONENTS_MAX ? OTHERS : name);
	return c;
}

static void member_sum(const struct member *m, struct bench_component *c)
{
	int64_t tick_ns = INT64_C(1000000000) / sysconf(_SC_CLK_TCK), counts[BENCH_COUNTER_COUNT];

	c->processes += !m->gone;
	c->threads += m->gone ? 0 : m->process.threads;
	c->cpu_ns += m->cpu_ns;
	c->user_ns += (int64_t)m->process.user_ticks * tick_ns;
	c->system_ns += (int64_t)m->process.system_ticks * tick_ns;
	c->page_faults += (int64_t)m->process.page_faults;
	for (unsigned i = 0; i < m->thread_count; i++) {
		c->switches_voluntary += m->threads[i].voluntary;
		c->switches_involuntary += m->threads[i].involuntary;
	}
	if (!m->gone) {
		c->rss_bytes += m->rss_bytes;
		if (m->pool_bytes > c->pool_bytes)
			c->pool_bytes = m->pool_bytes;
	}
	counts_read(m, counts);
	known_add(&c->syscalls, counts[BENCH_SYSCALLS]);
	known_add(&c->cycles, counts[BENCH_CYCLES]);
	known_add(&c->instructions, counts[BENCH_INSTRUCTIONS]);
	known_add(&c->cache_misses, counts[BENCH_CACHE_MISSES]);
}

void bench_usage_read(struct bench_usage_probe *probe, struct bench_usage *ret)
{
	*ret = (struct bench_usage){ 0 };
	members_find(probe);
	for (unsigned i = 0; i < probe->count; i++) {
		struct member *m = &probe->members[i];

		member_read(m);
		ret->gone += m->gone;
		member_sum(m, component_of(ret, m->component));
	}
}
