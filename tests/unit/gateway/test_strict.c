// SPDX-License-Identifier: Apache-2.0
/* Which heads are refused because two parsers could disagree where the message ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/strict.h"

#define FIELDS_MAX 16

static int parse(const char *fields)
{
	struct phr_header headers[FIELDS_MAX];
	const char *method, *path;
	size_t method_len, path_len, count = FIELDS_MAX;
	char head[512];
	int minor, len;

	len = snprintf(head, sizeof(head), "POST / HTTP/1.1\r\n%s\r\n", fields);
	return phr_parse_request(head, (size_t)len, &method, &method_len, &path, &path_len, &minor,
				 headers, &count, 0) == len ?
		       0 :
		       -1;
}

static void test_accepted(void **state)
{
	(void)state;
	assert_int_equal(parse("Host: a\r\n"), 0);
	assert_int_equal(parse("Host: a\r\nContent-Length: 0\r\n"), 0);
	assert_int_equal(parse("Host: a\r\ncontent-LENGTH: 123456\r\n"), 0);
	assert_int_equal(parse("Host: a\r\nTransfer-Encoding: Chunked\r\n"), 0);
}

static void test_refused(void **state)
{
	static const char *const heads[] = {
		"Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n",
		"Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
		"Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
		"Host: a\r\nContent-Length: 1, 1\r\n",
		"Host: a\r\nContent-Length: +1\r\n",
		"Host: a\r\nContent-Length: 0x1\r\n",
		"Host: a\r\nContent-Length:\r\n",
		"Host: a\r\nContent-Length: 99999999999999999999\r\n",
		"Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
		"Host: a\r\nTransfer-Encoding: xchunked\r\n",
		"Host: a\r\nHost: b\r\n",
		"Host: a\r\nX: b\r\n c\r\n",
		"Host: a\r\nContent-Length : 1\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (parse(heads[i]) == 0)
			fail_msg("accepted: %s", heads[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
