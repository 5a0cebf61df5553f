"""The backend is asked as the settings have it now, and what it said lately outlives changes that are not its own."""

from csms.core.backend.asking import get_backend
from csms.core.config import override_config
from tests.backend.cast import backend_at


def test_the_backend_changes_with_its_own_settings_alone() -> None:
    with backend_at("http://127.0.0.1:9/api"):
        first = get_backend()
        assert first is not None
        try:
            override_config({"heartbeat_interval": 60})
            assert get_backend() is first
            override_config({"heartbeat_interval": 60, "backend_authorize_fallback": "accept"})
            second = get_backend()
            assert second is not None
            assert second is not first
            assert second.config.backend_authorize_fallback == "accept"
        finally:
            override_config({})
        third = get_backend()
        assert third is not None
        assert third.config.backend_authorize_fallback == "own"
