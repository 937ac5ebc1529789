// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/doctor.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bpf/wire.h"
#include "controller/cgroup.h"
#include "controller/chain_yaml.h"
#include "controller/cli/cli.h"
#include "controller/daemon/api.h"
#include "controller/daemon/tap_stream.h"
#include "controller/fdstore.h"
#include "controller/logs.h"
#include "controller/logstore.h"
#include "controller/runstate.h"
#include "gateway/front/front_wiring.h"
#include "shm/buffer.h"
#include "shm/layout.h"
#include "sproxy/rule.h"
#include "sproxy/wiring.h"

#define LEFT_OVERS "left-overs"
#define DAEMON_RUN "/run/sprocket" /* as sprocketd has them */
#define DAEMON_PINS "/sys/fs/bpf/sprocket"

static const char usage[] =
	"usage: sprocket doctor [--clean [--chains]] [--run DIR] [--pins DIR] [--json]\n"
	"\n"
	"Checks whether this machine can run chains, with the fix for whatever is wrong.\n"
	"  --clean  give back what killed runs left: processes, hugepage limit, files\n"
	"  --chains with --clean: end chains that a sprocketd left which no longer runs,\n"
	"           and which the next one would take over\n"
	"  --run    that daemon's run folder (" DAEMON_RUN ")\n"
	"  --pins   that daemon's folder of pins (" DAEMON_PINS ")\n"
	"  --json   print one JSON document\n"
	"Exit code: 0 fine, warnings allowed; 1 something failed; 2 wrong usage.\n";

static const struct {
	const char *name;
	uint64_t value;
	const char *text;
} limits[] = {
	{ "functions", SP_FN_MAX - 1, "of a chain" },
	{ "instances", SP_INST_MAX - 1, "of a chain, gateway workers among them" },
	{ "instances_of_function", SP_FN_INST_MAX, "that requests are spread over" },
	{ "edges_of_function", SP_EDGE_MAX, "" },
	{ "rules_of_function", RULE_MAX, "routes with or without a condition" },
	{ "hops_stamped", SP_HOPS_MAX, "of a request's path" },
	{ "descriptors_per_send", SP_BATCH_MAX, "" },
	{ "buffers", SHM_BUFFER_COUNT_MAX, "of a pool" },
	{ "buffer_sizes", SHM_CLASS_MAX, "of a pool" },
	{ "buffer_bytes_min", SHM_SIZE_MIN, "" },
	{ "buffer_bytes_max", SHM_SIZE_MAX, "" },
	{ "meta_bytes", SHM_META_ROOM, "for path and headers, beside the payload" },
	{ "header_name_bytes", SHM_NAME_MAX, "" },
	{ "header_value_bytes", SHM_VALUE_MAX, "" },
	{ "gateway_workers", WIRING_WORKER_MAX, "of a chain" },
	{ "ingresses", WIRING_INGRESS_MAX, "of a chain" },
	{ "config_keys", WIRING_CONFIG_MAX, "of a function" },
	{ "chain_file_bytes", CHAIN_FILE_MAX, "" },
	{ "histogram_buckets", SP_HIST_BUCKETS, "from 1 us to 58.7 s, and an open one" },
	{ "front_routes", FRONT_ROUTE_MAX, "hosts and paths of all chains" },
	{ "api_clients", API_CLIENT_MAX, "of sprocketd at once" },
	{ "api_clients_of_user", API_SHARE_MAX, "other than root" },
	{ "api_changes", API_CHANGE_MAX, "under way at once" },
	{ "events", EVENTS_MAX, "kept by sprocketd" },
	{ "taps", TAP_STREAM_LISTENERS_MAX, "at once" },
	{ "log_lines_per_s", LOGS_RATE, "of an instance, in the long run" },
	{ "log_file_bytes", LOGSTORE_FILE_MAX, "of each instance, and three old files" },
	{ "fdstore_entry_bytes", FDSTORE_DATA_MAX, "" },
	{ "fdstore_entry_fds", FDSTORE_FD_MAX, "" },
};

static const char *level_name(enum doctor_level level)
{
	static const char *const names[] = {
#define X(id, name) [DOCTOR_##id] = (name),
		DOCTOR_LEVELS(X)
#undef X
	};

	return names[level];
}

void doctor_add(struct doctor *doctor, enum doctor_level level, const char *name,
		const char *format, ...)
{
	struct doctor_finding *finding;
	va_list args;

	if (doctor->count == DOCTOR_FINDING_MAX)
		abort(); /* more checks were written than the list was made for */
	finding = &doctor->findings[doctor->count++];
	finding->level = level;
	finding->name = name;
	finding->fix[0] = '\0';
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

void doctor_fix(struct doctor *doctor, const char *format, ...)
{
	struct doctor_finding *finding = &doctor->findings[doctor->count - 1];
	va_list args;

	va_start(args, format);
	vsnprintf(finding->fix, sizeof(finding->fix), format, args);
	va_end(args);
}

/* What killed runs left; `report` gets the details. */
static void check_left_overs(struct doctor *doctor, bool clean, FILE *report)
{
	int count = runstate_clean(report, !clean);

	if (count >= 0) /* once their processes are gone */
		count += cgroup_clean(report, !clean);

	if (count < 0) {
		doctor_add(doctor, DOCTOR_FAIL, LEFT_OVERS, "cannot look: %s", strerror(-count));
	} else if (count == 0) {
		doctor_add(doctor, DOCTOR_OK, LEFT_OVERS, "none of killed runs");
	} else if (clean) {
		doctor_add(doctor, DOCTOR_FAIL, LEFT_OVERS,
			   "%d killed run%s could not be cleaned up", count, count == 1 ? "" : "s");
		doctor_fix(doctor, "sudo sprocket doctor --clean");
	} else {
		doctor_add(doctor, DOCTOR_WARN, LEFT_OVERS, "of %d killed run%s", count,
			   count == 1 ? "" : "s");
		doctor_fix(doctor, "sprocket doctor --clean");
	}
}

static size_t level_count(const struct doctor *doctor, enum doctor_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->count; i++)
		count += doctor->findings[i].level == level;
	return count;
}

static void print_text(const struct doctor *doctor, const char *report)
{
	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		printf("%-4s  %-12s  %s\n", level_name(finding->level), finding->name,
		       finding->text);
		if (finding->fix[0])
			printf("%20sfix: %s\n", "", finding->fix);
		if (strcmp(finding->name, LEFT_OVERS) == 0)
			fputs(report, stdout);
	}
	printf("\nlimits:\n");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		printf("%10llu  %s%s%s\n", (unsigned long long)limits[i].value, limits[i].name,
		       limits[i].text[0] ? ", " : "", limits[i].text);
	printf("\n%zu failed, %zu warnings\n", level_count(doctor, DOCTOR_FAIL),
	       level_count(doctor, DOCTOR_WARN));
}

static json_t *report_json(const char *report)
{
	json_t *lines = json_array();

	while (*report) {
		size_t len = strcspn(report, "\n");

		json_array_append_new(lines, json_stringn(report, len));
		report += len + (report[len] == '\n');
	}
	return lines;
}

static json_t *findings_json(const struct doctor *doctor)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];
		const char *level =
			finding->level == DOCTOR_FAIL ? "fail" : level_name(finding->level);

		json_array_append_new(checks, json_pack("{s:s, s:s, s:s, s:s}", "check",
							finding->name, "level", level, "text",
							finding->text, "fix", finding->fix));
	}
	return checks;
}

static int print_json(const struct doctor *doctor, const char *report)
{
	json_t *numbers = json_object(), *root;
	int r;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		json_object_set_new(numbers, limits[i].name,
				    json_integer((json_int_t)limits[i].value));
	root = json_pack("{s:b, s:o, s:o, s:o}", "ok", level_count(doctor, DOCTOR_FAIL) == 0,
			 "checks", findings_json(doctor), "left_overs", report_json(report),
			 "limits", numbers);
	r = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
	putchar('\n');
	json_decref(root);
	return r;
}

int cli_doctor(int argc, char **argv)
{
	struct doctor doctor = { 0 };
	struct doctor_chains_options daemon = { .run = DAEMON_RUN, .pins = DAEMON_PINS };
	bool json = false;
	char *report = NULL;
	size_t report_size = 0;
	FILE *stream;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--clean") == 0) {
			daemon.clean = true;
		} else if (strcmp(argv[i], "--chains") == 0) {
			daemon.chains = true;
		} else if (strcmp(argv[i], "--run") == 0 && i + 1 < argc) {
			daemon.run = argv[++i];
		} else if (strcmp(argv[i], "--pins") == 0 && i + 1 < argc) {
			daemon.pins = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			json = true;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return CLI_OK;
		} else {
			fprintf(stderr, "sprocket doctor: no such option: %s\n%s", argv[i], usage);
			return CLI_USAGE;
		}
	}
	stream = open_memstream(&report, &report_size);
	if (!stream) {
		perror("sprocket doctor");
		return CLI_FAILED;
	}
	doctor_kernel(&doctor);
	doctor_isolation(&doctor);
	doctor_resources(&doctor);
	check_left_overs(&doctor, daemon.clean, stream);
	doctor_chains(&doctor, &daemon, stream);
	doctor_redirect(&doctor);
	doctor_daemon(&doctor);
	fclose(stream);
	if (json)
		print_json(&doctor, report);
	else
		print_text(&doctor, report);
	free(report);
	return level_count(&doctor, DOCTOR_FAIL) ? CLI_FAILED : CLI_OK;
}
