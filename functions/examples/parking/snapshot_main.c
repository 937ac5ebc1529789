/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_main.c - the command `snapshot`: writes a camera picture to a file.
 *
 *     snapshot --plate AB-1234 --bytes 65536 --out car.jpg
 *
 * Exit codes: 0 written; 1 the picture cannot be made or written; 2 wrong arguments.
 */
#include "snapshot.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: snapshot [--plate TEXT | --no-plate] [--width W] [--height H] [--quality Q]\n"
	"                [--seed N] [--noise N] [--bytes TARGET] --out FILE\n"
	"Writes a picture of a parking lot's camera. FILE may be - for standard output.\n"
	"  --plate TEXT    4 to 10 capitals, digits and hyphens (AB-1234)\n"
	"  --width W       160 to 4096 (640), --height H likewise (480)\n"
	"  --quality Q     JPEG quality, 1 to 100 (85); the best allowed with --bytes\n"
	"  --seed N        another car in another place (1)\n"
	"  --noise N       0 to 100 (6)\n"
	"  --bytes TARGET  make the file exactly so long\n";

enum { PLATE, NO_PLATE, WIDTH, HEIGHT, QUALITY, SEED, NOISE, BYTES, OUT, HELP };

static const struct option options[] = {
	{ "plate", required_argument, NULL, PLATE },
	{ "no-plate", no_argument, NULL, NO_PLATE },
	{ "width", required_argument, NULL, WIDTH },
	{ "height", required_argument, NULL, HEIGHT },
	{ "quality", required_argument, NULL, QUALITY },
	{ "seed", required_argument, NULL, SEED },
	{ "noise", required_argument, NULL, NOISE },
	{ "bytes", required_argument, NULL, BYTES },
	{ "out", required_argument, NULL, OUT },
	{ "help", no_argument, NULL, HELP },
	{ 0 },
};

static int bad_usage(const char *what)
{
	fprintf(stderr, "snapshot: %s\n%s", what, usage);
	return 2;
}

/* Returns 0 and *ret, or -EINVAL for what is no number or above `max`. */
static int number_parse(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* Takes an option with a number. */
static int snapshot_set(struct snapshot *snapshot, int option, const char *text)
{
	unsigned long n;

	if (number_parse(text, UINT32_MAX, &n) < 0)
		return -EINVAL;
	switch (option) {
	case WIDTH:
		snapshot->scene.width = (uint32_t)n;
		break;
	case HEIGHT:
		snapshot->scene.height = (uint32_t)n;
		break;
	case QUALITY:
		snapshot->quality = n > 100 ? 0 : (int)n;
		break;
	case SEED:
		snapshot->scene.seed = (uint32_t)n;
		break;
	case NOISE:
		snapshot->scene.noise = (uint32_t)n;
		break;
	default:
		snapshot->bytes = n;
		break;
	}
	return 0;
}

static const char *failure_text(int error)
{
	switch (error) {
	case -EINVAL:
		return "plate, size, quality or noise out of range (see --help)";
	case -ERANGE:
		return "the plate does not fit: use a larger picture or a shorter text";
	case -EMSGSIZE:
		return "no such picture has so few bytes, or so many: change --bytes, --width "
		       "or --noise";
	default:
		return strerror(-error);
	}
}

static int write_file(const char *path, const uint8_t *data, size_t len)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
	size_t written;

	if (!file)
		return -errno;
	written = fwrite(data, 1, len, file);
	if (fclose(file) != 0 || written != len)
		return errno ? -errno : -EIO;
	return 0;
}

static int write_snapshot(const struct snapshot *snapshot, const char *path)
{
	uint8_t *data;
	size_t len;
	int r = snapshot_make(snapshot, &data, &len);

	if (r < 0) {
		fprintf(stderr, "snapshot: %s\n", failure_text(r));
		return 1;
	}
	r = write_file(path, data, len);
	free(data);
	if (r < 0)
		fprintf(stderr, "snapshot: %s: %s\n", path, strerror(-r));
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct snapshot snapshot = snapshot_default;
	const char *out = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == HELP)
			return fputs(usage, stdout) < 0;
		if (option == '?')
			return bad_usage("unknown option, or one without its value");
		if (option == PLATE)
			snapshot.scene.plate = optarg;
		else if (option == NO_PLATE)
			snapshot.scene.plate = NULL;
		else if (option == OUT)
			out = optarg;
		else if (snapshot_set(&snapshot, option, optarg) < 0)
			return bad_usage("not a number");
	}
	if (!out)
		return bad_usage("--out is missing: where shall the picture go?");
	if (optind < argc)
		return bad_usage("too many arguments");
	return write_snapshot(&snapshot, out);
}
