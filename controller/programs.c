// SPDX-License-Identifier: Apache-2.0
#include "controller/programs.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

/* The first of `places`, which are relative to the folder of this program, that is
 * there and may be used so: `mode` of access(2). */
static int find_as(int mode, const char *const places[], size_t count, char ret[CHAIN_PATH_MAX])
{
	char self[CHAIN_PATH_MAX], *folder;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	folder = dirname(self);
	for (size_t i = 0; i < count; i++) {
		int len = snprintf(ret, CHAIN_PATH_MAX, "%s/%s", folder, places[i]);

		if (len > 0 && len < CHAIN_PATH_MAX && access(ret, mode) == 0)
			return 0;
	}
	return -ENOENT;
}

static int find(const char *const places[], size_t count, char ret[CHAIN_PATH_MAX])
{
	return find_as(X_OK, places, count, ret);
}

int programs_gateway(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"../libexec/sprocket/sprocket-gateway", /* installed: bin/sprocket */
		"../gateway/sprocket-gateway",          /* build tree: controller/sprocket */
	};

	return find(places, sizeof(places) / sizeof(*places), ret);
}

int programs_inline(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"../libexec/sprocket/sprocket-inline", /* installed: bin/sprocket */
		"sprocket-inline",                     /* build tree: controller/sprocket */
	};

	return find(places, sizeof(places) / sizeof(*places), ret);
}

int programs_daemon(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"sprocketd",               /* installed, and build tree: beside sprocket */
		"../controller/sprocketd", /* build tree: tests/... */
	};

	return find(places, sizeof(places) / sizeof(*places), ret);
}

int programs_fdstore(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"../libexec/sprocket/sprocket-fdstore", /* installed: bin/sprocket */
		"sprocket-fdstore",                     /* build tree: controller/sprocket */
		"../controller/sprocket-fdstore",       /* build tree: tests/... */
	};

	return find(places, sizeof(places) / sizeof(*places), ret);
}

int programs_front(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"../libexec/sprocket/sprocket-front", /* installed: bin/sprocketd */
		"../gateway/sprocket-front",          /* build tree: controller/sprocketd */
		"../../gateway/sprocket-front",       /* build tree: tests/... */
	};

	return find(places, sizeof(places) / sizeof(*places), ret);
}

int programs_gdb_script(char ret[CHAIN_PATH_MAX])
{
	static const char *const places[] = {
		"../share/sprocket/gdb/sprocket.py",   /* installed: bin/sprocket */
		"../functions/sdk/sprocket-gdb.py",    /* build tree: controller/sprocket */
		"../../functions/sdk/sprocket-gdb.py", /* build tree: tests/... */
	};

	return find_as(R_OK, places, sizeof(places) / sizeof(*places), ret);
}
