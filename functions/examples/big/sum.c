/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sum.c - the checksum of a body of any size, read where it lies, in a header of the answer.
 *
 * Config `times`: how often it reads all of it; 0: it does not look at it. Config `answer`:
 * "yes" makes the checksum the body of the answer; for the last of a chain.
 * The checksum: CRC-32 as of zip, gzip and PNG, eight hexadecimal digits. Eight bytes at a time:
 * tables[n] is what a byte does to the checksum that n more bytes follow.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

#define POLYNOMIAL 0xedb88320U

struct sum {
	uint32_t tables[8][256];
	char header[80]; /* x-sum-NAME */
	unsigned long times;
	int answer;
};

static void tables_make(struct sum *sum)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		sum->tables[0][byte] = crc;
	}
	for (int n = 1; n < 8; n++)
		for (uint32_t byte = 0; byte < 256; byte++) {
			uint32_t crc = sum->tables[n - 1][byte];

			sum->tables[n][byte] = crc >> 8 ^ sum->tables[0][crc & 0xff];
		}
}

static uint32_t checksum(const struct sum *sum, const char *data, size_t len)
{
	const uint32_t(*t)[256] = sum->tables;
	uint32_t crc = UINT32_MAX, low, high;
	size_t at = 0;

	for (; at + 8 <= len; at += 8) {
		memcpy(&low, data + at, 4); /* lowest byte first, as all that Sprocket runs on */
		memcpy(&high, data + at + 4, 4);
		low ^= crc;
		crc = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^
		      t[4][low >> 24] ^ t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^
		      t[1][high >> 16 & 0xff] ^ t[0][high >> 24];
	}
	for (; at < len; at++)
		crc = crc >> 8 ^ t[0][(crc ^ (unsigned char)data[at]) & 0xff];
	return ~crc;
}

static int init(sp_worker *worker, void **state)
{
	sp_str times = sp_config(worker, "times"), answer = sp_config(worker, "answer");
	struct sum *sum = calloc(1, sizeof(*sum));
	char *end;

	if (!sum)
		return -ENOMEM;
	sum->times = strtoul(times.data, &end, 10);
	sum->answer = strcmp(answer.data, "yes") == 0;
	if (end == times.data || *end || (!sum->answer && strcmp(answer.data, "no") != 0)) {
		sp_log(NULL, SP_ERROR, "times %s, answer %s: expected a number, yes or no",
		       times.data, answer.data);
		free(sum);
		return -EINVAL;
	}
	tables_make(sum);
	*state = sum;
	return 0;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct sum *sum = state;
	sp_str body = sp_view(req);
	uint32_t crc = 0;
	char text[16];
	sp_str value = { text, 0 };

	for (unsigned long i = 0; i < sum->times; i++) {
		crc = checksum(sum, body.data, body.len);
		/* The compiler must not find out that the next time nothing has changed. */
		__asm__ volatile("" : : : "memory");
	}
	value.len = (size_t)snprintf(text, sizeof(text), "%08" PRIx32, crc);
	if (!sum->header[0])
		snprintf(sum->header, sizeof(sum->header), "x-sum-%.*s",
			 SP_ARG(sp_meta_of(req)->function));
	if (sp_set_header(req, sum->header, value) < 0)
		return sp_fail(req, SP_ETOOBIG, "no room for a header");
	if (sum->answer && sp_set_body(req, value.data, value.len) < 0)
		return sp_fail(req, SP_ETOOBIG, "no room for the answer");
	return SP_NEXT;
}

static const char *const config[] = { "times=1", "answer=no", NULL };

SP_FUNCTION(.name = "sum", .init = init, .fini = free, .on_request = on_request, .config = config);
