/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moody.c - a function that answers with the name of its folder, well or badly as the file `mood`
 * in it says: "ok"; "fail N", "refuse N" (the request's fault), "crash N": every N-th request;
 * "hang": it answers late. For the tests of revisions and breakers: each revision is a folder.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "functions/sdk/sprocket.h"

#define HANG_S 2

static char folder[512];
static char mood_file[600];
static unsigned requests;

static int init(sp_worker *worker, void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%.*s", SP_ARG(sp_folder(worker)));
	snprintf(mood_file, sizeof(mood_file), "%s/mood", folder);
	return 0;
}

static unsigned mood_read(char word[16])
{
	char text[64] = "";
	unsigned every = 1;
	int fd = open(mood_file, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		close(fd);
	}
	word[0] = '\0';
	sscanf(text, "%15s %u", word, &every);
	return every ? every : 1;
}

static sp_verdict handle(sp_request *req, void *state)
{
	const char *slash = strrchr(folder, '/');
	char word[16];
	unsigned every = mood_read(word);

	(void)state;
	if (++requests % every == 0) {
		if (!strcmp(word, "fail"))
			return sp_fail(req, SP_EINTERNAL, "in a bad mood");
		if (!strcmp(word, "refuse"))
			return sp_fail(req, SP_EINPUT, "not like this");
		if (!strcmp(word, "crash"))
			abort();
		if (!strcmp(word, "hang"))
			nanosleep(&(struct timespec){ .tv_sec = HANG_S }, NULL);
	}
	return sp_print(req, "%s", slash ? slash + 1 : folder) < 0 ?
		       sp_fail(req, SP_EINTERNAL, "no room") :
		       SP_NEXT;
}

SP_FUNCTION(.name = "moody", .init = init, .on_request = handle);
