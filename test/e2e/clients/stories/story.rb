# The story of ../story.ts with Ruby's xmlrpc.
require 'json'
require 'xmlrpc/client'

SERVER = XMLRPC::Client.new2(ARGV[0])

def tell(step, value)
  puts "#{step} #{JSON.generate(value)}"
end

def call(*params)
  SERVER.call(*params)
end

tell('register', call('register', 'payments', '127.0.0.1', 9000, 1))
tell('again', call('register', 'payments', '127.0.0.1', 9000))
tell('details', call('get_service_details', 'payments'))
tell('details_of_none', call('get_service_details', 'nobody'))
greeting = 'Grüße 日本語 🜁 <&> ]]>'
tell('greet', call('register', 'payments', '127.0.0.1', 9001, 1, { tags: ['new'], meta: { greeting: greeting } }))
found = call('lookup', 'payments', { port: 9001 }).first
tell('greeting', found['meta']['greeting'])
tell('tags', found['tags'])
tell('update_status', call('update_status', 'payments', 0))
tell('update_status_of_none', call('update_status', 'nobody', 0))
puts "all #{call('get_all_service_details')}"
tell('count', call('get_reg_count'))
begin
  call('no_such_method', 1)
rescue XMLRPC::FaultException => e
  tell('fault', [e.faultCode, e.faultString])
end
tell('methods', call('system.listMethods'))
count, failed = SERVER.multicall(['get_reg_count'], ['no_such_method'])
tell('multicall', [count, failed.faultCode])
tell('unregister', call('unregister', 'payments'))
tell('unregister_again', call('unregister', 'payments'))
tell('count_after', call('get_reg_count'))
