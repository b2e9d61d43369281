// What the isolate gives to modules: bound once, before any other module runs.

/** The handler's bindings: the same object that its requests get. */
export let env = {};
/** Keeps the isolate at work for the request at work until a promise settles. */
export let waitUntil = () => {
  throw new Error('waitUntil() is for the time of a request');
};

export let bind = (host) => {
  bind = undefined;
  ({ env, waitUntil } = host);
};
