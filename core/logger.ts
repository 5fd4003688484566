import { type Level, pino } from 'pino';
import pretty from 'pino-pretty';

/** Where messages go. `fields` are what a program may search for; the message is for people. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger whose every line also carries these fields. */
  child(fields: object): Logger;
}

export type LogLevel = Extract<Level, 'debug' | 'info' | 'warn' | 'error'> | 'silent';

/**
 * A logger on standard error: one JSON object a line, or coloured text where a person watches. Standard output is kept
 * for what a command answers.
 */
export function createLogger(options: { level: LogLevel; isPretty?: boolean }): Logger {
  const isPretty = options.isPretty ?? process.stderr.isTTY === true;
  const settings = { level: options.level, base: null };
  if (!isPretty) return pino(settings, pino.destination({ fd: 2, sync: true }));
  return pino(
    settings,
    pretty({
      destination: 2,
      sync: true,
      translateTime: 'SYS:HH:MM:ss',
      ignore: 'pid,hostname,plugin',
      messageFormat: '{if plugin}[{plugin}] {end}{msg}',
    }),
  );
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
