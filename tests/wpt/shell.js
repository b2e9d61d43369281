// The surroundings of a test, the same on both platforms: a place, the files that it reads, and whom it tells.

/** Scopes that the harness knows. It is to take both platforms for a plain shell. */
const SCOPES = ['DedicatedWorkerGlobalScope', 'SharedWorkerGlobalScope', 'ServiceWorkerGlobalScope', 'WorkerGlobalScope'];
/** Milliseconds after which what has no result is given up. */
const LIMIT = 20_000;
/** Characters of a message that are told. */
const SHOWN = 300;

const { JSON, Promise, Response, URL, clearTimeout, fetch, setTimeout } = globalThis;
const { stringify } = JSON;

/** ASCII, for what tests are called by may be no text at all. */
const plain = (text) => `${text}`.replace(/[^\x20-\x7e]/gu, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);

function prepare({ path, title, data }) {
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } =
    new URL(path, 'https://web-platform.test/');
  const location = {
    href, origin, protocol, host, hostname, port, pathname, search, hash, toString: () => href,
  };
  Object.defineProperty(globalThis, 'location', { value: location, configurable: true });
  globalThis.META_TITLE = title ?? pathname;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
  globalThis.fetch = (input, init) => {
    const file = typeof input === 'string' ? new URL(input, href).pathname : '';
    return Object.hasOwn(data, file) ? Promise.resolve(new Response(data[file])) : fetch(input, init);
  };
}

/** Runs a function while those names are not there. */
function without(names, run) {
  const kept = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const name of names) delete globalThis[name];
  run();
  for (const [name, descriptor] of kept) {
    if (descriptor !== undefined) Object.defineProperty(globalThis, name, descriptor);
  }
}

/** Runs a test and answers with what came of it: `[name, status, message]` of each of its parts. */
export async function answer(about, harness, test) {
  prepare(about);
  without(SCOPES, () => harness.call(globalThis));
  const { add_completion_callback: whenComplete, done, timeout } = globalThis;
  const complete = new Promise((resolve) => whenComplete((tests, status) => resolve([tests, status])));
  const timer = setTimeout(timeout, LIMIT);
  let thrown = null;
  try {
    test.call(globalThis);
  } catch (error) {
    thrown = plain(error);
  }
  done();
  const [tests, status] = await complete;
  clearTimeout(timer);
  const parts = tests.map((part) => [plain(part.name), part.status, plain(part.message ?? '').slice(0, SHOWN)]);
  return new Response(stringify({ thrown, status: status.status, message: plain(status.message ?? ''), parts }));
}
