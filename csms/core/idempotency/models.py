"""The answers that are kept for repeats."""

from django.db import models


class KeptAnswer(models.Model):
    """The answer to a request with an Idempotency-Key; written in the transaction of the request's work."""

    # Of caller, method, path and key; as the primary key it makes a second request wait for the first.
    slot = models.CharField(primary_key=True, max_length=64)
    # Of body and query string; keyed, since a body may hold a password that could be guessed from a plain digest.
    request_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_index=True)
    sealed = models.TextField()

    def __str__(self) -> str:
        return self.slot[:12]
