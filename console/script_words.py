"""What the scripts of the console say; page.html hands it to them in the reader's language."""

from django.utils.translation import gettext

SCRIPT_WORDS = (
    "Copied.",
    "Do it",
    "It is selected: copy it with Ctrl+C.",
    "No answer within {seconds} s: the server may have done it or not. Look before you try again.",
    "Live",
    "Not done ({status}): {why}",
    "Not done: {status}.",
    "Not sent: the server cannot be reached.",
    "Reconnecting… shown as of {time}",
    "Reset zoom",
    "Show as chart",
    "Show as table",
    "Sign in again",
    "Signed out: shown as of {time}.",
    "The chart could not be loaded; reload the page to try again.",
    "The chart could not be read just now; reload the page to try again.",
    "The page cannot be read now: shown as of {time}",
    "There are no figures for this time yet.",
    "Time",
    "as of {time}",
    "dark",
    "in {time}",
    "just now",
    "light",
    "system",
    "{time} ago",
)


def script_words() -> dict[str, str]:
    """Return the texts as the scripts know them, each with its translation; empty in English."""
    words = {text: gettext(text) for text in SCRIPT_WORDS}
    return {text: said for text, said in words.items() if said != text}
