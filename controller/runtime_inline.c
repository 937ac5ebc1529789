// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_inline.c - all functions of a chain in one process, the host (inline/inline.h).
 *
 * How: an instance is as ever, but its process is the host's: what ends one ends all, and then
 * the run. A thread that ends is told by the host, its death by its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/inline/inline.h"
#include "controller/logstore_text.h"
#include "controller/programs.h"
#include "controller/runtime_private.h"

static void folder_remove(struct host_state *host)
{
	DIR *folder = host->folder[0] ? opendir(host->folder) : NULL;
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0); /* "." and ".." cannot be */
	if (folder)
		closedir(folder);
	if (host->folder[0])
		rmdir(host->folder);
	host->folder[0] = '\0';
}

/* The programs' copies outlive a killed run: those of libsprocket too, by their numbers. */
static void folder_record(const struct runtime *runtime)
{
	char path[sizeof(runtime->host.folder) + CHAIN_NAME_MAX + 1];

	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++) {
		snprintf(path, sizeof(path), "%s/%s", runtime->host.folder,
			 runtime_fn_name(runtime, fn));
		runstate_add_path(runtime->runstate, path);
		snprintf(path, sizeof(path), "%s/" INLINE_SDK_FORMAT, runtime->host.folder, fn);
		runstate_add_path(runtime->runstate, path);
	}
	runstate_add_path(runtime->runstate, runtime->host.folder);
}

static int folder_make(struct runtime *runtime)
{
	struct host_state *host = &runtime->host;
	const char *place = getenv("TMPDIR");
	int n = snprintf(host->folder, sizeof(host->folder), "%s/sprocket-inline-XXXXXX",
			 place && *place == '/' ? place : "/tmp");

	if (n >= (int)sizeof(host->folder) || !mkdtemp(host->folder)) {
		runtime_warn(runtime, "Inline", "cannot make a folder in %s: %s",
			     place ? place : "/tmp",
			     strerror(n >= (int)sizeof(host->folder) ? ENAMETOOLONG : errno));
		host->folder[0] = '\0';
		return -EIO;
	}
	if (runtime->runstate)
		folder_record(runtime);
	return 0;
}

/* One process has one environment. */
static int env_join(struct runtime *runtime, struct chain_pairs *ret)
{
	const struct chain *chain = runtime->chain;

	for (uint32_t i = 0; i < chain->function_count; i++) {
		const struct chain_pairs *env = &chain->functions[i].env;

		for (size_t n = 0; n < env->count; n++) {
			const struct chain_pair *pair = &env->items[n];
			struct chain_pair *more;
			size_t at = 0;

			while (at < ret->count && strcmp(ret->items[at].key, pair->key) != 0)
				at++;
			if (at < ret->count && strcmp(ret->items[at].value, pair->value) != 0) {
				runtime_warn(runtime, "Inline",
					     "env %s of %s differs from another function's: one "
					     "process has one environment, use config: instead",
					     pair->key, chain->functions[i].name);
				return -EINVAL;
			}
			if (at < ret->count)
				continue;
			more = realloc(ret->items, (ret->count + 1) * sizeof(*more));
			if (!more)
				return -ENOMEM;
			ret->items = more;
			ret->items[ret->count++] = *pair;
		}
	}
	return 0;
}

/* ---- what it says ---- */

static struct instance *thread_of(struct runtime *runtime, uint32_t slot)
{
	struct instance *instance = slots_instance(runtime, slot);

	return instance && instance->process.pid > 0 ? instance : NULL;
}

static void on_message(struct runtime *runtime, struct wiring_msg *msg)
{
	struct host_state *host = &runtime->host;
	struct instance *instance;

	msg->text[sizeof(msg->text) - 1] = '\0';
	logstore_text_line(msg->text);
	switch (msg->type) {
	case INLINE_LOADED:
		if (host->debugged)
			runtime->options.on_loaded(runtime, host->process.pid,
						   runtime->options.arg);
		break;
	case INLINE_ENDED:
		instance = thread_of(runtime, msg->slot);
		if (!instance)
			break;
		instance_wiring_drain(instance);
		instance_ended(instance, (int)msg->count, "its thread ended");
		break;
	case INLINE_DIED:
		if (!host->why[0])
			snprintf(host->why, sizeof(host->why), "%s%s%.64s",
				 msg->count ? "" : "exit() was called ",
				 msg->text[0] ? "in function " : "in a thread of no function",
				 msg->text);
		break;
	default:
		break;
	}
}

static bool message_read(struct runtime *runtime)
{
	struct wiring_msg msg;
	ssize_t n = wiring_receive(runtime->host.process.wiring, &msg, sizeof(msg), NULL, 0, NULL);

	if (n == sizeof(msg))
		on_message(runtime, &msg);
	return n > 0;
}

static void on_wiring(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;

	(void)events;
	if (!message_read(runtime))
		loop_remove(runtime->loop, &runtime->host.on_wiring); /* its exit follows */
}

static void on_log(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;

	(void)events;
	if (logs_read(&runtime->host.logs, runtime->host.process.log))
		loop_remove(runtime->loop, &runtime->host.on_log);
}

/* ---- its end ---- */

static void process_forget(struct runtime *runtime)
{
	struct host_state *host = &runtime->host;

	logs_drain(&host->logs, host->process.log);
	if (runtime->runstate)
		runstate_remove_child(runtime->runstate, host->process.pid);
	loop_remove(runtime->loop, &host->on_exit);
	loop_remove(runtime->loop, &host->on_wiring);
	loop_remove(runtime->loop, &host->on_log);
	process_done(&host->process);
	folder_remove(host);
}

static bool any_thread(const struct runtime *runtime)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid > 0)
			return true;
	return false;
}

static void on_end(void *arg, uint32_t events)
{
	struct runtime *runtime = arg;
	struct host_state *host = &runtime->host;
	char how[96];
	int status = process_reap(&host->process, how, sizeof(how));

	(void)events;
	while (message_read(runtime)) /* its last words */
		continue;
	host->debugged = false;
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid > 0)
			instance_wiring_drain(&runtime->instances[slot]);
	if (any_thread(runtime) && runtime->result == 0) {
		runtime_warn(runtime, "InlineDied",
			     "the process with all functions died: %s%s%s; the run ends", how,
			     host->why[0] ? ", " : "", host->why);
		runtime_fail(runtime, "the process with all functions died");
	}
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid > 0)
			instance_ended(&runtime->instances[slot], status, how);
	process_forget(runtime);
	runtime_child_gone(runtime);
}

void host_debug_end(struct runtime *runtime)
{
	struct wiring_msg thaw = { .type = WIRING_FREEZE, .count = 0 };

	if (!runtime->host.debugged)
		return;
	runtime->host.debugged = false;
	/* As gdb found it stopped, it leaves it stopped. */
	pidfd_send_signal(runtime->host.process.pidfd, SIGCONT, NULL, 0);
	gateway_send(runtime, &thaw);
}

/* ---- its start ---- */

static int sources_add(struct runtime *runtime)
{
	struct host_state *host = &runtime->host;
	int r;

	host->on_exit = (struct loop_source){ host->process.pidfd, on_end, runtime };
	host->on_wiring = (struct loop_source){ host->process.wiring, on_wiring, runtime };
	host->on_log = (struct loop_source){ host->process.log, on_log, runtime };
	logs_init(&host->logs, "inline", runtime->options.logs);
	fcntl(host->process.wiring, F_SETFL, O_NONBLOCK);
	r = loop_add(runtime->loop, &host->on_exit, EPOLLIN);
	if (r == 0)
		r = loop_add(runtime->loop, &host->on_wiring, EPOLLIN);
	return r == 0 ? loop_add(runtime->loop, &host->on_log, EPOLLIN) : r;
}

static int process_begin(struct runtime *runtime, const struct chain_pairs *env)
{
	struct host_state *host = &runtime->host;
	char path[CHAIN_PATH_MAX];
	struct process_spec spec = { .path = path,
				     .name = "sprocket-inline",
				     .cpus = runtime->options.cpus,
				     .cpu_count = runtime->options.cpu_count,
				     .env = env,
				     .exec_fd = -1 };
	int r = programs_inline(path);

	if (r < 0) {
		runtime_warn(runtime, "Inline", "cannot find sprocket-inline beside this program");
		return r;
	}
	r = process_start(&spec, &host->process);
	if (r < 0)
		return r;
	runtime->children++;
	host->debugged = runtime->options.on_loaded;
	if (runtime->runstate)
		runstate_add_child(runtime->runstate, host->process.pid);
	return sources_add(runtime);
}

int host_start(struct runtime *runtime)
{
	struct chain_pairs env = { 0 };
	int r = env_join(runtime, &env);

	if (r == 0)
		r = folder_make(runtime);
	if (r == 0)
		r = process_begin(runtime, &env);
	free(env.items); /* what they name is the chain's */
	if (runtime->host.process.pid <= 0)
		folder_remove(&runtime->host);
	return r;
}

int host_go(struct runtime *runtime)
{
	const struct wiring_msg go = { .type = INLINE_GO, .count = runtime->host.debugged };

	return wiring_send(runtime->host.process.wiring, &go, sizeof(go), NULL, 0);
}

static int function_send(struct instance *instance, const struct chain *chain, int wiring, int log)
{
	const struct chain_function *f = &chain->functions[instance->fn - 1];
	struct inline_function *message = calloc(1, sizeof(*message));
	const int fds[INLINE_FDS] = { [INLINE_FD_WIRING] = wiring,
				      [INLINE_FD_LOG] = log,
				      [INLINE_FD_EXEC] = instance->revision->exec_fd };
	int r;

	if (!message)
		return -ENOMEM;
	message->type = INLINE_FUNCTION;
	message->slot = instance->slot;
	message->cpu = slots_cpu(instance, 0);
	message->fn = instance->fn;
	snprintf(message->name, sizeof(message->name), "%s", f->name);
	snprintf(message->folder, sizeof(message->folder), "%s", instance->runtime->host.folder);
	snprintf(message->path, sizeof(message->path), "%s", f->exec);
	r = wiring_send(instance->runtime->host.process.wiring, message, sizeof(*message), fds,
			INLINE_FDS);
	free(message);
	return r;
}

int host_add(struct instance *instance, const struct chain *chain)
{
	const struct process *host = &instance->runtime->host.process;
	int wiring[2] = { -1, -1 }, log[2] = { -1, -1 }, r = 0;
	int pidfd = fcntl(host->pidfd, F_DUPFD_CLOEXEC, 3);

	if (pidfd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wiring) < 0 ||
	    fcntl(wiring[0], F_SETFL, O_NONBLOCK) < 0 || pipe2(log, O_CLOEXEC) < 0 ||
	    fcntl(log[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = function_send(instance, chain, wiring[1], log[1]);
	for (int i = 0; i < 2; i++) {
		if (wiring[i] >= 0 && (i == 1 || r < 0))
			close(wiring[i]);
		if (log[i] >= 0 && (i == 1 || r < 0))
			close(log[i]);
	}
	if (r < 0 && pidfd >= 0)
		close(pidfd);
	if (r == 0)
		instance->process = (struct process){
			.pid = host->pid, .pidfd = pidfd, .wiring = wiring[0], .log = log[0]
		};
	return r;
}
