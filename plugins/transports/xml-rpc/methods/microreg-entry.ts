import { type ServiceRecord, STATUS_CODES } from '../../../../core/index.js';

/** MicroReg answered host and port as they had been given. */
export const givenHost = (record: ServiceRecord) => record.given?.host ?? record.host;
export const givenPort = (record: ServiceRecord) => record.given?.port ?? record.port;

/** One instance within MicroReg's `get_all_service_details`: its id and what that answered of it, as JSON. */
export function microRegEntry(record: ServiceRecord): string {
  const details = {
    name: record.name,
    host: givenHost(record),
    port: givenPort(record),
    status: STATUS_CODES[record.status],
    reg_timestamp: microRegTime(new Date(record.registeredAt)),
    id: record.id,
  };
  return `"${record.id}": ${JSON.stringify(details)}`;
}

/** "dd-mm-yy HH:MM", in local time. */
function microRegTime(at: Date): string {
  const two = (value: number) => String(value % 100).padStart(2, '0');
  return `${two(at.getDate())}-${two(at.getMonth() + 1)}-${two(at.getFullYear())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
