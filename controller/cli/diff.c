/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff.c - `sprocket diff`: what `apply` would change.
 *
 * How: the text that is declared and the file's go to diff(1) as two memfds; then sprocketd
 * is asked what it would do. Empty lines before a document only keep its line numbers, and
 * are no difference.
 * Thread-safety: none, it is a command.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/change.h"
#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/declared.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

#define LABEL_MAX 512
#define NO_PROGRAM 127 /* as shells say */

static const char help[] =
	"usage: sprocket diff -f FILE|FOLDER|- [-f ...] [OPTION...]\n"
	"\n"
	"Shows how files differ from what is declared, and what sprocket apply would change.\n"
	"\n"
	"  -f, --filename FILE    what to compare; may be given several times\n" OPTIONS_HELP_SOCKET
	"\n"
	"Exit code: 0 no difference, 1 a difference, 2 wrong arguments, 3 errors in a chain file,\n"
	"4 a right is missing, 5 failed.\n";

static int memory_file(const char *text, size_t len)
{
	int fd = memfd_create("sprocket-diff", 0); /* diff inherits it */

	while (fd >= 0 && len > 0) {
		ssize_t put = write(fd, text, len);

		if (put < 0) {
			close(fd);
			return -1;
		}
		text += put;
		len -= (size_t)put;
	}
	return fd;
}

static void diff_exec(const char *const labels[2], const int fds[2])
{
	char paths[2][32];

	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", fds[i]);
	execlp("diff", "diff", "-u", "--label", labels[0], "--label", labels[1], paths[0], paths[1],
	       (char *)NULL);
	_exit(NO_PROGRAM);
}

/* Runs diff(1). Returns its exit code, or -1. */
static int diff_run(const char *const labels[2], const int fds[2])
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		diff_exec(labels, fds);
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* *ret_differs: do the texts differ? They are shown by diff(1) when they do. */
static int compare(const struct declared *chain, const char *old, bool *ret_differs)
{
	const char *text = chain->text + strspn(chain->text, "\n");
	char before[LABEL_MAX], after[LABEL_MAX];
	const char *const labels[2] = { before, after };
	int fds[2], r;

	old += strspn(old, "\n");
	*ret_differs = strcmp(old, text) != 0;
	if (!*ret_differs)
		return CLI_OK;
	snprintf(before, sizeof(before), "declared/%s", chain->name);
	snprintf(after, sizeof(after), "%s", chain->shown);
	fds[0] = memory_file(old, strlen(old));
	fds[1] = memory_file(text, strlen(text));
	r = fds[0] < 0 || fds[1] < 0 ? -1 : diff_run(labels, fds);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r == NO_PROGRAM)
		fprintf(stderr,
			"sprocket diff: no diff here (apt-get install diffutils): %s differs\n",
			chain->shown);
	else if (r != 1)
		fprintf(stderr, "sprocket diff: diff failed for %s\n", chain->shown);
	return r == 1 || r == NO_PROGRAM ? CLI_OK : CLI_NOT_COMPARED;
}

static int failed(int code)
{
	return code == CLI_FAILED ? CLI_NOT_COMPARED : code;
}

static int diff_one(struct client *client, const struct declared *chain, bool *differs)
{
	struct client_answer answer;
	bool text_differs = false;
	json_t *plan;
	int code =
		client_call(client, "GET", client_path(client, "/v1/chains/%s/file", chain->name),
			    NULL, 0, &answer);

	if (code != CLI_OK)
		return failed(code);
	/* A chain that is not declared yet is compared with nothing. */
	code = answer.status == 404 ? CLI_OK : client_refusal(client, &answer, chain->name);
	if (code == CLI_OK)
		code = compare(chain, answer.status == 404 ? "" : answer.text, &text_differs);
	client_answer_done(&answer);
	if (code != CLI_OK)
		return failed(code);
	code = change_put(client, chain, CHANGE_DRY_RUN, &plan);
	if (code != CLI_OK)
		return failed(code);
	if (strcmp(object_text(plan, "result"), "unchanged") != 0) {
		printf("# chain/%s would be %s\n", chain->name, object_text(plan, "result"));
		change_print_plan(plan, "#   ");
		*differs = true;
	}
	*differs = *differs || text_differs;
	json_decref(plan);
	return CLI_OK;
}

static int diff_all(const struct declared_list *chains)
{
	struct client *client;
	bool differs = false;
	int code = client_open("diff", &client);

	if (code != CLI_OK)
		return failed(code);
	code = failed(chains->code);
	for (size_t i = 0; i < chains->count; i++) {
		int r = diff_one(client, &chains->items[i], &differs);

		code = failed(cli_worse(code, r));
	}
	client_close(client);
	return code == CLI_OK && differs ? CLI_FAILED : code;
}

int cli_diff(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "filename", required_argument, NULL, 'f' },
		OPTIONS_COMMON,
	};
	struct options options = {
		.command = "diff", .help = help, .shorts = "f:h", .longs = longs
	};
	struct declared_list chains = { .command = "diff" };
	bool any = false;
	int code;

	while (options_next(&options, argc, argv) > 0) {
		declared_read(&chains, optarg);
		any = true;
	}
	if (!options.stop && (optind < argc || !any))
		options_wrong(&options, "which files? -f FILE, -f FOLDER, or -f -");
	if (options.stop)
		code = options.code;
	else
		code = chains.count ? diff_all(&chains) : failed(chains.code);
	declared_done(&chains);
	return code;
}
