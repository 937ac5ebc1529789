// SPDX-License-Identifier: Apache-2.0
/* `sprocket-bench`: finds the command. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/command/commands.h"
#include "bench/command/document.h"
#include "bench/command/interrupt.h"
#include "bench/command/options.h"
#include "bench/result/result.h"
#include "bench/target/target.h"
#include "bench/target/usage.h"

#define REPORT_FOLDER "sprocket-bench-report"

static int report(const struct bench_options *o)
{
	const char *folder = o->out ? o->out : REPORT_FOLDER;
	json_t *documents[BENCH_TARGETS_MAX];
	char error[BENCH_ERROR_TEXT];
	unsigned count = 0;
	int r = 0;

	for (; count < o->name_count; count++) {
		documents[count] = bench_result_read(o->names[count], error);
		if (!documents[count]) {
			r = bench_fail("report", -EINVAL, error);
			break;
		}
	}
	if (r == 0) {
		r = bench_report((const json_t *const *)documents, count, folder, error);
		if (r < 0)
			r = bench_fail("report", -EIO, error);
		else
			printf("%s/index.html\n", folder);
	}
	while (count > 0)
		json_decref(documents[--count]);
	return r;
}

static int command(const struct bench_options *o)
{
	if (o->command != BENCH_REPORT && o->command != BENCH_TARGETS) {
		bench_environment_quiet(); /* it measures without that, too */
		bench_interrupt_install();
	}
	switch (o->command) {
	case BENCH_RUN:
		return bench_command_run(o);
	case BENCH_SWEEP:
		return bench_command_sweep(o);
	case BENCH_COMPARE:
		return bench_command_compare(o);
	case BENCH_REPORT:
		return report(o);
	case BENCH_TARGETS:
		fputs(bench_target_help(), stdout);
		return BENCH_GOOD;
	}
	return BENCH_USAGE;
}

/* What was printed must have arrived. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (code != BENCH_UNMEASURED) /* else it was told, with the errno of then */
		fprintf(stderr, "sprocket-bench: cannot write the output: %s\n", strerror(errno));
	return code == BENCH_GOOD ? BENCH_UNMEASURED : code;
}

int main(int argc, char **argv)
{
	struct bench_options options;
	int r = bench_options_parse(argc, argv, &options);

	if (r)
		return finish(r < 0 ? BENCH_GOOD : r);
	r = command(&options);
	bench_options_done(&options);
	return finish(r);
}
