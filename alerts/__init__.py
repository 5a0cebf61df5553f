"""Rules, alerts, silences, channels and notifications; the room is furnished by a later issue of the roadmap."""
