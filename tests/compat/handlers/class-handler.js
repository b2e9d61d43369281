// The default export is a class.
import { WorkerEntrypoint } from 'cloudflare:workers';
export default class extends WorkerEntrypoint {
  async fetch(request) {
    return Response.json({ url: request.url, ctx: typeof this.ctx.waitUntil, env: typeof this.env });
  }
}
