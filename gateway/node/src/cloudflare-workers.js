// The module `cloudflare:workers`.

import { env, waitUntil } from './host.js';

export { env, waitUntil };

/** Base of handlers that are classes: the runtime makes one for each request. */
export class WorkerEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

/** Base of objects that are passed to other handlers. */
export class RpcTarget {}

const missing = (what) => class {
  constructor() {
    throw new Error(`${what} are not available on Tabmesh: keep state in a KV namespace or a D1 database`);
  }
};

// Named here, so that modules that extend them load; what they cannot do they say when they are made.
export class DurableObject extends missing('Durable Objects') {}
export class WorkflowEntrypoint extends missing('Workflows') {}
export class WorkflowStep extends missing('Workflows') {}

export default { env, waitUntil, WorkerEntrypoint, RpcTarget, DurableObject, WorkflowEntrypoint, WorkflowStep };
