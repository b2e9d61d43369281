// console.* as text, and errors as text. Bounded in depth, width and length; getters of objects are named, not run.

import { Bytes, encodeInto, substring } from './intrinsics.js';

/** Longest text of one line, in UTF-8 bytes; what the runtime takes. */
const MAX_TEXT = 16 * 1024;
const MAX_DEPTH = 4;
const MAX_ENTRIES = 100;
const CUT = ' … [truncated]';

/** Lines of a stack that are the isolate's own: its one script by its name, by its address, and as a data: URL. */
const OWN = /tabmesh-isolate\.js|\/_mesh\/isolate\/|data:text\/javascript/;

const room = new Bytes(MAX_TEXT);
const keep = new Bytes(MAX_TEXT - CUT.length * 3);

/** UTF-8 bytes of a clipped text. */
export const bytesOfText = (text) => encodeInto(text, room).written;

/** `text` in at most {@link MAX_TEXT} UTF-8 bytes, with a mark where it was cut. A string, whatever it is given. */
export function clip(text) {
  if (typeof text !== 'string') return '[text that cannot be shown]';
  if (text.length * 3 <= MAX_TEXT || encodeInto(text, room).read === text.length) return text;
  return substring(text, 0, encodeInto(text, keep).read) + CUT;
}

/** How V8 shows a function without a name where code was evaluated, as a handler's may be (codegen.js). */
const NAMELESS = /^(\s+at (?:async )?)eval \((.*)\)$/;

/** A stack without the frames of the isolate's own code. */
function tidyStack(stack) {
  return stack.split('\n').filter((line) => !OWN.test(line)).map((line) => line.replace(NAMELESS, '$1$2')).join('\n');
}

const isError = (value) =>
  value instanceof Error || value instanceof DOMException || (Error.isError?.(value) ?? false);

function errorText(error, ink, depth) {
  let text = `${error.name ?? 'Error'}: ${error.message ?? ''}`;
  if (typeof error.stack === 'string' && error.stack !== '') {
    const stack = tidyStack(error.stack);
    // A name or message set after creation does not reach the stack.
    text = stack.includes(String(error.message)) ? stack : `${text}\n${stack}`;
  }
  if (depth < MAX_DEPTH) {
    if (error.cause !== undefined) text += `\n  [cause]: ${inspect(error.cause, ink, depth + 1)}`;
    if (Array.isArray(error.errors)) text += `\n  [errors]: ${inspect(error.errors, ink, depth + 1)}`;
  }
  return text;
}

const quote = (text) => (text.includes("'") ? JSON.stringify(text) : `'${text.replace(/\n/g, '\\n')}'`);
const keyText = (key) =>
  typeof key === 'symbol' ? `[${String(key)}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);

function nameOf(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return '[Object: null prototype]';
  const constructor = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  const name = typeof constructor === 'function' ? constructor.name : '';
  return name === 'Object' ? '' : String(name);
}

function* entriesOf(value, ink, depth) {
  const show = (inner) => inspect(inner, ink, depth + 1);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    for (let i = 0; i < value.length; i++) yield i in value ? show(value[i]) : '<empty>';
    return;
  }
  if (value instanceof Map) for (const [key, item] of value) yield `${show(key)} => ${show(item)}`;
  else if (value instanceof Set) for (const item of value) yield show(item);
  else if (value instanceof Headers || value instanceof URLSearchParams || value instanceof FormData) {
    for (const [key, item] of value) yield `${quote(key)} => ${show(item)}`;
  } else if (value instanceof Request) {
    yield `method: ${quote(value.method)}`;
    yield `url: ${quote(value.url)}`;
    yield `headers: ${show(value.headers)}`;
  } else if (value instanceof Response) {
    yield `status: ${value.status}`;
    yield `headers: ${show(value.headers)}`;
  }
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (!property?.enumerable) continue;
    yield `${keyText(key)}: ${'value' in property ? show(property.value) : '[Getter]'}`;
  }
}

function objectText(value, ink, depth) {
  if (isError(value)) return errorText(value, ink, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp || value instanceof URL) return String(value);
  if (value instanceof Promise) return 'Promise {}';
  if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
  if (value instanceof Blob) return `${nameOf(value)} { size: ${value.size}, type: ${quote(value.type)} }`;

  const list = Array.isArray(value) || ArrayBuffer.isView(value);
  let name = nameOf(value);
  if (list) name = name === 'Array' ? '' : `${name}(${value.length ?? value.byteLength})`;
  if (depth > MAX_DEPTH) return `[${name || (list ? 'Array' : 'Object')}]`;
  const parts = [];
  let width = 0;
  for (const part of entriesOf(value, ink, depth)) {
    if (parts.length === MAX_ENTRIES || ink.left <= 0) {
      parts.push('…');
      break;
    }
    parts.push(part);
    width += part.length;
  }
  const [open, close] = list ? ['[', ']'] : ['{', '}'];
  const head = name === '' ? open : `${name} ${open}`;
  if (parts.length === 0) return head + close;
  if (width <= 100 && !parts.some((part) => part.includes('\n'))) return `${head} ${parts.join(', ')} ${close}`;
  const pad = '  '.repeat(depth + 1);
  return `${head}\n${pad}${parts.join(`,\n${pad}`)}\n${'  '.repeat(depth)}${close}`;
}

/** `ink` counts the characters and holds the objects on the way down, against size and cycles. */
function inspect(value, ink, depth) {
  if (ink.left <= 0) return '…';
  let text;
  switch (typeof value) {
    case 'string':
      text = quote(value.length > ink.left ? `${value.slice(0, ink.left)}…` : value);
      break;
    case 'bigint':
      text = `${value}n`;
      break;
    case 'function':
      text = /^class\b/.test(Function.prototype.toString.call(value).slice(0, 6))
        ? `[class ${value.name || '(anonymous)'}]`
        : `[Function: ${value.name || '(anonymous)'}]`;
      break;
    case 'object':
      if (value === null) text = 'null';
      else if (ink.path.has(value)) text = '[Circular]';
      else {
        ink.path.add(value);
        try {
          text = objectText(value, ink, depth);
        } catch {
          text = '[object that cannot be shown]';
        }
        ink.path.delete(value);
        return text;
      }
      break;
    default:
      text = Object.is(value, -0) ? '-0' : String(value);
  }
  ink.left -= text.length;
  return text;
}

/** One value as text for people; strings stand as they are. */
export function show(value) {
  if (typeof value === 'string') return value;
  return inspect(value, { left: MAX_TEXT, path: new Set() }, 0);
}

/** Message and stack of anything that can be thrown. Never throws. */
export function describeError(error) {
  try {
    if (isError(error)) return { message: clip(`${error.name}: ${error.message}`), stack: clip(show(error)) };
    return { message: clip(show(error)), stack: '' };
  } catch {
    return { message: 'an error that cannot be shown', stack: '' };
  }
}

function directive(letter, value) {
  switch (letter) {
    case 's': return typeof value === 'object' && value !== null ? show(value) : String(value);
    case 'd':
      if (typeof value === 'bigint') return `${value}n`;
      return typeof value === 'object' ? 'NaN' : String(Number(value));
    case 'i': return typeof value === 'object' ? 'NaN' : String(Number.parseInt(String(value), 10));
    case 'f': return String(Number.parseFloat(String(value)));
    case 'j': return JSON.stringify(value);
    case 'c': return '';
    default: return inspect(value, { left: MAX_TEXT, path: new Set() }, 0);
  }
}

/** The arguments of one console call as one text. Never throws. */
export function format(args) {
  try {
    let next = 0;
    let text = '';
    if (typeof args[0] === 'string' && args.length > 1) {
      next = 1;
      text = args[0].replace(/%([sdifjoOc%])/g, (whole, letter) => {
        if (letter === '%') return '%';
        return next < args.length ? directive(letter, args[next++]) : whole;
      });
    } else if (args.length > 0) {
      text = show(args[next++]);
    }
    for (; next < args.length && text.length <= MAX_TEXT; next++) text += ` ${show(args[next])}`;
    return text;
  } catch {
    return '[values that cannot be shown]';
  }
}

/**
 * The `console` of handlers.
 *
 * @param {(level: 'debug'|'info'|'warn'|'error', text: string) => void} log takes one clipped text
 */
export function createConsole(log) {
  const counts = new Map();
  const timers = new Map();
  let indent = '';
  const write = (level, text) => log(level, clip(indent === '' ? text : indent + text.replace(/\n/g, `\n${indent}`)));
  const at = (level) => (...args) => write(level, format(args));
  const elapsed = (label) => `${label}: ${(performance.now() - timers.get(label)).toFixed(3)} ms`;
  // One label more than anyone uses; a handler that makes them up per request must not grow the isolate.
  const remember = (map, label, value) => {
    if (map.size < 1000 || map.has(label)) map.set(label, value);
  };
  const group = (...args) => {
    if (args.length > 0) write('info', format(args));
    if (indent.length < 40) indent += '  ';
  };
  const console = {
    // As a namespace of the platform has it.
    __proto__: {},
    debug: at('debug'),
    log: at('info'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    dir: (value) => write('info', show(value)),
    dirxml: at('info'),
    table: (value) => write('info', show(value)),
    trace(...args) {
      const frames = tidyStack(new Error().stack ?? '').split('\n').slice(1).join('\n');
      write('debug', `Trace: ${format(args)}\n${frames}`);
    },
    assert(condition, ...args) {
      if (!condition) write('error', args.length > 0 ? `Assertion failed: ${format(args)}` : 'Assertion failed');
    },
    group,
    groupCollapsed: group,
    groupEnd() { indent = indent.slice(2); },
    count(label = 'default') {
      const key = String(label);
      remember(counts, key, (counts.get(key) ?? 0) + 1);
      write('info', `${key}: ${counts.get(key) ?? 1}`);
    },
    countReset(label = 'default') { counts.delete(String(label)); },
    time(label = 'default') { remember(timers, String(label), performance.now()); },
    timeLog(label = 'default', ...args) {
      const key = String(label);
      if (timers.has(key)) write('info', args.length > 0 ? `${elapsed(key)} ${format(args)}` : elapsed(key));
    },
    timeEnd(label = 'default') {
      const key = String(label);
      if (timers.has(key)) write('info', elapsed(key));
      timers.delete(key);
    },
    clear() {},
    profile() {},
    profileEnd() {},
    timeStamp() {},
  };
  return Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true });
}
