"""The desk of stuck sessions: what is stuck, what speaks for it, and one click to put it right."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargers.commands.ordering import Author, CommandRefused
from chargers.models import ChargePoint
from console import transaction_words as words
from console.pages import action, moved, page, permit, person, render_page
from console.questions import confirmed, question_page
from csms.core.config import get_config
from csms.core.refusals import NotNow
from transactions.models import Transaction
from transactions.stuck.cases import COUNTED, DISMISSED_FOR, READINGS_LOOKED_AT, SETTLING, Case, cases
from transactions.stuck.counting import counts
from transactions.stuck.models import CLAIMED_ID_MAX, Correction, Kind
from transactions.stuck.services import correct_transaction, correct_unmatched

REASON_MAX = 500
SHOWN = 30
"""Of one kind: each has its forms, and nobody puts more right at once."""
# What a step needs: those that order something of a charge point need the scope of commands.
SCOPES = {
    Correction.Step.ENDED: "write",
    Correction.Step.DISMISSED: "write",
    Correction.Step.STOP_ORDERED: "command",
    Correction.Step.READINGS_ORDERED: "command",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """One kind, as the page offers it."""

    kind: Kind
    title: Any
    means: Any
    bound: float
    count: int

    @property
    def more(self) -> bool:
        return self.count > COUNTED


@dataclass(frozen=True, slots=True)
class Button:
    """One step of a case."""

    step: Correction.Step
    label: str | Promise
    scope: str
    question: str | Promise
    disabled: str


class Row:
    """A case with its buttons; the first is what is proposed."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.buttons = [self._button(step) for step in case.steps]

    def _button(self, step: Correction.Step) -> Button:
        label = words.STEPS[step]
        if self.case.kind == Kind.NO_STOP and step == Correction.Step.ENDED:
            label = words.SETTLE if self.case.rose_after_end else words.CONFIRM
        offline = SCOPES[step] == "command" and self.case.charge_point.connection_id is None
        disabled = _("The charge point is offline.") if offline else ""
        return Button(step, label, SCOPES[step], words.QUESTIONS.get(step, ""), disabled)


class StuckPage:
    """What the page shows, each part read only when a fragment needs it."""

    def __init__(self, asked: str) -> None:
        self.now = timezone.now()
        self.kind = Kind(asked) if asked in Kind.values else None

    @cached_property
    def tabs(self) -> list[Tab]:
        found = counts(now=self.now)
        return [
            Tab(kind, told.title, told.means, told.bound.total_seconds(), found[kind])
            for kind, told in words.KINDS.items()
        ]

    @cached_property
    def chosen(self) -> Tab | None:
        """The kind that is shown: the one that is asked for, else the first that has any."""
        if self.kind is not None:
            return next(tab for tab in self.tabs if tab.kind == self.kind)
        return next((tab for tab in self.tabs if tab.count), None)

    @cached_property
    def rows(self) -> list[Row]:
        return (
            [Row(case) for case in cases(self.chosen.kind, now=self.now, at_most=SHOWN)]
            if self.chosen
            else []
        )

    @property
    def bounds(self) -> dict[str, float]:
        """The times that the page names."""
        config = get_config()
        return {
            "settling": SETTLING.total_seconds(),
            "dismissed": DISMISSED_FOR.total_seconds(),
            "grace": config.inferred_end_grace,
            "silence_hours": config.inferred_end_silence_hours,
            "shown": SHOWN,
            "readings": READINGS_LOOKED_AT,
        }


@page
def stuck(request: HttpRequest) -> HttpResponse:
    shown = StuckPage(request.GET.get("kind", ""))
    return render_page(request, "stuck", {"section": "stuck", "shown": shown})


class StepForm(forms.Form):
    """Whom it concerns, and why it is done."""

    transaction = forms.UUIDField(required=False)
    charge_point = forms.IntegerField(required=False, min_value=1)
    claimed_id = forms.CharField(required=False, max_length=CLAIMED_ID_MAX, strip=False)
    reason = forms.CharField(
        max_length=REASON_MAX,
        error_messages={"required": gettext_lazy("Say why: whoever looks at it later wants to know.")},
    )


@action("read")
def step(request: HttpRequest, kind: str, step: str) -> HttpResponse:
    """Take a step about one case, after a question if it is a dangerous one."""
    if kind not in Kind.values or step not in Correction.Step.values:
        raise Http404(_("There is no such step."))
    chosen, taken = Kind(kind), Correction.Step(step)
    permit(request, SCOPES[taken])
    back = f"{reverse('console:stuck')}?kind={chosen}"
    form = StepForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return moved(request, back)
    question = words.QUESTIONS.get(taken)
    if question is not None and not confirmed(request):
        return question_page(request, title=str(words.STEPS[taken]), question=str(question), back=back)
    user = person(request)
    told: dict[str, Any] = {
        "author": Author(user.get_username(), user),
        "reason": form.cleaned_data["reason"],
        "now": timezone.now(),
    }
    try:
        if chosen == Kind.UNMATCHED:
            correct_unmatched(_charge_point(form), form.cleaned_data["claimed_id"], taken, **told)
        else:
            correct_transaction(_transaction(form.cleaned_data["transaction"]), chosen, taken, **told)
    except (NotNow, CommandRefused) as refusal:
        messages.error(request, _("Nothing was done: %(why)s") % {"why": refusal})
    else:
        messages.success(request, f"{words.DONE[taken]}.")
    return moved(request, back)


def _transaction(pk: UUID | None) -> Transaction:
    found = Transaction.objects.filter(pk=pk).first() if pk else None
    if found is None:
        raise Http404(_("There is no such transaction."))
    return found


def _charge_point(form: StepForm) -> ChargePoint:
    found = ChargePoint.objects.filter(pk=form.cleaned_data["charge_point"]).first()
    if found is None:
        raise Http404(_("There is no such charge point."))
    return found
