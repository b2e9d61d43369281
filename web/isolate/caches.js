// `caches` as Workers have it, over calls to the gateway: what a tenant's code keeps for later requests.
//
// Nothing here is on the way of requests that use no cache. The classes are the handler's to patch; which tenant's caches these
// are is the gateway's to know.

import { Request, Response, encodingOf } from './http.js';
import { NativeError, NativeHeaders, NativeTypeError, defineGlobal } from './intrinsics.js';
import { discard } from './outbound.js';

/** As gateway/src/cache/named.rs has them. */
const NAME = 'x-tabmesh-cache-name';
const STATUS = 'x-tabmesh-cache-status';

/** What of a request the answer of a cache depends on. */
const CONDITIONS = ['range', 'if-range', 'if-none-match', 'if-modified-since'];

/** First argument of the constructor; handlers cannot get hold of it. */
const OWN = Symbol('own');

const requestOf = (input) => (input instanceof Request ? input : new Request(input));

const missing = (method) => {
  throw new NativeError(`Failed to execute '${method}' on 'Cache': the method is not implemented.`);
};

class Cache {
  #call;
  #name;

  constructor(own, call, name) {
    if (own !== OWN) throw new NativeTypeError('Illegal constructor');
    this.#call = call;
    this.#name = name;
  }

  #headers(from) {
    const headers = new NativeHeaders(from);
    if (this.#name === null) headers.delete(NAME);
    else headers.set(NAME, encodeURIComponent(this.#name));
    return headers;
  }

  async match(input, options = undefined) {
    const request = requestOf(input);
    if (request.method !== 'GET' && !options?.ignoreMethod) return undefined;
    const headers = this.#headers();
    for (let i = 0; i < CONDITIONS.length; i++) {
      const value = request.headers.get(CONDITIONS[i]);
      if (value !== null) headers.set(CONDITIONS[i], value);
    }
    const response = await this.#call('GET', request.url, headers);
    if (response.headers.get('cf-cache-status') === 'HIT') return response;
    discard(response);
    return undefined;
  }

  async put(input, response) {
    const request = requestOf(input);
    if (!(response instanceof Response)) throw new NativeTypeError('put() needs a Response.');
    if (request.method !== 'GET') throw new NativeTypeError('Cannot cache response to non-GET request.');
    if (response.status === 206) {
      throw new NativeTypeError('Cannot cache response to a range request (206 Partial Content).');
    }
    if ((response.headers.get('vary') ?? '').includes('*')) {
      throw new NativeTypeError("Cannot cache response with 'Vary: *' header.");
    }
    if (response.bodyUsed) throw new NativeTypeError('The body has already been used. A body can be read once; clone() first.');
    const headers = this.#headers(response.headers);
    headers.set(STATUS, `${response.status}`);
    // These a body gets on its way out to a caller: this one has them not.
    const encoding = encodingOf(response);
    if (encoding === 'gzip' || encoding === 'br') headers.delete('content-encoding');
    discard(await this.#call('PUT', request.url, headers, response.body));
  }

  async delete(input, options = undefined) {
    const request = requestOf(input);
    if (request.method !== 'GET' && !options?.ignoreMethod) return false;
    const response = await this.#call('DELETE', request.url, this.#headers());
    discard(response);
    return response.ok;
  }

  async add() { missing('add'); }
  async addAll() { missing('addAll'); }

  get [Symbol.toStringTag]() { return 'Cache'; }
}

class CacheStorage {
  #call;
  #own;

  constructor(own, call) {
    if (own !== OWN) throw new NativeTypeError('Illegal constructor');
    this.#call = call;
    this.#own = new Cache(OWN, call, null);
  }

  get default() { return this.#own; }

  async open(name) { return new Cache(OWN, this.#call, `${name}`); }

  get [Symbol.toStringTag]() { return 'CacheStorage'; }
}

/**
 * Puts the globals in place.
 *
 * @param {(method: string, url: string, headers?: object, body?: any) => Promise<Response>} call
 */
export function installCaches(call) {
  defineGlobal('Cache', Cache);
  defineGlobal('CacheStorage', CacheStorage);
  defineGlobal('caches', new CacheStorage(OWN, call));
}
