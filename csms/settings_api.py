"""Settings of the API: how requests are read and refused, and its OpenAPI document."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "csms.core.access.api.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["csms.core.access.api.Scoped"],
    "DEFAULT_THROTTLE_CLASSES": ["csms.core.access.throttling.CallerRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["csms.core.api_data.Json"],
    "DEFAULT_SCHEMA_CLASS": "csms.core.api_schema.ContractSchema",
    "DEFAULT_METADATA_CLASS": None,  # what OPTIONS would say, the schema says better
    "EXCEPTION_HANDLER": "csms.core.api_errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # ?format= is an unknown parameter like any other
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "csms",
    "DESCRIPTION": (
        "Charge points, transactions and commands of a charging network.\n\n"
        "**Times** are RFC 3339 in UTC with milliseconds; in requests any offset will do, but one there must be. "
        "**Energy** is in whole Wh. **Lists** come in pages: pass `next_cursor` back as `cursor`, with the same "
        "other parameters; rows that are added meanwhile shift nothing. `count=true` counts the rows of all pages, "
        "`sort` (where there is a choice) orders them, and `format=csv` or `Accept: text/csv` answers with all of "
        "them as a file, cut where its header `X-Export-Complete` says `false`. **Unknown** parameters and fields are "
        "refused, not ignored. **Errors** have one envelope, `Error`, and one status a kind. **Repeats** are safe "
        "with an `Idempotency-Key`. **Rates** are bounded for each token: 429 says in `Retry-After` when to come again."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,  # as in the table of routes
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "csms.api_enums.name",
        "csms.api_examples.show",
        "csms.core.api_schema.complete",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # they say nothing that the words do not
    "WEBHOOKS": ["chargers.callbacks.api.COMMAND_FINISHED", "csms.core.webhooks.deliveries_api.EVENT"],
    "ENUM_NAME_OVERRIDES": {
        "Registration": "chargers.models.Registration",
        "FrameDirection": "chargers.models.Frame.Direction",
        "FrameVerdict": "chargers.models.Frame.Verdict",
        "ResetType": ["Soft", "Hard"],
        "AlertSeverity": "alerts.models.Severity",
        "AlertState": "alerts.models.Alert.State",
        "AlertChannelKind": "alerts.channels.models.Kind",
        "AlertChannelState": "alerts.channels.models.STATES",
        "NotificationKind": "alerts.notifications.models.Notification.Kind",
        "NotificationState": "alerts.notifications.models.Notification.State",
        "NotificationPartKind": "alerts.notifications.models.Part.What",
        "AlertEntryKind": "alerts.models.AlertEntry.What",
        "ExternalServerState": "alerts.external.shapes.STATES",
        "KeptFileStanding": "alerts.external.shapes.STANDINGS",
        "MatcherOperator": "alerts.alertmanager.selectors.OPERATORS",
        "AlertmanagerSilenceState": "alerts.alertmanager.selectors.STATES",
        "AlertGroup": "alerts.rules.models.Group",
        "AlertEqual": "alerts.rules.services.EQUALS",
        "AlertMatch": "alerts.silences.matching.OPS",
        "AlertSilenceState": "alerts.silences.selectors.STATES",
        "AlertShared": "alerts.incidents.models.Shared",
        "AlertAboutKind": ["condition", "happening"],
        "CommandStatus": "chargers.models.Command.Status",
        "CallbackState": "chargers.callbacks.models.Callback.State",
        "WebhookState": "csms.core.webhooks.selectors.STATES",
        "WebhookChangeKind": "csms.core.webhooks.models.EndpointChange.What",
        "DeliveryState": "csms.core.webhooks.models.Delivery.State",
        "CertificateRequestStatus": "chargers.certificates.models.SigningRequest.Status",
        "CertificateUse": "chargers.certificates.models.InstalledCertificate.Use",
        "CertificateRequestUse": "chargers.certificates.models.SigningRequest.Use",
        "BulkJobState": "chargers.bulk.models.BulkJob.State",
        "BulkJobIfOffline": "chargers.bulk.models.BulkJob.Offline",
        "IfOffline": ["refuse", "queue"],
        "BulkTargetState": "chargers.bulk.models.BulkTarget.State",
        "ReservationStatus": "chargers.reservations.models.Reservation.Status",
        "JobState": "chargers.jobs.State",
        "ServedVersion": "chargers.traits.shapes.SERVED",
        "Scope": "csms.core.access.models.SCOPES",
        "ApiTokenState": "csms.core.access.token_api.STATES",
        "Role": "csms.core.access.models.Role",
        "SettingSource": "csms.core.overrides.selectors.SOURCES",
        "SettingEnvironmentSource": "csms.core.overrides.selectors.ENVIRONMENT_SOURCES",
        "ChargingRateUnit": ["A", "W"],
        "ChargingProfileKind": ["Absolute", "Recurring", "Relative"],
        "ChargingProfilePurpose": ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"],
        "ChargingProfileStatus": "transactions.charging_profiles.models.InstalledProfile.Status",
        "Anomaly": "transactions.models.ANOMALIES",
        "TransactionStatus": "transactions.models.Transaction.Status",
        "StuckKind": "transactions.stuck.models.Kind",
        "StuckTransactionKind": "transactions.stuck.api.OF_TRANSACTIONS",
        "CorrectionStep": "transactions.stuck.models.Correction.Step",
        "ProvisioningStepName": "chargers.provisioning.api.STEP",
        "CorrectionHere": "transactions.stuck.api.HERE",
    },
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True, "docExpansion": "list"},
    "TAGS": [
        {"name": "Summary", "description": "The whole network in a few figures."},
        {"name": "Alerts", "description": "What is wrong, since when, and who looks after it."},
        {
            "name": "Prometheus and Alertmanager",
            "description": "What they say, where they run beside this server, and what it writes for them.",
        },
        {"name": "Alert channels", "description": "Where alerts go, those of which rule, and what was told."},
        {"name": "Charge points", "description": "What is known of them, and who may connect."},
        {"name": "Commands", "description": "What to tell them, and what became of it."},
        {"name": "Bulk jobs", "description": "One command for many charge points."},
        {"name": "Reservations", "description": "Connectors that are kept for a token until a time."},
        {
            "name": "Network profiles",
            "description": "By which connections charge points of OCPP 2.x reach a central system, and their moves to "
            "other security profiles.",
        },
        {
            "name": "Charging profiles",
            "description": "Limits that charge points keep, and what they say follows from them.",
        },
        {"name": "Local lists", "description": "The tokens that charge points know by themselves."},
        {"name": "Firmware and logs", "description": "Jobs that take long, and the files that came of them."},
        {"name": "Peculiarities", "description": "Traits of models and charge points, and how they deviate."},
        {"name": "Events", "description": "What happens, to pull or to follow as it comes."},
        {"name": "Webhooks", "description": "To whom events are posted, and what became of that."},
        {"name": "Transactions", "description": "What was charged, and the readings that prove it."},
        {"name": "Tariffs", "description": "What charging costs, and where."},
        {"name": "Id tokens", "description": "Who may charge."},
        {"name": "Access", "description": "Who may use this API, and how often."},
        {"name": "Settings", "description": "What holds, and what is overridden while servers run."},
        {
            "name": "Certificates",
            "description": "What charge points ask to be signed, have, and tell of security.",
        },
    ],
}
