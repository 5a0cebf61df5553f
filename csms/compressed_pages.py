"""Pages go compressed to whoever takes that: the longest would weigh more than all their scripts and styles."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedPages(GZipMiddleware):
    """Django's compression, of whole pages only: events and exports are streamed, and what programs read stays plain.

    What a stranger could learn from the length of a page (BREACH) is hidden by Django: the token of a form is masked
    anew in each answer, and each answer is lengthened by up to a hundred random bytes.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
