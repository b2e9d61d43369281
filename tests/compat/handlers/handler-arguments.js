// What is handed to fetch.
export default {
  fetch(...args) {
    return Response.json({ count: args.length, kinds: args.map((a) => typeof a), isRequest: args[0] instanceof Request });
  },
};
