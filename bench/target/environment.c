// SPDX-License-Identifier: Apache-2.0
/* environment.c - the machine that was measured on, and keeping it quiet: see usage.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/target/process.h"
#include "bench/target/usage.h"

#define AUTOGROUP "/proc/self/autogroup"
#define QUIET "-15" /* of -20 to 19, as nice(2) has it */
#define TEXT_MAX 16384
#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

#ifndef BENCH_H2O_VERSION
#define BENCH_H2O_VERSION "unknown"
#endif
#ifndef BENCH_BUILD
#define BENCH_BUILD "unknown"
#endif

static int put(json_t *object, const char *name, const char *text)
{
	/* What stands in files of others may be no UTF-8. */
	json_t *value = json_string(text);

	return json_object_set_new(object, name, value ? value : json_string("unknown"));
}

/* The first line of a file, "" when there is none. */
static const char *first_line(const char *path, char text[256])
{
	if (bench_proc_read(path, text, 256) < 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* What stands behind "NAME :" in a file of /proc. */
static void field(const char *path, const char *name, char value[256])
{
	static char text[TEXT_MAX];
	const char *at;

	value[0] = '\0';
	if (bench_proc_read(path, text, sizeof(text)) < 0 || !(at = strstr(text, name)))
		return;
	at += strlen(name);
	at += strspn(at, " \t:");
	snprintf(value, 256, "%.*s", (int)strcspn(at, "\n"), at);
}

/* Those that this CPU has, and what is done about them. */
static int put_mitigations(json_t *object)
{
	char path[512], line[256], text[4096] = "";
	size_t len = 0;
	struct dirent **entries;
	int count = scandir(VULNERABILITIES, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.' && len < sizeof(text)) {
			snprintf(path, sizeof(path), VULNERABILITIES "/%s", entries[i]->d_name);
			first_line(path, line);
			if (line[0] && strcmp(line, "Not affected") != 0)
				len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %s",
							len ? "; " : "", entries[i]->d_name, line);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return put(object, "mitigations", count < 0 ? "unknown" : len ? text : "none needed");
}

static int put_cpu(json_t *object)
{
	char model[256], governor[256];
	int r;

	field("/proc/cpuinfo", "model name", model);
	first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor);
	r = put(object, "cpu", model[0] ? model : "unknown");
	r |= json_object_set_new(object, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	r |= put(object, "governor", governor[0] ? governor : "none");
	return r | put_mitigations(object);
}

static int put_hypervisor(json_t *object)
{
	char text[TEXT_MAX], vendor[256], product[256], both[520];

	if (bench_proc_read("/proc/cpuinfo", text, sizeof(text)) > 0 &&
	    !strstr(text, " hypervisor"))
		return put(object, "hypervisor", "none");
	first_line("/sys/class/dmi/id/sys_vendor", vendor);
	first_line("/sys/class/dmi/id/product_name", product);
	snprintf(both, sizeof(both), "%s %s", vendor, product);
	return put(object, "hypervisor", vendor[0] || product[0] ? both : "present");
}

static int put_memory(json_t *object)
{
	char total[256], pages[256], unused[256], size[256], text[600];

	field("/proc/meminfo", "MemTotal", total);
	field("/proc/meminfo", "HugePages_Total", pages);
	field("/proc/meminfo", "HugePages_Free", unused);
	field("/proc/meminfo", "Hugepagesize", size);
	snprintf(text, sizeof(text), "%.20s of %.20s, %.20s free", pages, size, unused);
	return json_object_set_new(object, "memory_kib", json_integer(atoll(total))) |
	       put(object, "hugepages", text);
}

/* What the folder of the program is a checkout of. */
static int put_commit(json_t *object)
{
	char folder[4096], error[BENCH_ERROR_TEXT], *text = NULL;
	const char *const argv[] = { "/usr/bin/git", "-C",      folder,        "describe",
				     "--always",     "--dirty", "--abbrev=12", NULL };
	ssize_t len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	size_t text_len;
	int r;

	folder[len > 0 ? len : 0] = '\0';
	if (strrchr(folder, '/'))
		*strrchr(folder, '/') = '\0';
	if (bench_child_collect(argv, sizeof(folder), &text, &text_len, error) < 0)
		return put(object, "commit", "unknown");
	text[strcspn(text, "\n")] = '\0';
	r = put(object, "commit", text);
	free(text);
	return r;
}

static const char *sanitizers(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return ", address sanitizer";
#elif defined(__SANITIZE_THREAD__)
	return ", thread sanitizer";
#else
	return "";
#endif
}

static int put_build(json_t *object)
{
	char build[128];
	struct utsname name;

	snprintf(build, sizeof(build), BENCH_BUILD "%s", sanitizers());
	return put(object, "build", build) | put_commit(object) |
#ifdef __clang__
	       put(object, "compiler", __VERSION__) |
#else
	       put(object, "compiler", "gcc " __VERSION__) |
#endif
	       put(object, "h2o", BENCH_H2O_VERSION) |
	       put(object, "kernel", uname(&name) == 0 ? name.release : "unknown");
}

/* The words of a command, those with blanks in quotes. */
static int put_command(json_t *object, int argc, char *const *argv)
{
	char text[4096] = "";
	size_t len = 0;

	for (int i = 0; i < argc && len < sizeof(text); i++) {
		const char *quote = argv[i][strcspn(argv[i], " '\"<>&;|$")] || !*argv[i] ? "'" : "";

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s%s", i ? " " : "",
					quote, argv[i], quote);
	}
	return put(object, "command", text);
}

/* The value of an option of the command line. */
static const char *option(int argc, char *const *argv, const char *name)
{
	size_t len = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, len) == 0) {
			if (argv[i][len] == '=')
				return argv[i] + len + 1;
			if (argv[i][len] == '\0' && i + 1 < argc)
				return argv[i + 1];
		}
	return "any";
}

static int put_now(json_t *object)
{
	time_t now = time(NULL);
	char date[64], load[256], group[256];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);
	first_line("/proc/loadavg", load);
	first_line(AUTOGROUP, group);
	return put(object, "date", date) |
	       json_object_set_new(object, "load", json_real(strtod(load, NULL))) |
	       put(object, "autogroup", group[0] ? group : "none");
}

json_t *bench_environment(int argc, char *const *argv)
{
	json_t *object = json_object();

	if (object && (put_build(object) | put_cpu(object) | put_hypervisor(object) |
		       put_memory(object) | put_now(object) | put_command(object, argc, argv) |
		       put(object, "server_cpus", option(argc, argv, "--server-cpu")) |
		       put(object, "client_cpus", option(argc, argv, "--client-cpu"))) != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* ---- quiet ---- */

/* The process that was called: it stays in the terminal's session, where Ctrl-C reaches it, passes
 * on what it gets, and ends as the other one does. */
static _Noreturn void forward(pid_t child, const sigset_t *signals)
{
	int number, status;

	for (;;) {
		if (sigwait(signals, &number) != 0)
			continue;
		if (number != SIGCHLD)
			kill(child, number);
		else if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(128 + WTERMSIG(status));
}

static int group_raise(void)
{
	int fd = open(AUTOGROUP, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, QUIET, strlen(QUIET)) < 0)
		r = -errno;
	close(fd);
	return r;
}

int bench_environment_quiet(void)
{
	static const int passed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD };
	sigset_t signals, old;
	pid_t parent = getpid(), child;

	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		sigaddset(&signals, passed[i]);
	fflush(NULL);
	/* A caller may have had it ignored: then nobody would hear of a child's end. */
	signal(SIGCHLD, SIG_DFL);
	/* Blocked before the fork: what comes in between is passed on, too. */
	sigprocmask(SIG_BLOCK, &signals, &old);
	child = fork();
	if (child > 0)
		forward(child, &signals);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (child < 0)
		return -errno;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || setsid() < 0)
		return -ESRCH;
	return group_raise();
}
