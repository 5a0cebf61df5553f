import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Envelope(_message.Message):
    __slots__ = ("event_id", "type", "schema_version", "occurred_at", "recorded_at", "cp_id", "sequence", "position", "trace_id", "payload_json", "connected", "disconnected", "offline_duration", "boot", "heartbeat", "status", "meter", "availability", "configuration", "command", "credential_rotated", "csr_submitted", "security_event", "firmware_status", "diagnostics_status", "traits", "alias", "ocpp_frame", "model_traits", "report", "network_profile", "device_event", "security_profile_change", "transaction_started", "transaction_updated", "transaction_stopped", "transaction_stop_replaced", "transaction_stop_differs", "transaction_priced", "remote_start_expired", "unexplained_charging", "cost_updated", "reservation", "charging_profile", "composite_schedule", "local_list", "certificate_request", "signing_failed", "certificate", "file", "alert", "bulk_job", "webhook_paused")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    CP_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    DISCONNECTED_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_DURATION_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    METER_FIELD_NUMBER: _ClassVar[int]
    AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ROTATED_FIELD_NUMBER: _ClassVar[int]
    CSR_SUBMITTED_FIELD_NUMBER: _ClassVar[int]
    SECURITY_EVENT_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_STATUS_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_STATUS_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    OCPP_FRAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_TRAITS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_PROFILE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_EVENT_FIELD_NUMBER: _ClassVar[int]
    SECURITY_PROFILE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_STARTED_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_UPDATED_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_STOPPED_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_STOP_REPLACED_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_STOP_DIFFERS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_PRICED_FIELD_NUMBER: _ClassVar[int]
    REMOTE_START_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    UNEXPLAINED_CHARGING_FIELD_NUMBER: _ClassVar[int]
    COST_UPDATED_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    CHARGING_PROFILE_FIELD_NUMBER: _ClassVar[int]
    COMPOSITE_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_LIST_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    SIGNING_FAILED_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    ALERT_FIELD_NUMBER: _ClassVar[int]
    BULK_JOB_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_PAUSED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    type: str
    schema_version: int
    occurred_at: _timestamp_pb2.Timestamp
    recorded_at: _timestamp_pb2.Timestamp
    cp_id: str
    sequence: int
    position: int
    trace_id: str
    payload_json: str
    connected: Connected
    disconnected: Disconnected
    offline_duration: OfflineDuration
    boot: Boot
    heartbeat: Heartbeat
    status: Status
    meter: Meter
    availability: Availability
    configuration: Configuration
    command: Command
    credential_rotated: CredentialRotated
    csr_submitted: CsrSubmitted
    security_event: SecurityEvent
    firmware_status: FirmwareStatus
    diagnostics_status: DiagnosticsStatus
    traits: Traits
    alias: Alias
    ocpp_frame: OcppFrame
    model_traits: ModelTraits
    report: Report
    network_profile: NetworkProfile
    device_event: DeviceEvent
    security_profile_change: SecurityProfileChange
    transaction_started: TransactionStarted
    transaction_updated: TransactionUpdated
    transaction_stopped: TransactionStopped
    transaction_stop_replaced: TransactionStopReplaced
    transaction_stop_differs: TransactionStopDiffers
    transaction_priced: TransactionPriced
    remote_start_expired: RemoteStartExpired
    unexplained_charging: UnexplainedCharging
    cost_updated: CostUpdated
    reservation: Reservation
    charging_profile: ChargingProfile
    composite_schedule: CompositeSchedule
    local_list: LocalList
    certificate_request: CertificateRequest
    signing_failed: SigningFailed
    certificate: Certificate
    file: File
    alert: Alert
    bulk_job: BulkJob
    webhook_paused: WebhookPaused
    def __init__(self, event_id: _Optional[str] = ..., type: _Optional[str] = ..., schema_version: _Optional[int] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cp_id: _Optional[str] = ..., sequence: _Optional[int] = ..., position: _Optional[int] = ..., trace_id: _Optional[str] = ..., payload_json: _Optional[str] = ..., connected: _Optional[_Union[Connected, _Mapping]] = ..., disconnected: _Optional[_Union[Disconnected, _Mapping]] = ..., offline_duration: _Optional[_Union[OfflineDuration, _Mapping]] = ..., boot: _Optional[_Union[Boot, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., status: _Optional[_Union[Status, _Mapping]] = ..., meter: _Optional[_Union[Meter, _Mapping]] = ..., availability: _Optional[_Union[Availability, _Mapping]] = ..., configuration: _Optional[_Union[Configuration, _Mapping]] = ..., command: _Optional[_Union[Command, _Mapping]] = ..., credential_rotated: _Optional[_Union[CredentialRotated, _Mapping]] = ..., csr_submitted: _Optional[_Union[CsrSubmitted, _Mapping]] = ..., security_event: _Optional[_Union[SecurityEvent, _Mapping]] = ..., firmware_status: _Optional[_Union[FirmwareStatus, _Mapping]] = ..., diagnostics_status: _Optional[_Union[DiagnosticsStatus, _Mapping]] = ..., traits: _Optional[_Union[Traits, _Mapping]] = ..., alias: _Optional[_Union[Alias, _Mapping]] = ..., ocpp_frame: _Optional[_Union[OcppFrame, _Mapping]] = ..., model_traits: _Optional[_Union[ModelTraits, _Mapping]] = ..., report: _Optional[_Union[Report, _Mapping]] = ..., network_profile: _Optional[_Union[NetworkProfile, _Mapping]] = ..., device_event: _Optional[_Union[DeviceEvent, _Mapping]] = ..., security_profile_change: _Optional[_Union[SecurityProfileChange, _Mapping]] = ..., transaction_started: _Optional[_Union[TransactionStarted, _Mapping]] = ..., transaction_updated: _Optional[_Union[TransactionUpdated, _Mapping]] = ..., transaction_stopped: _Optional[_Union[TransactionStopped, _Mapping]] = ..., transaction_stop_replaced: _Optional[_Union[TransactionStopReplaced, _Mapping]] = ..., transaction_stop_differs: _Optional[_Union[TransactionStopDiffers, _Mapping]] = ..., transaction_priced: _Optional[_Union[TransactionPriced, _Mapping]] = ..., remote_start_expired: _Optional[_Union[RemoteStartExpired, _Mapping]] = ..., unexplained_charging: _Optional[_Union[UnexplainedCharging, _Mapping]] = ..., cost_updated: _Optional[_Union[CostUpdated, _Mapping]] = ..., reservation: _Optional[_Union[Reservation, _Mapping]] = ..., charging_profile: _Optional[_Union[ChargingProfile, _Mapping]] = ..., composite_schedule: _Optional[_Union[CompositeSchedule, _Mapping]] = ..., local_list: _Optional[_Union[LocalList, _Mapping]] = ..., certificate_request: _Optional[_Union[CertificateRequest, _Mapping]] = ..., signing_failed: _Optional[_Union[SigningFailed, _Mapping]] = ..., certificate: _Optional[_Union[Certificate, _Mapping]] = ..., file: _Optional[_Union[File, _Mapping]] = ..., alert: _Optional[_Union[Alert, _Mapping]] = ..., bulk_job: _Optional[_Union[BulkJob, _Mapping]] = ..., webhook_paused: _Optional[_Union[WebhookPaused, _Mapping]] = ...) -> None: ...

class Connected(_message.Message):
    __slots__ = ("connection_id", "subprotocol", "peer", "process_id")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    SUBPROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    subprotocol: str
    peer: str
    process_id: str
    def __init__(self, connection_id: _Optional[str] = ..., subprotocol: _Optional[str] = ..., peer: _Optional[str] = ..., process_id: _Optional[str] = ...) -> None: ...

class Disconnected(_message.Message):
    __slots__ = ("connection_id", "code", "reason", "subprotocol", "peer", "process_id")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUBPROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    code: int
    reason: str
    subprotocol: str
    peer: str
    process_id: str
    def __init__(self, connection_id: _Optional[str] = ..., code: _Optional[int] = ..., reason: _Optional[str] = ..., subprotocol: _Optional[str] = ..., peer: _Optional[str] = ..., process_id: _Optional[str] = ...) -> None: ...

class OfflineDuration(_message.Message):
    __slots__ = ("went_offline_at", "came_online_at", "offline_seconds", "prior_reason")
    WENT_OFFLINE_AT_FIELD_NUMBER: _ClassVar[int]
    CAME_ONLINE_AT_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PRIOR_REASON_FIELD_NUMBER: _ClassVar[int]
    went_offline_at: str
    came_online_at: str
    offline_seconds: float
    prior_reason: str
    def __init__(self, went_offline_at: _Optional[str] = ..., came_online_at: _Optional[str] = ..., offline_seconds: _Optional[float] = ..., prior_reason: _Optional[str] = ...) -> None: ...

class Boot(_message.Message):
    __slots__ = ("vendor", "model", "firmware_version", "serial_number", "status", "iccid", "imsi", "meter_type", "meter_serial_number", "reason")
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ICCID_FIELD_NUMBER: _ClassVar[int]
    IMSI_FIELD_NUMBER: _ClassVar[int]
    METER_TYPE_FIELD_NUMBER: _ClassVar[int]
    METER_SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    vendor: str
    model: str
    firmware_version: str
    serial_number: str
    status: str
    iccid: str
    imsi: str
    meter_type: str
    meter_serial_number: str
    reason: str
    def __init__(self, vendor: _Optional[str] = ..., model: _Optional[str] = ..., firmware_version: _Optional[str] = ..., serial_number: _Optional[str] = ..., status: _Optional[str] = ..., iccid: _Optional[str] = ..., imsi: _Optional[str] = ..., meter_type: _Optional[str] = ..., meter_serial_number: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("connection_id",)
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    def __init__(self, connection_id: _Optional[str] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("connector_id", "status", "error_code", "info", "vendor_id", "vendor_error_code", "charger_reported_at", "current", "evse_id", "evse_connector_id")
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    VENDOR_ID_FIELD_NUMBER: _ClassVar[int]
    VENDOR_ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    connector_id: int
    status: str
    error_code: str
    info: str
    vendor_id: str
    vendor_error_code: str
    charger_reported_at: str
    current: bool
    evse_id: int
    evse_connector_id: int
    def __init__(self, connector_id: _Optional[int] = ..., status: _Optional[str] = ..., error_code: _Optional[str] = ..., info: _Optional[str] = ..., vendor_id: _Optional[str] = ..., vendor_error_code: _Optional[str] = ..., charger_reported_at: _Optional[str] = ..., current: _Optional[bool] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ...) -> None: ...

class Meter(_message.Message):
    __slots__ = ("connector_id", "transaction_id", "meter_values", "evse_id", "evse_connector_id")
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    METER_VALUES_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    connector_id: int
    transaction_id: str
    meter_values: _containers.RepeatedCompositeFieldContainer[MeterValue]
    evse_id: int
    evse_connector_id: int
    def __init__(self, connector_id: _Optional[int] = ..., transaction_id: _Optional[str] = ..., meter_values: _Optional[_Iterable[_Union[MeterValue, _Mapping]]] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ...) -> None: ...

class MeterValue(_message.Message):
    __slots__ = ("charger_reported_at", "energy_wh", "power_w", "power_derived", "soc_percent", "offline", "samples")
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENERGY_WH_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    POWER_DERIVED_FIELD_NUMBER: _ClassVar[int]
    SOC_PERCENT_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    charger_reported_at: str
    energy_wh: int
    power_w: float
    power_derived: bool
    soc_percent: float
    offline: bool
    samples: _containers.RepeatedCompositeFieldContainer[SampledValue]
    def __init__(self, charger_reported_at: _Optional[str] = ..., energy_wh: _Optional[int] = ..., power_w: _Optional[float] = ..., power_derived: _Optional[bool] = ..., soc_percent: _Optional[float] = ..., offline: _Optional[bool] = ..., samples: _Optional[_Iterable[_Union[SampledValue, _Mapping]]] = ...) -> None: ...

class SampledValue(_message.Message):
    __slots__ = ("value", "context", "format", "measurand", "phase", "location", "unit")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MEASURAND_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    value: str
    context: str
    format: str
    measurand: str
    phase: str
    location: str
    unit: str
    def __init__(self, value: _Optional[str] = ..., context: _Optional[str] = ..., format: _Optional[str] = ..., measurand: _Optional[str] = ..., phase: _Optional[str] = ..., location: _Optional[str] = ..., unit: _Optional[str] = ...) -> None: ...

class Availability(_message.Message):
    __slots__ = ("connector_id", "wanted", "state", "evse_id", "evse_connector_id")
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    connector_id: int
    wanted: str
    state: str
    evse_id: int
    evse_connector_id: int
    def __init__(self, connector_id: _Optional[int] = ..., wanted: _Optional[str] = ..., state: _Optional[str] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ...) -> None: ...

class DeviceEvent(_message.Message):
    __slots__ = ("device_event_id", "event_id", "connector_id", "evse_id", "evse_connector_id", "component", "component_instance", "variable", "variable_instance", "value", "trigger", "kind", "problem", "cleared", "cause", "tech_code", "tech_info", "transaction_id", "charger_reported_at")
    DEVICE_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    TECH_CODE_FIELD_NUMBER: _ClassVar[int]
    TECH_INFO_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    device_event_id: str
    event_id: int
    connector_id: int
    evse_id: int
    evse_connector_id: int
    component: str
    component_instance: str
    variable: str
    variable_instance: str
    value: str
    trigger: str
    kind: str
    problem: bool
    cleared: bool
    cause: int
    tech_code: str
    tech_info: str
    transaction_id: str
    charger_reported_at: str
    def __init__(self, device_event_id: _Optional[str] = ..., event_id: _Optional[int] = ..., connector_id: _Optional[int] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ..., component: _Optional[str] = ..., component_instance: _Optional[str] = ..., variable: _Optional[str] = ..., variable_instance: _Optional[str] = ..., value: _Optional[str] = ..., trigger: _Optional[str] = ..., kind: _Optional[str] = ..., problem: _Optional[bool] = ..., cleared: _Optional[bool] = ..., cause: _Optional[int] = ..., tech_code: _Optional[str] = ..., tech_info: _Optional[str] = ..., transaction_id: _Optional[str] = ..., charger_reported_at: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("report_id", "kind", "about", "request_id", "outcome", "problem", "command_id", "asked_again_by", "asked_at", "generated_at")
    REPORT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    ASKED_AGAIN_BY_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_FIELD_NUMBER: _ClassVar[int]
    GENERATED_AT_FIELD_NUMBER: _ClassVar[int]
    report_id: str
    kind: str
    about: str
    request_id: int
    outcome: str
    problem: str
    command_id: str
    asked_again_by: str
    asked_at: str
    generated_at: str
    def __init__(self, report_id: _Optional[str] = ..., kind: _Optional[str] = ..., about: _Optional[str] = ..., request_id: _Optional[int] = ..., outcome: _Optional[str] = ..., problem: _Optional[str] = ..., command_id: _Optional[str] = ..., asked_again_by: _Optional[str] = ..., asked_at: _Optional[str] = ..., generated_at: _Optional[str] = ...) -> None: ...

class NetworkProfile(_message.Message):
    __slots__ = ("network_profile_id", "slot", "url", "security_profile", "interface", "message_timeout", "ocpp_version", "state", "reason", "command_id", "by")
    NETWORK_PROFILE_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    SECURITY_PROFILE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    OCPP_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    network_profile_id: str
    slot: int
    url: str
    security_profile: int
    interface: str
    message_timeout: int
    ocpp_version: str
    state: str
    reason: str
    command_id: str
    by: str
    def __init__(self, network_profile_id: _Optional[str] = ..., slot: _Optional[int] = ..., url: _Optional[str] = ..., security_profile: _Optional[int] = ..., interface: _Optional[str] = ..., message_timeout: _Optional[int] = ..., ocpp_version: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., command_id: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class SecurityProfileChange(_message.Message):
    __slots__ = ("change_id", "before", "security_profile", "slot", "state", "problem", "command_id", "by")
    CHANGE_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    SECURITY_PROFILE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    change_id: str
    before: int
    security_profile: int
    slot: int
    state: str
    problem: str
    command_id: str
    by: str
    def __init__(self, change_id: _Optional[str] = ..., before: _Optional[int] = ..., security_profile: _Optional[int] = ..., slot: _Optional[int] = ..., state: _Optional[str] = ..., problem: _Optional[str] = ..., command_id: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class Configuration(_message.Message):
    __slots__ = ("key", "old_value", "new_value", "command_id", "secret")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    key: str
    old_value: str
    new_value: str
    command_id: str
    secret: bool
    def __init__(self, key: _Optional[str] = ..., old_value: _Optional[str] = ..., new_value: _Optional[str] = ..., command_id: _Optional[str] = ..., secret: _Optional[bool] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("command_id", "type", "status", "answer_status", "error_code", "action", "error_description", "by")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    type: str
    status: str
    answer_status: str
    error_code: str
    action: str
    error_description: str
    by: str
    def __init__(self, command_id: _Optional[str] = ..., type: _Optional[str] = ..., status: _Optional[str] = ..., answer_status: _Optional[str] = ..., error_code: _Optional[str] = ..., action: _Optional[str] = ..., error_description: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class CredentialRotated(_message.Message):
    __slots__ = ("action", "by")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    action: str
    by: str
    def __init__(self, action: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class CsrSubmitted(_message.Message):
    __slots__ = ("request_id", "csr", "status")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CSR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    csr: str
    status: str
    def __init__(self, request_id: _Optional[str] = ..., csr: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class SecurityEvent(_message.Message):
    __slots__ = ("security_event_id", "type", "info", "critical", "known", "charger_reported_at")
    SECURITY_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    security_event_id: str
    type: str
    info: str
    critical: bool
    known: bool
    charger_reported_at: str
    def __init__(self, security_event_id: _Optional[str] = ..., type: _Optional[str] = ..., info: _Optional[str] = ..., critical: _Optional[bool] = ..., known: _Optional[bool] = ..., charger_reported_at: _Optional[str] = ...) -> None: ...

class FirmwareStatus(_message.Message):
    __slots__ = ("job_id", "command_id", "request_id", "state", "status", "detail", "signed", "location", "version_before", "version_expected", "version_after", "evidence")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    VERSION_BEFORE_FIELD_NUMBER: _ClassVar[int]
    VERSION_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    VERSION_AFTER_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    command_id: str
    request_id: int
    state: str
    status: str
    detail: str
    signed: bool
    location: str
    version_before: str
    version_expected: str
    version_after: str
    evidence: str
    def __init__(self, job_id: _Optional[str] = ..., command_id: _Optional[str] = ..., request_id: _Optional[int] = ..., state: _Optional[str] = ..., status: _Optional[str] = ..., detail: _Optional[str] = ..., signed: _Optional[bool] = ..., location: _Optional[str] = ..., version_before: _Optional[str] = ..., version_expected: _Optional[str] = ..., version_after: _Optional[str] = ..., evidence: _Optional[str] = ...) -> None: ...

class DiagnosticsStatus(_message.Message):
    __slots__ = ("job_id", "command_id", "request_id", "state", "status", "detail", "log", "location", "file_name")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    command_id: str
    request_id: int
    state: str
    status: str
    detail: str
    log: str
    location: str
    file_name: str
    def __init__(self, job_id: _Optional[str] = ..., command_id: _Optional[str] = ..., request_id: _Optional[int] = ..., state: _Optional[str] = ..., status: _Optional[str] = ..., detail: _Optional[str] = ..., log: _Optional[str] = ..., location: _Optional[str] = ..., file_name: _Optional[str] = ...) -> None: ...

class Traits(_message.Message):
    __slots__ = ("traits",)
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    traits: TraitValues
    def __init__(self, traits: _Optional[_Union[TraitValues, _Mapping]] = ...) -> None: ...

class ModelTraits(_message.Message):
    __slots__ = ("vendor", "model", "firmware", "traits")
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_FIELD_NUMBER: _ClassVar[int]
    TRAITS_FIELD_NUMBER: _ClassVar[int]
    vendor: str
    model: str
    firmware: str
    traits: TraitValues
    def __init__(self, vendor: _Optional[str] = ..., model: _Optional[str] = ..., firmware: _Optional[str] = ..., traits: _Optional[_Union[TraitValues, _Mapping]] = ...) -> None: ...

class TraitValues(_message.Message):
    __slots__ = ("leniency", "token_rule", "energy_factor", "connector_max_kw", "call_timeout", "upload_url_max", "profile_unit", "max_stack_level", "autostart_token", "restart_pause", "naive_time_zone", "default_version", "only_version", "supply", "compression", "provisioning", "expired_certificate")
    LENIENCY_FIELD_NUMBER: _ClassVar[int]
    TOKEN_RULE_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FACTOR_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_MAX_KW_FIELD_NUMBER: _ClassVar[int]
    CALL_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_URL_MAX_FIELD_NUMBER: _ClassVar[int]
    PROFILE_UNIT_FIELD_NUMBER: _ClassVar[int]
    MAX_STACK_LEVEL_FIELD_NUMBER: _ClassVar[int]
    AUTOSTART_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESTART_PAUSE_FIELD_NUMBER: _ClassVar[int]
    NAIVE_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VERSION_FIELD_NUMBER: _ClassVar[int]
    ONLY_VERSION_FIELD_NUMBER: _ClassVar[int]
    SUPPLY_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    PROVISIONING_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    leniency: str
    token_rule: str
    energy_factor: str
    connector_max_kw: int
    call_timeout: int
    upload_url_max: int
    profile_unit: str
    max_stack_level: int
    autostart_token: str
    restart_pause: int
    naive_time_zone: str
    default_version: str
    only_version: str
    supply: str
    compression: bool
    provisioning: str
    expired_certificate: str
    def __init__(self, leniency: _Optional[str] = ..., token_rule: _Optional[str] = ..., energy_factor: _Optional[str] = ..., connector_max_kw: _Optional[int] = ..., call_timeout: _Optional[int] = ..., upload_url_max: _Optional[int] = ..., profile_unit: _Optional[str] = ..., max_stack_level: _Optional[int] = ..., autostart_token: _Optional[str] = ..., restart_pause: _Optional[int] = ..., naive_time_zone: _Optional[str] = ..., default_version: _Optional[str] = ..., only_version: _Optional[str] = ..., supply: _Optional[str] = ..., compression: _Optional[bool] = ..., provisioning: _Optional[str] = ..., expired_certificate: _Optional[str] = ...) -> None: ...

class Alias(_message.Message):
    __slots__ = ("identity", "added")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    identity: str
    added: bool
    def __init__(self, identity: _Optional[str] = ..., added: _Optional[bool] = ...) -> None: ...

class OcppFrame(_message.Message):
    __slots__ = ("direction", "action", "message_type", "message_id", "ocpp_version", "connection_id", "verdict", "message")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    OCPP_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    direction: str
    action: str
    message_type: int
    message_id: str
    ocpp_version: str
    connection_id: str
    verdict: str
    message: str
    def __init__(self, direction: _Optional[str] = ..., action: _Optional[str] = ..., message_type: _Optional[int] = ..., message_id: _Optional[str] = ..., ocpp_version: _Optional[str] = ..., connection_id: _Optional[str] = ..., verdict: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class TransactionStarted(_message.Message):
    __slots__ = ("transaction_id", "connector_id", "id_token", "authorization", "meter_start_wh", "reservation_id", "started_at", "charger_reported_at", "offline", "anomalies", "evse_id", "evse_connector_id", "token_type", "charging_state", "remote_start_id")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_FIELD_NUMBER: _ClassVar[int]
    METER_START_WH_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHARGING_STATE_FIELD_NUMBER: _ClassVar[int]
    REMOTE_START_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    connector_id: int
    id_token: str
    authorization: str
    meter_start_wh: int
    reservation_id: int
    started_at: str
    charger_reported_at: str
    offline: bool
    anomalies: _containers.RepeatedScalarFieldContainer[str]
    evse_id: int
    evse_connector_id: int
    token_type: str
    charging_state: str
    remote_start_id: int
    def __init__(self, transaction_id: _Optional[str] = ..., connector_id: _Optional[int] = ..., id_token: _Optional[str] = ..., authorization: _Optional[str] = ..., meter_start_wh: _Optional[int] = ..., reservation_id: _Optional[int] = ..., started_at: _Optional[str] = ..., charger_reported_at: _Optional[str] = ..., offline: _Optional[bool] = ..., anomalies: _Optional[_Iterable[str]] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ..., token_type: _Optional[str] = ..., charging_state: _Optional[str] = ..., remote_start_id: _Optional[int] = ...) -> None: ...

class TransactionUpdated(_message.Message):
    __slots__ = ("transaction_id", "reason", "connector_id", "id_token", "charging_state", "evidence", "end_seen_at", "meter_start_wh", "started_at", "stopped_at", "meter_stop_wh", "consumed_wh", "profile_id", "profile_status", "anomalies", "evse_id", "evse_connector_id", "token_type", "remote_start_id")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CHARGING_STATE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    END_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    METER_START_WH_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_AT_FIELD_NUMBER: _ClassVar[int]
    METER_STOP_WH_FIELD_NUMBER: _ClassVar[int]
    CONSUMED_WH_FIELD_NUMBER: _ClassVar[int]
    PROFILE_ID_FIELD_NUMBER: _ClassVar[int]
    PROFILE_STATUS_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TYPE_FIELD_NUMBER: _ClassVar[int]
    REMOTE_START_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    reason: str
    connector_id: int
    id_token: str
    charging_state: str
    evidence: str
    end_seen_at: str
    meter_start_wh: int
    started_at: str
    stopped_at: str
    meter_stop_wh: int
    consumed_wh: int
    profile_id: int
    profile_status: str
    anomalies: _containers.RepeatedScalarFieldContainer[str]
    evse_id: int
    evse_connector_id: int
    token_type: str
    remote_start_id: int
    def __init__(self, transaction_id: _Optional[str] = ..., reason: _Optional[str] = ..., connector_id: _Optional[int] = ..., id_token: _Optional[str] = ..., charging_state: _Optional[str] = ..., evidence: _Optional[str] = ..., end_seen_at: _Optional[str] = ..., meter_start_wh: _Optional[int] = ..., started_at: _Optional[str] = ..., stopped_at: _Optional[str] = ..., meter_stop_wh: _Optional[int] = ..., consumed_wh: _Optional[int] = ..., profile_id: _Optional[int] = ..., profile_status: _Optional[str] = ..., anomalies: _Optional[_Iterable[str]] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ..., token_type: _Optional[str] = ..., remote_start_id: _Optional[int] = ...) -> None: ...

class TransactionStopped(_message.Message):
    __slots__ = ("transaction_id", "connector_id", "id_token", "meter_start_wh", "meter_stop_wh", "consumed_wh", "started_at", "stopped_at", "stop_reason", "orphan", "offline", "source", "evidence", "anomalies", "charger_reported_at", "started_by", "reservation_id", "claimed_transaction_id", "evse_id", "evse_connector_id", "token_type", "complete", "sequence_gaps")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METER_START_WH_FIELD_NUMBER: _ClassVar[int]
    METER_STOP_WH_FIELD_NUMBER: _ClassVar[int]
    CONSUMED_WH_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_AT_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_BY_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TYPE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_GAPS_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    connector_id: int
    id_token: str
    meter_start_wh: int
    meter_stop_wh: int
    consumed_wh: int
    started_at: str
    stopped_at: str
    stop_reason: str
    orphan: bool
    offline: bool
    source: str
    evidence: str
    anomalies: _containers.RepeatedScalarFieldContainer[str]
    charger_reported_at: str
    started_by: str
    reservation_id: int
    claimed_transaction_id: str
    evse_id: int
    evse_connector_id: int
    token_type: str
    complete: bool
    sequence_gaps: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, transaction_id: _Optional[str] = ..., connector_id: _Optional[int] = ..., id_token: _Optional[str] = ..., meter_start_wh: _Optional[int] = ..., meter_stop_wh: _Optional[int] = ..., consumed_wh: _Optional[int] = ..., started_at: _Optional[str] = ..., stopped_at: _Optional[str] = ..., stop_reason: _Optional[str] = ..., orphan: _Optional[bool] = ..., offline: _Optional[bool] = ..., source: _Optional[str] = ..., evidence: _Optional[str] = ..., anomalies: _Optional[_Iterable[str]] = ..., charger_reported_at: _Optional[str] = ..., started_by: _Optional[str] = ..., reservation_id: _Optional[int] = ..., claimed_transaction_id: _Optional[str] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ..., token_type: _Optional[str] = ..., complete: _Optional[bool] = ..., sequence_gaps: _Optional[_Iterable[int]] = ...) -> None: ...

class TransactionStopReplaced(_message.Message):
    __slots__ = ("transaction_id", "connector_id", "id_token", "meter_start_wh", "meter_stop_wh", "consumed_wh", "started_at", "stopped_at", "stop_reason", "orphan", "offline", "source", "evidence", "anomalies", "charger_reported_at", "started_by", "reservation_id", "inferred", "claimed_transaction_id", "evse_id", "evse_connector_id", "token_type", "complete", "sequence_gaps")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METER_START_WH_FIELD_NUMBER: _ClassVar[int]
    METER_STOP_WH_FIELD_NUMBER: _ClassVar[int]
    CONSUMED_WH_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_AT_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_BY_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    INFERRED_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TYPE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_GAPS_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    connector_id: int
    id_token: str
    meter_start_wh: int
    meter_stop_wh: int
    consumed_wh: int
    started_at: str
    stopped_at: str
    stop_reason: str
    orphan: bool
    offline: bool
    source: str
    evidence: str
    anomalies: _containers.RepeatedScalarFieldContainer[str]
    charger_reported_at: str
    started_by: str
    reservation_id: int
    inferred: InferredEnd
    claimed_transaction_id: str
    evse_id: int
    evse_connector_id: int
    token_type: str
    complete: bool
    sequence_gaps: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, transaction_id: _Optional[str] = ..., connector_id: _Optional[int] = ..., id_token: _Optional[str] = ..., meter_start_wh: _Optional[int] = ..., meter_stop_wh: _Optional[int] = ..., consumed_wh: _Optional[int] = ..., started_at: _Optional[str] = ..., stopped_at: _Optional[str] = ..., stop_reason: _Optional[str] = ..., orphan: _Optional[bool] = ..., offline: _Optional[bool] = ..., source: _Optional[str] = ..., evidence: _Optional[str] = ..., anomalies: _Optional[_Iterable[str]] = ..., charger_reported_at: _Optional[str] = ..., started_by: _Optional[str] = ..., reservation_id: _Optional[int] = ..., inferred: _Optional[_Union[InferredEnd, _Mapping]] = ..., claimed_transaction_id: _Optional[str] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ..., token_type: _Optional[str] = ..., complete: _Optional[bool] = ..., sequence_gaps: _Optional[_Iterable[int]] = ...) -> None: ...

class InferredEnd(_message.Message):
    __slots__ = ("evidence", "seen_at", "stopped_at", "meter_stop_wh", "energy_wh", "anomalies")
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    STOPPED_AT_FIELD_NUMBER: _ClassVar[int]
    METER_STOP_WH_FIELD_NUMBER: _ClassVar[int]
    ENERGY_WH_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    evidence: str
    seen_at: str
    stopped_at: str
    meter_stop_wh: int
    energy_wh: int
    anomalies: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, evidence: _Optional[str] = ..., seen_at: _Optional[str] = ..., stopped_at: _Optional[str] = ..., meter_stop_wh: _Optional[int] = ..., energy_wh: _Optional[int] = ..., anomalies: _Optional[_Iterable[str]] = ...) -> None: ...

class TransactionStopDiffers(_message.Message):
    __slots__ = ("transaction_id", "id_token", "meter_stop_wh", "stop_reason", "charger_reported_at")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    METER_STOP_WH_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    CHARGER_REPORTED_AT_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    id_token: str
    meter_stop_wh: int
    stop_reason: str
    charger_reported_at: str
    def __init__(self, transaction_id: _Optional[str] = ..., id_token: _Optional[str] = ..., meter_stop_wh: _Optional[int] = ..., stop_reason: _Optional[str] = ..., charger_reported_at: _Optional[str] = ...) -> None: ...

class TransactionPriced(_message.Message):
    __slots__ = ("transaction_id", "tariff", "currency", "components", "net", "tax", "total", "total_before")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    TARIFF_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    TAX_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BEFORE_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    tariff: str
    currency: str
    components: _containers.RepeatedCompositeFieldContainer[PriceComponent]
    net: str
    tax: str
    total: str
    total_before: str
    def __init__(self, transaction_id: _Optional[str] = ..., tariff: _Optional[str] = ..., currency: _Optional[str] = ..., components: _Optional[_Iterable[_Union[PriceComponent, _Mapping]]] = ..., net: _Optional[str] = ..., tax: _Optional[str] = ..., total: _Optional[str] = ..., total_before: _Optional[str] = ...) -> None: ...

class CostUpdated(_message.Message):
    __slots__ = ("transaction_id", "currency", "total", "via", "final")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    currency: str
    total: str
    via: str
    final: bool
    def __init__(self, transaction_id: _Optional[str] = ..., currency: _Optional[str] = ..., total: _Optional[str] = ..., via: _Optional[str] = ..., final: _Optional[bool] = ...) -> None: ...

class PriceComponent(_message.Message):
    __slots__ = ("kind", "quantity", "unit", "price", "amount")
    KIND_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    quantity: str
    unit: str
    price: str
    amount: str
    def __init__(self, kind: _Optional[str] = ..., quantity: _Optional[str] = ..., unit: _Optional[str] = ..., price: _Optional[str] = ..., amount: _Optional[str] = ...) -> None: ...

class RemoteStartExpired(_message.Message):
    __slots__ = ("command_id", "id_token", "connector_id", "evse_id", "remote_start_id")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    REMOTE_START_ID_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    id_token: str
    connector_id: int
    evse_id: int
    remote_start_id: int
    def __init__(self, command_id: _Optional[str] = ..., id_token: _Optional[str] = ..., connector_id: _Optional[int] = ..., evse_id: _Optional[int] = ..., remote_start_id: _Optional[int] = ...) -> None: ...

class UnexplainedCharging(_message.Message):
    __slots__ = ("connector_id", "since", "command_id", "energy_wh")
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    ENERGY_WH_FIELD_NUMBER: _ClassVar[int]
    connector_id: int
    since: str
    command_id: str
    energy_wh: int
    def __init__(self, connector_id: _Optional[int] = ..., since: _Optional[str] = ..., command_id: _Optional[str] = ..., energy_wh: _Optional[int] = ...) -> None: ...

class Reservation(_message.Message):
    __slots__ = ("reservation_id", "connector_id", "id_token", "parent", "expires_at", "answer", "note", "transaction", "status", "evse_id", "connector_type")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ID_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_TYPE_FIELD_NUMBER: _ClassVar[int]
    reservation_id: int
    connector_id: int
    id_token: str
    parent: str
    expires_at: str
    answer: str
    note: str
    transaction: str
    status: str
    evse_id: int
    connector_type: str
    def __init__(self, reservation_id: _Optional[int] = ..., connector_id: _Optional[int] = ..., id_token: _Optional[str] = ..., parent: _Optional[str] = ..., expires_at: _Optional[str] = ..., answer: _Optional[str] = ..., note: _Optional[str] = ..., transaction: _Optional[str] = ..., status: _Optional[str] = ..., evse_id: _Optional[int] = ..., connector_type: _Optional[str] = ...) -> None: ...

class ChargingProfile(_message.Message):
    __slots__ = ("profile_id", "connector_id", "purpose", "stack_level", "transaction", "note", "status")
    PROFILE_ID_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    STACK_LEVEL_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    profile_id: int
    connector_id: int
    purpose: str
    stack_level: int
    transaction: str
    note: str
    status: str
    def __init__(self, profile_id: _Optional[int] = ..., connector_id: _Optional[int] = ..., purpose: _Optional[str] = ..., stack_level: _Optional[int] = ..., transaction: _Optional[str] = ..., note: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class CompositeSchedule(_message.Message):
    __slots__ = ("connector_id", "answer", "schedule_start", "duration", "unit", "min_rate", "periods", "differs")
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_START_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MIN_RATE_FIELD_NUMBER: _ClassVar[int]
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    connector_id: int
    answer: str
    schedule_start: str
    duration: int
    unit: str
    min_rate: str
    periods: _containers.RepeatedCompositeFieldContainer[SchedulePeriod]
    differs: bool
    def __init__(self, connector_id: _Optional[int] = ..., answer: _Optional[str] = ..., schedule_start: _Optional[str] = ..., duration: _Optional[int] = ..., unit: _Optional[str] = ..., min_rate: _Optional[str] = ..., periods: _Optional[_Iterable[_Union[SchedulePeriod, _Mapping]]] = ..., differs: _Optional[bool] = ...) -> None: ...

class SchedulePeriod(_message.Message):
    __slots__ = ("start_period", "limit", "number_phases")
    START_PERIOD_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_PHASES_FIELD_NUMBER: _ClassVar[int]
    start_period: int
    limit: str
    number_phases: int
    def __init__(self, start_period: _Optional[int] = ..., limit: _Optional[str] = ..., number_phases: _Optional[int] = ...) -> None: ...

class LocalList(_message.Message):
    __slots__ = ("version", "policy", "update_type", "sent", "entries", "result", "list_version", "reported_version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TYPE_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    LIST_VERSION_FIELD_NUMBER: _ClassVar[int]
    REPORTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    policy: str
    update_type: str
    sent: int
    entries: int
    result: str
    list_version: int
    reported_version: int
    def __init__(self, version: _Optional[int] = ..., policy: _Optional[str] = ..., update_type: _Optional[str] = ..., sent: _Optional[int] = ..., entries: _Optional[int] = ..., result: _Optional[str] = ..., list_version: _Optional[int] = ..., reported_version: _Optional[int] = ...) -> None: ...

class CertificateRequest(_message.Message):
    __slots__ = ("request_id", "status", "subject", "problems", "reason", "use")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    status: str
    subject: str
    problems: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    use: str
    def __init__(self, request_id: _Optional[str] = ..., status: _Optional[str] = ..., subject: _Optional[str] = ..., problems: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., use: _Optional[str] = ...) -> None: ...

class SigningFailed(_message.Message):
    __slots__ = ("request_id", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    error: str
    def __init__(self, request_id: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("certificate_id", "use", "subject", "serial_number", "not_after", "removal", "days")
    CERTIFICATE_ID_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    REMOVAL_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    certificate_id: str
    use: str
    subject: str
    serial_number: str
    not_after: str
    removal: str
    days: int
    def __init__(self, certificate_id: _Optional[str] = ..., use: _Optional[str] = ..., subject: _Optional[str] = ..., serial_number: _Optional[str] = ..., not_after: _Optional[str] = ..., removal: _Optional[str] = ..., days: _Optional[int] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("file_id", "job_id", "name", "size", "sha256", "by")
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    file_id: str
    job_id: str
    name: str
    size: int
    sha256: str
    by: str
    def __init__(self, file_id: _Optional[str] = ..., job_id: _Optional[str] = ..., name: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class Alert(_message.Message):
    __slots__ = ("alert_id", "rule", "severity", "subject", "connector_id", "text", "began_at", "fired_at", "acknowledged_at", "acknowledged_by", "resolved_at", "name", "labels", "assignee", "times", "resolved_by", "inhibited_by", "silenced_by", "incident_id", "evse_id", "evse_connector_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BEGAN_AT_FIELD_NUMBER: _ClassVar[int]
    FIRED_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ASSIGNEE_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    INHIBITED_BY_FIELD_NUMBER: _ClassVar[int]
    SILENCED_BY_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_ID_FIELD_NUMBER: _ClassVar[int]
    EVSE_CONNECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    rule: str
    severity: str
    subject: str
    connector_id: int
    text: str
    began_at: str
    fired_at: str
    acknowledged_at: str
    acknowledged_by: str
    resolved_at: str
    name: str
    labels: _containers.ScalarMap[str, str]
    assignee: str
    times: int
    resolved_by: str
    inhibited_by: str
    silenced_by: str
    incident_id: str
    evse_id: int
    evse_connector_id: int
    def __init__(self, alert_id: _Optional[str] = ..., rule: _Optional[str] = ..., severity: _Optional[str] = ..., subject: _Optional[str] = ..., connector_id: _Optional[int] = ..., text: _Optional[str] = ..., began_at: _Optional[str] = ..., fired_at: _Optional[str] = ..., acknowledged_at: _Optional[str] = ..., acknowledged_by: _Optional[str] = ..., resolved_at: _Optional[str] = ..., name: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., assignee: _Optional[str] = ..., times: _Optional[int] = ..., resolved_by: _Optional[str] = ..., inhibited_by: _Optional[str] = ..., silenced_by: _Optional[str] = ..., incident_id: _Optional[str] = ..., evse_id: _Optional[int] = ..., evse_connector_id: _Optional[int] = ...) -> None: ...

class BulkJob(_message.Message):
    __slots__ = ("job_id", "type", "state", "why", "total", "by", "counts")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    type: str
    state: str
    why: str
    total: int
    by: str
    counts: _containers.ScalarMap[str, int]
    def __init__(self, job_id: _Optional[str] = ..., type: _Optional[str] = ..., state: _Optional[str] = ..., why: _Optional[str] = ..., total: _Optional[int] = ..., by: _Optional[str] = ..., counts: _Optional[_Mapping[str, int]] = ...) -> None: ...

class WebhookPaused(_message.Message):
    __slots__ = ("endpoint_id", "name", "why", "by")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    name: str
    why: str
    by: str
    def __init__(self, endpoint_id: _Optional[str] = ..., name: _Optional[str] = ..., why: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...
