/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_describe.h - asks an executable what it declares: `exec --describe`.
 *
 * For: chain_declare.c; the daemon, which runs the executables itself and keeps what they said.
 * How: the executable runs in a process group of its own, its input empty, its output
 * read up to a limit; when it ends, or the time is over, the group is killed. What it
 * printed is JSON:
 *
 *     {"abi": 2, "name": "search", "version": "1.0", "edges": ["unknown_plate"],
 *      "calls": ["rates"], "config": [{"key": "table", "default": "x"}, {"key": "rate", "required": true}]}
 *
 * Fields that are not known here are ignored, so that newer functions can say more.
 * Trust: none; every length and name is checked.
 * Thread-safety: may be called from any thread.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_DESCRIBE_H
#define SPROCKET_CONTROLLER_CHAIN_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#define CHAIN_DESCRIBE_ABI 2           /* SP_ABI of functions/sdk/sprocket.h */
#define CHAIN_DESCRIBE_MS 2000         /* time an executable has */
#define CHAIN_DESCRIBE_MAX (64U << 10) /* bytes it may print */
#define CHAIN_WHY_MAX 256

struct chain_key {
	char *name;
	bool required;
};

struct chain_description {
	char **edges;
	size_t edge_count;
	char **calls;
	size_t call_count;
	struct chain_key *config;
	size_t config_count;
};

/* What one executable said, kept: a chain can be read again without running it. */
struct chain_declaration {
	char *exec; /* absolute path */
	char *text; /* what it printed, NUL-terminated; NULL after an error */
	size_t len;
	int error; /* 0 or -errno */
	char *why; /* the sentence of the error, as of chain_describe(); else NULL */
};

struct chain_declarations {
	struct chain_declaration *items;
	size_t count;
};

struct chain_output;

/*
 * Returns 0 and *ret; or -errno, with a sentence in `why` (CHAIN_WHY_MAX bytes) that goes on
 * after the name of the executable: "did not end within 2 s".
 */
int chain_describe(const char *exec, struct chain_description *ret, char *why);

/* As chain_describe(), from what an executable printed. */
int chain_describe_parse(const char *text, size_t len, struct chain_description *ret, char *why);

/* What chain_run() returned for `--describe`, and how the program ended. Returns 0, or -errno
 * and the sentence in `why`. */
int chain_describe_judge(int err, const struct chain_output *output, char *why);

void chain_description_done(struct chain_description *description);

/* The one about `exec`, or NULL. */
const struct chain_declaration *chain_declarations_find(const struct chain_declarations *declared,
							const char *exec);

void chain_declarations_done(struct chain_declarations *declared);

#endif
