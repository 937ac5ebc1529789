// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/utf8.h"

#include <stdlib.h>

json_t *utf8_json(const char *text, size_t len)
{
	json_t *json = json_stringn(text, len);
	char *copy;

	if (json)
		return json;
	copy = malloc(len + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < len; i++)
		copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	json = json_stringn(copy, len);
	free(copy);
	return json;
}
