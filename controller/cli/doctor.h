/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - the checks of `sprocket doctor`: can this machine run chains, and if not, what
 * to do about it.
 *
 * For: people whose chain does not start, and scripts that prepare a machine.
 * How: each check adds findings to one list, which is then printed as text or JSON. The last
 * check is the real thing: a descriptor through the kernel program, and a forged one.
 * Failure modes: a check that cannot look says so in its finding; none stops the others.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_CLI_DOCTOR_H
#define SPROCKET_CONTROLLER_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DOCTOR_FINDING_MAX 32
#define DOCTOR_TEXT_MAX 512

/* What a finding means: id, and what is printed. */
#define DOCTOR_LEVELS(X)                                \
	X(OK, "ok")     /* as it should be */           \
	X(INFO, "info") /* worth knowing */             \
	X(WARN, "warn") /* chains run, but less well */ \
	X(FAIL, "FAIL") /* chains do not run */

enum doctor_level {
#define X(id, name) DOCTOR_##id,
	DOCTOR_LEVELS(X)
#undef X
};

struct doctor_finding {
	enum doctor_level level;
	const char *name; /* of the check; a literal */
	char text[DOCTOR_TEXT_MAX];
	char fix[DOCTOR_TEXT_MAX]; /* "" = nothing to do */
};

struct doctor {
	size_t count;
	struct doctor_finding findings[DOCTOR_FINDING_MAX];
};

__attribute__((format(printf, 4, 5))) void doctor_add(struct doctor *doctor,
						      enum doctor_level level, const char *name,
						      const char *format, ...);
/* What to do about the finding added last. */
__attribute__((format(printf, 2, 3))) void doctor_fix(struct doctor *doctor, const char *format,
						      ...);

/* The checks: the kernel and our rights; the machine's resources; the live redirect. */
void doctor_kernel(struct doctor *doctor);
void doctor_isolation(struct doctor *doctor);
void doctor_resources(struct doctor *doctor);
void doctor_redirect(struct doctor *doctor);
/* What sprocketd needs beyond that. */
void doctor_daemon(struct doctor *doctor);

struct doctor_chains_options {
	const char *run; /* the daemon's folders */
	const char *pins;
	bool clean;  /* give back what nobody can take over */
	bool chains; /* and end the chains that somebody could */
};

/* What a sprocketd that no longer runs has left; details go to `report`. */
void doctor_chains(struct doctor *doctor, const struct doctor_chains_options *options,
		   FILE *report);

#endif
