-- SPDX-License-Identifier: Apache-2.0
-- What wrk sends and reports for bench/load.py: `wrk ... -s post.lua URL -- METHOD BODY`.
-- The request is formatted once; no Lua runs per request.

function init(args)
	wrk.method = args[1]
	if args[2] ~= nil and #args[2] > 0 then
		wrk.body = args[2]
		wrk.headers["Content-Type"] = "text/plain"
	end
end

-- One line of name=value pairs; times in microseconds.
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format(
		"load requests=%d duration=%d bytes=%d connect=%d read=%d write=%d " ..
		"status=%d timeout=%d p50=%d p99=%d\n",
		summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write,
		e.status, e.timeout, latency:percentile(50), latency:percentile(99)))
end
