"""Human words for how a charge point is set up before it is accepted."""

from typing import Any

from django.utils.translation import gettext as _

from chargers.commands.sending import catalogue
from chargers.provisioning.models import ProvisioningRun
from chargers.provisioning.steps import OUTCOMES, STEPS
from console.words import say


def steps_of(run: ProvisioningRun) -> list[dict[str, Any]]:
    """Return every step of a run: its title, what became of it and why; of its last one, that it waits."""
    over = {one["step"]: one for one in run.steps}
    rows = []
    for slug, step in STEPS.items():
        noted = over.get(slug)
        if noted is not None:
            said, why = _(OUTCOMES[noted["outcome"]]), _with_titles(noted["why"])
        elif slug == run.step:
            said, why = (_("under way") if run.step_at else _("not begun")), ""
        else:
            said, why = _("to come"), ""
        rows.append({"title": _(step.title), "outcome": said, "why": why})
    return rows


def _with_titles(why: str) -> str:
    """Call the commands in a reason as the rest of the console does; it is kept with their names for programs."""
    known = catalogue()
    return " ".join(
        say(known[word].title) if word in known and "-" in word else word for word in why.split(" ")
    )
