// SPDX-License-Identifier: Apache-2.0
/* Metrics of the deployments: takes the numbers and hands them to the writers. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "controller/clock.h"
#include "controller/daemon/deployment.h"
#include "controller/metrics.h"
#include "controller/runtime.h"

static void read_daemon(struct metrics_daemon *ret)
{
	struct rlimit limit = { .rlim_cur = 0 };
	int fds = procstat_fd_count();

	*ret = (struct metrics_daemon){ .pid = getpid(), .fds = fds > 0 ? (uint64_t)fds : 0 };
	getrlimit(RLIMIT_NOFILE, &limit);
	ret->fds_max = limit.rlim_cur;
	if (procstat_read(getpid(), &ret->process) < 0)
		return;
	ret->started_ns =
		clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) + ret->process.started_ns;
}

static struct runtime_stats *read_chain(const struct runtime *runtime)
{
	struct runtime_stats *stats = malloc(sizeof(*stats));

	if (stats)
		runtime_stats_read(runtime, stats);
	return stats;
}

int metrics_snapshot_take(const struct deployments *deployments, struct metrics_snapshot *ret)
{
	struct metrics_snapshot snapshot = { .at_ns = loop_now_ns() };
	const struct deployment *d = NULL;
	size_t count = 0;

	while ((d = deployments_next(deployments, d)))
		count++;
	snapshot.chains = calloc(count ? count : 1, sizeof(struct runtime_stats *));
	if (!snapshot.chains)
		return -ENOMEM;
	while ((d = deployments_next(deployments, d))) {
		const struct runtime *runtime = deployment_runtime(d);

		if (!runtime)
			continue;
		snapshot.chains[snapshot.chain_count] = read_chain(runtime);
		if (!snapshot.chains[snapshot.chain_count]) {
			metrics_snapshot_done(&snapshot);
			return -ENOMEM;
		}
		snapshot.chain_count++;
	}
	read_daemon(&snapshot.daemon);
	*ret = snapshot;
	return 0;
}

void metrics_snapshot_done(struct metrics_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->chain_count; i++)
		free(snapshot->chains[i]);
	free(snapshot->chains);
	*snapshot = (struct metrics_snapshot){ .chains = NULL };
}

int metrics_write(const struct deployments *deployments, FILE *out)
{
	struct metrics_snapshot snapshot;
	int r = metrics_snapshot_take(deployments, &snapshot);

	if (r < 0)
		return r;
	r = metrics_snapshot_write(&snapshot, out);
	metrics_snapshot_done(&snapshot);
	return r;
}

json_t *stats_json(const struct deployments *deployments)
{
	struct metrics_snapshot snapshot;
	json_t *json;

	if (metrics_snapshot_take(deployments, &snapshot) < 0)
		return NULL;
	json = metrics_snapshot_json(&snapshot);
	metrics_snapshot_done(&snapshot);
	return json;
}

json_t *graph_json(const struct deployment *deployment)
{
	const struct runtime *runtime = deployment_runtime(deployment);
	uint64_t at_ns = loop_now_ns();
	struct runtime_stats *stats;
	json_t *json;

	if (!runtime)
		return json_pack("{s:I, s:[], s:[]}", "time_ns", (json_int_t)at_ns, "functions",
				 "edges");
	stats = read_chain(runtime);
	if (!stats)
		return NULL;
	json = metrics_graph_json(stats, at_ns);
	free(stats);
	return json;
}
