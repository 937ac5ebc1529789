// SPDX-License-Identifier: Apache-2.0
#include "bench/command/subject.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bench/load/explain.h"

#define BODY_DEFAULT 128
#define SPROCKET_ARGS_MAX 1024

static bool is_url(const char *name)
{
	return strncmp(name, "http://", 7) == 0;
}

/* ---- the body ---- */

static int body_read(struct bench_subject *s, const char *path, char error[BENCH_ERROR_TEXT])
{
	FILE *from = fopen(path, "re");
	int r = 0;

	if (!from)
		return bench_explain(error, -EINVAL, "--body @%.100s: %s", path, strerror(errno));
	s->body = malloc(BENCH_ANSWER_MAX + 1UL);
	if (s->body)
		s->body_len = fread(s->body, 1, BENCH_ANSWER_MAX + 1UL, from);
	if (!s->body)
		r = bench_explain(error, -ENOMEM, "no memory for --body @%.100s", path);
	else if (ferror(from))
		r = bench_explain(error, -EINVAL, "--body @%.100s: %s", path, strerror(errno));
	else if (s->body_len > BENCH_ANSWER_MAX)
		r = bench_explain(error, -EINVAL, "--body @%.100s: above 64 MiB", path);
	fclose(from);
	return r;
}

/* Its length is known before the target starts, which makes room for it. */
static int body_choose(struct bench_subject *s, const struct bench_options *o,
		       char error[BENCH_ERROR_TEXT])
{
	if (o->body_file)
		return body_read(s, o->body_file, error);
	s->body_len = o->body_given ? o->body_len : is_url(s->name) ? 0 : BODY_DEFAULT;
	return 0;
}

/* ---- the mix ---- */

int bench_subject_dress(struct bench_subject *s, const struct bench_options *options,
			char error[BENCH_ERROR_TEXT])
{
	for (; s->dressed < s->mix.request_count; s->dressed++) {
		struct bench_request *request = &s->mix.requests[s->dressed];

		if (request->header_count + options->header_count > BENCH_HEADERS_MAX)
			return bench_explain(error, -EINVAL,
					     "--header: at most %u for a request of %s",
					     BENCH_HEADERS_MAX - request->header_count, s->name);
		memcpy(request->headers + request->header_count, options->headers,
		       options->header_count * sizeof(*options->headers));
		request->header_count += options->header_count;
		if (options->verify_given)
			request->verify = options->verify;
	}
	return 0;
}

/* --method, --path, --body @FILE: of the one request there is. */
static int request_change(struct bench_subject *s, const struct bench_options *o,
			  char error[BENCH_ERROR_TEXT])
{
	struct bench_request *request = s->mix.requests;

	if (!o->method && !o->path && !o->body_file)
		return 0;
	if (s->mix.request_count != 1)
		return bench_explain(
			error, -EINVAL,
			"--method, --path and --body go with one request; %s has a mix of %u",
			s->name, s->mix.request_count);
	if (o->body_file) {
		request->body = s->body;
		request->body_len = s->body_len;
		request->filled = false;
	}
	if (o->method)
		request->method = o->method;
	if (o->path)
		request->path = o->path;
	return 0;
}

static int mix_make(struct bench_subject *s, const struct bench_options *o,
		    char error[BENCH_ERROR_TEXT])
{
	int r;

	if (o->mix)
		return bench_mix_read(&s->mix, o->mix, o->page, error);
	r = bench_target_mix(&s->target, s->body_len, &s->mix, &s->protocol, error);
	if (r == 0 && o->page > 0 && bench_mix_choose(&s->mix, o->page) < 0)
		return bench_explain(error, -EINVAL, "--page %u: the mix has %u", o->page,
				     s->mix.visit_count);
	if (r == 0 && o->protocol_given && s->protocol != o->protocol)
		return bench_explain(error, -EINVAL,
				     "%s does not speak what --http says: leave that out", s->name);
	return r < 0 ? r : request_change(s, o, error);
}

static int ask_prepare(struct bench_subject *s, const struct bench_options *o,
		       char error[BENCH_ERROR_TEXT])
{
	int r = mix_make(s, o, error);

	if (r == 0)
		r = bench_subject_dress(s, o, error);
	if (r == 0 && o->streams > 1 && s->protocol != BENCH_H2C)
		return bench_explain(error, -EINVAL, "--streams %u goes with --http 2", o->streams);
	return r;
}

/* ---- the target ---- */

static int target_start(struct bench_subject *s, const struct bench_options *o,
			char error[BENCH_ERROR_TEXT])
{
	struct bench_target_options options = {
		.cpu_count = o->server_cpu_count,
		.trace = o->trace,
		.pid = o->pid,
		.body_len = s->body_len,
	};
	char args[SPROCKET_ARGS_MAX];
	int len = 0;

	if (is_url(s->name) && (o->server_cpu_count || o->workers || o->sprocket_args))
		return bench_explain(
			error, -EINVAL,
			"--server-cpu, --workers and --sprocket-args are for a server that is "
			"started; %.60s runs already",
			s->name);
	if (o->pid && !is_url(s->name))
		return bench_explain(error, -EINVAL,
				     "--pid is for a server that runs already, by its URL");
	if (is_url(s->name) && !o->pid && (o->count || o->idle_ns))
		return bench_explain(error, -EINVAL,
				     "--count and --idle look at the server's processes: name the "
				     "first one by --pid");
	memcpy(options.cpus, o->server_cpus, sizeof(options.cpus));
	if (o->workers)
		len = snprintf(args, sizeof(args), "--workers %u ", o->workers);
	if (snprintf(args + len, sizeof(args) - (size_t)len, "%s",
		     o->sprocket_args ? o->sprocket_args : "") >= (int)sizeof(args) - len)
		return bench_explain(error, -EINVAL, "--sprocket-args: too long");
	options.sprocket_args = args[0] ? args : NULL;
	return bench_target_start(s->name, &options, &s->target, error);
}

int bench_subject_open(const char *name, const struct bench_options *options,
		       struct bench_subject *ret, char error[BENCH_ERROR_TEXT])
{
	struct bench_subject s = { .name = name, .protocol = options->protocol };
	char second[BENCH_ERROR_TEXT];
	int r = body_choose(&s, options, error);

	if (r == 0)
		r = target_start(&s, options, error);
	if (r < 0) {
		free(s.body);
		return r;
	}
	bench_mix_init(&s.mix);
	r = ask_prepare(&s, options, error);
	if (r < 0) {
		bench_subject_close(&s, second); /* the first trouble is the one to tell */
		return r;
	}
	if (s.target.pid > 0)
		s.probe = bench_usage_open(s.target.pid);
	*ret = s;
	return 0;
}

int bench_subject_close(struct bench_subject *s, char error[BENCH_ERROR_TEXT])
{
	int r;

	if (s->probe)
		bench_usage_close(s->probe);
	r = bench_target_stop(&s->target, error);
	bench_mix_done(&s->mix);
	free(s->body);
	return r;
}

bool bench_subject_alive(const struct bench_subject *s)
{
	siginfo_t ended = { 0 };

	if (s->target.pid <= 0)
		return true; /* not known: its answers tell */
	if (!s->target.started)
		return kill(s->target.pid, 0) == 0 || errno == EPERM;
	/* Looked at, not taken away: bench_target_stop waits for it. */
	return waitid(P_PID, (id_t)s->target.pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       ended.si_pid == 0;
}
