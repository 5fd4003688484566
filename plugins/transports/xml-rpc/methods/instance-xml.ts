import { type ServiceRecord, STATUS_CODES } from '../../../../core/index.js';
import { dateTime, escaped, numberXml } from '../writer.js';

/**
 * One instance as the `<value>` that the writer would make of its struct, to the letter. It is what this door writes most,
 * twenty and more at a time, and put together in one go it costs a sixth of what struct and writer take: 1 µs.
 */
export function instanceXml(record: ServiceRecord, isStale = false): string {
  const { version, zone, ttlMs } = record;
  return (
    '<value><struct><member><name>id</name><value>' +
    numberXml(record.id) +
    '</value></member><member><name>name</name><value><string>' +
    escaped(record.name) +
    '</string></value></member><member><name>instance</name><value><string>' +
    escaped(record.instance) +
    '</string></value></member><member><name>host</name><value><string>' +
    escaped(record.host) +
    '</string></value></member><member><name>port</name><value><int>' +
    record.port +
    '</int></value></member><member><name>status</name><value><int>' +
    STATUS_CODES[record.status] +
    '</int></value></member><member><name>reason</name><value><string>' +
    escaped(record.reason) +
    (version === undefined
      ? '</string></value></member>'
      : `</string></value></member><member><name>version</name><value><string>${escaped(version)}</string></value></member>`) +
    tagsXml(record.tags) +
    metaXml(record.meta) +
    '<member><name>weight</name><value>' +
    numberXml(record.weight) +
    (zone === undefined
      ? '</value></member>'
      : `</value></member><member><name>zone</name><value><string>${escaped(zone)}</string></value></member>`) +
    (ttlMs === undefined ? '' : `<member><name>ttl</name><value>${numberXml(ttlMs)}</value></member>`) +
    '<member><name>owner</name><value><string>' +
    escaped(record.owner) +
    '</string></value></member><member><name>registered_at</name><value><dateTime.iso8601>' +
    dateTime(record.registeredAt) +
    '</dateTime.iso8601></value></member><member><name>updated_at</name><value><dateTime.iso8601>' +
    dateTime(record.updatedAt) +
    (isStale
      ? '</dateTime.iso8601></value></member><member><name>stale</name><value><boolean>1</boolean></value></member></struct></value>'
      : '</dateTime.iso8601></value></member></struct></value>')
  );
}

function tagsXml(tags: readonly string[]): string {
  let items = '';
  for (const tag of tags) items += `<value><string>${escaped(tag)}</string></value>`;
  return `<member><name>tags</name><value><array><data>${items}</data></array></value></member>`;
}

function metaXml(meta: { readonly [key: string]: string }): string {
  let members = '';
  for (const key in meta) {
    members += `<member><name>${escaped(key)}</name><value><string>${escaped(meta[key] ?? '')}</string></value></member>`;
  }
  return `<member><name>meta</name><value><struct>${members}</struct></value></member>`;
}
