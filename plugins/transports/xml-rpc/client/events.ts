import type { RegistryError } from '../../../../core/errors.js';

/** What happens in the background, where nobody awaits it. None of it needs an answer. */
export type ClientEvent =
  /** No registry answers. Lookups go on from the cache, registrations are tried again. */
  | { readonly type: 'lost'; readonly error: RegistryError }
  /** A registry answers again, at `url`. */
  | { readonly type: 'recovered'; readonly url: string }
  /** An instance was registered; `isAgain` where that was for the second time or later: after a restart of the registry, say. */
  | { readonly type: 'registered'; readonly name: string; readonly id: number; readonly isAgain: boolean }
  /** A step in the background failed, and will be tried again where that makes sense. */
  | { readonly type: 'problem'; readonly what: string; readonly error: unknown };

export type OnEvent = (event: ClientEvent) => void;

/** What a listener throws is its program's to see, as with any listener, and must not break off what told of the event. */
export function safely(listener: OnEvent | undefined): OnEvent {
  if (listener === undefined) return () => {};
  return (event) => {
    try {
      listener(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
