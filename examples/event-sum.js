// The event form: POST JSON in, JSON out.
//   curl -d '{"numbers":[1,2,3]}' http://event-sum.localhost:8787/   ->   {"sum":6,"count":3}
export default async ({ numbers = [] }) => {
  const sum = numbers.reduce((total, value) => total + Number(value), 0);
  return { sum, count: numbers.length };
};
