"""A request that is sent again with its `Idempotency-Key` is not done again: it is answered as it was.

The header counts on every POST, PUT and PATCH of an `ApiView`, and is ignored elsewhere (GET and DELETE are idempotent
by themselves). A key belongs to one caller (token or person), method and path. Its first request runs in ONE database
transaction together with the row that keeps its answer, so a crash leaves both or none; a second one that comes
meanwhile waits for the first. What follows:

- **The view runs inside a transaction** when there is a key. Side effects go through `after_commit()` /
  `transaction.on_commit()`, as anywhere; waiting for a charge point, a name server or anything else that is slow has no
  place in a handler (on SQLite it holds the write lock). `waiting()` in
  chargers/commands/sent_api.py begins after it.
- **What is kept**: 2xx and final refusals (4xx except 401, 403, 408, 425 and 429), sealed, for 24 hours: status, body
  and the headers that the view set. A repeat answers them with `Idempotency-Replayed: true`, errors with the request
  id of the repeat. A refusal that the view raises leaves nothing of the view's work.
- **What is not kept**, and rolls the work back, so that it can be tried again: 5xx, raised or returned, 401, 403, 429.
  Answers that stream are not kept, either, but their work counts.
- **The same key with another body or query string**: 422 `idempotency_key_reused`. JSON is compared by its values.
- **Answers that move on.** A view whose answer shows a thing that changes sets an attribute on its response,

      response.replay_as = {"command": str(command.pk)}    # any JSON object

  and has a method that answers a repeat with the thing as it is now:

      def replay(self, request: Request, kept: dict[str, Any]) -> Response

  It is called instead of the stored body (outside of any transaction, for the repeats only) and gets the object; its
  response may be a `Sent`, so that `Prefer: wait` waits again. Headers are then the replay's own. A view without that
  attribute on its response needs nothing.

`once.py` does it, `Idempotent` in it is what ApiView inherits.
"""
