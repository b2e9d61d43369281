// node:async_hooks. Hooks themselves (createHook) do nothing, as on Workers.

import './async-context.js';
import { bound, enter, frame, within } from './async-frame.js';
import { AsyncResource } from './async-resource.js';

export { AsyncResource };

export class AsyncLocalStorage {
  #default;

  constructor(options) {
    this.#default = options?.defaultValue;
    this.name = options?.name ?? '';
  }

  #with(store) {
    return new Map(frame()).set(this, store);
  }

  run(store, run, ...args) {
    return within(this.#with(store), run, undefined, args);
  }

  exit(run, ...args) {
    const outside = new Map(frame());
    outside.delete(this);
    return within(outside, run, undefined, args);
  }

  enterWith(store) {
    enter(this.#with(store));
  }

  disable() {
    const outside = new Map(frame());
    outside.delete(this);
    enter(outside);
  }

  getStore() {
    const stores = frame();
    return stores?.has(this) ? stores.get(this) : this.#default;
  }

  static bind(run) {
    return bound(run);
  }

  static snapshot() {
    const now = frame();
    return (run, ...args) => within(now, run, undefined, args);
  }
}

const nothing = () => {};
export const createHook = () => {
  const hook = { enable: () => hook, disable: () => hook };
  return hook;
};
export const executionAsyncId = () => 0;
export const triggerAsyncId = () => 0;
export const executionAsyncResource = () => ({});
export const asyncWrapProviders = Object.freeze({ __proto__: null });

export default {
  AsyncLocalStorage, AsyncResource, createHook, executionAsyncId, triggerAsyncId, executionAsyncResource,
  asyncWrapProviders, emitDestroy: nothing,
};
