/* SPDX-License-Identifier: Apache-2.0 */
/* out.c - see out.h. */
#include "out.h"

#include <stdio.h>
#include <string.h>

struct out out_start(char *data, size_t size)
{
	return (struct out){ .data = data, .size = size };
}

sp_str out_str(const struct out *out)
{
	return (sp_str){ out->data, out->len };
}

void out_add(struct out *out, sp_str text)
{
	if (text.len > out->size - out->len) {
		out->full = true;
		return;
	}
	if (text.len > 0)
		memcpy(out->data + out->len, text.data, text.len);
	out->len += text.len;
}

void out_number(struct out *out, uint64_t number)
{
	char text[NUMBER_TEXT_MAX + 1];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);

	out_add(out, (sp_str){ text, (size_t)len });
}

void out_json(struct out *out, sp_str text)
{
	out_add(out, SP_S("\""));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		char escaped[8] = { '\\', (char)c };
		size_t len = 2;

		if (c == '\n')
			escaped[1] = 'n';
		else if (c == '\t')
			escaped[1] = 't';
		else if (c < ' ')
			len = (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", c);
		if (c >= ' ' && c != '"' && c != '\\')
			out_add(out, (sp_str){ text.data + i, 1 });
		else
			out_add(out, (sp_str){ escaped, len });
	}
	out_add(out, SP_S("\""));
}

sp_verdict out_finish(const struct out *out, sp_request *req)
{
	if (out->full)
		return sp_fail(req, SP_ETOOBIG, "the answer is too long");
	if (sp_set_body(req, out->data, out->len) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return 0;
}
