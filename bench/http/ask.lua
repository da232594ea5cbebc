-- What wrk sends: one kind of request, each time with another line of a file, taken by chance, as body or as query.
-- usage: wrk -t1 ... --latency -s ask.lua URL -- METHOD PATH HEADERS LINES
-- HEADERS: a file of "Name: value" lines; LINES: a file of bodies (POST) or queries (GET).
-- Its last line of output is "answers RATE P50 P99 COUNT FAILED": per second, ms, ms, how many, and how many were refused or lost.
local method, path
local lines = {}

function init(args)
	method, path = args[1], args[2]
	for line in io.lines(args[3]) do
		local name, value = line:match("^([^:]+): *([^\r]*)")
		wrk.headers[name] = value
	end
	for line in io.lines(args[4]) do lines[#lines + 1] = line end
	math.randomseed(os.time())
end

function request()
	local line = lines[math.random(#lines)]
	if method == "POST" then return wrk.format(method, path, nil, line) end
	return wrk.format(method, path .. "?" .. line)
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format("answers %.2f %.3f %.3f %d %d\n", summary.requests / summary.duration * 1e6,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.requests,
		e.status + e.connect + e.read + e.write + e.timeout))
end
