// What this registry loads, checks and starts. `npx rollcall config check` says whether it is right.
export default {
  // Every answered registration is on disk first. `store: 'memory'` keeps nothing.
  store: ['file', { path: './data' }],
  plugins: [
    // The door: any XML-RPC client registers and looks up here. It listens on this machine only.
    ['xml-rpc', { port: 8800 }],
    // An instance is `error` after 3 failed checks in a row, and back after one that passes. docs/checks.md says how
    // to ask for others than a TCP connect.
    ['monitor', { interval: '10s', failures: 3 }],
    'tcp-checker',
    'http-checker',
    // What is to run. This one is an example; take it out when you have services of your own.
    [
      'supervisor',
      {
        services: {
          echo: { spawner: 'process', command: ['node', 'docs/examples/echo-service.js'], instances: 1 },
        },
      },
    ],
    'process-spawner',
  ],
};
