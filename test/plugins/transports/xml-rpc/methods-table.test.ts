import { expectTypeOf, test } from 'vitest';
import type {
  InstanceStruct,
  RegisterDetails,
  RegistryMethods,
  ServiceStruct,
} from '../../../../plugins/transports/xml-rpc/methods/types.js';

/** `npm run typecheck` is what fails here. */
test('the types of the methods are what a TypeScript client expects', () => {
  expectTypeOf<RegistryMethods['register']>().toEqualTypeOf<
    (name: string, host: string, port: number | string, status?: number, details?: RegisterDetails) => number
  >();
  expectTypeOf<RegistryMethods['get_service_details']>().toEqualTypeOf<
    (name: string) => readonly [host: string, port: number | string] | false
  >();
  expectTypeOf<ReturnType<RegistryMethods['lookup']>>().toEqualTypeOf<readonly InstanceStruct[]>();
  expectTypeOf<ReturnType<RegistryMethods['list_services']>>().toEqualTypeOf<readonly ServiceStruct[]>();
  expectTypeOf<ReturnType<RegistryMethods['get_status_codes']>>().toEqualTypeOf<{
    readonly [name: string]: number;
  }>();
});

test('the types of structs know units, lists and what may be left out', () => {
  expectTypeOf<InstanceStruct['id']>().toEqualTypeOf<number>();
  expectTypeOf<InstanceStruct['zone']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<InstanceStruct['registered_at']>().toEqualTypeOf<Date>();
  expectTypeOf<InstanceStruct['tags']>().toEqualTypeOf<readonly string[]>();
  expectTypeOf<Pick<RegisterDetails, 'meta'>>().toEqualTypeOf<{
    readonly meta?: { readonly [name: string]: string };
  }>();
  expectTypeOf<Record<never, never>>().toExtend<RegisterDetails>();
  expectTypeOf<Record<never, never>>().not.toExtend<InstanceStruct>();
});
