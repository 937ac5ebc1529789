// SPDX-License-Identifier: Apache-2.0
/* A runtime for a deployment: what it is given, and what it tells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/daemon/deployment_private.h"

/* ---- what runtimes tell ---- */

static void on_event(struct runtime *runtime, const char *type, const char *reason,
		     const char *text, void *arg)
{
	struct deployment *d = arg;

	(void)runtime;
	if (strcmp(reason, "Phase") != 0) /* for whoever looks at a start in detail */
		events_add(d->all->options.events, d->name, type, reason, "%s", text);
}

/* Written to what is declared, so that a daemon that starts it anew knows. */
static void rolled_back_keep(struct deployment *d, const struct runtime *runtime)
{
	uint64_t mask = runtime_rolled_back(runtime);
	int r;

	if (runtime != d->runtime || !d->document || (d->changes && d->changes->begun) ||
	    !(mask & ~d->document->rolled_back))
		return;
	d->document->rolled_back = mask;
	r = store_save(d->all->options.store, d->document);
	if (r < 0)
		events_add(d->all->options.events, d->name, "Warning", "State",
			   "the roll-back cannot be written down: %s", strerror(-r));
}

static void on_change(struct runtime *runtime, void *arg)
{
	rolled_back_keep(arg, runtime);
	conditions_update(arg);
}

static void on_state(struct runtime *runtime, void *arg)
{
	struct deployment *d = arg;

	(void)runtime;
	conditions_update(d);
	deployment_tick(d);
}

void deployment_options(struct deployment *d, struct runtime_options *ret)
{
	const struct deployments_options *o = &d->all->options;

	*ret = (struct runtime_options){ .workers = o->workers,
					 .cpu_count = o->cpu_count,
					 .fdstore = o->fdstore,
					 .front = o->front ? o->front_folder : NULL,
					 .core_folder = o->core_folder,
					 .logs = &d->logs,
					 .on_event = on_event,
					 .on_state = on_state,
					 .on_change = on_change,
					 .arg = d };
	memcpy(ret->cpus, o->cpus, sizeof(ret->cpus));
}

/* ---- runtimes ---- */

int deployment_memfd(const struct document *document)
{
	size_t len;
	char *text = document_text(document, &len);
	int fd = text ? memfd_create("sprocket-document", MFD_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, text, len) != (ssize_t)len) {
		close(fd);
		fd = -1;
	}
	free(text);
	return fd;
}

struct runtime *deployment_launch(struct deployment *d, struct chain *chain,
				  const struct document *document, const struct runtime *before)
{
	struct runtime *runtime = runtime_new();
	int listeners[WIRING_WORKER_MAX], memfd = deployment_memfd(document);
	struct runtime_options options;
	char pins[256];

	if (!runtime || memfd < 0) {
		chain_free(chain);
		if (runtime)
			munmap(runtime, sizeof(*runtime));
		if (memfd >= 0)
			close(memfd);
		return NULL;
	}
	deployment_options(d, &options);
	options.incarnation = ++d->all->incarnation;
	options.rolled_back = document->rolled_back;
	snprintf(pins, sizeof(pins), "%s/%s_%u", d->all->options.pins, d->name,
		 options.incarnation);
	options.pins = pins;
	if (before) { /* a worker for each listener: nobody else would accept from it */
		options.workers = before->options.workers;
		options.cpu_count = before->options.cpu_count;
		memcpy(options.cpus, before->options.cpus, sizeof(options.cpus));
	}
	for (uint32_t i = 0; before && i < options.workers; i++)
		listeners[i] = before->workers[i].listener;
	options.listeners = before ? listeners : NULL;
	d->starting = true;
	d->all->starting++;
	runtime_start(runtime, chain, memfd, d->all->options.loop, NULL, &options);
	/* They lie on our stack. */
	runtime->options.pins = NULL;
	runtime->options.listeners = NULL;
	return runtime;
}
