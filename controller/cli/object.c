// SPDX-License-Identifier: Apache-2.0
/* See object.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "controller/cli/object.h"

#define KEY_MAX 64

json_t *object_get(const json_t *object, const char *place)
{
	while (object && *place) {
		size_t len = strcspn(place, ".");
		char key[KEY_MAX];

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, place, len);
		key[len] = '\0';
		place += len + (place[len] == '.');
		if (!*place)
			return json_object_get(object, key);
		object = json_object_get(object, key);
	}
	return NULL;
}

const char *object_text(const json_t *object, const char *place)
{
	return json_string_value(object_get(object, place));
}

const char *object_number(const json_t *object, const char *place, char *buf)
{
	const json_t *value = object_get(object, place);

	if (!json_is_integer(value))
		return NULL;
	snprintf(buf, OBJECT_NUMBER_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return buf;
}

/* The condition of that type ("Ready"), or NULL. */
static json_t *condition_of(const json_t *chain, const char *type)
{
	size_t i;
	json_t *condition;

	json_array_foreach(object_get(chain, "status.conditions"), i, condition) {
		const char *text = object_text(condition, "type");

		if (text && strcmp(text, type) == 0)
			return condition;
	}
	return NULL;
}

static const char *reason_when(const json_t *chain, const char *type, const char *wanted)
{
	const json_t *condition = condition_of(chain, type);
	const char *status = object_text(condition, "status");
	const char *reason = object_text(condition, "reason");

	return status && strcmp(status, wanted) == 0 && reason ? reason : "";
}

const char *object_reason(const json_t *chain)
{
	const char *degraded = reason_when(chain, "Degraded", "True");

	return *degraded ? degraded : reason_when(chain, "Ready", "False");
}

int object_print_json(const json_t *value, bool one_line, FILE *out)
{
	if (json_dumpf(value, out, one_line ? JSON_COMPACT : JSON_INDENT(2)) < 0)
		return -EIO;
	fputc('\n', out);
	return 0;
}
