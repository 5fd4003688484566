/** What the command line does with a data folder. */
export { type Compaction, compact } from './compact.js';
export { writeWhole } from './export-file.js';
export { type Export, exportFolder } from './export-lines.js';
export type { Finding } from './findings.js';
export { type Import, importFolder } from './import-folder.js';
export { type Inspection, inspect } from './inspect.js';
export { type Verification, verify } from './verify.js';
export type { FileReport } from './verify-snapshot.js';
