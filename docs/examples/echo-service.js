// A service with no SDK: it listens where it is told, answers what it was sent, and ends when it is asked to.
import { createServer } from 'node:http';

const { PORT = '9000', HOST = '127.0.0.1', INSTANCE_ID = 'echo' } = process.env;

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const echo = Buffer.concat(parts).toString();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ instance: INSTANCE_ID, path: request.url, echo }));
  });
});

server.listen(Number(PORT), HOST, () => console.log(`${INSTANCE_ID} listens on ${HOST}:${PORT}`));

process.on('SIGTERM', () => server.close(() => process.exit()));
