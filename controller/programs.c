// SPDX-License-Identifier: Apache-2.0
#include "controller/programs.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

int programs_gateway(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"../libexec/sprocket/sprocket-gateway", /* installed: bin/sprocket */
		"../gateway/sprocket-gateway",          /* build tree: controller/sprocket */
	};
	char self[CHAIN_PATH_MAX], *folder;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	folder = dirname(self);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int len = snprintf(ret, CHAIN_PATH_MAX, "%s/%s", folder, places[i]);

		if (len > 0 && len < CHAIN_PATH_MAX && access(ret, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}
