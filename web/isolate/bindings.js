// `env`: what a version's bindings are to its handler. Values stand in the bundle; what must be called is an object whose
// methods call the gateway.

import { createD1Database } from './d1.js';
import { createKvNamespace } from './kv.js';
import { NativeError, NativeTypeError, define } from './intrinsics.js';

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

/** Another handler, or the handler's own files. Workers have methods of other handlers here, too: those are not there. */
class Fetcher {
  constructor(fetch) {
    define(this, 'fetch', (input, init) => fetch(input, init));
  }

  connect() { throw new NativeError('connect() of a service binding is not available'); }
}

function valueOf(binding, { caller, fetcher }) {
  const call = caller(binding.name);
  switch (binding.type) {
    case 'plain_text': return binding.text;
    case 'json': return binding.json;
    case 'secret_text': return binding.placeholder ?? '';
    case 'd1': return createD1Database(call);
    case 'kv_namespace': return createKvNamespace(call);
    case 'service':
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
