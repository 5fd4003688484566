// Writes docs/microdb.schema.json from the code as it was built: `npm run schema`.
import { writeFileSync } from 'node:fs';
import { commandJsonSchema } from '../dist/core/microdb/index.js';

const file = new URL('../docs/microdb.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(commandJsonSchema(), null, 2)}\n`);
