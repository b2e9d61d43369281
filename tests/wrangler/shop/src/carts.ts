import { createHash } from 'node:crypto';

export interface Cart {
  items: string[];
  seal: string;
}

const seal = (items: string[]): string => createHash('sha256').update(items.join()).digest('hex').slice(0, 8);

/** Carts, one an entry. */
export class Carts {
  constructor(private readonly store: KVNamespace) {}

  find(id: string): Promise<Cart | null> {
    return this.store.get<Cart>(`cart:${id}`, 'json');
  }

  async keep(id: string, items: string[]): Promise<void> {
    await this.store.put(`cart:${id}`, JSON.stringify({ items, seal: seal(items) }));
  }
}
