"""Setting charge points up before they are accepted (2.0.1, B02): who is, and what comes next.

A run is a row and the commands that it waits for are rows, so it goes on after a reconnection, in another process and
after a restart. It never keeps a charge point out for long: when its time is over, it is accepted and marked.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from chargers.commands.sending import spoken_order
from chargers.models import ChargePoint, Command, Provisioning, Registration
from chargers.provisioning.models import ProvisioningRun
from chargers.provisioning.steps import NOTHING, REFUSED, STEPS, Over, as_noted, cut_off
from chargers.services import as_stored, note_act, tell_holder
from chargers.traits.values import Traits
from csms.core.config import get_config
from csms.core.live import announce
from csms.core.refusals import NotNow

State = ProvisioningRun.State
TRIES_MAX = 3  # of one step
AT_ONCE = 200  # runs that one look of the clock takes further


def begin(charge_point: ChargePoint, traits: Traits, *, now: datetime) -> None:
    """Begin to set up a charge point that boots, if it is approved, new, and to be set up first. Idempotent.

    Its `provisioning` is set in memory; whoever notes the boot stores it.
    """
    if charge_point.registration != Registration.ACCEPTED:
        return
    runs = ProvisioningRun.objects.filter(charge_point=charge_point, state=State.RUNNING)
    if charge_point.provisioning == Provisioning.RUNNING:
        if runs.exists():
            return
        charge_point.provisioning = Provisioning.NONE  # of what is over nobody waits for the end
    if not _wanted(charge_point, traits):
        return
    due_at = now + timedelta(seconds=get_config().provisioning_timeout)
    ProvisioningRun.objects.create(
        charge_point=charge_point, step=next(iter(STEPS)), started_at=now, due_at=due_at
    )
    charge_point.provisioning = Provisioning.RUNNING


def _wanted(charge_point: ChargePoint, traits: Traits) -> bool:
    if charge_point.provisioning == Provisioning.DUE:
        return True
    first = (
        traits.provisioning == "before" if traits.provisioning else get_config().provision_before_acceptance
    )
    # New is who has never booted while it was accepted: a fleet that serves already is not held up by a setting.
    new = charge_point.booted_at is None
    return first and new and not ProvisioningRun.objects.filter(charge_point=charge_point).exists()


def note_boot(charge_point_id: int, *, restarted: bool = True, now: datetime) -> None:
    """Note that a charge point has booted, and take its run further if it has one."""
    running = ProvisioningRun.objects.filter(charge_point_id=charge_point_id, state=State.RUNNING)
    if running.update(booted_at=now) if restarted else running.exists():
        advance(charge_point_id, now=now)


def advance(charge_point_id: int, *, now: datetime) -> None:
    """Take the run of a charge point as far as it goes now. Idempotent: what was given waits for its answers."""
    with transaction.atomic():
        # The charge point first, as a boot locks it first: two that meet cannot wait for each other.
        charge_point = ChargePoint.objects.select_for_update().get(pk=charge_point_id)
        run = ProvisioningRun.objects.filter(charge_point=charge_point, state=State.RUNNING).first()
        if run is None:
            return
        end: tuple[State, str] | None
        if charge_point.provisioning != Provisioning.RUNNING:
            end = State.SKIPPED, "it was taken out of it"
        elif now >= run.due_at:
            end = State.LATE, f"{STEPS[run.step].title}: it took too long"
        elif charge_point.connection_id is None or charge_point.standing != Registration.PENDING:
            return
        else:
            end = _walk(run, charge_point, now)
        if end is not None:
            _end(run, charge_point, *end, now=now)
        else:
            run.save()
            announce(f"charge-point:{charge_point_id}")


def _walk(run: ProvisioningRun, charge_point: ChargePoint, now: datetime) -> tuple[State, str] | None:
    """Take the steps that can be taken now; return how the run ends, if it does."""
    while (over := _look(run, charge_point, now)) is not None:
        run.steps = [*run.steps, as_noted(run.step, over, now)]
        later = list(STEPS)[list(STEPS).index(run.step) + 1 :]
        if not later:
            return State.DONE, ""
        run.step, run.step_at, run.waits_for, run.tries = later[0], None, [], 0
    return None


def _look(run: ProvisioningRun, charge_point: ChargePoint, now: datetime) -> Over | None:
    """Begin the step of a run, or look whether it is over; None while it waits."""
    step = STEPS[run.step]
    if run.step_at is not None:
        commands = list(Command.objects.filter(pk__in=run.waits_for).order_by("pk"))
        over = step.look(run, commands)
        lost = over is not None and over.word == REFUSED and cut_off(commands)
        if not lost or run.tries >= TRIES_MAX:
            return over
    given = step.start(charge_point, now)
    if isinstance(given, str):
        return Over(NOTHING, given)
    run.step_at, run.waits_for = now, [str(command_id) for command_id in given]
    run.tries += 1
    return None


def _end(
    run: ProvisioningRun, charge_point: ChargePoint, state: State, problem: str, *, now: datetime
) -> None:
    """End a run: the next boot is answered Accepted, and is asked for at once."""
    run.state, run.finished_at, run.problem = state, now, problem
    run.save()
    left = Provisioning.FAILED if state == State.LATE else Provisioning.NONE
    held = ChargePoint.objects.filter(pk=charge_point.pk, provisioning=Provisioning.RUNNING)
    held.update(provisioning=left)
    tell_holder(charge_point.pk, "registration")
    announce("fleet", f"charge-point:{charge_point.pk}")


class CannotBeSetUp(NotNow):
    """A charge point that nobody can set up before it is accepted; `code` is for programs, the text for people."""


def provision_anew(charge_point: ChargePoint, *, by: str, now: datetime) -> bool:
    """Have a charge point set up again at its next boot; return whether that was not so already. Idempotent.

    It is served until then: who does not want to wait resets it. Raises CannotBeSetUp `not_supported` for one that is
    not known to speak a version with base reports, so that perhaps no boot of it would begin.
    """
    if spoken_order(charge_point, "get-base-report") is None:
        text = f"{charge_point.cp_id} has not connected with an OCPP version that lets it be set up first"
        raise CannotBeSetUp("not_supported", text)
    with transaction.atomic():
        stored = as_stored(charge_point)
        if stored.provisioning in (Provisioning.DUE, Provisioning.RUNNING):
            return False
        ChargePoint.objects.filter(pk=stored.pk).update(provisioning=Provisioning.DUE)
        note_act("charge_point.provisioning_ordered", stored, by=by, now=now)
        announce("fleet", f"charge-point:{stored.pk}")
    return True


def accept_now(charge_point: ChargePoint, *, by: str, now: datetime) -> bool:
    """Accept a charge point although it is being set up, or is to be at its next boot; return whether it was.

    Idempotent.
    """
    with transaction.atomic():
        stored = as_stored(charge_point)
        due = ChargePoint.objects.filter(pk=stored.pk, provisioning=Provisioning.DUE)
        if due.update(provisioning=Provisioning.NONE):
            note_act("charge_point.provisioning_dropped", stored, by=by, now=now)
            announce("fleet", f"charge-point:{stored.pk}")
            return True
        run = ProvisioningRun.objects.filter(charge_point=stored, state=State.RUNNING).first()
        if run is None:
            return False
        note_act("charge_point.accepted_early", charge_point, by=by, now=now, step=run.step)
        _end(run, stored, State.SKIPPED, f"{by} did not wait for it", now=now)
    return True


def owner_of(command_id: UUID, charge_point_id: int) -> bool:
    """Return whether the run of a charge point waits for this command."""
    run = ProvisioningRun.objects.filter(charge_point_id=charge_point_id, state=State.RUNNING).first()
    return run is not None and str(command_id) in run.waits_for


def go_on(*, now: datetime) -> int:
    """Take the runs further whose charge points are online or whose time is over; return how many. Idempotent."""
    held = Q(charge_point__connection_id__isnull=False)
    running = ProvisioningRun.objects.filter(held | Q(due_at__lte=now), state=State.RUNNING).order_by(
        "due_at"
    )
    waiting = list(running.values_list("charge_point_id", flat=True)[:AT_ONCE])
    for charge_point_id in waiting:
        advance(charge_point_id, now=now)
    return len(waiting)
