/** The contract suites that prove a plugin of each kind, for the tests of its author: `rollcall/testing`. */
export { type CheckerFixture, describeChecker } from './checker.js';
export { describeSpawner, type SpawnerSuite, type SpawnerUnderTest } from './spawner.js';
export { commitOf, describeStore, MapReader, type StoreUnderTest } from './store.js';
export { describeTransport, type TransportCaller, type TransportSubject } from './transport.js';
