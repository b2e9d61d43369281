export * from 'unenv/node/buffer';
export { default } from 'unenv/node/buffer';
