import { definePlugin, RegistryError } from 'rollcall';
import { z } from 'zod';

export default definePlugin({
  name: 'allowed-names',
  options: z.strictObject({ allowed: z.array(z.string()).min(1) }),
  setup(api, { allowed }) {
    const counts = { registered: 0, unregistered: 0 };

    api.hooks.register.tap((request) => {
      if (allowed.includes(request.name)) return request;
      throw new RegistryError('REFUSED', `"${request.name}" is none of ${allowed.join(', ')}.`);
    });
    api.hooks.registered.tap(() => {
      counts.registered += 1;
    });
    api.hooks.unregistered.tap(() => {
      counts.unregistered += 1;
    });

    api.addOperation({
      name: 'registration_counts',
      summary: 'How many instances were registered and unregistered since the start.',
      params: z.strictObject({}),
      verb: 'read',
      run: () => ({ ...counts }),
    });
  },
});
