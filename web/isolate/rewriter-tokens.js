// What handlers of HTMLRewriter get: elements, end tags, comments, text, document types, the document's end. Each works
// while its handler runs, and throws ever after.

import { takeBody } from './body.js';
import { isResponse } from './http.js';
import { NativeStream, NativeTypeError, bareArray, getPrototypeOf, setPrototypeOf } from './intrinsics.js';
import { NONE } from './rewriter-engine.js';

/** Numbers that worker-wasm/html-rewriter/src/codes.rs has, too. */
const KIND = { __proto__: null, ELEMENT: 0, END_TAG: 1, COMMENT: 2, TEXT: 3, DOCTYPE: 4, DOCUMENT_END: 5 };
const PROPERTY = { __proto__: null, NAME: 0, TEXT: 1, NAMESPACE: 2, PUBLIC_ID: 3, SYSTEM_ID: 4 };
const FLAG = { __proto__: null, REMOVED: 0, LAST: 1 };
const PLACE = { __proto__: null, BEFORE: 0, AFTER: 1, PREPEND: 2, APPEND: 3, REPLACE: 4, INNER: 5 };
const ATTRIBUTE = { __proto__: null, GET: 0, HAS: 1, SET: 2, REMOVE: 3 };

const GONE = 'This content token is no longer valid. Content tokens are only valid during the execution of the relevant '
  + 'content handler.';

/** First argument of the constructors; handlers cannot get hold of it. */
const MAKE = Symbol('make');

let use;
/** Takes a token back: it works no more. */
export let endToken;

/** A token, for as long as its handler runs. */
class Token {
  #engine;
  #job;
  #address;
  #isOver = false;

  constructor(key, engine, job, address) {
    if (key !== MAKE) throw new NativeTypeError('Illegal constructor');
    this.#engine = engine;
    this.#job = job;
    this.#address = address;
  }

  static {
    /** `work(engine, address, job)` with a token that still holds. */
    use = (token, work) => {
      if (token.#isOver) throw new NativeTypeError(GONE);
      return work(token.#engine, token.#address, token.#job);
    };
    endToken = (token) => { token.#isOver = true; };
  }
}

const textOf = (token, property) => use(token, (engine, address) => (
  engine.check(engine.call('token_text', address, property)) === NONE ? null : engine.text()));

const setText = (token, property, value) => use(token, (engine, address) => {
  engine.put(`${value}`);
  engine.check(engine.call('token_set_text', address, property));
});

const flagOf = (token, flag) => use(token, (engine, address) =>
  engine.check(engine.call('token_flag', address, flag)) !== 0);

/** Content is text, or a stream or response whose body is read when its place in the output comes. */
function insert(token, place, content, options) {
  const html = options?.html ? 1 : 0;
  const isOurs = isResponse(content);
  const body = isOurs || content instanceof NativeStream ? content : `${content}`;
  use(token, (engine, address, job) => {
    const what = isOurs ? takeBody(body) : body;
    if (what === null) return;
    if (typeof what === 'string') {
      engine.put(what);
      engine.check(engine.call('token_insert', address, place, html));
      return;
    }
    const number = job.contents.length;
    job.contents[number] = { __proto__: null, body: what, html };
    engine.check(engine.call('token_insert_later', address, place, job.id, number));
  });
  return token;
}

function remove(token, keepContent) {
  use(token, (engine, address) => engine.check(engine.call('token_remove', address, keepContent ? 1 : 0)));
  return token;
}

const attribute = (token, what, name, value) => use(token, (engine, address) => {
  const length = engine.put(name, value);
  return engine.check(engine.call('token_attribute', address, what, length)) === NONE ? null : engine.text();
});

const iteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()));

class AttributesIterator {
  #element;
  #next = 0;

  constructor(key, element) {
    if (key !== MAKE) throw new NativeTypeError('Illegal constructor');
    this.#element = element;
  }

  next() {
    return use(this.#element, (engine, address) => {
      const length = engine.check(engine.call('token_attribute_at', address, this.#next));
      if (length === NONE) return { done: true, value: undefined };
      this.#next++;
      return { done: false, value: [engine.text(0, length), engine.text(length)] };
    });
  }

  [Symbol.iterator]() { return this; }
  get [Symbol.toStringTag]() { return 'AttributesIterator'; }
}

class Element extends Token {
  get tagName() { return textOf(this, PROPERTY.NAME); }
  set tagName(name) { setText(this, PROPERTY.NAME, name); }
  get namespaceURI() { return textOf(this, PROPERTY.NAMESPACE); }
  get removed() { return flagOf(this, FLAG.REMOVED); }
  get attributes() { return use(this, () => new AttributesIterator(MAKE, this)); }

  getAttribute(name) { return attribute(this, ATTRIBUTE.GET, `${name}`, ''); }
  hasAttribute(name) { return attribute(this, ATTRIBUTE.HAS, `${name}`, '') !== null; }
  setAttribute(name, value) {
    attribute(this, ATTRIBUTE.SET, `${name}`, `${value}`);
    return this;
  }
  removeAttribute(name) {
    attribute(this, ATTRIBUTE.REMOVE, `${name}`, '');
    return this;
  }

  before(content, options) { return insert(this, PLACE.BEFORE, content, options); }
  after(content, options) { return insert(this, PLACE.AFTER, content, options); }
  prepend(content, options) { return insert(this, PLACE.PREPEND, content, options); }
  append(content, options) { return insert(this, PLACE.APPEND, content, options); }
  replace(content, options) { return insert(this, PLACE.REPLACE, content, options); }
  setInnerContent(content, options) { return insert(this, PLACE.INNER, content, options); }
  remove() { return remove(this, false); }
  removeAndKeepContent() { return remove(this, true); }

  onEndTag(callback) {
    if (typeof callback !== 'function') {
      throw new NativeTypeError("Failed to execute 'onEndTag' on 'Element': parameter 1 is not of type 'function'.");
    }
    use(this, (engine, address, job) => {
      const number = job.handlers.length;
      job.handlers[number] = { __proto__: null, callback, self: globalThis };
      engine.check(engine.call('token_on_end_tag', address, job.id, number));
    });
  }

  get [Symbol.toStringTag]() { return 'Element'; }
}

class EndTag extends Token {
  get name() { return textOf(this, PROPERTY.NAME); }
  set name(name) { setText(this, PROPERTY.NAME, name); }
  before(content, options) { return insert(this, PLACE.BEFORE, content, options); }
  after(content, options) { return insert(this, PLACE.AFTER, content, options); }
  remove() { return remove(this, false); }
  get [Symbol.toStringTag]() { return 'EndTag'; }
}

class Comment extends Token {
  get text() { return textOf(this, PROPERTY.TEXT); }
  set text(text) { setText(this, PROPERTY.TEXT, text); }
  get removed() { return flagOf(this, FLAG.REMOVED); }
  before(content, options) { return insert(this, PLACE.BEFORE, content, options); }
  after(content, options) { return insert(this, PLACE.AFTER, content, options); }
  replace(content, options) { return insert(this, PLACE.REPLACE, content, options); }
  remove() { return remove(this, false); }
  get [Symbol.toStringTag]() { return 'Comment'; }
}

class Text extends Token {
  get text() { return textOf(this, PROPERTY.TEXT); }
  get lastInTextNode() { return flagOf(this, FLAG.LAST); }
  get removed() { return flagOf(this, FLAG.REMOVED); }
  before(content, options) { return insert(this, PLACE.BEFORE, content, options); }
  after(content, options) { return insert(this, PLACE.AFTER, content, options); }
  replace(content, options) { return insert(this, PLACE.REPLACE, content, options); }
  remove() { return remove(this, false); }
  get [Symbol.toStringTag]() { return 'Text'; }
}

class Doctype extends Token {
  get name() { return textOf(this, PROPERTY.NAME); }
  get publicId() { return textOf(this, PROPERTY.PUBLIC_ID); }
  get systemId() { return textOf(this, PROPERTY.SYSTEM_ID); }
  get [Symbol.toStringTag]() { return 'Doctype'; }
}

class DocumentEnd extends Token {
  append(content, options) { return insert(this, PLACE.APPEND, content, options); }
  get [Symbol.toStringTag]() { return 'DocumentEnd'; }
}

const CLASSES = bareArray();
CLASSES[KIND.ELEMENT] = Element;
CLASSES[KIND.END_TAG] = EndTag;
CLASSES[KIND.COMMENT] = Comment;
CLASSES[KIND.TEXT] = Text;
CLASSES[KIND.DOCTYPE] = Doctype;
CLASSES[KIND.DOCUMENT_END] = DocumentEnd;
setPrototypeOf(AttributesIterator.prototype, iteratorPrototype);

/** What a handler of this kind is called with. */
export const makeToken = (engine, kind, job, address) => new CLASSES[kind](MAKE, engine, job, address);
