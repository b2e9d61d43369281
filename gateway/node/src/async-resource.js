// AsyncResource alone: what node:events and node:stream need of node:async_hooks.

import { bound, frame, within } from './async-frame.js';

let lastId = 0;

export class AsyncResource {
  #frame = frame();
  #id = ++lastId;

  constructor(type) {
    this.type = type;
  }

  runInAsyncScope(run, self, ...args) {
    return within(this.#frame, run, self, args);
  }

  bind(run) {
    return (...args) => this.runInAsyncScope(run, undefined, ...args);
  }

  static bind(run) {
    return bound(run);
  }

  emitDestroy() {
    return this;
  }

  asyncId() {
    return this.#id;
  }

  triggerAsyncId() {
    return 0;
  }
}
