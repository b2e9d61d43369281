// Classes that extend Request, Response and Headers.
class MyRequest extends Request { get path() { return new URL(this.url).pathname; } }
class MyResponse extends Response { constructor(body, init) { super(body, init); this.headers.set('x-mine', '1'); } }
class MyHeaders extends Headers { get(name) { return super.get(name)?.toUpperCase() ?? null; } }
export default {
  fetch(request) {
    const mine = new MyRequest(request);
    const headers = new MyHeaders({ a: 'b' });
    const response = new MyResponse(`${mine.path} ${headers.get('a')} ${mine instanceof Request}`, { headers });
    return response;
  },
};
