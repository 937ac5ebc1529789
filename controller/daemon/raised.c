// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/raised.h"

#include <stdio.h>
#include <unistd.h>

long raised_read(const char *path, long limit)
{
	FILE *file = fopen(path, "re");
	long pages = 0, more = 0, above = 0;
	int fields;

	if (!file)
		return 0;
	fields = fscanf(file, "%ld %ld %ld", &pages, &more, &above);
	fclose(file);
	if (fields < 1 || pages < 0)
		return 0;
	return fields == 3 && more > 0 && limit >= above + more ? pages + more : pages;
}

void raised_ahead(const char *path, long pages, long change, long limit)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return;
	if (change < 0)
		fprintf(file, "%ld %ld %ld\n", pages + change > 0 ? pages + change : 0, -change,
			limit + change);
	else
		fprintf(file, "%ld %ld %ld\n", pages, change, limit);
	fclose(file);
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
