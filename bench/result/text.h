/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - the parts of bench_result_print: one run, a sweep, a comparison.
 * Thread-safety: functions of their arguments. */
#ifndef SPROCKET_BENCH_RESULT_TEXT_H
#define SPROCKET_BENCH_RESULT_TEXT_H

#include <stdio.h>

#include <jansson.h>

/* Of an object's member; 0 and "" where there is none. */
static inline double bench_json_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static inline const char *bench_json_text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

void bench_result_print_run(const json_t *document, const json_t *run, FILE *to);
void bench_result_print_sweep(const json_t *document, FILE *to);
void bench_result_print_compare(const json_t *document, FILE *to);

/* CPU of all components together, per request; below 0 where it is not known. */
double bench_result_cpu_us(const json_t *run);

#endif
