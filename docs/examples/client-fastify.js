// A service on Fastify that registers itself, and stops without losing a request.
import Fastify from 'fastify';
import { RegistryClient } from 'rollcall/client';

const app = Fastify();
app.get('/', async () => ({ paid: true }));

const reg = new RegistryClient(); // at ROLLCALL_URL, or http://127.0.0.1:8800
await app.listen({ port: Number(process.env.PORT ?? 0) });
const me = await reg.register('payments', { port: app.server.address().port, tags: ['fastify'] });
console.log(`payments listens on port ${me.port}`);

// Nobody is sent here any more before the server closes. Without these lines Rollcall unregisters it all the same.
process.once('SIGTERM', async () => {
  await reg.close();
  await app.close();
});
