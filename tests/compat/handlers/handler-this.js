// `this` in a handler is the exported object.
const handler = {
  greeting: 'hello',
  fetch() {
    return new Response(`${this.greeting} ${this === handler}`);
  },
};
export default handler;
