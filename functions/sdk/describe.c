// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/describe.h"

#include <errno.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at `s`, or 0 when it is not one (RFC 3629). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t n = *s >= 0xf0 && *s <= 0xf4 ? 4 : *s >= 0xe0 ? 3 : 2;

	if (*s < 0xc2 || *s > 0xf4 || left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_string(FILE *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	putc('"', out);
	for (size_t i = 0; i < len; i += n) {
		n = 1;
		if (s[i] == '"' || s[i] == '\\') {
			fprintf(out, "\\%c", s[i]);
		} else if (s[i] < 0x20 || s[i] == 0x7f) {
			fprintf(out, "\\u%04x", s[i]);
		} else if (s[i] < 0x80) {
			putc(s[i], out);
		} else {
			n = utf8_length(s + i, len - i);
			if (n > 0)
				fwrite(s + i, 1, n, out);
			else
				fputs("\\ufffd", out);
			n = n ? n : 1;
		}
	}
	putc('"', out);
}

static void put_names(FILE *out, const char *const *names)
{
	for (size_t i = 0; names && names[i]; i++) {
		if (i > 0)
			putc(',', out);
		put_string(out, names[i], strlen(names[i]));
	}
}

/* Entries are "key=default", "key!" (required) or "key". */
static void put_config(FILE *out, const char *entry)
{
	size_t len = strcspn(entry, "=!");

	fputs("{\"key\":", out);
	put_string(out, entry, len);
	if (entry[len] == '!') {
		fputs(",\"required\":true", out);
	} else if (entry[len] == '=') {
		fputs(",\"default\":", out);
		put_string(out, entry + len + 1, strlen(entry + len + 1));
	}
	putc('}', out);
}

int sdk_describe(const sp_function *f, FILE *out)
{
	const char *version = f->version ? f->version : "";

	fprintf(out, "{\"abi\":%u,\"name\":", f->abi);
	put_string(out, f->name, strlen(f->name));
	fputs(",\"version\":", out);
	put_string(out, version, strlen(version));
	fputs(",\"edges\":[", out);
	put_names(out, f->edges);
	fputs("],\"calls\":[", out);
	put_names(out, f->calls);
	fputs("],\"config\":[", out);
	for (size_t i = 0; f->config && f->config[i]; i++) {
		if (i > 0)
			putc(',', out);
		put_config(out, f->config[i]);
	}
	fputs("]}\n", out);
	if (fflush(out) == EOF || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
