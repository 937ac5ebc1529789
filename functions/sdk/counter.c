// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/counter.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define ERROR_PREFIX "error_"
#define ERROR_NAME_MAX 32

static struct shm_counters private_page;
static struct shm_counters *page = &private_page;
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;
static uint64_t nowhere; /* counters beyond the page's end */

void sdk_counters_use(struct shm_counters *shared)
{
	page = shared;
}

/* Entry of a name, or -ENOENT. Names never change once `used` covers them. */
static int find(const struct shm_counters *in, const char *name)
{
	uint32_t used = __atomic_load_n(&in->used, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < used && i < SHM_COUNTER_MAX; i++)
		if (strncmp(in->counters[i].name, name, SHM_COUNTER_NAME_MAX) == 0)
			return (int)i;
	return -ENOENT;
}

static uint64_t *find_or_add(const char *name)
{
	uint32_t used = page->used;
	int at = find(page, name);
	struct shm_counter *c;

	if (at >= 0)
		return &page->counters[at].value;
	if (used >= SHM_COUNTER_MAX || strlen(name) >= SHM_COUNTER_NAME_MAX)
		return &nowhere;
	c = &page->counters[used];
	strcpy(c->name, name);
	/* The name is whole before the reader in the controller can see the entry. */
	__atomic_store_n(&page->used, used + 1, __ATOMIC_RELEASE);
	return &c->value;
}

void sp_count(sp_counter *counter, uint64_t n)
{
	uint64_t *value = __atomic_load_n(&counter->value, __ATOMIC_ACQUIRE);

	if (!value) {
		pthread_mutex_lock(&registering);
		value = find_or_add(counter->name);
		pthread_mutex_unlock(&registering);
		__atomic_store_n(&counter->value, value, __ATOMIC_RELEASE);
	}
	__atomic_fetch_add(value, n, __ATOMIC_RELAXED);
}

uint64_t sdk_counter_value_in(const struct shm_counters *copy, const char *name)
{
	int at = find(copy, name);

	return at < 0 ? 0 : __atomic_load_n(&copy->counters[at].value, __ATOMIC_RELAXED);
}

uint64_t sdk_counter_value(const char *name)
{
	return sdk_counter_value_in(page, name);
}

void sdk_counters_snapshot(struct shm_counters *ret)
{
	memcpy(ret, page, sizeof(*ret));
}

static sp_counter errors[SP_ERROR_COUNT];

/* "SP_EINPUT" counts as "error_input". */
static void error_name(const char *constant, char name[ERROR_NAME_MAX])
{
	size_t at = strlen(ERROR_PREFIX);

	strcpy(name, ERROR_PREFIX);
	for (const char *c = constant + strlen("SP_E"); *c && at < ERROR_NAME_MAX - 1; c++)
		name[at++] = (char)(*c | 0x20);
	name[at] = '\0';
}

static void errors_name(void)
{
	static const char *const constants[] = {
#define X(name, status, title) #name,
		SP_ERRORS(X)
#undef X
	};
	static char names[SP_ERROR_COUNT][ERROR_NAME_MAX];

	for (int error = SP_OK + 1; error < SP_ERROR_COUNT; error++) {
		error_name(constants[error - 1], names[error]);
		errors[error].name = names[error];
	}
}

void sdk_count_error(sp_error error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, errors_name);
	sp_count(&errors[error], 1);
}
