// SPDX-License-Identifier: Apache-2.0
#include "gateway/next.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void *gw_next_find(void **cache, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found) {
		fprintf(stderr,
			"sprocket: libh2o has no %s: it must be the shared library, version 2.2\n",
			name);
		abort();
	}
	__atomic_store_n(cache, found, __ATOMIC_RELAXED);
	return found;
}
