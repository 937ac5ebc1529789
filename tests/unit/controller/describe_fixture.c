/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_fixture.c - a program that answers --describe, well or badly.
 *
 * For: test_chain.c, which links it under the names that its chain files use; the name
 * says how it behaves.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *text;
} declarations[] = {
	{ "search", "{\"abi\":2,\"name\":\"search\",\"version\":\"1.0\",\"edges\":"
		    "[\"unknown_plate\"],\"config\":[{\"key\":\"table\",\"default\":\"x\"},"
		    "{\"key\":\"note\"}]}" },
	{ "detect", "{\"abi\":2,\"name\":\"detect\",\"edges\":[],\"config\":"
		    "[{\"key\":\"threshold\",\"default\":\"0.5\"}]}" },
	{ "rated", "{\"abi\":2,\"name\":\"rated\",\"config\":"
		   "[{\"key\":\"rate\",\"required\":true}]}" },
	{ "split", "{\"abi\":2,\"name\":\"split\",\"edges\":[\"found\",\"none\"],"
		   "\"later\":{\"more\":1}}" },
	{ "shop", "{\"abi\":2,\"name\":\"shop\",\"edges\":[\"sold_out\"],\"calls\":"
		  "[\"rates\",\"ads\"]}" },
	{ "garbage", "hello, world" },
	{ "not-object", "[1, 2]" },
	{ "no-abi", "{\"name\":\"no-abi\"}" },
	{ "wrong-abi", "{\"abi\":1,\"name\":\"wrong-abi\"}" },
	{ "edges-no-list", "{\"abi\":2,\"edges\":\"found\"}" },
	{ "edge-no-name", "{\"abi\":2,\"edges\":[\"a b\"]}" },
	{ "edge-twice", "{\"abi\":2,\"edges\":[\"a\",\"a\"]}" },
	{ "calls-no-list", "{\"abi\":2,\"calls\":{}}" },
	{ "call-no-name", "{\"abi\":2,\"calls\":[\"rates\",3]}" },
	{ "call-twice", "{\"abi\":2,\"calls\":[\"rates\",\"ads\",\"rates\"]}" },
	{ "config-no-list", "{\"abi\":2,\"config\":{}}" },
	{ "config-no-name", "{\"abi\":2,\"config\":[{\"default\":\"1\"}]}" },
	{ "silent", "" },
};

static void many_edges(void)
{
	printf("{\"abi\":2,\"edges\":[\"e0\"");
	for (int i = 1; i < 65; i++)
		printf(",\"e%d\"", i);
	printf("]}");
}

static void flood(void)
{
	for (int i = 0; i < 10 << 20; i++)
		putchar('x');
}

/* Leaves a child behind that keeps the output open, and writes down its number. */
static void orphan(bool leaves_group)
{
	pid_t child = fork();
	FILE *file;

	if (child == 0 && leaves_group)
		setsid();
	while (child == 0)
		pause();
	file = fopen("orphan.pid", "w");
	if (file) {
		fprintf(file, "%d\n", child);
		fclose(file);
	}
	printf("{\"abi\":2,\"name\":\"orphan\"}");
}

/* As many children as it can have, up to 1,000. */
static void bomb(void)
{
	static pid_t children[1000];
	int count = 0;

	for (; count < 1000; count++) {
		children[count] = fork();
		while (children[count] == 0)
			pause();
		if (children[count] < 0)
			break;
	}
	printf("{\"abi\":2,\"edges\":[\"%s\"]}", count < 1000 ? "refused" : "made");
	while (count > 0) { /* the leak checker needs room for one more */
		kill(children[--count], SIGKILL);
		waitpid(children[count], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];

	if (argc != 2 || strcmp(argv[1], "--describe"))
		return 2;
	for (size_t i = 0; i < sizeof(declarations) / sizeof(declarations[0]); i++) {
		if (!strcmp(declarations[i].name, name)) {
			fputs(declarations[i].text, stdout);
			return 0;
		}
	}
	if (!strcmp(name, "fails")) {
		fprintf(stderr, "cannot open \033[31mtable.csv\nsecond line\n");
		return 1;
	} else if (!strcmp(name, "dies")) {
		raise(SIGKILL);
	} else if (!strcmp(name, "hangs")) {
		/* Deaf, and with the output closed. */
		signal(SIGTERM, SIG_IGN);
		fclose(stdout);
		for (;;)
			pause();
	} else if (!strcmp(name, "floods")) {
		flood();
	} else if (!strcmp(name, "many-edges")) {
		many_edges();
	} else if (!strcmp(name, "orphan")) {
		orphan(false);
	} else if (!strcmp(name, "runaway")) {
		orphan(true);
	} else if (!strcmp(name, "bomb")) {
		bomb();
	} else if (!strcmp(name, "nosy")) {
		printf("{\"abi\":2,\"edges\":[\"%s\"]}",
		       access("/etc/shadow", R_OK) == 0 ? "read" : "refused");
	} else if (!strcmp(name, "count")) {
		FILE *file = fopen("count.log", "a");

		if (file) {
			fputs("x", file);
			fclose(file);
		}
		printf("{\"abi\":2,\"edges\":[\"e\"]}");
	} else {
		printf("{\"abi\":2,\"name\":\"%s\"}", name);
	}
	return 0;
}
