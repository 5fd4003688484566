import type { CommitContext, Hooks, RecordChange } from '../hooks.js';
import type { FeedCommit } from '../store.js';

/** Tells every plugin what one commit did to service records: instance by instance, then all of it (DESIGN §5). */
export function fireHooks(hooks: Hooks, changes: readonly RecordChange[], commit: FeedCommit): void {
  const context: CommitContext = { revision: commit.revision, by: commit.by, local: commit.local };
  for (const { record, previous } of changes) {
    if (record === undefined) {
      if (previous !== undefined) hooks.unregistered.call(previous, context);
    } else if (previous === undefined) {
      hooks.registered.call(record, context);
    } else if (record.status !== previous.status) {
      hooks.statusChanged.call(record, previous, context);
    }
  }
  hooks.changed.call(changes, context);
}
