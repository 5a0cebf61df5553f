"""What follows a sign-in: the effect of a new password or security profile is seen."""

from datetime import timedelta

from chargers.commands.effects import note_effect
from chargers.configuration.models import ConfigurationKey
from chargers.configuration.selectors import fold
from chargers.following import SignedIn
from chargers.models import Command
from chargers.passwords.names import PASSWORD
from chargers.services import drop_offered_password

SIGN_IN_WINDOW = timedelta(days=7)
"""So long after a change of password or profile may its first sign-in be seen; some stay connected for days."""


def follow_sign_in(signed_in: SignedIn) -> None:
    """See the effect of a new password (T-029) or security profile (S16-74).

    The old password after the new one was told: it was not taken, unless it counts only after a reboot yet to come.
    """
    waits = ConfigurationKey.objects.filter(
        charge_point_id=signed_in.charge_point_id,
        folded__in=("authorizationkey", fold(str(PASSWORD))),
        needs_reboot=True,
    )
    if not signed_in.newest and not waits.exists():
        drop_offered_password(signed_in.charge_point_id)
    told = Command.objects.filter(
        charge_point_id=signed_in.charge_point_id,
        type__in=("change-configuration", "set-authorization-key"),
        effect_at=None,
        sent_at__gt=signed_in.now - SIGN_IN_WINDOW,
    ).exclude(status=Command.Status.REJECTED)
    for command in told.order_by("-id")[:50]:
        key = fold(command.params.get("key", ""))
        if command.type == "set-authorization-key":
            if signed_in.newest:
                note_effect(command, "It signed in with the new password.", now=signed_in.now)
            elif command.status != Command.Status.ACCEPTED:
                note_effect(
                    command, "It signed in with the old password: it did not take it.", now=signed_in.now
                )
        elif key == "securityprofile" and command.params.get("value") == str(signed_in.security_profile):
            text = f"It connected with security profile {signed_in.security_profile}."
            note_effect(command, text, kind="charge-point", now=signed_in.now)
