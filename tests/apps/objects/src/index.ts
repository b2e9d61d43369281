// https://github.com/cloudflare/partykit: a room that is a Durable Object.
import { type Connection, routePartykitRequest, Server } from 'partyserver';

interface Env { Chat: DurableObjectNamespace<Chat> }

export class Chat extends Server<Env> {
  onMessage(connection: Connection, message: string) {
    this.broadcast(message, [connection.id]);
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    return (await routePartykitRequest(request, env)) ?? new Response('Not Found', { status: 404 });
  },
};
