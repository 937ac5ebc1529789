// SPDX-License-Identifier: Apache-2.0
/*
 * replay.c - runs a fuzz harness over the files of its corpus, as an ordinary test.
 *
 * How: linked with one harness in place of libFuzzer; takes directories, prints TAP.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns 0, 1 for what is no regular file, -1 when it cannot be read. */
static int replay(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *file;
	size_t n;

	if (stat(path, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return 1;
	file = fopen(path, "rbe");
	if (!file)
		return -1;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		abort();
	n = fread(data, 1, (size_t)st.st_size, file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

static int replay_folder(const char *folder, int *count)
{
	struct dirent **entries;
	int failed = 0, n = scandir(folder, &entries, NULL, alphasort);

	if (n < 0) {
		fprintf(stderr, "%s: cannot be opened\n", folder);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		int r;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		r = replay(path);
		if (r <= 0)
			printf("%sok %d - %s\n", r < 0 ? "not " : "", ++*count, entries[i]->d_name);
		fflush(stdout); /* a crash is in the file after the last line */
		failed |= r < 0;
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	int count = 0, failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay_folder(argv[i], &count);
	printf("1..%d\n", count);
	if (count == 0)
		fprintf(stderr, "no corpus: name at least one folder with files in it\n");
	return failed || count == 0;
}
