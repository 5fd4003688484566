import type { Logger } from '../../core/logger.js';

/** One message, with the fields of the child loggers it went through. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: { readonly [name: string]: unknown };
  readonly message: string;
}

/** A logger that keeps every line, for a test to read. */
export function recordingLogger(): { logger: Logger; lines: LogLine[]; messages(level: string): string[] } {
  const lines: LogLine[] = [];
  const withFields = (common: object): Logger => {
    const at = (level: LogLine['level']) => (fields: object, message: string) =>
      void lines.push({ level, fields: { ...common, ...fields }, message });
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => withFields({ ...common, ...fields }),
    };
  };
  return {
    logger: withFields({}),
    lines,
    messages: (level) => lines.filter((line) => line.level === level).map(({ message }) => message),
  };
}
