// `env`: what a version's bindings are to its handler. Values stand in the bundle; what must be called is an object whose
// methods call the gateway.

import { createD1Database } from './d1.js';
import { createKvNamespace } from './kv.js';
import { NativeError, NativeTypeError, define, reject } from './intrinsics.js';

const NativeProxy = Proxy;

/**
 * @param {{type: string, name: string}[]} bindings of the bundle
 * @param {{
 *   caller: (binding: string) => (method: string, url: string, headers?: object, body?: any) => Promise<Response>,
 *   fetcher: (binding: string) => (input: any, init?: any) => Promise<Response>,
 * }} fetchers
 */
export function createEnv(bindings, fetchers) {
  const env = {};
  for (const binding of bindings) env[binding.name] = valueOf(binding, fetchers);
  return env;
}

/** Another handler, or the handler's own files. */
class Fetcher {
  constructor(fetch) {
    define(this, 'fetch', (input, init) => fetch(input, init));
  }

  connect() { throw new NativeError('connect() of a service binding is not available'); }
}

/** Workers have methods of other handlers here, too. Those are not there, and one that is called says so. */
const withoutMethods = (fetcher, name) => new NativeProxy(fetcher, {
  __proto__: null,
  get(target, key) {
    // Promises and JSON look for these by themselves.
    if (typeof key !== 'string' || key in target || key === 'then' || key === 'toJSON') return target[key];
    return () => reject(new NativeError(
      `env.${name}.${key}() is not available: methods of other handlers (RPC) are not there; use env.${name}.fetch()`,
    ));
  },
});

function valueOf(binding, { caller, fetcher }) {
  const call = caller(binding.name);
  switch (binding.type) {
    case 'plain_text': return binding.text;
    case 'json': return binding.json;
    case 'secret_text': return binding.placeholder ?? '';
    case 'd1': return createD1Database(call);
    case 'kv_namespace': return createKvNamespace(call);
    case 'service': return withoutMethods(new Fetcher(fetcher(binding.name)), binding.name);
    case 'assets': return new Fetcher(fetcher(binding.name));
    default: throw new NativeTypeError(`the binding ${binding.name} is of the unknown kind '${binding.type}'`);
  }
}

/**
 * What an event function has without any binding: `ctx.log`, `ctx.fetch`, and its own store and database as `ctx.kv` and
 * ``ctx.sql('select ?', value)``, which gives the rows.
 */
export function createPlatform({ caller, fetch }) {
  const database = createD1Database(caller(':sql'));
  return {
    log: (...values) => console.log(...values),
    fetch,
    kv: createKvNamespace(caller(':kv')),
    sql: async (text, ...values) => (await database.prepare(text).bind(...values).all()).results,
  };
}
