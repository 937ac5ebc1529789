/* SPDX-License-Identifier: Apache-2.0 */
/* test_social.h - what the tests of all functions here need. */
#ifndef SOCIAL_TEST_SOCIAL_H
#define SOCIAL_TEST_SOCIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

#define STR(text) ((sp_str){ (text), strlen(text) })

/* Starts it with one value of its configuration; key NULL: with none. */
static inline sp_test *start(const char *key, const char *value)
{
	const char *config[] = { key, value, NULL };

	return sp_test_new(&sp_function_registered, key ? config : NULL);
}

static inline void assert_str(sp_str str, const char *text)
{
	if (!sp_test_equals(str, text))
		fail_msg("\"%.*s\" is not \"%s\"", SP_ARG(str), text);
}

#endif
