// SPDX-License-Identifier: Apache-2.0
/*
 * test_handover.c - every course that the model of handover.h can take: depth first, each state
 * once. Then the same with one rule of the product left out: that must do harm.
 *
 * How: states are told apart by a 128-bit hash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/handover.h"

enum { DEPTH_MAX = 400, SEEN_LOG = 22 };

static const struct setting sound[] = {
	{ .name = "three requests, two crashes", .requests = 3, .crashes = 2 },
	{ .name = "two requests, a crash, old descriptors sent again",
	  .requests = 2,
	  .crashes = 1,
	  .replays = 2 },
	{ .name = "a call, two crashes", .requests = 1, .crashes = 2, .grants = 1, .calls = 1 },
	{ .name = "two calls, a crash", .requests = 1, .crashes = 1, .grants = 2, .calls = 2 },
	{ .name = "shared payloads, two crashes",
	  .requests = 1,
	  .crashes = 2,
	  .grants = 1,
	  .calls = 1,
	  .shares = true },
};
static const struct setting unsound[] = {
	{ .name = "without the grace period", .requests = 2, .crashes = 1, .no_grace = true },
	{ .name = "without a new generation",
	  .requests = 2,
	  .crashes = 1,
	  .replays = 1,
	  .no_generation = true },
	{ .name = "without waiting for the kernel", .requests = 2, .crashes = 1, .no_wait = true },
	{ .name = "without keeping what is read",
	  .requests = 1,
	  .grants = 1,
	  .calls = 1,
	  .shares = true,
	  .no_kept = true },
	{ .name = "without lives of slots",
	  .requests = 1,
	  .crashes = 1,
	  .grants = 1,
	  .calls = 1,
	  .no_life = true },
};

struct frame {
	struct state state;
	uint32_t next; /* step to try */
	bool can;      /* one that is no crash was possible */
	const char *what;
	uint32_t who;
};

static struct frame path[DEPTH_MAX];
static uint64_t (*seen)[2];
static uint64_t seen_count;

/* Two hashes at once; a state has no padding. */
static void mix(const struct state *s, uint64_t ret[2])
{
	const uint8_t *at = (const uint8_t *)s;
	uint64_t a = 0x1234567, b = 0xfedcba987, word;

	for (size_t i = 0; i < sizeof(*s); i += sizeof(word)) {
		size_t left = sizeof(*s) - i;

		word = 0;
		memcpy(&word, at + i, left < sizeof(word) ? left : sizeof(word));
		a = (a ^ word) * 0x9e3779b97f4a7c15ULL;
		a ^= a >> 29;
		b = (b ^ word) * 0xd6e8feb86659fd93ULL;
		b ^= b >> 32;
	}
	ret[0] = a | 1;
	ret[1] = b;
}

/* True for the first time. */
static bool is_new(const struct state *s)
{
	uint64_t hash[2], mask = (1ULL << SEEN_LOG) - 1, i;

	mix(s, hash);
	i = hash[0] >> 20 & mask;
	while (seen[i][0]) {
		if (seen[i][0] == hash[0] && seen[i][1] == hash[1])
			return false;
		i = (i + 1) & mask;
	}
	if (++seen_count > mask / 4 * 3)
		abort();
	memcpy(seen[i], hash, sizeof(hash));
	return true;
}

static void path_show(uint32_t depth, const char *harm)
{
	static const char *const names[] = { "gateway", "A", "B", "C" };

	for (uint32_t i = 1; i <= depth; i++)
		printf("#   %s %s\n", names[path[i].who], path[i].what);
	printf("#   %s\n", harm);
}

/* Returns the harm that can be done, or NULL; *ret_depth: how long it takes to get there. */
static const char *explore(const struct setting *set, uint32_t *ret_depth)
{
	uint32_t depth = 0;
	const char *harm;

	memset(seen, 0, sizeof(*seen) << SEEN_LOG);
	seen_count = 0;
	memset(&path[0], 0, sizeof(path[0]));
	handover_begin(&path[0].state);
	is_new(&path[0].state);
	for (;;) {
		struct frame *at = &path[depth], *to = &path[depth + 1];
		bool crash;

		*ret_depth = depth;
		to->state = at->state;
		if (!handover_step(set, &to->state, at->next++, &to->what, &to->who, &harm,
				   &crash)) {
			harm = handover_check(set, &at->state, !at->can);
			if (harm || depth-- == 0)
				return harm;
			continue;
		}
		at->can |= !crash;
		*ret_depth = depth + 1;
		harm = harm ? harm : handover_check(set, &to->state, false);
		if (harm)
			return harm;
		if (!is_new(&to->state))
			continue;
		to->next = 0;
		to->can = false;
		if (++depth == DEPTH_MAX - 1)
			return "a course has no end";
	}
}

int main(void)
{
	uint32_t number = 0, depth;
	int failed = 0;

	seen = calloc(1ULL << SEEN_LOG, sizeof(*seen));
	if (!seen)
		return 1;
	printf("1..%zu\n", sizeof(sound) / sizeof(sound[0]) + sizeof(unsound) / sizeof(unsound[0]));
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
		const char *harm = explore(&sound[i], &depth);

		failed |= harm != NULL;
		printf("%sok %u - %s: %llu states\n", harm ? "not " : "", ++number, sound[i].name,
		       (unsigned long long)seen_count);
		if (harm)
			path_show(depth, harm);
		fflush(stdout);
	}
	for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++) {
		const char *harm = explore(&unsound[i], &depth);

		failed |= harm == NULL;
		printf("%sok %u - %s: %s\n", harm ? "" : "not ", ++number, unsound[i].name,
		       harm ? harm : "does no harm");
		if (harm && getenv("SPROCKET_SHOW"))
			path_show(depth, harm);
		fflush(stdout);
	}
	free(seen);
	return failed;
}
