// Private fields, statics and accessors in handlers.
class Counter {
  static #made = 0;
  #count = 0;
  constructor() { Counter.#made++; }
  get count() { return this.#count; }
  up() { return ++this.#count; }
  static get made() { return Counter.#made; }
  static { this.ready = true; }
}
export default {
  fetch() {
    const counter = new Counter();
    counter.up();
    return Response.json({ count: counter.count, made: Counter.made, ready: Counter.ready });
  },
};
