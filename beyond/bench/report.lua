-- What wrk has counted, for bench: its own report rounds the times.
function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("counted %d in %d us, failed %d, p50 %d us, p99 %d us\n",
        summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
