// The story of ../story.ts with @foxglove/xmlrpc.
import { XmlRpcClient } from '@foxglove/xmlrpc';

const client = new XmlRpcClient(process.argv[2]);
const call = (method, ...params) => client.methodCall(method, params);
const tell = (step, value) => console.log(step, JSON.stringify(value));

tell('register', await call('register', 'payments', '127.0.0.1', 9000, 1));
tell('again', await call('register', 'payments', '127.0.0.1', 9000));
tell('details', await call('get_service_details', 'payments'));
tell('details_of_none', await call('get_service_details', 'nobody'));
const details = { tags: ['new'], meta: { greeting: 'Grüße 日本語 🜁 <&>' } };
tell('greet', await call('register', 'payments', '127.0.0.1', 9001, 1, details));
const [found] = await call('lookup', 'payments', { port: 9001 });
tell('greeting', found.meta.greeting);
tell('tags', found.tags);
tell('update_status', await call('update_status', 'payments', 0));
tell('update_status_of_none', await call('update_status', 'nobody', 0));
console.log('all', await call('get_all_service_details'));
tell('count', await call('get_reg_count'));
await call('no_such_method', 1).catch(({ faultCode, faultString }) =>
  tell('fault', [faultCode, faultString]),
);
tell('methods', await call('system.listMethods'));
const calls = ['get_reg_count', 'no_such_method'].map((methodName) => ({ methodName, params: [] }));
const [count, failed] = await client.multiMethodCall(calls);
tell('multicall', [count, failed.faultCode]);
tell('unregister', await call('unregister', 'payments'));
tell('unregister_again', await call('unregister', 'payments'));
tell('count_after', await call('get_reg_count'));
