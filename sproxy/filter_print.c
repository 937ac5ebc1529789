// SPDX-License-Identifier: Apache-2.0
/*
 * filter_print.c - the filters of gateway, front and plain functions, as C.
 *
 * For: the build. How: they are the same for every chain. To make one is to allocate and free
 * thousands of small blocks, which the heap of the one that serves would keep between those of its
 * requests: it cost each of them time, and the process half a MiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sproxy/filter.h"

static void program_print(const char *name, const struct sock_fprog *p)
{
	printf("static const struct sock_filter %s[] = {\n", name);
	for (unsigned i = 0; i < p->len; i++)
		printf("\t{ 0x%x, %u, %u, 0x%x },\n", (unsigned)p->filter[i].code,
		       (unsigned)p->filter[i].jt, (unsigned)p->filter[i].jf,
		       (unsigned)p->filter[i].k);
	printf("};\n");
}

static int filter_print(const char *name, int (*make)(struct sock_fprog *ret))
{
	struct sock_fprog program;
	int r = make(&program);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", name, strerror(-r));
		return EXIT_FAILURE;
	}
	program_print(name, &program);
	filter_free(&program);
	return EXIT_SUCCESS;
}

static int function(struct sock_fprog *ret)
{
	return filter_function_make(0, ret);
}

int main(void)
{
	int r;

	printf("#include <linux/filter.h>\n");
	r = filter_print("filter_of_gateway", filter_gateway);
	if (r == EXIT_SUCCESS)
		r = filter_print("filter_of_front", filter_front);
	return r == EXIT_SUCCESS ? filter_print("filter_of_function", function) : r;
}
