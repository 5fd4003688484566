// Tells what becomes of a service, until it is interrupted: node docs/examples/client-watch.js payments
import { RegistryClient } from 'rollcall/client';

const reg = new RegistryClient(undefined, {
  onEvent(event) {
    if (event.type === 'lost') console.log(`no registry answers: ${event.error.message}`);
    if (event.type === 'recovered') console.log(`the registry at ${event.url} answers again`);
  },
});

for await (const { kind, instance } of reg.watch(process.argv[2] ?? 'echo')) {
  console.log(`${kind}: ${instance.address} is ${instance.status} ${instance.reason}`.trimEnd());
}
