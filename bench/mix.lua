-- SPDX-License-Identifier: Apache-2.0
-- Users of the example boutique: `wrk ... -s mix.lua URL -- MIX_FILE [PAGE]`.
--
-- MIX_FILE says what they do, and how often (functions/examples/boutique/mix.txt); PAGE: only the
-- line of that number, from 1, those with `+` being part of the one before. USERS users take
-- turns, each with a cookie of its own, so that what one asks next waits for so many others. Lines
-- of headers are left out: that cookie is what the shop's line says. Those that come are not kept.

local USERS = 512
local PRODUCTS = { "OLJCESPC7Z", "66VCHSJNUP", "1YMWWN1N4O", "L9ECAV7KIM", "2ZYFJ3GM2N",
	"0PUK6V6EV0", "LS4PSXUNUM", "9SIQT8TOJO", "6E92ZMYYFZ" }
local CURRENCIES = { "EUR", "USD", "JPY", "CAD", "GBP", "TRY" }

local visits, total, steps, turn = {}, 0, {}, 0

local function read(path, page)
	local count = 0

	for line in io.lines(path) do
		local weight, method, target, body = line:match("^(%S+)%s+(%S+)%s+(%S+)%s*(.*)$")
		if weight == "+" then
			if visits[#visits] and (not page or count == page) then
				table.insert(visits[#visits].steps, { method, target, body })
			end
		elseif weight and tonumber(weight) then
			count = count + 1
			if not page or count == page then
				total = total + tonumber(weight)
				visits[#visits + 1] = { below = total, steps = { { method, target, body } } }
			end
		end
	end
end

function init(args)
	math.randomseed(1)
	read(args[1], tonumber(args[2]))
	if total == 0 then
		error("mix.lua: no such page in " .. args[1])
	end
	for user = 1, USERS do
		steps[user] = {}
	end
end

local function begin(user)
	local at = math.random(total)
	local values = { product = PRODUCTS[math.random(#PRODUCTS)],
		currency = CURRENCIES[math.random(#CURRENCIES)], quantity = math.random(10) }
	local fill = function(name) return values[name] end

	for _, visit in ipairs(visits) do
		if at <= visit.below then
			for i = #visit.steps, 1, -1 do
				local method, target, body = unpack(visit.steps[i])
				local headers = { ["Cookie"] = "shop_session-id=bench-" .. user }
				if #body > 0 then
					headers["Content-Type"] = "application/x-www-form-urlencoded"
				end
				table.insert(steps[user], wrk.format(method, target:gsub("{(%a+)}", fill),
					headers, #body > 0 and body:gsub("{(%a+)}", fill) or nil))
			end
			return
		end
	end
end

function request()
	turn = turn % USERS + 1
	if #steps[turn] == 0 then
		begin(turn)
	end
	return table.remove(steps[turn])
end

function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format(
		"load requests=%d duration=%d bytes=%d connect=%d read=%d write=%d " ..
		"status=%d timeout=%d p50=%d p99=%d\n",
		summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write,
		e.status, e.timeout, latency:percentile(50), latency:percentile(99)))
end
