-- The story of ../story.ts with LuaXMLRPC.
local xmlrpc = require 'xmlrpc'
require 'xmlrpc.http'

local url = arg[1]

local function call(...)
  local ok, answer, code = xmlrpc.http.call(url, ...)
  if not ok then error({ code = code, text = answer }) end
  return answer
end

local function json(value)
  if type(value) == 'table' then
    local items = {}
    for _, item in ipairs(value) do table.insert(items, json(item)) end
    return '[' .. table.concat(items, ',') .. ']'
  end
  return type(value) == 'string' and '"' .. value:gsub('["\\]', '\\%0') .. '"' or tostring(value)
end

local function tell(step, value) print(step .. ' ' .. json(value)) end

-- It writes a table as a struct, unless it is told that it is an array of something.
local function array(value, of) return xmlrpc.newTypedValue(value, xmlrpc.newArray(of)) end

tell('register', call('register', 'payments', '127.0.0.1', 9000, 1))
tell('again', call('register', 'payments', '127.0.0.1', 9000))
tell('details', call('get_service_details', 'payments'))
tell('details_of_none', call('get_service_details', 'nobody'))
-- It escapes nothing.
local greeting = 'Grüße 日本語 🜁 &lt;&amp;> ]]&gt;'
local details = { tags = array({ 'new' }, 'string'), meta = { greeting = greeting } }
tell('greet', call('register', 'payments', '127.0.0.1', 9001, 1, details))
local found = call('lookup', 'payments', { port = 9001 })[1]
tell('greeting', found.meta.greeting)
tell('tags', found.tags)
tell('update_status', call('update_status', 'payments', 0))
tell('update_status_of_none', call('update_status', 'nobody', 0))
print('all ' .. call('get_all_service_details'))
tell('count', call('get_reg_count'))
local _, fault = pcall(call, 'no_such_method', 1)
tell('fault', { fault.code, fault.text })
tell('methods', call('system.listMethods'))
local none = array({}, 'string')
local calls = array({ { methodName = 'get_reg_count', params = none }, { methodName = 'no_such_method', params = none } })
local results = call('system.multicall', calls)
tell('multicall', { results[1][1], results[2].faultCode })
tell('unregister', call('unregister', 'payments'))
tell('unregister_again', call('unregister', 'payments'))
tell('count_after', call('get_reg_count'))
