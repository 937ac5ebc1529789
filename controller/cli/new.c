// SPDX-License-Identifier: Apache-2.0
/*
 * new.c - `sprocket new fn NAME [DIR]`: a folder with a function that works at once.
 *
 * How: the folder is made first and must not exist, so nothing is ever overwritten; when a
 * file cannot be written, what was written is taken away again.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/chain_value.h"
#include "controller/cli/cli.h"
#include "controller/cli/new_templates.h"

#define NAME_MAX_LEN 63

static const struct file {
	const char *name; /* @NAME@ stands for the function's */
	const char *text;
} files[] = {
	{ "@NAME@.c", template_function }, { "test_@NAME@.c", template_test },
	{ "chain.yaml", template_chain },  { "Makefile", template_makefile },
	{ "README.md", template_readme },
};
#define FILES (sizeof(files) / sizeof(*files))

static void usage(FILE *out)
{
	fputs("usage: sprocket new fn NAME [DIR]\n\n"
	      "Writes the folder NAME in DIR (default: here) with a function in C, its unit test,\n"
	      "a chain file, a Makefile and a README. NAME: 1 to 63 of a-z, 0-9 and inner dashes.\n",
	      out);
}

/* Writes `text` with its marks replaced. */
static void expand(FILE *out, const char *text, const char *name)
{
	while (*text) {
		size_t plain = strcspn(text, "@");

		fwrite(text, 1, plain, out);
		text += plain;
		if (strncmp(text, "@NAME@", 6) == 0) {
			fputs(name, out);
			text += 6;
		} else if (strncmp(text, "@ID@", 4) == 0) {
			for (const char *c = name; *c; c++)
				putc(*c == '-' ? '_' : *c, out);
			text += 4;
		} else if (*text) {
			putc(*text++, out);
		}
	}
}

static void file_path(char path[PATH_MAX], const char *folder, const struct file *file,
		      const char *name)
{
	const char *mark = strstr(file->name, "@NAME@");

	if (mark)
		snprintf(path, PATH_MAX, "%s/%.*s%s%s", folder, (int)(mark - file->name),
			 file->name, name, mark + 6);
	else
		snprintf(path, PATH_MAX, "%s/%s", folder, file->name);
}

/* Returns 0 or -errno. */
static int write_file(const char *path, const char *text, const char *name)
{
	FILE *out = fopen(path, "wxe");
	int failed;

	if (!out)
		return -errno;
	expand(out, text, name);
	failed = ferror(out);
	if (fclose(out) == EOF || failed)
		return errno ? -errno : -EIO;
	return 0;
}

static int write_files(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < FILES && r == 0; i++) {
		file_path(path, folder, &files[i], name);
		r = write_file(path, files[i].text, name);
	}
	if (r == 0)
		return 0;
	fprintf(stderr, "sprocket new: %s: %s\n", path, strerror(-r));
	for (size_t i = 0; i < FILES; i++) {
		file_path(path, folder, &files[i], name);
		unlink(path);
	}
	rmdir(folder);
	return r;
}

static int name_check(const char *name)
{
	if (!chain_value_is_label(name))
		fprintf(stderr,
			"sprocket new: function name \"%.80s\" must be 1 to 63 of a-z, 0-9 and inner "
			"dashes\n",
			name);
	else if (!strcmp(name, "ingress") || !strcmp(name, "reply"))
		fprintf(stderr,
			"sprocket new: function name \"%s\" has a meaning of its own in routes: "
			"choose another\n",
			name);
	else
		return 0;
	return -EINVAL;
}

static int create(const char *parent, const char *name)
{
	char folder[PATH_MAX];

	/* Room for the longest file in it: test_NAME.c */
	if (snprintf(folder, sizeof(folder), "%s/%s", parent, name) >=
	    (int)sizeof(folder) - NAME_MAX_LEN - 16) {
		fputs("sprocket new: the path is too long\n", stderr);
		return CLI_FAILED;
	}
	if (mkdir(folder, 0777) < 0) {
		const char *fix = errno == EEXIST ? ": choose another name or folder" :
				  errno == ENOENT ? ": make the folder it is to lie in first" :
						    "";

		fprintf(stderr, "sprocket new: %s: %s%s\n", folder, strerror(errno), fix);
		return CLI_FAILED;
	}
	if (write_files(folder, name) < 0)
		return CLI_FAILED;
	printf("%s: a function, its test and a chain. Next:\n  cd \"%s\"\n  make test\n  make run\n",
	       folder, folder);
	return CLI_OK;
}

int cli_new(int argc, char **argv)
{
	const char *parent = argc > 3 ? argv[3] : ".";

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			usage(stdout);
			return CLI_OK;
		}
	}
	if (argc < 3 || argc > 4 || strcmp(argv[1], "fn") != 0) {
		if (argc > 1 && strcmp(argv[1], "fn") != 0)
			fprintf(stderr, "sprocket new: cannot make \"%s\", only fn\n\n", argv[1]);
		else
			fprintf(stderr, "sprocket new: %s\n\n",
				argc > 4 ? "too many arguments" : "the function's name is missing");
		usage(stderr);
		return CLI_USAGE;
	}
	if (name_check(argv[2]) < 0)
		return CLI_USAGE;
	return create(parent, argv[2]);
}
