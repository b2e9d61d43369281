// Loads a handler's code and finds what it can do. Runs once per isolate; nothing here is on the path of a request but
// `invoke`.
//
// A module in script form is evaluated. Others become blob: URLs, dependencies first, because the isolate's policy lets
// modules come from nowhere else.

import { compileScript } from './codegen.js';
import { Response, isResponse } from './http.js';
import { NativeBlob, NativeTypeError, parseJson, toJson } from './intrinsics.js';
import { countBuffer } from './memory.js';
import { compileLimited } from './wasm.js';

const { createObjectURL, revokeObjectURL } = URL;
const fromBase64 = Uint8Array.fromBase64?.bind(Uint8Array)
  ?? ((text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));

const urlOf = (source) => createObjectURL(new NativeBlob([source], { type: 'text/javascript' }));

/** Loads nothing in both ways: a Worker's first import costs 1-2 ms more than the next, which a cold start need not pay. */
export async function warmUp() {
  compileScript('', '(async function(){})', [])();
  const url = urlOf('');
  await import(url);
  revokeObjectURL(url);
}

/** A module whose default export is a value that source text cannot hold. */
async function valueModule(value) {
  const url = urlOf('let value; export { value as default }; export let set = (v) => { value = v; set = undefined; };');
  (await import(url)).set(value);
  return url;
}

/** What stands before the specifier of a static import. Anything else may be `import(...)`, evaluated later. */
const STATIC_IMPORT = /\b(?:from|import)\s*$/;

function joinPieces(pieces, urls) {
  let source = '';
  let isStatic = true;
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (typeof piece === 'number') {
      isStatic &&= i > 0 && typeof pieces[i - 1] === 'string' && STATIC_IMPORT.test(pieces[i - 1]);
      source += JSON.stringify(urls[piece]);
    } else {
      source += piece;
    }
  }
  return { source, isStatic };
}

/** The platform's module that is given what belongs to this isolate, before any other that needs it. */
const HOST_MODULE = 'node:/host.js';

/** A module's name as stack traces can show it. */
const nameOf = ({ name }) => name.replace(/\s/g, '_');

async function urlOfModule(module, urls) {
  const name = nameOf(module);
  switch (module.type) {
    case 'text': return { url: urlOf(`export default ${JSON.stringify(module.source[0])};`), isStatic: true };
    case 'json': {
      parseJson(module.source[0]);
      return { url: urlOf(`export default JSON.parse(${JSON.stringify(module.source[0])});`), isStatic: true };
    }
    case 'data': return { url: await valueModule(countBuffer(fromBase64(module.source[0]).buffer)), isStatic: true };
    case 'wasm': return { url: await valueModule(await compileLimited(fromBase64(module.source[0]))), isStatic: true };
    case 'esm': {
      const { source, isStatic } = joinPieces(module.source, urls);
      // The name is what stack traces show.
      return { url: urlOf(`${source}\n//# sourceURL=${name}`), isStatic };
    }
    default: throw new NativeTypeError(`module ${name} is of the unknown kind '${module.type}'`);
  }
}

/** The function that runs a module in script form; null if it has none, or none that this engine takes. */
function scriptOf(module) {
  if (module.script === undefined) return null;
  try {
    return compileScript(nameOf(module), module.source[0], module.script);
  } catch {
    // Imported as a module it fails with the error that a module has.
    return null;
  }
}

/**
 * Runs a bundle and gives the exports of its entry point: its namespace, or an object like it.
 *
 * @param {{format: number, modules: {
 *   name: string, type: string, source: (string|number)[], script?: [number, number, string][]
 * }[]}} bundle
 * @param {{env: object, waitUntil: (promise: Promise) => void}} host
 */
export async function load(bundle, host) {
  if (bundle.format !== 1) throw new NativeTypeError(`bundle format ${bundle.format} is not known`);
  const script = scriptOf(bundle.modules[bundle.modules.length - 1]);
  if (script !== null) return await script();
  const urls = [];
  let isStatic = true;
  for (const module of bundle.modules) {
    const made = await urlOfModule(module, urls);
    urls.push(made.url);
    if (module.name === HOST_MODULE) (await import(made.url)).bind(host);
    isStatic &&= made.isStatic;
  }
  // From here on handler code has run: no iterators, no methods that it may have patched.
  try {
    return await import(urls[urls.length - 1]);
  } catch (error) {
    nameModules(error, urls, bundle.modules);
    throw error;
  } finally {
    // With a dynamic import somewhere the URLs are still needed when it runs.
    for (let i = 0; isStatic && i < urls.length; i++) revokeObjectURL(urls[i]);
  }
}

/** "The requested module 'blob:...' does not provide an export": people know it by its own name. */
function nameModules(error, urls, modules) {
  try {
    for (let i = 0; i < urls.length; i++) {
      if (typeof error.message === 'string') error.message = error.message.replaceAll(urls[i], modules[i].name);
      if (typeof error.stack === 'string') error.stack = error.stack.replaceAll(urls[i], modules[i].name);
    }
  } catch {
    // Thrown by the handler and not an ordinary error: it stays as it is.
  }
}

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));

/**
 * What the default export can do, in one shape for every form it may have: an object or an instance with a `fetch`
 * method, a class of such instances (made for each request, as Workers do), or an event function.
 *
 * @param {() => object} platform gives an event function's context what other forms have from `env` and globals
 * @returns {{
 *   forms: {fetch: boolean, event: boolean, scheduled: boolean, queue: boolean}, invoke: Function, scheduled: Function,
 * }}
 */
export function findForms(namespace, platform) {
  const main = namespace.default;
  if (main === undefined) throw new NativeTypeError('the entry module has no default export');
  const has = (object, name) => typeof object?.[name] === 'function';
  const made = typeof main === 'function' && isClass(main);
  const target = made ? main.prototype : main;
  const forms = {
    fetch: has(target, 'fetch'),
    event: typeof main === 'function' && !made && !has(target, 'fetch'),
    scheduled: has(target, 'scheduled'),
    queue: has(target, 'queue'),
  };
  if (!forms.fetch && !forms.event && !forms.scheduled && !forms.queue) {
    throw new NativeTypeError('the default export is neither a function nor an object with a fetch method');
  }
  let invoke;
  if (forms.event) invoke = (request, env, ctx) => answerEvent(main, request, env, ctx, platform());
  else if (made) invoke = (request, env, ctx) => new main(ctx, env).fetch(request);
  else if (forms.fetch) invoke = (request, env, ctx) => main.fetch(request, env, ctx);
  else invoke = () => problem(501, 'Not Implemented', 'This handler does not answer HTTP requests.');
  const scheduled = (controller, env, ctx) => {
    if (!forms.scheduled) throw new NativeTypeError('the handler has cron triggers, but no scheduled method');
    return made ? new main(ctx, env).scheduled(controller) : main.scheduled(controller, env, ctx);
  };
  return { forms, invoke, scheduled };
}

function problem(status, title, detail, headers) {
  const body = toJson({ type: 'about:blank', title, status, detail });
  return new Response(body, { status, headers: { 'content-type': 'application/problem+json', ...headers } });
}

/** The event form as HTTP: JSON in by POST, JSON out. */
async function answerEvent(handler, request, env, ctx, platform) {
  if (request.method !== 'POST') {
    return problem(405, 'Method Not Allowed', 'This handler takes an event: POST it as JSON.', { allow: 'POST' });
  }
  let event;
  try {
    event = parseJson(await request.text());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return problem(400, 'Bad Request', `The event is not valid JSON: ${error.message}`);
  }
  // The form has no third argument, so what a fetch handler gets by arguments hangs on the context.
  ctx.env = env;
  ctx.signal = request.signal;
  for (const name of ['log', 'fetch', 'kv', 'sql']) ctx[name] = platform[name];
  const value = await handler(event, ctx);
  if (value === undefined) return new Response(null, { status: 204 });
  if (isResponse(value)) return value;
  const text = toJson(value);
  if (text === undefined) throw new NativeTypeError('the value that the handler returned cannot be written as JSON');
  return new Response(text, { headers: { 'content-type': 'application/json' } });
}
