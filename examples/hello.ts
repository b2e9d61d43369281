// The smallest handler in TypeScript: types are taken away when it is deployed, nothing is installed.
interface Greeting {
  text: string;
  at: Date;
}

const greet = (request: Request): Greeting => ({ text: `hello from a tab: ${request.method} ${request.url}`, at: new Date() });

export default {
  async fetch(request: Request): Promise<Response> {
    const { text, at } = greet(request);
    return new Response(`${text}\n${at.toISOString()}\n`);
  },
};
