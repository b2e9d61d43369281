// Other exports beside the default one.
const name = 'other';
export function helper() { return 'help'; }
export class Thing {}
export default { fetch: () => new Response(`${name} ${helper()} ${new Thing() instanceof Thing}`) };
