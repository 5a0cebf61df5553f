"""`manage.py create_ca`: make a CA of our own that signs certificates of charge points."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from chargers.certificates.authority import create_ca
from csms.core.config import get_config
from csms.core.overrides.services import refresh


class Command(BaseCommand):
    help = (
        "Make a CA that signs certificates of charge points, in the files of CSMS_CA_CERTIFICATE and CSMS_CA_KEY. "
        "Nothing that exists is overwritten."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--common-name", default="csms charge point CA", help="its name")
        parser.add_argument(
            "--organization", help="its organization; CSMS_CERTIFICATE_ORGANIZATION if left out"
        )
        parser.add_argument("--days", type=int, default=3650, help="how long it is valid")
        parser.add_argument(
            "--rsa",
            type=int,
            nargs="?",
            const=3072,
            default=0,
            choices=(2048, 3072, 4096),
            help="an RSA key, for charge points that know no elliptic curves",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refresh()
        config = get_config()
        if not 1 <= options["days"] <= 36_500:
            raise CommandError("--days is a number from 1 to 36500")
        organization = options["organization"]
        if not 1 <= len(options["common_name"]) <= 64 or len(organization or "") > 64:
            raise CommandError("--common-name and --organization have at most 64 characters (X.520)")
        certificate_path, key_path = config.ca_paths
        try:
            certificate = create_ca(
                certificate_path,
                key_path,
                common_name=options["common_name"],
                organization=config.certificate_organization if organization is None else organization,
                lifetime=timedelta(days=options["days"]),
                rsa_bits=options["rsa"],
                password=config.ca_key_password.get_secret_value(),
                now=timezone.now(),
            )
        except FileExistsError as error:
            raise CommandError(f"{error.filename} exists; a CA is not overwritten") from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}") from error
        self.stdout.write(f"certificate: {certificate_path}")
        self.stdout.write(f"private key: {key_path}")
        self.stderr.write(f"It is valid until {certificate.not_valid_after_utc:%Y-%m-%d}.")
        if config.certificate_authority != "own":
            self.stderr.write("It signs once CSMS_CERTIFICATE_AUTHORITY=own is set.")
