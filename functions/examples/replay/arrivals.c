/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals.c - see arrivals.h. */
#include "arrivals.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reading {
	struct arrivals *arrivals;
	const char *folder;
	unsigned line;
	size_t list_size;
	size_t body_size;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct reading *r, int error,
							const char *format, ...)
{
	char *reason = r->arrivals->reason;
	int len = snprintf(reason, ARRIVAL_REASON_MAX, "line %u: ", r->line);
	va_list args;

	va_start(args, format);
	vsnprintf(reason + len, ARRIVAL_REASON_MAX - (size_t)len, format, args);
	va_end(args);
	return error;
}

/* Room for one more of `size` bytes, in a list that doubles. */
static bool list_grow(void **list, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 64;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*list, wanted * size);
	if (!grown)
		return false;
	*list = grown;
	*room = wanted;
	return true;
}

static int file_read(const char *path, struct arrival_body *ret)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	int r = 0;

	if (!file)
		return -errno;
	if (fstat(fileno(file), &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if ((unsigned long)st.st_size > ARRIVAL_BODY_MAX)
		r = -EFBIG;
	else if (!(ret->data = malloc((size_t)st.st_size + 1)))
		r = -ENOMEM;
	if (r == 0) {
		ret->len = fread(ret->data, 1, (size_t)st.st_size, file);
		r = ret->len == (size_t)st.st_size ? 0 : -EIO;
	}
	fclose(file);
	return r;
}

/* The body of a line: a file that may have been read before, or the text itself. */
static int body_find(struct reading *r, const char *text, size_t *ret)
{
	struct arrivals *a = r->arrivals;
	bool is_file = text[0] == '@';
	struct arrival_body *body;
	char path[PATH_MAX];
	int error = 0;

	for (size_t i = 0; is_file && i < a->body_count; i++) {
		*ret = i;
		if (a->bodies[i].name && strcmp(a->bodies[i].name, text + 1) == 0)
			return 0;
	}
	if (!list_grow((void **)&a->bodies, a->body_count, &r->body_size, sizeof(*body)))
		return refuse(r, -ENOMEM, "no memory");
	*ret = a->body_count++;
	body = &a->bodies[*ret];
	*body = (struct arrival_body){ .name = is_file ? strdup(text + 1) : NULL };
	if (is_file) {
		snprintf(path, sizeof(path), "%s%s%s", text[1] == '/' ? "" : r->folder,
			 text[1] == '/' ? "" : "/", text + 1);
		error = file_read(path, body);
	} else {
		body->data = strdup(text);
		body->len = strlen(text);
	}
	if (error < 0)
		return refuse(r, error, "%s: %s", path, strerror(-error));
	return body->data ? 0 : refuse(r, -ENOMEM, "no memory");
}

static int line_parse(struct reading *r, char *line)
{
	struct arrivals *a = r->arrivals;
	struct arrival *arrival = &a->list[a->count];
	char path[ARRIVAL_LINE_MAX];
	int used = 0, error;
	double seconds;

	memset(arrival, 0, sizeof(*arrival));
	if (sscanf(line, "%lf %7[A-Z] %4095s%n", &seconds, arrival->method, path, &used) != 3 ||
	    path[0] != '/')
		return refuse(r, -EINVAL, "expected: SECONDS METHOD /PATH [BODY]");
	if (!(seconds >= 0 && seconds <= ARRIVAL_SECONDS_MAX))
		return refuse(r, -EINVAL, "seconds are from 0 to %.0f", ARRIVAL_SECONDS_MAX);
	arrival->due_ns = (uint64_t)(seconds * 1e9 + 0.5);
	if (a->count > 0 && arrival->due_ns < arrival[-1].due_ns)
		return refuse(r, -EINVAL, "it is before the line above; sort by time: sort -n");
	line += used;
	line += strspn(line, " \t");
	error = body_find(r, line, &arrival->body);
	if (error < 0)
		return error;
	arrival->path = strdup(path);
	if (!arrival->path)
		return refuse(r, -ENOMEM, "no memory");
	a->count++;
	return 0;
}

static int line_take(struct reading *r, char *line)
{
	struct arrivals *a = r->arrivals;
	size_t len = strlen(line);

	if (len + 1 == ARRIVAL_LINE_MAX && line[len - 1] != '\n')
		return refuse(r, -EINVAL, "longer than %u bytes", ARRIVAL_LINE_MAX - 2);
	line[strcspn(line, "\r\n")] = '\0';
	line += strspn(line, " \t");
	if (!line[0] || line[0] == '#')
		return 0;
	if (a->count == ARRIVAL_MAX)
		return refuse(r, -E2BIG, "more than %u requests", ARRIVAL_MAX);
	if (!list_grow((void **)&a->list, a->count, &r->list_size, sizeof(*a->list)))
		return refuse(r, -ENOMEM, "no memory");
	return line_parse(r, line);
}

int arrivals_read(FILE *file, const char *folder, struct arrivals *ret)
{
	struct reading reading = { .arrivals = ret, .folder = folder };
	char line[ARRIVAL_LINE_MAX];
	int error;

	memset(ret, 0, sizeof(*ret));
	for (reading.line = 1; fgets(line, sizeof(line), file); reading.line++) {
		error = line_take(&reading, line);
		if (error < 0)
			return error;
	}
	if (ferror(file))
		return refuse(&reading, -EIO, "cannot be read");
	return ret->count > 0 ? 0 : refuse(&reading, -EINVAL, "there is no request in the file");
}

void arrivals_done(struct arrivals *arrivals)
{
	for (size_t i = 0; i < arrivals->count; i++)
		free(arrivals->list[i].path);
	for (size_t i = 0; i < arrivals->body_count; i++) {
		free(arrivals->bodies[i].name);
		free(arrivals->bodies[i].data);
	}
	free(arrivals->list);
	free(arrivals->bodies);
	memset(arrivals, 0, sizeof(*arrivals));
}
