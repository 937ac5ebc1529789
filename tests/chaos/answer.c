// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/chaos/client.h"

static bool field_is(const char *line, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || line[len] != ':')
		return false;
	*value = line + len + 1 + strspn(line + len + 1, " ");
	return true;
}

static int head_parse(struct answer *a, char *end)
{
	const char *value;
	bool sized = false;
	char *line = a->text;

	if (sscanf(a->text, "HTTP/1.1 %3d ", &a->status) != 1 || a->status < 200)
		return -EBADMSG;
	while ((line = strstr(line, "\r\n")) && line < end) {
		line += 2;
		if (field_is(line, "content-length", &value)) {
			if (sized)
				return -EBADMSG;
			sized = true;
			a->body_len = strtoul(value, NULL, 10);
		} else if (field_is(line, "connection", &value)) {
			a->close = strncasecmp(value, "close", 5) == 0;
		} else if (field_is(line, "content-type", &value)) {
			a->problem = strncmp(value, "application/problem+json", 24) == 0;
		}
	}
	a->head_len = (size_t)(end - a->text) + 4;
	return sized && a->head_len + a->body_len <= ANSWER_MAX ? 0 : -EBADMSG;
}

void answer_init(struct answer *a)
{
	a->len = a->head_len = a->body_len = 0;
	a->status = 0;
	a->whole = a->close = a->problem = false;
}

int answer_parse(struct answer *a)
{
	char *end;
	int r;

	a->text[a->len] = '\0';
	if (a->head_len == 0) {
		end = strstr(a->text, "\r\n\r\n");
		if (!end)
			return a->len < ANSWER_MAX ? 0 : -EBADMSG;
		r = head_parse(a, end);
		if (r < 0)
			return r;
	}
	a->whole = a->len >= a->head_len + a->body_len;
	return 0;
}

static enum outcome problem_judge(const char *body, char reason[REASON_SIZE])
{
	static const char key[] = "\"reason\":\"";
	const char *at = strstr(body, key);
	size_t len;

	if (!at)
		return OUTCOME_unexplained;
	at += sizeof(key) - 1;
	len = strcspn(at, "\"");
	if (len == 0)
		return OUTCOME_unexplained;
	snprintf(reason, REASON_SIZE, "%.*s", (int)len, at);
	return OUTCOME_problem;
}

enum outcome answer_judge(const struct answer *a, const char *body, enum expect expect,
			  char reason[REASON_SIZE])
{
	const char *got = a->text + a->head_len;

	if (a->status >= 300)
		return a->problem ? problem_judge(got, reason) : OUTCOME_unexplained;
	if (expect == EXPECT_ANY)
		return OUTCOME_ok;
	if (expect == EXPECT_HAS)
		return memmem(got, a->body_len, body, NONCE_SIZE) ? OUTCOME_ok : OUTCOME_wrong;
	return a->body_len == BODY_SIZE && memcmp(got, body, BODY_SIZE) == 0 ? OUTCOME_ok :
									       OUTCOME_wrong;
}

int kind_parse(const char *text, struct kind *ret)
{
	char expect[8] = "";
	int at = 0;

	memset(ret, 0, sizeof(*ret));
	if (sscanf(text, "%u %7s %127s %n", &ret->weight, expect, ret->path, &at) != 3)
		return -EINVAL;
	if (text[at] && snprintf(ret->header, sizeof(ret->header), "%s\r\n", text + at) >=
				(int)sizeof(ret->header))
		return -EINVAL;
	if (strcmp(expect, "echo") == 0)
		ret->expect = EXPECT_ECHO;
	else if (strcmp(expect, "has") == 0)
		ret->expect = EXPECT_HAS;
	else if (strcmp(expect, "any") == 0)
		ret->expect = EXPECT_ANY;
	else
		return -EINVAL;
	return ret->weight > 0 ? 0 : -EINVAL;
}
