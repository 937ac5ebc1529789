// SPDX-License-Identifier: Apache-2.0
/* target_places.c - where programs and examples lie; see target_names.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/explain.h"
#include "bench/target/target_names.h"

static const struct {
	const char *built, *installed; /* below the build folder; beside our program */
} places[] = {
	[BENCH_PLACE_SPROCKET] = { "/controller", "" },
	[BENCH_PLACE_EXAMPLES] = { "/functions/examples", "/../share/sprocket/examples" },
	[BENCH_PLACE_PEERS] = { "/bench/baselines", "" },
};

/* The folder that our own program lies in. */
static void own_folder(char folder[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);

	folder[len > 0 ? len : 0] = '\0';
	if (strrchr(folder, '/'))
		*strrchr(folder, '/') = '\0';
}

/* The build folder; false: there is none, we are installed in `folder`. */
static bool find_build(char folder[PATH_MAX])
{
	const char *build = getenv("SPROCKET_BUILD");
	char *slash, program[PATH_MAX + 32];

	if (build && *build) {
		/* Chain files are also read from elsewhere than our working directory. */
		if (!realpath(build, folder))
			snprintf(folder, PATH_MAX, "%s", build);
		return true;
	}
	own_folder(folder);
	slash = strrchr(folder, '/');
	if (!slash)
		return false;
	*slash = '\0';
	snprintf(program, sizeof(program), "%s/controller/sprocket", folder);
	if (access(program, X_OK) == 0)
		return true;
	*slash = '/';
	return false;
}

int bench_target_place(enum bench_place place, const char *file, char path[PATH_MAX])
{
	char folder[PATH_MAX];
	bool built = find_build(folder);
	int len = snprintf(path, PATH_MAX, "%s%s/%s", folder,
			   built ? places[place].built : places[place].installed, file);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int bench_target_example(const char *file, char path[PATH_MAX], char error[BENCH_ERROR_TEXT])
{
	int r = bench_target_place(BENCH_PLACE_EXAMPLES, file, path);

	if (r == 0 && access(path, R_OK) == 0)
		return 0;
	return bench_explain(
		error, -ENOENT,
		"no %.180s: run `make build`, or set SPROCKET_BUILD to a build folder%s", path,
		strstr(file, "fan-k/") ? " (fans are of 1, 2, 4, 9, 16, 32)" : "");
}
