"""Under which names charge points keep what signs them in. Pure."""

from chargers.device_model.addresses import Address, read_address

PASSWORD = Address("SecurityCtrlr", "BasicAuthPassword")
PROFILE = Address("SecurityCtrlr", "SecurityProfile")


def is_password(name: str) -> bool:
    """Whether a setting of this name is the password: the key of 1.6, or the variable, of whatever component."""
    return _is(name, "AuthorizationKey", PASSWORD)


def is_profile(name: str) -> bool:
    """Whether a setting of this name is the security profile."""
    return _is(name, "SecurityProfile", PROFILE)


def _is(name: str, key: str, address: Address) -> bool:
    read = read_address(name)
    if read is None:
        return name.strip().casefold() == key.casefold()
    return read.variable.casefold() == address.variable.casefold()
