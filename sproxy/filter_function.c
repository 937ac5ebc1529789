// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sproxy/filter.h"
#include "sproxy/filter_programs.h" /* of filter_print.c */

int filter_function(uint32_t groups, struct sock_fprog *ret)
{
	if (groups != 0)
		return filter_function_make(groups, ret);
	ret->filter = malloc(sizeof(filter_of_function));
	if (!ret->filter)
		return -ENOMEM;
	memcpy(ret->filter, filter_of_function, sizeof(filter_of_function));
	ret->len = sizeof(filter_of_function) / sizeof(*filter_of_function);
	return 0;
}
