import { isDeepStrictEqual } from 'node:util';
import { type Registration, registrationOf } from './record.js';
import type { RegisterRequest } from './request.js';

/** What a registration has that its request does not say. */
export type Origin = Pick<Registration, 'id' | 'owner' | 'home' | 'registeredAt' | 'updatedAt'>;

/** The registration that a request makes. Frozen. */
export function toRegistration(request: RegisterRequest, instance: string, origin: Origin): Registration {
  const { name, host, port, status, given, version, tags, meta, weight, zone, ttlMs, checks } = request;
  const { id, owner, home, registeredAt, updatedAt } = origin;
  return registrationOf({
    id,
    name,
    instance,
    host,
    port,
    given,
    version,
    tags,
    meta,
    weight,
    zone,
    ttlMs,
    checks,
    owner,
    home,
    reported: status,
    registeredAt,
    updatedAt,
  });
}

/** Whether a request says nothing that the registration does not say already. */
export function saysTheSame(
  registration: Registration,
  request: RegisterRequest,
  owner: string,
  home: string,
): boolean {
  return (
    registration.host === request.host &&
    registration.port === request.port &&
    registration.given?.host === request.given?.host &&
    registration.given?.port === request.given?.port &&
    registration.version === request.version &&
    registration.weight === request.weight &&
    registration.zone === request.zone &&
    registration.ttlMs === request.ttlMs &&
    registration.owner === owner &&
    registration.home === home &&
    registration.reported === request.status &&
    isSame(registration.tags, request.tags) &&
    isSame(registration.meta, request.meta) &&
    isSame(registration.checks, request.checks)
  );
}

function isSame(a: object, b: object): boolean {
  return a === b || isDeepStrictEqual(a, b);
}
