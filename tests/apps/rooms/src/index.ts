// Chat rooms over WebSockets, kept in the memory of one isolate: what one does on Workers without Durable Objects.
import { Hono } from 'hono';

type Member = { name: string; socket: WebSocket };
const rooms = new Map<string, Set<Member>>();

const app = new Hono();

app.get('/parties/:room', (c) => {
  if (c.req.header('upgrade') !== 'websocket') return c.text('Expected a WebSocket', 426);
  const room = c.req.param('room');
  const [client, server] = Object.values(new WebSocketPair());
  const member = { name: c.req.query('name') ?? 'somebody', socket: server };
  const members = rooms.get(room) ?? new Set();
  rooms.set(room, members.add(member));
  const broadcast = (message: object, without?: Member) => {
    for (const each of members) if (each !== without) each.socket.send(JSON.stringify(message));
  };
  server.accept();
  server.send(JSON.stringify({ type: 'welcome', room, present: [...members].map(({ name }) => name) }));
  broadcast({ type: 'join', name: member.name }, member);
  server.addEventListener('message', ({ data }) => {
    broadcast({ type: 'message', from: member.name, text: `${data}` });
  });
  server.addEventListener('close', () => {
    members.delete(member);
    if (members.size === 0) rooms.delete(room);
    broadcast({ type: 'leave', name: member.name });
  });
  return new Response(null, { status: 101, webSocket: client });
});

app.get('/rooms', (c) => c.json(Object.fromEntries([...rooms].map(([room, members]) => [room, members.size]))));

export default app;
