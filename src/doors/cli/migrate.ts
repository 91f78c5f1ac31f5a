import type { Config } from '../../config.ts';
import { migrateParts } from '../../operations.ts';

export function migrate(config: Config, options: { tenant: string; model?: true }): Promise<void> {
  return migrateParts(config, options.tenant, options.model === true, (line) => console.log(line));
}
