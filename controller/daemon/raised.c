// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/raised.h"

#include <stdio.h>
#include <unistd.h>

long raised_read(const char *path)
{
	FILE *file = fopen(path, "re");
	long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%ld", &pages) != 1 || pages < 0)
		pages = 0;
	fclose(file);
	return pages;
}

void raised_write(const char *path, long pages)
{
	FILE *file;

	if (pages == 0) {
		unlink(path);
		return;
	}
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%ld\n", pages);
	fclose(file);
}
