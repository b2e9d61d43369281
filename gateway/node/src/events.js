// node:events: the npm package, which is Node.js's own of some years ago, and what came to Node.js later.

import EventEmitter from 'events-npm';
import * as newer from 'unenv/node/events';
import { AsyncResource } from './async-resource.js';

export const errorMonitor = Symbol.for('events.errorMonitor');
export const captureRejectionSymbol = Symbol.for('nodejs.rejection');
export const captureRejections = false;
export const { once, defaultMaxListeners } = EventEmitter;
export const { on, addAbortListener } = newer;

export const listenerCount = (emitter, name) => emitter.listenerCount(name);
export const getMaxListeners = (emitter) => emitter.getMaxListeners?.() ?? defaultMaxListeners;
export const getEventListeners = (emitter, name) => emitter.listeners?.(name) ?? [];
export const setMaxListeners = (count, ...emitters) => {
  if (emitters.length === 0) EventEmitter.defaultMaxListeners = count;
  // Event targets have no such limit here.
  for (const emitter of emitters) emitter.setMaxListeners?.(count);
};

export class EventEmitterAsyncResource extends EventEmitter {
  constructor(options) {
    super(options);
    this.asyncResource = new AsyncResource(options?.name ?? 'EventEmitterAsyncResource');
  }

  emit(...args) {
    return this.asyncResource.runInAsyncScope(super.emit, this, ...args);
  }
}

Object.assign(EventEmitter, {
  errorMonitor, captureRejectionSymbol, captureRejections, on, addAbortListener, listenerCount, getMaxListeners,
  getEventListeners, setMaxListeners, EventEmitterAsyncResource,
});

export { EventEmitter };
export default EventEmitter;
